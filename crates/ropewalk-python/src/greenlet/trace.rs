//! The function that is told of switches: `settrace()`.
#![allow(unsafe_code)] // Contract: see `mod`.

use super::functions::names;
use super::interpreter::{self, release};
use super::object::Greenlet;
use super::thread::{Thread, set_trace};
use pyo3::ffi;
use pyo3::ffi::PyObject;
use std::ptr::null_mut;

/// Calls the thread's trace function with `("switch" or "throw", (origin, target))`. `false` if it raised: it is removed then,
/// and its exception stands in the place of that which was under way.
///
/// # Safety
/// Rules 1 and 4; there is a trace function; both greenlets are held by the caller.
pub(super) unsafe fn tell(
    thread: *mut Thread,
    is_switch: bool,
    origin: *mut Greenlet,
    target: *mut Greenlet,
) -> bool {
    // SAFETY: rules 1, 3, 4 and 7.
    unsafe {
        let (mut kind, mut value, mut traceback) = (null_mut(), null_mut(), null_mut());
        ffi::PyErr_Fetch(&mut kind, &mut value, &mut traceback);
        let function = ffi::Py_NewRef((*thread).trace);
        let event = if is_switch { names().switch } else { names().throw };
        let both = pair(origin, target);
        let mut result = null_mut();
        if !both.is_null() {
            interpreter::enter_tracing();
            result = interpreter::PyObject_CallFunctionObjArgs(function, event, both, null_mut::<PyObject>());
            interpreter::leave_tracing();
            release(both);
        }
        release(function);
        if result.is_null() {
            set_trace(thread, null_mut());
            for object in [kind, value, traceback] {
                ffi::Py_XDECREF(object);
            }
            return false;
        }
        release(result);
        ffi::PyErr_Restore(kind, value, traceback);
        true
    }
}

unsafe fn pair(origin: *mut Greenlet, target: *mut Greenlet) -> *mut PyObject {
    // SAFETY: rules 3 and 7.
    unsafe {
        let both = interpreter::PyTuple_New(2);
        if !both.is_null() {
            ffi::PyTuple_SET_ITEM(both, 0, ffi::Py_NewRef(origin.cast()));
            ffi::PyTuple_SET_ITEM(both, 1, ffi::Py_NewRef(target.cast()));
        }
        both
    }
}
