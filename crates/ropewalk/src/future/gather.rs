//! Waiting for many futures at once.
//!
//! Each future told of a gathering reports to it once, when it is settled, under the key it was given. The
//! gathering holds no future, and a future holds the gathering only until it has reported.

use crate::park::{Halted, Line, Rest, Sleeper, sleep};
use crate::primitive::{Arc, Mutex};
use crate::wait_graph::{Kind, Reason};
use ropewalk_os::{Block, Deadline};

/// When a wait for many futures is over.
///
/// ```
/// use ropewalk::future::{Until, promise, wait};
/// use ropewalk::{Deadline, Plain};
/// let (one, first) = promise();
/// let (_other, second) = promise::<i32>();
/// one.fulfil(1).unwrap();
/// let settled = wait([&first, &second], Until::FirstSettled, &mut Plain, Deadline::NEVER).unwrap();
/// assert_eq!(settled, [0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// As soon as one is settled.
    FirstSettled,
    /// As soon as one has failed, or when all are settled.
    FirstFailure,
    /// When all are settled.
    AllSettled,
}

#[derive(Debug)]
struct State {
    settled: Vec<usize>,
    missing: usize,
    failed: bool,
    line: Line,
}

/// The meeting point of the futures that one wait is for.
///
/// ```
/// use ropewalk::future::{Gathering, Slot, Until};
/// use ropewalk::{Deadline, Plain};
/// use std::sync::Arc;
/// let slot = Slot::<(), i32, fn()>::new();
/// let gathering = Arc::new(Gathering::new(Until::AllSettled));
/// slot.report_to(&gathering, 7);
/// slot.finish(1, false).unwrap().wakes.wake();
/// gathering.wait(&mut Plain, Deadline::NEVER).unwrap();
/// assert_eq!(gathering.take(), [7]);
/// ```
#[derive(Debug)]
pub struct Gathering {
    until: Until,
    state: Mutex<State>,
}

impl Gathering {
    /// A gathering that no future knows of yet.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, future::{Gathering, Until}};
    /// let gathering = Gathering::new(Until::AllSettled);
    /// assert!(gathering.wait(&mut Plain, Deadline::NOW).unwrap()); // all of none have settled
    /// ```
    pub fn new(until: Until) -> Gathering {
        let state = State { settled: Vec::new(), missing: 0, failed: false, line: Line::default() };
        Gathering { until, state: Mutex::new(state) }
    }

    /// One more future will report.
    pub(super) fn expect(&self) {
        self.state.lock().missing += 1;
    }

    /// The future with `key` is settled. The sleepers returned must be granted.
    pub(super) fn report(&self, key: usize, failed: bool, wakes: &mut Line) {
        let mut state = self.state.lock();
        state.settled.push(key);
        state.missing -= 1;
        state.failed |= failed;
        if self.is_over(&state) {
            while let Some(sleeper) = state.line.pop() {
                wakes.push_back(&sleeper);
            }
        }
    }

    fn is_over(&self, state: &State) -> bool {
        match self.until {
            _ if state.missing == 0 => true,
            Until::FirstSettled => !state.settled.is_empty(),
            Until::FirstFailure => state.failed,
            Until::AllSettled => false,
        }
    }

    /// Waits until it is over; `Ok(false)` if the deadline came first.
    ///
    /// # Errors
    /// [`Halted`] if the wait was interrupted or would have closed a deadlock.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, future::{Gathering, Slot, Until}};
    /// let (slot, other) = (Slot::<(), i32, fn()>::new(), Slot::<(), i32, fn()>::new());
    /// let gathering = std::sync::Arc::new(Gathering::new(Until::FirstSettled));
    /// slot.report_to(&gathering, 0);
    /// other.report_to(&gathering, 1);
    /// assert!(!gathering.wait(&mut Plain, Deadline::NOW).unwrap());
    /// slot.finish(1, false).unwrap().wakes.wake();
    /// assert!(gathering.wait(&mut Plain, Deadline::NEVER).unwrap());
    /// ```
    pub fn wait<B: Block>(&self, block: &mut B, deadline: Deadline) -> Result<bool, Halted<B::Interrupt>> {
        let sleeper = {
            let mut state = self.state.lock();
            if self.is_over(&state) {
                return Ok(true);
            }
            if deadline.is_now() {
                return Ok(false);
            }
            let sleeper = Sleeper::new(None);
            state.line.push_back(&sleeper);
            sleeper
        };
        let rest = sleep(&sleeper, block, deadline, &Reason::new(Kind::Future, self), || true);
        if matches!(rest, Ok(Rest::Taken)) {
            return Ok(true);
        }
        let removed = self.state.lock().line.remove(&sleeper);
        rest.map(|_| !removed)
    }

    /// The keys of those that have settled since the last call, in the order in which they did.
    ///
    /// ```
    /// use ropewalk::future::{Gathering, Slot, Until};
    /// let slots = [Slot::<(), i32, fn()>::new(), Slot::new()];
    /// let gathering = std::sync::Arc::new(Gathering::new(Until::AllSettled));
    /// slots.iter().enumerate().for_each(|(key, slot)| slot.report_to(&gathering, key));
    /// slots.iter().rev().for_each(|slot| slot.finish(0, false).unwrap().wakes.wake());
    /// assert_eq!(gathering.take(), [1, 0]);
    /// assert!(gathering.take().is_empty());
    /// ```
    pub fn take(&self) -> Vec<usize> {
        std::mem::take(&mut self.state.lock().settled)
    }

    /// Whether `self` and `other` are one and the same.
    pub(super) fn is(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        Arc::ptr_eq(self, other)
    }
}
