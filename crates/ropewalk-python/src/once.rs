//! What is looked up once, also in a process that forks.
//!
//! `PyOnceLock::get_or_init` takes the GIL anew inside the initialization that others wait for. If another thread
//! forks at that moment, the value is under way for ever in the child, and nobody makes it. So it is made first and
//! stored then, in one step without the interpreter; of two threads that both make it, one is kept. PyO3's `intern!`
//! fills such a cell too; this module's does not give up the GIL.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

/// The value of the cell, made by `make` if there is none yet.
///
/// # Errors
/// Those of `make`; the cell stays empty.
#[inline]
pub(crate) fn once<'a, T>(
    py: Python<'_>,
    cell: &'a PyOnceLock<T>,
    make: impl Fn() -> PyResult<T>,
) -> PyResult<&'a T> {
    loop {
        if let Some(value) = cell.get(py) {
            return Ok(value);
        }
        drop(cell.set(py, make()?));
    }
}

/// An attribute of a module, imported when it is first asked for.
///
/// # Errors
/// Those of the import, and `TypeError` if it is something else than a `T`.
pub(crate) fn imported<'a, T: pyo3::type_object::PyTypeCheck>(
    py: Python<'_>,
    cell: &'a PyOnceLock<Py<T>>,
    module: &str,
    name: &str,
) -> PyResult<&'a Py<T>> {
    once(py, cell, || Ok(py.import(module)?.getattr(name)?.cast_into::<T>()?.unbind()))
}

/// As PyO3's `intern!`: a string of the program's text, made when it is first asked for.
macro_rules! intern {
    ($py:expr, $text:literal) => {{
        static TEXT: pyo3::sync::PyOnceLock<pyo3::Py<pyo3::types::PyString>> = pyo3::sync::PyOnceLock::new();
        $crate::once::interned($py, &TEXT, $text)
    }};
}
pub(crate) use intern;

#[inline]
pub(crate) fn interned<'a, 'py>(
    py: Python<'py>,
    cell: &'a PyOnceLock<Py<PyString>>,
    text: &str,
) -> &'a Bound<'py, PyString> {
    loop {
        if let Some(value) = cell.get(py) {
            return value.bind(py);
        }
        drop(cell.set(py, PyString::intern(py, text).unbind()));
    }
}
