//! What the engine asks of the interpreter about deadlocks, and what Python asks of the wait graph.
//!
//! Everything that is told to a person is written in Python, by `ropewalk.doctor`, which is loaded when it is first
//! needed. Data goes there as plain tuples, made by `scene`, or by `processes` for what is shared between those; what a
//! daemon thread has found is told `aside`.

mod aside;
pub(crate) mod processes;
mod scene;

pub(crate) use scene::stack;

use crate::once::imported;
use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeWarning, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyTuple, PyType};
use ropewalk::host::{self, Host};
use ropewalk::lock_order::{Inversion, Watching, set_watching, watching};
use ropewalk::wait_graph::{self, Alive, Cycle, Kind, Mode, Report, Wait};
use ropewalk_os::thread::{self, ThreadId};
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    host::install(Interpreter);
    read_environment(module.py())?;
    module.add_function(wrap_pyfunction!(deadlock_mode, module)?)?;
    module.add_function(wrap_pyfunction!(set_deadlock_mode, module)?)?;
    module.add_function(wrap_pyfunction!(lock_order, module)?)?;
    module.add_function(wrap_pyfunction!(set_lock_order, module)?)?;
    module.add_function(wrap_pyfunction!(waits, module)?)?;
    module.add_function(wrap_pyfunction!(thread_ended, module)?)?;
    aside::register(module)?;
    processes::register(module)?;
    module.add_class::<Declared>()
}

/// `ROPEWALK_DEADLOCK` and `ROPEWALK_LOCK_ORDER`, read once, at import.
fn read_environment(py: Python<'_>) -> PyResult<()> {
    let complain = |name: &str, error: PyErr| {
        let message = std::ffi::CString::new(format!("{name} is ignored: {}", error.value(py)))?;
        PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), &message, 1)
    };
    if let Ok(mode) = std::env::var("ROPEWALK_DEADLOCK")
        && let Err(error) = set_deadlock_mode(&mode)
    {
        complain("ROPEWALK_DEADLOCK", error)?;
    }
    match std::env::var("ROPEWALK_LOCK_ORDER").as_deref() {
        Err(_) | Ok("" | "0") => Ok(()),
        Ok("1") => set_lock_order("site"),
        Ok(watching) => set_lock_order(watching).or_else(|error| complain("ROPEWALK_LOCK_ORDER", error)),
    }
}

/// The `DeadlockError` for a wait that would have closed `cycle`. It draws itself when it is shown.
pub(crate) fn error(py: Python<'_>, cycle: &Cycle) -> PyErr {
    static DEADLOCK: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let make = || {
        let error = imported(py, &DEADLOCK, "ropewalk.errors", "DeadlockError")?.bind(py).call0()?;
        error.setattr("_scene", scene::take_down(py, cycle.waits().iter().map(told).collect())?)?;
        Ok(error)
    };
    make().map_or_else(|error| error, PyErr::from_value)
}

/// One wait as Python is told it.
type Told = (u64, &'static str, usize, Vec<u64>, f64, bool);

fn told(wait: &Wait) -> Told {
    let owners = wait.owners.iter().map(|owner| owner.0).collect();
    (wait.thread.0, name(wait.kind), wait.address, owners, wait.waited.as_secs_f64(), wait.timed)
}

/// What Python calls it.
fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Lock => "Lock",
        Kind::ReentrantLock => "RLock",
        Kind::Condition => "Condition",
        Kind::Semaphore => "Semaphore",
        Kind::Event => "Event",
        Kind::Barrier => "Barrier",
        Kind::QueueGet => "Queue.get",
        Kind::QueuePut => "Queue.put",
        Kind::QueueJoin => "Queue.join",
        Kind::Future => "Future",
        Kind::Join => "Thread",
        Kind::Work => "work",
        Kind::Process => "Process",
        _ => "unknown",
    }
}

/// The interpreter, as the engine's host. Each method is called by a thread that is attached, or can be.
struct Interpreter;

impl Interpreter {
    /// Has `ropewalk.doctor` tell it. In a thread of its own if the calling one is a daemon: see `scene`; or the one that
    /// runs the handlers of signals, for what those raise amid a report would be lost. What goes wrong goes to
    /// `sys.unraisablehook`. In a dying interpreter nothing is told.
    fn tell<'py>(py: Python<'py>, function: &str, arguments: PyResult<Bound<'py, PyTuple>>) {
        let tell = || {
            let (function, arguments) = (py.import("ropewalk.doctor")?.getattr(function)?, arguments?);
            let lasts = match scene::this_thread(py)? {
                Some(thread) => !thread.getattr("_daemonic")?.is_truthy()?,
                None => false,
            };
            if lasts && !thread::is_first() {
                return function.call1(arguments).map(drop);
            }
            match aside::tell(py, &function, &arguments) {
                Ok(Some(telling)) if lasts => aside::listen(py, &telling),
                Ok(None) | Err(_) if lasts => return function.call1(arguments).map(drop),
                told => return told.map(drop),
            }
            Ok(())
        };
        match tell() {
            // Its import was interrupted, or it was told here after all: once more, from where the program sees it.
            Err(error) if error.is_instance_of::<PyKeyboardInterrupt>(py) => {
                let again = py.import("_thread").and_then(|module| module.call_method0("interrupt_main"));
                drop(again);
            }
            Err(error) => error.write_unraisable(py, None),
            Ok(()) => {}
        }
    }
}

impl Host for Interpreter {
    fn report(&self, report: &Report<'_>) {
        let (verdict, waits) = match report {
            Report::Processes(cycle) => {
                Python::try_attach(|py| {
                    let arguments = processes::told_of(cycle).into_pyobject(py);
                    Interpreter::tell(py, "_report_processes", arguments);
                });
                return;
            }
            Report::Cycle(cycle) if cycle.is_certain() => ("certain", cycle.waits()),
            Report::Cycle(cycle) => ("possible", cycle.waits()),
            Report::Everyone(waits) => ("everyone", *waits),
            _ => return,
        };
        Python::try_attach(|py| {
            let scene = scene::take_down(py, waits.iter().map(told).collect());
            Interpreter::tell(py, "_report", scene.and_then(|scene| (verdict, scene).into_pyobject(py)));
        });
    }

    fn inversion(&self, inversion: &Inversion) {
        let links = inversion.links().iter().map(|link| {
            let (held, taken) = (link.held.to_string(), link.taken.to_string());
            (held, link.held_number, taken, link.taken_number, link.place.to_string())
        });
        Python::try_attach(|py| {
            let arguments = PyList::new(py, links).and_then(|links| (links,).into_pyobject(py));
            Interpreter::tell(py, "_inversion", arguments);
        });
    }

    /// The threads that `threading` knows of, started or about to start.
    fn threads(&self) -> usize {
        let count = |py: Python<'_>| {
            let known = scene::known_threads(py);
            known.map_or(0, |known| known.iter().map(|threads| threads.bind(py).len()).sum())
        };
        Python::try_attach(count).unwrap_or(0)
    }

    fn is_everyone(&self, asleep: &[ThreadId]) -> bool {
        let ask = |py: Python<'_>| {
            let running = py.import("sys")?.call_method0("_current_frames")?.cast_into::<PyDict>()?;
            for ident in running.keys() {
                if !asleep.contains(&ThreadId(ident.extract()?)) {
                    return Ok(false);
                }
            }
            Ok::<_, PyErr>(!scene::handles_signals(py)?)
        };
        Python::try_attach(|py| ask(py).unwrap_or(false)).unwrap_or(false)
    }

    fn place(&self) -> Option<Arc<str>> {
        Python::try_attach(|py| scene::place(py).ok().map(Arc::from))?
    }

    fn standing(&self) -> String {
        Python::try_attach(|py| scene::standing(py).unwrap_or_default()).unwrap_or_default()
    }
}

/// What is done about a certain deadlock.
#[pyfunction]
fn deadlock_mode() -> &'static str {
    match wait_graph::mode() {
        Mode::Raise => "raise",
        Mode::Report => "report",
        Mode::Off => "off",
    }
}

/// Changes it, for waits that begin from now on.
#[pyfunction]
fn set_deadlock_mode(mode: &str) -> PyResult<()> {
    let mode = match mode {
        "raise" => Mode::Raise,
        "report" => Mode::Report,
        "off" => Mode::Off,
        other => {
            let message = format!("deadlock must be 'raise', 'report' or 'off', not {other:?}");
            return Err(PyValueError::new_err(message));
        }
    };
    wait_graph::set_mode(mode);
    Ok(())
}

/// Whether the order of locks made now is looked at, and which are taken for the same.
#[pyfunction]
fn lock_order() -> &'static str {
    match watching() {
        Watching::Off => "off",
        Watching::BySite => "site",
        Watching::ByInstance => "instance",
    }
}

/// Changes it, for locks made from now on.
#[pyfunction]
fn set_lock_order(watching: &str) -> PyResult<()> {
    let watching = match watching {
        "off" => Watching::Off,
        "site" => Watching::BySite,
        "instance" => Watching::ByInstance,
        other => {
            let message =
                format!("the order of locks is watched by 'site', by 'instance' or 'off', not {other:?}");
            return Err(PyValueError::new_err(message));
        }
    };
    set_watching(watching);
    Ok(())
}

/// Every wait now (thread, what, its address, who could end it, seconds waited, timed or not), and what
/// `ropewalk.doctor` needs to tell about them.
#[pyfunction]
fn waits(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
    scene::take_down(py, wait_graph::waits().iter().map(told).collect())?.into_pyobject(py)
}

/// A thread has ended that might have woken others.
#[pyfunction]
fn thread_ended() {
    wait_graph::thread_ended();
}

/// A wait outside the engine: for the end of `thread` (of number `ident`), or of all threads.
#[pyclass(name = "Declared", module = "ropewalk._ropewalk", frozen)]
struct Declared(Mutex<Option<wait_graph::Declared>>);

#[pymethods]
impl Declared {
    #[new]
    #[pyo3(signature = (ident = None, thread = None))]
    fn new(py: Python<'_>, ident: Option<u64>, thread: Option<Py<PyAny>>) -> PyResult<Declared> {
        let declared = match (ident, thread) {
            (Some(ident), Some(thread)) if ident != thread::current().0 => {
                let address = thread.as_ptr().addr();
                wait_graph::declare_join(ThreadId(ident), address, Arc::new(Joined(thread)))
                    .map_err(|cycle| error(py, &cycle))?
            }
            _ => wait_graph::declare_end(),
        };
        Ok(Declared(Mutex::new(Some(declared))))
    }

    /// The wait is over.
    fn close(&self) {
        let declared = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(declared);
    }
}

struct Joined(Py<PyAny>);

impl Alive for Joined {
    fn is_alive(&self) -> bool {
        // One of whom that cannot be said is taken for alive: who asks looks again until the answer is yes.
        Python::try_attach(|py| scene::is_alive(self.0.bind(py)).unwrap_or(true)).unwrap_or(false)
    }
}
