//! What `multiprocessing` offers, on the engine.
//!
//! | file | what it is |
//! |---|---|
//! | `channel` | objects through a queue between processes: encode, push; pop, decode |
//! | `connection` | one end of a pipe |
//! | `descriptor` | a descriptor that Python code hands over |
//! | `lent` | bytes that the system reads and writes without the GIL |
//! | `lifeline` | children that end with the process that started them |
//! | `processors` | how many processors this process may use |
//! | `queue` | `Queue` and `JoinableQueue` |
//! | `segment` | what lies in memory that another process has open |
//! | `simple_queue` | `SimpleQueue` |
//! | `sharedctypes/` | what `multiprocessing.sharedctypes` offers |
//! | `synchronize/` | what `multiprocessing.synchronize` offers |

mod channel;
mod connection;
mod descriptor;
mod lent;
mod lifeline;
mod processors;
mod queue;
mod segment;
mod sharedctypes;
mod simple_queue;
mod synchronize;

use pyo3::prelude::*;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    connection::register(module)?;
    module.add_class::<queue::PyProcessQueue>()?;
    module.add_class::<queue::PyJoinableProcessQueue>()?;
    module.add_class::<simple_queue::PySimpleProcessQueue>()?;
    lifeline::register(module)?;
    synchronize::register(module)?;
    processors::register(module)?;
    sharedctypes::register(module)?;
    segment::register(module)
}
