//! Processes that end when the one that started them does, whatever ended it.
//!
//! A process has one pipe that nobody writes to, and the only descriptor of its writing end: the system closes that
//! when the process ends. A child has a descriptor of the reading end, of its own making, and asks the kernel for a
//! signal when there is no writer left (`O_ASYNC`, fcntl(2)). So it needs no thread that watches, and the kernel does
//! not forget. It works however the child was started, also through a third process.
//!
//! Not `PR_SET_PDEATHSIG`: that fires when the thread ends that started the child, and knows of no third process.
//!
//! What must stay true: the writing end is in one process only. Forks through the C library close it in the child,
//! and a started program does not inherit it.
//!
//! # Contract of the unsafe code
//!
//! 1. The system calls take integers, and pointers to values on our stack; a descriptor that is not open is an error.
//! 2. The fork handlers and the signal's handler use atomics and system calls only, which are async-signal-safe, as handlers
//!    in a threaded process must be. So does [`hold`], which `children` calls in one.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::time::Duration;

const SETOWN: libc::c_int = 8;
const SETSIG: libc::c_int = 10;

/// The ends of this process's pipe, or -1.
static READING: AtomicI32 = AtomicI32::new(-1);
static WRITING: AtomicI32 = AtomicI32::new(-1);
/// Set while the pipe is made: a fork in that moment would copy a writing end that nobody knows of.
static MAKING: AtomicBool = AtomicBool::new(false);
/// The number of the timer of [`End::After`] plus one, or zero.
static TIMER: AtomicI32 = AtomicI32::new(0);
/// What this process holds on to, or -1.
static HELD: AtomicI32 = AtomicI32::new(-1);

/// How a process ends that [`hold`]s on to one that ends.
///
/// ```
/// use ropewalk_os::lifeline::End;
/// assert_ne!(End::AtOnce, End::After(std::time::Duration::from_millis(500)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is killed by the kernel.
    AtOnce,
    /// It has this time to notice by other means and to tidy up, then it is killed. A process that blocks all
    /// signals, in all threads, runs on.
    After(Duration),
}

/// A descriptor for one child of this process, inherited or passed on, to [`hold`] on to.
///
/// # Errors
/// What the system reports: no descriptors left, or no `/proc`.
///
/// ```
/// let line = ropewalk_os::lifeline::lease()?;
/// # drop(line);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn lease() -> io::Result<OwnedFd> {
    again(reading_end()?)
}

/// The calling process ends when the one that [`lease`]d `line` does, or at once if it has done so already. It holds
/// on until it closes `line`, or somebody lets it [go](let_go).
///
/// # Errors
/// What fcntl(2), sigaction(2) or timer_create(2) reports.
///
/// ```
/// use ropewalk_os::lifeline::{End, hold, lease, let_go};
/// let line = lease()?; // a child would hold on to it
/// hold(&line, End::AtOnce)?;
/// let_go(&line)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn hold(line: &impl AsRawFd, end: End) -> io::Result<()> {
    let signal = match end {
        End::AtOnce => libc::SIGKILL,
        End::After(grace) => countdown(grace)?,
    };
    control(line.as_raw_fd(), SETOWN, libc::pid_t::try_from(std::process::id()).unwrap_or(0))?;
    control(line.as_raw_fd(), SETSIG, signal)?;
    hold_again(line)?;
    HELD.store(line.as_raw_fd(), Ordering::Relaxed);
    if is_over(line.as_raw_fd()) {
        // SAFETY: rule 1. Too late for the kernel to tell us; a signal to ourselves.
        unsafe { libc::kill(libc::getpid(), signal) };
    }
    Ok(())
}

/// The descriptor by which this process holds on to another, if it does.
///
/// ```
/// assert_eq!(ropewalk_os::lifeline::held(), None);
/// ```
pub fn held() -> Option<RawFd> {
    Some(HELD.load(Ordering::Relaxed)).filter(|&fd| fd >= 0)
}

/// This is a forked child: what its parent held on to is not its own.
pub(crate) fn forget() {
    HELD.store(-1, Ordering::Relaxed);
}

/// Takes back [`let_go`].
///
/// # Errors
/// What fcntl(2) reports.
///
/// ```
/// use ropewalk_os::lifeline::{End, hold, hold_again, lease, let_go};
/// let line = lease()?;
/// hold(&line, End::AtOnce)?;
/// let_go(&line)?;
/// hold_again(&line)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn hold_again(line: &impl AsRawFd) -> io::Result<()> {
    control(line.as_raw_fd(), libc::F_SETFL, libc::O_ASYNC | libc::O_NONBLOCK)
}

/// The process that [`hold`]s on to `line` will not end with ours: any process that has the descriptor can say so.
///
/// # Errors
/// What fcntl(2) reports.
///
/// ```
/// use ropewalk_os::lifeline::{lease, let_go};
/// let_go(&lease()?)?; // nobody held on to it
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn let_go(line: &impl AsRawFd) -> io::Result<()> {
    control(line.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK)
}

/// Another descriptor of the same line, to hold on to in another way.
///
/// # Errors
/// As [`lease`].
///
/// ```
/// use ropewalk_os::lifeline::{another, lease};
/// let line = lease()?;
/// let other = another(&line)?;
/// # drop(other);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn another(line: &impl AsRawFd) -> io::Result<OwnedFd> {
    again(line.as_raw_fd())
}

/// Opens the pipe anew: who is signalled, and how, belongs to what open(2) made, and dup(2) would share it.
fn again(fd: RawFd) -> io::Result<OwnedFd> {
    use std::io::Write;
    // On the stack: memory that is touched between two forks is copied.
    let mut path = [0_u8; 32];
    write!(&mut path[..31], "/proc/self/fd/{fd}")?;
    let flags = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_CLOEXEC;
    // SAFETY: rule 1; the path ends with a zero.
    let opened = unsafe { libc::open(path.as_ptr().cast(), flags) };
    if opened < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: rule 1; it is new, and ours.
    Ok(unsafe { OwnedFd::from_raw_fd(opened) })
}

fn reading_end() -> io::Result<RawFd> {
    watch_forks();
    take();
    let mut ends = [READING.load(Ordering::Relaxed), -1];
    let mut made = 0;
    if ends[0] < 0 {
        // SAFETY: rule 1.
        made = unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) };
        if made == 0 {
            WRITING.store(ends[1], Ordering::Relaxed);
            READING.store(ends[0], Ordering::Relaxed);
        }
    }
    let error = io::Error::last_os_error();
    give_back();
    if made == 0 { Ok(ends[0]) } else { Err(error) }
}

fn take() {
    while MAKING.swap(true, Ordering::Acquire) {
        std::thread::yield_now();
    }
}

extern "C" fn give_back() {
    MAKING.store(false, Ordering::Release);
}

pub(crate) fn watch_forks() {
    extern "C" fn before() {
        while MAKING.swap(true, Ordering::Acquire) {
            std::hint::spin_loop();
        }
    }
    extern "C" fn in_child() {
        for end in [&READING, &WRITING] {
            let fd = end.swap(-1, Ordering::Relaxed);
            if fd >= 0 {
                // SAFETY: rules 1 and 2; it was ours.
                unsafe { libc::close(fd) };
            }
        }
        TIMER.store(0, Ordering::Relaxed); // timers are not inherited
        give_back();
    }
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        // SAFETY: rule 2.
        unsafe { libc::pthread_atfork(Some(before), Some(give_back), Some(in_child)) };
    });
}

/// Whether the pipe has no writer left: it reads as ended, not as empty.
fn is_over(fd: RawFd) -> bool {
    let mut byte = 0u8;
    // SAFETY: rule 1.
    unsafe { libc::read(fd, (&raw mut byte).cast(), 1) == 0 }
}

fn control(fd: RawFd, command: libc::c_int, value: libc::c_int) -> io::Result<()> {
    // SAFETY: rule 1.
    if unsafe { libc::fcntl(fd, command, value) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Makes a signal that starts a timer that kills; says which signal it is.
fn countdown(grace: Duration) -> io::Result<libc::c_int> {
    static SECONDS: AtomicUsize = AtomicUsize::new(0);
    static NANOS: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn start(_: libc::c_int) {
        let timer = TIMER.load(Ordering::Relaxed);
        let time = libc::itimerspec {
            it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: libc::timespec {
                tv_sec: SECONDS.load(Ordering::Relaxed) as libc::time_t,
                tv_nsec: NANOS.load(Ordering::Relaxed) as libc::c_long,
            },
        };
        if timer != 0 {
            let none: *mut libc::itimerspec = std::ptr::null_mut();
            // SAFETY: rules 1 and 2. An interrupted call must not see our error.
            unsafe {
                let errno = libc::__errno_location();
                let before = *errno;
                libc::syscall(libc::SYS_timer_settime, timer - 1, 0, &raw const time, none);
                *errno = before;
            }
        }
    }
    let grace = grace.max(Duration::from_nanos(1)); // zero would stop the timer
    SECONDS.store(usize::try_from(grace.as_secs()).unwrap_or(usize::MAX >> 1), Ordering::Relaxed);
    NANOS.store(grace.subsec_nanos() as usize, Ordering::Relaxed);
    // In the middle of those that nothing else gives a meaning.
    let signal = libc::SIGRTMAX() - 5;
    // SAFETY: rules 1 and 2; the structures are valid when zero.
    unsafe {
        if TIMER.load(Ordering::Relaxed) == 0 {
            let mut event: libc::sigevent = std::mem::zeroed();
            event.sigev_notify = libc::SIGEV_SIGNAL;
            event.sigev_signo = libc::SIGKILL;
            let mut timer: libc::c_int = 0;
            // The call itself: the C library's function may ask for memory, which a handler after a fork must not.
            let (clock, event, number) = (libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer);
            if libc::syscall(libc::SYS_timer_create, clock, event, number) != 0 {
                return Err(io::Error::last_os_error());
            }
            TIMER.store(timer + 1, Ordering::Relaxed);
        }
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = start as extern "C" fn(libc::c_int) as libc::sighandler_t;
        action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
        if libc::sigaction(signal, &action, std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(signal)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A child of one test would keep the pipe of another open.
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());

    fn alone() -> std::sync::MutexGuard<'static, ()> {
        ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A child that does this and then sleeps; says how it ended.
    fn fate(in_child: impl FnOnce(), then: impl FnOnce(libc::pid_t)) -> libc::c_int {
        // SAFETY: rule 1; the child uses system calls only, and ends without a destructor.
        unsafe {
            let child = libc::fork();
            if child == 0 {
                in_child();
                loop {
                    libc::pause();
                }
            }
            then(child);
            let mut status = 0;
            while libc::waitpid(child, &mut status, 0) < 0 {}
            status
        }
    }

    /// A pipe as if of another process, whose writing end we close when that shall end.
    fn another_process() -> (RawFd, RawFd) {
        let mut ends = [-1; 2];
        // SAFETY: rule 1.
        unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) };
        (ends[0], ends[1])
    }

    fn close(fd: RawFd) {
        // SAFETY: rule 1.
        unsafe { libc::close(fd) };
    }

    fn ends_with(end: End) {
        let _alone = alone();
        let (reading, writing) = another_process();
        let line = again(reading).expect("proc is mounted");
        let child = || {
            close(writing);
            hold(&line, end).expect("hold");
        };
        let status = fate(child, |_| close(writing));
        assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGKILL, "{status:x}");
        close(reading);
    }

    #[test]
    fn who_holds_on_is_killed_when_the_other_ends() {
        ends_with(End::AtOnce);
    }

    #[test]
    fn who_has_a_grace_is_killed_after_it() {
        ends_with(End::After(Duration::from_millis(20)));
    }

    #[test]
    fn a_fork_has_no_writing_end_of_its_parents_line() {
        let _alone = alone();
        let line = lease().expect("proc is mounted");
        let status = fate(
            || {
                let own = WRITING.load(Ordering::Relaxed);
                // SAFETY: rule 1.
                unsafe { libc::_exit(i32::from(own >= 0)) };
            },
            |_| (),
        );
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0);
        assert!(!is_over(line.as_raw_fd()), "ours is open");
    }

    #[test]
    fn who_was_let_go_lives_on() {
        let _alone = alone();
        let (reading, writing) = another_process();
        let line = again(reading).expect("proc is mounted");
        let (told, tell) = another_process();
        let child = || {
            close(writing);
            hold(&line, End::AtOnce).expect("hold");
            close(tell);
        };
        let status = fate(child, |child| {
            close(tell);
            while !is_over(told) {
                std::thread::yield_now();
            }
            let_go(&line).expect("let go");
            close(writing);
            // SAFETY: rule 1; it lives, so this is what ends it.
            unsafe { libc::kill(child, libc::SIGTERM) };
        });
        assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGTERM, "{status:x}");
        close(reading);
        close(told);
    }
}
