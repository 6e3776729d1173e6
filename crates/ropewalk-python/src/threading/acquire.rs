//! The arguments of `acquire` of the types made by hand.
//!
//! The usual ones are read here. For any others an untouched lock of the interpreter's own is asked: it refuses what it
//! refuses in the words of this Python version, and takes the rest at once, for it is free.

#![allow(unsafe_code)] // Contract: see `raw`.

use pyo3::ffi;
use pyo3::prelude::*;
use ropewalk::Deadline;
use std::ffi::CStr;
use std::time::Duration;

/// The arguments as the interpreter passes them (METH_FASTCALL and METH_KEYWORDS).
#[derive(Clone, Copy)]
pub(crate) struct Arguments {
    args: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
}

/// Seconds that surely fit `threading.TIMEOUT_MAX`; for more the interpreter's own lock is asked.
const SURELY_FITS: f64 = 9_000_000_000.0;

impl Arguments {
    /// # Safety
    /// As the interpreter passes them: `count` values, then one for each of the tuple `names`, which may be null.
    pub(crate) unsafe fn new(
        args: *const *mut ffi::PyObject,
        count: ffi::Py_ssize_t,
        names: *mut ffi::PyObject,
    ) -> Arguments {
        Arguments { args, count, names }
    }

    /// Until when `acquire` waits. `fresh` makes an untouched lock of the interpreter's own.
    ///
    /// # Errors
    /// What the interpreter's own lock says.
    #[inline]
    pub(crate) fn deadline<'py>(
        self,
        py: Python<'py>,
        fresh: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Deadline> {
        let (blocking, timeout) = self.split();
        let found = usize::from(blocking.is_some()) + usize::from(timeout.is_some());
        if found == self.given()
            && let (Some(blocking), Some(timeout)) = (truth(blocking), seconds(timeout))
        {
            if !blocking && timeout == -1.0 {
                return Ok(Deadline::NOW);
            }
            if blocking && timeout == -1.0 {
                return Ok(Deadline::NEVER);
            }
            if blocking && (0.0..=SURELY_FITS).contains(&timeout) {
                return Ok(Deadline::after(Duration::from_secs_f64(timeout)));
            }
        }
        self.ask(py, fresh, blocking, timeout)
    }

    #[cold]
    fn ask<'py>(
        self,
        py: Python<'py>,
        fresh: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
        blocking: Option<*mut ffi::PyObject>,
        timeout: Option<*mut ffi::PyObject>,
    ) -> PyResult<Deadline> {
        let acquire = fresh()?.getattr("acquire")?;
        // SAFETY: rule 1: these are the arguments of a call, handed on as they came; rule 4.
        let answer = unsafe {
            let answer =
                ffi::PyObject_Vectorcall(acquire.as_ptr(), self.args, self.count as usize, self.names);
            Bound::from_owned_ptr_or_err(py, answer)
        };
        answer?;
        // SAFETY: rule 1: `blocking` and `timeout` are arguments of the call.
        unsafe {
            if let Some(blocking) = blocking {
                match ffi::PyObject_IsTrue(blocking) {
                    0 => return Ok(Deadline::NOW),
                    1 => {}
                    _ => return Err(PyErr::fetch(py)),
                }
            }
            let Some(timeout) = timeout else { return Ok(Deadline::NEVER) };
            let seconds = ffi::PyFloat_AsDouble(timeout);
            if seconds == -1.0 && !ffi::PyErr_Occurred().is_null() {
                return Err(PyErr::fetch(py));
            }
            if seconds < 0.0 {
                return Ok(Deadline::NEVER);
            }
            let wait = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
            Ok(Deadline::after(wait))
        }
    }

    fn given(self) -> usize {
        // SAFETY: rule 1: `names` is a tuple or null.
        let named = if self.names.is_null() { 0 } else { unsafe { ffi::PyTuple_GET_SIZE(self.names) } };
        (self.count + named) as usize
    }

    /// The values of `blocking` and `timeout`, by place or by name.
    #[inline]
    fn split(self) -> (Option<*mut ffi::PyObject>, Option<*mut ffi::PyObject>) {
        // SAFETY: rule 1: there are `count` arguments by place.
        let place = |place: isize| (place < self.count).then(|| unsafe { *self.args.offset(place) });
        if self.names.is_null() {
            return (place(0), place(1));
        }
        (place(0).or_else(|| self.named(c"blocking")), place(1).or_else(|| self.named(c"timeout")))
    }

    fn named(self, name: &CStr) -> Option<*mut ffi::PyObject> {
        // SAFETY: rule 1: `names` is a tuple of strings, with a value for each after those by place.
        unsafe {
            (0..ffi::PyTuple_GET_SIZE(self.names)).find_map(|place| {
                let other = ffi::PyTuple_GET_ITEM(self.names, place);
                (ffi::PyUnicode_CompareWithASCIIString(other, name.as_ptr()) == 0)
                    .then(|| *self.args.offset(self.count + place))
            })
        }
    }
}

/// A flag that is a bool or a small int, or is left out; `None` for anything else.
#[inline]
fn truth(flag: Option<*mut ffi::PyObject>) -> Option<bool> {
    let Some(flag) = flag else { return Some(true) };
    // SAFETY: rule 1: an argument of the call.
    unsafe {
        if flag == ffi::Py_True() {
            return Some(true);
        }
        if flag == ffi::Py_False() {
            return Some(false);
        }
        integer(flag).filter(|number| i32::try_from(*number).is_ok()).map(|number| number != 0)
    }
}

/// A timeout that is a float or an int, or is left out (-1); `None` for anything else.
#[inline]
fn seconds(timeout: Option<*mut ffi::PyObject>) -> Option<f64> {
    let Some(timeout) = timeout else { return Some(-1.0) };
    // SAFETY: rule 1: an argument of the call.
    unsafe {
        if ffi::PyFloat_CheckExact(timeout) != 0 {
            return Some(ffi::PyFloat_AS_DOUBLE(timeout));
        }
        integer(timeout).map(|number| number as f64)
    }
}

/// # Safety
/// Rule 1: `object` is an argument of the call.
unsafe fn integer(object: *mut ffi::PyObject) -> Option<i64> {
    let mut overflow = 0;
    // SAFETY: rule 1; an int converts without running any code of the program, and without an error.
    unsafe {
        if ffi::PyLong_CheckExact(object) == 0 {
            return None;
        }
        let number = ffi::PyLong_AsLongLongAndOverflow(object, &mut overflow);
        (overflow == 0).then_some(number)
    }
}
