//! `threading.Lock`: the engine's lock as a type made by hand.

#![allow(unsafe_code)] // Contract: see `raw`.

use crate::detach::Attached;
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
use ropewalk::sync::Lock;
use std::mem::offset_of;
use std::ptr::null_mut;

/// The object, as the interpreter sees it (rule 2).
#[repr(C)]
struct RawLock {
    header: ffi::PyObject,
    weakrefs: *mut ffi::PyObject,
    lock: Lock,
}

static TYPE: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// The type, made in the image of `_thread.lock`.
pub(crate) fn class<'py>(py: Python<'py>) -> PyResult<&'py Bound<'py, PyType>> {
    let class = once(py, &TYPE, || {
        let plan = Plan {
            size: size_of::<RawLock>(),
            weakrefs_offset: offset_of!(RawLock, weakrefs),
            methods: &METHODS,
            new,
            dealloc,
            repr,
            finish: with_method::install::<Held>,
        };
        plan.make(&py.import("_thread")?.getattr("LockType")?.cast_into()?).map(Bound::unbind)
    })?;
    Ok(class.bind(py))
}

/// What makes a lock: a function up to Python 3.12 and the type itself since, as is the `original` `threading.Lock`.
pub(crate) fn factory<'py>(original: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let class = class(original.py())?;
    if original.cast::<PyType>().is_err() {
        return factory::new::<Held>(original, "Lock");
    }
    // SAFETY: rule 3; it is our type, and not in use yet. The slot spares a call of the type two look-ups.
    unsafe { (*class.as_type_ptr()).tp_vectorcall = Some(vectorcall) };
    Ok(class.as_any().clone())
}

const METHODS: [raw::Method; 9] = [
    raw::keywords(c"acquire", acquire),
    raw::keywords(c"acquire_lock", acquire),
    raw::plain(c"release", release),
    raw::plain(c"release_lock", release),
    raw::plain(c"locked", locked),
    raw::plain(c"locked_lock", locked),
    raw::keywords(c"__enter__", acquire),
    raw::positional(c"__exit__", exit),
    raw::plain(c"_at_fork_reinit", at_fork_reinit),
];

/// A lock of ours, held by whoever needs its engine: never a subclass, for there are none.
pub(crate) struct LockObject(Py<PyAny>);

impl LockObject {
    /// `None` if `object` is anything else.
    pub(crate) fn new(object: &Bound<'_, PyAny>) -> Option<LockObject> {
        let class = TYPE.get(object.py())?;
        object.get_type().is(class).then(|| LockObject(object.clone().unbind()))
    }

    pub(crate) fn object(&self) -> &Py<PyAny> {
        &self.0
    }

    #[inline]
    pub(crate) fn engine(&self) -> &Lock {
        // SAFETY: `new` looked at the type: rule 2; the object lives as long as our reference.
        unsafe { engine(self.0.as_ptr()) }
    }
}

/// # Safety
/// `slf` is an object of our type that outlives the reference.
#[inline(always)]
unsafe fn engine<'a>(slf: *mut ffi::PyObject) -> &'a Lock {
    // SAFETY: rule 2.
    unsafe { &(*slf.cast::<RawLock>()).lock }
}

/// # Safety
/// Rule 1: `class` is our type.
#[inline(always)]
unsafe fn make(class: *mut ffi::PyTypeObject) -> *mut ffi::PyObject {
    // SAFETY: rule 1; rules 2 and 4: the allocator has written the header and zeroed the rest.
    unsafe {
        let slf = ffi::PyType_GenericAlloc(class, 0);
        if !slf.is_null() {
            (&raw mut (*slf.cast::<RawLock>()).lock).write(Lock::new());
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
unsafe extern "C" fn vectorcall(
    class: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: rule 1; the original refuses all arguments.
    unsafe {
        if ffi::PyVectorcall_NARGS(count) == 0 && names.is_null() {
            return make(class.cast());
        }
        guarded(|| refuse(|original| ffi::PyObject_Vectorcall(original, args, count, names)))
    }
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn new(
    class: *mut ffi::PyTypeObject,
    args: *mut ffi::PyObject,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: rule 1; the original refuses all arguments.
    unsafe {
        if ffi::PyTuple_GET_SIZE(args) == 0 && (names.is_null() || ffi::PyDict_Size(names) == 0) {
            return make(class);
        }
        guarded(|| refuse(|original| ffi::PyObject_Call(original, args, names)))
    }
}

/// Lets the original say what is wrong with the arguments.
fn refuse(call: impl FnOnce(*mut ffi::PyObject) -> *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: rule 1: attached.
    let py = unsafe { Python::assume_attached() };
    match class(py).and_then(|class| class.getattr("__original__")) {
        Ok(original) => call(original.as_ptr()),
        Err(error) => raw::raise(py, error),
    }
}

/// # Safety
/// Rule 1, and nobody has a reference any more.
unsafe extern "C" fn dealloc(slf: *mut ffi::PyObject) {
    // SAFETY: rule 2; a type from the heap is referred to by each of its objects.
    unsafe {
        let class = ffi::Py_TYPE(slf);
        ffi::PyObject_GC_UnTrack(slf.cast());
        let object = slf.cast::<RawLock>();
        if !(*object).weakrefs.is_null() {
            ffi::PyObject_ClearWeakRefs(slf);
        }
        (&raw mut (*object).lock).drop_in_place();
        ffi::PyObject_GC_Del(slf.cast());
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
        return if lock.acquire_at_once() { boolean(true) } else { wait(lock, Deadline::NEVER) };
    }
    guarded(|| {
        // SAFETY: rule 1.
        let (py, arguments) = unsafe { (Python::assume_attached(), Arguments::new(args, count, names)) };
        match arguments.deadline(py, || py.import("_thread")?.call_method0("allocate_lock")) {
            Ok(deadline) => wait(lock, deadline),
            Err(error) => raw::raise(py, error),
        }
    })
}

#[inline(never)]
fn wait(lock: &Lock, deadline: Deadline) -> *mut ffi::PyObject {
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
    guarded(|| if lock.release() { none() } else { runtime_error(c"release unlocked lock") })
}

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
        if lock.acquire_at_once() { boolean(true) } else { wait(lock, Deadline::NEVER) }
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
        raw::string(&format!("<{state} {name} object at {slf:p}>"))
    })
}
