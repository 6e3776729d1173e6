//! The beginning and the end of a greenlet, called by the first frame of its stack (`body.c`).
//!
//! Between the two that frame, which is C, makes the call: so no frame of ours is beneath the program's (rule 2).
#![allow(unsafe_code)] // Contract: see `mod`.

use super::carry::Carry;
use super::functions::names;
use super::interpreter::{self, Call, release, release_greenlet};
use super::object::{Greenlet, Stage, State, state};
use super::switching::deliver;
use super::thread::{self, Thread};
use super::trace;
use pyo3::ffi;
use pyo3::ffi::PyObject;
use std::ffi::c_int;
use std::ptr::null_mut;

/// The running greenlet has just begun. Says what to call; zero if an exception was brought instead.
///
/// # Safety
/// Called by `ropewalk_greenlet_body` alone.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn ropewalk_greenlet_arrive(greenlet: *mut Greenlet, call: *mut Call) -> c_int {
    // SAFETY: rules 1 to 5.
    unsafe {
        let thread = thread::calling();
        let mut carry = (*thread).carry;
        let origin = (*thread).origin;
        let replaced = std::mem::replace(&mut (*thread).replaced, null_mut());
        if let Some(stack) = (*thread).spent.take() {
            thread::stacks().put(stack);
            (*thread).look_again();
        }
        if !(*thread).trace.is_null() && !trace::tell(thread, !carry.is_nothing(), origin, greenlet) {
            carry.release();
            carry = Carry::NOTHING;
        }
        release_greenlet(origin);
        if !replaced.is_null() {
            release(replaced);
        }
        thread::end_the_unwanted(thread);
        (*call).run = state(greenlet).run;
        (*call).value = carry.value;
        (*call).args = carry.args;
        (*call).kwargs = carry.kwargs;
        c_int::from(!carry.is_nothing())
    }
}

/// The call has returned `result`, or raised if that is null. The greenlet is dead then, and its parent goes on.
///
/// # Safety
/// Called by `ropewalk_greenlet_body` alone.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn ropewalk_greenlet_leave(
    greenlet: *mut Greenlet,
    result: *mut PyObject,
    call: *mut Call,
) -> ! {
    // SAFETY: rules 2 to 5.
    unsafe {
        Carry { value: (*call).value, args: (*call).args, kwargs: (*call).kwargs }.release();
        let run = std::mem::replace(&mut state(greenlet).run, null_mut());
        if !run.is_null() {
            release(run);
        }
        let mut result = if result.is_null() { exit_as_result() } else { result };
        state(greenlet).stage = Stage::Dead;
        let mut parent = state(greenlet).parent;
        while !parent.is_null() {
            // If this comes back, then with an exception: the parent could not be started. The next one is told.
            result = deliver(parent, Carry::one(result));
            parent = state(parent).parent;
        }
        ffi::Py_XDECREF(result);
        interpreter::PyErr_WriteUnraisable(greenlet.cast());
        let message =
            c"greenlet: ran out of parent greenlets while propagating exception; cannot continue".as_ptr();
        ffi::Py_FatalError(message)
    }
}

/// The `GreenletExit` that is raised, as an object; null if it is another exception, which stays.
///
/// # Safety
/// Rule 1: an exception is set.
pub(super) unsafe fn exit_as_result() -> *mut PyObject {
    // SAFETY: rules 1, 3 and 7.
    unsafe {
        if ffi::PyErr_ExceptionMatches(names().exit) == 0 {
            return null_mut();
        }
        let (mut kind, mut value, mut traceback) = (null_mut(), null_mut(), null_mut());
        ffi::PyErr_Fetch(&mut kind, &mut value, &mut traceback);
        interpreter::PyErr_NormalizeException(&mut kind, &mut value, &mut traceback);
        ffi::Py_XDECREF(kind);
        ffi::Py_XDECREF(traceback);
        if value.is_null() { ffi::Py_NewRef(ffi::Py_None()) } else { value }
    }
}

/// A dead greenlet makes its last step: whoever lands next puts its stack back. Not if frames of the program still stand on it,
/// for somebody may hold them.
///
/// # Safety
/// Rule 5: `from` is the running greenlet's, which is dead.
#[cold]
pub(super) unsafe fn leave_for_ever(thread: *mut Thread, from: *mut State) {
    // SAFETY: rule 5.
    unsafe {
        let stack = (*from).stack.take();
        if interpreter::has_frames() == 0 {
            (*thread).spent = stack;
            (*thread).attention = true;
        } else {
            std::mem::forget(stack);
        }
    }
}
