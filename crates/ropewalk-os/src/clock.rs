//! A clock that never jumps, and the moment at which a wait ends.
//!
//! # Contract of the unsafe code
//!
//! 1. The call writes one timespec that we own, and CLOCK_MONOTONIC always exists.
#![allow(unsafe_code)]

use std::time::Duration;

/// Nanoseconds on the system's monotonic clock.
///
/// ```
/// let a = ropewalk_os::clock::now();
/// assert!(ropewalk_os::clock::now() >= a);
/// ```
pub fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: rule 1.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// As [`now`], but only as exact as the system's tick (some milliseconds), and four times as quick.
///
/// ```
/// use ropewalk_os::clock;
/// assert!(clock::coarse() <= clock::now());
/// ```
pub fn coarse() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: rule 1; this clock always exists too.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Nanoseconds of processor time that this process has used.
///
/// ```
/// use ropewalk_os::clock::processor_time;
/// let before = processor_time();
/// assert!(processor_time() >= before);
/// ```
pub fn processor_time() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: rule 1; this clock always exists too.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// When a wait gives up: never, at once, or at a moment of the monotonic clock.
///
/// A deadline is taken once, before the first sleep, so that interrupted and repeated sleeps of one wait
/// end together at the moment the caller asked for.
///
/// ```
/// use ropewalk_os::Deadline;
/// use std::time::Duration;
/// assert!(!Deadline::NEVER.passed());
/// assert!(Deadline::NOW.passed());
/// assert!(!Deadline::after(Duration::from_secs(60)).passed());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(u64);

impl Deadline {
    /// Wait as long as it takes.
    ///
    /// ```
    /// use ropewalk_os::Deadline;
    /// assert_eq!(Deadline::NEVER.remaining(), None);
    /// ```
    pub const NEVER: Deadline = Deadline(u64::MAX);
    /// Do not wait.
    ///
    /// ```
    /// use ropewalk_os::Deadline;
    /// assert!(Deadline::NOW.passed());
    /// ```
    pub const NOW: Deadline = Deadline(0);

    /// Wait for `timeout` from now; a time too long for the clock is [`Deadline::NEVER`].
    ///
    /// ```
    /// use ropewalk_os::Deadline;
    /// use std::time::Duration;
    /// assert_eq!(Deadline::after(Duration::ZERO), Deadline::NOW);
    /// assert_eq!(Deadline::after(Duration::MAX), Deadline::NEVER);
    /// ```
    pub fn after(timeout: Duration) -> Deadline {
        if timeout.is_zero() {
            return Deadline::NOW;
        }
        let nanos = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        Deadline(now().saturating_add(nanos))
    }

    /// Whether this wait has no end of its own.
    ///
    /// ```
    /// use ropewalk_os::Deadline;
    /// assert!(Deadline::NEVER.is_never() && !Deadline::NOW.is_never());
    /// ```
    pub fn is_never(self) -> bool {
        self.0 == u64::MAX
    }

    /// Whether this wait must not sleep at all.
    ///
    /// ```
    /// use ropewalk_os::Deadline;
    /// assert!(Deadline::NOW.is_now() && !Deadline::NEVER.is_now());
    /// ```
    pub fn is_now(self) -> bool {
        self.0 == 0
    }

    /// Whether the moment has come.
    ///
    /// ```
    /// use ropewalk_os::Deadline;
    /// let end = Deadline::after(std::time::Duration::from_nanos(1));
    /// while !end.passed() {}
    /// assert_eq!(end.remaining(), Some(std::time::Duration::ZERO));
    /// ```
    pub fn passed(self) -> bool {
        !self.is_never() && (self.is_now() || now() >= self.0)
    }

    /// The moment in nanoseconds of [`now`]; `None` for never.
    ///
    /// ```
    /// use ropewalk_os::{Deadline, clock};
    /// let end = Deadline::after(std::time::Duration::from_secs(1));
    /// assert!(end.nanos().is_some_and(|end| end > clock::now()));
    /// assert_eq!(Deadline::NEVER.nanos(), None);
    /// ```
    pub fn nanos(self) -> Option<u64> {
        if self.is_never() { None } else { Some(self.0) }
    }

    /// The one of two that comes first.
    ///
    /// ```
    /// use ropewalk_os::Deadline;
    /// let soon = Deadline::after(std::time::Duration::from_secs(1));
    /// assert_eq!(soon.earlier(Deadline::NEVER), soon);
    /// ```
    #[must_use]
    pub fn earlier(self, other: Deadline) -> Deadline {
        Deadline(self.0.min(other.0))
    }

    /// Time left, zero if the moment has come; `None` for never.
    ///
    /// ```
    /// use ropewalk_os::Deadline;
    /// use std::time::Duration;
    /// let minute = Duration::from_secs(60);
    /// assert!(Deadline::after(minute).remaining().is_some_and(|left| left <= minute));
    /// ```
    pub fn remaining(self) -> Option<Duration> {
        self.nanos().map(|end| Duration::from_nanos(end.saturating_sub(now())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_beyond_the_clock_is_never() {
        assert!(Deadline::after(Duration::MAX).is_never());
    }

    #[test]
    fn a_zero_time_is_now() {
        assert!(Deadline::after(Duration::ZERO).is_now());
        assert_eq!(Deadline::NOW.remaining(), Some(Duration::ZERO));
    }

    #[test]
    fn time_remaining_shrinks_to_zero() {
        let end = Deadline::after(Duration::from_millis(1));
        while !end.passed() {
            assert!(end.remaining().expect("timed") <= Duration::from_millis(1));
        }
        assert_eq!(end.remaining(), Some(Duration::ZERO));
    }
}
