//! What a waiting thread must do itself, in a Python frame.

use super::parts::Call;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Given back instead of a result: exactly one of the three.
#[pyclass(name = "Detour", module = "ropewalk._ropewalk", frozen)]
pub(crate) struct PyDetour {
    error: Option<Py<PyAny>>,
    call: Option<Py<PyTuple>>,
    timeout: Option<f64>,
}

impl PyDetour {
    /// Raise this.
    pub(crate) fn raise(error: Py<PyAny>) -> PyDetour {
        PyDetour { error: Some(error), call: None, timeout: None }
    }

    /// The task is yours: call it, store its result, wait again.
    pub(crate) fn help(py: Python<'_>, call: Call) -> PyResult<PyDetour> {
        Ok(PyDetour { error: None, call: Some(call.into_pyobject(py)?.unbind()), timeout: None })
    }

    /// Wait for the rest of the time as the original does.
    pub(crate) fn elsewhere(timeout: Option<f64>) -> PyDetour {
        PyDetour { error: None, call: None, timeout }
    }
}

#[pymethods]
impl PyDetour {
    /// The exception to raise.
    #[getter]
    fn error(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.error.as_ref().map(|error| error.clone_ref(py))
    }

    /// The task to do: function, arguments, keywords.
    #[getter]
    fn call(&self, py: Python<'_>) -> Option<Py<PyTuple>> {
        self.call.as_ref().map(|call| call.clone_ref(py))
    }

    /// Seconds left to wait as the original does; `None` for no end.
    #[getter]
    fn timeout(&self) -> Option<f64> {
        self.timeout
    }
}
