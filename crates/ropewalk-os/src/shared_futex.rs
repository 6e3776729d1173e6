//! Sleep on a word that several processes share; move sleepers from one such word to another.
//!
//! As [`futex`](crate::futex), but the kernel finds sleepers by the memory, not by its address in one process.
//!
//! # Contract of the unsafe code
//!
//! 1. Every address passed to the kernel is that of a live, aligned `AtomicU32`: a reference proves it.
#![allow(unsafe_code)]

use crate::clock::Deadline;
use crate::futex::Slept;
use crate::futex_call::{self, Scope};
use std::sync::atomic::AtomicU32;

/// Sleeps while `*word == expected`, until woken, the deadline or a signal.
///
/// A sleeper that was moved by [`requeue`] is woken on the other word and still ends at its own deadline.
///
/// ```
/// use ropewalk_os::{Deadline, futex::Slept, shared_futex};
/// let word = std::sync::atomic::AtomicU32::new(1);
/// assert_eq!(shared_futex::wait(&word, 0, Deadline::NEVER), Slept::Changed);
/// assert_eq!(shared_futex::wait(&word, 1, Deadline::NOW), Slept::TimedOut);
/// ```
pub fn wait(word: &AtomicU32, expected: u32, deadline: Deadline) -> Slept {
    futex_call::wait(word, expected, deadline, Scope::Everybody)
}

/// Wakes at most `count` threads that sleep on `word`; says how many.
///
/// ```
/// let word = std::sync::atomic::AtomicU32::new(0);
/// assert_eq!(ropewalk_os::shared_futex::wake(&word, 1), 0); // nobody sleeps
/// ```
pub fn wake(word: &AtomicU32, count: u32) -> u32 {
    futex_call::wake(word.as_ptr(), count, Scope::Everybody)
}

/// Moves at most `count` sleepers from `word` to `onto`, waking none; says how many. `None` if `word` was not
/// `expected`.
///
/// Who sleeps on `onto` is woken by whoever wakes that word next; if it is a robust lock, also by the kernel when
/// the lock's owner dies.
///
/// ```
/// use ropewalk_os::{Deadline, shared_futex};
/// use std::sync::atomic::AtomicU32;
/// let (first, second) = (AtomicU32::new(0), AtomicU32::new(0));
/// std::thread::scope(|scope| {
///     scope.spawn(|| shared_futex::wait(&first, 0, Deadline::NEVER));
///     while shared_futex::requeue(&first, 0, &second, 1) != Some(1) {}
///     assert_eq!(shared_futex::wake(&second, 1), 1);
/// });
/// ```
pub fn requeue(word: &AtomicU32, expected: u32, onto: &AtomicU32, count: u32) -> Option<u32> {
    // SAFETY: rule 1. The fourth argument is a number here: how many to move.
    let moved = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_CMP_REQUEUE,
            0,
            count.min(i32::MAX as u32) as libc::c_ulong,
            onto.as_ptr(),
            expected,
        )
    };
    u32::try_from(moved).ok()
}

/// What [`change_and_wake`] does to a word.
///
/// ```
/// use ropewalk_os::shared_futex::{Change, change_and_wake};
/// let word = std::sync::atomic::AtomicU32::new(2);
/// change_and_wake(&word, Change::Or(1), 0);
/// assert_eq!(word.into_inner(), 3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The word becomes this.
    Set(u8),
    /// This is added to it.
    Add(u8),
    /// These bits are set in it.
    Or(u8),
}

/// Changes `word` and wakes at most `count` of those who sleep on it, in one call; says how many.
///
/// A process that is killed has done both or neither: the kernel ends nobody in the middle of this call. The change
/// is atomic, with sequentially consistent ordering.
///
/// ```
/// use ropewalk_os::{Deadline, shared_futex::{self, Change}};
/// use std::sync::atomic::{AtomicU32, Ordering};
/// let word = AtomicU32::new(0);
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         while word.load(Ordering::Acquire) == 0 {
///             shared_futex::wait(&word, 0, Deadline::NEVER);
///         }
///     });
///     shared_futex::change_and_wake(&word, Change::Add(1), 1);
/// });
/// ```
pub fn change_and_wake(word: &AtomicU32, change: Change, count: u32) -> u32 {
    let (operation, operand) = match change {
        Change::Set(operand) => (libc::FUTEX_OP_SET, operand),
        Change::Add(operand) => (libc::FUTEX_OP_ADD, operand),
        Change::Or(operand) => (libc::FUTEX_OP_OR, operand),
    };
    // The comparison is with what the word was, and decides on a second wake, of nobody.
    let encoded = operation << 28 | libc::FUTEX_OP_CMP_EQ << 24 | libc::c_int::from(operand) << 12;
    // SAFETY: rule 1. The fourth argument is a number here: how many to wake of the second word, which is the first.
    let woken = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE_OP,
            count.min(i32::MAX as u32),
            0 as libc::c_ulong,
            word.as_ptr(),
            encoded,
        )
    };
    u32::try_from(woken).unwrap_or(0)
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
    fn a_moved_sleeper_is_woken_on_the_other_word() {
        let (first, second) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| wait(&first, 0, Deadline::NEVER));
            while requeue(&first, 0, &second, 1) != Some(1) {
                std::thread::yield_now();
            }
            assert_eq!(wake(&first, 1), 0, "nobody is left there");
            first.store(1, Ordering::Relaxed);
            assert_eq!(wake(&second, 1), 1);
            assert_eq!(sleeper.join().expect("no panic"), Slept::Woken);
        });
    }

    #[test]
    fn nobody_is_moved_from_a_word_that_changed() {
        assert_eq!(requeue(&AtomicU32::new(1), 0, &AtomicU32::new(0), 1), None);
    }

    #[test]
    fn a_change_wakes_at_most_as_many_as_asked() {
        let word = AtomicU32::new(7);
        std::thread::scope(|scope| {
            let sleep = || while wait(&word, 7, Deadline::NEVER) != Slept::Changed {};
            let sleepers = [scope.spawn(sleep), scope.spawn(sleep)];
            let mut woken = 0;
            // Who has not fallen asleep before the change does not: the word is another.
            woken += change_and_wake(&word, Change::Set(8), 1);
            woken += change_and_wake(&word, Change::Add(250), u32::MAX);
            assert!(woken <= 2);
            assert_eq!(word.load(Ordering::Relaxed), 258);
            for sleeper in sleepers {
                sleeper.join().expect("no panic");
            }
        });
        assert_eq!(change_and_wake(&word, Change::Or(1), 1), 0, "nobody sleeps");
        assert_eq!(word.into_inner(), 259);
    }
}
