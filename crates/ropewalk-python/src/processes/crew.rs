//! The end of the process that has the work.

use super::error;
use crate::arguments::Timeout;
use crate::detach::Attached;
use crate::futures::PyFuture;
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use ropewalk::Deadline;
use ropewalk::future::Start;
use ropewalk::process::{Arrival, Crew, Handed, PopError, Refused};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Mutex;

/// Whose task it is, and what Python wants to remember of it.
struct Ticket {
    owner: Py<PyAny>,
    detail: Py<PyAny>,
}

/// Kinds of arrivals that this side makes itself; answers and notices of workers have smaller ones.
mod kind {
    /// A future was found cancelled when its turn came, and its waiters are the original's to tell.
    pub(super) const CANCELLED: u8 = 255;
    /// Its record is one that the queue can never take.
    pub(super) const REFUSED: u8 = 254;
    /// Nothing but a reason to look.
    pub(super) const LOOK: u8 = 253;
}

#[pyclass(name = "Crew", module = "ropewalk._ropewalk", frozen, weakref)]
pub(crate) struct PyCrew {
    crew: Crew<Ticket>,
    /// What did not go to the workers and must be told in a Python frame.
    aside: Mutex<Vec<(Ticket, u8, String)>>,
}

/// Number, owner, detail, kind, seconds in hand, body.
type Told<'py> = (u64, Py<PyAny>, Py<PyAny>, u8, f64, Bound<'py, PyBytes>);

impl PyCrew {
    /// Hands out what may go. What can not is told among the arrivals.
    fn post(&self, py: Python<'_>) -> PyResult<()> {
        let mut look = false;
        let mut hand = |ticket: &Ticket| {
            let Ok(future) = ticket.owner.bind(py).cast::<PyFuture>() else { return Handed::Go };
            match future.get().slot.start() {
                Ok(Start::Go(work)) => {
                    drop(work);
                    Handed::Go
                }
                Ok(Start::Cancelled(wakes)) => {
                    wakes.wake();
                    if future.get().is_retired() {
                        let ticket =
                            Ticket { owner: ticket.owner.clone_ref(py), detail: ticket.detail.clone_ref(py) };
                        self.set_aside(ticket, kind::CANCELLED, String::new());
                        look = true;
                    }
                    Handed::Drop
                }
                Err(_) => Handed::Drop,
            }
        };
        let mut refused = Vec::new();
        while let Err(it) = self.crew.post(&mut hand) {
            refused.push(it);
        }
        for Refused { ticket, why } in refused {
            self.set_aside(ticket, kind::REFUSED, error::push(why).to_string());
            look = true;
        }
        if look { self.crew.notify(kind::LOOK, b"").map_err(error::push) } else { Ok(()) }
    }

    fn set_aside(&self, ticket: Ticket, kind: u8, text: String) {
        self.aside.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((ticket, kind, text));
    }

    fn take_aside(&self) -> Vec<(Ticket, u8, String)> {
        std::mem::take(&mut self.aside.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn tell<'py>(py: Python<'py>, arrival: Arrival<Ticket>) -> Told<'py> {
        match arrival {
            Arrival::Answer { id, ticket: Ticket { owner, detail }, kind, took, body } => {
                (id, owner, detail, kind, took.as_secs_f64(), PyBytes::new(py, &body))
            }
            Arrival::Notice { kind, body } => (0, py.None(), py.None(), kind, 0.0, PyBytes::new(py, &body)),
        }
    }

    fn owners(tickets: Vec<Ticket>) -> Vec<(Py<PyAny>, Py<PyAny>)> {
        tickets.into_iter().map(|ticket| (ticket.owner, ticket.detail)).collect()
    }
}

#[pymethods]
impl PyCrew {
    #[new]
    fn new() -> PyResult<PyCrew> {
        let crew = Crew::new().map_err(|it| PyOSError::new_err(it.to_string()))?;
        Ok(PyCrew { crew, aside: Mutex::new(Vec::new()) })
    }

    /// Descriptors of the queue of tasks and that of answers, which live as long as this object.
    #[getter]
    fn descriptors(&self) -> (i32, i32) {
        (self.crew.tasks().as_fd().as_raw_fd(), self.crew.answers().as_fd().as_raw_fd())
    }

    /// How many workers there are: it decides how many tasks are handed out ahead.
    fn set_workers(&self, py: Python<'_>, workers: usize) -> PyResult<()> {
        self.crew.set_workers(workers);
        self.post(py)
    }

    /// Puts a task in line and hands out what may go; the task's number.
    #[pyo3(signature = (owner, detail, body, priority = 0))]
    fn enlist(
        &self,
        py: Python<'_>,
        owner: Py<PyAny>,
        detail: Py<PyAny>,
        body: &[u8],
        priority: i64,
    ) -> PyResult<u64> {
        let id = self.crew.enlist(Ticket { owner, detail }, priority, body);
        self.post(py)?;
        Ok(id)
    }

    /// What came back, `most` at a time: waits for the first of them, at most `timeout` seconds.
    #[pyo3(signature = (timeout = Timeout::NEVER, most = 64), text_signature = "($self, timeout=None, most=64)")]
    fn arrivals<'py>(&self, py: Python<'py>, timeout: Timeout, most: usize) -> PyResult<Bound<'py, PyList>> {
        let told = PyList::empty(py);
        let mut deadline = timeout.deadline()?;
        let mut arrived = 0;
        while arrived < most {
            match self.crew.next(&mut Attached(py), deadline) {
                Ok(Arrival::Notice { kind: kind::LOOK, .. }) => {}
                Ok(arrival) => told.append(PyCrew::tell(py, arrival))?,
                Err(PopError::Empty | PopError::ShutDown) => break,
                // What has arrived already is not lost for a signal: its handler's exception comes with the next wait.
                Err(PopError::Interrupted(error)) => return Err(error),
                Err(PopError::Fault(fault)) => return Err(error::fault(fault)),
            }
            arrived += 1;
            deadline = Deadline::NOW;
        }
        self.post(py)?;
        for (Ticket { owner, detail }, kind, text) in self.take_aside() {
            told.append((0, owner, detail, kind, 0.0, text))?;
        }
        Ok(told)
    }

    /// Puts a notice behind all answers that came so far.
    fn notify(&self, kind: u8, body: &[u8]) -> PyResult<()> {
        self.crew.notify(kind, body).map_err(error::push)
    }

    /// Takes a task back that no worker was handed: its owner and detail, or `None`.
    fn withdraw(&self, id: u64) -> Option<(Py<PyAny>, Py<PyAny>)> {
        self.crew.withdraw(id).map(|ticket| (ticket.owner, ticket.detail))
    }

    /// Takes all tasks back that no worker was handed.
    fn withdraw_all(&self) -> Vec<(Py<PyAny>, Py<PyAny>)> {
        PyCrew::owners(self.crew.withdraw_all())
    }

    /// Takes every task back; what workers still answer is dropped.
    fn give_up(&self) -> Vec<(Py<PyAny>, Py<PyAny>)> {
        PyCrew::owners(self.crew.give_up())
    }

    /// Takes the task back that this process had in hand when it died: owner, detail, and the seconds since it was handed
    /// out; `None` if it had none.
    fn fell(&self, pid: u32) -> PyResult<Option<(Py<PyAny>, Py<PyAny>, f64)>> {
        let fallen = self.crew.fell(pid).map_err(error::fault)?;
        Ok(fallen.map(|(ticket, since)| (ticket.owner, ticket.detail, since.as_secs_f64())))
    }

    /// Tasks that have not come back.
    #[getter]
    fn unfinished(&self) -> usize {
        self.crew.unfinished()
    }

    /// Tasks that no worker was handed.
    #[getter]
    fn in_line(&self) -> usize {
        self.crew.in_line()
    }

    /// Workers that find no more task go home.
    fn dismiss(&self) -> PyResult<()> {
        self.crew.dismiss().map_err(error::fault)
    }
}
