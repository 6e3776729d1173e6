//! Why a record did not go in or come out.

use super::state::Untrue;
use crate::lock::Broken;
use std::convert::Infallible;
use std::fmt;

/// The ring itself can not be used as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Its memory contradicts itself: something wrote into it that is not the ring. Names what was found.
    Corrupt(&'static str),
    /// More processes that run use it than there are slots.
    Crowded,
    /// The system does not say which process this is: `/proc` can not be read.
    Nameless,
    /// There is no address space left to map its memory in.
    NoAddresses,
}

/// Why a record was not put in.
#[derive(Debug, PartialEq, Eq)]
pub enum PushError<I = Infallible> {
    /// No room before the deadline.
    Full,
    /// The ring was closed.
    ShutDown,
    /// It is longer than any ring of this size could take.
    TooLong {
        /// Bytes of the longest record that can go in.
        most: usize,
    },
    /// The wait was interrupted.
    Interrupted(I),
    /// The ring can not be used.
    Fault(Fault),
}

/// Why no record was taken out.
#[derive(Debug, PartialEq, Eq)]
pub enum PopError<I = Infallible> {
    /// No record before the deadline.
    Empty,
    /// The ring was closed and holds nothing more.
    ShutDown,
    /// The wait was interrupted.
    Interrupted(I),
    /// The ring can not be used.
    Fault(Fault),
}

/// Why a wait for all records to be dealt with ended without that.
#[derive(Debug, PartialEq, Eq)]
pub enum JoinError<I = Infallible> {
    /// Some were unfinished at the deadline.
    TimedOut,
    /// The wait was interrupted.
    Interrupted(I),
    /// The ring can not be used.
    Fault(Fault),
}

/// Why a record was not counted as dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoneError {
    /// All that were put in have been already.
    TooMany,
    /// The ring can not be used.
    Fault(Fault),
}

impl From<Untrue> for Fault {
    fn from(untrue: Untrue) -> Fault {
        Fault::Corrupt(untrue.0)
    }
}

impl From<Broken> for Fault {
    fn from(_: Broken) -> Fault {
        Fault::Corrupt("the lock")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Corrupt(what) => write!(
                f,
                "the shared memory is corrupt ({what}): some process wrote into it past this library; \
                 nothing was read from it"
            ),
            Fault::Crowded => write!(f, "more than {} processes use this memory", crate::participants::SLOTS),
            Fault::NoAddresses => f.write_str(
                "there is no address space left for the queue's memory: too many queues, or too many mappings \
                 (vm.max_map_count)",
            ),
            Fault::Nameless => f.write_str("/proc can not be read: processes can not be told apart"),
        }
    }
}

impl<I> fmt::Display for PushError<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PushError::Full => f.write_str("the queue is full"),
            PushError::ShutDown => f.write_str("the queue is shut down"),
            PushError::TooLong { most } => {
                write!(f, "the record is too long: this queue takes at most {most} bytes at once")
            }
            PushError::Interrupted(_) => f.write_str("the wait for room in the queue was interrupted"),
            PushError::Fault(fault) => fault.fmt(f),
        }
    }
}

impl<I> fmt::Display for PopError<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PopError::Empty => f.write_str("the queue is empty"),
            PopError::ShutDown => f.write_str("the queue is shut down"),
            PopError::Interrupted(_) => f.write_str("the wait for an item was interrupted"),
            PopError::Fault(fault) => fault.fmt(f),
        }
    }
}

impl<I> fmt::Display for JoinError<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JoinError::TimedOut => f.write_str("some items are not done"),
            JoinError::Interrupted(_) => f.write_str("the wait for all items to be done was interrupted"),
            JoinError::Fault(fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for DoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DoneError::TooMany => f.write_str("task_done() called too many times"),
            DoneError::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for Fault {}
impl std::error::Error for DoneError {}
impl<I: fmt::Debug> std::error::Error for PushError<I> {}
impl<I: fmt::Debug> std::error::Error for PopError<I> {}
impl<I: fmt::Debug> std::error::Error for JoinError<I> {}
