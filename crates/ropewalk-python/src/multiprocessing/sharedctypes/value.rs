//! `multiprocessing.Value`: one number, and a lock around each access.

use super::number::Numbers;
use crate::multiprocessing::synchronize::AnyLock;
use crate::once::intern;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::pyclass::{PyTraverseError, PyVisit};
use pyo3::types::{PyDict, PyTuple};
use std::sync::OnceLock;

#[pyclass(name = "SynchronizedNumber", module = "ropewalk._ropewalk", subclass, frozen, weakref)]
pub(crate) struct PyValue(OnceLock<Begun>);

/// What is around it and where it is.
struct Begun {
    lock: AnyLock,
    /// The ctypes object whose memory it is.
    object: Py<PyAny>,
    numbers: Numbers,
}

impl PyValue {
    #[inline]
    fn begun(&self) -> PyResult<&Begun> {
        self.0.get().ok_or_else(|| PyRuntimeError::new_err("this value was never begun"))
    }
}

#[pymethods]
impl PyValue {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyValue {
        PyValue(OnceLock::new())
    }

    /// Stands for the number in the memory of `object`, which is at `address`.
    fn _begin(
        &self,
        object: Py<PyAny>,
        kind: &str,
        address: usize,
        lock: Py<PyAny>,
        is_ours: bool,
    ) -> PyResult<()> {
        let numbers = Numbers::new(kind, address, 1)?;
        let begun = Begun { lock: AnyLock::new(lock, is_ours), object, numbers };
        self.0.set(begun).map_err(|_| PyRuntimeError::new_err("this value was begun before"))
    }

    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let Begun { lock, object, numbers } = self.begun()?;
        if numbers.are_known() {
            // The object is made when the lock is free again.
            return lock.held(py, || Ok(numbers.read(0)))?.object(py);
        }
        lock.held(py, || object.bind(py).getattr(intern!(py, "value")))
    }

    #[setter]
    fn set_value(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let (py, Begun { lock, object, numbers }) = (value.py(), self.begun()?);
        match numbers.bits(value) {
            Some(bits) => lock.held(py, || {
                numbers.write(0, bits);
                Ok(())
            }),
            None => lock.held(py, || object.bind(py).setattr(intern!(py, "value"), value)),
        }
    }

    fn get_obj(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.begun()?.object.clone_ref(py))
    }

    fn get_lock(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.begun()?.lock.object().clone_ref(py))
    }

    fn __enter__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.begun()?.lock.enter(py)
    }

    #[pyo3(signature = (*args))]
    fn __exit__(&self, args: &Bound<'_, PyTuple>) -> PyResult<Py<PyAny>> {
        self.begun()?.lock.exit(args)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Some(begun) = self.0.get() else { return Ok(()) };
        begun.lock.visit(&visit)?;
        visit.call(&begun.object)
    }
}
