//! How long to look for a commit before sleeping.
//!
//! A sleep and a wake cost microseconds; if the other side answers sooner, looking is cheaper. If it does not,
//! looking takes its processor away. So the budget halves when looking was in vain and doubles when it was not. A
//! small budget can not see that the other side has become quick: now and then the whole budget is tried.

use crate::lock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Looks at most: about as long as a sleep and a wake take.
const MOST: u32 = 200;
/// How often the whole budget is tried.
const TRIAL: u32 = 32;

/// What the waits of one handle have learned.
#[derive(Debug)]
pub struct Spin {
    budget: AtomicU32,
    waits: AtomicU32,
}

impl Default for Spin {
    fn default() -> Spin {
        Spin { budget: AtomicU32::new(MOST), waits: AtomicU32::new(0) }
    }
}

impl Spin {
    /// Looks until `word` is not `before` any more, or the budget is used up.
    pub fn until_changed(&self, word: &AtomicU32, before: u32) {
        if !lock::several_processors() {
            return;
        }
        let waits = self.waits.load(Relaxed);
        self.waits.store(waits.wrapping_add(1), Relaxed);
        let budget = if waits.is_multiple_of(TRIAL) { MOST } else { self.budget.load(Relaxed) };
        for _ in 0..budget {
            if word.load(Relaxed) != before {
                self.budget.store((budget * 2).min(MOST), Relaxed);
                return;
            }
            std::hint::spin_loop();
        }
        self.budget.store(self.budget.load(Relaxed) / 2, Relaxed);
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
        for _ in 0..TRIAL {
            spin.until_changed(&word, 0);
        }
        assert_eq!(spin.budget.load(Relaxed), 0, "it was halved each time");
        spin.until_changed(&word, 1); // the trial, and the word is another already
        assert_eq!(spin.budget.load(Relaxed), MOST);
    }
}
