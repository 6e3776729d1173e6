//! The results of one `map`, each put in its place.

use pyo3::prelude::*;
use pyo3::types::PyList;
use pyo3::{PyTraverseError, PyVisit};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A list that fills up. Its tasks have their numbers for details.
#[pyclass(name = "Harvest", module = "ropewalk._ropewalk", frozen)]
pub(crate) struct PyHarvest {
    values: Py<PyList>,
    /// Values that a task gives; the last one may give fewer.
    chunk: usize,
    left: AtomicUsize,
    /// Called, by Python, when nothing is left: what the harvest is for.
    #[pyo3(get)]
    owner: Py<PyAny>,
}

impl PyHarvest {
    /// Stores what the task `number` gave; whether it was the last.
    ///
    /// # Errors
    /// If it is no list, or of a wrong length.
    pub(super) fn put(&self, py: Python<'_>, number: usize, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        let (values, start) = (self.values.bind(py), number * self.chunk);
        if self.chunk == 1 {
            values.set_item(start, value)?;
        } else {
            let end = (start + self.chunk).min(values.len());
            values.set_slice(start, end, value)?;
        }
        Ok(self.count())
    }

    fn count(&self) -> bool {
        self.left.fetch_sub(1, Ordering::Relaxed) == 1
    }
}

#[pymethods]
impl PyHarvest {
    #[new]
    fn new(values: Py<PyList>, chunk: usize, left: usize, owner: Py<PyAny>) -> PyHarvest {
        PyHarvest { values, chunk, left: AtomicUsize::new(left), owner }
    }

    /// Stores what a task gave; whether it was the last.
    fn store(&self, py: Python<'_>, number: usize, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.put(py, number, value)
    }

    /// Counts a task that gave nothing; whether it was the last.
    fn skip(&self) -> bool {
        self.count()
    }

    // An error that is among the results has frames, and a frame of the map has the harvest. No `__clear__`: the rest
    // of such a circle can be cleared.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.values)?;
        visit.call(&self.owner)
    }
}
