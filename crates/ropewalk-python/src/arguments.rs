//! Timeouts and flags as Python's own functions read them.

use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBool;
use ropewalk::Deadline;
use std::time::Duration;

/// Anything, read by its truth: PyO3's own `bool` refuses `acquire(0)`, which Python allows.
#[derive(Clone, Copy)]
pub(crate) struct Truth(pub(crate) bool);

impl<'a, 'py> FromPyObject<'a, 'py> for Truth {
    type Error = PyErr;

    #[inline]
    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        match object.cast::<PyBool>() {
            Ok(flag) => Ok(Truth(flag.is_true())),
            Err(_) => object.is_truthy().map(Truth),
        }
    }
}

/// A timeout in seconds, or `None` for no end; may be negative.
#[derive(Clone, Copy)]
pub(crate) struct Timeout(Option<f64>);

impl<'a, 'py> FromPyObject<'a, 'py> for Timeout {
    type Error = PyErr;

    #[inline]
    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if object.is_none() {
            Ok(Timeout(None))
        } else {
            object.extract().map(|seconds| Timeout(Some(seconds)))
        }
    }
}

/// `threading.TIMEOUT_MAX` in seconds: what a 64-bit count of nanoseconds holds.
const MAX: f64 = (i64::MAX / 1_000_000_000) as f64;

impl Timeout {
    /// No end.
    pub(crate) const NEVER: Timeout = Timeout(None);
    /// No wait.
    pub(crate) const NOW: Timeout = Timeout(Some(0.0));

    pub(crate) fn is_none(self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn is_negative(self) -> bool {
        self.0.is_some_and(|seconds| seconds < 0.0)
    }

    /// When a wait that starts now ends. A negative time has ended already.
    ///
    /// # Errors
    /// `OverflowError` beyond `threading.TIMEOUT_MAX`, `ValueError` for a NaN.
    #[inline]
    pub(crate) fn deadline(self) -> PyResult<Deadline> {
        match self.0 {
            None => Ok(Deadline::NEVER),
            Some(seconds) if seconds <= 0.0 => Ok(Deadline::NOW),
            Some(seconds) if seconds <= MAX => Ok(Deadline::after(Duration::from_secs_f64(seconds))),
            Some(seconds) if seconds.is_nan() => {
                Err(PyValueError::new_err("Invalid value NaN (not a number)"))
            }
            Some(_) => Err(PyOverflowError::new_err("timeout value is too large")),
        }
    }
}

/// What is left of a wait, in seconds, for Python code that goes on with it.
pub(crate) fn remaining(deadline: Deadline) -> Option<f64> {
    deadline.remaining().map(|left| left.as_secs_f64())
}
