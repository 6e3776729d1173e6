//! Sleep until a word changes; wake who sleeps on it.
//!
//! The kernel compares and sleeps in one step, so a wake between "I looked" and "I sleep" is never lost.
//! See futex(2) and Drepper, "Futexes Are Tricky". Words here are private to the process.

use crate::clock::Deadline;
use crate::futex_call::{self, Scope};
use std::sync::atomic::AtomicU32;

/// Why a sleep ended.
///
/// ```
/// use ropewalk_os::{Deadline, futex::{Slept, wait}};
/// use std::sync::atomic::AtomicU32;
/// assert_eq!(wait(&AtomicU32::new(1), 0, Deadline::NEVER), Slept::Changed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slept {
    /// Somebody called [`wake`] (or the kernel woke us for no reason: look at the word).
    Woken,
    /// The word was not what was expected; there was no sleep.
    Changed,
    /// The deadline came.
    TimedOut,
    /// A signal was handled by this thread.
    Interrupted,
}

/// Sleeps while `*word == expected`, until woken, the deadline or a signal.
///
/// ```
/// use ropewalk_os::{Deadline, futex};
/// use std::sync::atomic::AtomicU32;
/// use std::time::Duration;
/// let word = AtomicU32::new(0);
/// let end = Deadline::after(Duration::from_millis(1));
/// while futex::wait(&word, 0, end) != futex::Slept::TimedOut {}
/// assert!(end.passed());
/// ```
pub fn wait(word: &AtomicU32, expected: u32, deadline: Deadline) -> Slept {
    futex_call::wait(word, expected, deadline, Scope::Process)
}

/// Wakes at most `count` threads that sleep on `word`; says how many.
///
/// ```
/// use ropewalk_os::{Deadline, futex};
/// use std::sync::atomic::{AtomicU32, Ordering};
/// let word = AtomicU32::new(0);
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         while word.load(Ordering::Acquire) == 0 {
///             futex::wait(&word, 0, Deadline::NEVER);
///         }
///     });
///     word.store(1, Ordering::Release);
///     futex::wake(&word, 1);
/// });
/// ```
pub fn wake(word: &AtomicU32, count: u32) -> usize {
    wake_at(word.as_ptr(), count)
}

/// As [`wake`], by address: for a word that its sleeper may free as soon as it has changed.
///
/// ```
/// use ropewalk_os::futex;
/// use std::sync::atomic::AtomicU32;
/// let word = AtomicU32::new(0);
/// assert_eq!(futex::wake_at(word.as_ptr(), 1), 0); // nobody sleeps on it
/// ```
pub fn wake_at(word: *const u32, count: u32) -> usize {
    futex_call::wake(word, count, Scope::Process) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    #[test]
    fn a_changed_word_does_not_sleep() {
        assert_eq!(wait(&AtomicU32::new(1), 0, Deadline::NEVER), Slept::Changed);
    }

    #[test]
    fn a_sleep_ends_at_its_deadline() {
        let end = Deadline::after(Duration::from_millis(5));
        let word = AtomicU32::new(0);
        while wait(&word, 0, end) != Slept::TimedOut {}
        assert!(end.passed());
    }

    #[test]
    fn a_waker_wakes_a_sleeper() {
        let word = AtomicU32::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while word.load(Ordering::Acquire) == 0 {
                    wait(&word, 0, Deadline::NEVER);
                }
            });
            word.store(1, Ordering::Release);
            wake(&word, 1);
        });
    }
}
