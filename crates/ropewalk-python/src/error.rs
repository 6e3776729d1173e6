//! Engine errors as Python exceptions: one exhaustive match for each, no default arm.

use crate::doctor;
use crate::once::imported;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use ropewalk::Halted;
use ropewalk::process;
use ropewalk::queue::{PopError, PushError, TooManyDone};
use ropewalk::sync::{BarrierError, NotOwner, TooManyPermits};
use ropewalk::wait_graph::Stopped;

/// A halted wait: the signal handler's exception, or `DeadlockError`.
pub(crate) fn halted(py: Python<'_>, halted: Halted<PyErr>) -> PyErr {
    match halted {
        Halted::Interrupted(error) => error,
        Halted::Retired => PyRuntimeError::new_err("this object was opened up while it was waited for"),
        Halted::Deadlock(cycle) => doctor::error(py, &cycle),
        _ => PyRuntimeError::new_err("the wait was halted for a reason that this binding does not know"),
    }
}

/// A halted wait on something that processes share: the signal handler's exception, or `DeadlockError`.
pub(crate) fn stopped(py: Python<'_>, stopped: Stopped<PyErr>) -> PyErr {
    match stopped {
        Stopped::Interrupted(error) => error,
        Stopped::Deadlock(cycle) => doctor::processes::error(py, &cycle),
    }
}

/// Why an item did not go in: `queue.Full`, `queue.ShutDown`, or the wait was halted.
pub(crate) fn push<T>(py: Python<'_>, error: PushError<T, PyErr>) -> PyErr {
    match error {
        PushError::Full(_) => raise(py, &FULL, "queue", "Full"),
        PushError::ShutDown(_) => raise(py, &SHUT_DOWN, "ropewalk.queue", "ShutDown"),
        PushError::Halted(reason, _) => halted(py, reason),
    }
}

/// Why no item came out: `queue.Empty`, `queue.ShutDown`, or the wait was halted.
pub(crate) fn pop(py: Python<'_>, error: PopError<PyErr>) -> PyErr {
    match error {
        PopError::Empty => raise(py, &EMPTY, "queue", "Empty"),
        PopError::ShutDown => raise(py, &SHUT_DOWN, "ropewalk.queue", "ShutDown"),
        PopError::Halted(reason) => halted(py, reason),
    }
}

/// Why an object did not go into a queue between processes: `queue.Full`, `queue.ShutDown`, `ValueError` for one that is
/// too large, or what a signal's handler has raised.
pub(crate) fn process_push(py: Python<'_>, error: process::PushError<PyErr>) -> PyErr {
    match error {
        process::PushError::Full => raise(py, &FULL, "queue", "Full"),
        process::PushError::ShutDown => raise(py, &SHUT_DOWN, "ropewalk.queue", "ShutDown"),
        process::PushError::TooLong { .. } => PyValueError::new_err(error.to_string()),
        process::PushError::Interrupted(error) => error,
        process::PushError::Fault(fault) => process_fault(fault),
    }
}

/// Why no object came out of a queue between processes: `queue.Empty`, `queue.ShutDown`, or what a signal's handler has
/// raised.
pub(crate) fn process_pop(py: Python<'_>, error: process::PopError<PyErr>) -> PyErr {
    match error {
        process::PopError::Empty => raise(py, &EMPTY, "queue", "Empty"),
        process::PopError::ShutDown => raise(py, &SHUT_DOWN, "ropewalk.queue", "ShutDown"),
        process::PopError::Interrupted(error) => error,
        process::PopError::Fault(fault) => process_fault(fault),
    }
}

/// Why a wait for all objects to be dealt with ended: what a signal's handler has raised.
pub(crate) fn process_join(error: process::JoinError<PyErr>) -> PyErr {
    match error {
        process::JoinError::TimedOut => PyRuntimeError::new_err(error.to_string()),
        process::JoinError::Interrupted(error) => error,
        process::JoinError::Fault(fault) => process_fault(fault),
    }
}

pub(crate) fn process_done(error: process::DoneError) -> PyErr {
    match error {
        process::DoneError::TooMany => PyValueError::new_err(error.to_string()),
        process::DoneError::Fault(fault) => process_fault(fault),
    }
}

/// Memory that processes share can not be used as it should be.
pub(crate) fn process_fault(fault: process::Fault) -> PyErr {
    PyOSError::new_err(fault.to_string())
}

/// Why the others did not come: `threading.BrokenBarrierError`, or the wait was halted.
pub(crate) fn barrier(py: Python<'_>, error: BarrierError<PyErr>) -> PyErr {
    match error {
        BarrierError::Broken | BarrierError::TimedOut => broken_barrier(py),
        BarrierError::Halted(reason) => halted(py, reason),
    }
}

/// `threading.BrokenBarrierError`.
pub(crate) fn broken_barrier(py: Python<'_>) -> PyErr {
    raise(py, &BROKEN_BARRIER, "threading", "BrokenBarrierError")
}

pub(crate) fn too_many_done(error: TooManyDone) -> PyErr {
    PyValueError::new_err(error.to_string())
}

pub(crate) fn not_owner(error: NotOwner) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}

/// What the system reports, as the interpreter's own functions raise it: with its number, as the class for that.
pub(crate) fn system(py: Python<'_>, error: &std::io::Error) -> PyErr {
    let Some(number) = error.raw_os_error() else { return PyOSError::new_err(error.to_string()) };
    let text = py.import("os").and_then(|os| os.call_method1("strerror", (number,)));
    match text.and_then(|text| py.get_type::<PyOSError>().call1((number, text))) {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

pub(crate) fn too_many_permits(error: TooManyPermits) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// A wait for a result that came to its timeout.
pub(crate) fn future_timeout(py: Python<'_>) -> PyErr {
    raise(py, &FUTURE_TIMEOUT, "concurrent.futures", "TimeoutError")
}

/// A wait for the result of a future that was cancelled.
pub(crate) fn future_cancelled(py: Python<'_>) -> PyErr {
    raise(py, &FUTURE_CANCELLED, "concurrent.futures", "CancelledError")
}

static FUTURE_TIMEOUT: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static FUTURE_CANCELLED: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static BROKEN_BARRIER: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static FULL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static EMPTY: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static SHUT_DOWN: PyOnceLock<Py<PyType>> = PyOnceLock::new();

fn raise(py: Python<'_>, class: &'static PyOnceLock<Py<PyType>>, module: &str, name: &str) -> PyErr {
    match imported(py, class, module, name) {
        Ok(class) => PyErr::from_type(class.bind(py).clone(), ()),
        Err(error) => error,
    }
}
