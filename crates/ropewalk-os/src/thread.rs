//! Which thread is this: a number that Python's `threading.get_ident()` also gives.
//!
//! # Contract of the unsafe code
//!
//! 1. pthread_self(3), gettid(2) and getpid(2) have no precondition and cannot fail.
//! 2. On x86-64 the word at the start of `fs` is the thread pointer, as the ABI of the platform says, and that is what
//!    pthread_self(3) gives: read so, it costs no call, and the compiler reads it once.
#![allow(unsafe_code)]

use crate::fork;
use std::cell::Cell;

/// A thread of this process, as a number that is never zero and is unique among live threads.
///
/// It is pthread_self(3), so that it names the same thread as Python's `threading.get_ident()`. A number may be
/// used again after its thread has ended.
///
/// ```
/// use ropewalk_os::thread::{ThreadId, current};
/// assert_ne!(current(), ThreadId(0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ThreadId(pub u64);

/// The calling thread.
///
/// ```
/// use ropewalk_os::thread::current;
/// let other = std::thread::scope(|scope| scope.spawn(current).join().unwrap());
/// assert_eq!(current(), current());
/// assert_ne!(current(), other);
/// ```
#[inline]
pub fn current() -> ThreadId {
    #[cfg(target_arch = "x86_64")]
    {
        let thread: u64;
        // SAFETY: rule 2.
        unsafe {
            std::arch::asm!("mov {}, fs:0", out(reg) thread, options(pure, readonly, nostack, preserves_flags));
        }
        ThreadId(thread)
    }
    // SAFETY: rule 1.
    #[cfg(not(target_arch = "x86_64"))]
    ThreadId(unsafe { libc::pthread_self() } as u64)
}

/// Whether this is the first thread of its process: the one it was started or forked with.
///
/// ```
/// use ropewalk_os::thread::is_first;
/// assert!(!std::thread::spawn(is_first).join().unwrap());
/// ```
pub fn is_first() -> bool {
    thread_local! {
        /// One more than the epoch in which it was asked, and the answer: who forks is the first in the child.
        static ASKED: Cell<(u32, bool)> = const { Cell::new((0, false)) };
    }
    fork::watch();
    let epoch = fork::epoch() + 1;
    let (asked, answer) = ASKED.get();
    if asked == epoch {
        return answer;
    }
    // SAFETY: rule 1.
    let answer = unsafe { libc::syscall(libc::SYS_gettid) == libc::c_long::from(libc::getpid()) };
    ASKED.set((epoch, answer));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_number_that_the_c_library_gives() {
        let same = || {
            // SAFETY: rule 1.
            assert_eq!(current().0, unsafe { libc::pthread_self() } as u64);
        };
        same();
        std::thread::spawn(same).join().expect("no panic");
    }

    #[test]
    fn who_forks_is_the_first_in_the_child() {
        let asked = std::thread::spawn(|| {
            assert!(!is_first() && !is_first());
            // SAFETY: rule 1; the child asks, and ends without destructors.
            unsafe {
                let child = libc::fork();
                if child == 0 {
                    libc::_exit(i32::from(is_first()));
                }
                let mut status = 0;
                while libc::waitpid(child, &mut status, 0) < 0 {}
                libc::WEXITSTATUS(status)
            }
        });
        assert_eq!(asked.join().expect("no panic"), 1);
    }
}
