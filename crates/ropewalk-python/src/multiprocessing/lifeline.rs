//! Children that end with the process that started them: descriptors as numbers, as Python's own functions have them.

use crate::error;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use ropewalk_os::lifeline::{self, End};
use ropewalk_os::watcher;
use std::os::fd::{IntoRawFd, RawFd};
use std::time::Duration;

#[pyfunction]
#[pyo3(signature = ())]
fn lifeline_lease(py: Python<'_>) -> PyResult<RawFd> {
    system(py, lifeline::lease().map(IntoRawFd::into_raw_fd))
}

#[pyfunction]
#[pyo3(signature = (line, /))]
fn lifeline_another(py: Python<'_>, line: RawFd) -> PyResult<RawFd> {
    system(py, lifeline::another(&line).map(IntoRawFd::into_raw_fd))
}

#[pyfunction]
#[pyo3(signature = (line, grace, /))]
fn lifeline_hold(py: Python<'_>, line: RawFd, grace: f64) -> PyResult<()> {
    let end = match Duration::try_from_secs_f64(grace) {
        Ok(Duration::ZERO) => End::AtOnce,
        Ok(grace) => End::After(grace),
        Err(error) => return Err(PyValueError::new_err(format!("a grace of {grace} seconds: {error}"))),
    };
    system(py, lifeline::hold(&line, end))
}

#[pyfunction]
#[pyo3(signature = (line, /))]
fn lifeline_hold_again(py: Python<'_>, line: RawFd) -> PyResult<()> {
    system(py, lifeline::hold_again(&line))
}

#[pyfunction]
#[pyo3(signature = (line, /))]
fn lifeline_let_go(py: Python<'_>, line: RawFd) -> PyResult<()> {
    system(py, lifeline::let_go(&line))
}

#[pyfunction]
#[pyo3(signature = (pid, /))]
fn end_with(py: Python<'_>, pid: u32) -> PyResult<()> {
    system(py, watcher::end_with(pid))
}

fn system<T>(py: Python<'_>, result: std::io::Result<T>) -> PyResult<T> {
    result.map_err(|error| error::system(py, &error))
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(lifeline_lease, module)?)?;
    module.add_function(wrap_pyfunction!(lifeline_another, module)?)?;
    module.add_function(wrap_pyfunction!(lifeline_hold, module)?)?;
    module.add_function(wrap_pyfunction!(lifeline_hold_again, module)?)?;
    module.add_function(wrap_pyfunction!(lifeline_let_go, module)?)?;
    module.add_function(wrap_pyfunction!(end_with, module)?)
}
