//! A descriptor that is readable or is not, as somebody says: for select(2), poll(2) and epoll(7). eventfd(2).
//!
//! Its processes share it by inheritance or by passing it over a socket: it can not be opened again by a path.
//!
//! # Contract of the unsafe code
//!
//! 1. A descriptor is one that the kernel has just given us or that an `OwnedFd` keeps open.
//! 2. What is written and read are the eight bytes of a number on our stack.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// A descriptor that is readable while it rings.
///
/// ```
/// use ropewalk_os::bell::Bell;
/// let bell = Bell::create()?;
/// bell.ring();
/// bell.ring(); // it rings already
/// bell.silence();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Bell(OwnedFd);

impl Bell {
    /// A silent one.
    ///
    /// # Errors
    /// What eventfd(2) reports.
    ///
    /// ```
    /// assert!(ropewalk_os::bell::Bell::create().is_ok());
    /// ```
    pub fn create() -> io::Result<Bell> {
        // SAFETY: rule 1.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: rule 1.
        Ok(Bell(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// One that another process has made.
    ///
    /// # Errors
    /// `InvalidInput` if the descriptor is none of eventfd(2).
    ///
    /// ```
    /// use ropewalk_os::bell::Bell;
    /// use std::os::fd::AsFd;
    /// let bell = Bell::create()?;
    /// let same = Bell::open(bell.as_fd().try_clone_to_owned()?)?;
    /// assert_eq!(same.number(), bell.number());
    /// assert!(Bell::open(std::fs::File::open("/dev/null")?.into()).is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn open(fd: OwnedFd) -> io::Result<Bell> {
        let place = format!("/proc/self/fd/{}", fd.as_raw_fd());
        if std::fs::read_link(place)?.as_os_str() != "anon_inode:[eventfd]" {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a descriptor of eventfd(2)"));
        }
        Ok(Bell(fd))
    }

    /// A number that no other bell of this machine has while this one lives; zero if the kernel does not tell.
    ///
    /// ```
    /// use ropewalk_os::bell::Bell;
    /// let (one, other) = (Bell::create()?, Bell::create()?);
    /// assert!(one.number() != other.number() || one.number() == 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn number(&self) -> u32 {
        let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", self.0.as_raw_fd()));
        let text = text.unwrap_or_default();
        let told = text.lines().find_map(|line| line.strip_prefix("eventfd-id:"));
        told.and_then(|number| number.trim().parse::<u32>().ok()).map_or(0, |number| number.wrapping_add(1))
    }

    /// Readable from now on.
    ///
    /// ```
    /// ropewalk_os::bell::Bell::create()?.ring();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn ring(&self) {
        let one = 1_u64;
        // SAFETY: rules 1 and 2. It fails only if it has been rung 2^64 times: it rings then.
        unsafe { libc::write(self.0.as_raw_fd(), (&raw const one).cast(), 8) };
    }

    /// Not readable from now on.
    ///
    /// ```
    /// ropewalk_os::bell::Bell::create()?.silence();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn silence(&self) {
        let mut count = 0_u64;
        // SAFETY: rules 1 and 2. It fails only if the bell is silent.
        unsafe { libc::read(self.0.as_raw_fd(), (&raw mut count).cast(), 8) };
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rings(bell: &Bell) -> bool {
        let mut poll = libc::pollfd { fd: bell.0.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: rule 1; one value on our stack.
        unsafe { libc::poll(&raw mut poll, 1, 0) == 1 }
    }

    #[test]
    fn a_bell_rings_until_it_is_silenced() {
        let bell = Bell::create().expect("eventfd");
        let same = Bell::open(bell.as_fd().try_clone_to_owned().expect("dup")).expect("an eventfd");
        assert!(!rings(&bell));
        bell.silence();
        bell.ring();
        same.ring();
        assert!(rings(&bell) && rings(&same));
        same.silence();
        assert!(!rings(&bell) && !rings(&same));
    }
}
