//! Children that end with the process that started them: descriptors as numbers, as Python's own functions have them.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use ropewalk_os::lifeline::{self, End};
use ropewalk_os::watcher;
use std::os::fd::{IntoRawFd, RawFd};
use std::time::Duration;

#[pyfunction]
#[pyo3(signature = ())]
fn lifeline_lease() -> PyResult<RawFd> {
    Ok(lifeline::lease()?.into_raw_fd())
}

#[pyfunction]
#[pyo3(signature = (line, /))]
fn lifeline_another(line: RawFd) -> PyResult<RawFd> {
    Ok(lifeline::another(&line)?.into_raw_fd())
}

#[pyfunction]
#[pyo3(signature = (line, grace, /))]
fn lifeline_hold(line: RawFd, grace: f64) -> PyResult<()> {
    let end = match Duration::try_from_secs_f64(grace) {
        Ok(Duration::ZERO) => End::AtOnce,
        Ok(grace) => End::After(grace),
        Err(error) => return Err(PyValueError::new_err(format!("a grace of {grace} seconds: {error}"))),
    };
    Ok(lifeline::hold(&line, end)?)
}

#[pyfunction]
#[pyo3(signature = (line, /))]
fn lifeline_hold_again(line: RawFd) -> PyResult<()> {
    Ok(lifeline::hold_again(&line)?)
}

#[pyfunction]
#[pyo3(signature = (line, /))]
fn lifeline_let_go(line: RawFd) -> PyResult<()> {
    Ok(lifeline::let_go(&line)?)
}

#[pyfunction]
#[pyo3(signature = (pid, /))]
fn end_with(pid: u32) -> PyResult<()> {
    Ok(watcher::end_with(pid)?)
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(lifeline_lease, module)?)?;
    module.add_function(wrap_pyfunction!(lifeline_another, module)?)?;
    module.add_function(wrap_pyfunction!(lifeline_hold, module)?)?;
    module.add_function(wrap_pyfunction!(lifeline_hold_again, module)?)?;
    module.add_function(wrap_pyfunction!(lifeline_let_go, module)?)?;
    module.add_function(wrap_pyfunction!(end_with, module)?)
}
