//! What a worker thread iterates over: one call after the other.
//!
//! The worker's loop is Python. It stores what a call gave in `result` or `exception` and asks for the next call;
//! that request also hands the outcome over. If the line is empty, those who wait for the outcome are woken when
//! the worker has left the GIL; else at once.

use super::frames;
use super::future::PyFuture;
use super::parts::{Call, Item, Outcome, Pool};
use crate::detach::Attached;
use crate::error;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{BoundObject, IntoPyObjectExt};
use ropewalk::future::{Start, Wakes};
use ropewalk::thread_pool::Next;
use ropewalk_os::{fork, thread};
use std::sync::Arc;

#[pyclass(name = "Worker", module = "ropewalk._ropewalk")]
pub(crate) struct PyWorker {
    pool: Arc<Pool>,
    /// Whose call is being done.
    future: Option<Py<PyFuture>>,
    value: Option<Py<PyAny>>,
    failed: bool,
    epoch: u32,
    joined: bool,
}

impl PyWorker {
    pub(crate) fn new(pool: Arc<Pool>) -> PyWorker {
        PyWorker { pool, future: None, value: None, failed: false, epoch: fork::epoch(), joined: false }
    }

    /// Whether its task was done by a thread that waited for it.
    pub(crate) fn is_husk(future: &Py<PyFuture>) -> bool {
        future.get().slot.is_claimed()
    }

    fn call<'py, A: IntoPyObject<'py, Target = PyTuple>>(
        py: Python<'py>,
        function: Py<PyAny>,
        arguments: A,
    ) -> PyResult<Option<Call>>
    where
        PyErr: From<A::Error>,
    {
        let arguments = arguments.into_pyobject(py)?.into_bound().unbind();
        Ok(Some((function, arguments, None)))
    }

    /// Hands over the outcome of the last call: wakes that are owed, or one more call that does what is left.
    fn publish(&mut self, py: Python<'_>) -> PyResult<Result<Wakes, Option<Call>>> {
        let value = self.value.take();
        let failed = std::mem::take(&mut self.failed);
        let Some(future) = self.future.take() else {
            // A call without a future is one of ours: what it raises ends the worker, as in the original.
            return match value {
                Some(error) if failed => Err(PyErr::from_value(error.into_bound(py))),
                _ => Ok(Ok(Wakes::default())),
            };
        };
        let value = value.unwrap_or_else(|| py.None());
        let elsewhere = if failed { frames::fail } else { frames::finish };
        if future.get().is_retired() {
            return Self::call(py, elsewhere(py)?, (future, value)).map(Err);
        }
        match future.get().slot.finish(Outcome::new(value, failed), failed) {
            Ok(aftermath) if aftermath.callbacks.is_empty() => Ok(Ok(aftermath.wakes)),
            Ok(aftermath) => {
                aftermath.wakes.wake();
                let callbacks = aftermath.callbacks.into_py_any(py)?;
                Self::call(py, frames::call_back(py)?, (future, callbacks)).map(Err)
            }
            Err(refused) => {
                let value = refused.value.exception.or(refused.value.result);
                Self::call(py, elsewhere(py)?, (future, value)).map(Err)
            }
        }
    }
}

#[pymethods]
impl PyWorker {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    /// The next call; ends when the worker should look whether it must stop.
    fn __next__(&mut self, py: Python<'_>) -> PyResult<Option<Call>> {
        let mut owed = match self.publish(py)? {
            Ok(wakes) => wakes,
            Err(call) => return Ok(call),
        };
        if self.epoch != fork::epoch() {
            self.pool.exit();
            owed.wake();
            return Ok(None);
        }
        if !self.joined {
            self.joined = true;
            self.pool.enter();
        }
        loop {
            let next = self.pool.line.next(std::mem::take(&mut owed), &mut Attached(py));
            let future = match next.map_err(|reason| error::halted(py, reason))? {
                Next::Task(Item::Future(future)) => future,
                Next::Task(Item::Other(item)) => return Self::call(py, frames::run_item(py)?, (item,)),
                Next::Summoned => {
                    self.joined = false;
                    self.pool.exit();
                    return Ok(None);
                }
            };
            match future.get().slot.start() {
                Ok(Start::Go(Some(task))) => {
                    future.get().slot.set_runner(thread::current());
                    self.future = Some(future);
                    return Ok(Some(task.call));
                }
                Ok(Start::Cancelled(wakes)) => owed = wakes,
                Err(refused) if refused.claimed => self.pool.line.husk_gone(),
                // Somebody has set it running or finished it while it stood in line.
                Ok(Start::Go(None)) | Err(_) => return Self::call(py, frames::start(py)?, (future,)),
            }
        }
    }

    /// What the call returned.
    #[setter]
    fn set_result(&mut self, value: Py<PyAny>) {
        self.value = Some(value);
        self.failed = false;
    }

    /// What the call raised.
    #[setter]
    fn set_exception(&mut self, value: Py<PyAny>) {
        self.value = Some(value);
        self.failed = true;
    }

    /// Whether this thread was carried into a child process by fork: it works for nobody there.
    #[getter]
    fn orphaned(&self) -> bool {
        self.epoch != fork::epoch()
    }
}
