//! Crews of worker processes: what pools and executors of processes stand on.
//!
//! | file | what it is |
//! |---|---|
//! | `crew` | the end of the process that has the work |
//! | `reader` | what a future can ask of its crew |
//! | `worker` | the end of a worker process |
//! | `call` | a call on its way to a worker |
//! | `called` | what a function is called |
//! | `stack` | where a worker's Python code is, for who looks at it |
//! | `record` | what a worker has written down about itself |
//! | `memory` | what the kernel says about this container's memory |
//! | `parcel` | an object that has come and has not been made yet |
//! | `harvest` | the results of one `map`, each put in its place |
//! | `error` | why a queue between processes refuses, as Python exceptions |

mod call;
mod called;
mod crew;
mod error;
mod harvest;
mod memory;
mod parcel;
mod reader;
pub(crate) mod record;
mod stack;
mod worker;

use pyo3::prelude::*;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    memory::register(module)?;
    module.add_class::<crew::PyCrew>()?;
    module.add_class::<harvest::PyHarvest>()?;
    module.add_class::<parcel::PyParcel>()?;
    module.add_class::<worker::PyCrewWorker>()?;
    module.add_class::<worker::PySeat>()?;
    module.add_function(wrap_pyfunction!(worker::unshared_memory, module)?)?;
    module.add_function(wrap_pyfunction!(worker::stop_signal, module)?)
}
