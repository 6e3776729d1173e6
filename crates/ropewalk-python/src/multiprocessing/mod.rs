//! What `multiprocessing` offers, on the engine.
//!
//! | file | what it is |
//! |---|---|
//! | `lifeline` | children that end with the process that started them |

mod lifeline;

use pyo3::prelude::*;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    lifeline::register(module)
}
