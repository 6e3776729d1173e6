//! What a weak container holds, looked at in one call.
//!
//! A child looks through two of the standard library's as soon as it is forked: the threads whose locks are to be made
//! anew, and what asked to be told of a fork. Each look is a generator, a guard and a weak reference in Python code, and
//! after a fork each object of these is the copy of a page.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyTuple};

/// The living objects in the `data` of a `WeakSet`: weak references.
#[pyfunction]
#[pyo3(signature = (data, /))]
fn living<'py>(data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyIterator>> {
    let py = data.py();
    // A copy, made without Python code: a collection during the look may take references out.
    let references = py.get_type::<PyList>().call1((data,))?.cast_into::<PyList>()?;
    let alive = PyList::empty(py);
    for reference in references {
        let object = reference.call0()?;
        if !object.is_none() {
            alive.append(object)?;
        }
    }
    alive.try_iter()
}

/// The living values in the `data` of a `WeakValueDictionary`, with their keys.
#[pyfunction]
#[pyo3(signature = (data, /))]
fn living_items<'py>(data: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyIterator>> {
    let py = data.py();
    let alive = PyList::empty(py);
    for item in data.items() {
        let (key, reference): (Bound<'py, PyAny>, Bound<'py, PyAny>) = item.extract()?;
        let object = reference.call0()?;
        if !object.is_none() {
            alive.append(PyTuple::new(py, [key, object])?)?;
        }
    }
    alive.try_iter()
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(living, module)?)?;
    module.add_function(wrap_pyfunction!(living_items, module)?)
}
