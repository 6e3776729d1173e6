//! Signals for one process, and for no later one of its number.
//!
//! A descriptor of the process (pidfd_open(2), Linux 5.3) is opened first, and then it is looked whether it is who was
//! meant: from there on the number may be reused as it likes. Without such descriptors kill(2) must do.
//!
//! # Contract of the unsafe code
//!
//! 1. The system calls take integers; a number that means nothing is an error.
//! 2. A descriptor made by a call here belongs to nobody else: it becomes an `OwnedFd` once.
#![allow(unsafe_code)]

use crate::identity::Identity;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// The signal that ends a process whatever it does.
///
/// ```
/// assert_eq!(ropewalk_os::signal::KILL, 9);
/// ```
pub const KILL: i32 = libc::SIGKILL;

/// The signal by which a worker is asked to stop what it does: a real-time one that nothing else gives a meaning.
///
/// ```
/// assert!(ropewalk_os::signal::ask() > 32);
/// ```
pub fn ask() -> i32 {
    libc::SIGRTMAX() - 6
}

/// Sends a signal to this very process. `false` if it has ended.
///
/// # Errors
/// What the system reports: we may not signal it.
///
/// ```
/// use ropewalk_os::{identity::Identity, signal};
/// let mut child = std::process::Command::new("sleep").arg("1000").spawn()?;
/// let identity = Identity::of(child.id())?;
/// assert!(!signal::send(Identity { start: identity.start + 1, ..identity }, signal::KILL)?); // another process
/// assert!(signal::send(identity, signal::KILL)?);
/// child.wait()?;
/// assert!(!signal::send(identity, signal::KILL)?);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn send(whom: Identity, signal: i32) -> io::Result<bool> {
    // SAFETY: rule 1.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, whom.pid, 0) };
    let opened = if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(fd as i32) };
    // SAFETY: rule 2.
    let opened = opened.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    if !whom.is_alive() {
        return Ok(false);
    }
    let sent = match opened {
        // SAFETY: rule 1.
        Ok(fd) => unsafe {
            libc::syscall(libc::SYS_pidfd_send_signal, fd.as_raw_fd(), signal, std::ptr::null::<u8>(), 0)
        },
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Ok(false),
        // SAFETY: rule 1. No such call here, or no descriptors left.
        Err(_) => libc::c_long::from(unsafe { libc::kill(whom.pid as libc::pid_t, signal) }),
    };
    if sent == 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() == Some(libc::ESRCH) { Ok(false) } else { Err(error) }
}
