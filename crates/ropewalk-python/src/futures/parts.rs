//! What the engine's futures and lines carry in this binding.

use super::future::PyFuture;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use ropewalk::future::Slot;
use ropewalk::thread_pool::Injector;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// A result or an exception. Programs may write both, one after the other.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) result: Option<Py<PyAny>>,
    pub(crate) exception: Option<Py<PyAny>>,
}

impl Outcome {
    pub(crate) fn new(value: Py<PyAny>, failed: bool) -> Outcome {
        if failed {
            Outcome { result: None, exception: Some(value) }
        } else {
            Outcome { result: Some(value), exception: None }
        }
    }
}

/// What is to be called: `function(*arguments, **keywords)`; no dictionary where there are no keywords.
pub(crate) type Call = (Py<PyAny>, Py<PyTuple>, Option<Py<PyDict>>);

/// What a pool's future is to do.
pub(crate) struct Task {
    pub(crate) call: Call,
    pub(crate) pool: Arc<Pool>,
}

pub(crate) type FutureSlot = Slot<Task, Outcome, Py<PyAny>>;

/// What stands in line.
pub(crate) enum Item {
    /// A future with its task.
    Future(Py<PyFuture>),
    /// What a program has put there itself: an object with `run()`.
    Other(Py<PyAny>),
}

/// Who may do a task instead of a worker, while it waits for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Help {
    Never = 0,
    /// A worker of the same pool.
    Workers = 1,
    /// Any thread.
    Always = 2,
}

/// The line of one executor, shared with its workers and with the tasks in it.
pub(crate) struct Pool {
    pub(crate) line: Injector<Item>,
    help: AtomicU8,
}

thread_local! {
    /// The address of the pool whose worker this thread is.
    static POOL: Cell<usize> = const { Cell::new(0) };
}

impl Pool {
    pub(crate) fn new(crew_limit: usize, capacity: usize, help: Help) -> Pool {
        Pool { line: Injector::new(crew_limit, capacity), help: AtomicU8::new(help as u8) }
    }

    /// Whether the calling thread may do a task of this pool that it waits for.
    pub(crate) fn may_help(self: &Arc<Self>) -> bool {
        match self.help.load(Ordering::Relaxed) {
            0 => false,
            1 => self.is_here(),
            _ => true,
        }
    }

    /// Whether the calling thread is a worker of this pool.
    pub(crate) fn is_here(self: &Arc<Self>) -> bool {
        POOL.get() == Arc::as_ptr(self).addr()
    }

    /// The calling thread is a worker of this pool from now on.
    pub(crate) fn enter(self: &Arc<Self>) {
        POOL.set(Arc::as_ptr(self).addr());
        self.line.join();
    }

    /// The calling thread is no worker any more.
    pub(crate) fn exit(&self) {
        POOL.set(0);
        self.line.part();
    }
}

impl Item {
    /// Whether this is that very future.
    pub(crate) fn is(&self, future: &Bound<'_, PyFuture>) -> bool {
        matches!(self, Item::Future(it) if it.as_ptr() == future.as_ptr())
    }
}
