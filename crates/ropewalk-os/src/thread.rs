//! Which thread is this: a number that Python's `threading.get_ident()` also gives.
//!
//! # Contract of the unsafe code
//!
//! 1. pthread_self(3), gettid(2) and getpid(2) have no precondition and cannot fail.
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
    // SAFETY: rule 1.
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
