//! A thread that ends this process when another ends, for a process that has no [`lifeline`](crate::lifeline) to hold
//! on to.
//!
//! It sleeps on a pidfd (pidfd_open(2), Linux 5.3), which cannot mean a later process of the same number. Where there
//! is none it looks at the parent's number ten times a second.
//!
//! # Contract of the unsafe code
//!
//! 1. The system calls take integers, and pointers to values on our stack; a descriptor or a number that means nothing
//!    is an error.
//! 2. A descriptor made by a call here belongs to nobody else: it becomes an `OwnedFd` once.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::thread;
use std::time::Duration;

/// Kills the calling process when the process `pid` ends: by a thread of the system, which takes no signals, so that
/// the program's own threads get them.
///
/// Who calls makes sure, afterwards, that `pid` still is who was meant.
///
/// # Errors
/// What the system reports: there is no such process, or no thread can be had. Without pidfd_open(2), if it is not
/// the parent.
///
/// ```
/// ropewalk_os::watcher::end_with(std::process::id())?; // it ends when it ends
/// assert!(ropewalk_os::watcher::end_with(u32::MAX >> 1).is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn end_with(pid: u32) -> io::Result<()> {
    let other = match open(pid) {
        Ok(other) => Some(other),
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) || parent() != pid => return Err(error),
        Err(_) => None,
    };
    without_signals(|| {
        let watch = thread::Builder::new().name("ropewalk-parent".into()).stack_size(64 << 10);
        watch.spawn(move || {
            match &other {
                Some(other) => wait(other),
                None => {
                    while parent() == pid {
                        thread::sleep(Duration::from_millis(100));
                    }
                }
            }
            // SAFETY: rule 1.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
        })
    })?;
    Ok(())
}

fn parent() -> u32 {
    std::os::unix::process::parent_id()
}

fn open(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: rule 1.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    // SAFETY: rule 2; close-on-exec by itself.
    if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) }) }
}

/// Sleeps until the process has ended, whether or not anybody has waited for it.
fn wait(other: &OwnedFd) {
    let mut poll = libc::pollfd { fd: other.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    while poll.revents == 0 {
        // SAFETY: rule 1.
        unsafe { libc::poll(&mut poll, 1, -1) };
    }
}

/// A thread made meanwhile has all signals blocked.
fn without_signals<R>(make: impl FnOnce() -> R) -> R {
    // SAFETY: rule 1; the sets are valid when zero, and filled by the system.
    unsafe {
        let (mut all, mut before) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        let made = make();
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_has_ended_is_not_watched() {
        let mut child = std::process::Command::new("true").spawn().expect("true");
        let pid = child.id();
        child.wait().expect("ours");
        assert!(end_with(pid).is_err());
    }

    #[test]
    fn a_wait_ends_with_the_process() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().expect("sleep");
        let other = open(child.id()).expect("it runs");
        child.kill().expect("ours");
        wait(&other); // before anybody has waited for it
        child.wait().expect("ours");
    }
}
