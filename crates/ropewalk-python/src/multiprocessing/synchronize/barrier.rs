//! `multiprocessing.Barrier`.

use super::arguments::Seconds;
use super::memory::{PyMemory, foreign};
use crate::detach::Attached;
use crate::error;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use ropewalk::process::{Barrier, Came, NotPassed, Passed};

#[pyclass(name = "ProcessBarrier", module = "ropewalk._ropewalk", frozen)]
pub(crate) struct PyBarrier(Barrier);

fn not_passed(py: Python<'_>, reason: NotPassed<PyErr>) -> PyErr {
    match reason {
        NotPassed::Broken => error::broken_barrier(py),
        NotPassed::Interrupted(error) => error,
        NotPassed::Crowded => PyRuntimeError::new_err(
            "too many threads wait for conditions and barriers of this process: some four thousand can",
        ),
    }
}

#[pymethods]
impl PyBarrier {
    #[new]
    fn new(parties: i64) -> PyResult<PyBarrier> {
        let parties = u32::try_from(parties).ok().filter(|parties| *parties > 0);
        let Some(parties) = parties else { return Err(PyValueError::new_err("parties must be > 0")) };
        Ok(PyBarrier(Barrier::new(parties)?))
    }

    #[staticmethod]
    fn open(memory: &Bound<'_, PyMemory>, number: u32) -> PyResult<PyBarrier> {
        Ok(PyBarrier(Barrier::in_memory(&memory.get().0, number).map_err(foreign)?))
    }

    fn place(&self) -> (PyMemory, u32) {
        (PyMemory(self.0.passed_memory()), self.0.number())
    }

    fn wait(&self, py: Python<'_>, action: &Bound<'_, PyAny>, timeout: Seconds) -> PyResult<u32> {
        let deadline = timeout.deadline();
        let came = self.0.come(&mut Attached(py), deadline);
        match came.map_err(|reason| not_passed(py, reason))? {
            Came::Early(early) => {
                early.wait(&mut Attached(py), deadline).map_err(|reason| not_passed(py, reason))
            }
            Came::Last(last) => {
                if !action.is_none() {
                    action.call0()?; // or it is broken
                }
                Ok(py.detach(|| last.go_on()))
            }
        }
    }

    fn reset(&self, py: Python<'_>) {
        py.detach(|| self.0.reset());
    }

    fn abort(&self, py: Python<'_>) {
        py.detach(|| self.0.abort());
    }

    #[getter]
    fn parties(&self) -> u32 {
        self.0.parties()
    }

    #[getter]
    fn n_waiting(&self) -> u32 {
        self.0.waiting()
    }

    #[getter]
    fn broken(&self) -> bool {
        self.0.is_broken()
    }
}
