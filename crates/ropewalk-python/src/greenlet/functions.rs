//! The functions of the module `greenlet._greenlet`, and the module.
#![allow(unsafe_code)] // Contract: see `mod`.

use super::big_stack;
use super::broken;
use super::capsule;
use super::class::{self, class};
use super::depth;
use super::elsewhere;
use super::graveyard::{self, SEARCHED};
use super::interpreter;
use super::look;
use super::object::hold;
use super::thread::{self, Attached, MAINS, end_the_unwanted};
use pyo3::exceptions::{PyBaseException, PyRuntimeError};
use pyo3::ffi;
use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use pyo3::types::{PyModule, PyString, PyTuple};
use std::ptr::null_mut;

/// Objects that are looked up once. They live as long as the process.
pub(super) struct Names {
    pub(super) run: *mut PyObject,
    pub(super) switch: *mut PyObject,
    pub(super) throw: *mut PyObject,
    pub(super) get_referrers: *mut PyObject,
    /// The empty tuple: what a switch without arguments brings.
    pub(super) nothing: *mut PyObject,
    pub(super) error: *mut PyObject,
    pub(super) exit: *mut PyObject,
}

static NAMES: Attached<Names> = Attached::new(Names {
    run: null_mut(),
    switch: null_mut(),
    throw: null_mut(),
    get_referrers: null_mut(),
    nothing: null_mut(),
    error: null_mut(),
    exit: null_mut(),
});

/// They are there before there is any greenlet.
#[inline(always)]
pub(super) fn names() -> &'static Names {
    // SAFETY: rule 1; nobody writes to them but `prepare`.
    unsafe { NAMES.get() }
}

/// Makes the types ready, and adds what belongs to greenlets to the extension module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    prepare(py)?;
    depth::read_environment(py)?;
    let inner = inner_module(py)?;
    for name in ["greenlet", "GreenletExit", "getcurrent", "gettrace", "settrace"] {
        module.add(name, inner.getattr(name)?)?;
    }
    module.add("GreenletError", inner.getattr("error")?)?;
    module.add_function(wrap_pyfunction!(depth::stack_size, module)?)?;
    big_stack::register(module)?;
    module.add_function(wrap_pyfunction!(look::greenlets, module)?)?;
    module.add_function(wrap_pyfunction!(elsewhere::process_greenlets, module)?)?;
    module.add("_greenlet", inner)
}

fn prepare(py: Python<'_>) -> PyResult<()> {
    let interned = |text| PyString::intern(py, text).into_ptr();
    // SAFETY: rules 1 and 7: the extension module is made once in a process.
    unsafe {
        let exception = |name: &std::ffi::CStr, base| {
            Bound::from_owned_ptr_or_err(py, ffi::PyErr_NewException(name.as_ptr(), base, null_mut()))
        };
        *NAMES.get() = Names {
            run: interned("run"),
            switch: interned("switch"),
            throw: interned("throw"),
            get_referrers: interned("get_referrers"),
            nothing: PyTuple::empty(py).into_ptr(),
            error: exception(c"greenlet.error", null_mut())?.into_ptr(),
            exit: exception(c"greenlet.GreenletExit", py.get_type::<PyBaseException>().as_ptr())?.into_ptr(),
        };
        interpreter::lend_the_jump();
        // If there is no memory for that now, a child may be told of greenlets that it has not.
        interpreter::watch_forks();
        if !class::prepare() {
            return Err(PyErr::fetch(py));
        }
    }
    Ok(())
}

/// `greenlet._greenlet`, with all that greenlet's own module of that name has.
fn inner_module(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    let module = PyModule::new(py, "greenlet._greenlet")?;
    // SAFETY: rules 1 and 7: types and exceptions live for ever.
    let (class, error, exit, broken) = unsafe {
        let broken = Bound::from_borrowed_ptr_or_err(py, broken::prepare().cast())?;
        let object = |pointer| Bound::from_borrowed_ptr(py, pointer);
        (object(class().cast()), object(names().error), object(names().exit), broken)
    };
    module.add("greenlet", &class)?;
    module.add("UnswitchableGreenlet", broken)?;
    module.add("error", error)?;
    module.add("GreenletExit", exit)?;
    for name in ["GC", "TRACING", "CONTEXT_VARS", "STANDARD_THREADING"] {
        module.add(format!("GREENLET_USE_{name}"), true)?;
    }
    module.add("CLOCKS_PER_SEC", 1_000_000)?;
    module.add_function(wrap_pyfunction!(getcurrent, &module)?)?;
    module.add_function(wrap_pyfunction!(settrace, &module)?)?;
    module.add_function(wrap_pyfunction!(gettrace, &module)?)?;
    module.add_function(wrap_pyfunction!(set_thread_local, &module)?)?;
    module.add_function(wrap_pyfunction!(get_pending_cleanup_count, &module)?)?;
    module.add_function(wrap_pyfunction!(get_total_main_greenlets, &module)?)?;
    module.add_function(wrap_pyfunction!(get_clocks_used_doing_optional_cleanup, &module)?)?;
    module.add_function(wrap_pyfunction!(enable_optional_cleanup, &module)?)?;
    // SAFETY: rule 1.
    if unsafe { interpreter::delete_nesting() } >= 0 {
        module.add_function(wrap_pyfunction!(get_tstate_trash_delete_nesting, &module)?)?;
    }
    // Of a type of C nobody but its maker may set attributes.
    // SAFETY: rules 1 and 7.
    unsafe {
        let its = (*self::class()).tp_dict;
        for name in ["getcurrent", "error", "GreenletExit", "settrace", "gettrace"] {
            let key = PyString::intern(py, name);
            if ffi::PyDict_SetItem(its, key.as_ptr(), module.getattr(name)?.as_ptr()) < 0 {
                return Err(PyErr::fetch(py));
            }
        }
        ffi::PyType_Modified(self::class());
    }
    module.add("_C_API", capsule::new(py, c"greenlet._C_API")?)?;
    Ok(module)
}

/// The greenlet that runs.
#[pyfunction]
fn getcurrent(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: rules 1, 3 and 4.
    unsafe {
        if interpreter::is_finalizing() != 0 {
            return Err(PyRuntimeError::new_err("greenlet is being finalized"));
        }
        let thread = thread::calling();
        end_the_unwanted(thread);
        Ok(Bound::from_owned_ptr(py, hold((*thread).current).cast()))
    }
}

/// Calls ``callback(event, (origin, target))`` at each switch of this thread; ``None`` for nothing. Returns what was called
/// before.
#[pyfunction]
#[pyo3(signature = (callback, /))]
fn settrace<'py>(callback: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
    let before = gettrace(callback.py());
    // SAFETY: rules 1 and 3.
    unsafe {
        let function = if callback.is_none() { null_mut() } else { callback.clone().into_ptr() };
        thread::set_trace(thread::calling(), function);
    }
    before
}

/// What is called at each switch of this thread, or ``None``.
#[pyfunction]
fn gettrace(py: Python<'_>) -> Bound<'_, PyAny> {
    // SAFETY: rules 1 and 3.
    unsafe {
        let function = (*thread::calling()).trace;
        if function.is_null() { py.None().into_bound(py) } else { Bound::from_borrowed_ptr(py, function) }
    }
}

/// Sets an item of the thread state's dict. For tests.
#[pyfunction]
#[pyo3(signature = (key, value, /))]
fn set_thread_local(key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    // SAFETY: rules 1 and 7; a thread that runs Python code has that dict.
    unsafe {
        match ffi::PyDict_SetItem(ffi::PyThreadState_GetDict(), key.as_ptr(), value.as_ptr()) {
            0 => Ok(()),
            _ => Err(PyErr::fetch(key.py())),
        }
    }
}

/// Ended threads whose greenlets are yet to be let go of. For tests.
#[pyfunction]
fn get_pending_cleanup_count() -> usize {
    graveyard::waiting()
}

/// Main greenlets that there are, one for each thread that has used greenlets. For tests.
#[pyfunction]
fn get_total_main_greenlets() -> usize {
    // SAFETY: rule 1.
    unsafe { *MAINS.get() }
}

/// Processor time, in units of ``CLOCKS_PER_SEC``, that went into the search for greenlets that ended threads have left
/// behind; ``None`` if that is off.
#[pyfunction]
fn get_clocks_used_doing_optional_cleanup() -> Option<i64> {
    // SAFETY: rule 1.
    Some(unsafe { *SEARCHED.get() }).filter(|clocks| *clocks != -1)
}

/// Turns the search for greenlets that ended threads have left behind on or off.
#[pyfunction]
#[pyo3(signature = (flag, /))]
fn enable_optional_cleanup(flag: &Bound<'_, PyAny>) -> PyResult<()> {
    let is_on = flag.is_truthy()?;
    // SAFETY: rule 1.
    let searched = unsafe { SEARCHED.get() };
    *searched = if is_on { (*searched).max(0) } else { -1 };
    Ok(())
}

/// How deep the interpreter is in the release of nested containers. For tests.
#[pyfunction]
fn get_tstate_trash_delete_nesting() -> i64 {
    // SAFETY: rule 1.
    unsafe { interpreter::delete_nesting() }
}
