//! This process's memory, read without trust: an address that is not mapped is an answer, not a fault.
//!
//! For who looks at structures in the midst of their change, such as a signal's handler that follows the interpreter's
//! frames: a stale pointer must not end the program that it wants to tell about. Both functions may be called by such a
//! handler.
//!
//! And memory of it that goes back to the system at once: [`Pages`].
//!
//! # Contract of the unsafe code
//!
//! 1. process_vm_readv(2) reads through the kernel, which checks the address; it writes at most as many bytes as the
//!    slice has, and needs no rights for the calling process itself.
//! 2. open(2), read(2) and close(2) get a C string, and a buffer of ours with its length.
//! 3. [`Pages`] owns its range: it is mapped by `of`, which writes all of it, and unmapped once, in `drop`; no
//!    reference outlives it, and who changes it has it alone.
#![allow(unsafe_code)]

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// Copies what stands at `address` into `into`; `false` if not all of that can be read.
///
/// ```
/// use ropewalk_os::own_memory::peek;
/// let text = *b"rope";
/// let mut found = [0; 4];
/// assert!(peek(text.as_ptr().addr(), &mut found));
/// assert_eq!(found, text);
/// assert!(!peek(8, &mut found)); // nobody has memory there
/// ```
pub fn peek(address: usize, into: &mut [u8]) -> bool {
    let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    let remote = libc::iovec { iov_base: std::ptr::without_provenance_mut(address), iov_len: into.len() };
    // SAFETY: rule 1.
    let read =
        unsafe { libc::process_vm_readv(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0) };
    usize::try_from(read) == Ok(into.len())
}

/// Bytes of real memory that this process has in use now, shared or not; 0 if the system does not say.
///
/// ```
/// assert!(ropewalk_os::own_memory::resident_bytes() > 0);
/// ```
pub fn resident_bytes() -> u64 {
    let mut text = [0u8; 128];
    // SAFETY: rule 2. proc(5): sizes in pages, the second is what is resident.
    let (read, page) = unsafe {
        let fd = libc::open(c"/proc/self/statm".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if fd < 0 {
            return 0;
        }
        let read = libc::read(fd, text.as_mut_ptr().cast(), text.len());
        libc::close(fd);
        (read, libc::sysconf(libc::_SC_PAGESIZE))
    };
    let text = text.get(..usize::try_from(read).unwrap_or(0)).unwrap_or(&[]);
    let mut fields = text.split(|&byte| byte == b' ').skip(1);
    let digits = fields.next().unwrap_or(&[]);
    let pages = digits.iter().fold(0u64, |sum, digit| sum * 10 + u64::from(digit.wrapping_sub(b'0') % 10));
    pages.saturating_mul(u64::try_from(page).unwrap_or(0))
}

/// Bytes in pages of their own, which the system has back when this is dropped.
///
/// For much that is kept for a while and let go of by another thread. An allocator keeps what it gets back for the thread
/// that had asked for it (glibc: in that thread's arena), and the next to ask for as much may be another one.
///
/// ```
/// use ropewalk_os::own_memory::Pages;
/// let pages = Pages::of(&[b"rope", b"walk"]).unwrap();
/// assert_eq!(*pages, *b"ropewalk");
/// ```
#[derive(Debug)]
pub struct Pages {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: rule 3: as a Box of bytes.
unsafe impl Send for Pages {}
// SAFETY: rule 3: as a Box of bytes.
unsafe impl Sync for Pages {}

impl Pages {
    /// These bytes, one after the other. `None` if the system has no memory for them, or if there are none.
    ///
    /// ```
    /// assert!(ropewalk_os::own_memory::Pages::of(&[b""]).is_none());
    /// ```
    pub fn of(parts: &[&[u8]]) -> Option<Pages> {
        let len = parts.iter().map(|part| part.len()).sum();
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE; // all of them will be written
        // SAFETY: rule 3; a length of zero is refused.
        let mapped = unsafe { libc::mmap(std::ptr::null_mut(), len, access, kind, -1, 0) };
        let start = NonNull::new(mapped.cast::<u8>()).filter(|_| mapped != libc::MAP_FAILED)?;
        let mut at = 0;
        for part in parts {
            // SAFETY: rule 3; the parts are together as long as the range.
            unsafe { start.add(at).copy_from_nonoverlapping(NonNull::from(*part).cast(), part.len()) };
            at += part.len();
        }
        Some(Pages { start, len })
    }
}

impl Deref for Pages {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: rule 3; all of it was written.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl DerefMut for Pages {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: rule 3; all of it was written.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: rule 3. It fails only where it would split a range of which there may not be more: then it is lost.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_mapped_can_not_be_read_and_nothing_happens() {
        let mut into = [7u8; 16];
        for address in [0, 1, 4095, usize::MAX - 8, 1 << 62] {
            assert!(!peek(address, &mut into), "{address:x}");
        }
    }

    #[test]
    fn memory_that_is_used_is_counted() {
        let before = resident_bytes();
        let block = vec![1u8; 64 << 20];
        assert!(resident_bytes() >= before + (48 << 20), "{before}");
        assert_eq!(block.iter().step_by(4096).map(|&byte| u64::from(byte)).sum::<u64>(), 64 << 8);
    }

    #[test]
    fn pages_go_back_when_another_thread_drops_them() {
        let part = vec![7u8; 32 << 20];
        let pages = Pages::of(&[&part, &part]).expect("there is memory");
        assert!(pages.len() == 64 << 20 && pages.iter().step_by(4096).all(|&byte| byte == 7));
        let with = resident_bytes();
        std::thread::spawn(move || drop(pages)).join().expect("no panic");
        assert!(resident_bytes() + (48 << 20) < with, "{with}");
    }
}
