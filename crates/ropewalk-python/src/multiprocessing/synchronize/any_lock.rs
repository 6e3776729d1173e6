//! The lock under a condition or around a value: one of ours, or whatever the program has given.

use super::sem_lock::SemLock;
use crate::once::intern;
use pyo3::prelude::*;
use pyo3::pyclass::{PyTraverseError, PyVisit};
use pyo3::types::{PyBool, PyTuple};
use ropewalk::Deadline;

/// A lock, and whether it is one of ours as it was made: then its methods need not be called by name.
pub(crate) struct AnyLock {
    lock: Py<PyAny>,
    is_ours: bool,
}

impl AnyLock {
    pub(crate) fn new(lock: Py<PyAny>, is_ours: bool) -> AnyLock {
        AnyLock { lock, is_ours }
    }

    pub(crate) fn object(&self) -> &Py<PyAny> {
        &self.lock
    }

    /// The lock's engine, if it is one of ours.
    #[inline]
    fn ours<'a>(&'a self, py: Python<'a>) -> Option<&'a SemLock> {
        if self.is_ours { SemLock::of(self.lock.bind(py)) } else { None }
    }

    /// What the lock's inner part answers.
    fn inner<'py>(&self, py: Python<'py>, method: &str) -> PyResult<Bound<'py, PyAny>> {
        self.lock.bind(py).getattr(intern!(py, "_semlock"))?.call_method0(method)
    }

    /// Whether the calling thread holds it.
    #[inline]
    pub(crate) fn is_mine(&self, py: Python<'_>) -> PyResult<bool> {
        match self.ours(py) {
            Some(lock) => Ok(lock.mine()),
            None => self.inner(py, "_is_mine")?.is_truthy(),
        }
    }

    /// How often this process has taken it.
    pub(crate) fn count(&self, py: Python<'_>) -> PyResult<i64> {
        match self.ours(py) {
            Some(lock) => Ok(lock.taken()),
            None => self.inner(py, "_count")?.extract(),
        }
    }

    #[inline]
    pub(crate) fn acquire(&self, py: Python<'_>) -> PyResult<()> {
        match self.ours(py) {
            Some(lock) if lock.take_at_once() => Ok(()),
            Some(lock) => lock.take(self.lock.bind(py), Deadline::NEVER).map(drop),
            None => self.lock.bind(py).call_method0(intern!(py, "acquire")).map(drop),
        }
    }

    /// As [`AnyLock::acquire`], for who must come back with it.
    pub(crate) fn acquire_again(&self, py: Python<'_>) -> PyResult<()> {
        match self.ours(py) {
            Some(lock) if lock.take_at_once() => Ok(()),
            Some(lock) => lock.take_again(self.lock.bind(py)).map(drop),
            None => self.lock.bind(py).call_method0(intern!(py, "acquire")).map(drop),
        }
    }

    #[inline]
    pub(crate) fn release(&self, py: Python<'_>) -> PyResult<()> {
        match self.ours(py) {
            Some(lock) => lock.give().map_err(|refusal| refusal.error()),
            None => self.lock.bind(py).call_method0(intern!(py, "release")).map(drop),
        }
    }

    /// Does `body` with the lock held. Its error comes before one of giving the lock back.
    #[inline]
    pub(crate) fn held<T>(&self, py: Python<'_>, body: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
        self.acquire(py)?;
        let done = body();
        let released = self.release(py);
        let done = done?;
        released.map(|()| done)
    }

    /// As the lock's `__enter__`.
    #[inline]
    pub(crate) fn enter(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        if self.is_ours {
            self.acquire(py)?;
            return Ok(PyBool::new(py, true).to_owned().into_any().unbind());
        }
        Ok(self.lock.bind(py).call_method0(intern!(py, "__enter__"))?.unbind())
    }

    /// As the lock's `__exit__`.
    #[inline]
    pub(crate) fn exit(&self, args: &Bound<'_, PyTuple>) -> PyResult<Py<PyAny>> {
        let py = args.py();
        if self.is_ours {
            return self.release(py).map(|()| py.None());
        }
        Ok(self.lock.bind(py).call_method1(intern!(py, "__exit__"), args)?.unbind())
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.lock)
    }
}
