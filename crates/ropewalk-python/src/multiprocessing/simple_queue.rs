//! `multiprocessing.SimpleQueue`.

use super::channel::{Channel, NotSent};
use crate::arguments::Timeout;
use crate::once::intern;
use pyo3::exceptions::{PyException, PyOSError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use ropewalk::Deadline;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

#[pyclass(name = "SimpleProcessQueue", module = "ropewalk._ropewalk", subclass, frozen)]
#[derive(Default)]
pub(crate) struct PySimpleProcessQueue {
    channel: Channel,
    closed: AtomicBool,
}

impl PySimpleProcessQueue {
    fn open(&self) -> PyResult<&Channel> {
        if self.closed.load(Relaxed) {
            Err(PyOSError::new_err("handle is closed"))
        } else {
            Ok(&self.channel)
        }
    }
}

#[pymethods]
impl PySimpleProcessQueue {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PySimpleProcessQueue {
        PySimpleProcessQueue::default()
    }

    #[pyo3(signature = (*_args, **_kwargs))]
    fn __init__(&self, _args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) {}

    /// A new queue.
    fn _create(&self) -> PyResult<()> {
        self.channel.create(None)
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

    /// Puts an object in. Raises what pickling it raises, `OSError` after `close()`.
    fn put(slf: &Bound<'_, Self>, obj: &Bound<'_, PyAny>) -> PyResult<()> {
        match slf.get().open()?.send(obj, Deadline::NEVER) {
            Err(NotSent::Refused(error)) if error.is_instance_of::<PyException>(slf.py()) => {
                slf.call_method1(intern!(slf.py(), "_refused"), (error, obj)).map(drop)
            }
            sent => Ok(sent?),
        }
    }

    /// Takes an object out; waits for one. Raises `OSError` after `close()`.
    fn get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.open()?.receive(py, Deadline::NEVER)
    }

    /// Whether nothing is inside now. Raises `OSError` after `close()`.
    fn empty(&self) -> PyResult<bool> {
        Ok(self.open()?.len()? == 0)
    }

    /// This process puts nothing in and takes nothing out any more. What is inside stays for the others.
    fn close(&self) {
        self.closed.store(true, Relaxed);
    }

    #[getter]
    fn _closed(&self) -> bool {
        self.closed.load(Relaxed)
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
}
