//! Waits that end in another process: as data for Python, and as an error.

use super::name;
use crate::once::imported;
use pyo3::exceptions::PyProcessLookupError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use ropewalk::wait_graph::{self, Joining, ProcessCycle, ProcessWait};
use std::sync::{Mutex, PoisonError};

/// One wait as Python is told it: process and thread; what it waits for, its memory and number there; the process that
/// has it, its thread and whether it lives; seconds waited, whether timed; the thread's name and where it stands.
type Told =
    (u32, u64, &'static str, u64, u64, Option<u32>, Option<u64>, bool, f64, bool, String, Vec<String>);

fn told(wait: &ProcessWait) -> Told {
    let holder = wait.holder;
    (
        wait.pid,
        wait.thread.0,
        name(wait.kind),
        wait.object.0,
        wait.object.1,
        holder.map(|holder| holder.pid),
        holder.and_then(|holder| holder.thread).map(|thread| thread.0),
        holder.is_none_or(|holder| holder.lives),
        wait.waited.as_secs_f64(),
        wait.timed,
        wait.name.clone(),
        wait.places.clone(),
    )
}

/// Certain or not, a circle or not, and its waits.
pub(super) fn told_of(cycle: &ProcessCycle) -> (bool, bool, Vec<Told>) {
    (cycle.is_certain(), cycle.is_circle(), cycle.waits().iter().map(told).collect())
}

/// The `DeadlockError` for a wait that was found in a circle. It draws itself when it is shown.
pub(crate) fn error(py: Python<'_>, cycle: &ProcessCycle) -> PyErr {
    static DEADLOCK: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let make = || {
        let error = imported(py, &DEADLOCK, "ropewalk.errors", "DeadlockError")?.bind(py).call0()?;
        error.setattr("_processes", told_of(cycle).2)?;
        Ok(error)
    };
    make().map_or_else(|error| error, PyErr::from_value)
}

fn unseen(error: std::io::Error) -> PyErr {
    match error.kind() {
        std::io::ErrorKind::NotFound => PyProcessLookupError::new_err(error.to_string()),
        _ => error.into(),
    }
}

/// The waits of a process on what processes share, that have lasted for more than 10 ms.
#[pyfunction]
#[pyo3(signature = (pid, /))]
fn process_waits(py: Python<'_>, pid: u32) -> PyResult<Vec<Told>> {
    let waits = py.detach(|| wait_graph::process_waits(pid)).map_err(unseen)?;
    Ok(waits.iter().map(told).collect())
}

/// The circles in which threads of these processes stand: certain or not, a circle or a group that is left alone, waits.
#[pyfunction]
#[pyo3(signature = (pids, /))]
fn process_cycles(py: Python<'_>, pids: Vec<u32>) -> PyResult<Vec<(bool, bool, Vec<Told>)>> {
    let cycles = py.detach(|| wait_graph::process_cycles(&pids)).map_err(unseen)?;
    Ok(cycles.iter().map(told_of).collect())
}

/// A wait outside the engine, for the end of a process.
#[pyclass(name = "Joining", module = "ropewalk._ropewalk", frozen)]
struct PyJoining(Mutex<Option<Joining>>);

#[pymethods]
impl PyJoining {
    #[new]
    #[pyo3(signature = (pid, /))]
    fn new(py: Python<'_>, pid: u32) -> PyResult<PyJoining> {
        let joining = Joining::begin(pid).map_err(|cycle| error(py, &cycle))?;
        Ok(PyJoining(Mutex::new(Some(joining))))
    }

    /// The wait is over.
    fn close(&self) {
        let joining = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(joining);
    }
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(process_waits, module)?)?;
    module.add_function(wrap_pyfunction!(process_cycles, module)?)?;
    module.add_class::<PyJoining>()
}
