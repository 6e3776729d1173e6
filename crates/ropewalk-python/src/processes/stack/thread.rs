//! The interpreter's state of a thread.
//!
//! # Contract of the unsafe code
//!
//! 1. The calling thread holds the GIL.
//! 2. The state of the calling thread is read from what belongs to that thread alone, by whatever it is interrupted:
//!    the interpreter's own handlers of crashes do so.
#![allow(unsafe_code)]

use pyo3::ffi;
use pyo3::prelude::*;

/// That of the calling thread, which lives as long as its Python code runs.
pub(super) fn current(_: Python<'_>) -> usize {
    // SAFETY: rule 1.
    unsafe { ffi::PyThreadState_Get() }.addr()
}

/// That of the calling thread, or 0: for handlers of signals.
pub(super) fn this() -> usize {
    // SAFETY: rule 2.
    unsafe { ffi::PyGILState_GetThisThreadState() }.addr()
}

pub(super) fn code_of_the_interpreter() -> usize {
    ffi::PyGILState_GetThisThreadState as *const () as usize
}
