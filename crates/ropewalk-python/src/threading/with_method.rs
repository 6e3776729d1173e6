//! `__enter__` and `__exit__` that cost no allocation.
//!
//! Up to Python 3.13 a `with` statement binds both methods to its object first: two objects that live for one call
//! each, more than half of the time of `with lock`. A [`WithMethod`] stands in the type's dictionary instead of the
//! method that the interpreter made, and binds itself to a [`BoundMethod`] from a short list of used ones. Both show
//! whoever looks at them what the interpreter's own would show: class, name, text, signature, repr, equality. From
//! 3.14 on nothing is bound any more, and the interpreter's own method is the faster.
//!
//! # Contract of the unsafe code
//!
//! 1. The interpreter alone calls the functions of a type, attached, with what their slot promises, as in `raw`.
//! 2. An object is its header and our fields (`#[repr(C)]`, header first), all written before it is given to anyone.
//!    A [`WithMethod`], its type and what it points to live as long as the process.
//! 3. A [`BoundMethod`] owns a reference to its object, which is of exactly the class that was given to [`install`],
//!    and that class's objects refer to nothing: so no cycle can go through it, and no garbage collector need see it.
//! 4. The list of used ones is touched by attached threads only, and no Python code runs meanwhile.
//! 5. A function that returns null has set the error indicator.

#![allow(unsafe_code)]

use crate::once::once;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use std::cell::UnsafeCell;
use std::ffi::{CStr, c_int, c_void};
use std::mem::offset_of;
use std::ptr::{null, null_mut};

/// What a `with` statement does to an object of a type made by hand.
pub(crate) trait With {
    /// # Safety
    /// Attached, and `slf` is an object of that type.
    unsafe fn enter(slf: *mut ffi::PyObject) -> *mut ffi::PyObject;
    /// # Safety
    /// As [`With::enter`].
    unsafe fn exit(slf: *mut ffi::PyObject) -> *mut ffi::PyObject;
}

/// In the dictionary of the type (rule 2).
#[repr(C)]
struct WithMethod {
    header: ffi::PyObject,
    vectorcall: ffi::vectorcallfunc,
    /// The method that the interpreter made, which answers all questions.
    plain: *mut ffi::PyObject,
    class: *mut ffi::PyTypeObject,
    call_bound: ffi::vectorcallfunc,
}

/// Bound to an object (rules 2 and 3).
#[repr(C)]
struct BoundMethod {
    header: ffi::PyObject,
    vectorcall: ffi::vectorcallfunc,
    method: *const WithMethod,
    object: *mut ffi::PyObject,
}

/// Gives `class` methods for `with` that are bound without an allocation. The class may still be changed.
///
/// # Errors
/// What the interpreter says about a type or an attribute that it cannot make.
pub(crate) fn install<W: With>(class: &Bound<'_, PyType>) -> PyResult<()> {
    let py = class.py();
    if py.version_info() >= (3, 14) {
        return Ok(());
    }
    let calls: [(&str, ffi::vectorcallfunc); 2] =
        [("__enter__", call_enter::<W>), ("__exit__", call_exit::<W>)];
    for (name, call_bound) in calls {
        let plain = class.getattr(name)?;
        let method_type = once(py, &WITH_METHOD, || make(py, c"ropewalk._ropewalk.WithMethod", false))?;
        once(py, &BOUND_METHOD, || make(py, c"ropewalk._ropewalk.BoundMethod", true))?;
        let kept = plain.clone().unbind();
        // SAFETY: rules 2 and 5: the type is ours, and every field is written.
        let method = unsafe {
            let object = ffi::PyType_GenericAlloc(method_type.as_ptr().cast(), 0);
            let object = Bound::from_owned_ptr_or_err(py, object)?;
            let fields = object.as_ptr().cast::<WithMethod>();
            (*fields).vectorcall = call_unbound;
            (*fields).plain = kept.into_ptr();
            (*fields).class = class.as_type_ptr();
            (*fields).call_bound = call_bound;
            object
        };
        class.setattr(name, &method)?;
        // For ever: bound methods point to it.
        let _ = method.into_ptr();
    }
    Ok(())
}

static WITH_METHOD: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static BOUND_METHOD: PyOnceLock<Py<PyType>> = PyOnceLock::new();

fn make(py: Python<'_>, name: &'static CStr, bound: bool) -> PyResult<Py<PyType>> {
    let slot = |slot, pfunc| ffi::PyType_Slot { slot, pfunc };
    let member = |name: *const _, offset: usize| ffi::PyMemberDef {
        name,
        type_code: ffi::Py_T_PYSSIZET,
        offset: offset as ffi::Py_ssize_t,
        flags: ffi::Py_READONLY,
        doc: null(),
    };
    let (size, offset) = if bound {
        (size_of::<BoundMethod>(), offset_of!(BoundMethod, vectorcall))
    } else {
        (size_of::<WithMethod>(), offset_of!(WithMethod, vectorcall))
    };
    let members = Box::leak(Box::new([
        member(c"__vectorcalloffset__".as_ptr(), offset),
        ffi::PyMemberDef { name: null(), type_code: 0, offset: 0, flags: 0, doc: null() },
    ]));
    let mut slots = vec![
        slot(ffi::Py_tp_members, members.as_mut_ptr().cast()),
        slot(ffi::Py_tp_call, ffi::PyVectorcall_Call as *mut c_void),
        slot(ffi::Py_tp_getattro, getattr as *mut c_void),
        slot(ffi::Py_tp_repr, repr as *mut c_void),
        slot(ffi::Py_tp_hash, hash as *mut c_void),
        slot(ffi::Py_tp_richcompare, compare as *mut c_void),
    ];
    if bound {
        slots.push(slot(ffi::Py_tp_dealloc, dealloc_bound as *mut c_void));
    } else {
        slots.push(slot(ffi::Py_tp_descr_get, bind as *mut c_void));
    }
    slots.push(slot(0, null_mut()));
    let flags = ffi::Py_TPFLAGS_DEFAULT
        | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION
        | ffi::Py_TPFLAGS_IMMUTABLETYPE
        | ffi::Py_TPFLAGS_HAVE_VECTORCALL
        | if bound { 0 } else { ffi::Py_TPFLAGS_METHOD_DESCRIPTOR };
    let mut spec = ffi::PyType_Spec {
        name: name.as_ptr(),
        basicsize: size as c_int,
        itemsize: 0,
        flags: flags as _,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: rule 2: the members are leaked, the name is static; rule 5.
    unsafe {
        Ok(Bound::from_owned_ptr_or_err(py, ffi::PyType_FromSpec(&mut spec))?.cast_into_unchecked().unbind())
    }
}

/// Bound methods that are not in use, to be used again.
struct Used(UnsafeCell<(usize, [*mut ffi::PyObject; 32])>);

// SAFETY: rule 4.
unsafe impl Sync for Used {}

static USED: Used = Used(UnsafeCell::new((0, [null_mut(); 32])));

impl Used {
    /// # Safety
    /// Rule 4.
    #[inline(always)]
    unsafe fn take(&self) -> Option<*mut ffi::PyObject> {
        // SAFETY: rule 4.
        let (count, list) = unsafe { &mut *self.0.get() };
        *count = count.checked_sub(1)?;
        list.get(*count).copied()
    }

    /// `false` if the list is full.
    ///
    /// # Safety
    /// Rule 4, and nobody refers to `object` any more.
    #[inline(always)]
    unsafe fn put(&self, object: *mut ffi::PyObject) -> bool {
        // SAFETY: rule 4.
        let (count, list) = unsafe { &mut *self.0.get() };
        match list.get_mut(*count) {
            Some(place) => *place = object,
            None => return false,
        }
        *count += 1;
        true
    }
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn bind(
    slf: *mut ffi::PyObject,
    object: *mut ffi::PyObject,
    class: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: rules 1 to 5.
    unsafe {
        if object.is_null() {
            return ffi::Py_NewRef(slf);
        }
        let method = slf.cast::<WithMethod>();
        if ffi::Py_TYPE(object) != (*method).class {
            return bind_plain(method, object, class);
        }
        let py = Python::assume_attached();
        let Some(bound_type) = BOUND_METHOD.get(py) else { return bind_plain(method, object, class) };
        let memory = match USED.take() {
            Some(memory) => memory,
            None => ffi::PyObject_Malloc(size_of::<BoundMethod>()).cast(),
        };
        if memory.is_null() {
            return ffi::PyErr_NoMemory();
        }
        let bound = ffi::PyObject_Init(memory, bound_type.as_ptr().cast()).cast::<BoundMethod>();
        (*bound).vectorcall = (*method).call_bound;
        (*bound).method = method;
        (*bound).object = ffi::Py_NewRef(object);
        bound.cast()
    }
}

/// Bound by the interpreter, for an object of a subclass, and for whoever looks closely.
///
/// # Safety
/// Attached; `object` is of the method's class or a subclass.
#[cold]
unsafe fn bind_plain(
    method: *const WithMethod,
    object: *mut ffi::PyObject,
    class: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: rule 2: `plain` is a method descriptor, which has this slot.
    unsafe {
        let plain = (*method).plain;
        match (*ffi::Py_TYPE(plain)).tp_descr_get {
            Some(get) => get(plain, object, class),
            None => ffi::Py_NewRef(plain),
        }
    }
}

/// # Safety
/// Rule 1, and nobody refers to `slf` any more.
unsafe extern "C" fn dealloc_bound(slf: *mut ffi::PyObject) {
    // SAFETY: rules 2 to 4; the last reference to the object may run Python code, so it goes last.
    unsafe {
        let class = ffi::Py_TYPE(slf);
        let object = (*slf.cast::<BoundMethod>()).object;
        if !USED.put(slf) {
            ffi::PyObject_Free(slf.cast());
        }
        ffi::Py_DECREF(class.cast());
        ffi::Py_DECREF(object);
    }
}

/// # Safety
/// Rule 1: `callable` is a [`BoundMethod`] of a class whose [`With`] is `W`.
unsafe extern "C" fn call_enter<W: With>(
    callable: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: rules 1 to 3.
    unsafe {
        if ffi::PyVectorcall_NARGS(count) == 0 && names.is_null() {
            return W::enter((*callable.cast::<BoundMethod>()).object);
        }
        call_plain(callable, args, count, names)
    }
}

/// # Safety
/// As [`call_enter`].
unsafe extern "C" fn call_exit<W: With>(
    callable: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: rules 1 to 3.
    unsafe {
        if names.is_null() {
            return W::exit((*callable.cast::<BoundMethod>()).object);
        }
        call_plain(callable, args, count, names)
    }
}

/// A call that the interpreter's own method refuses in its own words.
///
/// # Safety
/// As [`call_enter`].
#[cold]
unsafe fn call_plain(
    callable: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: rules 1 and 5.
    unsafe { through(callable, |plain| ffi::PyObject_Vectorcall(plain, args, count, names)) }
}

/// # Safety
/// Rule 1: `callable` is a [`WithMethod`].
unsafe extern "C" fn call_unbound(
    callable: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: rules 1, 2 and 5.
    unsafe { ffi::PyObject_Vectorcall((*callable.cast::<WithMethod>()).plain, args, count, names) }
}

/// What the interpreter's own method in the place of `slf` answers; `slf` itself for any other object.
///
/// # Safety
/// Attached; `slf` is an object.
unsafe fn through(
    slf: *mut ffi::PyObject,
    ask: impl FnOnce(*mut ffi::PyObject) -> *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: rules 1 and 5.
    unsafe {
        let plain = plain(slf);
        if plain.is_null() {
            return null_mut();
        }
        let answer = ask(plain);
        ffi::Py_DECREF(plain);
        answer
    }
}

/// A new reference to the interpreter's own method in the place of `slf`, or to `slf` if it is none of ours.
///
/// # Safety
/// Attached; `slf` is an object.
unsafe fn plain(slf: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: rules 1 to 3: a type is looked at before its fields are.
    unsafe {
        let py = Python::assume_attached();
        let is_of = |class: Option<&Py<PyType>>| {
            class.is_some_and(|class| ffi::Py_TYPE(slf) == class.as_ptr().cast())
        };
        if is_of(BOUND_METHOD.get(py)) {
            let bound = slf.cast::<BoundMethod>();
            bind_plain((*bound).method, (*bound).object, ffi::Py_TYPE((*bound).object).cast())
        } else if is_of(WITH_METHOD.get(py)) {
            ffi::Py_NewRef((*slf.cast::<WithMethod>()).plain)
        } else {
            ffi::Py_NewRef(slf)
        }
    }
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn getattr(slf: *mut ffi::PyObject, name: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: rules 1 and 5.
    unsafe { through(slf, |plain| ffi::PyObject_GetAttr(plain, name)) }
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn repr(slf: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: rules 1 and 5.
    unsafe { through(slf, |plain| ffi::PyObject_Repr(plain)) }
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn hash(slf: *mut ffi::PyObject) -> ffi::Py_hash_t {
    // SAFETY: rules 1 and 5.
    unsafe {
        let plain = plain(slf);
        if plain.is_null() {
            return -1;
        }
        let hash = ffi::PyObject_Hash(plain);
        ffi::Py_DECREF(plain);
        hash
    }
}

/// # Safety
/// Rule 1.
unsafe extern "C" fn compare(
    slf: *mut ffi::PyObject,
    other: *mut ffi::PyObject,
    operator: c_int,
) -> *mut ffi::PyObject {
    // SAFETY: rules 1 and 5.
    unsafe { through(slf, |slf| through(other, |other| ffi::PyObject_RichCompare(slf, other, operator))) }
}
