//! What a function is called, in reports.

use crate::once::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyFunction, PyType};

/// How deep partial functions are looked into.
const DEPTH: usize = 4;

/// The module and the name in it; of what has none, its type. Nothing of the program's is run to find it.
pub(super) fn called(function: &Bound<'_, PyAny>) -> String {
    name(function, DEPTH).unwrap_or_default()
}

fn name(function: &Bound<'_, PyAny>, depth: usize) -> PyResult<String> {
    let py = function.py();
    let has_name = function.cast_exact::<PyFunction>().is_ok()
        || function.cast_exact::<PyCFunction>().is_ok()
        || function.cast_exact::<PyType>().is_ok();
    if has_name {
        let name: String = function.getattr(intern!(py, "__qualname__"))?.extract()?;
        let module: Option<String> = function.getattr(intern!(py, "__module__"))?.extract()?;
        return Ok(match module.as_deref() {
            None | Some("builtins") => name,
            Some(module) => format!("{module}.{name}"),
        });
    }
    let of = function.get_type().fully_qualified_name()?.to_string();
    match of.as_str() {
        "functools.partial" if depth > 0 => {
            Ok(format!("partial({})", name(&function.getattr(intern!(py, "func"))?, depth - 1)?))
        }
        "method" if depth > 0 => name(&function.getattr(intern!(py, "__func__"))?, depth - 1),
        _ => Ok(of),
    }
}
