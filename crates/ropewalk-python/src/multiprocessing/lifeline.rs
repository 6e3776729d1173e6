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

/// How long a process that is joined may take to end without the doctor's being told of the wait.
const SOON: Duration = Duration::from_millis(20);

#[pyfunction]
#[pyo3(signature = (popen, /))]
fn ends_soon(popen: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = popen.py();
    if !popen.getattr(intern!(py, "returncode"))?.is_none() {
        return Ok(true);
    }
    let sentinel: RawFd = popen.getattr(intern!(py, "sentinel"))?.extract()?;
    Ok(py.detach(|| children::ends_within(sentinel, SOON)))
}

/// A function by which a process leaves on purpose: its children that are not daemonic live on.
#[pyclass(frozen, dict, module = "ropewalk._ropewalk")]
struct Leaving(Py<PyAny>);

#[pymethods]
impl Leaving {
    #[new]
    #[pyo3(signature = (function, /))]
    fn new(function: Py<PyAny>) -> Leaving {
        Leaving(function)
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        children::leave();
        let failed = self.0.bind(py).call(args, kwargs);
        children::stay(); // it did not leave
        failed
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.0)
    }
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

/// Before the process is forked by this thread: its line, to be given to [`lifeline_forked`] in any case.
#[pyfunction]
#[pyo3(signature = (process, grace, /))]
fn lifeline_fork(process: &Bound<'_, PyAny>, grace: f64) -> PyResult<Option<RawFd>> {
    let daemon = is_daemonic(process)?;
    let end = if daemon { End::AtOnce } else { end(grace)? };
    let Some(line) = lifeline_for(daemon) else { return Ok(None) };
    if let Err(error) = hush(process) {
        close([line])?;
        return Err(error);
    }
    children::next_holds(Some((line, end)));
    Ok(Some(line))
}

/// `process.daemon`. The original's property is Python code, which a fork makes dear: what it reads is read here.
fn is_daemonic(process: &Bound<'_, PyAny>) -> PyResult<bool> {
    static PROPERTY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = process.py();
    let name = intern!(py, "daemon");
    let property = once(py, &PROPERTY, || {
        Ok(py.import("multiprocessing.process")?.getattr("BaseProcess")?.getattr("daemon")?.unbind())
    })?;
    if process.get_type().getattr(name)?.is(property)
        && let Ok(config) = process.getattr(intern!(py, "_config"))?.cast::<PyDict>()
    {
        return config.get_item(name)?.map_or(Ok(false), |it| it.is_truthy());
    }
    process.getattr(name)?.is_truthy()
}

/// Puts a [`Quiet`] in the place of `run`.
fn hush(process: &Bound<'_, PyAny>) -> PyResult<()> {
    let name = intern!(process.py(), "run");
    let run = process.getattr(name)?;
    // To ask for `__dict__` would make one, which most objects do without.
    let before = match is_own_method(process, &run)? {
        true => None,
        false => inside(process)?.get_item(name)?.map(Bound::unbind),
    };
    process.setattr(name, Quiet { run: run.unbind(), before })
}

/// Whether `run` is the method that the class gives its objects.
fn is_own_method(process: &Bound<'_, PyAny>, run: &Bound<'_, PyAny>) -> PyResult<bool> {
    static METHOD: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = process.py();
    let method = once(py, &METHOD, || Ok(py.import("types")?.getattr("MethodType")?.unbind()))?;
    Ok(run.get_type().is(method)
        && run.getattr(intern!(py, "__self__"))?.is(process)
        && run.getattr(intern!(py, "__func__"))?.is(process.get_type().getattr(intern!(py, "run"))?))
}

/// Takes [`hush`] back.
fn unhush(process: &Bound<'_, PyAny>) -> PyResult<()> {
    let name = intern!(process.py(), "run");
    let run = process.getattr(name)?;
    let Ok(quiet) = run.cast::<Quiet>() else { return Ok(()) };
    match &quiet.get().before {
        Some(before) => inside(process)?.set_item(name, before),
        // A class may forbid it.
        None => process.delattr(name).or_else(|_| inside(process)?.del_item(name)),
    }
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
    line: Option<RawFd>,
) -> PyResult<()> {
    let next = children::next_holds(None);
    if line.is_some() {
        unhush(process)?;
    }
    lifeline_begun(popen, matches!(next, Some((_, End::AtOnce))), line)
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
    let sentinel: RawFd = popen.getattr(intern!(py, "sentinel"))?.extract()?;
    for end in finalizer.getattr(intern!(py, "_args"))?.try_iter()? {
        let end: RawFd = end?.extract()?;
        if end != sentinel {
            children::begun(end, line.take());
        }
    }
    close(line)?;
    let close =
        once(py, &CLOSE, || Ok(py.import("ropewalk._ropewalk")?.getattr("lifeline_close")?.unbind()))?;
    finalizer.setattr(intern!(py, "_callback"), close)
}

/// What the finalizer does, in the place of the original's `close_fds`.
#[pyfunction]
#[pyo3(signature = (*ends))]
fn lifeline_close(ends: &Bound<'_, PyTuple>) -> PyResult<()> {
    for end in ends {
        let end: RawFd = end.extract()?;
        close(children::ended(end).into_iter().chain([end]))?;
    }
    Ok(())
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
    module.add_function(wrap_pyfunction!(ends_soon, module)?)?;
    module.add_function(wrap_pyfunction!(lifeline_held, module)?)?;
    module.add_function(wrap_pyfunction!(lifeline_for, module)?)?;
    module.add_function(wrap_pyfunction!(lifeline_fork, module)?)?;
    module.add_function(wrap_pyfunction!(lifeline_forked, module)?)?;
    module.add_function(wrap_pyfunction!(lifeline_begun, module)?)?;
    module.add_function(wrap_pyfunction!(lifeline_close, module)?)?;
    module.add_class::<Leaving>()?;
    module.add_function(wrap_pyfunction!(end_with, module)?)
}
