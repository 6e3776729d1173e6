//! What `queue` offers, on the engine.
//!
//! | file | class |
//! |---|---|
//! | `fifo` | `Queue`, and `LifoQueue` as a subclass with the other order |
//! | `priority` | `PriorityQueue`, compared in Python frames |

mod fifo;
mod priority;

use pyo3::prelude::*;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<fifo::PyQueue>()?;
    module.add_class::<fifo::PyLifoQueue>()?;
    module.add_class::<priority::PyPriorityQueue>()?;
    module.add_class::<priority::PyTurn>()
}
