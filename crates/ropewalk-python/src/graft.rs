//! Methods of an engine class, given once more to the Python class that stands in for an original.
//!
//! An object of `class Event(_ropewalk.Event, ...)` finds `is_set` in the base, and each call checks first that the
//! object is of a subclass. A descriptor of the same function that belongs to the class itself spares that: a third
//! of the time of a short call. It also has the original's docstring, which this class promises to have.
//!
//! # Contract of the unsafe code
//!
//! 1. A method descriptor is looked at only after its type has been checked; its table entry lives as long as the
//!    process, for it belongs to a class of this module.
//! 2. The new table entry is leaked on purpose: descriptors point into it for ever.
//! 3. The function checks its `self` again, so it may serve any class that inherits from its own.
#![allow(unsafe_code)]

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};
use std::ffi::CString;

/// Gives `class` the methods of its engine bases that `original` has too, with the original's docstrings.
///
/// What `class` defines itself stays.
///
/// # Errors
/// What the interpreter says about an attribute that cannot be set.
#[pyfunction]
#[pyo3(signature = (class, original, /))]
pub(crate) fn graft(class: &Bound<'_, PyType>, original: &Bound<'_, PyType>) -> PyResult<()> {
    let py = class.py();
    let own = class.getattr("__dict__")?;
    for base in class.mro().iter().skip(1) {
        if base.getattr("__module__")?.extract::<String>()? != "ropewalk._ropewalk" {
            continue;
        }
        let methods = py.get_type::<PyDict>().call1((base.getattr("__dict__")?,))?.cast_into::<PyDict>()?;
        for (name, method) in methods {
            let name: String = name.extract()?;
            // SAFETY: rule 1, this is the check; both are objects, and the type is immortal.
            let is_method = unsafe { ffi::Py_TYPE(method.as_ptr()) == &raw mut ffi::PyMethodDescr_Type };
            if is_method
                && !own.contains(&name)?
                && let Some(theirs) = original.getattr_opt(&*name)?
            {
                class.setattr(&*name, again(class, &name, &method, &theirs)?)?;
            }
        }
    }
    Ok(())
}

/// The same function as a method of `class`, with the docstring of `theirs`.
fn again<'py>(
    class: &Bound<'py, PyType>,
    name: &str,
    method: &Bound<'py, PyAny>,
    theirs: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let doc: Option<String> = theirs.getattr("__doc__")?.extract()?;
    let signature: Option<String> = method.getattr("__text_signature__")?.extract()?;
    let text = match signature {
        Some(signature) => format!("{name}{signature}\n--\n\n{}", doc.unwrap_or_default()),
        None => doc.unwrap_or_default(),
    };
    // SAFETY: rules 1 to 3.
    unsafe {
        let mut entry = *(*method.as_ptr().cast::<ffi::PyMethodDescrObject>()).d_method;
        entry.ml_doc = CString::new(text)?.into_raw().cast_const();
        let entry = Box::leak(Box::new(entry));
        let made = ffi::PyDescr_NewMethod(class.as_type_ptr(), entry);
        Bound::from_owned_ptr_or_err(class.py(), made)
    }
}
