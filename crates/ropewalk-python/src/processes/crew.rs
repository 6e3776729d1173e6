//! The end of the process that has the work.

use super::call::Names;
use super::error;
use super::harvest::PyHarvest;
use super::parcel::PyParcel;
use super::record;
use crate::arguments::Timeout;
use crate::codec::{self, Part};
use crate::detach::{Attached, Undisturbed};
use crate::futures::{Outcome, PyFuture, Reader, Visit};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};
use ropewalk::Deadline;
use ropewalk::future::Start;
use ropewalk::process::{Arrival, Crew, Handed, PopError, Refused};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, Weak};

/// Whose task it is, and what Python wants to remember of it.
struct Ticket {
    owner: Py<PyAny>,
    detail: Py<PyAny>,
}

impl Ticket {
    /// The number that a task of a harvest has for its detail, or first in it.
    fn number(&self, py: Python<'_>) -> PyResult<usize> {
        self.detail.bind(py).cast::<PyTuple>()?.get_item(0)?.extract()
    }
}

/// Kinds of arrivals that this side makes itself; answers and notices of workers have smaller ones.
mod kind {
    /// A future was found cancelled when its turn came, and its waiters are the original's to tell.
    pub(super) const CANCELLED: u8 = 255;
    /// Its record is one that the queue can never take.
    pub(super) const REFUSED: u8 = 254;
    /// A future is done; its callbacks are to be called.
    pub(super) const CALLBACKS: u8 = 252;
    /// All results of a harvest are there.
    pub(super) const HARVESTED: u8 = 251;
    /// Nothing but a reason to look.
    pub(super) const LOOK: u8 = 253;
}

#[pyclass(name = "Crew", module = "ropewalk._ropewalk", frozen, weakref)]
pub(crate) struct PyCrew(Arc<Shared>);

/// What a crew shares with the futures of its tasks.
struct Shared {
    crew: Crew<Ticket>,
    /// What did not go to the workers, and what else must be told in a Python frame.
    aside: Mutex<Vec<(Ticket, u8, String)>>,
    names: Names,
    /// Tasks that were done and that nobody has counted.
    done: AtomicI64,
    /// Makes the outcome of a task from its kind, parcel and detail, or raises.
    open: Py<PyAny>,
}

/// A bit of the kind of an answer: it is an exception.
const FAILED: u8 = 1;

/// Owner, detail, number, seconds in hand, what is known.
type Lost<'py> = (Py<PyAny>, Py<PyAny>, u64, f64, Option<Bound<'py, PyDict>>);

/// Number, owner, detail, kind, seconds in hand, body.
type Told<'py> = (u64, Py<PyAny>, Py<PyAny>, u8, f64, Bound<'py, PyAny>);

impl Shared {
    /// Whether the owner of a task lets it go to a worker, now that its turn has come. Sets `look` if there is something to be
    /// told among the arrivals.
    fn hand(&self, py: Python<'_>, ticket: &Ticket, look: &mut bool) -> Handed {
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
                    *look = true;
                }
                Handed::Drop
            }
            Err(_) => Handed::Drop,
        }
    }

    /// Puts a call in line and hands out what may go; its number.
    fn enlist(
        &self,
        py: Python<'_>,
        ticket: Ticket,
        priority: i64,
        body: &[u8],
        parts: &[Part],
    ) -> PyResult<u64> {
        if parts.is_empty() {
            let id = self.crew.enlist(ticket, priority, body).map_err(|_| closed())?;
            self.post(py)?;
            return Ok(id);
        }
        let mut look = false;
        let parts: Vec<&[u8]> = parts.iter().map(Part::bytes).collect();
        let hand = |ticket: &Ticket| self.hand(py, ticket, &mut look);
        let id = self.crew.enlist_parts(ticket, priority, body, &parts, hand, &mut Undisturbed(py));
        let id = id.map_err(|_| closed())?;
        if look {
            self.look()?;
        }
        self.post(py)?;
        Ok(id)
    }

    fn look(&self) -> PyResult<()> {
        self.crew.notify(kind::LOOK, b"").map_err(error::push)
    }

    /// Hands out what may go. What can not is told among the arrivals.
    fn post(&self, py: Python<'_>) -> PyResult<()> {
        let mut look = false;
        let mut refused = Vec::new();
        while let Err(it) = self.crew.post(|ticket| self.hand(py, ticket, &mut look), &mut Undisturbed(py)) {
            refused.push(it);
        }
        for Refused { ticket, why } in refused {
            self.set_aside(ticket, kind::REFUSED, error::push(why).to_string());
            look = true;
        }
        if look { self.look() } else { Ok(()) }
    }

    fn set_aside(&self, ticket: Ticket, kind: u8, text: String) {
        self.aside.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((ticket, kind, text));
    }

    fn take_aside(&self) -> Vec<(Ticket, u8, String)> {
        std::mem::take(&mut self.aside.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Gives a future its result: callbacks to be called, if there are any. One that somebody has cancelled or finished
    /// himself stays as it is.
    fn finish<'py>(future: &Bound<'py, PyFuture>, value: Py<PyAny>) -> PyResult<Option<Bound<'py, PyList>>> {
        let Ok(aftermath) = future.get().slot.finish(Outcome::new(value, false), false) else {
            return Ok(None);
        };
        aftermath.wakes.wake();
        drop(aftermath.leftover);
        if aftermath.callbacks.is_empty() {
            return Ok(None);
        }
        PyList::new(future.py(), aftermath.callbacks).map(Some)
    }

    /// What Python must do about an arrival; `None` if that was done here.
    fn tell<'py>(&self, py: Python<'py>, arrival: Arrival<Ticket>) -> PyResult<Option<Told<'py>>> {
        let (id, ticket, kind, took, body, loans) = match arrival {
            Arrival::Answer { id, ticket, kind, took, body, loans } => (id, ticket, kind, took, body, loans),
            Arrival::Notice { kind, body } => {
                let body = PyBytes::new(py, &body).into_any();
                return Ok(Some((0, py.None(), py.None(), kind, 0.0, body)));
            }
        };
        self.done.fetch_add(1, Ordering::Relaxed);
        if kind & FAILED == 0 && codec::is_compact(&body) && loans.is_empty() {
            if let Ok(future) = ticket.owner.cast_bound::<PyFuture>(py)
                && !future.get().is_retired()
            {
                let value = codec::decode_bytes(py, &body)?.unbind();
                return Ok(Shared::finish(future, value)?.map(|callbacks| {
                    let callbacks = callbacks.into_any().unbind();
                    (0, ticket.owner, callbacks, kind::CALLBACKS, 0.0, py.None().into_bound(py))
                }));
            }
            if let Ok(harvest) = ticket.owner.cast_bound::<PyHarvest>(py)
                && let Ok(number) = ticket.number(py)
            {
                let value = codec::decode_bytes(py, &body)?;
                let last = harvest.get().put(py, number, &value)?;
                return Ok(last
                    .then(|| (0, ticket.owner, py.None(), kind::HARVESTED, 0.0, py.None().into_bound(py))));
            }
        }
        let Ticket { owner, detail } = ticket;
        let parcel = Bound::new(py, PyParcel::new(body, loans))?.into_any();
        Ok(Some((id, owner, detail, kind, took.as_secs_f64(), parcel)))
    }
}

#[pymethods]
impl PyCrew {
    /// `open` makes the outcome of a task from its kind, parcel and detail, or raises.
    #[new]
    fn new(open: Py<PyAny>) -> PyResult<PyCrew> {
        let crew = Crew::new().map_err(|it| PyOSError::new_err(it.to_string()))?;
        Ok(PyCrew(Arc::new(Shared {
            crew,
            aside: Mutex::default(),
            names: Names::default(),
            done: AtomicI64::new(0),
            open,
        })))
    }

    /// Descriptors of the queue of tasks, that of answers and the flight, which live as long as this object; the last is -1
    /// if there is none.
    #[getter]
    fn descriptors(&self) -> (i32, i32, i32) {
        let crew = &self.0.crew;
        let flight = crew.flight().map_or(-1, |flight| flight.as_raw_fd());
        (crew.tasks().as_fd().as_raw_fd(), crew.answers().as_fd().as_raw_fd(), flight)
    }

    /// Blocks for large buffers of tasks and answers: being written, in line, in the hands of who took them out.
    #[getter]
    fn blocks(&self, py: Python<'_>) -> PyResult<(usize, usize, usize)> {
        let crew = &self.0.crew;
        let (tasks, answers) =
            py.detach(|| Ok((crew.tasks().blocks()?, crew.answers().blocks()?))).map_err(error::fault)?;
        let (writing, queued) = (tasks.writing + answers.writing, tasks.queued + answers.queued);
        Ok((writing, queued, tasks.reading + answers.reading))
    }

    /// How many workers there are: it decides how many tasks are handed out ahead.
    fn set_workers(&self, py: Python<'_>, workers: usize) -> PyResult<()> {
        self.0.crew.set_workers(workers);
        self.0.post(py)
    }

    /// Puts a call in line and hands out what may go; the task's number. Raises what encoding the call raises.
    #[pyo3(signature = (owner, detail, how, function, arguments, priority = 0))]
    #[allow(clippy::too_many_arguments, reason = "a call has parts")]
    fn enlist(
        &self,
        py: Python<'_>,
        owner: Py<PyAny>,
        detail: Py<PyAny>,
        how: u8,
        function: &Bound<'_, PyAny>,
        arguments: &Bound<'_, PyAny>,
        priority: i64,
    ) -> PyResult<u64> {
        let (mut body, mut parts) = (Vec::new(), Vec::new());
        self.0.names.write(&mut body, &mut parts, how, function, arguments)?;
        if let Ok(future) = owner.cast_bound::<PyFuture>(py) {
            let reader: Weak<dyn Reader> = Arc::downgrade(&self.0) as Weak<dyn Reader>;
            future.get().read_from(reader);
        }
        self.0.enlist(py, Ticket { owner, detail }, priority, &body, &parts)
    }

    /// Puts a call for each of the lists of arguments in line, numbered from `number` on. How many went; and what encoding
    /// the next one raised, if it did.
    fn enlist_each(
        &self,
        py: Python<'_>,
        owner: &Bound<'_, PyAny>,
        how: u8,
        function: &Bound<'_, PyAny>,
        calls: &Bound<'_, PyList>,
        number: usize,
    ) -> PyResult<(usize, Option<PyErr>)> {
        let (mut body, mut parts) = (Vec::new(), Vec::new());
        for (place, arguments) in calls.iter().enumerate() {
            body.clear();
            parts.clear();
            if let Err(error) = self.0.names.write(&mut body, &mut parts, how, function, &arguments) {
                return Ok((place, Some(error)));
            }
            let detail = (number + place, how, function, arguments).into_py_any(py)?;
            let ticket = Ticket { owner: owner.clone().unbind(), detail };
            self.0.enlist(py, ticket, 0, &body, &parts)?;
        }
        Ok((calls.len(), None))
    }

    /// Takes one off the count of tasks that were done; whether there was one.
    fn count_off(&self) -> bool {
        let counted =
            self.0.done.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |it| (it > 0).then_some(it - 1));
        counted.is_ok()
    }

    /// What came back and is to be dealt with, of `most` arrivals; waits for the first, at most `timeout` seconds.
    #[pyo3(signature = (timeout = Timeout::NEVER, most = 64), text_signature = "($self, timeout=None, most=64)")]
    fn arrivals<'py>(&self, py: Python<'py>, timeout: Timeout, most: usize) -> PyResult<Bound<'py, PyList>> {
        let told = PyList::empty(py);
        let mut deadline = timeout.deadline()?;
        let mut arrived = 0;
        while arrived < most {
            match self.0.crew.next(&mut Attached(py), deadline) {
                Ok(Arrival::Notice { kind: kind::LOOK, .. }) => {}
                Ok(arrival) => {
                    if let Some(it) = self.0.tell(py, arrival)? {
                        told.append(it)?;
                    }
                }
                Err(PopError::Empty | PopError::ShutDown) => break,
                // What has arrived already is not lost for a signal: its handler's exception comes with the next wait.
                Err(PopError::Interrupted(error)) => return Err(error),
                Err(PopError::Fault(fault)) => return Err(error::fault(fault)),
            }
            arrived += 1;
            deadline = Deadline::NOW;
        }
        self.0.post(py)?;
        for (Ticket { owner, detail }, kind, text) in self.0.take_aside() {
            told.append((0, owner, detail, kind, 0.0, text))?;
        }
        Ok(told)
    }

    /// Puts a notice behind all answers that came so far.
    fn notify(&self, kind: u8, body: &[u8]) -> PyResult<()> {
        self.0.crew.notify(kind, body).map_err(error::push)
    }

    /// Takes a task back that no worker was handed: its owner and detail, or `None`.
    fn withdraw(&self, id: u64) -> Option<(Py<PyAny>, Py<PyAny>)> {
        self.0.crew.withdraw(id).map(|ticket| (ticket.owner, ticket.detail))
    }

    /// Takes all tasks back that no worker was handed.
    fn withdraw_all(&self) -> Vec<(Py<PyAny>, Py<PyAny>)> {
        owners(self.0.crew.withdraw_all())
    }

    /// Takes every task back; what workers still answer is dropped.
    fn give_up(&self) -> Vec<(Py<PyAny>, Py<PyAny>)> {
        owners(self.0.crew.give_up())
    }

    /// Takes the task back that this process had in hand when it died: owner, detail, number, the seconds that it had it, and what it
    /// had written down, or `None`; `None` if it had none.
    fn fell<'py>(&self, py: Python<'py>, pid: u32) -> PyResult<Option<Lost<'py>>> {
        let Some(fallen) = self.0.crew.fell(pid).map_err(error::fault)? else { return Ok(None) };
        let told = fallen.record.as_ref().map(|record| record::told(py, record)).transpose()?;
        let Ticket { owner, detail } = fallen.ticket;
        Ok(Some((owner, detail, fallen.id, fallen.ran.as_secs_f64(), told)))
    }

    /// Tasks that have not come back.
    #[getter]
    fn unfinished(&self) -> usize {
        self.0.crew.unfinished()
    }

    /// Whether no task is taken any more.
    #[getter]
    fn closed(&self) -> bool {
        self.0.crew.is_closed()
    }

    /// Tasks that no worker was handed.
    #[getter]
    fn in_line(&self) -> usize {
        self.0.crew.in_line()
    }

    /// If no task is left, none will be taken any more, and workers that look for one go home. Whether it is so.
    fn dismiss_if_idle(&self) -> PyResult<bool> {
        self.0.crew.dismiss_if_idle().map_err(error::fault)
    }
}

fn owners(tickets: Vec<Ticket>) -> Vec<(Py<PyAny>, Py<PyAny>)> {
    tickets.into_iter().map(|ticket| (ticket.owner, ticket.detail)).collect()
}

fn closed() -> PyErr {
    PyRuntimeError::new_err("cannot schedule new futures after shutdown")
}

impl Reader for Shared {
    fn visit(&self, future: &Bound<'_, PyFuture>, deadline: Deadline) -> PyResult<Visit> {
        let py = future.py();
        let mine = |ticket: &Ticket| ticket.owner.as_ptr() == future.as_ptr();
        let done = || future.get().slot.state().is_done();
        match self.crew.visit(mine, done, &mut Attached(py), deadline) {
            Ok(Some(arrival)) => match self.tell(py, arrival)? {
                None => Ok(Visit::Elsewhere),
                Some((0, owner, detail, kind, _, _)) => {
                    self.set_aside(Ticket { owner, detail }, kind, String::new());
                    self.look()?;
                    Ok(Visit::Elsewhere)
                }
                Some((_, _, detail, kind, _, parcel)) => {
                    let arguments = (kind, parcel, detail).into_pyobject(py)?.unbind();
                    Ok(Visit::Call((self.open.clone_ref(py), arguments, None)))
                }
            },
            Ok(None) | Err(PopError::ShutDown | PopError::Fault(_)) => Ok(Visit::Elsewhere),
            Err(PopError::Empty) => Ok(Visit::TimedOut),
            Err(PopError::Interrupted(error)) => Err(error),
        }
    }
}
