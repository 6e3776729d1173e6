//! `threading.Lock` and `threading.RLock` where they are functions: what makes locks.
//!
//! A [`Factory`] stands in for the original function. It makes locks of ours, says that it is ours
//! (`__ropewalk__`), is pickled by its public name, and answers everything else as the original does: class, name,
//! text, signature, repr. Arguments are the original's affair too: it refuses them, or warns of them, in the words of
//! this Python version.
//!
//! # Contract of the unsafe code
//!
//! 1. The interpreter alone calls the functions of a type, attached, with what their slot promises, as in `raw`.
//! 2. A [`Factory`] is its header and our fields (`#[repr(C)]`, header first), all written before it is given to
//!    anyone. It, its type and what it points to live as long as the process.
//! 3. A function that returns null has set the error indicator.

#![allow(unsafe_code)]

use crate::once::once;
use crate::threading::raw::{guarded, raise};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::{null, null_mut};

/// What a factory makes.
pub(crate) trait Product {
    /// A new object; null, with the error indicator set, if there is no memory.
    fn make(py: Python<'_>) -> *mut ffi::PyObject;
}

/// The object, as the interpreter sees it (rule 2).
#[repr(C)]
struct Factory {
    header: ffi::PyObject,
    vectorcall: ffi::vectorcallfunc,
    weakrefs: *mut ffi::PyObject,
    original: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
}

/// What its own type answers; the rest is the original's answer.
const OWN: [&str; 5] = ["__ropewalk__", "__reduce__", "__reduce_ex__", "__copy__", "__deepcopy__"];

/// The factory for `original`, which is `threading.<name>`.
///
/// # Errors
/// What the interpreter says about an object that it cannot make.
pub(crate) fn new<'py, P: Product>(original: &Bound<'py, PyAny>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let py = original.py();
    let class = once(py, &TYPE, || make_type(py))?;
    let name = name.into_pyobject(py)?;
    // SAFETY: rules 2 and 3: the type is ours, and every field is written; the allocator has zeroed `weakrefs`.
    unsafe {
        let object = Bound::from_owned_ptr_or_err(py, ffi::PyType_GenericAlloc(class.as_ptr().cast(), 0))?;
        let fields = object.as_ptr().cast::<Factory>();
        (*fields).vectorcall = call::<P>;
        (*fields).original = original.clone().into_ptr();
        (*fields).name = name.into_ptr();
        // For ever: rule 2.
        Ok(Bound::from_borrowed_ptr(py, object.into_ptr()))
    }
}

static TYPE: PyOnceLock<Py<PyType>> = PyOnceLock::new();

fn make_type(py: Python<'_>) -> PyResult<Py<PyType>> {
    let slot = |slot, pfunc| ffi::PyType_Slot { slot, pfunc };
    let member = |name: *const _, offset: usize| ffi::PyMemberDef {
        name,
        type_code: ffi::Py_T_PYSSIZET,
        offset: offset as ffi::Py_ssize_t,
        flags: ffi::Py_READONLY,
        doc: null(),
    };
    let members = Box::leak(Box::new([
        member(c"__vectorcalloffset__".as_ptr(), offset_of!(Factory, vectorcall)),
        member(c"__weaklistoffset__".as_ptr(), offset_of!(Factory, weakrefs)),
        ffi::PyMemberDef { name: null(), type_code: 0, offset: 0, flags: 0, doc: null() },
    ]));
    let method = |name: *const _, function, flags| ffi::PyMethodDef {
        ml_name: name,
        ml_meth: ffi::PyMethodDefPointer { PyCFunction: function },
        ml_flags: flags,
        ml_doc: null(),
    };
    let methods = Box::leak(Box::new([
        method(c"__reduce__".as_ptr(), reduce, ffi::METH_NOARGS),
        method(c"__reduce_ex__".as_ptr(), reduce, ffi::METH_O),
        method(c"__copy__".as_ptr(), same, ffi::METH_NOARGS),
        method(c"__deepcopy__".as_ptr(), same, ffi::METH_O),
        ffi::PyMethodDef::zeroed(),
    ]));
    let mut slots = [
        slot(ffi::Py_tp_members, members.as_mut_ptr().cast()),
        slot(ffi::Py_tp_methods, methods.as_mut_ptr().cast()),
        slot(ffi::Py_tp_call, ffi::PyVectorcall_Call as *mut _),
        slot(ffi::Py_tp_getattro, getattr as *mut _),
        slot(ffi::Py_tp_repr, repr as *mut _),
        slot(0, null_mut()),
    ];
    let mut spec = ffi::PyType_Spec {
        name: c"ropewalk._ropewalk.Factory".as_ptr(),
        basicsize: size_of::<Factory>() as c_int,
        itemsize: 0,
        flags: (ffi::Py_TPFLAGS_DEFAULT
            | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION
            | ffi::Py_TPFLAGS_HAVE_VECTORCALL) as _,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: rule 2: the tables are leaked, the name is static; rule 3.
    let class = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyType_FromSpec(&mut spec))? };
    class.setattr(OWN[0], true)?;
    Ok(class.cast_into()?.unbind())
}

/// # Safety
/// Rule 1: `callable` is a [`Factory`] of `P`.
unsafe extern "C" fn call<P: Product>(
    callable: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: rules 1 to 3.
    unsafe {
        if ffi::PyVectorcall_NARGS(count) != 0 || !names.is_null() {
            let original = (*callable.cast::<Factory>()).original;
            let made = ffi::PyObject_Vectorcall(original, args, count, names);
            if made.is_null() {
                return null_mut();
            }
            ffi::Py_DECREF(made);
        }
        P::make(Python::assume_attached())
    }
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn getattr(slf: *mut ffi::PyObject, name: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: rules 1 to 3: an attribute's name is a string.
    unsafe {
        let text = Borrowed::from_ptr(Python::assume_attached(), name);
        if OWN.iter().any(|own| text.extract::<&str>().is_ok_and(|text| text == *own)) {
            return ffi::PyObject_GenericGetAttr(slf, name);
        }
        ffi::PyObject_GetAttr((*slf.cast::<Factory>()).original, name)
    }
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn repr(slf: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: rules 1 to 3.
    unsafe { ffi::PyObject_Repr((*slf.cast::<Factory>()).original) }
}

/// `threading.<name>` of the process that unpickles it.
///
/// # Safety
/// Rule 1.
unsafe extern "C" fn reduce(slf: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    guarded(|| {
        // SAFETY: rules 1 and 2.
        let (py, name) = unsafe {
            let py = Python::assume_attached();
            (py, Borrowed::from_ptr(py, (*slf.cast::<Factory>()).name))
        };
        let reduced = py.import("ropewalk.locks").and_then(|locks| {
            let public = locks.getattr("_public")?;
            (public, (name,)).into_pyobject(py)
        });
        match reduced {
            Ok(reduced) => reduced.into_ptr(),
            Err(error) => raise(py, error),
        }
    })
}

/// A function is its own copy.
///
/// # Safety
/// Rule 1.
unsafe extern "C" fn same(slf: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: rule 1.
    unsafe { ffi::Py_NewRef(slf) }
}
