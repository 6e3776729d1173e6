//! `threading.RLock`: the engine's reentrant lock as a type made by hand.

#![allow(unsafe_code)] // Contract: see `raw`.

use crate::detach::{Attached, Undisturbed};
use crate::error;
use crate::once::once;
use crate::threading::acquire::Arguments;
use crate::threading::factory::{self, Product};
use crate::threading::raw::{self, Plan, boolean, guarded, none, runtime_error};
use crate::threading::with_method::{self, With};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use ropewalk::Deadline;
use ropewalk::sync::{ReentrantLock, Saved};
use ropewalk_os::thread;
use std::mem::offset_of;
use std::ptr::null_mut;

/// The object, as the interpreter sees it (rule 2).
#[repr(C)]
struct RawReentrant {
    header: ffi::PyObject,
    weakrefs: *mut ffi::PyObject,
    lock: ReentrantLock,
}

static TYPE: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// The type, made in the image of `_thread.RLock`.
pub(crate) fn class<'py>(py: Python<'py>) -> PyResult<&'py Bound<'py, PyType>> {
    let class = once(py, &TYPE, || {
        let plan = Plan {
            size: size_of::<RawReentrant>(),
            weakrefs_offset: offset_of!(RawReentrant, weakrefs),
            methods: &METHODS,
            new,
            dealloc,
            repr,
            finish: with_method::install::<Held>,
        };
        plan.make(&py.import("_thread")?.getattr("RLock")?.cast_into()?).map(Bound::unbind)
    })?;
    Ok(class.bind(py))
}

/// `threading.RLock` itself, a function on every version; `original` is the one that it stands in for.
pub(crate) fn factory<'py>(original: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    class(original.py())?;
    factory::new::<Held>(original, "RLock")
}

const METHODS: [raw::Method; 10] = [
    raw::keywords(c"acquire", acquire),
    raw::plain(c"release", release),
    raw::plain(c"locked", locked),
    raw::keywords(c"__enter__", acquire),
    raw::positional(c"__exit__", exit),
    raw::plain(c"_is_owned", is_owned),
    raw::plain(c"_recursion_count", recursion_count),
    raw::plain(c"_release_save", release_save),
    raw::single(c"_acquire_restore", acquire_restore),
    raw::plain(c"_at_fork_reinit", at_fork_reinit),
];

/// A reentrant lock of ours, held by whoever needs its engine; not of a subclass, which may do anything.
pub(crate) struct ReentrantObject(Py<PyAny>);

impl ReentrantObject {
    /// `None` if `object` is anything else.
    pub(crate) fn new(object: &Bound<'_, PyAny>) -> Option<ReentrantObject> {
        let class = TYPE.get(object.py())?;
        object.get_type().is(class).then(|| ReentrantObject(object.clone().unbind()))
    }

    /// A free one.
    pub(crate) fn fresh(py: Python<'_>) -> PyResult<ReentrantObject> {
        // SAFETY: it is our type; rule 4.
        let object = unsafe { Bound::from_owned_ptr_or_err(py, make(class(py)?.as_type_ptr()))? };
        Ok(ReentrantObject(object.unbind()))
    }

    pub(crate) fn object(&self) -> &Py<PyAny> {
        &self.0
    }

    #[inline]
    pub(crate) fn engine(&self) -> &ReentrantLock {
        // SAFETY: `new` looked at the type: rule 2; the object lives as long as our reference.
        unsafe { engine(self.0.as_ptr()) }
    }
}

/// # Safety
/// `slf` is an object of our type that outlives the reference.
#[inline(always)]
unsafe fn engine<'a>(slf: *mut ffi::PyObject) -> &'a ReentrantLock {
    // SAFETY: rule 2.
    unsafe { &(*slf.cast::<RawReentrant>()).lock }
}

/// # Safety
/// Rule 1: `class` is our type or a subclass.
#[inline(always)]
unsafe fn make(class: *mut ffi::PyTypeObject) -> *mut ffi::PyObject {
    // SAFETY: rule 1; rules 2 and 4: the allocator has written the header and zeroed the rest.
    unsafe {
        let slf = ffi::PyType_GenericAlloc(class, 0);
        if !slf.is_null() {
            (&raw mut (*slf.cast::<RawReentrant>()).lock).write(ReentrantLock::new());
        }
        slf
    }
}

impl Product for Held {
    #[inline(always)]
    fn make(py: Python<'_>) -> *mut ffi::PyObject {
        match TYPE.get(py) {
            // SAFETY: rule 1: it is our type.
            Some(class) => unsafe { make(class.as_ptr().cast()) },
            None => runtime_error(c"the type of locks is not made yet"),
        }
    }
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn new(
    class: *mut ffi::PyTypeObject,
    _: *mut ffi::PyObject,
    _: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: rule 1.
    unsafe { make(class) }
}

/// # Safety
/// Rule 1, and nobody has a reference any more.
unsafe extern "C" fn dealloc(slf: *mut ffi::PyObject) {
    // SAFETY: rule 2; a type from the heap is referred to by each of its objects.
    unsafe {
        let class = ffi::Py_TYPE(slf);
        ffi::PyObject_GC_UnTrack(slf.cast());
        let object = slf.cast::<RawReentrant>();
        if !(*object).weakrefs.is_null() {
            ffi::PyObject_ClearWeakRefs(slf);
        }
        (&raw mut (*object).lock).drop_in_place();
        if let Some(free) = (*class).tp_free {
            free(slf.cast());
        }
        ffi::Py_DECREF(class.cast());
    }
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn acquire(
    slf: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: rule 1.
    let lock = unsafe { engine(slf) };
    if count == 0 && names.is_null() {
        return if lock.acquire_at_once() { boolean(true) } else { otherwise(lock) };
    }
    guarded(|| {
        // SAFETY: rule 1.
        let (py, arguments) = unsafe { (Python::assume_attached(), Arguments::new(args, count, names)) };
        match arguments.deadline(py, || original(py)) {
            Ok(deadline) => wait(lock, deadline),
            Err(error) => raw::raise(py, error),
        }
    })
}

/// A lock of the interpreter's own.
fn original(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    py.import("_thread")?.call_method0("RLock")
}

/// The rest of an acquire without arguments that was not done at once.
#[inline(never)]
fn otherwise(lock: &ReentrantLock) -> *mut ffi::PyObject {
    guarded(|| {
        // SAFETY: rule 1: attached.
        let py = unsafe { Python::assume_attached() };
        match lock.acquire_otherwise(&mut Attached(py), Deadline::NEVER) {
            Ok(taken) => boolean(taken),
            Err(reason) => raw::raise(py, error::halted(py, reason)),
        }
    })
}

#[inline(never)]
fn wait(lock: &ReentrantLock, deadline: Deadline) -> *mut ffi::PyObject {
    guarded(|| {
        // SAFETY: rule 1: attached.
        let py = unsafe { Python::assume_attached() };
        match lock.acquire(&mut Attached(py), deadline) {
            Ok(taken) => boolean(taken),
            Err(reason) => raw::raise(py, error::halted(py, reason)),
        }
    })
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn release(slf: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: rule 1.
    let lock = unsafe { engine(slf) };
    guarded(|| match lock.release() {
        Ok(()) => none(),
        Err(_) => runtime_error(NOT_OWNER),
    })
}

const NOT_OWNER: &std::ffi::CStr = c"cannot release un-acquired lock";

/// # Safety
/// Rule 1.
unsafe extern "C" fn exit(
    slf: *mut ffi::PyObject,
    _: *mut *mut ffi::PyObject,
    _: ffi::Py_ssize_t,
) -> *mut ffi::PyObject {
    // SAFETY: rule 1.
    unsafe { release(slf, null_mut()) }
}

/// Held for the length of a `with` statement.
struct Held;

impl With for Held {
    #[inline(always)]
    unsafe fn enter(slf: *mut ffi::PyObject) -> *mut ffi::PyObject {
        // SAFETY: rule 1.
        let lock = unsafe { engine(slf) };
        if lock.acquire_at_once() { boolean(true) } else { otherwise(lock) }
    }

    #[inline(always)]
    unsafe fn exit(slf: *mut ffi::PyObject) -> *mut ffi::PyObject {
        // SAFETY: rule 1.
        unsafe { release(slf, null_mut()) }
    }
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn locked(slf: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: rule 1.
    boolean(unsafe { engine(slf) }.is_locked())
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn is_owned(slf: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: rule 1.
    boolean(unsafe { engine(slf) }.is_owned())
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn recursion_count(slf: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: rule 1.
    let lock = unsafe { engine(slf) };
    let count = if lock.is_owned() { lock.depth() } else { 0 };
    // SAFETY: rule 1: attached.
    unsafe { ffi::PyLong_FromSize_t(count) }
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn release_save(slf: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: rule 1.
    let lock = unsafe { engine(slf) };
    guarded(|| {
        // SAFETY: rule 1: attached.
        let py = unsafe { Python::assume_attached() };
        let Ok(saved) = lock.release_all() else { return runtime_error(NOT_OWNER) };
        match (saved.depth, thread::current().0).into_pyobject(py) {
            Ok(state) => state.into_ptr(),
            Err(error) => raw::raise(py, error),
        }
    })
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn acquire_restore(
    slf: *mut ffi::PyObject,
    state: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: rule 1.
    let lock = unsafe { engine(slf) };
    guarded(|| {
        // SAFETY: rule 1: attached, and `state` is an argument.
        let (py, state) = unsafe {
            let py = Python::assume_attached();
            (py, Borrowed::from_ptr(py, state))
        };
        let depth = match state.extract::<(usize, u64)>() {
            Ok((depth, _)) => depth,
            // The original says what is wrong with it.
            Err(error) => {
                let refusal = original(py).and_then(|lock| lock.call_method1("_acquire_restore", (state,)));
                return raw::raise(py, refusal.err().unwrap_or(error));
            }
        };
        match lock.restore(Saved { depth }, &mut Undisturbed(py)) {
            Ok(()) => none(),
            Err(reason) => raw::raise(py, error::halted(py, reason)),
        }
    })
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn at_fork_reinit(slf: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: rule 1.
    let lock = unsafe { engine(slf) };
    guarded(|| {
        lock.reset();
        none()
    })
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn repr(slf: *mut ffi::PyObject) -> *mut ffi::PyObject {
    guarded(|| {
        // SAFETY: rule 1.
        let (lock, name) = unsafe { (engine(slf), raw::type_name(slf)) };
        let state = if lock.is_locked() { "locked" } else { "unlocked" };
        let (owner, count) = (lock.owner().map_or(0, |thread| thread.0), lock.depth());
        raw::string(&format!("<{state} {name} object owner={owner} count={count} at {slf:p}>"))
    })
}
