//! `multiprocessing.SimpleQueue`.

use super::channel::Channel;
use crate::arguments::Timeout;
use pyo3::exceptions::PyOSError;
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

    /// The queue of which another process has sent this descriptor, which is the queue's from now on.
    fn _attach(&self, descriptor: RawFd) -> PyResult<()> {
        self.channel.open(descriptor)
    }

    /// What another process attaches.
    fn _descriptor(&self) -> PyResult<RawFd> {
        self.channel.descriptor()
    }

    /// Puts an object in. Raises what pickling it raises, `OSError` after `close()`.
    fn put(&self, obj: &Bound<'_, PyAny>) -> PyResult<()> {
        Ok(self.open()?.send(obj, Deadline::NEVER)?)
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
