//! `queue.PriorityQueue`: the heap is a Python list, compared by `heapq` in a Python frame.
//!
//! Comparing items runs the program's own code, which may switch threads, be interrupted by a signal handler, or use
//! this very queue. So no engine mutex is held meanwhile, but a turn: one thread owns the heap, and everybody can
//! see who. The parts:
//!
//! - `room`: free places; a put takes one before it may touch the heap, a get gives it back after;
//! - `lock`: whose turn it is;
//! - the base class's queue: one `None` for each item that is in the heap, so that getters sleep there, and
//!   counting, joining and shutting down are the same as for any queue.
//!
//! A thread that comes again during its own turn (a signal handler, `__lt__`, `__del__`) is not made to wait for
//! itself: a put goes to a second heap, `late`, which the next get merges; a get takes from `late` or is refused.
//!
//! In the child of a fork the thread whose turn it was may be gone. The first turn there begins by counting anew what
//! is inside (`after_fork`).

use super::fifo::{Order, PyQueue};
use crate::arguments::{Timeout, Truth};
use crate::detach::{Attached, Undisturbed};
use crate::error;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple, PyType};
use pyo3::{PyTraverseError, PyVisit};
use ropewalk::queue::{PopError, PushError, Queue};
use ropewalk::sync::{Lock, Semaphore};
use ropewalk::{Deadline, Halted};
use ropewalk_os::{fork, thread};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

#[pyclass(name = "PriorityQueue", module = "ropewalk._ropewalk", extends = PyQueue, subclass, frozen)]
pub(crate) struct PyPriorityQueue {
    room: Semaphore,
    lock: Lock,
    heap: Py<PyList>,
    late: Py<PyList>,
    /// How many items may be inside.
    places: AtomicU64,
    /// The process whose threads take turns, counted in forks.
    epoch: AtomicU32,
}

#[pymethods]
impl PyPriorityQueue {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<PyPriorityQueue>> {
        let py = class.py();
        let heap = PyPriorityQueue {
            room: Semaphore::new(Semaphore::MAX),
            lock: Lock::new(),
            heap: PyList::empty(py).unbind(),
            late: PyList::empty(py).unbind(),
            places: AtomicU64::new(Semaphore::MAX),
            epoch: AtomicU32::new(fork::epoch()),
        };
        Ok(PyClassInitializer::from(PyQueue::fifo(class)?).add_subclass(heap))
    }

    /// The program has set `maxsize`: as many places are free as it exceeds the items inside.
    fn _set_room(slf: &Bound<'_, Self>, maxsize: i64) {
        let inside = slf.as_super().get().tokens().len() as u64;
        let places = u64::try_from(maxsize).ok().filter(|&size| size > 0).unwrap_or(Semaphore::MAX);
        slf.get().places.store(places, Ordering::Relaxed);
        slf.get().room.set(places.saturating_sub(inside));
    }

    /// A turn for one put: enter it, and push onto the heap it gives.
    fn _putting(slf: Bound<'_, Self>, block: Truth, timeout: Timeout) -> PyResult<PyTurn> {
        PyTurn::new(slf, Side::Put, block, timeout)
    }

    /// A turn for one get: enter it, merge the second heap it gives into the first, and pop from that.
    fn _getting(slf: Bound<'_, Self>, block: Truth, timeout: Timeout) -> PyResult<PyTurn> {
        PyTurn::new(slf, Side::Get, block, timeout)
    }

    /// A turn that begins when nobody is inside: enter it, and shut the queue down.
    fn _closing(slf: Bound<'_, Self>) -> PyResult<PyTurn> {
        PyTurn::new(slf, Side::Close, Truth(true), Timeout::NEVER)
    }

    /// Shuts the tokens down; says how many items must be thrown away.
    fn _shut(slf: &Bound<'_, Self>, immediate: Truth) -> usize {
        slf.as_super().get().shut(immediate.0)
    }

    /// Wakes every put that waits for room, to see that the queue was shut down or opened up.
    fn _wake_putters(&self) {
        self.room.retire();
    }

    /// As `Queue._retire`, in a turn of its own: no put or get comes between the items and the end of the engine.
    fn _retire(slf: &Bound<'_, Self>) -> PyResult<(Py<PyList>, usize, bool)> {
        let (py, this, queue) = (slf.py(), slf.get(), slf.as_super().get());
        this.be_of_this_process(py, queue.tokens());
        let mine = this.lock.owner() == Some(thread::current());
        if !mine {
            this.lock
                .acquire(&mut Undisturbed(py), Deadline::NEVER)
                .map_err(|reason| error::halted(py, reason))?;
        }
        let all = this.empty(py);
        let (_, unfinished, shut) = queue._retire();
        if !mine {
            this.lock.release();
        }
        all.map(|all| (all, unfinished, shut))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.heap)?;
        visit.call(&self.late)
    }
}

impl PyPriorityQueue {
    #[inline]
    fn be_of_this_process(&self, py: Python<'_>, tokens: &Queue<Py<PyAny>, Order>) {
        if self.epoch.load(Ordering::Relaxed) != fork::epoch() {
            self.after_fork(py, tokens);
        }
    }

    /// In the child of a fork: takes back the turn of a thread that is gone, with the place or the token it had.
    #[cold]
    fn after_fork(&self, py: Python<'_>, tokens: &Queue<Py<PyAny>, Order>) {
        self.epoch.store(fork::epoch(), Ordering::Relaxed);
        if self.lock.owner() == Some(thread::current()) {
            return; // the thread that forked, from a comparison: its turn goes on
        }
        self.lock.reset();
        if tokens.is_retired() {
            return; // opened up by a thread that is gone, so that the lists here are nobody's
        }
        let inside = self.heap.bind(py).len() + self.late.bind(py).len();
        for _ in tokens.len()..inside {
            tokens.unpop(py.None());
        }
        for _ in inside..tokens.len() {
            let _ = tokens.try_pop();
        }
        self.room.reset(self.places.load(Ordering::Relaxed).saturating_sub(inside as u64));
    }

    fn empty(&self, py: Python<'_>) -> PyResult<Py<PyList>> {
        let all = PyList::empty(py);
        for heap in [&self.heap, &self.late] {
            let heap = heap.bind(py);
            all.as_any().call_method1("extend", (heap,))?;
            heap.del_slice(0, heap.len())?;
        }
        Ok(all.unbind())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Put,
    Get,
    Close,
}

/// How far a turn has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Owns the heap.
    Owner,
    /// This thread owns the heap already, further down its stack.
    Again,
    /// The queue runs the original's algorithm: nothing was taken here.
    Elsewhere,
}

#[pyclass(name = "Turn", module = "ropewalk._ropewalk", frozen)]
pub(crate) struct PyTurn {
    queue: Py<PyPriorityQueue>,
    side: Side,
    deadline: Deadline,
    owner: AtomicBool,
    elsewhere: AtomicBool,
}

impl PyTurn {
    fn new(
        queue: Bound<'_, PyPriorityQueue>,
        side: Side,
        block: Truth,
        timeout: Timeout,
    ) -> PyResult<PyTurn> {
        let deadline = PyQueue::deadline(block, timeout)?;
        Ok(PyTurn {
            queue: queue.unbind(),
            side,
            deadline,
            owner: AtomicBool::new(false),
            elsewhere: AtomicBool::new(false),
        })
    }

    /// Takes the place or the token; then the heap.
    fn begin(&self, py: Python<'_>) -> PyResult<Stage> {
        let queue = self.queue.bind(py);
        let (this, tokens) = (queue.get(), queue.as_super().get().tokens());
        this.be_of_this_process(py, tokens);
        if tokens.is_retired() || !self.enter_side(py, this, tokens)? {
            return Ok(Stage::Elsewhere);
        }
        if !this.lock.try_acquire() {
            if this.lock.owner() == Some(thread::current()) {
                return match self.side {
                    Side::Get if this.late.bind(py).is_empty() => {
                        self.undo(py);
                        Err(self.refused(py))
                    }
                    _ => Ok(Stage::Again),
                };
            }
            if let Err(reason) = this.lock.acquire(&mut Attached(py), Deadline::NEVER) {
                self.undo(py);
                return Err(error::halted(py, reason));
            }
        }
        // Another turn may have shut the queue down, or opened it up, while this one stood in line.
        if tokens.is_retired() {
            this.lock.release();
            return Ok(Stage::Elsewhere);
        }
        if self.side == Side::Put && tokens.is_shut_down() {
            this.lock.release();
            self.undo(py);
            return Err(error::push(py, PushError::ShutDown(())));
        }
        Ok(Stage::Owner)
    }

    /// Takes a place to put, or a token to get; `false` if the queue has been opened up meanwhile.
    fn enter_side(
        &self,
        py: Python<'_>,
        this: &PyPriorityQueue,
        tokens: &Queue<Py<PyAny>, Order>,
    ) -> PyResult<bool> {
        match self.side {
            Side::Close => Ok(true),
            Side::Put if tokens.is_shut_down() => Err(error::push(py, PushError::ShutDown(()))),
            Side::Put => match this.room.acquire(&mut Attached(py), self.deadline) {
                Ok(true) => Ok(true),
                Ok(false) => Err(error::push(py, PushError::Full(()))),
                Err(Halted::Retired) if tokens.is_retired() => Ok(false),
                Err(Halted::Retired) => Err(error::push(py, PushError::ShutDown(()))),
                Err(reason) => Err(error::halted(py, reason)),
            },
            Side::Get => match tokens.pop(&mut Attached(py), self.deadline) {
                Ok(_) => Ok(true),
                Err(PopError::Halted(Halted::Retired)) => Ok(false),
                Err(reason) => Err(error::pop(py, reason)),
            },
        }
    }

    /// A get of the thread that is just comparing this queue's items.
    fn refused(&self, py: Python<'_>) -> PyErr {
        if self.deadline.is_now() {
            return error::pop(py, PopError::Empty);
        }
        PyRuntimeError::new_err(
            "PriorityQueue.get() was called while the same thread was comparing this queue's items, from a signal \
             handler, __lt__ or __del__, and would wait for itself; use get_nowait() there",
        )
    }

    /// Gives back the place or the token.
    fn undo(&self, py: Python<'_>) {
        let queue = self.queue.bind(py);
        match self.side {
            Side::Put => {
                let _ = queue.get().room.release(1);
            }
            Side::Get => queue.as_super().get().tokens().unpop(py.None()),
            Side::Close => {}
        }
    }
}

#[pymethods]
impl PyTurn {
    /// The heap and the second heap; no heap if the queue runs the original's algorithm.
    fn __enter__(&self, py: Python<'_>) -> PyResult<(Option<Py<PyList>>, Py<PyList>)> {
        let stage = self.begin(py)?;
        let this = self.queue.get();
        match stage {
            Stage::Owner => {
                self.owner.store(true, Ordering::Relaxed);
                Ok((Some(this.heap.clone_ref(py)), this.late.clone_ref(py)))
            }
            Stage::Again => Ok((Some(this.late.clone_ref(py)), PyList::empty(py).unbind())),
            Stage::Elsewhere => {
                self.elsewhere.store(true, Ordering::Relaxed);
                Ok((None, PyList::empty(py).unbind()))
            }
        }
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        kind: &Bound<'_, PyAny>,
        _value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        if self.elsewhere.load(Ordering::Relaxed) {
            return Ok(());
        }
        let queue = self.queue.bind(py);
        let result = if kind.is_none() {
            self.complete(py)
        } else {
            self.undo(py);
            Ok(())
        };
        if self.owner.swap(false, Ordering::Relaxed) {
            queue.get().lock.release();
        }
        result
    }
}

impl PyTurn {
    /// Gives the token for an item put in, or the place of one taken out.
    fn complete(&self, py: Python<'_>) -> PyResult<()> {
        let queue = self.queue.bind(py);
        match self.side {
            Side::Put => {
                let tokens = queue.as_super().get().tokens();
                tokens.try_push(py.None()).or_else(|reason| match reason {
                    // Shut down by a handler in the middle of this turn: the item is inside.
                    PushError::ShutDown(token) => {
                        tokens.set_unfinished(tokens.unfinished() + 1);
                        tokens.unpop(token);
                        Ok(())
                    }
                    reason => Err(error::push(py, reason.widen())),
                })
            }
            Side::Get => {
                let _ = queue.get().room.release(1);
                Ok(())
            }
            Side::Close => Ok(()),
        }
    }
}
