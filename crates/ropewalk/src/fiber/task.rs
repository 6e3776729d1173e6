//! A task of a hub, and its result.

use super::hub::Inner;
use super::place::Place;
use ropewalk_os::stack::Stack;
use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::panic::resume_unwind;
use std::rc::{Rc, Weak};

/// What the hub knows of a task.
pub(super) struct Core {
    pub(super) number: usize,
    pub(super) hub: Weak<Inner>,
    pub(super) place: OnceCell<Place>,
    pub(super) stack: Cell<Option<Stack>>,
    /// Stopped by [`park`](super::park), and not in line.
    pub(super) parked: Cell<bool>,
    /// Woken when it was not parked: its next [`park`](super::park) returns at once.
    pub(super) woken: Cell<bool>,
    pub(super) ended: Cell<bool>,
    /// Who waits for its end.
    pub(super) joining: RefCell<Vec<Rc<Core>>>,
}

/// A task, for whoever wants to wake it.
///
/// ```
/// use ropewalk::fiber::{Hub, current, park};
/// let hub = Hub::new();
/// let sleeper = hub.spawn(|| {
///     park();
///     "woken"
/// });
/// let handle = sleeper.handle();
/// hub.spawn(move || handle.unpark());
/// assert_eq!(sleeper.join(), "woken");
/// ```
#[derive(Clone)]
pub struct Handle(pub(super) Rc<Core>);

impl Handle {
    /// Lets the task go on from its [`park`](super::park), or return from the next one at once. Not at once: when its turn
    /// comes.
    ///
    /// ```
    /// use ropewalk::fiber::{Hub, current, park};
    /// let hub = Hub::new();
    /// let task = hub.spawn(|| {
    ///     current().unwrap().unpark();
    ///     park(); // returns at once
    ///     1
    /// });
    /// assert_eq!(task.join(), 1);
    /// ```
    pub fn unpark(&self) {
        let Some(hub) = self.0.hub.upgrade() else { return };
        if self.0.parked.replace(false) {
            hub.stand_in_line(Rc::clone(&self.0));
        } else {
            self.0.woken.set(true);
        }
    }

    /// The task's number in its hub, from 1.
    ///
    /// ```
    /// let hub = ropewalk::fiber::Hub::new();
    /// assert_eq!(hub.spawn(|| ()).handle().number(), 1);
    /// ```
    pub fn number(&self) -> usize {
        self.0.number
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match () {
            () if self.0.ended.get() => "ended",
            () if self.0.parked.get() => "parked",
            () => "runs or will",
        };
        f.debug_struct("Handle").field("number", &self.0.number).field("state", &state).finish()
    }
}

/// A task of a [`Hub`](super::Hub), and what it will return.
///
/// ```
/// let hub = ropewalk::fiber::Hub::new();
/// let answer = hub.spawn(|| 6 * 7);
/// assert_eq!(answer.join(), 42);
/// ```
pub struct Task<T> {
    pub(super) core: Rc<Core>,
    pub(super) result: Rc<Cell<Option<std::thread::Result<T>>>>,
}

impl<T> Task<T> {
    /// Waits for the end of the task, and returns what it returned. In a task of the same hub others go on meanwhile;
    /// elsewhere the hub runs until it has ended.
    ///
    /// # Panics
    /// What the task panicked with. If it can never end: it is the calling task; or its hub was dropped; or, outside of
    /// the hub, all that are left in it are parked.
    ///
    /// ```
    /// use ropewalk::fiber::{Hub, spawn};
    /// let hub = Hub::new();
    /// let sum = hub.spawn(|| {
    ///     let parts = [spawn(|| 1), spawn(|| 2)];
    ///     parts.into_iter().map(|part| part.join()).sum::<i32>()
    /// });
    /// assert_eq!(sum.join(), 3);
    /// ```
    pub fn join(self) -> T {
        match self.outcome() {
            Ok(value) => value,
            Err(panic) => resume_unwind(panic),
        }
    }

    /// The same, with a panic as an error.
    ///
    /// # Errors
    /// What the task panicked with.
    ///
    /// # Panics
    /// If it can never end, as [`join`](Task::join).
    ///
    /// ```
    /// use ropewalk::fiber::Hub;
    /// let hub = Hub::new();
    /// assert!(hub.spawn(|| std::panic::resume_unwind(Box::new("no"))).outcome().is_err());
    /// ```
    pub fn outcome(self) -> std::thread::Result<T> {
        if !self.core.ended.get() {
            self.core.hub.upgrade().expect("a task that has not ended has a hub").wait_for(&self.core);
        }
        self.result.take().expect("the hub was dropped before the task ended")
    }

    /// Whether it has returned or panicked.
    ///
    /// ```
    /// let hub = ropewalk::fiber::Hub::new();
    /// assert!(!hub.spawn(|| ()).is_ended());
    /// ```
    pub fn is_ended(&self) -> bool {
        self.core.ended.get()
    }

    /// For waking it.
    ///
    /// ```
    /// let hub = ropewalk::fiber::Hub::new();
    /// hub.spawn(|| ()).handle().unpark();
    /// ```
    pub fn handle(&self) -> Handle {
        Handle(Rc::clone(&self.core))
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Task").field(&self.handle()).finish()
    }
}
