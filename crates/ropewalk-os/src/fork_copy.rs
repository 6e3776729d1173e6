//! Part of a shared memory that becomes a copy, here and in the child, when this process forks.
//!
//! For memory that a process has to itself for a time, though it is mapped shared. A child of fork(2) would see
//! what its parent writes there, and the parent what the child does. A mapping of its own for each part
//! (`MAP_PRIVATE`) rules that out, but costs a call, its pages' faults and another call to undo it; most parts are gone
//! before the process forks. So the mapping is changed at the last moment, by a handler before the fork: from then on
//! a page that either process writes is copied. What stands in the shared pages must then stay as it is for as long as
//! there is a child that may look at it: see [`ForkCopy::is_copied`].
//!
//! # Contract of the unsafe code
//!
//! 1. A part is whole pages (its last one may be begun) inside a mapping of a sealed file that outlives it, so nothing
//!    but that mapping is replaced, and the descriptor is open.
//! 2. The list is looked at only by who has set `TAKEN`; the handler before a fork sets it, and those after it, in
//!    both processes, take it back.
//! 3. A handler is `extern "C"` and does not unwind.
#![allow(unsafe_code)]

use crate::memory::Mapping;
use std::cell::UnsafeCell;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

/// A part of a [`Mapping`] that becomes a copy when this process forks, until it is dropped.
///
/// ```
/// use ropewalk_os::{fork_copy::ForkCopy, memory::Mapping};
/// let memory = Mapping::create(c"example", 8192)?;
/// // SAFETY: the mapping lives longer.
/// let part = unsafe { ForkCopy::of(&memory, 4096, 100) };
/// assert!(!part.is_copied()); // nobody has forked
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct ForkCopy {
    place: usize,
}

#[derive(Clone, Copy)]
struct Part {
    start: usize,
    len: usize,
    fd: RawFd,
    offset: libc::off_t,
    copied: bool,
}

struct Parts(UnsafeCell<List>);

struct List {
    parts: Vec<Option<Part>>,
    free: Vec<usize>,
}

// SAFETY: rule 2.
unsafe impl Sync for Parts {}

static PARTS: Parts = Parts(UnsafeCell::new(List { parts: Vec::new(), free: Vec::new() }));
static TAKEN: AtomicBool = AtomicBool::new(false);

fn take() {
    let mut tries = 0_u32;
    while TAKEN.swap(true, Ordering::Acquire) {
        tries += 1;
        if tries.is_multiple_of(64) {
            std::thread::yield_now();
        }
        std::hint::spin_loop();
    }
}

extern "C" fn give_back() {
    TAKEN.store(false, Ordering::Release);
}

fn with<T>(look: impl FnOnce(&mut List) -> T) -> T {
    take();
    // SAFETY: rule 2.
    let value = look(unsafe { &mut *PARTS.0.get() });
    give_back();
    value
}

extern "C" fn before() {
    take();
    // SAFETY: rule 2.
    let list = unsafe { &mut *PARTS.0.get() };
    for part in list.parts.iter_mut().flatten().filter(|part| !part.copied) {
        let flags = libc::MAP_PRIVATE | libc::MAP_NORESERVE | libc::MAP_FIXED;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let start = part.start as *mut libc::c_void;
        // SAFETY: rule 1. Without room for another mapping it stays as it is, shared with the child.
        let mapped = unsafe { libc::mmap(start, part.len, access, flags, part.fd, part.offset) };
        part.copied = mapped != libc::MAP_FAILED;
    }
}

impl ForkCopy {
    /// The `len` bytes of `memory` from `offset` on, which is at the beginning of a page.
    ///
    /// # Safety
    /// `memory` stays mapped until the value is dropped, and nobody but its owner uses the last page to its end.
    ///
    /// # Panics
    /// If they are not inside, or do not begin with a page.
    ///
    /// ```
    /// use ropewalk_os::{fork_copy::ForkCopy, memory::Mapping};
    /// let memory = Mapping::create(c"example", 8192)?;
    /// // SAFETY: the mapping lives longer.
    /// drop(unsafe { ForkCopy::of(&memory, 0, 8192) });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub unsafe fn of(memory: &Mapping, offset: usize, len: usize) -> ForkCopy {
        static WATCH: Once = Once::new();
        WATCH.call_once(|| {
            // SAFETY: rules 2 and 3.
            unsafe { libc::pthread_atfork(Some(before), Some(give_back), Some(give_back)) };
        });
        let inside = offset.checked_add(len).is_some_and(|end| end <= memory.len());
        assert!(inside && offset.is_multiple_of(4096), "a part of the mapping");
        let part = Part {
            start: memory.start().as_ptr() as usize + offset,
            len,
            fd: memory.as_fd().as_raw_fd(),
            offset: offset as libc::off_t,
            copied: false,
        };
        let place = with(|list| match list.free.pop() {
            Some(place) => {
                list.parts[place] = Some(part);
                place
            }
            None => {
                list.parts.push(Some(part));
                list.parts.len() - 1
            }
        });
        ForkCopy { place }
    }

    /// Whether the process has forked since: the shared pages may then be seen by children, and must stay as they are.
    /// This process does not map them any more.
    ///
    /// ```
    /// # use ropewalk_os::{fork_copy::ForkCopy, memory::Mapping};
    /// # let memory = Mapping::create(c"example", 4096)?;
    /// // SAFETY: the mapping lives longer.
    /// assert!(!unsafe { ForkCopy::of(&memory, 0, 4096) }.is_copied());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_copied(&self) -> bool {
        with(|list| list.parts[self.place].is_some_and(|part| part.copied))
    }

    /// As dropping it, and says whether it [was copied](ForkCopy::is_copied).
    ///
    /// ```
    /// # use ropewalk_os::{fork_copy::ForkCopy, memory::Mapping};
    /// # let memory = Mapping::create(c"example", 4096)?;
    /// // SAFETY: the mapping lives longer.
    /// assert!(!unsafe { ForkCopy::of(&memory, 0, 4096) }.end());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn end(self) -> bool {
        let place = self.place;
        std::mem::forget(self);
        remove(place)
    }
}

fn remove(place: usize) -> bool {
    with(|list| {
        list.free.push(place);
        list.parts[place].take().is_some_and(|part| part.copied)
    })
}

impl Drop for ForkCopy {
    fn drop(&mut self) {
        remove(self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    fn word(mapping: &Mapping, offset: usize) -> &AtomicU32 {
        // SAFETY: rule 1; aligned, and inside.
        unsafe { AtomicU32::from_ptr(mapping.start().as_ptr().add(offset).cast()) }
    }

    /// What a child does, and its exit code.
    fn in_child(act: impl FnOnce() -> i32) -> i32 {
        // SAFETY: rule 3; the child makes system calls only and ends without destructors.
        unsafe {
            let child = libc::fork();
            if child == 0 {
                libc::_exit(act());
            }
            let mut status = 0;
            while libc::waitpid(child, &mut status, 0) < 0 {}
            libc::WEXITSTATUS(status)
        }
    }

    #[test]
    fn a_part_is_the_childs_own_and_the_rest_is_shared() {
        let memory = Mapping::create(c"test", 8192).expect("memfd");
        let again = Mapping::open(memory.as_fd().try_clone_to_owned().expect("dup")).expect("map");
        // SAFETY: rule 1.
        let part = unsafe { ForkCopy::of(&memory, 4096, 4096) };
        word(&memory, 4096).store(1, Ordering::Relaxed);
        assert_eq!(word(&again, 4096).load(Ordering::Relaxed), 1, "it is shared as long as nobody forks");
        let seen = in_child(|| {
            let seen = word(&memory, 4096).swap(2, Ordering::Relaxed);
            word(&memory, 0).store(3, Ordering::Relaxed);
            seen as i32
        });
        assert_eq!(seen, 1);
        assert_eq!([0, 4096].map(|at| word(&memory, at).load(Ordering::Relaxed)), [3, 1]);
        word(&memory, 4096).store(5, Ordering::Relaxed);
        assert_eq!(word(&again, 4096).load(Ordering::Relaxed), 1, "what stands in the memory stays");
        assert!(part.is_copied() && part.end());
    }

    #[test]
    fn a_part_that_is_gone_is_left_alone() {
        let memory = Mapping::create(c"test", 4096).expect("memfd");
        // SAFETY: rule 1.
        drop(unsafe { ForkCopy::of(&memory, 0, 4096) });
        in_child(|| {
            word(&memory, 0).store(7, Ordering::Relaxed);
            0
        });
        assert_eq!(word(&memory, 0).load(Ordering::Relaxed), 7);
    }
}
