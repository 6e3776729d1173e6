//! What `multiprocessing.sharedctypes` offers: numbers in shared memory, with a lock around each access.
//!
//! | file | what it is |
//! |---|---|
//! | `number` | a number of one of C's types, in memory that other processes write |
//! | `value` | `Synchronized`: one of them |
//! | `array` | `SynchronizedArray`: many |
//!
//! The memory is that of a ctypes object, which Python code may use as well. Here it is read and written without it.

mod array;
mod number;
mod value;

use pyo3::prelude::*;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<value::PyValue>()?;
    module.add_class::<array::PyArray>()
}
