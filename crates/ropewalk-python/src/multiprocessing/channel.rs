//! Objects from process to process: encoded in the sender's frame, decoded in the receiver's.
//!
//! The engine sees bytes only. They are written to the thread's own memory first, with the interpreter; then pushed, which
//! waits without it. So no code of the program ever runs under the queue's lock, and a reducer may use any queue.

use super::descriptor::owned;
use crate::arguments::Timeout;
use crate::codec::{self, LARGE, Message, Part};
use crate::detach::Attached;
use crate::error;
use pyo3::exceptions::{PyAttributeError, PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use ropewalk::Deadline;
use ropewalk::process::{Options, PopError, Queue};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::OnceLock;

/// The process's end of a queue; nothing until the object that has it is initialized.
#[derive(Default)]
pub(super) struct Channel(OnceLock<Queue>);

/// Why an object was not sent.
pub(super) enum NotSent {
    /// It could not be encoded.
    Refused(PyErr),
    /// The queue did not take it.
    Stopped(PyErr),
}

impl From<NotSent> for PyErr {
    fn from(reason: NotSent) -> PyErr {
        match reason {
            NotSent::Refused(error) | NotSent::Stopped(error) => error,
        }
    }
}

impl Channel {
    /// A new queue, full with `most` objects.
    ///
    /// # Errors
    /// `OSError`: no descriptors or no address space left.
    pub(super) fn create(&self, most: Option<u64>) -> PyResult<()> {
        let options = Options { readable: true, ..Options::default() };
        let max_records = most.unwrap_or(options.max_records);
        self.settle(Queue::with(&Options { max_records, ..options })?)
    }

    /// The queue of which another process has sent these descriptors. They are this value's from now on.
    ///
    /// # Errors
    /// `OSError`, if it is no queue, or one of another version or pid namespace.
    pub(super) fn open(&self, memory: RawFd, bell: RawFd) -> PyResult<()> {
        let (memory, bell) = (owned(memory)?, owned(bell)?);
        let queue = Queue::from_fds(memory, bell).map_err(|error| PyOSError::new_err(error.to_string()))?;
        self.settle(queue)
    }

    fn settle(&self, queue: Queue) -> PyResult<()> {
        self.0.set(queue).map_err(|_| PyRuntimeError::new_err("the queue is initialized already"))
    }

    /// # Errors
    /// `AttributeError` before it is initialized: a subclass has not called `__init__`.
    #[inline]
    pub(super) fn queue(&self) -> PyResult<&Queue> {
        self.0.get().ok_or_else(|| {
            PyAttributeError::new_err(
                "the queue is not initialized: its class has not called super().__init__()",
            )
        })
    }

    /// What another process opens: its memory and its bell.
    ///
    /// # Errors
    /// `AttributeError`, as [`Channel::queue`].
    pub(super) fn descriptors(&self) -> PyResult<(RawFd, Option<RawFd>)> {
        let queue = self.queue()?;
        Ok((queue.as_fd().as_raw_fd(), queue.bell().map(|bell| bell.as_raw_fd())))
    }

    /// Blocks for large buffers: being written, waiting inside, in the hands of who took them out.
    ///
    /// # Errors
    /// `OSError`.
    pub(super) fn blocks(&self, py: Python<'_>) -> PyResult<(usize, usize, usize)> {
        let queue = self.queue()?;
        py.detach(|| queue.blocks())
            .map(|blocks| (blocks.writing, blocks.queued, blocks.reading))
            .map_err(error::process_fault)
    }

    /// A descriptor that is readable while an object is inside.
    ///
    /// # Errors
    /// `OSError`.
    pub(super) fn readable(&self) -> PyResult<RawFd> {
        Ok(self.queue()?.readable_fd()?.as_raw_fd())
    }

    /// Encodes the object and puts it in.
    ///
    /// # Errors
    /// [`NotSent`]; the object is then not inside.
    #[inline]
    pub(super) fn send(&self, object: &Bound<'_, PyAny>, deadline: Deadline) -> Result<(), NotSent> {
        let queue = self.queue().map_err(NotSent::Stopped)?;
        let mut message = Message::take();
        let sent = match codec::encode(object, &mut message, LARGE) {
            Ok(()) => push(object.py(), queue, &message, deadline),
            Err(error) => Err(NotSent::Refused(error)),
        };
        message.put_back();
        sent
    }

    /// Takes the first object out and decodes it.
    ///
    /// # Errors
    /// `queue.Empty`, `queue.ShutDown`, what a signal's handler raises, what constructors raise.
    #[inline]
    pub(super) fn receive<'py>(&self, py: Python<'py>, deadline: Deadline) -> PyResult<Bound<'py, PyAny>> {
        let queue = self.queue()?;
        let mut message = Message::take();
        let Message { bytes, loans, .. } = &mut *message;
        let received = match queue.pop_parts(bytes, loans, &mut Attached(py), deadline) {
            Ok(_) => codec::decode_message(py, &mut message),
            Err(reason) => Err(error::process_pop(py, reason)),
        };
        message.put_back();
        received
    }

    /// Lets no more objects in; throws away what is inside if `immediate`.
    ///
    /// # Errors
    /// `OSError`.
    pub(super) fn shut_down(&self, py: Python<'_>, immediate: bool) -> PyResult<()> {
        let queue = self.queue()?;
        queue.shutdown().map_err(error::process_fault)?;
        if !immediate {
            return Ok(());
        }
        loop {
            match queue.pop(&mut Attached(py), Deadline::NOW) {
                Ok(_) => drop(queue.task_done()), // of those that others have dealt with already, there are enough
                Err(PopError::Interrupted(error)) => return Err(error),
                Err(_) => return Ok(()),
            }
        }
    }

    /// Whether an object is inside before the deadline. It stays there.
    ///
    /// # Errors
    /// What a signal's handler raises.
    pub(super) fn is_filled(&self, py: Python<'_>, timeout: Timeout) -> PyResult<bool> {
        match self.queue()?.wait_filled(&mut Attached(py), timeout.deadline()?) {
            Ok(()) => Ok(true),
            Err(PopError::Empty | PopError::ShutDown) => Ok(false),
            Err(reason) => Err(error::process_pop(py, reason)),
        }
    }

    /// Objects inside now.
    #[inline]
    pub(super) fn len(&self) -> PyResult<u64> {
        self.queue()?.len().map_err(error::process_fault)
    }

    /// Whether no more objects fit in now.
    #[inline]
    pub(super) fn is_full(&self) -> PyResult<bool> {
        let queue = self.queue()?;
        Ok(self.len()? >= queue.capacity())
    }
}

fn push(py: Python<'_>, queue: &Queue, message: &Message, deadline: Deadline) -> Result<(), NotSent> {
    let pushed = if message.parts.is_empty() {
        queue.push(&message.bytes, &mut Attached(py), deadline)
    } else {
        let parts: Vec<&[u8]> = message.parts.iter().map(Part::bytes).collect();
        queue.push_parts(&message.bytes, &parts, &mut Attached(py), deadline)
    };
    pushed.map(drop).map_err(|reason| NotSent::Stopped(error::process_push(py, reason)))
}
