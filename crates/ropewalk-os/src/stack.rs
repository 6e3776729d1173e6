//! A stack for a computation of its own: anonymous memory with a guard below it.
//!
//! Memory is reserved, not used: a page costs something when it is first touched, so a stack may be large. Below it lies a
//! guard: who runs over the end is stopped by a fault, and writes over nobody.
//!
//! A guard is best installed within the mapping (`MADV_GUARD_INSTALL`, Linux 6.13), for then stacks side by side are one
//! mapping to the kernel. Older kernels protect the page, which splits the mapping in two; of those a process may have
//! `vm.max_map_count`, and one that has used them up can not even start a thread. So a quarter of that many stacks are
//! guarded so, and what is asked for beyond is refused or goes without a guard, as [`Guarding`] says.
//!
//! # Contract of the unsafe code
//!
//! 1. A [`Stack`] owns its range: it is mapped by `new`, unmapped once, in `drop`, and moved, never copied.
//! 2. Pages are given back, or guarded, inside the range only, and only such as nobody has anything in.
//! 3. sysconf(3) reads a constant of the system.
#![allow(unsafe_code)]

use crate::checker;
use std::io;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// `MADV_GUARD_INSTALL`, which the C library's headers need not know yet.
const GUARD_INSTALL: libc::c_int = 102;
/// Bytes by which the tops of stacks differ, so that they do not all stand in the same lines of the caches.
const COLOUR: usize = 256;
/// How many such tops there are: they fill one page.
const COLOURS: usize = 16;
/// The same where there is room above the top: both sides of it then begin in one page, in the middle of it.
const COLOUR_IN_THE_MIDDLE: usize = 128;
/// Bytes of that page that are above the highest top.
const ABOVE_THE_MIDDLE: usize = 768;
/// The least that a stack can be.
const LEAST: usize = 16 << 10;

/// What is done when no further guard can be had.
///
/// ```
/// use ropewalk_os::stack::{Guarding, Stack};
/// assert!(Stack::new(1 << 20, Guarding::Always).is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarding {
    /// The stack is refused.
    Always,
    /// It goes without.
    WherePossible,
}

/// A stack that nobody stands on.
///
/// ```
/// use ropewalk_os::stack::{Guarding, Stack};
/// let stack = Stack::new(8 << 20, Guarding::Always)?;
/// assert!(stack.len() >= 8 << 20);
/// assert_eq!(stack.top().addr() % 16, 0);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Stack {
    start: NonNull<u8>,
    /// Of the mapping, with the guard.
    len: usize,
    guard: Guard,
    /// From the end of the mapping to the top.
    above: usize,
    room: usize,
    /// By which a memory checker knows it.
    known_as: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guard {
    Installed,
    Protected,
    None,
}

// SAFETY: rule 1; the range may be used and unmapped from any thread.
unsafe impl Send for Stack {}

static NEXT_COLOUR: AtomicUsize = AtomicUsize::new(0);
/// Stacks whose guards split their mappings.
static SPLIT: AtomicUsize = AtomicUsize::new(0);

impl Stack {
    /// A stack of `size` bytes, rounded up to whole pages, and a guard.
    ///
    /// # Errors
    /// What mmap(2) reports: `OutOfMemory` where address space is limited (`RLIMIT_AS`) or memory is not overcommitted,
    /// then a smaller stack may do; `QuotaExceeded` if there are too many guarded stacks for this kernel.
    ///
    /// ```
    /// use ropewalk_os::stack::{Guarding, Stack};
    /// assert!(Stack::new(usize::MAX / 2, Guarding::Always).is_err());
    /// ```
    pub fn new(size: usize, guarding: Guarding) -> io::Result<Stack> {
        Stack::with_room(size, 0, guarding)
    }

    /// The same, with `room` bytes above the top, rounded up to whole pages, for what belongs to whoever stands on the stack:
    /// the first bytes of both share one page, so a computation that has used little of either has one page.
    ///
    /// # Errors
    /// As for [`new`](Stack::new).
    ///
    /// ```
    /// use ropewalk_os::stack::{Guarding, Stack};
    /// let stack = Stack::with_room(1 << 20, 16 << 10, Guarding::Always)?;
    /// assert_eq!(stack.room(), 16 << 10);
    /// assert_eq!(stack.top().addr() % 16, 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn with_room(size: usize, room: usize, guarding: Guarding) -> io::Result<Stack> {
        let page = page();
        let whole = |size: usize| size.checked_next_multiple_of(page).ok_or(io::ErrorKind::OutOfMemory);
        let room = whole(room)?;
        let len = whole(size.max(LEAST))?
            .checked_add(page + COLOUR * COLOURS)
            .and_then(|size| size.checked_add(room))
            .ok_or(io::ErrorKind::OutOfMemory)?;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: rule 1; a new range chosen by the kernel.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, access, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start =
            NonNull::new(start.cast::<u8>()).ok_or_else(|| io::Error::other("mapped at address zero"))?;
        let colour = NEXT_COLOUR.fetch_add(1, Ordering::Relaxed) % COLOURS;
        let above =
            if room == 0 { colour * COLOUR } else { room + ABOVE_THE_MIDDLE + colour * COLOUR_IN_THE_MIDDLE };
        let known_as = checker::stack_begins(start.as_ptr().addr(), start.as_ptr().addr() + len);
        let mut stack = Stack { start, len, guard: Guard::None, above, room, known_as };
        // A huge page would make 2 MiB of the first touch.
        // SAFETY: rule 2.
        unsafe { libc::madvise(start.as_ptr().cast(), len, libc::MADV_NOHUGEPAGE) };
        stack.guard(page, guarding)?;
        Ok(stack)
    }

    fn guard(&mut self, page: usize, guarding: Guarding) -> io::Result<()> {
        // SAFETY: rule 2; nobody has had the stack yet.
        if unsafe { libc::madvise(self.start.as_ptr().cast(), page, GUARD_INSTALL) } == 0 {
            self.guard = Guard::Installed;
            return Ok(());
        }
        if SPLIT.fetch_add(1, Ordering::Relaxed) < most_split() {
            // SAFETY: rule 2; as above.
            if unsafe { libc::mprotect(self.start.as_ptr().cast(), page, libc::PROT_NONE) } == 0 {
                self.guard = Guard::Protected;
                return Ok(());
            }
        }
        SPLIT.fetch_sub(1, Ordering::Relaxed);
        match guarding {
            Guarding::WherePossible => Ok(()),
            Guarding::Always => Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                format!(
                    "{} stacks are guarded, and each takes two of the {} mappings that this kernel lets a process have: \
                     raise vm.max_map_count, or allow stacks without guards",
                    SPLIT.load(Ordering::Relaxed),
                    max_map_count()
                ),
            )),
        }
    }

    /// Where a computation begins: the end of the range, less the room and this stack's colour. It grows down from there.
    ///
    /// ```
    /// use ropewalk_os::stack::{Guarding, Stack};
    /// let stack = Stack::new(1 << 16, Guarding::Always)?;
    /// assert!(stack.top() > stack.limit());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn top(&self) -> *mut u8 {
        self.start.as_ptr().wrapping_add(self.len - self.above)
    }

    /// The bytes from the top upwards that are free for whoever stands on the stack.
    ///
    /// ```
    /// use ropewalk_os::stack::{Guarding, Stack};
    /// assert_eq!(Stack::new(1 << 16, Guarding::Always)?.room(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn room(&self) -> usize {
        self.room
    }

    /// The lowest byte that may be written: the guard's end.
    ///
    /// ```
    /// use ropewalk_os::stack::{Guarding, Stack};
    /// let stack = Stack::new(1 << 16, Guarding::Always)?;
    /// assert!(stack.top().addr() - stack.limit().addr() >= 1 << 16);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn limit(&self) -> *mut u8 {
        self.start.as_ptr().wrapping_add(page())
    }

    /// The bytes between [`limit`](Stack::limit) and [`top`](Stack::top): at least as many as were asked for.
    ///
    /// ```
    /// use ropewalk_os::stack::{Guarding, Stack};
    /// assert!(Stack::new(1 << 16, Guarding::Always)?.len() >= 1 << 16);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn len(&self) -> usize {
        self.top().addr() - self.limit().addr()
    }

    /// Never.
    ///
    /// ```
    /// use ropewalk_os::stack::{Guarding, Stack};
    /// assert!(!Stack::new(1 << 16, Guarding::Always)?.is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Whether running over the end faults.
    ///
    /// ```
    /// use ropewalk_os::stack::{Guarding, Stack};
    /// assert!(Stack::new(1 << 16, Guarding::Always)?.is_guarded());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_guarded(&self) -> bool {
        self.guard != Guard::None
    }

    /// Gives the memory back to the system, but for about `keep` bytes on each side of the top; it reads as zero then. Nobody
    /// stands on the stack: that is why this wants it whole.
    ///
    /// ```
    /// use ropewalk_os::stack::{Guarding, Stack};
    /// let mut stack = Stack::new(1 << 20, Guarding::Always)?;
    /// stack.give_back(16 << 10);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn give_back(&mut self, keep: usize) {
        let page = page();
        let (start, end) = (self.limit().addr(), self.start.as_ptr().addr() + self.len);
        let below = start..self.top().addr().saturating_sub(keep) / page * page;
        let above = self.top().addr().saturating_add(keep).next_multiple_of(page)..end;
        for range in [below, above] {
            if !range.is_empty() {
                let place = self.start.as_ptr().with_addr(range.start).cast();
                // SAFETY: rule 2; the guard is left out.
                unsafe { libc::madvise(place, range.len(), libc::MADV_DONTNEED) };
            }
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if self.guard == Guard::Protected {
            SPLIT.fetch_sub(1, Ordering::Relaxed);
        }
        checker::stack_ends(self.known_as);
        // SAFETY: rule 1.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

fn page() -> usize {
    static PAGE: OnceLock<usize> = OnceLock::new();
    // SAFETY: rule 3.
    *PAGE.get_or_init(|| usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096))
}

fn max_map_count() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| {
        let said = std::fs::read_to_string("/proc/sys/vm/max_map_count");
        said.ok().and_then(|count| count.trim().parse().ok()).unwrap_or(65_530)
    })
}

/// Each takes two mappings; the other half is for everybody else.
fn most_split() -> usize {
    max_map_count() / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resident() -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").expect("proc");
        statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number")
    }

    #[test]
    fn all_of_it_can_be_written_from_the_top_to_the_guard() {
        let stack = Stack::new(1 << 16, Guarding::Always).expect("a stack");
        // SAFETY: rule 1; inside the range.
        unsafe { stack.limit().write_bytes(7, stack.len()) };
        // SAFETY: rule 1; as above.
        assert_eq!(unsafe { stack.top().sub(1).read() }, 7);
    }

    #[test]
    fn what_is_given_back_reads_as_zero_and_the_top_stays() {
        let mut stack = Stack::new(1 << 20, Guarding::Always).expect("a stack");
        // SAFETY: rule 1; inside the range.
        unsafe { stack.limit().write_bytes(7, stack.len()) };
        stack.give_back(16 << 10);
        // SAFETY: rule 1; as above.
        let (low, high) = unsafe { (stack.limit().read(), stack.top().sub(16 << 10).read()) };
        assert_eq!((low, high), (0, 7));
    }

    #[test]
    fn what_is_above_the_top_can_be_written_and_begins_in_the_same_page() {
        let page = page();
        for _ in 0..COLOURS {
            let mut stack = Stack::with_room(1 << 16, 16 << 10, Guarding::Always).expect("a stack");
            // SAFETY: rule 1; inside the range.
            unsafe { stack.top().write_bytes(7, stack.room()) };
            let place = stack.top().addr() % page;
            assert!(place >= 1024 && page - place >= ABOVE_THE_MIDDLE, "{place}");
            stack.give_back(4096);
            // SAFETY: rule 1; as above.
            let (low, high) = unsafe { (stack.top().read(), stack.top().add(stack.room() - 1).read()) };
            assert_eq!((low, high), (7, 0));
        }
    }

    #[test]
    fn a_large_stack_takes_no_memory_before_it_is_used() {
        let before = resident();
        let stacks: Vec<Stack> =
            (0..100).map(|_| Stack::new(8 << 20, Guarding::Always).expect("a stack")).collect();
        assert!((resident() - before) * page() < 4 << 20, "{} pages", resident() - before);
        drop(stacks);
    }

    #[test]
    fn neighbours_have_tops_in_different_lines_of_the_cache() {
        let stacks = [(); COLOURS].map(|()| Stack::new(1 << 16, Guarding::Always).expect("a stack"));
        let mut tops: Vec<usize> = stacks.iter().map(|stack| stack.top().addr() % 4096).collect();
        tops.sort_unstable();
        tops.dedup();
        assert!(tops.len() > 1, "{tops:?}");
    }

    #[test]
    fn a_size_that_no_address_space_has_is_refused() {
        assert!(Stack::new(usize::MAX, Guarding::Always).is_err());
        assert!(Stack::new(1 << 60, Guarding::WherePossible).is_err());
    }
}
