//! How long to look for what another process does before sleeping.
//!
//! A sleep and a wake cost microseconds, tens of them if the wake must reach another processor that idles. If the other
//! side answers sooner, looking is cheaper; if it does not, looking takes its processor away. So what is given next is
//! a few times what the last look took to see something, and half as much after each look in vain.
//!
//! Who gives little can not see that the other side has become quick. Two who talk and both sleep are even slow because
//! of each other: each must be woken before it answers. So now and then the most is given, which is longer than a wake
//! takes; if that is in vain, less and less often.
//!
//! What is given is a time, not a number of looks: on a machine that is shared with others a look may take ten times as
//! long.
//!
//! What was learned is one word, which processes may share. It is a hint: of two who change it at once one is forgotten, and
//! any value is one.

use crate::lock;
use ropewalk_os::clock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Nanoseconds to look at most.
const MOST: u32 = 50_000;
/// After a look that saw something, at least; and how many times what it took.
const FLOOR: u32 = 4_000;
const TIMES: u64 = 3;
/// Below this it is not worth beginning.
const LEAST: u32 = 300;
/// How many waits there are between two trials of the most: at first, and in the end.
const OFTEN: u16 = 32;
const SELDOM: u16 = 1024;
/// Looks between two at the clock.
const LOOKS: u32 = 8;

/// What waits have learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Learned {
    /// How long the next look lasts.
    budget: u32,
    /// Waits until the next trial, and from that to the one after it.
    until_trial: u16,
    between: u16,
}

impl Learned {
    const NOTHING: Learned = Learned { budget: FLOOR, until_trial: OFTEN, between: OFTEN };

    fn load(word: &AtomicU64) -> Learned {
        match word.load(Relaxed) {
            0 => Learned::NOTHING,
            bits => Learned {
                budget: (bits as u32).min(MOST),
                until_trial: ((bits >> 32) as u16).min(SELDOM),
                between: ((bits >> 48) as u16).clamp(OFTEN, SELDOM),
            },
        }
    }

    fn store(self, word: &AtomicU64) {
        let bits = u64::from(self.budget) | u64::from(self.until_trial) << 32 | u64::from(self.between) << 48;
        word.store(bits, Relaxed); // not zero: there is always a time between trials
    }
}

/// Looks until `found`, or what is given by what was `learned` is used up.
pub fn until(learned: &AtomicU64, found: impl Fn() -> bool) {
    if !lock::several_processors() {
        return;
    }
    let mut next = Learned::load(learned);
    let trial = next.until_trial == 0;
    next.until_trial = next.until_trial.saturating_sub(1);
    let budget = if trial { MOST } else { next.budget };
    if budget >= LEAST {
        match look(found, budget) {
            Some(took) => {
                let budget = (took * TIMES).clamp(FLOOR.into(), MOST.into()) as u32;
                next = Learned { budget, ..Learned::NOTHING };
            }
            None if trial => {
                next.until_trial = next.between;
                next.between = (next.between * 2).min(SELDOM);
            }
            None => next.budget = budget / 2,
        }
    }
    next.store(learned);
}

/// Looks for so many nanoseconds; says how many it took until it was found.
fn look(found: impl Fn() -> bool, budget: u32) -> Option<u64> {
    let begun = clock::now();
    loop {
        for _ in 0..LOOKS {
            if found() {
                return Some(clock::now() - begun);
            }
            std::hint::spin_loop();
        }
        if clock::now() - begun >= budget.into() {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_in_vain_is_given_up_and_tried_again_now_and_then() {
        if !lock::several_processors() {
            return;
        }
        let word = AtomicU64::new(0);
        for _ in 0..OFTEN {
            until(&word, || false);
        }
        assert!(Learned::load(&word).budget < LEAST, "it was halved each time");
        for waits in [OFTEN, 2 * OFTEN, 4 * OFTEN] {
            assert_eq!(Learned::load(&word).until_trial, 0);
            until(&word, || false); // the trial
            assert_eq!(Learned::load(&word).until_trial, waits);
            (0..waits).for_each(|_| until(&word, || false));
        }
        until(&word, || true);
        assert_eq!(Learned::load(&word), Learned::NOTHING);
    }

    #[test]
    fn any_word_is_something_that_can_have_been_learned() {
        for bits in [1, u64::MAX, 1 << 63, u64::from(u32::MAX)] {
            let learned = Learned::load(&AtomicU64::new(bits));
            assert!(learned.budget <= MOST && learned.until_trial <= SELDOM);
            assert!((OFTEN..=SELDOM).contains(&learned.between));
        }
    }
}
