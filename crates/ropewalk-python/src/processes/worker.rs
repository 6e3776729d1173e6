//! The end of a worker process. Its loop is Python: it takes, runs, and answers.

use super::call::{Found, Read};
use super::{error, stack};
use crate::arguments::Timeout;
use crate::codec::{self, LARGE, Message, Part};
use crate::detach::Attached;
use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use ropewalk::Deadline;
use ropewalk::process::flight::Recorder;
use ropewalk::process::{Seat, Task, Worker};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[pyclass(name = "CrewWorker", module = "ropewalk._ropewalk")]
pub(crate) struct PyCrewWorker {
    worker: Worker,
    task: Option<Task>,
    found: Found,
    /// Tasks taken so far.
    #[pyo3(get)]
    taken: u64,
}

/// Records from now on what this process does, and lets it be looked at, as far as that is possible here: less is known
/// then when it has died, and nothing else is different.
fn recorder(py: Python<'_>, flight: &Path) -> Option<&'static Recorder> {
    let memory = File::options().read(true).write(true).open(flight).ok()?;
    let recorder = Recorder::start(memory.into()).ok().flatten()?;
    let wanted = std::env::var_os("ROPEWALK_SAMPLES").is_none_or(|value| value != "off");
    if wanted && stack::prove(py) {
        let _ = recorder.watch(stack::write, stack::code_of_the_interpreter());
    }
    Some(recorder)
}

#[pymethods]
impl PyCrewWorker {
    /// `tasks` and `answers` are descriptors, and so is `flight`, which may be -1; they are opened anew.
    #[new]
    fn new(py: Python<'_>, tasks: i32, answers: i32, flight: i32) -> PyResult<PyCrewWorker> {
        let place = |descriptor: i32| PathBuf::from(format!("/proc/self/fd/{descriptor}"));
        let mut worker = Worker::open(&place(tasks), &place(answers)).map_err(|it| error::open(&it))?;
        if let Some(recorder) = recorder(py, &place(flight)) {
            worker.record(recorder);
        }
        Ok(PyCrewWorker { worker, task: None, found: Found::default(), taken: 0 })
    }

    /// Takes a seat on the roster with this descriptor, which is opened anew: from now on this worker can be asked to stop a
    /// task. `None` if all seats are taken.
    fn sit(&mut self, roster: i32) -> PyResult<Option<PySeat>> {
        let roster = File::options().read(true).write(true).open(format!("/proc/self/fd/{roster}"));
        let roster = roster.map_err(|it| PyOSError::new_err(it.to_string()))?;
        let seat = self.worker.sit(OwnedFd::from(roster)).map_err(|it| error::open(&it))?;
        Ok(seat.map(PySeat))
    }

    /// Takes the next task in hand; `False` if none comes within `timeout` seconds. `EOFError` if there will be no more.
    #[pyo3(signature = (timeout = Timeout::NEVER), text_signature = "($self, timeout=None)")]
    fn take(&mut self, py: Python<'_>, timeout: Timeout) -> PyResult<bool> {
        match self.worker.take(&mut Attached(py), timeout.deadline()?) {
            Ok(task) => {
                self.task = Some(task);
                self.taken += 1;
                Ok(true)
            }
            Err(why) => error::take(why).map_or(Ok(false), Err),
        }
    }

    /// What the task in hand is: how it is called, the function, its arguments.
    fn call<'py>(&mut self, py: Python<'py>) -> PyResult<Read<'py>> {
        let loans = self.worker.take_loans();
        let worker = &self.worker;
        let call = self.found.read(py, worker.body(), loans, |name| worker.called(name.as_bytes()))?;
        worker.running();
        Ok(call)
    }

    /// Answers the task in hand with an object. Raises what encoding it raises; the task is in hand then as before.
    fn answer(&mut self, py: Python<'_>, kind: u8, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let task = self.task.as_ref().ok_or_else(|| PyRuntimeError::new_err("no task is in hand"))?;
        self.worker.answering();
        let mut message = Message::take();
        let answered = codec::encode(value, &mut message, LARGE).and_then(|()| {
            let parts: Vec<&[u8]> = message.parts.iter().map(Part::bytes).collect();
            let bytes = &message.bytes;
            self.worker
                .answer(task, kind, bytes, &parts, &mut Attached(py), Deadline::NEVER)
                .map_err(error::push)
        });
        message.put_back();
        answered.map(|()| self.task = None)
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

/// Where a worker sees what it is asked. Not the worker itself: that is in use while a signal's handler runs.
#[pyclass(name = "Seat", module = "ropewalk._ropewalk", frozen)]
pub(crate) struct PySeat(Arc<Seat>);

#[pymethods]
impl PySeat {
    /// Why the task in hand shall be stopped: 1 for its time, 2 for its owner, 3 for memory; 0 if it shall not.
    fn asked(&self) -> u8 {
        self.0.asked().unwrap_or(0)
    }
}

/// Bytes that this process has in memory and shares with no file; `None` if that can not be seen.
#[pyfunction]
#[pyo3(signature = ())]
pub(super) fn unshared_memory() -> Option<u64> {
    ropewalk_os::unshared_memory::bytes_of(std::process::id())
}

/// The number of the signal by which a worker is asked to stop a task.
#[pyfunction]
#[pyo3(signature = ())]
pub(super) fn stop_signal() -> i32 {
    ropewalk_os::signal::ask()
}
