//! `multiprocessing.Condition`.

use super::any_lock::AnyLock;
use super::arguments::Seconds;
use super::memory::{PyMemory, foreign};
use crate::detach::Attached;
use pyo3::exceptions::{PyAssertionError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::pyclass::{PyTraverseError, PyVisit};
use pyo3::types::{PyDict, PyTuple};
use ropewalk::Deadline;
use ropewalk::process::{Condition, Passed};
use std::sync::OnceLock;

#[pyclass(name = "ProcessCondition", module = "ropewalk._ropewalk", subclass, frozen, weakref)]
pub(crate) struct PyCondition(OnceLock<Over>);

/// A condition over a lock.
struct Over {
    condition: Condition,
    lock: AnyLock,
}

impl Over {
    /// Without the lock for as long as it takes, and with it again.
    fn wait(&self, py: Python<'_>, deadline: Deadline) -> PyResult<bool> {
        let count = self.lock.count(py)?;
        let Some(waiting) = self.condition.begin() else {
            return Err(PyRuntimeError::new_err(
                "too many threads wait for conditions and barriers of this process: some four thousand can",
            ));
        };
        let mut slept = (0..count).try_for_each(|_| self.lock.release(py));
        if slept.is_ok() {
            slept = self.condition.sleep(&waiting, &mut Attached(py), deadline);
        }
        let back = (0..count).try_for_each(|_| self.lock.acquire_again(py));
        let notified = self.condition.end(waiting);
        let ended = slept.and(back);
        if ended.is_err() && notified {
            self.condition.notify(1); // it is for another
        }
        ended.map(|()| notified)
    }
}

impl PyCondition {
    #[inline]
    fn over(&self) -> PyResult<&Over> {
        self.0.get().ok_or_else(|| PyRuntimeError::new_err("this condition was never begun"))
    }

    fn begin(&self, condition: Condition, lock: Py<PyAny>, is_ours: bool) -> PyResult<()> {
        let begun = self.0.set(Over { condition, lock: AnyLock::new(lock, is_ours) });
        begun.map_err(|_| PyRuntimeError::new_err("this condition was begun before"))
    }

    #[inline]
    fn notify_some(&self, py: Python<'_>, count: u32) -> PyResult<()> {
        let over = self.over()?;
        if !over.lock.is_mine(py)? {
            return Err(PyAssertionError::new_err("lock is not owned"));
        }
        over.condition.notify(count);
        Ok(())
    }
}

#[pymethods]
impl PyCondition {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyCondition {
        PyCondition(OnceLock::new())
    }

    fn _begin(&self, lock: Py<PyAny>, is_ours: bool) -> PyResult<()> {
        self.begin(Condition::new()?, lock, is_ours)
    }

    fn _open(
        &self,
        lock: Py<PyAny>,
        is_ours: bool,
        memory: &Bound<'_, PyMemory>,
        number: u32,
    ) -> PyResult<()> {
        let condition = Condition::in_memory(&memory.get().0, number).map_err(foreign)?;
        self.begin(condition, lock, is_ours)
    }

    fn _place(&self) -> PyResult<(PyMemory, u32)> {
        let condition = &self.over()?.condition;
        Ok((PyMemory(condition.passed_memory()), condition.number()))
    }

    /// How many wait.
    fn _waiting(&self) -> PyResult<u32> {
        Ok(self.over()?.condition.waiting())
    }

    #[getter]
    fn _lock(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.over()?.lock.object().clone_ref(py))
    }

    fn __enter__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.over()?.lock.enter(py)
    }

    #[pyo3(signature = (*args))]
    fn __exit__(&self, args: &Bound<'_, PyTuple>) -> PyResult<Py<PyAny>> {
        self.over()?.lock.exit(args)
    }

    #[pyo3(signature = (timeout = Seconds::NEVER), text_signature = "($self, timeout=None)")]
    fn wait(&self, py: Python<'_>, timeout: Seconds) -> PyResult<bool> {
        let over = self.over()?;
        if !over.lock.is_mine(py)? {
            return Err(PyAssertionError::new_err("must acquire() condition before using wait()"));
        }
        over.wait(py, timeout.deadline())
    }

    #[pyo3(signature = (n = 1))]
    fn notify(&self, py: Python<'_>, n: i64) -> PyResult<()> {
        self.notify_some(py, u32::try_from(n.max(0)).unwrap_or(u32::MAX))
    }

    fn notify_all(&self, py: Python<'_>) -> PyResult<()> {
        self.notify_some(py, u32::MAX)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0.get().map_or(Ok(()), |over| over.lock.visit(&visit))
    }
}
