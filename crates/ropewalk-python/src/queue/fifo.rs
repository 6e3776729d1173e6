//! `queue.Queue` and `queue.LifoQueue`.

use crate::arguments::{Timeout, Truth, remaining};
use crate::detach::Attached;
use crate::{error, original};
use pyo3::exceptions::{PyAttributeError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyTuple, PyType};
use pyo3::{PyTraverseError, PyVisit};
use ropewalk::queue::{Fifo, Lifo, PopError, PushError, Queue, Store};
use ropewalk::{Deadline, Halted};
use std::sync::atomic::{AtomicI64, Ordering};

/// The order of a queue is known when its object is made, not when its class is compiled.
pub(crate) enum Order {
    Fifo(Fifo<Py<PyAny>>),
    Lifo(Lifo<Py<PyAny>>),
}

macro_rules! either {
    ($order:expr, $store:ident => $do:expr) => {
        match $order {
            Order::Fifo($store) => $do,
            Order::Lifo($store) => $do,
        }
    };
}

impl Store<Py<PyAny>> for Order {
    #[inline]
    fn push(&mut self, item: Py<PyAny>) {
        either!(self, store => store.push(item));
    }

    #[inline]
    fn pop(&mut self) -> Option<Py<PyAny>> {
        either!(self, store => store.pop())
    }

    fn unpop(&mut self, item: Py<PyAny>) {
        either!(self, store => store.unpop(item));
    }

    #[inline]
    fn len(&self) -> usize {
        either!(self, store => store.len())
    }

    fn for_each(&self, look: impl FnMut(&Py<PyAny>)) {
        either!(self, store => store.for_each(look));
    }
}

#[pyclass(name = "Queue", module = "ropewalk._ropewalk", subclass, frozen)]
pub(crate) struct PyQueue {
    queue: Queue<Py<PyAny>, Order>,
    /// As the caller gave it: zero or less is no bound.
    maxsize: AtomicI64,
}

impl PyQueue {
    fn with(order: Order, class: &Bound<'_, PyType>) -> PyResult<PyQueue> {
        let queue = PyQueue { queue: Queue::new(order, usize::MAX), maxsize: AtomicI64::new(0) };
        if original::from_birth(class)? {
            queue.queue.retire();
        }
        Ok(queue)
    }

    pub(super) fn fifo(class: &Bound<'_, PyType>) -> PyResult<PyQueue> {
        PyQueue::with(Order::Fifo(Fifo::default()), class)
    }

    pub(super) fn tokens(&self) -> &Queue<Py<PyAny>, Order> {
        &self.queue
    }

    pub(super) fn deadline(block: Truth, timeout: Timeout) -> PyResult<Deadline> {
        if !block.0 {
            return Ok(Deadline::NOW);
        }
        if timeout.is_negative() {
            return Err(PyValueError::new_err("'timeout' must be a non-negative number"));
        }
        timeout.deadline()
    }

    fn push(slf: &Bound<'_, Self>, item: Py<PyAny>, deadline: Deadline) -> PyResult<()> {
        let py = slf.py();
        match slf.get().queue.push(item, &mut Attached(py), deadline) {
            Ok(()) => Ok(()),
            Err(PushError::Halted(Halted::Retired, item)) => {
                let arguments = (item, !deadline.is_now(), remaining(deadline));
                original::call(slf, "put", arguments).map(drop)
            }
            Err(reason) => Err(error::push(py, reason)),
        }
    }

    fn pop(slf: &Bound<'_, Self>, deadline: Deadline) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        match slf.get().queue.pop(&mut Attached(py), deadline) {
            Ok(item) => Ok(item),
            Err(PopError::Halted(Halted::Retired)) => {
                let arguments = (!deadline.is_now(), remaining(deadline));
                original::call(slf, "get", arguments).map(Bound::unbind)
            }
            Err(reason) => Err(error::pop(py, reason)),
        }
    }

    /// The original's answer to a question without arguments, if this object runs the original.
    fn elsewhere<'py>(slf: &Bound<'py, Self>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        if slf.get().queue.is_retired() { original::call(slf, name, ()).map(Some) } else { Ok(None) }
    }

    /// Shuts down; says how many items were thrown away.
    pub(super) fn shut(&self, immediate: bool) -> usize {
        if immediate {
            self.queue.shutdown_now().len()
        } else {
            self.queue.shutdown();
            0
        }
    }
}

#[pymethods]
impl PyQueue {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyQueue> {
        PyQueue::fifo(class)
    }

    #[pyo3(signature = (maxsize = 0))]
    fn __init__(slf: &Bound<'_, Self>, maxsize: i64) -> PyResult<()> {
        if slf.get().queue.is_retired() {
            return original::call(slf, "__init__", (maxsize,)).map(drop);
        }
        slf.get().bound(maxsize);
        Ok(())
    }

    #[getter]
    fn maxsize<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if slf.get().queue.is_retired() {
            return original::attribute(slf, "maxsize");
        }
        Ok(slf.get().maxsize.load(Ordering::Relaxed).into_pyobject(slf.py())?.into_any())
    }

    #[setter]
    fn set_maxsize(slf: &Bound<'_, Self>, maxsize: &Bound<'_, PyAny>) -> PyResult<()> {
        if slf.get().queue.is_retired() {
            return original::set_attribute(slf, "maxsize", maxsize);
        }
        slf.get().bound(maxsize.extract()?);
        Ok(())
    }

    /// Puts an item in; waits for room at most `timeout` seconds if `block`.
    ///
    /// Raises `Full` if there is no room by then, `ShutDown` after `shutdown()`.
    #[pyo3(signature = (item, block = Truth(true), timeout = Timeout::NEVER),
           text_signature = "($self, item, block=True, timeout=None)")]
    fn put(slf: &Bound<'_, Self>, item: Py<PyAny>, block: Truth, timeout: Timeout) -> PyResult<()> {
        Self::push(slf, item, Self::deadline(block, timeout)?)
    }

    /// Puts an item in if there is room now, else raises `Full`.
    fn put_nowait(slf: &Bound<'_, Self>, item: Py<PyAny>) -> PyResult<()> {
        Self::push(slf, item, Deadline::NOW)
    }

    /// Takes an item out; waits for one at most `timeout` seconds if `block`.
    ///
    /// Raises `Empty` if there is none by then, `ShutDown` after `shutdown()` when nothing is left.
    #[pyo3(signature = (block = Truth(true), timeout = Timeout::NEVER),
           text_signature = "($self, block=True, timeout=None)")]
    fn get(slf: &Bound<'_, Self>, block: Truth, timeout: Timeout) -> PyResult<Py<PyAny>> {
        Self::pop(slf, Self::deadline(block, timeout)?)
    }

    /// Takes an item out if there is one now, else raises `Empty`.
    fn get_nowait(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        Self::pop(slf, Deadline::NOW)
    }

    /// Says that an item taken out has been dealt with. Raises `ValueError` if said too often.
    fn task_done(slf: &Bound<'_, Self>) -> PyResult<()> {
        match Self::elsewhere(slf, "task_done")? {
            Some(_) => Ok(()),
            None => slf.get().queue.task_done().map_err(error::too_many_done),
        }
    }

    /// Waits until every item put in has been dealt with.
    fn join(slf: &Bound<'_, Self>) -> PyResult<()> {
        match slf.get().queue.join(&mut Attached(slf.py()), Deadline::NEVER) {
            Ok(_) => Ok(()),
            Err(Halted::Retired) => original::call(slf, "join", ()).map(drop),
            Err(reason) => Err(error::halted(slf.py(), reason)),
        }
    }

    /// Lets no more items in; `get` takes out what is left, or nothing if `immediate`.
    #[pyo3(signature = (immediate = Truth(false)), text_signature = "($self, immediate=False)")]
    fn shutdown(slf: &Bound<'_, Self>, immediate: Truth) -> PyResult<()> {
        if slf.get().queue.is_retired() {
            return original::call(slf, "shutdown", (immediate.0,)).map(drop).map_err(|error| {
                if error.is_instance_of::<PyAttributeError>(slf.py()) { no_shutdown() } else { error }
            });
        }
        slf.get().shut(immediate.0);
        Ok(())
    }

    /// Items inside now.
    fn qsize(slf: &Bound<'_, Self>) -> PyResult<usize> {
        Self::elsewhere(slf, "qsize")?.map_or_else(|| Ok(slf.get().queue.len()), |answer| answer.extract())
    }

    /// Whether nothing is inside now.
    fn empty(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Self::elsewhere(slf, "empty")?
            .map_or_else(|| Ok(slf.get().queue.is_empty()), |answer| answer.is_truthy())
    }

    /// Whether there is no room now.
    fn full(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Self::elsewhere(slf, "full")?
            .map_or_else(|| Ok(slf.get().queue.is_full()), |answer| answer.is_truthy())
    }

    #[getter]
    fn is_shutdown<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if slf.get().queue.is_retired() {
            let never = |_| Ok(PyBool::new(slf.py(), false).to_owned().into_any());
            return original::attribute(slf, "is_shutdown").or_else(never);
        }
        Ok(PyBool::new(slf.py(), slf.get().queue.is_shut_down()).to_owned().into_any())
    }

    #[setter]
    fn set_is_shutdown(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        match slf.get().queue.is_retired() {
            true => original::set_attribute(slf, "is_shutdown", value),
            false => Err(PyAttributeError::new_err("is_shutdown is set by shutdown()")),
        }
    }

    #[getter]
    fn unfinished_tasks<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if slf.get().queue.is_retired() {
            return original::attribute(slf, "unfinished_tasks");
        }
        Ok(slf.get().queue.unfinished().into_pyobject(slf.py())?.into_any())
    }

    #[setter]
    fn set_unfinished_tasks(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if slf.get().queue.is_retired() {
            return original::set_attribute(slf, "unfinished_tasks", value);
        }
        slf.get().queue.set_unfinished(value.extract()?);
        Ok(())
    }

    /// The original's algorithm takes over: items as they leave, count of unfinished ones, whether shut down.
    pub(super) fn _retire(&self) -> (Vec<Py<PyAny>>, usize, bool) {
        let shut = self.queue.is_shut_down();
        let (items, unfinished) = self.queue.retire();
        (items, unfinished, shut)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let mut result = Ok(());
        // The collector may run while an item is on its way; then this object is alive, and skipping it is safe.
        self.queue.try_for_each(|item| {
            if result.is_ok() {
                result = visit.call(item);
            }
        });
        result
    }

    fn __clear__(&self) {
        drop(self.queue.drain());
    }
}

impl PyQueue {
    fn bound(&self, maxsize: i64) {
        self.maxsize.store(maxsize, Ordering::Relaxed);
        self.queue.set_capacity(usize::try_from(maxsize).ok().filter(|&size| size > 0).unwrap_or(usize::MAX));
    }
}

/// Before Python 3.13 the original has no `shutdown`, so an object that runs its algorithm has none either.
fn no_shutdown() -> PyErr {
    PyRuntimeError::new_err(
        "before Python 3.13 only a queue that runs on the engine can be shut down: this one overrides _init, _put, \
         _get or _qsize, or its mutex or conditions were touched",
    )
}

#[pyclass(name = "LifoQueue", module = "ropewalk._ropewalk", extends = PyQueue, subclass, frozen)]
pub(crate) struct PyLifoQueue;

#[pymethods]
impl PyLifoQueue {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<PyLifoQueue>> {
        let base = PyQueue::with(Order::Lifo(Lifo::default()), class)?;
        Ok(PyClassInitializer::from(base).add_subclass(PyLifoQueue))
    }
}
