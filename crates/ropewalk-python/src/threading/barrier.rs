//! `threading.Barrier` without an action. One with an action runs the original's algorithm: what it calls is the
//! program's own, and belongs into a Python frame.

use crate::arguments::{Timeout, remaining};
use crate::detach::Attached;
use crate::once::intern;
use crate::{error, original};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyTuple};
use ropewalk::Halted;
use ropewalk::sync::{Barrier, BarrierError};
use std::sync::atomic::{AtomicBool, Ordering};

#[pyclass(name = "Barrier", module = "ropewalk._ropewalk", subclass, frozen)]
pub(crate) struct PyBarrier {
    barrier: Barrier,
    /// This object runs the original's algorithm: it was opened, or never started here.
    retired: AtomicBool,
}

impl PyBarrier {
    fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }
}

#[pymethods]
impl PyBarrier {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyBarrier {
        PyBarrier { barrier: Barrier::new(1), retired: AtomicBool::new(true) }
    }

    #[pyo3(signature = (*_args, **_kwargs))]
    fn __init__(&self, _args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) {}

    /// As new, for so many threads; `false` if the original must look at that number, or has the object already.
    ///
    /// What is never started belongs to the original: a subclass may bring an inside of its own instead of calling our
    /// `__init__`.
    fn _start(slf: &Bound<'_, Self>, parties: &Bound<'_, PyAny>) -> PyResult<bool> {
        let parties = match parties.extract::<usize>() {
            Ok(number) if number > 0 && parties.is_exact_instance_of::<PyInt>() => number,
            _ => return Ok(false),
        };
        if original::from_birth(&slf.get_type())? {
            return Ok(false);
        }
        slf.get().barrier.set_parties(parties);
        slf.get().barrier.reset();
        slf.get().retired.store(false, Ordering::Relaxed);
        Ok(true)
    }

    /// Whether the engine runs it.
    fn _is_started(&self) -> bool {
        !self.is_retired()
    }

    /// Waits for the others, at most `timeout` seconds; the number of this thread among them.
    #[pyo3(signature = (timeout = Timeout::NEVER), text_signature = "($self, timeout=None)")]
    fn wait<'py>(slf: &Bound<'py, Self>, timeout: Timeout) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        let timeout =
            if timeout.is_none() { slf.getattr(intern!(py, "_timeout"))?.extract()? } else { timeout };
        let deadline = timeout.deadline()?;
        let arrived = if this.is_retired() {
            Err(BarrierError::Halted(Halted::Retired))
        } else {
            this.barrier.arrive(&mut Attached(py), deadline)
        };
        match arrived {
            Ok(arrival) => arrival.index().into_bound_py_any(py),
            Err(BarrierError::Halted(Halted::Retired)) => original::call(slf, "wait", (remaining(deadline),)),
            Err(reason) => Err(error::barrier(py, reason)),
        }
    }

    /// Breaks the barrier.
    fn abort(slf: &Bound<'_, Self>) -> PyResult<()> {
        if slf.get().is_retired() {
            return original::call(slf, "abort", ()).map(drop);
        }
        slf.get().barrier.abort();
        Ok(())
    }

    /// Makes it as new; who waits does not get through.
    fn reset(slf: &Bound<'_, Self>) -> PyResult<()> {
        if slf.get().is_retired() {
            return original::call(slf, "reset", ()).map(drop);
        }
        slf.get().barrier.reset();
        Ok(())
    }

    /// How many threads meet here.
    fn _meeting(&self) -> usize {
        self.barrier.parties()
    }

    /// How many of them wait for the others.
    fn _waiting(&self) -> usize {
        self.barrier.waiting()
    }

    /// Whether it is broken.
    fn _is_broken(&self) -> bool {
        self.barrier.is_broken()
    }

    /// The original's algorithm takes over: who waits here waits there. Says, once, whether it is broken.
    fn _retire(&self) -> bool {
        let retired = self.retired.swap(true, Ordering::Relaxed);
        self.barrier.retire();
        !retired && self.barrier.is_broken()
    }
}
