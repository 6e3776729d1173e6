//! What `multiprocessing` offers, on the engine.
//!
//! | file | what it is |
//! |---|---|
//! | `channel` | objects through a queue between processes: encode, push; pop, decode |
//! | `descriptor` | a descriptor that Python code hands over |
//! | `queue` | `Queue` and `JoinableQueue` |
//! | `simple_queue` | `SimpleQueue` |
//! | `lifeline` | children that end with the process that started them |
//! | `synchronize/` | what `multiprocessing.synchronize` offers |

mod channel;
mod descriptor;
mod lifeline;
mod queue;
mod simple_queue;
mod synchronize;

use pyo3::prelude::*;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<queue::PyProcessQueue>()?;
    module.add_class::<queue::PyJoinableProcessQueue>()?;
    module.add_class::<simple_queue::PySimpleProcessQueue>()?;
    lifeline::register(module)?;
    synchronize::register(module)
}
