//! greenlet's C API, for extension modules that were compiled against its header: twelve pointers in a capsule.
#![allow(unsafe_code)] // Contract: see `mod`.

use super::attributes;
use super::carry::Carry;
use super::class::{self, class, is_greenlet};
use super::functions::names;
use super::interpreter;
use super::object::{Greenlet, hold, state};
use super::switching::deliver;
use super::thread::{self, Attached, end_the_unwanted};
use super::throw::throw_into;
use pyo3::ffi;
use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use std::ffi::{CStr, c_int, c_void};
use std::ptr::null_mut;

/// As many as `PyGreenlet_API_pointers` says.
const POINTERS: usize = 12;

static API: Attached<[*mut c_void; POINTERS]> = Attached::new([null_mut(); POINTERS]);

/// A capsule that `PyCapsule_Import` finds by `name`.
pub(super) fn new<'py>(py: Python<'py>, name: &'static CStr) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: rules 1 and 7; the order is that of greenlet's header.
    unsafe {
        *API.get() = [
            class().cast(),
            names().error.cast(),
            names().exit.cast(),
            new_greenlet as *mut c_void,
            current as *mut c_void,
            throw as *mut c_void,
            switch as *mut c_void,
            set_parent as *mut c_void,
            is_main as *mut c_void,
            is_started as *mut c_void,
            is_active as *mut c_void,
            parent as *mut c_void,
        ];
        let api = API.get().as_mut_ptr().cast();
        Bound::from_owned_ptr_or_err(py, ffi::PyCapsule_New(api, name.as_ptr(), None))
    }
}

/// Whether it is a greenlet; else the exception is set.
unsafe fn is_good(object: *mut PyObject) -> bool {
    // SAFETY: rules 1 and 7.
    unsafe {
        let good = is_greenlet(object);
        if !good {
            ffi::PyErr_BadArgument();
        }
        good
    }
}

unsafe extern "C-unwind" fn new_greenlet(run: *mut PyObject, parent: *mut PyObject) -> *mut PyObject {
    // SAFETY: rules 1, 3 and 7.
    unsafe {
        let made = class::new(class(), null_mut(), null_mut());
        if made.is_null() {
            return null_mut();
        }
        if class::begin_with(made, run, parent) < 0 {
            ffi::Py_DECREF(made);
            return null_mut();
        }
        made
    }
}

unsafe extern "C-unwind" fn current() -> *mut Greenlet {
    // SAFETY: rules 1, 3, 4 and 7.
    unsafe {
        if interpreter::is_finalizing() != 0 {
            ffi::PyErr_SetString(ffi::PyExc_RuntimeError, c"greenlet is being finalized".as_ptr());
            return null_mut();
        }
        let thread = thread::calling();
        end_the_unwanted(thread);
        hold((*thread).current)
    }
}

unsafe extern "C-unwind" fn throw(
    slf: *mut PyObject,
    kind: *mut PyObject,
    value: *mut PyObject,
    traceback: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: rules 1, 3 and 7.
    unsafe {
        if !is_good(slf) {
            return null_mut();
        }
        throw_into(slf.cast(), kind, value, traceback)
    }
}

unsafe extern "C-unwind" fn switch(
    slf: *mut PyObject,
    args: *mut PyObject,
    kwargs: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: rules 1, 3 and 7.
    unsafe {
        if !is_good(slf) {
            return null_mut();
        }
        let kwargs = if !kwargs.is_null() && ffi::PyDict_Check(kwargs) != 0 && ffi::PyDict_Size(kwargs) > 0 {
            ffi::Py_NewRef(kwargs)
        } else {
            null_mut()
        };
        let args = if args.is_null() { names().nothing } else { args };
        let carry = if ffi::PyTuple_Check(args) != 0 && ffi::PyTuple_GET_SIZE(args) == 1 {
            Carry { value: ffi::Py_NewRef(ffi::PyTuple_GET_ITEM(args, 0)), args: null_mut(), kwargs }
        } else {
            Carry { value: null_mut(), args: ffi::Py_NewRef(args), kwargs }
        };
        deliver(slf.cast(), carry)
    }
}

unsafe extern "C-unwind" fn set_parent(slf: *mut PyObject, parent: *mut PyObject) -> c_int {
    // SAFETY: rules 1, 3 and 7.
    unsafe { attributes::set_parent(slf, parent, null_mut()) }
}

unsafe extern "C-unwind" fn is_main(slf: *mut PyObject) -> c_int {
    // SAFETY: rules 1, 3 and 7.
    unsafe { if is_good(slf) { state(slf.cast()).is_main.into() } else { -1 } }
}

unsafe extern "C-unwind" fn is_started(slf: *mut PyObject) -> c_int {
    // SAFETY: rules 1, 3 and 7.
    unsafe { if is_good(slf) { state(slf.cast()).is_started().into() } else { -1 } }
}

unsafe extern "C-unwind" fn is_active(slf: *mut PyObject) -> c_int {
    // SAFETY: rules 1, 3 and 7.
    unsafe { if is_good(slf) { state(slf.cast()).is_active().into() } else { -1 } }
}

/// Null without an exception if it has none.
unsafe extern "C-unwind" fn parent(slf: *mut PyObject) -> *mut Greenlet {
    // SAFETY: rules 1, 3 and 7.
    unsafe {
        if !is_good(slf) {
            return null_mut();
        }
        let parent = state(slf.cast()).parent;
        if parent.is_null() { null_mut() } else { hold(parent) }
    }
}
