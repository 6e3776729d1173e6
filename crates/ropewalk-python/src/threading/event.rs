//! `threading.Event`.

use crate::arguments::{Timeout, remaining};
use crate::detach::Attached;
use crate::{error, original};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyTuple};
use ropewalk::Halted;
use ropewalk::sync::Event;
use std::sync::atomic::{AtomicBool, Ordering};

#[pyclass(name = "Event", module = "ropewalk._ropewalk", subclass, frozen)]
pub(crate) struct PyEvent {
    event: Event,
    /// This object runs the original's algorithm.
    retired: AtomicBool,
}

impl PyEvent {
    fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }
}

#[pymethods]
impl PyEvent {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyEvent {
        PyEvent { event: Event::new(), retired: AtomicBool::new(false) }
    }

    fn __init__(&self) {}

    /// Whether the flag is set.
    fn is_set(slf: &Bound<'_, Self>) -> PyResult<bool> {
        let this = slf.get();
        if this.is_retired() {
            original::call(slf, "is_set", ())?.is_truthy()
        } else {
            Ok(this.event.is_set())
        }
    }

    /// Sets the flag; every thread that waits for it goes on.
    fn set(slf: &Bound<'_, Self>) -> PyResult<()> {
        if slf.get().is_retired() {
            return original::call(slf, "set", ()).map(drop);
        }
        slf.get().event.set();
        Ok(())
    }

    /// Clears the flag.
    fn clear(slf: &Bound<'_, Self>) -> PyResult<()> {
        if slf.get().is_retired() {
            return original::call(slf, "clear", ()).map(drop);
        }
        slf.get().event.clear();
        Ok(())
    }

    /// Waits until the flag is set, at most `timeout` seconds; says whether it is set.
    #[pyo3(signature = (timeout = Timeout::NEVER), text_signature = "($self, timeout=None)")]
    fn wait<'py>(slf: &Bound<'py, Self>, timeout: Timeout) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        if this.event.is_set() {
            return Ok(PyBool::new(py, true).to_owned().into_any());
        }
        let deadline = timeout.deadline()?;
        let result = if this.is_retired() {
            Err(Halted::Retired)
        } else {
            this.event.wait(&mut Attached(py), deadline)
        };
        match result {
            Ok(set) => Ok(PyBool::new(py, set).to_owned().into_any()),
            Err(Halted::Retired) => original::call(slf, "wait", (remaining(deadline),)),
            Err(reason) => Err(error::halted(py, reason)),
        }
    }

    #[getter]
    fn _flag<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if slf.get().is_retired() {
            return original::attribute(slf, "_flag");
        }
        Ok(PyBool::new(slf.py(), slf.get().event.is_set()).to_owned().into_any())
    }

    #[setter(_flag)]
    fn set_flag(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if slf.get().is_retired() {
            return original::set_attribute(slf, "_flag", value);
        }
        if value.is_truthy()? {
            slf.get().event.set()
        } else {
            slf.get().event.clear()
        }
        Ok(())
    }

    fn _at_fork_reinit(slf: &Bound<'_, Self>) -> PyResult<()> {
        if slf.get().is_retired() {
            return original::call(slf, "_at_fork_reinit", ()).map(drop);
        }
        slf.get().event.reset();
        Ok(())
    }

    /// The original's algorithm takes over: who waits here waits there. Says whether the flag is set.
    fn _retire(&self) -> bool {
        let set = self.event.is_set();
        self.retired.store(true, Ordering::Relaxed);
        self.event.clear();
        self.event.retire();
        set
    }
}
