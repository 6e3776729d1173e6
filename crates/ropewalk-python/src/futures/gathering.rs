//! Beneath `wait()` and `as_completed()`.

use super::future::PyFuture;
use crate::arguments::Timeout;
use crate::detach::Attached;
use crate::error;
use pyo3::prelude::*;
use ropewalk::future::{Gathering, Until};
use std::sync::Arc;

#[pyclass(name = "Gathering", module = "ropewalk._ropewalk", frozen)]
pub(crate) struct PyGathering(Arc<Gathering>);

#[pymethods]
impl PyGathering {
    /// `until`: one of `FIRST_COMPLETED`, `FIRST_EXCEPTION`; anything else waits for all.
    #[new]
    fn new(until: &str) -> PyGathering {
        let until = match until {
            "FIRST_COMPLETED" => Until::FirstSettled,
            "FIRST_EXCEPTION" => Until::FirstFailure,
            _ => Until::AllSettled,
        };
        PyGathering(Arc::new(Gathering::new(until)))
    }

    /// Waits for these too. They are not kept alive; `take` names each by its `id()`.
    fn watch(&self, futures: Vec<Bound<'_, PyFuture>>) -> PyResult<()> {
        for future in futures {
            future.get().check_home()?;
            future.get().slot.report_to(&self.0, future.as_ptr().addr());
        }
        Ok(())
    }

    /// Waits no longer for these.
    fn forget(&self, futures: Vec<Bound<'_, PyFuture>>) {
        for future in futures {
            future.get().slot.forget(&self.0);
        }
    }

    /// Waits at most `timeout` seconds; whether what was waited for has come.
    fn wait(&self, py: Python<'_>, timeout: Timeout) -> PyResult<bool> {
        let waited = self.0.wait(&mut Attached(py), timeout.deadline()?);
        waited.map_err(|reason| error::halted(py, reason))
    }

    /// The `id()`s of those that have settled since the last call, in their order.
    fn take(&self) -> Vec<usize> {
        self.0.take()
    }
}
