//! A value that a forked child has anew.
//!
//! A mutex that another thread held at the moment of a fork stays held in the child for ever, and what it
//! protected may be half-done. So the child does not touch it: it makes its own, and leaves the parent's where it
//! lies.
//!
//! # Contract of the unsafe code
//!
//! 1. The pointer is null or was made by `Box::into_raw` and published with release; the box is never freed, so a
//!    reference to it is good for the rest of the process.
#![allow(unsafe_code)]

use ropewalk_os::fork;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

struct Generation<T> {
    epoch: u32,
    value: T,
}

/// One `T` for each process, made when it is first asked for. Each fork that uses it costs one `T` of memory.
pub(crate) struct PerProcess<T> {
    current: AtomicPtr<Generation<T>>,
    make: fn() -> T,
}

impl<T: Sync> PerProcess<T> {
    pub(crate) const fn new(make: fn() -> T) -> PerProcess<T> {
        PerProcess { current: AtomicPtr::new(ptr::null_mut()), make }
    }

    /// This process's value.
    #[inline]
    pub(crate) fn get(&'static self) -> &'static T {
        match self.published().1 {
            Some(value) => value,
            None => self.begin(),
        }
    }

    /// What was published last, and its value if that is of this process.
    #[inline]
    fn published(&'static self) -> (*mut Generation<T>, Option<&'static T>) {
        let current = self.current.load(Ordering::Acquire);
        // SAFETY: rule 1; the acquire pairs with the release that published it.
        let generation = unsafe { current.as_ref() };
        let value = generation.filter(|generation| generation.epoch == fork::epoch());
        (current, value.map(|generation| &generation.value))
    }

    #[cold]
    fn begin(&'static self) -> &'static T {
        fork::watch();
        let (old, value) = self.published();
        if let Some(value) = value {
            return value; // another thread was quicker: what it has put there must stay
        }
        let new = Box::into_raw(Box::new(Generation { epoch: fork::epoch(), value: (self.make)() }));
        if self.current.compare_exchange(old, new, Ordering::Release, Ordering::Relaxed).is_err() {
            // SAFETY: rule 1: this one was not published, so it is still ours alone.
            drop(unsafe { Box::from_raw(new) });
        }
        self.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    #[test]
    fn all_threads_of_a_process_have_the_same_value() {
        static COUNT: PerProcess<AtomicU32> = PerProcess::new(|| AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| COUNT.get().fetch_add(1, Ordering::Relaxed));
            }
        });
        assert_eq!(COUNT.get().load(Ordering::Relaxed), 4);
    }

    #[test]
    fn a_thread_that_comes_late_to_the_beginning_replaces_nothing() {
        static COUNT: PerProcess<AtomicU32> = PerProcess::new(|| AtomicU32::new(0));
        let early = COUNT.get();
        assert!(std::ptr::eq(COUNT.begin(), early));
        assert!(std::ptr::eq(COUNT.get(), early));
    }
}
