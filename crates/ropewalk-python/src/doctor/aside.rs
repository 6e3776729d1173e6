//! Reports told in threads of their own, and the end of the interpreter, which waits for them.
//!
//! Such a thread runs Python code, and imports modules. An interpreter that ends takes the lock of its imports away
//! from under a thread that waits for it (up to 3.11), and memory is corrupted. So the exit lets those that have
//! begun finish, and none begins after. One that hangs, at a full pipe say, holds the exit up for [`PATIENCE`] only.
//!
//! The main thread, which has to handle signals, has its reports told like this too, and listens: what it writes next
//! comes after them. A signal ends that, and so does [`ATTENTION`]: the report may need a lock that it holds.

use crate::detach::Undisturbed;
use pyo3::prelude::*;
use pyo3::types::{PyFunction, PyTuple};
use ropewalk::Block;
use ropewalk_os::futex::{self, Slept};
use ropewalk_os::{Deadline, fork};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);
const ATTENTION: Duration = Duration::from_secs(1);

/// In [`UNDER_WAY`]: no more may begin.
const CLOSED: u32 = 1 << 31;

/// How many have begun and not ended. Changed by attached threads only.
static UNDER_WAY: AtomicU32 = AtomicU32::new(0);
/// The process whose they are.
static EPOCH: AtomicU32 = AtomicU32::new(0);

/// What is under way in this process: in the child of a fork nothing is.
fn under_way() -> &'static AtomicU32 {
    let epoch = fork::epoch();
    if EPOCH.swap(epoch, Ordering::Relaxed) != epoch {
        UNDER_WAY.store(0, Ordering::Relaxed);
    }
    &UNDER_WAY
}

/// One report, in the hands of the thread that tells it.
#[pyclass(frozen, module = "ropewalk._ropewalk")]
pub(super) struct Telling(AtomicU32);

/// In a [`Telling`].
const TOLD: u32 = 1;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Telling>()?;
    let close = wrap_pyfunction!(close, module)?;
    module.py().import("atexit")?.call_method1("register", (close,)).map(drop)
}

/// Has a new thread call `function`, unless the interpreter is about to end. Runs no Python code itself.
pub(super) fn tell<'py>(
    py: Python<'py>,
    function: &Bound<'py, PyAny>,
    arguments: &Bound<'py, PyTuple>,
) -> PyResult<Option<Py<Telling>>> {
    let under_way = under_way();
    if under_way.load(Ordering::Relaxed) & CLOSED != 0 {
        return Ok(None);
    }
    let call = py.import("ropewalk.doctor")?.getattr("_aside")?.cast_into::<PyFunction>()?;
    let telling = Py::new(py, Telling(AtomicU32::new(0)))?;
    under_way.fetch_add(1, Ordering::Relaxed);
    let started = py
        .import("_thread")?
        .call_method1("start_new_thread", (call, (telling.clone_ref(py), function, arguments)));
    if started.is_err() {
        under_way.fetch_sub(1, Ordering::Relaxed);
    }
    started.map(|_| Some(telling))
}

/// Waits for a report that another thread tells. No handler runs here: what it raises must be seen by the program.
pub(super) fn listen(py: Python<'_>, telling: &Py<Telling>) {
    let (word, end) = (&telling.get().0, Deadline::after(ATTENTION));
    Undisturbed(py).detached(|| {
        while word.load(Ordering::Acquire) != TOLD && !end.passed() {
            if futex::wait(word, 0, end) == Slept::Interrupted {
                break;
            }
        }
    });
}

#[pymethods]
impl Telling {
    /// The report has ended; the thread that has told it says so.
    fn told(&self) {
        self.0.store(TOLD, Ordering::Release);
        futex::wake(&self.0, 1);
        let under_way = under_way();
        under_way.fetch_sub(1, Ordering::Release);
        futex::wake(under_way, u32::MAX);
    }
}

/// At the interpreter's exit: no more begin; waits for those under way.
#[pyfunction]
fn close(py: Python<'_>) {
    let (under_way, end) = (under_way(), Deadline::after(PATIENCE));
    under_way.fetch_or(CLOSED, Ordering::Relaxed);
    Undisturbed(py).detached(|| {
        loop {
            let now = under_way.load(Ordering::Acquire);
            if now == CLOSED || end.passed() {
                break;
            }
            futex::wait(under_way, now, end);
        }
    });
}
