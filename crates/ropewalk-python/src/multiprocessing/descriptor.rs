//! A descriptor that Python code hands over.
//!
//! # Contract of the unsafe code
//!
//! 1. The caller in Python has received the descriptor for this one use and leaves it to us: nobody else closes it.
#![allow(unsafe_code)]

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// The descriptor as a value that closes it.
///
/// # Errors
/// `ValueError` for a number that is none.
pub(super) fn owned(descriptor: RawFd) -> PyResult<OwnedFd> {
    if descriptor < 0 {
        return Err(PyValueError::new_err("not a descriptor"));
    }
    // SAFETY: rule 1; it is not -1.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
