//! Somebody who looks at this process now and then, from inside, while it does something else; and when it crashes.
//!
//! A worker that is killed can not say what it was doing. So it is looked at before, by a signal's handler on the thread
//! that works: a timer of the kernel's sends the signal, asked for with [`arm`], which costs nothing while one is on its way
//! already. No second thread is needed: the process may fork. The same [`Observer`] is called when the process gets a
//! signal by which it will die ([`crash`]).
//!
//! The signal is `SIGURG`, whose default is to be ignored: if a program takes it for itself, or sets all signals back to
//! their defaults, nothing worse happens than that nobody looks any more. A program that has a handler for it already
//! keeps that, and another signal is taken.
//!
//! What must stay true: timers are not inherited, and the handlers look at nothing in any process but the one that called
//! [`start`]. System calls that the signal interrupts go on by themselves where the kernel can do that (`SA_RESTART`).
//!
//! # Contract of the unsafe code
//!
//! 1. The system calls take integers, and pointers to values on our stack.
//! 2. Handlers use atomics and async-signal-safe calls only, and leave `errno` as it was. What an observer may do is told at
//!    [`Observer`].
//! 3. [`OBSERVER`] is null or a pointer to a box that was leaked.
#![allow(unsafe_code)]

mod crash;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicUsize, Ordering};
use std::time::Duration;

/// Why the observer looks.
///
/// ```
/// use ropewalk_os::sampler::Cause;
/// assert_ne!(Cause::Time, Cause::Crash(11));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It is time.
    Time,
    /// The process got this signal, by which it dies unless somebody else handles it.
    Crash(i32),
}

/// Who looks. It is called by a signal's handler, at any instruction of the program: it must not allocate, lock or
/// panic, and must not touch what may be half-done.
///
/// ```
/// use ropewalk_os::sampler::{Cause, Observer};
/// use std::time::Duration;
/// struct EverySecond;
/// impl Observer for EverySecond {
///     fn look(&self, _: Cause) -> Option<Duration> {
///         Some(Duration::from_secs(1))
///     }
/// }
/// ```
pub trait Observer: Sync {
    /// Looks, and says when to look again; `None`: when [`arm`] is called.
    ///
    /// ```
    /// use ropewalk_os::sampler::{Cause, Observer};
    /// struct Never;
    /// impl Observer for Never {
    ///     fn look(&self, _: Cause) -> Option<std::time::Duration> {
    ///         None
    ///     }
    /// }
    /// assert_eq!(Never.look(Cause::Time), None);
    /// ```
    fn look(&self, cause: Cause) -> Option<Duration>;
}

/// The process that is looked at; 0 if none is.
static WATCHED: AtomicI32 = AtomicI32::new(0);
static OBSERVER: AtomicPtr<&'static dyn Observer> = AtomicPtr::new(std::ptr::null_mut());
/// The kernel's timer plus one, or zero.
static TIMER: AtomicUsize = AtomicUsize::new(0);
/// Whether the timer will fire.
static ARMED: AtomicBool = AtomicBool::new(false);
/// Whether the observer is looking: it may crash.
static LOOKING: AtomicBool = AtomicBool::new(false);

/// The calling thread is looked at from now on, by `observer`, until [`stop`]; whoever looked before does no more.
///
/// A handler of another's for a signal by which the process dies is left alone, unless its code is in the same file as
/// the address `friend`.
///
/// # Errors
/// What sigaction(2) and timer_create(2) report, or `AddrInUse` if the program has handlers for all signals that might
/// be used.
///
/// ```
/// use ropewalk_os::sampler::{self, Cause, Observer};
/// use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
/// use std::time::Duration;
/// static SEEN: AtomicBool = AtomicBool::new(false);
/// struct Once;
/// impl Observer for Once {
///     fn look(&self, _: Cause) -> Option<Duration> {
///         SEEN.store(true, Relaxed);
///         None
///     }
/// }
/// sampler::start(&Once, 0)?;
/// sampler::arm(Duration::from_millis(1));
/// while !SEEN.load(Relaxed) {}
/// sampler::stop();
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn start(observer: &'static dyn Observer, friend: usize) -> io::Result<()> {
    stop();
    // Of the process that this one was forked from, if they are not zero.
    TIMER.store(0, Ordering::Relaxed);
    ARMED.store(false, Ordering::Relaxed);
    LOOKING.store(false, Ordering::Relaxed);
    let signal = choose()?;
    // SAFETY: rules 1 and 2; the structures are valid when zero.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = ticked as extern "C" fn(libc::c_int) as libc::sighandler_t;
        action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
        if libc::sigaction(signal, &raw const action, std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
        let mut event: libc::sigevent = std::mem::zeroed();
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = signal;
        event.sigev_notify_thread_id = libc::gettid();
        let mut timer: libc::timer_t = std::mem::zeroed();
        if libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) != 0 {
            return Err(io::Error::last_os_error());
        }
        TIMER.store(timer as usize + 1, Ordering::Relaxed);
    }
    crash::install(friend);
    OBSERVER.store(Box::leak(Box::new(observer)), Ordering::Release); // rule 3
    // SAFETY: rule 1.
    WATCHED.store(unsafe { libc::getpid() }, Ordering::Release); // after all else: now the handlers look
    Ok(())
}

/// The observer looks in about `after`, or when it wants to if that was settled already. For the thread that called
/// [`start`]; does nothing if none has.
///
/// ```
/// ropewalk_os::sampler::arm(std::time::Duration::from_secs(1)); // nobody looks
/// ```
#[inline]
pub fn arm(after: Duration) {
    if !ARMED.load(Ordering::Relaxed) && TIMER.load(Ordering::Relaxed) != 0 {
        ARMED.store(true, Ordering::Relaxed);
        set(after);
    }
}

/// Nobody looks any more.
///
/// ```
/// ropewalk_os::sampler::stop(); // nobody did
/// ```
pub fn stop() {
    if is_watched() {
        WATCHED.store(0, Ordering::Relaxed);
        let timer = TIMER.swap(0, Ordering::Relaxed);
        if timer != 0 {
            // SAFETY: rule 1; it is ours, and nobody sets it any more.
            unsafe { libc::timer_delete((timer - 1) as libc::timer_t) };
        }
        ARMED.store(false, Ordering::Relaxed);
    }
}

fn set(after: Duration) {
    let after = after.max(Duration::from_nanos(1)); // zero would stop the timer
    let time = libc::itimerspec {
        it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 },
        it_value: libc::timespec {
            tv_sec: libc::time_t::try_from(after.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: libc::c_long::from(after.subsec_nanos().cast_signed()),
        },
    };
    let timer = TIMER.load(Ordering::Relaxed);
    let is_set = timer != 0 && {
        let timer = (timer - 1) as libc::timer_t;
        // SAFETY: rule 1; a timer that was deleted is an error.
        unsafe { libc::timer_settime(timer, 0, &raw const time, std::ptr::null_mut()) == 0 }
    };
    if !is_set {
        ARMED.store(false, Ordering::Relaxed);
    }
}

/// The first of the signals that might be used that is nobody's, or ours from before a fork.
fn choose() -> io::Result<libc::c_int> {
    let ours = ticked as extern "C" fn(libc::c_int) as libc::sighandler_t;
    let candidates = [libc::SIGURG, libc::SIGRTMAX() - 6, libc::SIGRTMAX() - 7];
    let free = candidates.into_iter().find(|&signal| {
        handler_of(signal).is_some_and(|(handler, _)| handler == libc::SIG_DFL || handler == ours)
    });
    free.ok_or_else(|| io::Error::from(io::ErrorKind::AddrInUse))
}

/// What is done about a signal, and its flags.
fn handler_of(signal: libc::c_int) -> Option<(libc::sighandler_t, libc::c_int)> {
    // SAFETY: rule 1; the structure is valid when zero.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        let asked = libc::sigaction(signal, std::ptr::null(), &raw mut action);
        (asked == 0).then_some((action.sa_sigaction, action.sa_flags))
    }
}

fn is_watched() -> bool {
    let watched = WATCHED.load(Ordering::Acquire);
    // SAFETY: rule 1. Not by the count of forks: a child of vfork(2) has our memory and no timer.
    watched != 0 && watched == unsafe { libc::getpid() }
}

extern "C" fn ticked(_: libc::c_int) {
    keeping_errno(|| {
        if is_watched() {
            match look(Cause::Time) {
                Some(next) => set(next),
                None => ARMED.store(false, Ordering::Relaxed),
            }
        }
    });
}

/// Lets the observer look, unless it is looking: then it has crashed, or another thread has.
fn look(cause: Cause) -> Option<Duration> {
    if LOOKING.swap(true, Ordering::Acquire) {
        return None;
    }
    // SAFETY: rule 3.
    let next = unsafe { OBSERVER.load(Ordering::Acquire).as_ref() }.and_then(|observer| observer.look(cause));
    LOOKING.store(false, Ordering::Release);
    next
}

fn keeping_errno(work: impl FnOnce()) {
    // SAFETY: rule 2; a pointer to this thread's own.
    unsafe {
        let errno = libc::__errno_location();
        let before = *errno;
        work();
        *errno = before;
    }
}

#[cfg(test)]
mod tests;
