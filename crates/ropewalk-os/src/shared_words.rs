//! Words that this process shares with those that are forked from it, and with no other.
//!
//! # Contract of the unsafe code
//!
//! 1. The range is new, readable, writable and zero, as long as asked for, and never unmapped; what is made of it are
//!    atomics only.
#![allow(unsafe_code)]

use std::io;
use std::sync::atomic::AtomicU32;

/// New words, all zero, for as long as the process and its children live: they are not given back.
///
/// # Errors
/// What mmap(2) reports.
///
/// ```
/// use std::sync::atomic::Ordering::Relaxed;
/// let words = ropewalk_os::shared_words::new(16)?;
/// words[15].store(7, Relaxed);
/// assert_eq!((words.len(), words[0].load(Relaxed)), (16, 0));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn new(count: usize) -> io::Result<&'static [AtomicU32]> {
    let bytes = count.max(1).saturating_mul(size_of::<AtomicU32>());
    // SAFETY: rule 1.
    unsafe {
        let start = libc::mmap(
            std::ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(std::slice::from_raw_parts(start.cast(), count))
    }
}
