//! What every thread stands at, taken down in one breath.
//!
//! A daemon thread may not run Python code beneath a frame of Rust: should the interpreter end meanwhile, it would
//! end that thread through the frame, and abort. So nothing here runs a line of Python: only functions and
//! attributes of the interpreter that are written in C are used, and none that gives up the GIL. Nor one that looks for
//! signals, as `str()` and `repr()` do even of a string: what a handler raises is not for us, and would be lost.

use super::Told;
use crate::once::{intern, once};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyString};
use std::borrow::Cow;

/// Frames taken down of each thread, the innermost first; with their variables as far as names are looked for.
const FRAMES: usize = 40;
const WITH_VARIABLES: usize = 12;
/// Places that are written down for other processes.
const STANDING: usize = 8;

/// The dictionaries in which `threading` keeps the threads that run and those about to: the same objects always.
pub(super) fn known_threads(py: Python<'_>) -> PyResult<&[Py<PyDict>; 2]> {
    static KNOWN: PyOnceLock<[Py<PyDict>; 2]> = PyOnceLock::new();
    once(py, &KNOWN, || {
        let threading = py.import("threading")?;
        let dictionary =
            |name| -> PyResult<Py<PyDict>> { Ok(threading.getattr(name)?.cast_into::<PyDict>()?.unbind()) };
        Ok([dictionary("_active")?, dictionary("_limbo")?])
    })
}

/// The `Thread` of the calling thread, if `threading` knows it.
pub(super) fn this_thread<'py>(py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
    known_threads(py)?[0].bind(py).get_item(ropewalk_os::thread::current().0)
}

/// The waits; frames by thread; names of threads by number and by address.
pub(super) type Scene<'py> = (Vec<Told>, Bound<'py, PyDict>, Bound<'py, PyDict>, Bound<'py, PyDict>);

/// The waits, and all that `ropewalk.doctor` needs to tell about them later.
pub(super) fn take_down(py: Python<'_>, told: Vec<Told>) -> PyResult<Scene<'_>> {
    let (frames, names, addresses) = (PyDict::new(py), PyDict::new(py), PyDict::new(py));
    if told.is_empty() {
        return Ok((told, frames, names, addresses)); // `threading` may not even be imported
    }
    let current = py.import("sys")?.call_method0(intern!(py, "_current_frames"))?.cast_into::<PyDict>()?;
    for (ident, _, _, owners, _, _) in &told {
        for ident in owners.iter().chain([ident]) {
            if let (false, Some(frame)) = (frames.contains(ident)?, current.get_item(ident)?) {
                frames.set_item(ident, stack(frame)?)?;
            }
        }
    }
    for (ident, thread) in known_threads(py)?[0].bind(py).iter() {
        if let Some(name) = thread.getattr_opt(intern!(py, "_name"))? {
            names.set_item(ident, &name)?;
            addresses.set_item(thread.as_ptr().addr(), name)?;
        }
    }
    Ok((told, frames, names, addresses))
}

/// Code, line, globals and variables of each frame; no variables means the globals, or too far out.
pub(crate) fn stack<'py>(innermost: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    let py = innermost.py();
    let frames = PyList::empty(py);
    let mut next = Some(innermost);
    while let Some(frame) = next.filter(|frame| !frame.is_none() && frames.len() < FRAMES) {
        let globals = frame.getattr(intern!(py, "f_globals"))?;
        let mut variables = None;
        if frames.len() < WITH_VARIABLES {
            let locals = frame.getattr(intern!(py, "f_locals"))?;
            if !locals.is(&globals) {
                variables = Some(locals.call_method0(intern!(py, "copy"))?);
            }
        }
        let (code, line) = (frame.getattr(intern!(py, "f_code"))?, frame.getattr(intern!(py, "f_lineno"))?);
        frames.append((code, line, globals, variables))?;
        next = Some(frame.getattr(intern!(py, "f_back"))?);
    }
    Ok(frames)
}

/// The line of the program that calls the engine now: the innermost outside the library and ropewalk.
pub(super) fn place(py: Python<'_>) -> PyResult<String> {
    let mut frame = py.import("sys")?.call_method1(intern!(py, "_getframe"), (0,))?;
    let innermost = frame.clone();
    while is_between(&frame)? {
        frame = frame.getattr(intern!(py, "f_back"))?;
        if frame.is_none() {
            frame = innermost;
            break;
        }
    }
    let file = frame.getattr(intern!(py, "f_code"))?.getattr(intern!(py, "co_filename"))?;
    Ok(format!(
        "{}:{}",
        file.extract::<String>()?,
        frame.getattr(intern!(py, "f_lineno"))?.extract::<usize>()?
    ))
}

/// What the calling thread and its process are called, and the places where it stands, a line each.
pub(super) fn standing(py: Python<'_>) -> PyResult<String> {
    let name = |object: Bound<'_, PyAny>| -> PyResult<String> {
        Ok(text(&object.getattr(intern!(py, "_name"))?).replace(['\n', '\t'], " "))
    };
    let mut standing = this_thread(py)?.map_or(Ok(String::new()), name)?;
    let modules = py.import("sys")?.getattr(intern!(py, "modules"))?.cast_into::<PyDict>()?;
    let processes = modules.get_item("multiprocessing.process")?; // it is not for us to import it here
    if let Some(Ok(process)) = processes.map(|module| module.getattr(intern!(py, "_current_process"))) {
        standing.push('\t');
        standing.push_str(&name(process)?);
    }
    let mut next = py.import("sys")?.call_method1(intern!(py, "_getframe"), (0,))?;
    let mut places = 0;
    while places < STANDING && !next.is_none() {
        if !is_between(&next)? {
            let code = next.getattr(intern!(py, "f_code"))?;
            let file = code.getattr(intern!(py, "co_filename"))?;
            let function = code.getattr(intern!(py, "co_name"))?;
            let line: Option<usize> = next.getattr(intern!(py, "f_lineno"))?.extract()?;
            let line = line.unwrap_or(0);
            standing.push_str(&format!("\n{}:{line} in {}", text(&file), text(&function)));
            places += 1;
        }
        next = next.getattr(intern!(py, "f_back"))?;
    }
    Ok(standing)
}

/// What a string says; a question mark for anything else, which would have to be asked.
fn text<'a>(object: &'a Bound<'_, PyAny>) -> Cow<'a, str> {
    object.cast::<PyString>().map_or(Cow::Borrowed("?"), |text| text.to_string_lossy())
}

/// Modules between the program and the engine.
const BETWEEN: [&str; 6] =
    ["threading", "queue", "contextlib", "concurrent.futures._base", "concurrent.futures.thread", "runpy"];

/// Packages between them.
const PACKAGES: [&str; 2] = ["ropewalk", "multiprocessing"];

fn is_between(frame: &Bound<'_, PyAny>) -> PyResult<bool> {
    let globals = frame.getattr(intern!(frame.py(), "f_globals"))?.cast_into::<PyDict>()?;
    let Some(module) = globals.get_item(intern!(frame.py(), "__name__"))? else { return Ok(false) };
    let Ok(module) = module.cast_into::<PyString>() else { return Ok(false) };
    let module = module.to_str()?;
    let package = module.split_once('.').map_or(module, |(package, _)| package);
    Ok(BETWEEN.contains(&module) || PACKAGES.contains(&package))
}

/// Whether a program's own signal handler could wake a thread. Ctrl-C, which raises, and ropewalk's own do not count.
pub(super) fn handles_signals(py: Python<'_>) -> PyResult<bool> {
    let signal = py.import("_signal")?;
    let usual = signal.getattr("default_int_handler")?;
    for number in 1..65 {
        let Ok(handler) = signal.call_method1(intern!(py, "getsignal"), (number,)) else { continue };
        if !handler.is_callable() || handler.is(&usual) {
            continue;
        }
        let module =
            handler.getattr_opt(intern!(py, "__module__"))?.and_then(|name| name.extract::<String>().ok());
        if !module.is_some_and(|name| name.starts_with("ropewalk.")) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a `Thread` that was started has not ended yet.
pub(super) fn is_alive(thread: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = thread.py();
    // Python 3.14, 3.13, and before.
    for name in [intern!(py, "_os_thread_handle"), intern!(py, "_handle")] {
        if let Some(handle) = thread.getattr_opt(name)? {
            return Ok(!handle.call_method0(intern!(py, "is_done"))?.is_truthy()?);
        }
    }
    let held = thread.getattr(intern!(py, "_tstate_lock"))?;
    Ok(!held.is_none() && held.call_method0(intern!(py, "locked"))?.is_truthy()?)
}
