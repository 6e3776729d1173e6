//! How long a thread sleeps at once that has to see signals.
//!
//! A signal ends the sleep in which it finds a thread. If it comes a moment before, when the thread has looked for
//! signals and does not sleep yet, nothing ends the sleep; no system call here closes that gap. So a thread to which signals
//! matter looks up now and then. Signals that come so close to a sleep mostly come close to its first: steps are
//! short at first, and grow with the time that was slept in vain.
//!
//! A thread that only has to say that it waits, and to look whether that can ever end, does so after the first step and then
//! ever more rarely.

use crate::clock::Deadline;
use std::time::Duration;

/// The first steps, and the longest.
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_millis(250);
/// Which part of what was slept the next step is.
const PART: u32 = 8;

/// For who looks up rarely: when it does for the second time, and the longest step.
const SECOND: Duration = Duration::from_millis(100);
const RAREST: Duration = Duration::from_secs(5);

/// The steps of one wait.
///
/// ```
/// use ropewalk_os::{Deadline, lookout::Lookout};
/// let deadline = Deadline::after(std::time::Duration::from_secs(1));
/// assert_eq!(Lookout::new(false).until(deadline), deadline);
/// assert_ne!(Lookout::new(true).until(deadline), deadline);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Lookout {
    /// What was slept so far; none if the thread sleeps as long as it may.
    slept: Option<Duration>,
    rarely: bool,
}

impl Lookout {
    /// For a thread that has to look up, or that does not ([`Block::heeds_signals`](crate::Block::heeds_signals)).
    ///
    /// ```
    /// use ropewalk_os::{Block, Plain, lookout::Lookout};
    /// let lookout = Lookout::new(Plain.heeds_signals());
    /// # let _ = lookout;
    /// ```
    pub fn new(looks_up: bool) -> Lookout {
        Lookout { slept: looks_up.then_some(Duration::ZERO), rarely: false }
    }

    /// For a thread that looks up after 10 ms, after 100 ms, and then when twice the time has passed.
    ///
    /// ```
    /// use ropewalk_os::{Deadline, lookout::Lookout};
    /// use std::time::Duration;
    /// let mut lookout = Lookout::rarely();
    /// assert!(lookout.until(Deadline::NEVER).nanos() <= Deadline::after(Duration::from_millis(10)).nanos());
    /// assert!(lookout.until(Deadline::NEVER).nanos() <= Deadline::after(Duration::from_millis(90)).nanos());
    /// ```
    pub fn rarely() -> Lookout {
        Lookout { slept: Some(Duration::ZERO), rarely: true }
    }

    /// Until when to sleep now: `deadline`, or the end of the next step if that is earlier.
    ///
    /// ```
    /// use ropewalk_os::{Deadline, lookout::Lookout};
    /// use std::time::Duration;
    /// let mut lookout = Lookout::new(true);
    /// assert!(lookout.until(Deadline::NEVER).nanos() <= Deadline::after(Duration::from_millis(10)).nanos());
    /// ```
    pub fn until(&mut self, deadline: Deadline) -> Deadline {
        let Some(slept) = &mut self.slept else { return deadline };
        let step = match (self.rarely, *slept) {
            (false, slept) => (slept / PART).clamp(SHORTEST, LONGEST),
            (true, Duration::ZERO) => SHORTEST,
            (true, slept) if slept < SECOND => SECOND - slept,
            (true, slept) => slept.min(RAREST),
        };
        *slept += step;
        Deadline::after(step).earlier(deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_short_at_first_and_longer_the_longer_it_takes() {
        let mut lookout = Lookout::new(true);
        let steps: Vec<Duration> = (0..60)
            .map(|_| {
                let before = lookout.slept.expect("it looks up");
                lookout.until(Deadline::NEVER);
                lookout.slept.expect("it looks up") - before
            })
            .collect();
        assert_eq!(steps[..8], [SHORTEST; 8]);
        assert!(steps.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(steps.last(), Some(&LONGEST));
    }

    #[test]
    fn who_looks_up_rarely_does_so_ever_more_rarely() {
        let mut lookout = Lookout::rarely();
        let moments: Vec<u128> = (0..12)
            .map(|_| {
                lookout.until(Deadline::NEVER);
                lookout.slept.expect("it looks up").as_millis()
            })
            .collect();
        assert_eq!(moments[..8], [10, 100, 200, 400, 800, 1600, 3200, 6400]);
        assert_eq!(moments[11] - moments[10], RAREST.as_millis());
    }

    #[test]
    fn a_near_deadline_is_not_put_off() {
        assert_eq!(Lookout::new(true).until(Deadline::NOW), Deadline::NOW);
        assert_eq!(Lookout::new(false).until(Deadline::NEVER), Deadline::NEVER);
    }
}
