//! Exceptions thrown into a greenlet: a switch that brings one instead of a result.
#![allow(unsafe_code)] // Contract: see `mod`.

use super::body::exit_as_result;
use super::carry::Carry;
use super::functions::names;
use super::interpreter;
use super::object::{Greenlet, Stage, state};
use super::switching::deliver;
use pyo3::ffi;
use pyo3::ffi::PyObject;
use std::ptr::null_mut;

/// `greenlet.throw(type=GreenletExit, value=None, traceback=None)`.
///
/// # Safety
/// Rule 1.
pub(super) unsafe extern "C-unwind" fn throw(slf: *mut PyObject, args: *mut PyObject) -> *mut PyObject {
    // SAFETY: rules 1 and 7.
    unsafe {
        let (mut kind, mut value, mut traceback): (*mut PyObject, *mut PyObject, *mut PyObject) =
            (names().exit, null_mut(), null_mut());
        let (kind, value, traceback) = (&raw mut kind, &raw mut value, &raw mut traceback);
        if ffi::PyArg_ParseTuple(args, c"|OOO:throw".as_ptr(), kind, value, traceback) == 0 {
            return null_mut();
        }
        throw_into(slf.cast(), *kind, *value, *traceback)
    }
}

/// The same for callers in C. All may be null but the type.
///
/// # Safety
/// Rules 1 and 3; what is passed is borrowed.
pub(super) unsafe fn throw_into(
    target: *mut Greenlet,
    kind: *mut PyObject,
    value: *mut PyObject,
    traceback: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: rules 1, 3, 4 and 7.
    unsafe {
        if !raise(kind, value, traceback) {
            return null_mut();
        }
        // A dead greenlet takes the exception for its result.
        let result = if state(target).stage == Stage::Dead { exit_as_result() } else { null_mut() };
        deliver(target, Carry::one(result))
    }
}

/// Sets the exception, as `raise` would; `false` if that cannot be raised: then another one is set.
unsafe fn raise(kind: *mut PyObject, value: *mut PyObject, traceback: *mut PyObject) -> bool {
    // SAFETY: rules 1, 3 and 7.
    unsafe {
        let traceback = if traceback == ffi::Py_None() { null_mut() } else { traceback };
        if !traceback.is_null() && ffi::PyTraceBack_Check(traceback) == 0 {
            return refuse(c"throw() third argument must be a traceback object");
        }
        if ffi::PyExceptionClass_Check(kind) != 0 {
            let mut kind = ffi::Py_NewRef(kind);
            let mut value = ffi::Py_XNewRef(value);
            let mut traceback = ffi::Py_XNewRef(traceback);
            interpreter::PyErr_NormalizeException(&mut kind, &mut value, &mut traceback);
            ffi::PyErr_Restore(kind, value, traceback);
        } else if ffi::PyExceptionInstance_Check(kind) != 0 {
            if !value.is_null() && value != ffi::Py_None() {
                return refuse(c"instance exception may not have a separate value");
            }
            let class: *mut PyObject = ffi::Py_TYPE(kind).cast();
            ffi::PyErr_Restore(ffi::Py_NewRef(class), ffi::Py_NewRef(kind), ffi::Py_XNewRef(traceback));
        } else {
            let message = c"exceptions must be classes, or instances, not %s".as_ptr();
            ffi::PyErr_Format(ffi::PyExc_TypeError, message, (*ffi::Py_TYPE(kind)).tp_name);
            return false;
        }
        true
    }
}

unsafe fn refuse(message: &std::ffi::CStr) -> bool {
    // SAFETY: rules 1 and 7.
    unsafe { ffi::PyErr_SetString(ffi::PyExc_TypeError, message.as_ptr()) };
    false
}
