//! Part of a shared memory that becomes a copy, here and in the child, when this process forks.
//!
//! For memory that a process has to itself for a time, though it is mapped shared. A child of fork(2) would see
//! what its parent writes there, and the parent what the child does. A mapping of its own for each part
//! (`MAP_PRIVATE`) rules that out, but costs a call, its pages' faults and another call to undo it; most parts are gone
//! before the process forks. So it is done at the last moment, by a handler before the fork: one call lays a private
//! mapping over the part, another has the kernel copy all its pages, while other threads may go on writing them. From then
//! on the shared memory has nothing to do with it, and the child has a copy as of all memory.
//!
//! When the part is dropped the shared mapping is laid there again, in each process that has a copy, when that one drops
//! it. Until then the process does not see the shared memory at this place: [`is_hidden`].
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
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

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

impl Part {
    /// Lays a mapping of the part over it; whether that could be done.
    fn map(&self, kind: libc::c_int) -> bool {
        let flags = kind | libc::MAP_NORESERVE | libc::MAP_FIXED;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let start = self.start as *mut libc::c_void;
        // SAFETY: rule 1.
        let mapped = unsafe { libc::mmap(start, self.len, access, flags, self.fd, self.offset) };
        mapped != libc::MAP_FAILED
    }

    /// Has the kernel copy the pages of a private mapping, as if each were written.
    fn copy_pages(&self) {
        // SAFETY: rule 1; no byte is changed.
        if unsafe { libc::madvise(self.start as *mut libc::c_void, self.len, libc::MADV_POPULATE_WRITE) } == 0
        {
            return;
        }
        // Before Linux 5.14.
        for place in (self.start..self.start + self.len).step_by(4096) {
            // SAFETY: rule 1; others may write it at the same time, and lose nothing.
            unsafe { AtomicU8::from_ptr(place as *mut u8) }.fetch_or(0, Ordering::Relaxed);
        }
    }
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
/// Parts that are copies now.
static COPIED: AtomicUsize = AtomicUsize::new(0);

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
        // Without room for another mapping it stays as it is, shared with the child.
        if part.map(libc::MAP_PRIVATE) {
            part.copy_pages();
            part.copied = true;
            COPIED.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Whether some of the `len` bytes at `start` are hidden from this process, by a part that is a copy.
///
/// ```
/// use ropewalk_os::{fork_copy, memory::Mapping};
/// let memory = Mapping::create(c"example", 4096)?;
/// assert!(!fork_copy::is_hidden(memory.start().as_ptr(), 4096));
/// # Ok::<(), std::io::Error>(())
/// ```
#[inline]
pub fn is_hidden(start: *const u8, len: usize) -> bool {
    // Relaxed: a part is a copy since a fork of this process, or of the one that it was forked from.
    COPIED.load(Ordering::Relaxed) > 0 && is_hidden_by_some(start as usize, len)
}

#[cold]
fn is_hidden_by_some(start: usize, len: usize) -> bool {
    with(|list| {
        let mut copies = list.parts.iter().flatten().filter(|part| part.copied);
        copies.any(|part| part.start < start + len && start < part.start + part.len)
    })
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
            start: memory.at(offset).as_ptr() as usize,
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

    /// Whether the process has forked since: it has a copy then, and does not see the shared memory at this place.
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

    /// As dropping it; whether this process sees the shared memory there now. There may be no room for the mapping.
    ///
    /// ```
    /// # use ropewalk_os::{fork_copy::ForkCopy, memory::Mapping};
    /// # let memory = Mapping::create(c"example", 4096)?;
    /// // SAFETY: the mapping lives longer.
    /// assert!(unsafe { ForkCopy::of(&memory, 0, 4096) }.end());
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
        if let Some(part) = list.parts[place].filter(|part| part.copied) {
            if !part.map(libc::MAP_SHARED) {
                return false; // it stays hidden
            }
            COPIED.fetch_sub(1, Ordering::Relaxed);
        }
        list.parts[place] = None;
        list.free.push(place);
        true
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
        assert!(part.is_copied() && is_hidden(memory.start().as_ptr(), 8192));
        assert!(!is_hidden(memory.start().as_ptr(), 4096));
        assert!(part.end() && !is_hidden(memory.start().as_ptr(), 8192));
        assert_eq!(word(&memory, 4096).load(Ordering::Relaxed), 1, "the shared memory is there again");
    }

    #[test]
    fn what_is_written_into_the_shared_memory_afterwards_does_not_show_in_a_copy() {
        let memory = Mapping::create(c"test", 16384).expect("memfd");
        let again = Mapping::open(memory.as_fd().try_clone_to_owned().expect("dup")).expect("map");
        // SAFETY: rule 1.
        let part = unsafe { ForkCopy::of(&memory, 0, 16384) };
        let seen = in_child(|| {
            word(&again, 8192).store(9, Ordering::Relaxed); // nobody has written this page before
            word(&memory, 8192).load(Ordering::Relaxed) as i32
        });
        assert_eq!((seen, word(&memory, 8192).load(Ordering::Relaxed)), (0, 0));
        drop(part);
        assert_eq!(word(&memory, 8192).load(Ordering::Relaxed), 9);
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
