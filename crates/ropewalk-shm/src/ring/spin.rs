//! How long to look for a commit before sleeping.
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

use crate::lock;
use ropewalk_os::clock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Nanoseconds to look at most.
const MOST: u32 = 50_000;
/// After a look that saw something, at least; and how many times what it took.
const FLOOR: u32 = 4_000;
const TIMES: u64 = 3;
/// Below this it is not worth beginning.
const LEAST: u32 = 300;
/// How many waits there are between two trials of the most: at first, and in the end.
const OFTEN: u32 = 32;
const SELDOM: u32 = 1024;
/// Looks between two at the clock.
const LOOKS: u32 = 8;

/// What the waits of one handle have learned.
#[derive(Debug)]
pub struct Spin {
    budget: AtomicU32,
    /// Waits until the next trial, and from that to the one after it.
    until_trial: AtomicU32,
    between: AtomicU32,
}

impl Default for Spin {
    fn default() -> Spin {
        let often = || AtomicU32::new(OFTEN);
        Spin { budget: AtomicU32::new(FLOOR), until_trial: often(), between: often() }
    }
}

impl Spin {
    /// Looks until `word` is not `before` any more, or the budget is used up.
    pub fn until_changed(&self, word: &AtomicU32, before: u32) {
        if !lock::several_processors() {
            return;
        }
        let until_trial = self.until_trial.load(Relaxed);
        let trial = until_trial == 0;
        self.until_trial.store(until_trial.saturating_sub(1), Relaxed);
        let budget = if trial { MOST } else { self.budget.load(Relaxed) };
        if budget < LEAST {
            return;
        }
        match look(word, before, budget) {
            Some(took) => {
                self.budget.store((took * TIMES).clamp(FLOOR.into(), MOST.into()) as u32, Relaxed);
                self.between.store(OFTEN, Relaxed);
                self.until_trial.store(OFTEN, Relaxed);
            }
            None if trial => {
                let between = self.between.load(Relaxed);
                self.until_trial.store(between, Relaxed);
                self.between.store((between * 2).min(SELDOM), Relaxed);
            }
            None => self.budget.store(budget / 2, Relaxed),
        }
    }
}

/// Looks for so many nanoseconds; says how many it took until the word had changed.
fn look(word: &AtomicU32, before: u32, budget: u32) -> Option<u64> {
    let begun = clock::now();
    loop {
        for _ in 0..LOOKS {
            if word.load(Relaxed) != before {
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
        let (spin, word) = (Spin::default(), AtomicU32::new(0));
        for _ in 0..OFTEN {
            spin.until_changed(&word, 0);
        }
        assert!(spin.budget.load(Relaxed) < LEAST, "it was halved each time");
        for waits in [OFTEN, 2 * OFTEN, 4 * OFTEN] {
            assert_eq!(spin.until_trial.load(Relaxed), 0);
            spin.until_changed(&word, 0); // the trial
            assert_eq!(spin.until_trial.load(Relaxed), waits);
            (0..waits).for_each(|_| spin.until_changed(&word, 0));
        }
        spin.until_changed(&word, 1); // the word is another already
        assert_eq!(spin.budget.load(Relaxed), FLOOR);
        assert_eq!(spin.until_trial.load(Relaxed), OFTEN);
    }
}
