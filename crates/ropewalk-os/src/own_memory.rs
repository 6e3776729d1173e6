//! This process's memory, read without trust: an address that is not mapped is an answer, not a fault.
//!
//! For who looks at structures in the midst of their change, such as a signal's handler that follows the interpreter's
//! frames: a stale pointer must not end the program that it wants to tell about. Both functions may be called by such a
//! handler.
//!
//! # Contract of the unsafe code
//!
//! 1. process_vm_readv(2) reads through the kernel, which checks the address; it writes at most as many bytes as the
//!    slice has, and needs no rights for the calling process itself.
//! 2. open(2), read(2) and close(2) get a C string, and a buffer of ours with its length.
#![allow(unsafe_code)]

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
}
