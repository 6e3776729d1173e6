//! The class statement, for bases of ours beside a metaclass that knows nothing of them.
//!
//! Ours have a metaclass. So a program's `class Jobs(queue.Queue, abc.ABC)`, which was good before `install()`, would
//! be a conflict of metaclasses. What is made here stands in `builtins` for the function behind the statement. Every
//! class body of the program runs beneath it: so it leaves no trace in a traceback, and may be unwound.
//!
//! # Contract of the unsafe code
//!
//! 1. The interpreter calls [`build`] attached, with the tuple of [`class_statement`], a tuple of arguments, and a
//!    dict of named ones or null. What is borrowed from them lives as long as the call.
//! 2. Law 3: a daemon thread at the interpreter's end may be unwound through [`build`]. So it is `C-unwind`, calls as
//!    `C-unwind` what may run Python code, and has nothing to drop; what it owns is leaked then.
//! 3. Of a null result the exception is set; what was got before is given back, and null is passed on.
#![allow(unsafe_code)]

use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};
use std::mem::transmute;
use std::ptr::null_mut;

// SAFETY: rule 2: the interpreter's own function, under an ABI that says more.
unsafe extern "C-unwind" {
    fn PyObject_Call(
        callable: *mut PyObject,
        arguments: *mut PyObject,
        options: *mut PyObject,
    ) -> *mut PyObject;
}

type Build = unsafe extern "C-unwind" fn(*mut PyObject, *mut PyObject, *mut PyObject) -> *mut PyObject;

/// What stands in for `statement`, and calls it. If bases whose metaclass is `ours` meet another metaclass, then with
/// the one that `meeting(bases, metaclass)` gives, unless that is `None`.
#[pyfunction]
#[pyo3(signature = (statement, ours, meeting, /))]
pub(crate) fn class_statement<'py>(
    statement: &Bound<'py, PyAny>,
    ours: &Bound<'py, PyType>,
    meeting: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = statement.py();
    let this = PyTuple::new(py, [statement, ours.as_any(), meeting])?;
    // SAFETY: rules 1 and 2: the interpreter does not ask for the ABI, and may unwind.
    let function = unsafe { transmute::<Build, ffi::PyCFunctionWithKeywords>(build) };
    let entry = Box::leak(Box::new(ffi::PyMethodDef {
        ml_name: c"__build_class__".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionWithKeywords: function },
        ml_flags: ffi::METH_VARARGS | ffi::METH_KEYWORDS,
        ml_doc: null_mut(),
    }));
    // SAFETY: rule 1: `this` is such a tuple. The entry lives for ever, and there need be no module.
    unsafe {
        let made = ffi::PyCFunction_NewEx(entry, this.as_ptr(), null_mut());
        Bound::from_owned_ptr_or_err(py, made)
    }
}

/// The statement itself. What follows is C in all but name, by rule 2.
unsafe extern "C-unwind" fn build(
    this: *mut PyObject,
    arguments: *mut PyObject,
    options: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: rules 1 to 3.
    unsafe {
        let (statement, ours) = (ffi::PyTuple_GET_ITEM(this, 0), ffi::PyTuple_GET_ITEM(this, 1));
        let metaclass = match options.is_null() {
            true => null_mut(),
            false => ffi::PyDict_GetItemString(options, c"metaclass".as_ptr()),
        };
        if !meets_others(arguments, ours, !metaclass.is_null()) {
            return PyObject_Call(statement, arguments, options);
        }
        let both = both(ffi::PyTuple_GET_ITEM(this, 2), arguments, metaclass);
        if both.is_null() {
            return null_mut();
        }
        let options = if options.is_null() { ffi::PyDict_New() } else { ffi::PyDict_Copy(options) };
        let mut made = null_mut();
        if !options.is_null()
            && (both == ffi::Py_None()
                || ffi::PyDict_SetItemString(options, c"metaclass".as_ptr(), both) == 0)
        {
            made = PyObject_Call(statement, arguments, options);
        }
        ffi::Py_XDECREF(options);
        ffi::Py_DECREF(both);
        made
    }
}

/// Whether one of ours may be among the bases, and beside it something that may have another metaclass.
///
/// # Safety
/// Rule 1.
unsafe fn meets_others(arguments: *mut PyObject, ours: *mut PyObject, mut others: bool) -> bool {
    let mut is_ours = false;
    // SAFETY: rule 1; `ours` is a type, by the signature of `class_statement`.
    unsafe {
        for place in 2..ffi::PyTuple_GET_SIZE(arguments) {
            let base = ffi::PyTuple_GET_ITEM(arguments, place);
            if ffi::PyType_Check(base) == 0 {
                return true; // an alias, such as `Queue[int]`, stands for what it alone can tell
            }
            let kind = ffi::Py_TYPE(base);
            if kind != &raw mut ffi::PyType_Type {
                is_ours |= ffi::PyType_IsSubtype(kind, ours.cast()) != 0;
                others |= kind != ours.cast();
            }
        }
    }
    is_ours && others
}

/// What `meeting` says of these bases and this metaclass: a new reference, or null.
///
/// # Safety
/// Rules 1 to 3.
unsafe fn both(meeting: *mut PyObject, arguments: *mut PyObject, metaclass: *mut PyObject) -> *mut PyObject {
    // SAFETY: rules 1 to 3.
    unsafe {
        let bases = ffi::PyTuple_GetSlice(arguments, 2, ffi::PyTuple_GET_SIZE(arguments));
        if bases.is_null() {
            return null_mut();
        }
        let metaclass = if metaclass.is_null() { ffi::Py_None() } else { metaclass };
        let question = ffi::PyTuple_Pack(2, bases, metaclass);
        ffi::Py_DECREF(bases);
        if question.is_null() {
            return null_mut();
        }
        let both = PyObject_Call(meeting, question, null_mut());
        ffi::Py_DECREF(question);
        both
    }
}
