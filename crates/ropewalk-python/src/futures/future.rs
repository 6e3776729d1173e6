//! `concurrent.futures.Future`, without what runs users' code: that is in `python/ropewalk/concurrent/futures`.

use super::birth;
use super::detour::PyDetour;
use super::parts::{Call, FutureSlot, Outcome, Task};
use crate::arguments::{Timeout, Truth, remaining};
use crate::detach::Attached;
use crate::once::intern;
use crate::{error, original};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple, PyType};
use pyo3::{IntoPyObjectExt, PyTraverseError, PyVisit};
use ropewalk::Deadline;
use ropewalk::future::{Slot, Start, State, Waited};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, Weak};

#[pyclass(name = "Future", module = "ropewalk._ropewalk", subclass, frozen)]
pub(crate) struct PyFuture {
    pub(crate) slot: FutureSlot,
    /// The process that has the worker, for a future of a pool.
    home: AtomicU32,
    /// Where its outcome comes from, for a future of a crew of processes.
    reader: OnceLock<Weak<dyn Reader>>,
    /// Waiters and callbacks are the original's; state and outcome stay here.
    retired: AtomicBool,
}

/// Where outcomes come from, if the thread that waits for one may read it there itself.
pub(crate) trait Reader: Send + Sync {
    /// Reads what comes, if that is allowed now.
    ///
    /// # Errors
    /// What a signal's handler raises.
    fn visit(&self, future: &Bound<'_, PyFuture>, deadline: Deadline) -> PyResult<Visit>;

    /// Asks for the task of a future to be stopped, wherever it is; whether there is anybody to ask.
    ///
    /// # Errors
    /// A queue that can not be used.
    fn stop(&self, future: &Bound<'_, PyFuture>) -> PyResult<bool>;
}

/// What came of that.
pub(crate) enum Visit {
    /// Wait as always: it may be finished by now.
    Elsewhere,
    TimedOut,
    /// This call, in a Python frame, gives its outcome.
    Call(Call),
}

/// `home` of a future that belongs to no pool.
const NOWHERE: u32 = u32::MAX;

const LEFT_BEHIND: &str = "the task of this future was left behind in the parent process by fork(): \
     its result can only be had there";

impl PyFuture {
    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    /// Gives a new future of a pool its task.
    pub(crate) fn assign(&self, task: Task) {
        self.home.store(ropewalk_os::fork::epoch(), Ordering::Relaxed);
        drop(self.slot.set_work(task));
    }

    /// Says where the outcome of a new future will come from.
    pub(crate) fn read_from(&self, reader: Weak<dyn Reader>) {
        self.home.store(ropewalk_os::fork::epoch(), Ordering::Relaxed);
        drop(self.reader.set(reader));
    }

    /// # Errors
    /// `RuntimeError` if nobody in this process will ever finish it.
    pub(crate) fn check_home(&self) -> PyResult<()> {
        let home = self.home.load(Ordering::Relaxed);
        if home == NOWHERE || home == ropewalk_os::fork::epoch() || self.slot.state().is_done() {
            Ok(())
        } else {
            Err(PyRuntimeError::new_err(LEFT_BEHIND))
        }
    }

    /// Callbacks to be run by the caller; `None` if there are none.
    fn callbacks<'py>(py: Python<'py>, callbacks: Vec<Py<PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        if callbacks.is_empty() { Ok(py.None().into_bound(py)) } else { callbacks.into_bound_py_any(py) }
    }

    /// Changes state or outcome as a program wrote them.
    fn overwrite(&self, change: impl FnOnce(&mut State, &mut Outcome)) {
        let mut state = self.slot.state();
        let mut outcome = self.slot.take().unwrap_or_default();
        change(&mut state, &mut outcome);
        let failed = outcome.exception.is_some();
        let result = (outcome.result.is_some() || failed).then_some(outcome);
        drop(self.slot.overwrite(state, result, failed));
    }
}

#[pymethods]
impl PyFuture {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyFuture> {
        let retired = !birth::is_ours(class) && original::from_birth(class)?;
        Ok(PyFuture {
            slot: Slot::new(),
            home: AtomicU32::new(NOWHERE),
            reader: OnceLock::new(),
            retired: AtomicBool::new(retired),
        })
    }

    fn __init__(&self) {}

    /// Whether it was cancelled.
    fn cancelled(&self) -> bool {
        self.slot.state().is_cancelled()
    }

    /// Whether it is being worked on.
    fn running(&self) -> bool {
        self.slot.state() == State::Running
    }

    /// Whether it is finished or was cancelled.
    fn done(&self) -> bool {
        self.slot.state().is_done()
    }

    /// Whether nothing more will happen to it.
    fn _settled(&self) -> bool {
        self.slot.state().is_settled()
    }

    /// Whether it is settled with an exception.
    fn _failed(&self) -> bool {
        self.slot.has_failed()
    }

    /// Waits at most `timeout` seconds; the result, the exception if that is `wanted`, or a `Detour`.
    fn _await<'py>(slf: &Bound<'py, Self>, timeout: Timeout, wanted: Truth) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        if !this.slot.state().is_done() {
            if timeout.is_none()
                && let Some(task) = this.slot.claim(|task| task.pool.may_help())
            {
                this.slot.set_runner(ropewalk_os::thread::current());
                drop(task.pool.line.withdraw(|item| item.is(slf)));
                return PyDetour::help(py, task.call)?.into_bound_py_any(py);
            }
            this.check_home()?;
            let deadline = timeout.deadline()?;
            if let Some(reader) = this.reader.get().and_then(Weak::upgrade)
                && !deadline.is_now()
                && !this.is_retired()
            {
                match reader.visit(slf, deadline)? {
                    Visit::Elsewhere => {}
                    Visit::TimedOut => return Err(error::future_timeout(py)),
                    Visit::Call(call) => return PyDetour::help(py, call)?.into_bound_py_any(py),
                }
            }
            let waited = if this.is_retired() {
                Waited::Dismissed
            } else {
                let pool = this.slot.look_at_work(|task| Arc::clone(&task.pool));
                let crew = pool.as_ref().map(|pool| {
                    // A look is no sleep: nobody would wake the worker after it.
                    if !deadline.is_now() {
                        pool.line.expect();
                    }
                    pool.line.crew()
                });
                let waited = this.slot.wait(crew, &mut Attached(py), deadline);
                waited.map_err(|reason| error::halted(py, reason))?
            };
            match waited {
                Waited::Done => {}
                Waited::TimedOut => return Err(error::future_timeout(py)),
                Waited::Dismissed => return PyDetour::elsewhere(remaining(deadline)).into_bound_py_any(py),
            }
        }
        if this.slot.state().is_cancelled() {
            return Err(error::future_cancelled(py));
        }
        let (result, exception) = this.slot.look(|outcome| match outcome {
            Some(Outcome { result, exception }) => {
                (result.as_ref().map(|it| it.clone_ref(py)), exception.as_ref().map(|it| it.clone_ref(py)))
            }
            None => (None, None),
        });
        match (wanted.0, exception) {
            (false, Some(exception)) => PyDetour::raise(exception).into_bound_py_any(py),
            (true, exception) => Ok(exception.unwrap_or_else(|| py.None()).into_bound(py)),
            (false, None) => Ok(result.unwrap_or_else(|| py.None()).into_bound(py)),
        }
    }

    /// Pending becomes running (`True`), cancelled becomes notified (`False`); `None` in other states.
    /// `NotImplemented`, here and below, if it runs the original's algorithm.
    fn _start<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if self.is_retired() {
            return Ok(py.NotImplemented().into_bound(py));
        }
        let started = match self.slot.start() {
            Ok(Start::Go(task)) => {
                drop(task);
                Some(true)
            }
            Ok(Start::Cancelled(wakes)) => {
                wakes.wake();
                Some(false)
            }
            Err(_) => None,
        };
        started.into_bound_py_any(py)
    }

    /// Stores the result. Callbacks to run, or `None`; `False` if the state does not allow it.
    fn _finish<'py>(&self, py: Python<'py>, value: Py<PyAny>, failed: Truth) -> PyResult<Bound<'py, PyAny>> {
        if self.is_retired() {
            return Ok(py.NotImplemented().into_bound(py));
        }
        match self.slot.finish(Outcome::new(value, failed.0), failed.0) {
            Ok(aftermath) => {
                aftermath.wakes.wake();
                drop(aftermath.leftover);
                PyFuture::callbacks(py, aftermath.callbacks)
            }
            Err(refused) => {
                drop(refused.value);
                false.into_bound_py_any(py)
            }
        }
    }

    /// Cancels. `False` if it is too late; else callbacks to run, or `None`.
    fn _cancel<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if self.is_retired() {
            return Ok(py.NotImplemented().into_bound(py));
        }
        match self.slot.cancel() {
            Ok(Some(aftermath)) => {
                aftermath.wakes.wake();
                drop(aftermath.leftover);
                PyFuture::callbacks(py, aftermath.callbacks)
            }
            Ok(None) => Ok(py.None().into_bound(py)),
            Err(_) => false.into_bound_py_any(py),
        }
    }

    /// Asks for its task to be stopped; whether there is anybody to ask. `None` if its task is nothing that can be stopped.
    fn _stop(slf: &Bound<'_, Self>) -> PyResult<Option<bool>> {
        match slf.get().reader.get().and_then(Weak::upgrade) {
            Some(reader) => reader.stop(slf).map(Some),
            None => Ok(None),
        }
    }

    /// Cancelled while it was running. Callbacks to run, or `None`; `False` if it is done already.
    fn _stopped<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if self.is_retired() {
            return Ok(py.NotImplemented().into_bound(py));
        }
        match self.slot.stop() {
            Ok(aftermath) => {
                aftermath.wakes.wake();
                drop(aftermath.leftover);
                PyFuture::callbacks(py, aftermath.callbacks)
            }
            Err(_) => false.into_bound_py_any(py),
        }
    }

    /// Adds a callback; `True` if it must be called at once by the caller.
    fn _listen<'py>(&self, py: Python<'py>, callback: Py<PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if self.is_retired() {
            return Ok(py.NotImplemented().into_bound(py));
        }
        self.slot.add_callback(callback).is_some().into_bound_py_any(py)
    }

    /// Takes all callbacks out.
    fn _take_callbacks<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.slot.take_callbacks())
    }

    /// The original's algorithm takes over, with this condition: who waits here waits there. One step for all
    /// other threads; the second time it does nothing.
    fn _retire(slf: &Bound<'_, Self>, condition: &Bound<'_, PyAny>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        // Made before the step begins: making an object may run the collector, and that anything.
        let (waiters, callbacks) = (PyList::empty(py), PyList::empty(py));
        if !this.retired.swap(true, Ordering::Relaxed) {
            for callback in this.slot.take_callbacks() {
                callbacks.append(callback)?;
            }
            original::set_attribute(slf, "_condition", condition)?;
            original::set_attribute(slf, "_waiters", &waiters)?;
            original::set_attribute(slf, "_done_callbacks", &callbacks)?;
            this.slot.dismiss();
        }
        Ok(())
    }

    #[getter]
    fn _state(&self) -> &'static str {
        match self.slot.state() {
            State::Pending => "PENDING",
            State::Running => "RUNNING",
            State::Cancelled => "CANCELLED",
            State::CancelledNotified => "CANCELLED_AND_NOTIFIED",
            State::Finished => "FINISHED",
        }
    }

    #[setter(_state)]
    fn set_state(&self, state: &str) -> PyResult<()> {
        let new = match state {
            "PENDING" => State::Pending,
            "RUNNING" => State::Running,
            "CANCELLED" => State::Cancelled,
            "CANCELLED_AND_NOTIFIED" => State::CancelledNotified,
            "FINISHED" => State::Finished,
            _ => return Err(PyValueError::new_err(format!("{state:?} is not a state of a future"))),
        };
        self.overwrite(|state, _| *state = new);
        Ok(())
    }

    #[getter]
    fn _result(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.slot.look(|outcome| outcome?.result.as_ref().map(|it| it.clone_ref(py)))
    }

    #[setter(_result)]
    fn set_result_(&self, py: Python<'_>, value: Py<PyAny>) {
        let value = (!value.is_none(py)).then_some(value);
        self.overwrite(|_, outcome| drop(std::mem::replace(&mut outcome.result, value)));
    }

    #[getter]
    fn _exception(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.slot.look(|outcome| outcome?.exception.as_ref().map(|it| it.clone_ref(py)))
    }

    #[setter(_exception)]
    fn set_exception_(&self, py: Python<'_>, value: Py<PyAny>) {
        let value = (!value.is_none(py)).then_some(value);
        self.overwrite(|_, outcome| drop(std::mem::replace(&mut outcome.exception, value)));
    }

    /// State, and the kind of outcome: what the original's says.
    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let (py, this) = (slf.py(), slf.get());
        let name = slf.get_type().name()?;
        let state = this.slot.state();
        let mut text = format!("<{name} at {:#x} state={state}", slf.as_ptr().addr());
        if state == State::Finished {
            let (how, what) = this.slot.look(|outcome| match outcome {
                Some(Outcome { exception: Some(it), .. }) => ("raised", it.clone_ref(py)),
                Some(Outcome { result: Some(it), .. }) => ("returned", it.clone_ref(py)),
                _ => ("returned", py.None()),
            });
            let class = what.bind(py).getattr(intern!(py, "__class__"))?.getattr(intern!(py, "__name__"))?;
            text.push_str(&format!(" {how} {class}"));
        }
        text.push('>');
        Ok(text)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let result = std::cell::RefCell::new(Ok(()));
        let see = |object: &Py<PyAny>| {
            let mut result = result.borrow_mut();
            if result.is_ok() {
                *result = visit.call(object);
            }
        };
        // The collector may run while the future is being changed; then it is alive, and skipping it is safe.
        self.slot.try_for_each(
            |task| {
                see(&task.call.0);
                see(task.call.1.as_any());
                task.call.2.iter().for_each(|keywords| see(keywords.as_any()));
            },
            |outcome| {
                outcome.result.iter().for_each(see);
                outcome.exception.iter().for_each(see);
            },
            see,
        );
        result.into_inner()
    }

    fn __clear__(&self) {
        drop(self.slot.clear());
    }
}
