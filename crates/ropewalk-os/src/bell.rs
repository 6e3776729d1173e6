//! A descriptor that is readable after it was rung: for who waits in select(2) or poll(2) with other descriptors.
//!
//! # Contract of the unsafe code
//!
//! 1. A descriptor is one that the kernel has just given us or that an `OwnedFd` keeps open; the kernel reads and writes the
//!    eight bytes that it is given, which are on our stack.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// An eventfd that never blocks.
///
/// ```
/// let bell = ropewalk_os::bell::Bell::new()?;
/// assert!(!bell.is_rung());
/// bell.ring();
/// bell.ring();
/// assert!(bell.is_rung());
/// bell.hush();
/// assert!(!bell.is_rung());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Bell(OwnedFd);

impl Bell {
    /// A new one, not rung.
    ///
    /// # Errors
    /// What eventfd(2) reports.
    ///
    /// ```
    /// assert!(ropewalk_os::bell::Bell::new().is_ok());
    /// ```
    pub fn new() -> io::Result<Bell> {
        // SAFETY: rule 1: no memory is passed.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: rule 1.
        Ok(Bell(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The one that another process has made.
    ///
    /// ```
    /// use ropewalk_os::bell::Bell;
    /// use std::os::fd::AsFd;
    /// let bell = Bell::new()?;
    /// Bell::from_fd(bell.as_fd().try_clone_to_owned()?).ring();
    /// assert!(bell.is_rung());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_fd(fd: OwnedFd) -> Bell {
        Bell(fd)
    }

    /// Makes it readable, for all processes that have it, until somebody hushes it.
    ///
    /// ```
    /// ropewalk_os::bell::Bell::new()?.ring();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn ring(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: rule 1. It fails only if it was rung 2^64 times; it is readable then.
        unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Makes it not readable.
    ///
    /// ```
    /// ropewalk_os::bell::Bell::new()?.hush(); // it was not
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn hush(&self) {
        let mut count = [0; 8];
        // SAFETY: rule 1. It fails if it was not rung.
        unsafe { libc::read(self.0.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }

    /// Whether it is readable now.
    ///
    /// ```
    /// assert!(!ropewalk_os::bell::Bell::new()?.is_rung());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_rung(&self) -> bool {
        let mut poll = libc::pollfd { fd: self.0.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: rule 1: one entry, on our stack.
        unsafe { libc::poll(&raw mut poll, 1, 0) == 1 }
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
