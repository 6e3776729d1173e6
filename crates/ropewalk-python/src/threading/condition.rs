//! `threading.Condition` over a lock of ours.
//!
//! Over any other lock the Python class runs the original's algorithm: that lock's code is the program's.

use crate::arguments::Timeout;
use crate::detach::Attached;
use crate::error;
use crate::threading::lock::LockObject;
use crate::threading::reentrant::ReentrantObject;
use pyo3::exceptions::{PyAttributeError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};
use ropewalk::Deadline;
use ropewalk::sync::Condition;

#[pyclass(name = "Condition", module = "ropewalk._ropewalk", subclass, frozen)]
pub(crate) struct PyCondition {
    condition: Condition,
    lock: PyOnceLock<Under>,
}

/// The lock under a condition.
enum Under {
    Plain(LockObject),
    Reentrant(ReentrantObject),
}

impl Under {
    fn new(object: &Bound<'_, PyAny>) -> Option<Under> {
        ReentrantObject::new(object)
            .map(Under::Reentrant)
            .or_else(|| LockObject::new(object).map(Under::Plain))
    }

    fn object(&self) -> &Py<PyAny> {
        match self {
            Under::Plain(lock) => lock.object(),
            Under::Reentrant(lock) => lock.object(),
        }
    }

    /// A plain lock does not tell whose it is: it counts as owned when it is locked, as in the original.
    #[inline]
    fn is_owned(&self) -> bool {
        match self {
            Under::Plain(lock) => lock.engine().is_locked(),
            Under::Reentrant(lock) => lock.engine().is_owned(),
        }
    }

    #[inline]
    fn is_locked(&self) -> bool {
        match self {
            Under::Plain(lock) => lock.engine().is_locked(),
            Under::Reentrant(lock) => lock.engine().is_locked(),
        }
    }

    #[inline]
    fn acquire(&self, py: Python<'_>, deadline: Deadline) -> PyResult<bool> {
        let taken = match self {
            Under::Plain(lock) => lock.engine().acquire(&mut Attached(py), deadline),
            Under::Reentrant(lock) => lock.engine().acquire(&mut Attached(py), deadline),
        };
        taken.map_err(|reason| error::halted(py, reason))
    }

    #[inline]
    fn release(&self) -> PyResult<()> {
        match self {
            Under::Plain(lock) if !lock.engine().release() => {
                Err(PyRuntimeError::new_err("release unlocked lock"))
            }
            Under::Plain(_) => Ok(()),
            Under::Reentrant(lock) => lock.engine().release().map_err(error::not_owner),
        }
    }
}

impl PyCondition {
    #[inline]
    fn under(&self, py: Python<'_>) -> PyResult<&Under> {
        self.lock
            .get(py)
            .ok_or_else(|| PyAttributeError::new_err("'Condition' object has no attribute '_lock'"))
    }

    fn notify_some(&self, py: Python<'_>, count: usize) -> PyResult<()> {
        let under = self.under(py)?;
        if !under.is_owned() {
            return Err(PyRuntimeError::new_err("cannot notify on un-acquired lock"));
        }
        match under {
            Under::Plain(lock) => self.condition.notify(count, lock.engine()),
            Under::Reentrant(lock) => self.condition.notify_reentrant(count, lock.engine()),
        };
        Ok(())
    }
}

#[pymethods]
impl PyCondition {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyCondition {
        PyCondition { condition: Condition::new(), lock: PyOnceLock::new() }
    }

    /// Stands over `lock`, or over a new reentrant lock for `None`; `False` if it cannot.
    fn _stand_over(&self, lock: &Bound<'_, PyAny>) -> PyResult<bool> {
        let under = if lock.is_none() {
            Some(Under::Reentrant(ReentrantObject::fresh(lock.py())?))
        } else {
            Under::new(lock)
        };
        Ok(under.is_some_and(|under| self.lock.set(lock.py(), under).is_ok()))
    }

    /// Takes the lock beneath, with its own parameters and result.
    #[pyo3(signature = (*args, **kwargs), text_signature = "($self, blocking=True, timeout=-1)")]
    fn acquire<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = args.py();
        let under = self.under(py)?;
        if args.is_empty() && kwargs.is_none() {
            return Ok(under.acquire(py, Deadline::NEVER)?.into_pyobject(py)?.to_owned().into_any());
        }
        under.object().bind(py).call_method("acquire", args, kwargs)
    }

    fn __enter__(&self, py: Python<'_>) -> PyResult<bool> {
        self.under(py)?.acquire(py, Deadline::NEVER)
    }

    /// Gives the lock beneath back. Raises `RuntimeError` if nobody, or another thread, holds it.
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        self.under(py)?.release()
    }

    /// Whether anybody holds the lock beneath; also of one that runs the original, which has no such method before 3.14.
    fn locked<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match slf.get().lock.get(py) {
            Some(under) => Ok(under.is_locked().into_pyobject(py)?.to_owned().into_any()),
            None => slf.getattr("_lock")?.call_method0("locked"),
        }
    }

    // Three places spare the tuple that `*args` would cost.
    #[pyo3(signature = (_kind = None, _error = None, _traceback = None), text_signature = "($self, *args)")]
    fn __exit__(
        &self,
        py: Python<'_>,
        _kind: Option<&Bound<'_, PyAny>>,
        _error: Option<&Bound<'_, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.under(py)?.release()
    }

    #[pyo3(signature = (timeout = Timeout::NEVER), text_signature = "($self, timeout=None)")]
    fn wait(&self, py: Python<'_>, timeout: Timeout) -> PyResult<bool> {
        let under = self.under(py)?;
        if !under.is_owned() {
            return Err(PyRuntimeError::new_err("cannot wait on un-acquired lock"));
        }
        let deadline = timeout.deadline()?;
        let notified = match under {
            Under::Plain(lock) => self.condition.wait(lock.engine(), &mut Attached(py), deadline),
            Under::Reentrant(lock) => self
                .condition
                .wait_reentrant(lock.engine(), &mut Attached(py), deadline)
                .map(|owned| owned.unwrap_or(false)),
        };
        notified.map_err(|reason| error::halted(py, reason))
    }

    #[pyo3(signature = (n = 1))]
    fn notify(&self, py: Python<'_>, n: i64) -> PyResult<()> {
        self.notify_some(py, usize::try_from(n).unwrap_or(0))
    }

    fn notify_all(&self, py: Python<'_>) -> PyResult<()> {
        self.notify_some(py, usize::MAX)
    }

    fn _is_owned(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.under(py)?.is_owned())
    }

    fn _release_save<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.under(py)? {
            under @ Under::Plain(_) => under.release().map(|()| py.None().into_bound(py)),
            Under::Reentrant(lock) => lock.object().bind(py).call_method0("_release_save"),
        }
    }

    fn _acquire_restore(&self, state: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = state.py();
        match self.under(py)? {
            under @ Under::Plain(_) => under.acquire(py, Deadline::NEVER).map(|_| ()),
            Under::Reentrant(lock) => {
                lock.object().bind(py).call_method1("_acquire_restore", (state,)).map(|_| ())
            }
        }
    }

    fn _at_fork_reinit(&self, py: Python<'_>) -> PyResult<()> {
        match self.under(py)? {
            Under::Plain(lock) => lock.engine().reset(),
            Under::Reentrant(lock) => lock.engine().reset(),
        }
        self.condition.reset();
        Ok(())
    }

    /// The lock.
    fn _under(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.under(py)?.object().clone_ref(py))
    }

    /// How many threads wait.
    fn _waiting(&self) -> usize {
        self.condition.waiting()
    }
}
