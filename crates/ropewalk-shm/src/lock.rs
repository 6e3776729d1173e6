//! The lock of a structure in shared memory, and what happens when its holder was killed.
//!
//! A robust mutex (see [`ropewalk_os::robust`]) that is tried and spun for before a thread sleeps. Whoever gets it
//! after a dead holder heals what it protects first: `recover` is called with the lock held, at most once for a
//! death, and again if the healer dies too. So it must be able to begin on its own half-done work.

use ropewalk_os::robust::{Guard, RobustMutex, Taken};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// Looks at a lock that is held before a thread sleeps for it. A holder needs less time than they take: some tens of
/// microseconds.
const LOOKS: u32 = 12;
/// Pauses of the processor after the first look, and at most: each look is twice as long after the one before. Between two
/// looks the other processor keeps the lock's memory, and all that the lock protects, for several operations. To come from
/// one processor to another it needs 40 nanoseconds, or 200 if they have no cache in common.
const PAUSES: u32 = 8;
const MOST_PAUSES: u32 = 256;

/// The lock's own memory was written by something that is not the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// Takes the lock if that needs no sleep.
///
/// # Errors
/// [`Broken`].
#[inline]
pub fn try_take<'a>(
    mutex: &'a RobustMutex,
    recover: impl FnOnce(&Guard<'a>),
) -> Result<Option<Guard<'a>>, Broken> {
    match mutex.try_lock() {
        Taken::Held(guard) => Ok(Some(guard)),
        Taken::Busy => Ok(None),
        other => after(other, recover),
    }
}

/// Takes the lock; `None` if it was held for as long as `patience`.
///
/// # Errors
/// [`Broken`].
pub fn take<'a>(
    mutex: &'a RobustMutex,
    patience: Duration,
    recover: impl FnOnce(&Guard<'a>),
) -> Result<Option<Guard<'a>>, Broken> {
    let mut pauses = PAUSES;
    for _ in 0..if several_processors() { LOOKS } else { 1 } {
        if !mutex.has_owner() {
            match mutex.try_lock() {
                Taken::Busy => {}
                other => return after(other, recover),
            }
        }
        (0..pauses).for_each(|_| std::hint::spin_loop());
        pauses = (2 * pauses).min(MOST_PAUSES);
    }
    after(mutex.lock_within(patience), recover)
}

#[cold]
fn after<'a>(taken: Taken<'a>, recover: impl FnOnce(&Guard<'a>)) -> Result<Option<Guard<'a>>, Broken> {
    match taken {
        Taken::Held(guard) => Ok(Some(guard)),
        Taken::OwnerDied(wreck) => {
            recover(wreck.guard());
            Ok(Some(wreck.healed()))
        }
        Taken::Busy => Ok(None),
        Taken::Broken => Err(Broken),
    }
}

/// Whether to spin at all: on one processor nobody else moves while we look.
pub fn several_processors() -> bool {
    /// Zero: not asked yet. Not a OnceLock: a forked child must not wait for a thread that it has not.
    static PROCESSORS: AtomicUsize = AtomicUsize::new(0);
    let mut processors = PROCESSORS.load(Relaxed);
    if processors == 0 {
        processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        PROCESSORS.store(processors, Relaxed);
    }
    processors > 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::layout::{Options, Store};

    #[test]
    fn who_takes_it_after_a_dead_holder_heals_once() {
        let store = Store::create(&Options::default()).expect("memfd");
        let mutex = &store.header().lock;
        std::thread::scope(|scope| {
            scope.spawn(|| std::mem::forget(try_take(mutex, |_| panic!("nobody died"))));
        });
        let mut healed = 0;
        // The kernel's mark comes when the thread is gone, a moment after the scope has seen its end.
        while take(mutex, Duration::from_secs(1), |_| healed += 1).expect("whole").is_none() {}
        assert_eq!(healed, 1);
        assert!(take(mutex, Duration::from_secs(1), |_| healed += 1).expect("whole").is_some());
        assert_eq!(healed, 1);
    }

    #[test]
    fn a_held_lock_is_given_up_for() {
        let store = Store::create(&Options::default()).expect("memfd");
        let mutex = &store.header().lock;
        let _held = try_take(mutex, |_| {}).expect("whole").expect("free");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                assert!(take(mutex, Duration::from_millis(1), |_| {}).expect("whole").is_none());
                assert!(try_take(mutex, |_| {}).expect("whole").is_none());
            });
        });
    }
}
