//! The Python face of the engine: wrap, encode, leave the GIL, map errors. No algorithm lives here.
//!
//! | file | what it is |
//! |---|---|
//! | `doctor` | deadlocks: what the engine asks of the interpreter, what Python asks of the wait graph |
//! | `detach` | the one door out of the GIL |
//! | `error` | engine errors as Python exceptions: one exhaustive match |
//! | `arguments` | timeouts and flags as Python's own functions read them |
//! | `graft` | engine methods as methods of the class that stands in for an original |
//! | `build_class` | the class statement, where our classes meet a program's metaclass |
//! | `once` | what is looked up once, also in a process that forks |
//! | `original` | calls that belong to the original's algorithm |
//! | `weak` | what a weak container holds, looked at in one call |
//! | `codec/` | objects as bytes for another process, and back |
//! | `threading/` | what `threading` offers |
//! | `queue/` | what `queue` offers |
//! | `futures/` | what `concurrent.futures` offers |
//! | `processes/` | crews of worker processes |
//! | `greenlet/` | what `greenlet` offers |
//! | `multiprocessing/` | what `multiprocessing` offers |
#![allow(missing_docs, reason = "names are documented where Python sees them, in the stubs")]

mod arguments;
mod build_class;
mod codec;
mod detach;
mod doctor;
mod error;
mod futures;
mod graft;
mod greenlet;
mod multiprocessing;
mod once;
mod original;
mod processes;
mod queue;
mod threading;
mod weak;

use pyo3::prelude::*;

/// The engine of ropewalk as Python classes. Use the modules of `ropewalk`, not this one.
#[pymodule(gil_used = true)]
fn _ropewalk(module: &Bound<'_, PyModule>) -> PyResult<()> {
    ropewalk_os::fork::watch();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    doctor::register(module)?;
    codec::register(module)?;
    module.add_function(wrap_pyfunction!(graft::graft, module)?)?;
    module.add_function(wrap_pyfunction!(build_class::class_statement, module)?)?;
    threading::register(module)?;
    queue::register(module)?;
    futures::register(module)?;
    processes::register(module)?;
    multiprocessing::register(module)?;
    greenlet::register(module)?;
    weak::register(module)
}
