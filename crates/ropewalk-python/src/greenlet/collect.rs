//! What the garbage collector sees of a greenlet.
//!
//! A suspended greenlet is held by what is on its stack, which nobody can look at: so it is no garbage as long as it could
//! run.
#![allow(unsafe_code)] // Contract: see `mod`.

use super::dealloc::{abandon, let_go};
use super::interpreter::{self, release};
use super::object::{Greenlet, state};
use pyo3::ffi;
use pyo3::ffi::PyObject;
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;

/// `tp_traverse`.
///
/// # Safety
/// Rule 1.
pub(super) unsafe extern "C-unwind" fn traverse(
    slf: *mut PyObject,
    visit: ffi::visitproc,
    arg: *mut c_void,
) -> c_int {
    let greenlet: *mut Greenlet = slf.cast();
    // SAFETY: rules 1 and 3.
    unsafe {
        let mut seen = [(*greenlet).dict, null_mut(), null_mut(), null_mut()];
        if !(*greenlet).state.is_null() {
            let its = state(greenlet);
            let main = if its.is_main { null_mut() } else { its.main };
            seen = [(*greenlet).dict, its.parent.cast(), main.cast(), its.run];
            let result = interpreter::traverse(&raw mut its.saved, visit, arg);
            if result != 0 {
                return result;
            }
            let thread = its.thread();
            if its.is_main && !thread.is_null() {
                let current = if (*thread).current == greenlet { null_mut() } else { (*thread).current };
                for object in [current.cast(), (*thread).trace] {
                    if !object.is_null() {
                        let result = visit(object, arg);
                        if result != 0 {
                            return result;
                        }
                    }
                }
            }
        }
        for object in seen {
            if !object.is_null() {
                let result = visit(object, arg);
                if result != 0 {
                    return result;
                }
            }
        }
        0
    }
}

/// `tp_clear`.
///
/// # Safety
/// Rule 1.
pub(super) unsafe extern "C-unwind" fn clear(slf: *mut PyObject) -> c_int {
    let greenlet: *mut Greenlet = slf.cast();
    // SAFETY: rules 1, 3 and 4.
    unsafe {
        let dict = std::mem::replace(&mut (*greenlet).dict, null_mut());
        if !dict.is_null() {
            release(dict);
        }
        if state(greenlet).is_of_a_dead_thread() {
            abandon(greenlet);
        }
        if state(greenlet).is_main {
            interpreter::clear(&raw mut state(greenlet).saved);
        } else {
            let_go(greenlet);
        }
        0
    }
}

/// `tp_is_gc`: whether it may be garbage at all.
///
/// # Safety
/// Rule 1.
pub(super) unsafe extern "C-unwind" fn is_gc(slf: *mut PyObject) -> c_int {
    // SAFETY: rules 1 and 3.
    unsafe {
        let greenlet: *mut Greenlet = slf.cast();
        if (*greenlet).state.is_null() {
            return 1;
        }
        let its = state(greenlet);
        c_int::from(its.is_main || !its.is_active() || its.is_of_a_dead_thread())
    }
}
