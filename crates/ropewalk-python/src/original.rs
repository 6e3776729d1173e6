//! Objects that run the original's algorithm, and the calls that still reach the engine's methods by name.
//!
//! `python/ropewalk/original.py` tells when an object does. Its class then has the original's methods before ours,
//! so only an explicit `Queue.put(q, item)` comes here; it is sent on to the original. Attributes that are data
//! descriptors here are kept, for such an object, in its `__dict__`.

use crate::once::intern;
use pyo3::BoundObject;
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

/// Whether objects of this class run the original's algorithm from birth.
pub(crate) fn from_birth(class: &Bound<'_, PyType>) -> PyResult<bool> {
    match class.getattr_opt(intern!(class.py(), "__runs_original__"))? {
        Some(flag) => flag.is_truthy(),
        None => Ok(false),
    }
}

/// Calls the original's method of that name.
pub(crate) fn call<'py, A>(
    object: &Bound<'py, PyAny>,
    name: &str,
    arguments: A,
) -> PyResult<Bound<'py, PyAny>>
where
    A: IntoPyObject<'py, Target = PyTuple>,
    PyErr: From<A::Error>,
{
    let py = object.py();
    let method = object.get_type().getattr(intern!(py, "__original__"))?.getattr(name)?;
    let arguments = arguments.into_pyobject(py)?.into_bound();
    let all: Vec<_> = std::iter::once(object.clone()).chain(arguments.iter()).collect();
    method.call1(PyTuple::new(py, all)?)
}

/// An attribute as the original keeps it. Waits for it if another thread is just opening the object up.
pub(crate) fn attribute<'py>(object: &Bound<'py, PyAny>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    let inside = object.getattr(intern!(py, "__dict__"))?.cast_into::<PyDict>()?;
    if !inside.contains(name)? {
        py.import("ropewalk.original")?.call_method1(intern!(py, "await_opening"), (object,))?;
    }
    match inside.get_item(name)? {
        Some(value) => Ok(value),
        None => {
            let class = object.get_type().name()?;
            Err(PyAttributeError::new_err(format!("'{class}' object has no attribute '{name}'")))
        }
    }
}

/// Sets an attribute as the original keeps it.
pub(crate) fn set_attribute(object: &Bound<'_, PyAny>, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    object.getattr(intern!(object.py(), "__dict__"))?.cast_into::<PyDict>()?.set_item(name, value)
}
