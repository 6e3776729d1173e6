//! What `concurrent.futures` offers, on the engine.
//!
//! | file | what it is |
//! |---|---|
//! | `parts` | what the engine's futures carry here: task, outcome, the pool's line |
//! | `frames` | Python functions that run users' code, so that none runs beneath a Rust frame |
//! | `birth` | the quick way to a new future |
//! | `future` | `Future` |
//! | `detour` | what a waiting thread must do itself: raise, help, or wait elsewhere |
//! | `work_queue` | the line of tasks of one `ThreadPoolExecutor` |
//! | `worker` | what a worker thread iterates over |
//! | `gathering` | beneath `wait` and `as_completed` |

mod birth;
mod detour;
mod frames;
mod future;
mod gathering;
mod parts;
mod work_queue;
mod worker;

pub(crate) use future::{PyFuture, Reader, Visit};
pub(crate) use parts::Outcome;

use pyo3::prelude::*;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<future::PyFuture>()?;
    module.add_class::<detour::PyDetour>()?;
    module.add_class::<work_queue::PyWorkQueue>()?;
    module.add_class::<worker::PyWorker>()?;
    module.add_class::<gathering::PyGathering>()
}
