//! What a slot answers to a change, and what the caller must do then.

use super::state::State;
use crate::park::Line;

/// Threads to be woken: they are out of every line already, and wait only for this.
///
/// Kept apart from the change itself, so that a thread of an interpreter can first leave the interpreter and
/// then wake those who will want to enter it.
///
/// ```
/// let slot = ropewalk::future::Slot::<(), i32, fn()>::new();
/// let aftermath = slot.finish(1, false).unwrap();
/// assert!(aftermath.wakes.is_empty());
/// ```
#[derive(Debug, Default)]
#[must_use = "the sleepers are out of their lines and would never wake"]
pub struct Wakes(pub(super) Line);

impl Wakes {
    /// Wakes them.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, future::{Slot, Waited}};
    /// let slot = Slot::<(), i32, fn()>::new();
    /// std::thread::scope(|scope| {
    ///     let waiter = scope.spawn(|| slot.wait(None, &mut Plain, Deadline::NEVER).unwrap());
    ///     slot.finish(1, false).unwrap().wakes.wake();
    ///     assert_eq!(waiter.join().unwrap(), Waited::Done);
    /// });
    /// ```
    #[inline]
    pub fn wake(mut self) {
        while let Some(sleeper) = self.0.pop() {
            sleeper.grant();
        }
    }

    /// Whether there is nobody to wake.
    ///
    /// ```
    /// let slot = ropewalk::future::Slot::<(), i32, fn()>::new();
    /// assert!(slot.finish(1, false).unwrap().wakes.is_empty()); // nobody waited
    /// ```
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What the caller must do after a change: run the callbacks in order, wake the sleepers.
///
/// ```
/// let slot = ropewalk::future::Slot::<&str, i32, &str>::with_work("work");
/// assert!(slot.add_callback("call me").is_none());
/// let aftermath = slot.cancel().unwrap().expect("it was pending");
/// aftermath.wakes.wake();
/// assert_eq!(aftermath.callbacks, ["call me"]);
/// assert_eq!(aftermath.leftover, Some("work"));
/// ```
#[derive(Debug)]
#[must_use = "callbacks must be run and sleepers woken"]
pub struct Aftermath<W, C> {
    /// To be called, in this order.
    pub callbacks: Vec<C>,
    /// To be woken.
    pub wakes: Wakes,
    /// Work that will never be done.
    pub leftover: Option<W>,
}

/// What [`Slot::start`](super::Slot::start) found.
///
/// ```
/// use ropewalk::future::{Slot, Start};
/// let slot = Slot::<&str, i32, fn()>::with_work("work");
/// assert!(matches!(slot.start(), Ok(Start::Go(Some("work")))));
/// ```
#[derive(Debug)]
pub enum Start<W> {
    /// Go on; here is the work, if it was kept here.
    Go(Option<W>),
    /// It was cancelled, and those who wait for many are to be told.
    Cancelled(Wakes),
}

/// A change that the present state does not allow. What was to be stored comes back.
///
/// ```
/// use ropewalk::future::{Slot, State};
/// let slot = Slot::<(), i32, fn()>::new();
/// slot.finish(1, false).unwrap().wakes.wake();
/// let refused = slot.finish(2, false).unwrap_err();
/// assert_eq!((refused.state, refused.value), (State::Finished, 2));
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Refused<T> {
    /// The present state.
    pub state: State,
    /// Whether its work was claimed by a thread that waited for it.
    pub claimed: bool,
    /// What was to be stored.
    pub value: T,
}

/// How a wait for one result ended.
///
/// ```
/// use ropewalk::future::{Slot, Waited};
/// use ropewalk::{Deadline, Plain};
/// let slot = Slot::<(), i32, fn()>::new();
/// assert_eq!(slot.wait(None, &mut Plain, Deadline::NOW).unwrap(), Waited::TimedOut);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// It is finished or cancelled.
    Done,
    /// The deadline came first.
    TimedOut,
    /// It was sent away by [`Slot::dismiss`](super::Slot::dismiss): wait elsewhere.
    Dismissed,
}
