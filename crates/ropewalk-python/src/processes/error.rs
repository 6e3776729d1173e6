//! Why a queue between processes refuses, as Python exceptions.

use pyo3::exceptions::{PyBlockingIOError, PyEOFError, PyOSError, PyValueError};
use pyo3::prelude::*;
use ropewalk::process::{Fault, OpenError, PushError, TakeError};

pub(super) fn fault(fault: Fault) -> PyErr {
    PyOSError::new_err(fault.to_string())
}

pub(super) fn open(error: &OpenError) -> PyErr {
    PyOSError::new_err(error.to_string())
}

/// Why a record did not go in.
pub(super) fn push<I: Into<PyErr>>(error: PushError<I>) -> PyErr {
    match error {
        PushError::Full => PyBlockingIOError::new_err("the shared queue is full"),
        PushError::ShutDown => PyEOFError::new_err("the shared queue is closed"),
        PushError::TooLong { most } => PyValueError::new_err(format!(
            "too large for one task or result: at most {most} bytes go from process to process at once; \
             pass large data in pieces, in a file or in shared memory"
        )),
        PushError::Interrupted(error) => error.into(),
        PushError::Fault(it) => fault(it),
    }
}

/// Why no task came out; `None` if there was none in time.
pub(super) fn take(error: TakeError<PyErr>) -> Option<PyErr> {
    match error {
        TakeError::None => None,
        TakeError::Dismissed => Some(PyEOFError::new_err("there are no more tasks")),
        TakeError::Interrupted(error) => Some(error),
        TakeError::Fault(it) => Some(fault(it)),
    }
}
