//! What `threading` offers, on the engine.
//!
//! | file | class |
//! |---|---|
//! | `lock` | `Lock`, made by hand |
//! | `reentrant` | `RLock`, made by hand |
//! | `condition` | `Condition` over either of them |
//! | `event` | `Event` |
//! | `barrier` | `Barrier` |
//! | `semaphore` | `Semaphore`, `BoundedSemaphore` |
//! | `ordered` | leave to take many locks at once |
//! | `raw` | how a type is made by hand, in the image of the interpreter's own |
//! | `factory` | what makes them, where that is a function |
//! | `with_method` | `__enter__` and `__exit__` that cost no allocation |
//! | `acquire` | the arguments of their `acquire` |

mod acquire;
mod barrier;
mod condition;
mod event;
mod factory;
mod lock;
mod ordered;
pub(crate) mod raw;
mod reentrant;
mod semaphore;
mod with_method;

use pyo3::prelude::*;
use pyo3::types::PyType;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(make_locks, module)?)?;
    module.add_class::<ordered::PyAdmission>()?;
    module.add_class::<condition::PyCondition>()?;
    module.add_class::<event::PyEvent>()?;
    module.add_class::<barrier::PyBarrier>()?;
    module.add_class::<semaphore::PySemaphore>()?;
    module.add_class::<semaphore::PyBoundedSemaphore>()
}

/// What stands in for `threading.Lock` and `threading.RLock`, which are given; their types get `metaclass`.
#[pyfunction]
fn make_locks<'py>(
    metaclass: &Bound<'py, PyType>,
    lock: &Bound<'py, PyAny>,
    rlock: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let py = lock.py();
    for class in [lock::class(py)?, reentrant::class(py)?] {
        raw::set_metaclass(class, metaclass)?;
    }
    Ok((lock::factory(lock)?, reentrant::factory(rlock)?))
}
