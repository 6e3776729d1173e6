//! Why an item did not go in or come out.

use crate::park::Halted;
use std::convert::Infallible;
use std::fmt;

/// Why an item was not put in. The item comes back with it.
///
/// ```
/// use ropewalk::queue::Queue;
/// let queue = Queue::bounded(0);
/// let error = queue.try_push("rope").unwrap_err();
/// assert_eq!(error.to_string(), "the queue is full");
/// assert_eq!(error.into_item(), "rope");
/// ```
#[derive(Debug)]
pub enum PushError<T, I = Infallible> {
    /// No room before the deadline.
    Full(T),
    /// The queue was shut down.
    ShutDown(T),
    /// The wait for room was halted.
    Halted(Halted<I>, T),
}

/// Why no item was taken out.
///
/// ```
/// use ropewalk::queue::{PopError, Queue};
/// let queue = Queue::<i32>::unbounded();
/// queue.shutdown();
/// assert_eq!(queue.try_pop().unwrap_err().to_string(), "the queue is shut down");
/// ```
#[derive(Debug)]
pub enum PopError<I = Infallible> {
    /// No item before the deadline.
    Empty,
    /// The queue was shut down and holds nothing more.
    ShutDown,
    /// The wait for an item was halted.
    Halted(Halted<I>),
}

/// An item was reported as dealt with more often than items were put in.
///
/// ```
/// use ropewalk::queue::{Queue, TooManyDone};
/// assert_eq!(Queue::<i32>::unbounded().task_done(), Err(TooManyDone));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyDone;

impl<T> PushError<T> {
    /// An error of a push that did not sleep, among those of one that may.
    ///
    /// ```
    /// use ropewalk::queue::PushError;
    /// let error: PushError<i32, std::io::Error> = PushError::Full(1).widen();
    /// assert!(matches!(error, PushError::Full(1)));
    /// ```
    pub fn widen<I>(self) -> PushError<T, I> {
        match self {
            PushError::Full(item) => PushError::Full(item),
            PushError::ShutDown(item) => PushError::ShutDown(item),
            PushError::Halted(halted, item) => PushError::Halted(halted.widen(), item),
        }
    }
}

impl<T, I> PushError<T, I> {
    /// The item that did not go in.
    ///
    /// ```
    /// let queue = ropewalk::queue::Queue::bounded(0);
    /// assert_eq!(queue.try_push("rope").unwrap_err().into_item(), "rope");
    /// ```
    pub fn into_item(self) -> T {
        match self {
            PushError::Full(item) | PushError::ShutDown(item) | PushError::Halted(_, item) => item,
        }
    }
}

impl PopError {
    /// An error of a pop that did not sleep, among those of one that may.
    ///
    /// ```
    /// use ropewalk::queue::PopError;
    /// let error: PopError<std::io::Error> = PopError::Empty.widen();
    /// assert!(matches!(error, PopError::Empty));
    /// ```
    pub fn widen<I>(self) -> PopError<I> {
        match self {
            PopError::Empty => PopError::Empty,
            PopError::ShutDown => PopError::ShutDown,
            PopError::Halted(halted) => PopError::Halted(halted.widen()),
        }
    }
}

impl<T, I> fmt::Display for PushError<T, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PushError::Full(_) => "the queue is full",
            PushError::ShutDown(_) => "the queue is shut down",
            PushError::Halted(..) => "the wait for room in the queue was halted",
        })
    }
}

impl<I> fmt::Display for PopError<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PopError::Empty => "the queue is empty",
            PopError::ShutDown => "the queue is shut down",
            PopError::Halted(_) => "the wait for an item was halted",
        })
    }
}

impl fmt::Display for TooManyDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("task_done() called too many times")
    }
}

impl<T: fmt::Debug, I: fmt::Debug> std::error::Error for PushError<T, I> {}
impl<I: fmt::Debug> std::error::Error for PopError<I> {}
impl std::error::Error for TooManyDone {}
