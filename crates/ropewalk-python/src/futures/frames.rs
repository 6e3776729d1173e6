//! Python functions that run users' code.
//!
//! An interpreter up to 3.13 may end a thread wherever it takes the GIL, unwinding its stack; a Rust frame there
//! would abort the process. So what runs users' code is Python, and the engine only hands out what is to be run.

use crate::once::imported;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

const HOME: &str = "ropewalk.concurrent.futures.frames";

macro_rules! frame {
    ($(#[$doc:meta] $name:ident)*) => {$(
        #[$doc]
        pub(crate) fn $name(py: Python<'_>) -> PyResult<Py<PyAny>> {
            static FRAME: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
            imported(py, &FRAME, HOME, stringify!($name)).map(|frame| frame.clone_ref(py))
        }
    )*};
}

frame! {
    /// `call_back(future, callbacks)`
    call_back
    /// `run_item(item)`: what a program has put in line itself.
    run_item
    /// `start(future)`: for a future that a worker could not start; logs and raises as the original.
    start
    /// `finish(future, value)`: for a future that does not take its result here.
    finish
    /// `fail(future, exception)`: the same for an exception.
    fail
}
