//! `multiprocessing.Event`.

use super::arguments::Seconds;
use super::memory::{PyMemory, foreign};
use crate::detach::Attached;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use ropewalk::process::{Event, Passed};
use std::sync::OnceLock;

#[pyclass(name = "ProcessEvent", module = "ropewalk._ropewalk", subclass, frozen, weakref)]
pub(crate) struct PyEvent(OnceLock<Event>);

impl PyEvent {
    #[inline]
    fn event(&self) -> PyResult<&Event> {
        self.0.get().ok_or_else(|| PyRuntimeError::new_err("this event was never begun"))
    }

    fn begin(&self, event: Event) -> PyResult<()> {
        self.0.set(event).map_err(|_| PyRuntimeError::new_err("this event was begun before"))
    }
}

#[pymethods]
impl PyEvent {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyEvent {
        PyEvent(OnceLock::new())
    }

    fn _begin(&self) -> PyResult<()> {
        self.begin(Event::new()?)
    }

    fn _open(&self, memory: &Bound<'_, PyMemory>, number: u32) -> PyResult<()> {
        self.begin(Event::in_memory(&memory.get().0, number).map_err(foreign)?)
    }

    fn _place(&self) -> PyResult<(PyMemory, u32)> {
        let event = self.event()?;
        Ok((PyMemory(event.passed_memory()), event.number()))
    }

    fn is_set(&self) -> PyResult<bool> {
        Ok(self.event()?.is_set())
    }

    fn set(&self) -> PyResult<()> {
        self.event()?.set();
        Ok(())
    }

    fn clear(&self) -> PyResult<()> {
        self.event()?.clear();
        Ok(())
    }

    #[pyo3(signature = (timeout = Seconds::NEVER), text_signature = "($self, timeout=None)")]
    fn wait(&self, py: Python<'_>, timeout: Seconds) -> PyResult<bool> {
        let event = self.event()?;
        Ok(event.is_set() || event.wait(&mut Attached(py), timeout.deadline())?)
    }
}
