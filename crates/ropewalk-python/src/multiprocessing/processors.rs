//! How many processors this process may use.

use pyo3::prelude::*;
use ropewalk_os::cgroup;

#[pyfunction]
#[pyo3(signature = ())]
fn cpu_limit() -> Option<f64> {
    cgroup::cpu_limit()
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(cpu_limit, module)?)
}
