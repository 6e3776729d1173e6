//! `UnswitchableGreenlet`: a type for tests, greenlet's and ours, of what happens when a switch fails.
#![allow(unsafe_code)] // Contract: see `mod`.

use super::class::{Getter, Setter, attribute, class, no_attribute};
use super::object::{ABORTS, FAILS, state};
use super::thread::Attached;
use pyo3::ffi;
use pyo3::ffi::{PyObject, PyTypeObject};
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;

static BROKEN: Attached<MaybeUninit<PyTypeObject>> = Attached::new(MaybeUninit::zeroed());

/// The type, made ready. Null: rule 7.
///
/// # Safety
/// Rule 1; once, after its base.
pub(super) unsafe fn prepare() -> *mut PyTypeObject {
    // SAFETY: rule 1: the table lives for ever.
    unsafe {
        let attributes = Box::leak(Box::new([
            attribute(c"force_switch_error", get::<FAILS> as Getter, Some(set::<FAILS> as Setter)),
            attribute(c"force_slp_switch_error", get::<ABORTS> as Getter, Some(set::<ABORTS> as Setter)),
            no_attribute(),
        ]));
        let broken = &mut *BROKEN.get().as_mut_ptr();
        broken.ob_base = ffi::PyVarObject { ob_base: ffi::PyObject_HEAD_INIT, ob_size: 0 };
        broken.tp_name = c"greenlet._greenlet.UnswitchableGreenlet".as_ptr();
        broken.tp_doc = c"A greenlet for tests, whose switches fail when they are told to.".as_ptr();
        broken.tp_flags = ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_BASETYPE;
        broken.tp_base = class();
        broken.tp_getset = attributes.as_mut_ptr();
        if ffi::PyType_Ready(broken) < 0 {
            return std::ptr::null_mut();
        }
        broken
    }
}

unsafe extern "C-unwind" fn get<const FLAG: u8>(slf: *mut PyObject, _: *mut c_void) -> *mut PyObject {
    // SAFETY: rules 1 and 3.
    unsafe { ffi::PyBool_FromLong((state(slf.cast()).broken & FLAG).into()) }
}

unsafe extern "C-unwind" fn set<const FLAG: u8>(
    slf: *mut PyObject,
    value: *mut PyObject,
    _: *mut c_void,
) -> c_int {
    // SAFETY: rules 1, 3 and 7.
    unsafe {
        let Some(value) = truth(value) else { return -1 };
        let its = state(slf.cast());
        its.broken = its.broken & !FLAG | if value { FLAG } else { 0 };
        0
    }
}

/// What an attribute is set to; `None`: rule 7.
unsafe fn truth(value: *mut PyObject) -> Option<bool> {
    // SAFETY: rules 1 and 7.
    unsafe {
        if value.is_null() {
            ffi::PyErr_SetString(ffi::PyExc_AttributeError, c"Cannot delete it".as_ptr());
            return None;
        }
        let is_true = ffi::PyObject_IsTrue(value);
        (is_true >= 0).then_some(is_true != 0)
    }
}
