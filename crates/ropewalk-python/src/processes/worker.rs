//! The end of a worker process. Its loop is Python: it takes, runs, and answers.

use super::error;
use crate::arguments::Timeout;
use crate::detach::Attached;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use ropewalk::Deadline;
use ropewalk::process::{Task, Worker};
use std::path::PathBuf;

#[pyclass(name = "CrewWorker", module = "ropewalk._ropewalk")]
pub(crate) struct PyCrewWorker {
    worker: Worker,
    task: Option<Task>,
}

#[pymethods]
impl PyCrewWorker {
    /// `tasks` and `answers` are descriptors; they are opened anew.
    #[new]
    fn new(tasks: i32, answers: i32) -> PyResult<PyCrewWorker> {
        let place = |descriptor: i32| PathBuf::from(format!("/proc/self/fd/{descriptor}"));
        let worker = Worker::open(&place(tasks), &place(answers));
        Ok(PyCrewWorker { worker: worker.map_err(|it| error::open(&it))?, task: None })
    }

    /// The bytes of the next task; `None` if none comes within `timeout` seconds. `EOFError` if there will be no more.
    #[pyo3(signature = (timeout = Timeout::NEVER), text_signature = "($self, timeout=None)")]
    fn take<'py>(&mut self, py: Python<'py>, timeout: Timeout) -> PyResult<Option<Bound<'py, PyBytes>>> {
        match self.worker.take(&mut Attached(py), timeout.deadline()?) {
            Ok(task) => {
                self.task = Some(task);
                Ok(Some(PyBytes::new(py, self.worker.body())))
            }
            Err(why) => error::take(why).map_or(Ok(None), Err),
        }
    }

    /// Answers the task in hand.
    fn answer(&mut self, py: Python<'_>, kind: u8, body: &[u8]) -> PyResult<()> {
        let task = self.task.take().ok_or_else(|| PyRuntimeError::new_err("no task is in hand"))?;
        let answered = self.worker.answer(&task, kind, body, &mut Attached(py), Deadline::NEVER);
        if answered.is_err() {
            self.task = Some(task);
        }
        answered.map_err(error::push)
    }

    /// Whether a task is in hand.
    #[getter]
    fn busy(&self) -> bool {
        self.task.is_some()
    }

    /// Puts a notice among the answers.
    fn notify(&self, kind: u8, body: &[u8]) -> PyResult<()> {
        self.worker.notify(kind, body).map_err(error::push)
    }
}
