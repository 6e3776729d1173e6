//! What the kernel says about the memory of this process's container.

use pyo3::prelude::*;
use ropewalk_os::cgroup;

/// How many processes the kernel has killed for want of it, how much may be used, how much is used.
#[pyfunction]
#[pyo3(signature = ())]
fn memory_counts() -> (u64, Option<u64>, Option<u64>) {
    (cgroup::out_of_memory_kills(), cgroup::memory_limit(), cgroup::memory_usage())
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(memory_counts, module)?)
}
