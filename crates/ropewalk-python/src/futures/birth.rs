//! The quick way to a new future.
//!
//! Calling the class goes through `type.__call__`, `__new__` and an `__init__` that does nothing. A pool that makes a
//! future for each call takes `__new__` alone.
//!
//! # Contract of the unsafe code
//!
//! 1. The class is our own `Future`, a subclass of `PyFuture` known to this module for the life of the process, so
//!    its `tp_new` is set and gives a new reference to a `PyFuture`, or null with an exception set.
//! 2. It is called attached, with a class, a tuple and no dictionary, as `type.__call__` would.
#![allow(unsafe_code)]

use super::future::PyFuture;
use crate::once::once;
use crate::original;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyTuple, PyType};

static OURS: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Makes the class known. It must be `Future` itself.
///
/// # Errors
/// `TypeError` if it is no such class.
pub(crate) fn announce(class: &Bound<'_, PyType>) -> PyResult<()> {
    if !class.is_subclass_of::<PyFuture>()? || original::from_birth(class)? {
        return Err(PyTypeError::new_err("futures of a pool are of ropewalk's own class"));
    }
    once(class.py(), &OURS, || Ok(class.clone().unbind())).map(drop)
}

/// Whether it is the class that was announced.
#[inline]
pub(crate) fn is_ours(class: &Bound<'_, PyType>) -> bool {
    OURS.get(class.py()).is_some_and(|ours| ours.as_ptr() == class.as_ptr())
}

/// A new future of the class that was announced.
#[inline]
pub(crate) fn future(py: Python<'_>) -> PyResult<Bound<'_, PyFuture>> {
    let class = OURS.get(py).ok_or_else(|| PyTypeError::new_err("no class of futures was announced"))?;
    let arguments = PyTuple::empty(py);
    let class = class.as_ptr().cast::<pyo3::ffi::PyTypeObject>();
    // SAFETY: rules 1 and 2.
    let future = unsafe {
        let new = (*class).tp_new.unwrap_unchecked();
        Bound::from_owned_ptr_or_err(py, new(class, arguments.as_ptr(), std::ptr::null_mut()))?
            .cast_into_unchecked::<PyFuture>()
    };
    Ok(future)
}
