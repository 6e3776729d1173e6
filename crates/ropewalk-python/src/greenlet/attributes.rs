//! What a greenlet shows of itself.
#![allow(unsafe_code)] // Contract: see `mod`.

use super::class::is_greenlet;
use super::dealloc::abandon;
use super::interpreter::{self, release, release_greenlet};
use super::object::{Greenlet, Stage, hold, state};
use super::thread;
use pyo3::ffi;
use pyo3::ffi::PyObject;
use std::ffi::{CStr, c_int, c_void};
use std::ptr::null_mut;

type Kind = *mut PyObject;

/// Sets an exception; null.
#[cold]
unsafe fn fail(kind: Kind, message: &CStr) -> *mut PyObject {
    // SAFETY: rules 1 and 7.
    unsafe { ffi::PyErr_SetString(kind, message.as_ptr()) };
    null_mut()
}

/// The same for a setter.
#[cold]
unsafe fn refuse(kind: Kind, message: &CStr) -> c_int {
    // SAFETY: rules 1 and 7.
    unsafe { fail(kind, message) };
    -1
}

/// A greenlet, or null, as a new reference to it or `None`.
unsafe fn or_none(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: rules 1 and 3.
    unsafe { ffi::Py_NewRef(if object.is_null() { ffi::Py_None() } else { object }) }
}

/// `__bool__`: whether it has begun, and not ended.
pub(super) unsafe extern "C-unwind" fn is_true(slf: *mut PyObject) -> c_int {
    // SAFETY: rules 1 and 3.
    unsafe { c_int::from(state(slf.cast()).is_active()) }
}

pub(super) unsafe extern "C-unwind" fn dict(slf: *mut PyObject, _: *mut c_void) -> *mut PyObject {
    let greenlet: *mut Greenlet = slf.cast();
    // SAFETY: rules 1, 3 and 7.
    unsafe {
        if (*greenlet).dict.is_null() {
            let made = interpreter::PyDict_New();
            if made.is_null() {
                return null_mut();
            }
            let before = std::mem::replace(&mut (*greenlet).dict, made);
            ffi::Py_XDECREF(before);
        }
        ffi::Py_NewRef((*greenlet).dict)
    }
}

pub(super) unsafe extern "C-unwind" fn set_dict(
    slf: *mut PyObject,
    value: *mut PyObject,
    _: *mut c_void,
) -> c_int {
    let greenlet: *mut Greenlet = slf.cast();
    // SAFETY: rules 1, 3, 4 and 7.
    unsafe {
        if value.is_null() {
            return refuse(ffi::PyExc_TypeError, c"__dict__ may not be deleted");
        }
        if ffi::PyDict_Check(value) == 0 {
            return refuse(ffi::PyExc_TypeError, c"__dict__ must be a dictionary");
        }
        let before = std::mem::replace(&mut (*greenlet).dict, ffi::Py_NewRef(value));
        if !before.is_null() {
            release(before);
        }
        0
    }
}

pub(super) unsafe extern "C-unwind" fn run(slf: *mut PyObject, _: *mut c_void) -> *mut PyObject {
    // SAFETY: rules 1, 3 and 7.
    unsafe {
        let its = state(slf.cast());
        if its.is_main {
            return fail(ffi::PyExc_AttributeError, c"Main greenlets do not have a run attribute.");
        }
        if its.is_started() || its.run.is_null() {
            return fail(ffi::PyExc_AttributeError, c"run");
        }
        ffi::Py_NewRef(its.run)
    }
}

pub(super) unsafe extern "C-unwind" fn set_run(
    slf: *mut PyObject,
    value: *mut PyObject,
    _: *mut c_void,
) -> c_int {
    // SAFETY: rules 1, 3, 4 and 7.
    unsafe {
        let its = state(slf.cast());
        if its.is_main {
            return refuse(ffi::PyExc_AttributeError, c"Main greenlets do not have a run attribute.");
        }
        if its.is_started() {
            return refuse(ffi::PyExc_AttributeError, c"run cannot be set after the start of the greenlet");
        }
        let before = std::mem::replace(&mut its.run, ffi::Py_XNewRef(value));
        if !before.is_null() {
            release(before);
        }
        0
    }
}

pub(super) unsafe extern "C-unwind" fn parent(slf: *mut PyObject, _: *mut c_void) -> *mut PyObject {
    // SAFETY: rules 1 and 3.
    unsafe { or_none(state(slf.cast()).parent.cast()) }
}

pub(super) unsafe extern "C-unwind" fn set_parent(
    slf: *mut PyObject,
    value: *mut PyObject,
    _: *mut c_void,
) -> c_int {
    let greenlet: *mut Greenlet = slf.cast();
    // SAFETY: rules 1, 3, 4 and 7.
    unsafe {
        if value.is_null() {
            return refuse(ffi::PyExc_AttributeError, c"can't delete attribute");
        }
        if state(greenlet).is_main {
            return refuse(ffi::PyExc_AttributeError, c"cannot set the parent of a main greenlet");
        }
        if !is_greenlet(value) {
            let message = c"GreenletChecker: Expected any type of greenlet, not %s".as_ptr();
            ffi::PyErr_Format(ffi::PyExc_TypeError, message, (*ffi::Py_TYPE(value)).tp_name);
            return -1;
        }
        let mut main = null_mut();
        let mut next: *mut Greenlet = value.cast();
        while !next.is_null() {
            if next == greenlet {
                return refuse(ffi::PyExc_ValueError, c"cyclic parent chain");
            }
            main = state(next).main;
            next = state(next).parent;
        }
        if main.is_null() {
            return refuse(ffi::PyExc_ValueError, c"parent must not be garbage collected");
        }
        if state(greenlet).is_started() && state(greenlet).main != main {
            return refuse(ffi::PyExc_ValueError, c"parent cannot be on a different thread");
        }
        let before = std::mem::replace(&mut state(greenlet).parent, hold(value.cast()));
        if !before.is_null() {
            release_greenlet(before);
        }
        0
    }
}

/// The frame that it stopped in. It is made when it is asked for: a switch looks at no frame.
pub(super) unsafe extern "C-unwind" fn frame(slf: *mut PyObject, _: *mut c_void) -> *mut PyObject {
    // SAFETY: rules 1, 3 and 7.
    unsafe {
        let its = state(slf.cast());
        if its.stage != Stage::Suspended {
            return ffi::Py_NewRef(ffi::Py_None());
        }
        let frame = interpreter::frame(&raw mut its.saved);
        if frame.is_null() && ffi::PyErr_Occurred().is_null() {
            return ffi::Py_NewRef(ffi::Py_None());
        }
        frame
    }
}

pub(super) unsafe extern "C-unwind" fn context(slf: *mut PyObject, _: *mut c_void) -> *mut PyObject {
    // SAFETY: rules 1, 3 and 7.
    unsafe {
        match place_of_context(slf.cast()) {
            Some(place) => or_none(*place),
            None => fail(
                ffi::PyExc_ValueError,
                c"cannot get context of a greenlet that is running in a different thread",
            ),
        }
    }
}

pub(super) unsafe extern "C-unwind" fn set_context(
    slf: *mut PyObject,
    value: *mut PyObject,
    _: *mut c_void,
) -> c_int {
    // SAFETY: rules 1, 3, 4 and 7.
    unsafe {
        if value.is_null() {
            return refuse(ffi::PyExc_AttributeError, c"can't delete context attribute");
        }
        let value = if value == ffi::Py_None() { null_mut() } else { value };
        if !value.is_null() && ffi::PyContext_CheckExact(value) == 0 {
            let message = c"greenlet context must be a contextvars.Context or None";
            return refuse(ffi::PyExc_TypeError, message);
        }
        let Some(place) = place_of_context(slf.cast()) else {
            let message = c"cannot set context of a greenlet that is running in a different thread";
            return refuse(ffi::PyExc_ValueError, message);
        };
        let before = std::mem::replace(&mut *place, ffi::Py_XNewRef(value));
        if !before.is_null() {
            release(before);
        }
        0
    }
}

/// Where its contextvars context is: with the thread state while it runs. `None` if that is another thread's.
unsafe fn place_of_context(greenlet: *mut Greenlet) -> Option<*mut *mut PyObject> {
    // SAFETY: rules 1 and 3.
    unsafe {
        if state(greenlet).stage != Stage::Running {
            Some(interpreter::context(&raw mut state(greenlet).saved))
        } else if (*thread::calling()).current == greenlet {
            Some(interpreter::running_context())
        } else {
            None
        }
    }
}

pub(super) unsafe extern "C-unwind" fn dead(slf: *mut PyObject, _: *mut c_void) -> *mut PyObject {
    // SAFETY: rules 1 and 3.
    unsafe {
        let answer = if is_dead(slf.cast()) { ffi::Py_True() } else { ffi::Py_False() };
        ffi::Py_NewRef(answer)
    }
}

/// Whether it has ended, or can never go on; then it ends now.
unsafe fn is_dead(greenlet: *mut Greenlet) -> bool {
    // SAFETY: rules 3 and 4.
    unsafe {
        if state(greenlet).is_of_a_dead_thread() {
            abandon(greenlet);
            return true;
        }
        state(greenlet).stage == Stage::Dead
    }
}

/// greenlet's count of bytes that it has copied: none here.
pub(super) unsafe extern "C-unwind" fn stack_saved(_: *mut PyObject, _: *mut c_void) -> *mut PyObject {
    // SAFETY: rule 1.
    unsafe { ffi::PyLong_FromLong(0) }
}

/// `__getstate__`: it cannot be copied or pickled.
pub(super) unsafe extern "C-unwind" fn getstate(slf: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: rules 1 and 7.
    unsafe {
        let message = c"cannot serialize '%s' object".as_ptr();
        ffi::PyErr_Format(ffi::PyExc_TypeError, message, (*ffi::Py_TYPE(slf)).tp_name);
        null_mut()
    }
}

pub(super) unsafe extern "C-unwind" fn repr(slf: *mut PyObject) -> *mut PyObject {
    let greenlet: *mut Greenlet = slf.cast();
    // SAFETY: rules 1, 3, 4 and 7.
    unsafe {
        let name = (*ffi::Py_TYPE(slf)).tp_name;
        let its = state(greenlet);
        let (thread, is_main) = (its.thread(), its.is_main);
        let was_started = its.is_started();
        if is_dead(greenlet) {
            let exited = if state(greenlet).is_of_a_dead_thread() { c"(thread exited) " } else { c"" };
            let format = c"<%s object at %p (otid=%p) %sdead>".as_ptr();
            return ffi::PyUnicode_FromFormat(format, name, slf, thread, exited.as_ptr());
        }
        let is_current = interpreter::is_finalizing() == 0 && (*thread::calling()).current == greenlet;
        let place = match () {
            () if is_current => c" current",
            () if was_started => c" suspended",
            () => c"",
        };
        ffi::PyUnicode_FromFormat(
            c"<%s object at %p (otid=%p)%s%s%s%s>".as_ptr(),
            name,
            slf,
            thread,
            place.as_ptr(),
            if state(greenlet).is_active() { c" active" } else { c"" }.as_ptr(),
            if was_started { c" started" } else { c" pending" }.as_ptr(),
            if is_main { c" main" } else { c"" }.as_ptr(),
        )
    }
}
