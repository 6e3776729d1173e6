//! Which thread is this: a number that Python's `threading.get_ident()` also gives.
//!
//! # Contract of the unsafe code
//!
//! 1. pthread_self(3), gettid(2) and getpid(2) have no precondition and cannot fail.
//! 2. On x86-64 the word at the start of `fs` is the thread pointer, as the ABI of the platform says, and that is what
//!    pthread_self(3) gives: read so, it costs no call, and the compiler reads it once.
#![allow(unsafe_code)]

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
    // SAFETY: rule 1.
    unsafe { libc::syscall(libc::SYS_gettid) == libc::c_long::from(libc::getpid()) }
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
}
