//! What somebody is told who asks for all greenlets of this process: `ropewalk.doctor`.
//!
//! It is asked for from Python code, and runs none itself (rule 2): the greenlets go there too, so that whoever lets go of the
//! last reference to one, and thereby ends it, is Python.
#![allow(unsafe_code)] // Contract: see `mod`.

use super::interpreter;
use super::object::{Greenlet, Stage, State, state};
use super::roll;
use crate::doctor;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

/// Those that have begun and not ended: each with its parent, the number of its thread, whether that is the first, whether it is the one that the thread
/// began with, whether it runs, and its frames as scenes have them.
#[pyfunction]
#[pyo3(signature = ())]
pub(super) fn greenlets(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let found = PyList::new(py, alive(py))?;
    for place in 0..found.len() {
        found.set_item(place, told(&found.get_item(place)?)?)?;
    }
    Ok(found)
}

/// A reference to each. Nothing is allocated by the interpreter meanwhile.
fn alive(py: Python<'_>) -> Vec<Bound<'_, PyAny>> {
    let forked = interpreter::forked();
    // SAFETY: rules 1, 3 and 4: no Python code runs here. One that nobody refers to any more is in the midst of its dealloc.
    unsafe {
        roll::all()
            .filter(|state| {
                let thread = (**state).thread();
                (**state).is_active() && !thread.is_null() && (*thread).is_of(forked)
            })
            .map(|state| (*state).greenlet.cast::<ffi::PyObject>())
            .filter(|object| ffi::Py_REFCNT(*object) > 0)
            .map(|object| Bound::from_borrowed_ptr(py, object))
            .collect()
    }
}

fn told<'py>(greenlet: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = greenlet.py();
    let object: *mut Greenlet = greenlet.as_ptr().cast();
    // SAFETY: rules 1, 3, 4 and 7: it is held; what is read is read before anything is called.
    let (parent, ident, is_first, is_main, runs, frame) = unsafe {
        let its: &mut State = state(object);
        let (is_main, runs) = (its.is_main, its.stage == Stage::Running);
        let thread = its.thread();
        let forked = interpreter::forked();
        let (ident, is_first) =
            if thread.is_null() { (0, false) } else { ((*thread).ident, (*thread).is_first_of(forked)) };
        let parent = Bound::from_borrowed_ptr_or_opt(py, its.parent.cast());
        let frame = match its.stage {
            Stage::Suspended => interpreter::frame(&raw mut its.saved),
            _ => std::ptr::null_mut(),
        };
        (parent, ident, is_first, is_main, runs, Bound::from_owned_ptr_or_opt(py, frame))
    };
    // Without memory for a frame object it has no frames.
    let _ = PyErr::take(py);
    let frames = frame.map_or_else(|| Ok(PyList::empty(py)), doctor::stack)?;
    (greenlet, parent, ident, is_first, is_main, runs, frames).into_pyobject(py)
}
