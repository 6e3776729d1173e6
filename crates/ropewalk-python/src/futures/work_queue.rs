//! The line of tasks of one `ThreadPoolExecutor`, which is also its `_work_queue`.

use super::birth;
use super::future::PyFuture;
use super::parts::{Call, Help, Item, Pool, Task};
use super::worker::PyWorker;
use crate::arguments::Timeout;
use crate::detach::Attached;
use crate::error;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use pyo3::{IntoPyObjectExt, PyTraverseError, PyVisit};
use ropewalk::thread_pool::NotTaken;
use std::sync::Arc;

#[pyclass(name = "WorkQueue", module = "ropewalk._ropewalk", subclass, frozen, weakref)]
pub(crate) struct PyWorkQueue {
    pool: Arc<Pool>,
}

impl PyWorkQueue {
    #[inline]
    fn future<'py>(
        &self,
        function: Bound<'py, PyAny>,
        arguments: Bound<'py, PyTuple>,
        keywords: Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyFuture>> {
        let future = birth::future(function.py())?;
        let keywords = (!keywords.is_empty()).then(|| keywords.unbind());
        let call: Call = (function.unbind(), arguments.unbind(), keywords);
        future.get().assign(Task { call, pool: Arc::clone(&self.pool) });
        Ok(future)
    }

    fn taken<'py>(
        future: Bound<'py, PyFuture>,
        result: Result<(), NotTaken<Item>>,
    ) -> Option<Bound<'py, PyFuture>> {
        match result {
            Ok(()) => Some(future),
            Err(NotTaken::Closed(item) | NotTaken::Full(item) | NotTaken::ShortHanded(item)) => {
                drop(item);
                None
            }
        }
    }

    /// What comes out for a program that takes from the line itself.
    fn opened<'py>(py: Python<'py>, item: Item) -> PyResult<Bound<'py, PyAny>> {
        match item {
            Item::Other(item) => Ok(item.into_bound(py)),
            Item::Future(future) => match future.get().slot.take_work() {
                Some(task) => (future, task.call).into_bound_py_any(py),
                None => (future, py.None()).into_bound_py_any(py),
            },
        }
    }
}

#[pymethods]
impl PyWorkQueue {
    /// `help`: 0 never, 1 workers of the same pool, 2 any thread.
    #[new]
    #[pyo3(signature = (future_class, max_workers, max_pending, help))]
    fn new(
        future_class: &Bound<'_, PyType>,
        max_workers: usize,
        max_pending: Option<usize>,
        help: u8,
    ) -> PyResult<PyWorkQueue> {
        birth::announce(future_class)?;
        let help = match help {
            0 => Help::Never,
            1 => Help::Workers,
            _ => Help::Always,
        };
        let pool = Pool::new(max_workers, max_pending.unwrap_or(usize::MAX), help);
        Ok(PyWorkQueue { pool: Arc::new(pool) })
    }

    /// A future for this call, in line; `None` if the executor has to look first: it is closed, full, or short
    /// of workers.
    fn inject<'py>(
        &self,
        function: Bound<'py, PyAny>,
        arguments: Bound<'py, PyTuple>,
        keywords: Bound<'py, PyDict>,
    ) -> PyResult<Option<Bound<'py, PyFuture>>> {
        let future = self.future(function, arguments, keywords)?;
        let result = self.pool.line.offer(Item::Future(future.clone().unbind()));
        Ok(PyWorkQueue::taken(future, result))
    }

    /// As `inject`, also if it is short of workers, or full and the caller is one of its own workers, which would
    /// wait for itself.
    fn push<'py>(
        &self,
        function: Bound<'py, PyAny>,
        arguments: Bound<'py, PyTuple>,
        keywords: Bound<'py, PyDict>,
    ) -> PyResult<Option<Bound<'py, PyFuture>>> {
        let future = self.future(function, arguments, keywords)?;
        let mut result = self.pool.line.push(Item::Future(future.clone().unbind()));
        if let Err(NotTaken::Full(item)) = result {
            if !self.pool.is_here() {
                return Ok(PyWorkQueue::taken(future, Err(NotTaken::Full(item))));
            }
            self.pool.line.force(item);
            result = Ok(());
        }
        Ok(PyWorkQueue::taken(future, result))
    }

    /// Puts anything in line that has a `run()`.
    fn put_item(&self, item: Py<PyAny>) {
        self.pool.line.force(Item::Other(item));
    }

    /// Takes the first in line out: `(future, (function, arguments, keywords))`, or what was put there;
    /// `None` if there is nothing.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        while let Some(item) = self.pool.line.try_pop() {
            if matches!(&item, Item::Future(future) if PyWorker::is_husk(future)) {
                self.pool.line.husk_gone();
                continue;
            }
            return PyWorkQueue::opened(py, item).map(Some);
        }
        Ok(None)
    }

    /// Waits at most `timeout` seconds for room; `False` if there is none by then.
    #[pyo3(signature = (timeout = Timeout::NEVER), text_signature = "($self, timeout=None)")]
    fn wait_room(&self, py: Python<'_>, timeout: Timeout) -> PyResult<bool> {
        let waited = self.pool.line.wait_room(&mut Attached(py), timeout.deadline()?);
        waited.map_err(|reason| error::halted(py, reason))
    }

    /// What a worker thread iterates over.
    fn worker(&self) -> PyWorker {
        PyWorker::new(Arc::clone(&self.pool))
    }

    /// Takes no more calls.
    fn close(&self) {
        self.pool.line.close();
    }

    /// Workers that find nothing in line look whether they should stop.
    fn summon(&self) {
        self.pool.line.summon();
    }

    /// Workers go back to the line.
    fn dismiss(&self) {
        self.pool.line.dismiss();
    }

    /// Whether one more worker is needed, and allowed.
    fn is_short_of_workers(&self) -> bool {
        self.pool.line.is_short_of_workers()
    }

    /// Counts one more worker.
    fn hire(&self) {
        self.pool.line.hire();
    }

    /// Counts one worker less.
    fn leave(&self) {
        self.pool.line.leave();
    }

    /// The calling worker goes before its time, and another may be hired.
    fn quit(&self) {
        self.pool.exit();
        self.pool.line.leave();
    }

    /// Idle workers that no task in line is waiting for.
    #[getter]
    fn idle(&self) -> usize {
        self.pool.line.idle()
    }

    /// How many workers there may be.
    #[getter]
    fn crew_limit(&self) -> usize {
        self.pool.line.crew_limit()
    }

    #[setter]
    fn set_crew_limit(&self, limit: usize) {
        self.pool.line.set_crew_limit(limit);
    }

    /// In the child of a fork: no workers, nothing in line.
    fn reset(&self) {
        drop(self.pool.line.reset());
    }

    /// Tasks in line.
    fn qsize(&self) -> usize {
        self.pool.line.len()
    }

    /// Whether nothing is in line.
    fn empty(&self) -> bool {
        self.pool.line.is_empty()
    }

    // Workers share the line, but only its queue shows it to the collector: the executor's `_threads_queues` keeps
    // the queue alive as long as any worker.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let mut result = Ok(());
        self.pool.line.try_for_each(|item| {
            if result.is_ok() {
                result = match item {
                    Item::Future(future) => visit.call(future),
                    Item::Other(item) => visit.call(item),
                };
            }
        });
        result
    }

    fn __clear__(&self) {
        drop(self.pool.line.drain());
    }
}
