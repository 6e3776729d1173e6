//! Timeouts, and the arguments of `acquire(block=True, timeout=None)`.

#![allow(unsafe_code)] // Contract: see `sem_lock`.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use ropewalk::Deadline;
use std::ffi::c_int;
use std::ptr::null_mut;
use std::time::Duration;

/// A timeout in seconds, or `None` for no end. A negative one has ended already.
#[derive(Clone, Copy)]
pub(crate) struct Seconds(Option<f64>);

impl Seconds {
    /// No end.
    pub(crate) const NEVER: Seconds = Seconds(None);

    /// When a wait that starts now ends.
    pub(crate) fn deadline(self) -> Deadline {
        let time = |seconds: f64| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
        self.0.map_or(Deadline::NEVER, |seconds| Deadline::after(time(seconds)))
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Seconds {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if object.is_none() { Ok(Seconds::NEVER) } else { Ok(Seconds(Some(object.extract()?))) }
    }
}

/// Until when to wait.
///
/// # Safety
/// Rule 1: the arguments as the interpreter passes them: `count` values, then one for each of the tuple `names`,
/// which may be null.
///
/// # Errors
/// What the interpreter says about arguments that it can not read.
pub(crate) unsafe fn deadline(
    py: Python<'_>,
    args: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> PyResult<Deadline> {
    // SAFETY: rule 1.
    unsafe {
        if count == 1 && names.is_null() {
            if *args == ffi::Py_False() {
                return Ok(Deadline::NOW);
            }
            if *args == ffi::Py_True() {
                return Ok(Deadline::NEVER);
            }
        }
        let (block, timeout) = parse(py, args, count, names)?;
        let mut deadline = Deadline::NEVER;
        if !timeout.is_null() && timeout != ffi::Py_None() {
            let seconds = ffi::PyFloat_AsDouble(timeout);
            if seconds == -1.0 && !ffi::PyErr_Occurred().is_null() {
                return Err(PyErr::fetch(py));
            }
            deadline = Seconds(Some(seconds)).deadline();
        }
        Ok(if block { deadline } else { Deadline::NOW })
    }
}

/// Both arguments, by place or by name; the timeout may be null.
///
/// # Safety
/// As [`deadline`].
unsafe fn parse(
    py: Python<'_>,
    args: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> PyResult<(bool, *mut ffi::PyObject)> {
    let (mut block, mut timeout): (c_int, _) = (1, null_mut::<ffi::PyObject>());
    // SAFETY: rule 1; what is borrowed lives as long as the call, and the format names what the pointers point to.
    unsafe {
        let value = |place: isize| Borrowed::from_ptr(py, *args.offset(place));
        let by_place = PyTuple::new(py, (0..count).map(value))?;
        let by_name = PyDict::new(py);
        if !names.is_null() {
            for place in 0..ffi::PyTuple_GET_SIZE(names) {
                let name = Borrowed::from_ptr(py, ffi::PyTuple_GET_ITEM(names, place));
                by_name.set_item(name, value(count + place))?;
            }
        }
        let mut words = [c"block".as_ptr().cast_mut(), c"timeout".as_ptr().cast_mut(), null_mut()];
        let read = ffi::PyArg_ParseTupleAndKeywords(
            by_place.as_ptr(),
            by_name.as_ptr(),
            c"|pO:acquire".as_ptr(),
            words.as_mut_ptr().cast(),
            &raw mut block,
            &raw mut timeout,
        );
        if read == 0 {
            return Err(PyErr::fetch(py));
        }
    }
    Ok((block != 0, timeout))
}
