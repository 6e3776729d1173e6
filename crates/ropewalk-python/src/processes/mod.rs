//! Crews of worker processes: what pools and executors of processes stand on.
//!
//! | file | what it is |
//! |---|---|
//! | `crew` | the end of the process that has the work |
//! | `worker` | the end of a worker process |
//! | `error` | why a queue between processes refuses, as Python exceptions |

mod crew;
mod error;
mod worker;

use pyo3::prelude::*;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<crew::PyCrew>()?;
    module.add_class::<worker::PyCrewWorker>()
}
