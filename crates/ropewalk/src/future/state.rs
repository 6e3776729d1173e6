//! The word of a future: where it stands, and two flags.

use std::fmt;

/// The bits in which the state stands.
pub(super) const STATE: u32 = 0b0111;
/// Finished with a failure: what `Until::FirstFailure` looks for.
pub(super) const FAILED: u32 = 0b1000;
/// Its work was taken by a thread that waited for it; what still stands in a pool's line is an empty husk.
pub(super) const CLAIMED: u32 = 0b1_0000;

/// Where a future stands.
///
/// | from \ to | Running | Cancelled | CancelledNotified | Finished |
/// |---|---|---|---|---|
/// | Pending | `start` | `cancel` | `stop` | `finish` |
/// | Running | | | `stop` | `finish` |
/// | Cancelled | | | `start` | |
///
/// The last two are ends. The word also carries `FAILED`, only beside `Finished`, and `CLAIMED`, only beside
/// `Running` and what follows it.
///
/// ```
/// use ropewalk::future::State;
/// assert!(!State::Running.is_done());
/// assert!(State::Cancelled.is_done());
/// assert!(!State::Cancelled.is_settled());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Nobody works on it yet.
    Pending,
    /// Somebody works on it: it can no longer be cancelled.
    Running,
    /// It was cancelled. Whoever was to work on it does not know yet.
    Cancelled,
    /// It was cancelled, and whoever was to work on it knows.
    CancelledNotified,
    /// It has a result.
    Finished,
}

impl State {
    pub(super) const fn of(word: u32) -> State {
        match word & STATE {
            0 => State::Pending,
            1 => State::Running,
            2 => State::Cancelled,
            3 => State::CancelledNotified,
            _ => State::Finished,
        }
    }

    pub(super) const fn word(self) -> u32 {
        match self {
            State::Pending => 0,
            State::Running => 1,
            State::Cancelled => 2,
            State::CancelledNotified => 3,
            State::Finished => 4,
        }
    }

    /// Whether a wait for the result is over: finished or cancelled.
    ///
    /// ```
    /// use ropewalk::future::State;
    /// assert!(State::Finished.is_done() && State::Cancelled.is_done());
    /// assert!(!State::Pending.is_done() && !State::Running.is_done());
    /// ```
    pub const fn is_done(self) -> bool {
        matches!(self, State::Cancelled | State::CancelledNotified | State::Finished)
    }

    /// Whether it was cancelled.
    ///
    /// ```
    /// use ropewalk::future::State;
    /// assert!(State::Cancelled.is_cancelled() && State::CancelledNotified.is_cancelled());
    /// assert!(!State::Finished.is_cancelled());
    /// ```
    pub const fn is_cancelled(self) -> bool {
        matches!(self, State::Cancelled | State::CancelledNotified)
    }

    /// Whether nothing more will happen to it: what a wait for many futures counts.
    ///
    /// ```
    /// use ropewalk::future::State;
    /// assert!(State::Finished.is_settled() && State::CancelledNotified.is_settled());
    /// assert!(!State::Cancelled.is_settled()); // somebody is still to be told
    /// ```
    pub const fn is_settled(self) -> bool {
        matches!(self, State::CancelledNotified | State::Finished)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Pending => "pending",
            State::Running => "running",
            State::Cancelled | State::CancelledNotified => "cancelled",
            State::Finished => "finished",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_survives_its_word() {
        for state in
            [State::Pending, State::Running, State::Cancelled, State::CancelledNotified, State::Finished]
        {
            assert_eq!(State::of(state.word() | FAILED | CLAIMED), state);
        }
    }
}
