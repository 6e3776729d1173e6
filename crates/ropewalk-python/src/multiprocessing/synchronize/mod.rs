//! What `multiprocessing.synchronize` offers.
//!
//! | file | class |
//! |---|---|
//! | `sem_lock` | what `Lock`, `RLock`, `Semaphore` and `BoundedSemaphore` are made of, by hand |
//! | `sem_lock_type` | their type |
//! | `event` | `Event` |
//! | `condition` | `Condition` |
//! | `barrier` | `Barrier` |
//! | `any_lock` | the lock under a condition or around a value |
//! | `arguments` | timeouts, and the arguments of `acquire` |
//! | `memory` | the memory of such objects, on its way to another process |

mod any_lock;
mod arguments;
mod barrier;
mod condition;
mod event;
mod memory;
mod sem_lock;
mod sem_lock_type;

pub(crate) use any_lock::AnyLock;

use pyo3::prelude::*;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<memory::PyMemory>()?;
    module.add_class::<event::PyEvent>()?;
    module.add_class::<condition::PyCondition>()?;
    module.add_class::<barrier::PyBarrier>()?;
    module.add_function(wrap_pyfunction!(sem_lock_type::make_sem_lock, module)?)?;
    module.add_function(wrap_pyfunction!(sem_lock::begin_sem_lock, module)?)?;
    module.add_function(wrap_pyfunction!(sem_lock::open_sem_lock, module)?)?;
    module.add_function(wrap_pyfunction!(sem_lock::place_of_sem_lock, module)?)?;
    module.add_function(wrap_pyfunction!(sem_lock::forget_locks, module)?)
}
