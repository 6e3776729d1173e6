//! Leave to take many locks at once, for `ropewalk.ordered`.

use super::lock::LockObject;
use super::reentrant::ReentrantObject;
use crate::once::imported;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use ropewalk::lock_order::{self, Asked, Place};
use ropewalk_os::thread;
use std::sync::{Mutex, PoisonError};

/// Locks of any kind that the calling thread may take now, in the order in which it must.
///
/// They count as held until `close`, whichever thread calls it.
#[pyclass(name = "Admission", module = "ropewalk._ropewalk", frozen)]
pub(crate) struct PyAdmission {
    admission: Mutex<Option<lock_order::Admission>>,
    locks: Vec<Py<PyAny>>,
}

#[pymethods]
impl PyAdmission {
    #[new]
    fn new(py: Python<'_>, locks: Vec<Bound<'_, PyAny>>, place: &str) -> PyResult<PyAdmission> {
        let mut asked = locks.iter().map(ask).collect::<PyResult<Vec<_>>>()?;
        let admission = lock_order::admit(&mut asked, Place::from(place)).map_err(|violation| {
            let class = imported(py, &ERROR, "ropewalk.errors", "LockOrderError").map(|class| class.bind(py));
            class.map_or_else(|error| error, |class| PyErr::from_type(class.clone(), violation.to_string()))
        })?;
        let by_rank =
            |one: &Asked| locks.iter().find(|lock| rank(lock) == one.rank).map(|lock| lock.clone().unbind());
        let locks = asked.iter().filter_map(by_rank).collect();
        Ok(PyAdmission { admission: Mutex::new(Some(admission)), locks })
    }

    /// The locks, each once, in order.
    #[getter]
    fn locks(&self, py: Python<'_>) -> Vec<Py<PyAny>> {
        self.locks.iter().map(|lock| lock.clone_ref(py)).collect()
    }

    /// The locks are released.
    fn close(&self) {
        self.admission.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

static ERROR: PyOnceLock<Py<PyType>> = PyOnceLock::new();

fn rank(lock: &Bound<'_, PyAny>) -> usize {
    lock.as_ptr().addr()
}

/// A lock of ours knows its owner; a foreign one may know whether it is owned, and is then a reentrant one.
fn ask(lock: &Bound<'_, PyAny>) -> PyResult<Asked> {
    let (rank, me) = (rank(lock), Some(thread::current()));
    if let Some(ours) = LockObject::new(lock) {
        return Ok(Asked { rank, held: ours.engine().owner() == me, reentrant: false });
    }
    if let Some(ours) = ReentrantObject::new(lock) {
        return Ok(Asked { rank, held: ours.engine().is_owned(), reentrant: true });
    }
    match lock.getattr_opt("_is_owned")? {
        Some(is_owned) => Ok(Asked { rank, held: is_owned.call0()?.is_truthy()?, reentrant: true }),
        None => Ok(Asked { rank, held: false, reentrant: false }),
    }
}
