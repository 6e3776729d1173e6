//! `multiprocessing.Queue` and `JoinableQueue`.

use super::channel::{Channel, NotSent};
use crate::arguments::{Timeout, Truth};
use crate::detach::Attached;
use crate::error;
use crate::once::intern;
use pyo3::exceptions::{PyException, PyOSError, PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use ropewalk::Deadline;
use ropewalk_os::fork;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The largest bound, which is the original's for none.
const NO_BOUND: i32 = i32::MAX;

#[pyclass(name = "ProcessQueue", module = "ropewalk._ropewalk", subclass, frozen)]
#[derive(Default)]
pub(crate) struct PyProcessQueue {
    channel: Channel,
    /// In which process it was closed: a forked child has it open again.
    closed: Here,
    /// In which process something was put in.
    used: Here,
}

/// A flag that a forked child does not inherit.
#[derive(Default)]
struct Here(AtomicU32);

impl Here {
    #[inline]
    fn now() -> u32 {
        fork::epoch().wrapping_add(1)
    }

    #[inline]
    fn is_set(&self) -> bool {
        self.0.load(Relaxed) == Here::now()
    }

    #[inline]
    fn set(&self) {
        self.0.store(Here::now(), Relaxed);
    }

    fn clear(&self) {
        self.0.store(0, Relaxed);
    }
}

#[pymethods]
impl PyProcessQueue {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyProcessQueue {
        PyProcessQueue::default()
    }

    #[pyo3(signature = (*_args, **_kwargs))]
    fn __init__(&self, _args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) {}

    /// A new queue, full with `maxsize` objects; with the largest `int` of C it never is.
    fn _create(&self, maxsize: &Bound<'_, PyAny>) -> PyResult<()> {
        let maxsize: i32 = maxsize.extract().map_err(|error: PyErr| {
            match error.is_instance_of::<PyOverflowError>(maxsize.py()) {
                true => PyOverflowError::new_err("Python int too large to convert to C int"),
                false => error,
            }
        })?;
        self.channel.create((maxsize != NO_BOUND).then_some(maxsize.unsigned_abs().into()))
    }

    /// The queue of which another process has sent its memory and its bell, which are the queue's from now on.
    fn _attach(&self, memory: RawFd, bell: RawFd) -> PyResult<()> {
        self.channel.open(memory, bell)
    }

    /// What another process attaches.
    fn _descriptors(&self) -> PyResult<(RawFd, Option<RawFd>)> {
        self.channel.descriptors()
    }

    /// Blocks for large buffers: being written, waiting inside, in the hands of who took them out. The dead have none.
    fn _blocks(&self, py: Python<'_>) -> PyResult<(usize, usize, usize)> {
        self.channel.blocks(py)
    }

    /// A descriptor that is readable while something is inside.
    fn _readable(&self) -> PyResult<RawFd> {
        self.channel.readable()
    }

    /// Puts an object in; waits for room at most `timeout` seconds if `block`.
    ///
    /// Raises `Full` if there is no room by then, `ValueError` if this process has closed the queue, `ShutDown` after
    /// `shutdown()`, and what pickling the object raises.
    #[pyo3(signature = (obj, block = Truth(true), timeout = Timeout::NEVER),
           text_signature = "($self, obj, block=True, timeout=None)")]
    fn put(slf: &Bound<'_, Self>, obj: &Bound<'_, PyAny>, block: Truth, timeout: Timeout) -> PyResult<()> {
        let this = slf.get();
        if this.closed.is_set() {
            return Err(closed(slf));
        }
        this.used.set();
        match this.channel.send(obj, deadline(block, timeout)?) {
            Ok(()) => Ok(()),
            Err(NotSent::Refused(error)) if error.is_instance_of::<PyException>(slf.py()) => {
                slf.call_method1(intern!(slf.py(), "_refused"), (error, obj)).map(drop)
            }
            Err(reason) => Err(reason.into()),
        }
    }

    /// Takes an object out; waits for one at most `timeout` seconds if `block`.
    ///
    /// Raises `Empty` if there is none by then, `ValueError` if this process has closed the queue, `ShutDown` after
    /// `shutdown()` when nothing is left.
    #[pyo3(signature = (block = Truth(true), timeout = Timeout::NEVER),
           text_signature = "($self, block=True, timeout=None)")]
    fn get<'py>(slf: &Bound<'py, Self>, block: Truth, timeout: Timeout) -> PyResult<Bound<'py, PyAny>> {
        if slf.get().closed.is_set() {
            return Err(closed(slf));
        }
        slf.get().channel.receive(slf.py(), deadline(block, timeout)?)
    }

    /// Objects inside now.
    fn qsize(&self) -> PyResult<u64> {
        self.channel.len()
    }

    /// Whether nothing is inside now. Raises `OSError` if this process has used the queue and closed it.
    fn empty(&self) -> PyResult<bool> {
        if self.closed.is_set() && self.used.is_set() {
            return Err(PyOSError::new_err("handle is closed"));
        }
        Ok(self.channel.len()? == 0)
    }

    /// Whether there is no room now.
    fn full(&self) -> PyResult<bool> {
        self.channel.is_full()
    }

    /// This process puts nothing in and takes nothing out any more. What is inside stays for the others.
    fn close(&self) {
        self.closed.set();
    }

    #[getter]
    fn _closed(&self) -> bool {
        self.closed.is_set()
    }

    #[setter(_closed)]
    fn set_closed(&self, closed: bool) {
        if closed { self.closed.set() } else { self.closed.clear() }
    }

    /// As `put`, of the end of the pipe that the original has.
    fn _give(&self, obj: &Bound<'_, PyAny>) -> PyResult<()> {
        Ok(self.channel.send(obj, Deadline::NEVER)?)
    }

    /// As `get`, of the other end.
    fn _take<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.channel.receive(py, Deadline::NEVER)
    }

    /// Whether something is inside; waits for it at most `timeout` seconds.
    fn _wait_filled(&self, py: Python<'_>, timeout: Timeout) -> PyResult<bool> {
        self.channel.is_filled(py, timeout)
    }

    /// Lets no more objects in, of any process; `get` takes out what is left, or nothing if `immediate`.
    #[pyo3(signature = (immediate = Truth(false)), text_signature = "($self, immediate=False)")]
    fn shutdown(&self, py: Python<'_>, immediate: Truth) -> PyResult<()> {
        self.channel.shut_down(py, immediate.0)
    }
}

/// When a wait ends. As the original's do, a negative time is none at all.
#[inline]
fn deadline(block: Truth, timeout: Timeout) -> PyResult<Deadline> {
    if block.0 { timeout.deadline() } else { Ok(Deadline::NOW) }
}

#[cold]
fn closed(slf: &Bound<'_, PyProcessQueue>) -> PyErr {
    slf.repr().map_or_else(|error| error, |queue| PyValueError::new_err(format!("Queue {queue} is closed")))
}

#[pyclass(name = "JoinableProcessQueue", module = "ropewalk._ropewalk", extends = PyProcessQueue, subclass, frozen)]
pub(crate) struct PyJoinableProcessQueue;

#[pymethods]
impl PyJoinableProcessQueue {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<PyJoinableProcessQueue> {
        PyClassInitializer::from(PyProcessQueue::default()).add_subclass(PyJoinableProcessQueue)
    }

    /// Says that an object taken out has been dealt with. Raises `ValueError` if said too often.
    fn task_done(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.as_super().get().channel.queue()?.task_done().map_err(error::process_done)
    }

    /// Objects put in that have not been dealt with.
    fn _unfinished(slf: &Bound<'_, Self>) -> PyResult<u64> {
        let counts = slf.as_super().get().channel.queue()?.counts().map_err(error::process_fault)?;
        Ok(counts.unfinished)
    }

    /// Waits until every object put in has been dealt with.
    fn join(slf: &Bound<'_, Self>) -> PyResult<()> {
        let queue = slf.as_super().get().channel.queue()?;
        queue.join(&mut Attached(slf.py()), Deadline::NEVER).map_err(error::process_join)
    }
}
