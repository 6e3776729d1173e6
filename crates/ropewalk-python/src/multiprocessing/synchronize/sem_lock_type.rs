//! The type of `multiprocessing`'s locks and semaphores, with the methods of `_multiprocessing.SemLock`.

#![allow(unsafe_code)] // Contract: see `sem_lock`.

use super::arguments;
use super::sem_lock::{Engine, Refusal, SemLock, TYPE};
use crate::once::once;
use crate::threading::raw::{self, Method, boolean, guarded, none, slot};
use pyo3::exceptions::{PyAssertionError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;
use ropewalk::Deadline;
use ropewalk::process::Semaphore;
use std::ffi::{CString, c_int, c_void};
use std::ptr::{null, null_mut};

const METHODS: [Method; 9] = [
    raw::keywords(c"acquire", acquire),
    raw::plain(c"release", release),
    raw::plain(c"__enter__", enter),
    raw::positional(c"__exit__", exit),
    raw::plain(c"_count", count),
    raw::plain(c"_is_mine", is_mine),
    raw::plain(c"_get_value", get_value),
    raw::plain(c"_is_zero", is_zero),
    raw::plain(c"_after_fork", after_fork),
];

/// The type, with the methods and docstrings of `original`, the type `_multiprocessing.SemLock`.
#[pyfunction]
pub(crate) fn make_sem_lock<'py>(original: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyType>> {
    let py = original.py();
    Ok(once(py, &TYPE, || make(original).map(Bound::unbind))?.bind(py).clone())
}

fn make<'py>(original: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyType>> {
    let member = |name: *const _, offset: usize| ffi::PyMemberDef {
        name,
        type_code: ffi::Py_T_PYSSIZET,
        offset: offset as ffi::Py_ssize_t,
        flags: ffi::Py_READONLY,
        doc: null(),
    };
    let members = [
        member(c"__weaklistoffset__".as_ptr(), SemLock::WEAKREFS),
        ffi::PyMemberDef { name: null(), type_code: 0, offset: 0, flags: 0, doc: null() },
    ];
    let getter = |name: *const _, get: ffi::getter| ffi::PyGetSetDef {
        name,
        get: Some(get),
        set: None,
        doc: null(),
        closure: null_mut(),
    };
    let getters = [
        getter(c"handle".as_ptr(), handle),
        getter(c"kind".as_ptr(), kind),
        getter(c"maxvalue".as_ptr(), maxvalue),
        getter(c"name".as_ptr(), name),
        ffi::PyGetSetDef { name: null(), get: None, set: None, doc: null(), closure: null_mut() },
    ];
    let doc: Option<String> = original.getattr("__doc__")?.extract()?;
    let doc = CString::new(doc.unwrap_or_default())?;
    // SAFETY: rule 3: leaked, as descriptors point into them.
    let (members, getters) = (Box::leak(Box::new(members)), Box::leak(Box::new(getters)));
    let mut slots = [
        slot(ffi::Py_tp_methods, raw::method_table(&METHODS, original)?.cast()),
        slot(ffi::Py_tp_members, members.as_mut_ptr().cast()),
        slot(ffi::Py_tp_getset, getters.as_mut_ptr().cast()),
        slot(ffi::Py_tp_new, new as *mut c_void),
        slot(ffi::Py_tp_dealloc, dealloc as *mut c_void),
        slot(ffi::Py_tp_traverse, raw::traverse as *mut c_void),
        slot(ffi::Py_tp_doc, doc.as_ptr().cast_mut().cast()),
        slot(0, null_mut()),
    ];
    let mut spec = ffi::PyType_Spec {
        name: c"ropewalk._ropewalk.SemLock".as_ptr(),
        basicsize: size_of::<SemLock>() as c_int,
        itemsize: 0,
        flags: (ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_BASETYPE | ffi::Py_TPFLAGS_HAVE_GC) as _,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: rules 3 and 4.
    let made: Bound<'py, PyType> = unsafe {
        let made = ffi::PyType_FromSpec(&mut spec);
        Bound::from_owned_ptr_or_err(original.py(), made)?.cast_into_unchecked()
    };
    made.setattr("SEM_VALUE_MAX", Semaphore::MAX)?;
    Ok(made)
}

impl Refusal {
    /// As the original says it.
    #[cold]
    pub(super) fn error(self) -> PyErr {
        match self {
            Refusal::NotMine => {
                PyAssertionError::new_err("attempt to release recursive lock not owned by thread")
            }
            Refusal::TooOften => PyValueError::new_err("semaphore or lock released too many times"),
        }
    }
}

/// # Safety
/// Rule 1: `slf` is an object of our type that outlives the reference.
#[inline(always)]
unsafe fn fields<'a>(slf: *mut ffi::PyObject) -> &'a SemLock {
    // SAFETY: rules 2 and 5.
    unsafe { &*slf.cast::<SemLock>() }
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn new(
    class: *mut ffi::PyTypeObject,
    _: *mut ffi::PyObject,
    _: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: rules 1, 2 and 4: the allocator has written the header and zeroed the rest.
    unsafe {
        let slf = ffi::PyType_GenericAlloc(class, 0);
        if !slf.is_null() {
            (&raw mut (*slf.cast::<SemLock>()).engine).write(Engine::None);
        }
        slf
    }
}

/// # Safety
/// Rule 1, and nobody has a reference any more.
unsafe extern "C" fn dealloc(slf: *mut ffi::PyObject) {
    // SAFETY: rule 2; a type from the heap is referred to by each of its objects.
    unsafe {
        let class = ffi::Py_TYPE(slf);
        ffi::PyObject_GC_UnTrack(slf.cast());
        let object = slf.cast::<SemLock>();
        if !(*object).weakrefs.is_null() {
            ffi::PyObject_ClearWeakRefs(slf);
        }
        (&raw mut (*object).engine).drop_in_place();
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
    let this = unsafe { fields(slf) };
    if count == 0 && names.is_null() {
        return if this.take_at_once() { boolean(true) } else { wait(slf, Deadline::NEVER) };
    }
    guarded(|| {
        // SAFETY: rule 1.
        let (py, deadline) = unsafe {
            let py = Python::assume_attached();
            (py, arguments::deadline(py, args, count, names))
        };
        match deadline {
            Ok(deadline) => wait(slf, deadline),
            Err(error) => raw::raise(py, error),
        }
    })
}

#[inline(never)]
fn wait(slf: *mut ffi::PyObject, deadline: Deadline) -> *mut ffi::PyObject {
    guarded(|| {
        // SAFETY: rule 1: attached.
        let (py, object, this) = unsafe {
            let py = Python::assume_attached();
            (py, Borrowed::from_ptr(py, slf), fields(slf))
        };
        match this.take(&object, deadline) {
            Ok(taken) => boolean(taken),
            Err(error) => raw::raise(py, error),
        }
    })
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn enter(slf: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: rule 1.
    if unsafe { fields(slf) }.take_at_once() { boolean(true) } else { wait(slf, Deadline::NEVER) }
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn release(slf: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: rule 1.
    match unsafe { fields(slf) }.give() {
        Ok(()) => none(),
        // SAFETY: rule 1: attached.
        Err(refusal) => raw::raise(unsafe { Python::assume_attached() }, refusal.error()),
    }
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

/// # Safety
/// Rule 1.
unsafe extern "C" fn count(slf: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: rule 1.
    unsafe { ffi::PyLong_FromLongLong(fields(slf).taken()) }
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn is_mine(slf: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: rule 1.
    boolean(unsafe { fields(slf) }.mine())
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn get_value(slf: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: rule 1.
    unsafe { ffi::PyLong_FromUnsignedLong(fields(slf).permits().into()) }
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn is_zero(slf: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: rule 1.
    boolean(unsafe { fields(slf) }.permits() == 0)
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn after_fork(slf: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: rule 1.
    unsafe { fields(slf) }.count.set(0);
    none()
}

/// A number of its own, as the original's address of its semaphore.
///
/// # Safety
/// Rule 1.
unsafe extern "C" fn handle(slf: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject {
    // SAFETY: rule 1; the address is only a number.
    unsafe { ffi::PyLong_FromVoidPtr(slf.cast()) }
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn kind(slf: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject {
    // SAFETY: rule 1.
    unsafe { ffi::PyLong_FromLong(fields(slf).kind.into()) }
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn maxvalue(slf: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject {
    // SAFETY: rule 1.
    unsafe { ffi::PyLong_FromUnsignedLong(fields(slf).most.into()) }
}

/// It has none.
///
/// # Safety
/// Rule 1.
unsafe extern "C" fn name(_: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject {
    none()
}
