//! What std's `Command` lacks for a program that starts itself again: descriptors that one child inherits and no other,
//! and a wait that leaves the ended process in its place.
//!
//! Every descriptor is close-on-exec, so that a program started elsewhere meanwhile does not get it. The one child
//! that shall have it takes the mark away between fork and exec, in its own copy.
//!
//! # Contract of the unsafe code
//!
//! 1. The system calls take integers, and pointers to values on our stack; a descriptor that is not open is an error.
//! 2. What runs between fork and exec is fcntl(2) alone, which is async-signal-safe, and no allocation.
//! 3. A descriptor is borrowed for one call only, which reports it if it is not open.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The processes that `command` starts inherit `fd`; says the number that it has there. `command` keeps a copy for
/// as long as it lives.
///
/// # Errors
/// No descriptors are left.
///
/// ```
/// use std::{fs::File, process::Command};
/// let mut command = Command::new("test");
/// let number = ropewalk_os::child::inherit(&mut command, &File::open("/dev/null")?)?;
/// assert!(command.args(["-e", &format!("/proc/self/fd/{number}")]).status()?.success());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn inherit(command: &mut Command, fd: &impl AsFd) -> io::Result<RawFd> {
    let copy = fd.as_fd().try_clone_to_owned()?; // never 0, 1 or 2, which std sets up for the child
    let number = copy.as_raw_fd();
    // SAFETY: rule 2.
    unsafe { command.pre_exec(move || set_flags(copy.as_raw_fd(), 0)) };
    Ok(number)
}

/// A descriptor of what this process has inherited as `number`.
///
/// # Errors
/// It is not open, or no descriptors are left.
///
/// ```
/// let error = std::io::stderr();
/// assert!(ropewalk_os::child::inherited(std::os::fd::AsRawFd::as_raw_fd(&error)).is_ok());
/// assert!(ropewalk_os::child::inherited(-1).is_err());
/// ```
pub fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: rule 3; it is not -1.
    unsafe { BorrowedFd::borrow_raw(number) }.try_clone_to_owned()
}

/// What this process has inherited as `number` goes no further: programs that it starts do not get it.
///
/// # Errors
/// It is not open.
///
/// ```
/// use std::{fs::File, os::fd::AsRawFd};
/// let file = File::open("/dev/null")?;
/// ropewalk_os::child::close_on_exec(file.as_raw_fd())?;
/// assert!(ropewalk_os::child::close_on_exec(-1).is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn close_on_exec(number: RawFd) -> io::Result<()> {
    set_flags(number, libc::FD_CLOEXEC)
}

fn set_flags(fd: RawFd, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: rule 1.
    if unsafe { libc::fcntl(fd, libc::F_SETFD, flags) } < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Sleeps until the child `pid` of this process has ended. Its number stays its own until somebody waits for it with
/// `Child::wait`; or it has gone already, if somebody else did.
///
/// ```
/// let mut child = std::process::Command::new("true").spawn()?;
/// ropewalk_os::child::wait_for_end(child.id());
/// assert!(child.try_wait()?.is_some_and(|status| status.success()));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn wait_for_end(pid: u32) {
    // SAFETY: rule 1; the structure is valid when zero, and filled by the system.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        while libc::waitid(libc::P_PID, pid, &mut info, libc::WEXITED | libc::WNOWAIT) < 0
            && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
        {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    fn has(command: &mut Command, number: RawFd) -> bool {
        command.args(["-e", &format!("/proc/self/fd/{number}")]).status().expect("test(1)").success()
    }

    #[test]
    fn one_child_inherits_a_descriptor_and_another_does_not() {
        let file = File::open("/dev/null").expect("it is there");
        let mut one = Command::new("test");
        let number = inherit(&mut one, &file).expect("descriptors");
        assert!(!has(&mut Command::new("test"), number));
        assert!(has(&mut one, number));
        assert!(!has(&mut Command::new("test"), number), "the mark is back only if it was never away");
    }

    #[test]
    fn a_descriptor_that_was_inherited_goes_no_further() {
        let file = File::open("/dev/null").expect("it is there");
        set_flags(file.as_raw_fd(), 0).expect("open");
        let copy = inherited(file.as_raw_fd()).expect("open");
        close_on_exec(file.as_raw_fd()).expect("open");
        for fd in [file.as_raw_fd(), copy.as_raw_fd()] {
            assert!(!has(&mut Command::new("test"), fd));
        }
    }

    #[test]
    fn who_waits_for_the_end_leaves_the_process_for_another_to_wait_for() {
        let mut child = Command::new("sleep").arg("1000").spawn().expect("sleep");
        child.kill().expect("ours");
        wait_for_end(child.id());
        wait_for_end(child.id());
        assert!(!child.try_wait().expect("ours").expect("it ended").success());
        wait_for_end(child.id()); // gone: at once
    }
}
