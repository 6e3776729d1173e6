//! Another process's memory, read without asking it: for who looks at a program that may hang.
//!
//! The kernel copies it, if it would let the caller trace that process: the same user's, or any for root, and less where
//! `kernel.yama.ptrace_scope` says so. What is read may change meanwhile; nothing read here is to be trusted.
//!
//! A place in it is found by what both processes have loaded: a static of a library lies as far from the library's
//! beginning in one as in the other ([`distance`]).
//!
//! # Contract of the unsafe code
//!
//! 1. process_vm_readv(2) reads through the kernel, which checks the address and the caller's rights; it writes at most as
//!    many bytes as the slice has.
#![allow(unsafe_code)]

use std::fs;
use std::io;

/// Copies what stands at `address` of a process into `into`.
///
/// # Errors
/// What process_vm_readv(2) reports: `PermissionDenied` if the caller may not; `NotFound` (`ESRCH`) if the process has ended;
/// and if not all of that can be read.
///
/// ```
/// use ropewalk_os::other_memory::read;
/// let text = *b"rope";
/// let mut found = [0; 4];
/// read(std::process::id(), text.as_ptr().addr(), &mut found)?;
/// assert_eq!(found, text);
/// assert!(read(std::process::id(), 8, &mut found).is_err()); // nobody has memory there
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn read(pid: u32, address: usize, into: &mut [u8]) -> io::Result<()> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| io::ErrorKind::NotFound)?;
    let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    let remote = libc::iovec { iov_base: std::ptr::without_provenance_mut(address), iov_len: into.len() };
    // SAFETY: rule 1.
    let read = unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) };
    match usize::try_from(read) {
        Err(_) => Err(io::Error::last_os_error()),
        Ok(read) if read == into.len() => Ok(()),
        Ok(_) => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// What is to be added to an address here to find the same place of the same file there; `None` if that process has not
/// loaded the file that `address` is of.
///
/// # Errors
/// If `/proc` does not show what one of the two has mapped: `PermissionDenied`, or `NotFound` if that process has ended.
///
/// ```
/// use ropewalk_os::other_memory::distance;
/// assert_eq!(distance(std::process::id(), distance as *const () as usize)?, Some(0));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn distance(pid: u32, address: usize) -> io::Result<Option<isize>> {
    let maps = fs::read_to_string("/proc/self/maps")?;
    let own =
        maps.lines().filter_map(Mapping::of).find(|mapping| (mapping.start..mapping.end).contains(&address));
    let Some(own) = own else { return Ok(None) };
    let first = |maps: &str, file: (&str, &str)| -> Option<usize> {
        maps.lines().filter_map(Mapping::of).find(|mapping| mapping.file == file).map(|mapping| mapping.start)
    };
    // Which part of the file the address is of does not matter: all parts keep their distances. What is zero at first has
    // no file, but lies behind the part that has.
    let file = if own.file.1 == "0" { before(&maps, own.start) } else { Some(own.file) };
    let Some(file) = file else { return Ok(None) };
    let theirs = fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let both = first(&maps, file).zip(first(&theirs, file));
    Ok(both.map(|(here, there)| there.wrapping_sub(here).cast_signed()))
}

/// The file whose mapping ends where this one, which has none, begins.
fn before(maps: &str, start: usize) -> Option<(&str, &str)> {
    let before = maps.lines().filter_map(Mapping::of).find(|mapping| mapping.end == start)?;
    if before.file.1 == "0" { None } else { Some(before.file) }
}

/// A line of proc(5)'s `maps`.
struct Mapping<'a> {
    start: usize,
    end: usize,
    /// Device and inode.
    file: (&'a str, &'a str),
}

impl Mapping<'_> {
    fn of(line: &str) -> Option<Mapping<'_>> {
        let mut fields = line.split_ascii_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let number = |text| usize::from_str_radix(text, 16).ok();
        let (device, inode) = (fields.nth(2)?, fields.next()?);
        Some(Mapping { start: number(start)?, end: number(end)?, file: (device, inode) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};
    use std::sync::atomic::AtomicU32;

    #[test]
    fn a_static_is_found_in_a_process_that_has_the_same_file() {
        static MARK: AtomicU32 = AtomicU32::new(0x726f_7065);
        static ZERO: AtomicU32 = AtomicU32::new(0);
        MARK.store(0x726f_7065, std::sync::atomic::Ordering::Relaxed); // else it need not be in memory
        for place in [&MARK, &ZERO] {
            let address = std::ptr::from_ref(place).addr();
            assert_eq!(distance(std::process::id(), address).expect("our own maps"), Some(0));
        }
    }

    #[test]
    fn what_a_process_has_not_loaded_is_not_found_in_it() {
        let mut other = Command::new("cat").stdin(Stdio::piped()).spawn().expect("cat");
        // Until it has become cat it is this program.
        while fs::read(format!("/proc/{}/comm", other.id())).expect("its name") != b"cat\n" {}
        let found = distance(other.id(), distance as *const () as usize);
        drop(other.stdin.take());
        other.wait().expect("its end");
        assert_eq!(found.expect("its maps"), None);
    }

    #[test]
    fn a_process_that_has_ended_is_an_error() {
        let mut other = Command::new("true").spawn().expect("true");
        other.wait().expect("its end");
        assert!(read(other.id(), 4096, &mut [0]).is_err());
        assert!(distance(other.id(), distance as *const () as usize).is_err());
    }
}
