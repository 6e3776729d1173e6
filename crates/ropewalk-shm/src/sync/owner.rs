//! A process as one word, so that taking something and saying who has it is one step.
//!
//! ```text
//! bits  0..30  process number; all ones: a process that can not be judged from here
//!       31     free for the structure: somebody sleeps
//!       32..64 the lower half of its start time
//! ```
//!
//! The lower half of the start time is new again after 497 days; two processes of the same number that began at the
//! same tick of different such periods would be taken for one.

use ropewalk_os::fork;
use ropewalk_os::identity::{self, Identity};
use std::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::Relaxed,
    Ordering::{Acquire, Release},
};

/// The bit that is not the owner's.
pub const WAITERS: u32 = 1 << 31;

const NUMBER: u32 = (1 << 30) - 1;

/// A process, or nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner(u64);

impl Owner {
    /// A process of another pid namespace, or one without `/proc`: nobody can say whether it lives.
    const UNKNOWN: Owner = Owner(NUMBER as u64);

    /// The calling process.
    #[inline]
    pub fn me() -> Owner {
        // Acquire: whoever sees the epoch sees its word.
        if SINCE.load(Acquire) == fork::epoch() + 1 { Owner(ME.load(Relaxed)) } else { Owner::look() }
    }

    #[cold]
    fn look() -> Owner {
        fork::watch();
        let me = match (identity::pid_namespace(), Identity::current()) {
            (Ok(here), Ok(me)) => {
                // Words name processes as the first of this family sees them.
                let home = HOME.compare_exchange(0, here, Relaxed, Relaxed).unwrap_or_else(|home| home);
                if home == 0 || home == here { Owner::of(me) } else { Owner::UNKNOWN }
            }
            _ => Owner::UNKNOWN,
        };
        ME.store(me.0, Relaxed);
        SINCE.store(fork::epoch() + 1, Release);
        me
    }

    /// That of a process.
    pub fn of(process: Identity) -> Owner {
        Owner(process.start << 32 | u64::from(process.pid & NUMBER))
    }

    /// The process that a word names, if any.
    #[inline]
    pub fn in_word(word: u64) -> Option<Owner> {
        (word as u32 & NUMBER != 0).then_some(Owner(word & !(u64::from(WAITERS))))
    }

    /// The word that names it, and says that somebody sleeps or does not.
    #[inline]
    pub fn word(self, waiters: bool) -> u64 {
        self.0 | if waiters { u64::from(WAITERS) } else { 0 }
    }

    /// Its number.
    pub fn pid(self) -> u32 {
        self.0 as u32 & NUMBER
    }

    /// Whether it has surely ended.
    pub fn is_dead(self) -> bool {
        if self == Owner::UNKNOWN || Owner::me() == Owner::UNKNOWN {
            return false;
        }
        // The upper half of its start time is most likely that of ours: then one look tells that it lives.
        let upper = Identity::current().map_or(0, |me| me.start >> 32);
        if (Identity { pid: self.pid(), start: upper << 32 | self.0 >> 32 }).is_alive() {
            return false;
        }
        match Identity::of(self.pid()) {
            Ok(process) => Owner::of(process) != self || !process.is_alive(),
            // No such number; if it can not be read it passes for alive.
            Err(_) => !Identity { pid: self.pid(), start: 0 }.is_alive(),
        }
    }
}

/// The fork epoch plus one for which `ME` is true.
static SINCE: AtomicU32 = AtomicU32::new(0);
static ME: AtomicU64 = AtomicU64::new(0);
static HOME: AtomicU64 = AtomicU64::new(0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_names_its_owner_whether_somebody_sleeps_or_not() {
        let me = Owner::me();
        assert_eq!(me.pid(), std::process::id());
        assert_eq!(Owner::in_word(me.word(true)), Some(me));
        assert_eq!(Owner::in_word(me.word(false)), Some(me));
        // Freed by the lower half alone.
        assert_eq!(Owner::in_word(me.word(false) >> 32 << 32), None);
    }

    #[test]
    fn this_process_lives_and_an_earlier_one_of_its_number_does_not() {
        let me = Identity::current().expect("proc");
        assert!(!Owner::me().is_dead());
        assert!(Owner::of(Identity { start: me.start - 1, ..me }).is_dead());
        assert!(Owner::of(Identity { pid: NUMBER - 1, start: 1 }).is_dead(), "no such number");
        assert!(!Owner::UNKNOWN.is_dead());
    }
}
