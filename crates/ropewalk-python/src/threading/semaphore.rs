//! `threading.Semaphore` and `threading.BoundedSemaphore`.

use crate::arguments::{Timeout, Truth, remaining};
use crate::detach::Attached;
use crate::{error, original};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyTuple};
use ropewalk::sync::Semaphore;
use ropewalk::{Deadline, Halted};
use std::sync::atomic::{AtomicU64, Ordering};

#[pyclass(name = "Semaphore", module = "ropewalk._ropewalk", subclass, frozen)]
pub(crate) struct PySemaphore {
    permits: Semaphore,
    /// The most free permits; only a `BoundedSemaphore` has fewer than can be counted.
    bound: AtomicU64,
}

impl PySemaphore {
    fn empty() -> PySemaphore {
        PySemaphore { permits: Semaphore::new(1), bound: AtomicU64::new(Semaphore::MAX) }
    }

    /// Whether this object runs the original's algorithm.
    fn is_retired(&self) -> bool {
        self.permits.is_retired()
    }

    fn start(&self, value: i64) -> PyResult<()> {
        let permits = u64::try_from(value)
            .map_err(|_| PyValueError::new_err("semaphore initial value must be >= 0"))?;
        if permits > Semaphore::MAX {
            return Err(PyOverflowError::new_err("semaphore initial value is too large"));
        }
        self.permits.set(permits);
        Ok(())
    }
}

#[pymethods]
impl PySemaphore {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PySemaphore {
        PySemaphore::empty()
    }

    #[pyo3(signature = (value = 1))]
    fn __init__(&self, value: i64) -> PyResult<()> {
        self.start(value)
    }

    /// Takes a permit; waits for one if `blocking`, at most `timeout` seconds. Says whether it has one.
    #[pyo3(signature = (blocking = Truth(true), timeout = Timeout::NEVER),
           text_signature = "($self, blocking=True, timeout=None)")]
    fn acquire<'py>(
        slf: &Bound<'py, Self>,
        blocking: Truth,
        timeout: Timeout,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        if !blocking.0 && !timeout.is_none() {
            return Err(PyValueError::new_err("can't specify timeout for non-blocking acquire"));
        }
        if this.permits.try_acquire() {
            return Ok(PyBool::new(py, true).to_owned().into_any());
        }
        let deadline = if blocking.0 { timeout.deadline()? } else { Deadline::NOW };
        let result = if this.is_retired() {
            Err(Halted::Retired)
        } else {
            this.permits.acquire(&mut Attached(py), deadline)
        };
        match result {
            Ok(taken) => Ok(PyBool::new(py, taken).to_owned().into_any()),
            Err(Halted::Retired) if blocking.0 => original::call(slf, "acquire", (true, remaining(deadline))),
            Err(Halted::Retired) => original::call(slf, "acquire", (false,)),
            Err(reason) => Err(error::halted(py, reason)),
        }
    }

    #[pyo3(signature = (blocking = Truth(true), timeout = Timeout::NEVER),
           text_signature = "($self, blocking=True, timeout=None)")]
    fn __enter__<'py>(
        slf: &Bound<'py, Self>,
        blocking: Truth,
        timeout: Timeout,
    ) -> PyResult<Bound<'py, PyAny>> {
        Self::acquire(slf, blocking, timeout)
    }

    /// Gives back `n` permits. A bounded semaphore raises `ValueError` if more than its bound would be free.
    #[pyo3(signature = (n = 1))]
    fn release(slf: &Bound<'_, Self>, n: i64) -> PyResult<()> {
        let this = slf.get();
        if this.is_retired() {
            return original::call(slf, "release", (n,)).map(drop);
        }
        let count = u64::try_from(n).unwrap_or(0);
        if count == 0 {
            return Err(PyValueError::new_err("n must be one or more"));
        }
        let bound = this.bound.load(Ordering::Relaxed);
        this.permits.release_below(count, bound).map_err(error::too_many_permits)
    }

    #[pyo3(text_signature = "($self, t, v, tb)")]
    fn __exit__(
        slf: &Bound<'_, Self>,
        _t: &Bound<'_, PyAny>,
        _v: &Bound<'_, PyAny>,
        _tb: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        Self::release(slf, 1)
    }

    #[getter]
    fn _value<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if slf.get().is_retired() {
            return original::attribute(slf, "_value");
        }
        Ok(slf.get().permits.permits().into_pyobject(slf.py())?.into_any())
    }

    #[setter(_value)]
    fn set_value(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if slf.get().is_retired() {
            return original::set_attribute(slf, "_value", value);
        }
        slf.get().start(value.extract()?)
    }

    fn _at_fork_reinit(&self) {
        self.permits.reset(self.permits.permits());
    }

    /// The original's algorithm takes over: who waits here waits there. Gives the free permits.
    fn _retire(&self) -> u64 {
        self.permits.retire()
    }
}

#[pyclass(name = "BoundedSemaphore", module = "ropewalk._ropewalk", extends = PySemaphore, subclass, frozen)]
pub(crate) struct PyBoundedSemaphore;

#[pymethods]
impl PyBoundedSemaphore {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<PyBoundedSemaphore> {
        PyClassInitializer::from(PySemaphore::empty()).add_subclass(PyBoundedSemaphore)
    }

    #[pyo3(signature = (value = 1))]
    fn __init__(slf: PyRef<'_, Self>, value: i64) -> PyResult<()> {
        let semaphore = slf.as_super();
        semaphore.start(value)?;
        semaphore.bound.store(semaphore.permits.permits(), Ordering::Relaxed);
        Ok(())
    }

    #[getter]
    fn _initial_value(slf: PyRef<'_, Self>) -> u64 {
        slf.as_super().bound.load(Ordering::Relaxed)
    }

    #[setter(_initial_value)]
    fn set_initial_value(slf: PyRef<'_, Self>, value: u64) {
        slf.as_super().bound.store(value, Ordering::Relaxed);
    }
}
