//! Children that end with the process that started them: descriptors as numbers, as Python's own functions have them.
//!
//! What is done around each fork is done here, in few calls: after a fork each object of the interpreter that either process
//! looks at costs a copy of its page, more than the call itself.

use super::descriptor::owned;
use crate::error;
use crate::once::{intern, once};
use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{PyTraverseError, PyVisit};
use ropewalk_os::lifeline::{self, End};
use ropewalk_os::{children, watcher};
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
    system(py, lifeline::hold(&line, end(grace)?))
}

fn end(grace: f64) -> PyResult<End> {
    match Duration::try_from_secs_f64(grace) {
        Ok(Duration::ZERO) => Ok(End::AtOnce),
        Ok(grace) => Ok(End::After(grace)),
        Err(error) => Err(PyValueError::new_err(format!("a grace of {grace} seconds: {error}"))),
    }
}

#[pyfunction]
#[pyo3(signature = ())]
fn lifeline_held() -> Option<RawFd> {
    lifeline::held()
}

#[pyfunction]
#[pyo3(signature = ())]
fn lifeline_leave() {
    children::leave();
}

#[pyfunction]
#[pyo3(signature = ())]
fn lifeline_stay() {
    children::stay();
}

#[pyfunction]
#[pyo3(signature = (sentinel, seconds, /))]
fn ends_within(py: Python<'_>, sentinel: RawFd, seconds: f64) -> bool {
    let time = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    py.detach(|| children::ends_within(sentinel, time))
}

/// Whether children that are not daemonic are to run on without their parent.
fn orphans_are_kept() -> bool {
    std::env::var_os("ROPEWALK_ORPHANS").is_some_and(|it| it == "keep")
}

/// A line for a child, unless it needs none. Without `/proc` it has none: as on the standard library.
#[pyfunction]
#[pyo3(signature = (daemon, /))]
fn lifeline_for(daemon: bool) -> Option<RawFd> {
    if !daemon && orphans_are_kept() { None } else { lifeline::lease().ok().map(IntoRawFd::into_raw_fd) }
}

/// `run` of a process object in a forked child. Ctrl-C reaches every process of the program: the traceback of the first one
/// will do.
#[pyclass(frozen, module = "ropewalk._ropewalk")]
struct Quiet {
    run: Py<PyAny>,
    /// What stood in the object itself.
    before: Option<Py<PyAny>>,
}

#[pymethods]
impl Quiet {
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.run.bind(py).call(args, kwargs).map_err(|error| {
            if !error.is_instance_of::<PyKeyboardInterrupt>(py) {
                return error;
            }
            PySystemExit::new_err(1) // the original's exit code
        })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.run)?;
        visit.call(&self.before)
    }
}

/// Before the process is forked: whether it is daemonic, and its line, to be given to [`lifeline_forked`] in any case.
#[pyfunction]
#[pyo3(signature = (process, grace, /))]
fn lifeline_fork(process: &Bound<'_, PyAny>, grace: f64) -> PyResult<(bool, Option<RawFd>)> {
    let py = process.py();
    let daemon: bool = process.getattr(intern!(py, "daemon"))?.is_truthy()?;
    let line = lifeline_for(daemon);
    if let Some(line) = line {
        children::next_holds(Some((line, if daemon { End::AtOnce } else { end(grace)? })));
        let name = intern!(py, "run");
        let run = process.getattr(name)?.unbind();
        let before = inside(process)?.get_item(name)?.map(Bound::unbind);
        process.setattr(name, Quiet { run, before })?;
    }
    Ok((daemon, line))
}

fn inside<'py>(process: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    Ok(process.getattr(intern!(process.py(), "__dict__"))?.cast_into()?)
}

/// In the parent, after the fork or after it has failed.
#[pyfunction]
#[pyo3(signature = (popen, process, line, /))]
fn lifeline_forked(
    popen: &Bound<'_, PyAny>,
    process: &Bound<'_, PyAny>,
    line: (bool, Option<RawFd>),
) -> PyResult<()> {
    let py = popen.py();
    children::next_holds(None);
    let inside = inside(process)?;
    let name = intern!(py, "run");
    if let Some(quiet) = inside.get_item(name)?
        && let Ok(quiet) = quiet.cast::<Quiet>()
    {
        match &quiet.get().before {
            Some(before) => inside.set_item(name, before)?,
            None => inside.del_item(name)?,
        }
    }
    lifeline_begun(popen, line.0, line.1)
}

/// A child has been started, or not: what is kept for it, until the finalizer of its `popen`.
#[pyfunction]
#[pyo3(signature = (popen, daemon, line, /))]
fn lifeline_begun(popen: &Bound<'_, PyAny>, daemon: bool, mut line: Option<RawFd>) -> PyResult<()> {
    let py = popen.py();
    let finalizer = popen.getattr_opt(intern!(py, "finalizer"))?.filter(|it| !it.is_none());
    let Some(finalizer) = finalizer else {
        return close(line);
    };
    // The child of a daemonic one has its own: it ends with us in any case.
    if daemon && let Some(line) = line.take() {
        close([line])?;
    }
    let ends: Vec<RawFd> = finalizer.getattr(intern!(py, "_args"))?.extract()?;
    let sentinel: RawFd = popen.getattr(intern!(py, "sentinel"))?.extract()?;
    if let Some(&writing) = ends.iter().find(|&&end| end != sentinel) {
        children::begun(writing, line);
    }
    let close =
        once(py, &CLOSE, || Ok(py.import("ropewalk._ropewalk")?.getattr("lifeline_close")?.unbind()))?;
    finalizer.setattr(intern!(py, "_callback"), close)?;
    finalizer.setattr(intern!(py, "_args"), (ends, sentinel, line))
}

/// What the finalizer does.
#[pyfunction]
#[pyo3(signature = (ends, sentinel, line, /))]
fn lifeline_close(ends: Vec<RawFd>, sentinel: RawFd, line: Option<RawFd>) -> PyResult<()> {
    if let Some(&writing) = ends.iter().find(|&&end| end != sentinel) {
        children::ended(writing, line);
    }
    close(ends.into_iter().chain(line))
}

/// `lifeline_close`, as Python has it.
static CLOSE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

fn close(descriptors: impl IntoIterator<Item = RawFd>) -> PyResult<()> {
    descriptors.into_iter().try_for_each(|it| owned(it).map(drop))
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
    module.add_function(wrap_pyfunction!(ends_within, module)?)?;
    module.add_function(wrap_pyfunction!(lifeline_held, module)?)?;
    module.add_function(wrap_pyfunction!(lifeline_for, module)?)?;
    module.add_function(wrap_pyfunction!(lifeline_fork, module)?)?;
    module.add_function(wrap_pyfunction!(lifeline_forked, module)?)?;
    module.add_function(wrap_pyfunction!(lifeline_begun, module)?)?;
    module.add_function(wrap_pyfunction!(lifeline_close, module)?)?;
    module.add_function(wrap_pyfunction!(lifeline_leave, module)?)?;
    module.add_function(wrap_pyfunction!(lifeline_stay, module)?)?;
    module.add_function(wrap_pyfunction!(end_with, module)?)
}
