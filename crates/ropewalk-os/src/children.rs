//! What this process keeps for its children, and what a child does first of all when it is forked.
//!
//! A child of fork(2) has every descriptor of its parent. Some must not be there: the writing ends by which its parent's
//! end is seen would hide that end. And a child that is to end with its parent should hold on to it before anything else
//! happens. Both are done by a handler in the child, before the call returns there: nothing of the program is touched for
//! it, so nothing is copied.
//!
//! # Contract of the unsafe code
//!
//! 1. The lists are looked at only by who has set `TAKEN`; the handler before a fork sets it, and those after it, in both
//!    processes, take it back.
//! 2. A handler uses system calls, atomics, and memory that is there, which is async-signal-safe, as a handler in the child
//!    of a threaded process must be. It does not unwind.
//! 3. A descriptor in a list is open until it is taken out.
#![allow(unsafe_code)]

use crate::lifeline::{self, End};
use std::cell::{Cell, UnsafeCell};
use std::os::fd::RawFd;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

struct Kept(UnsafeCell<List>);

/// For each child: what is closed in others; its line, if it outlives a parent which leaves on purpose.
type List = Vec<(RawFd, Option<RawFd>)>;

// SAFETY: rule 1.
unsafe impl Sync for Kept {}

static KEPT: Kept = Kept(UnsafeCell::new(Vec::new()));
static TAKEN: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// What the next child that this thread forks holds on to.
    static NEXT: Cell<Option<(RawFd, End)>> = const { Cell::new(None) };
}

extern "C" fn take() {
    while TAKEN.swap(true, Ordering::Acquire) {
        std::thread::yield_now();
    }
}

extern "C" fn give_back() {
    TAKEN.store(false, Ordering::Release);
}

extern "C" fn in_child() {
    // SAFETY: rule 1.
    let list = unsafe { &mut *KEPT.0.get() };
    for &(fd, _) in list.iter() {
        // SAFETY: rules 2 and 3.
        unsafe { libc::close(fd) };
    }
    list.clear();
    lifeline::forget();
    if let Some((line, end)) = NEXT.take() {
        let _ = lifeline::hold(&line, end); // without such signals: as if there were no line
    }
    give_back();
}

fn with<T>(look: impl FnOnce(&mut List) -> T) -> T {
    watch();
    take();
    // SAFETY: rule 1.
    let value = look(unsafe { &mut *KEPT.0.get() });
    give_back();
    value
}

fn watch() {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        lifeline::watch_forks(); // its handler comes first
        // SAFETY: rules 1 and 2.
        unsafe { libc::pthread_atfork(Some(take), Some(give_back), Some(in_child)) };
    });
}

/// The next process that this thread forks [holds on](lifeline::hold) to `line`; `None` takes it back. What was said before.
///
/// ```
/// use ropewalk_os::{children, lifeline::{End, lease}};
/// use std::os::fd::AsRawFd;
/// let line = lease()?;
/// let next = Some((line.as_raw_fd(), End::AtOnce));
/// assert_eq!(children::next_holds(next), None);
/// assert_eq!(children::next_holds(None), next); // it was not forked after all
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn next_holds(line: Option<(RawFd, End)>) -> Option<(RawFd, End)> {
    watch();
    NEXT.replace(line)
}

/// A child has begun: `closed` is a descriptor that later ones shall not have, `line` what this one holds on to if it goes
/// on when we [leave].
///
/// ```
/// use ropewalk_os::children;
/// use std::os::fd::AsRawFd;
/// let (_reader, writer) = std::io::pipe()?;
/// children::begun(writer.as_raw_fd(), None);
/// assert_eq!(children::ended(writer.as_raw_fd()), None); // it had no line
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn begun(closed: RawFd, line: Option<RawFd>) {
    with(|list| list.push((closed, line)));
}

/// Takes back what [`begun`] was told, before the descriptors are closed. The line, if there is one.
///
/// ```
/// assert_eq!(ropewalk_os::children::ended(-1), None); // of which it has not been told
/// ```
pub fn ended(closed: RawFd) -> Option<RawFd> {
    with(|list| {
        let place = list.iter().position(|&(fd, _)| fd == closed)?;
        list.swap_remove(place).1
    })
}

/// This process is about to leave on purpose: children that are not bound to it live on.
///
/// ```
/// ropewalk_os::children::leave();
/// ropewalk_os::children::stay();
/// ```
pub fn leave() {
    with(|list| list.iter().filter_map(|(_, line)| *line).for_each(|line| drop(lifeline::let_go(&line))));
}

/// It did not leave: takes back [`leave`].
///
/// ```
/// ropewalk_os::children::stay(); // children hold on again
/// ```
pub fn stay() {
    with(|list| list.iter().filter_map(|(_, line)| *line).for_each(|line| drop(lifeline::hold_again(&line))));
}

/// Whether the pipe whose other end a child has is readable, or ended, within this time: then the child has ended, or is
/// about to. A signal ends the wait.
///
/// ```
/// use ropewalk_os::children::ends_within;
/// use std::{os::fd::AsRawFd, time::Duration};
/// let (reader, writer) = std::io::pipe()?;
/// assert!(!ends_within(reader.as_raw_fd(), Duration::from_millis(1)));
/// drop(writer);
/// assert!(ends_within(reader.as_raw_fd(), Duration::from_secs(60)));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn ends_within(sentinel: RawFd, time: Duration) -> bool {
    let mut asked = libc::pollfd { fd: sentinel, events: libc::POLLIN, revents: 0 };
    let time = libc::c_int::try_from(time.as_millis()).unwrap_or(libc::c_int::MAX);
    // SAFETY: rule 2; one structure of ours.
    unsafe { libc::poll(&raw mut asked, 1, time) > 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    fn fork(in_child: impl FnOnce() -> i32) -> i32 {
        // SAFETY: rule 2; the child makes system calls only and ends without destructors.
        unsafe {
            let child = libc::fork();
            if child == 0 {
                libc::_exit(in_child());
            }
            let mut status = 0;
            while libc::waitpid(child, &mut status, 0) < 0 {}
            libc::WEXITSTATUS(status)
        }
    }

    fn is_open(fd: RawFd) -> bool {
        // SAFETY: rule 2.
        unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
    }

    #[test]
    fn a_child_has_none_of_what_is_not_for_it_and_holds_on_from_the_first() {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let line = lifeline::lease().expect("proc is mounted");
        let (writer, line) = (writer.as_raw_fd(), line.as_raw_fd());
        begun(writer, None);
        next_holds(Some((line, End::AtOnce)));
        let seen = fork(|| i32::from(is_open(writer)) | i32::from(lifeline::held() != Some(line)) << 1);
        assert_eq!(seen, 0);
        assert_eq!(lifeline::held(), None, "we do not");
        next_holds(None);
        assert_eq!(ended(writer), None, "it had no line");
        let seen = fork(|| i32::from(is_open(writer)) | i32::from(lifeline::held().is_some()) << 1);
        assert_eq!(seen, 1, "only what is in the lists, and one child only");
        drop(reader);
    }

    #[test]
    fn another_threads_child_does_not_hold_on() {
        let line = lifeline::lease().expect("proc is mounted");
        next_holds(Some((line.as_raw_fd(), End::AtOnce)));
        let seen = std::thread::scope(|scope| {
            let other = scope.spawn(|| fork(|| i32::from(lifeline::held().is_some())));
            other.join().expect("no panic")
        });
        assert_eq!(seen, 0);
        next_holds(None);
    }
}
