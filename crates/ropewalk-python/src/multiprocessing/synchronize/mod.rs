//! What `multiprocessing.synchronize` offers.
//!
//! | file | class |
//! |---|---|
//! | `sem_lock` | what `Lock`, `RLock`, `Semaphore` and `BoundedSemaphore` are made of, by hand |
//! | `sem_lock_type` | their type |
//! | `arguments` | the arguments of its `acquire` |
//! | `memory` | the memory of such objects, on its way to another process |

mod arguments;
mod memory;
mod sem_lock;
mod sem_lock_type;

use pyo3::prelude::*;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<memory::PyMemory>()?;
    module.add_function(wrap_pyfunction!(sem_lock_type::make_sem_lock, module)?)?;
    module.add_function(wrap_pyfunction!(sem_lock::begin_sem_lock, module)?)?;
    module.add_function(wrap_pyfunction!(sem_lock::open_sem_lock, module)?)?;
    module.add_function(wrap_pyfunction!(sem_lock::place_of_sem_lock, module)?)?;
    module.add_function(wrap_pyfunction!(sem_lock::forget_locks, module)?)
}
