//! What `multiprocessing` offers, on the engine.
//!
//! | file | what it is |
//! |---|---|
//! | `connection` | one end of a pipe |
//! | `lent` | bytes that the system reads and writes without the GIL |
//! | `lifeline` | children that end with the process that started them |
//! | `synchronize/` | what `multiprocessing.synchronize` offers |

mod connection;
mod lent;
mod lifeline;
mod synchronize;

use pyo3::prelude::*;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    connection::register(module)?;
    lifeline::register(module)?;
    synchronize::register(module)
}
