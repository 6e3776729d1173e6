//! What goes along with a switch: the arguments of `switch()`, the result of a greenlet that has ended, or an exception.
#![allow(unsafe_code)] // Contract: see `mod`.

use super::interpreter::{self, release};
use pyo3::ffi;
use pyo3::ffi::PyObject;
use std::ptr::null_mut;

/// Owned references. All null: an exception goes along, as the interpreter's own.
///
/// A greenlet that goes on gets one object; one that begins calls something with these as its arguments. So what is not one
/// object is put together late, when it is known who gets it.
#[derive(Clone, Copy)]
pub(super) struct Carry {
    /// The only argument.
    pub(super) value: *mut PyObject,
    /// All arguments, a tuple, where they are not one.
    pub(super) args: *mut PyObject,
    /// Named ones.
    pub(super) kwargs: *mut PyObject,
}

impl Carry {
    /// An exception.
    pub(super) const NOTHING: Carry = Carry { value: null_mut(), args: null_mut(), kwargs: null_mut() };

    /// One object; it takes the reference. Null: an exception.
    #[inline(always)]
    pub(super) fn one(value: *mut PyObject) -> Carry {
        Carry { value, ..Carry::NOTHING }
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.value.is_null() && self.args.is_null() && self.kwargs.is_null()
    }

    /// Arguments as a fast call brings them. `None`: rule 7.
    ///
    /// # Safety
    /// Rule 1: as many as are said, and a tuple of names or null.
    pub(super) unsafe fn arguments(
        args: *const *mut PyObject,
        count: usize,
        names: *mut PyObject,
    ) -> Option<Carry> {
        // SAFETY: rules 1, 3 and 7.
        unsafe {
            let mut carry = Carry::NOTHING;
            if !names.is_null() && ffi::PyTuple_GET_SIZE(names) > 0 {
                carry.kwargs = interpreter::PyDict_New();
                if carry.kwargs.is_null() {
                    return None;
                }
                for place in 0..ffi::PyTuple_GET_SIZE(names) {
                    let value = *args.add(count + place as usize);
                    if interpreter::PyDict_SetItem(carry.kwargs, ffi::PyTuple_GET_ITEM(names, place), value)
                        < 0
                    {
                        release(carry.kwargs);
                        return None;
                    }
                }
            }
            if count == 1 {
                ffi::Py_INCREF(*args);
                carry.value = *args;
            } else {
                carry.args = interpreter::PyTuple_New(count as ffi::Py_ssize_t);
                if carry.args.is_null() {
                    carry.release();
                    return None;
                }
                for place in 0..count {
                    let value = *args.add(place);
                    ffi::Py_INCREF(value);
                    ffi::PyTuple_SET_ITEM(carry.args, place as ffi::Py_ssize_t, value);
                }
            }
            Some(carry)
        }
    }

    /// As the one object that a greenlet gets which goes on: the only argument, the tuple of them, the dict of named ones, or
    /// both in a tuple. Null: rule 7, or an exception went along.
    ///
    /// # Safety
    /// Rule 3: it is used up.
    pub(super) unsafe fn into_one(self) -> *mut PyObject {
        // SAFETY: rules 3 and 7.
        unsafe {
            if self.kwargs.is_null() {
                return if self.value.is_null() { self.args } else { self.value };
            }
            let mut args = self.args;
            if args.is_null() && !self.value.is_null() {
                args = interpreter::PyTuple_New(1);
                if args.is_null() {
                    self.release();
                    return null_mut();
                }
                ffi::PyTuple_SET_ITEM(args, 0, self.value);
            }
            if args.is_null() || ffi::PyTuple_GET_SIZE(args) == 0 {
                ffi::Py_XDECREF(args);
                return self.kwargs;
            }
            let both = interpreter::PyTuple_New(2);
            if both.is_null() {
                release(args);
                release(self.kwargs);
                return null_mut();
            }
            ffi::PyTuple_SET_ITEM(both, 0, args);
            ffi::PyTuple_SET_ITEM(both, 1, self.kwargs);
            both
        }
    }

    /// Lets go of all of it.
    ///
    /// # Safety
    /// Rules 3 and 4.
    pub(super) unsafe fn release(self) {
        for object in [self.value, self.args, self.kwargs] {
            if !object.is_null() {
                // SAFETY: rules 3 and 4.
                unsafe { release(object) };
            }
        }
    }
}
