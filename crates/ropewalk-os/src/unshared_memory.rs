//! How much memory a process has that it shares with no other.
//!
//! # Contract of the unsafe code
//!
//! 1. sysconf(3) takes an integer.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that the process `pid` has in memory and shares with no file: neither programs nor shared memory count. `None`
/// if it can not be seen.
///
/// ```
/// use ropewalk_os::unshared_memory;
/// let before = unshared_memory::bytes_of(std::process::id()).unwrap();
/// let much = vec![1u8; 32 << 20];
/// assert!(unshared_memory::bytes_of(std::process::id()).unwrap() > before + (16 << 20));
/// # drop(much);
/// ```
pub fn bytes_of(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    parse(&text)?.checked_mul(page_size())
}

/// Pages: fields 2 (resident) without 3 (shared) of proc(5)'s `statm`.
fn parse(statm: &str) -> Option<u64> {
    let mut fields = statm.split_ascii_whitespace().skip(1);
    let resident: u64 = fields.next()?.parse().ok()?;
    let shared: u64 = fields.next()?.parse().ok()?;
    Some(resident.saturating_sub(shared))
}

/// Asked for once.
fn page_size() -> u64 {
    static SIZE: AtomicU64 = AtomicU64::new(0);
    let known = SIZE.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    // SAFETY: rule 1.
    let size = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
    SIZE.store(size, Ordering::Relaxed);
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_with_files_does_not_count() {
        assert_eq!(parse("900 300 100 1 0 50 0\n"), Some(200));
        assert_eq!(parse("900"), None);
        assert_eq!(parse("nonsense"), None);
    }

    #[test]
    fn a_process_that_is_not_there_has_none() {
        assert_eq!(bytes_of(u32::MAX >> 1), None);
    }
}
