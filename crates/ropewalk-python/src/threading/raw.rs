//! Types made by hand, in the image of the interpreter's own: for objects whose whole margin is the cost of a call.
//!
//! A type of ours takes everything that can be read from its original while the program runs: its name, its flags,
//! the methods of this Python version with their docstrings and signatures. What is ours are the functions.
//!
//! # Contract of the unsafe code, here and in the files of such types
//!
//! 1. The interpreter alone calls the functions of a type, attached, with what their `METH_` flag or slot promises.
//!    `self` is an object of that type or of a subclass: method descriptors and slots check it.
//! 2. An object is its header and our fields (`#[repr(C)]`, header first). All fields are written before anybody
//!    else can reach the object, and dropped once, in `dealloc`.
//! 3. Types, method tables and their texts live as long as the process.
//! 4. A function that returns null has set the error indicator. Objects from the interpreter are looked at for null.
//! 5. No panic leaves a function that may panic: it goes through [`guarded`].

#![allow(unsafe_code)]

use pyo3::exceptions::PySystemError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{null, null_mut};

/// One method of a type of ours. It is left out where the original does not have it.
pub(crate) struct Method {
    pub(crate) name: &'static CStr,
    pub(crate) call: ffi::PyMethodDefPointer,
    pub(crate) flags: c_int,
}

/// A method without arguments.
pub(crate) const fn plain(name: &'static CStr, call: ffi::PyCFunction) -> Method {
    Method { name, call: ffi::PyMethodDefPointer { PyCFunction: call }, flags: ffi::METH_NOARGS }
}

/// A method with one argument.
pub(crate) const fn single(name: &'static CStr, call: ffi::PyCFunction) -> Method {
    Method { name, call: ffi::PyMethodDefPointer { PyCFunction: call }, flags: ffi::METH_O }
}

/// A method with any arguments by position.
pub(crate) const fn positional(name: &'static CStr, call: ffi::PyCFunctionFast) -> Method {
    Method { name, call: ffi::PyMethodDefPointer { PyCFunctionFast: call }, flags: ffi::METH_FASTCALL }
}

/// A method with any arguments.
pub(crate) const fn keywords(name: &'static CStr, call: ffi::PyCFunctionFastWithKeywords) -> Method {
    Method {
        name,
        call: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: call },
        flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
    }
}

/// What a type of ours does itself.
pub(crate) struct Plan<'a> {
    pub(crate) size: usize,
    pub(crate) weakrefs_offset: usize,
    pub(crate) methods: &'a [Method],
    pub(crate) new: ffi::newfunc,
    pub(crate) dealloc: ffi::destructor,
    pub(crate) repr: ffi::reprfunc,
    /// The last touch, before the type is closed to changes.
    pub(crate) finish: fn(&Bound<'_, PyType>) -> PyResult<()>,
}

impl Plan<'_> {
    /// The type, which stands in for `original`.
    ///
    /// # Errors
    /// What the interpreter says about a type that it cannot make.
    pub(crate) fn make<'py>(&self, original: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyType>> {
        let py = original.py();
        let module: String = original.getattr("__module__")?.extract()?;
        let name: String = original.qualname()?.extract()?;
        let doc = text(&name, original)?;
        let mut members = vec![
            ffi::PyMemberDef {
                name: c"__weaklistoffset__".as_ptr(),
                type_code: ffi::Py_T_PYSSIZET,
                offset: self.weakrefs_offset as ffi::Py_ssize_t,
                flags: ffi::Py_READONLY,
                doc: null(),
            },
            ffi::PyMemberDef { name: null(), type_code: 0, offset: 0, flags: 0, doc: null() },
        ];
        let methods = method_table(self.methods, original)?;
        let mut slots = vec![
            slot(ffi::Py_tp_methods, methods.cast()),
            slot(ffi::Py_tp_members, members.as_mut_ptr().cast()),
            slot(ffi::Py_tp_dealloc, self.dealloc as *mut c_void),
            slot(ffi::Py_tp_repr, self.repr as *mut c_void),
            slot(ffi::Py_tp_traverse, traverse as *mut c_void),
        ];
        // SAFETY: rule 3; `original` is a type.
        let flags = unsafe { ffi::PyType_GetFlags(original.as_type_ptr()) };
        if flags & ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION == 0 {
            slots.push(slot(ffi::Py_tp_new, self.new as *mut c_void));
        }
        if let Some(doc) = &doc {
            slots.push(slot(ffi::Py_tp_doc, doc.as_ptr().cast_mut().cast()));
        }
        slots.push(slot(0, null_mut()));
        let alike =
            ffi::Py_TPFLAGS_BASETYPE | ffi::Py_TPFLAGS_HAVE_GC | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION;
        let mut spec = ffi::PyType_Spec {
            // The interpreter keeps this pointer as the type's name on some versions: rule 3.
            name: CString::new(format!("{module}.{name}"))?.into_raw(),
            basicsize: self.size as c_int,
            itemsize: 0,
            flags: (ffi::Py_TPFLAGS_DEFAULT | flags & alike) as _,
            slots: slots.as_mut_ptr(),
        };
        // SAFETY: rule 3; members are kept as descriptors that point into the list on some versions.
        let made: Bound<'py, PyType> = unsafe {
            Box::leak(members.into_boxed_slice());
            let made = ffi::PyType_FromSpec(&mut spec);
            Bound::from_owned_ptr_or_err(py, made)?.cast_into_unchecked()
        };
        made.setattr("__ropewalk__", true)?;
        made.setattr("__original__", original)?;
        (self.finish)(&made)?;
        // SAFETY: rule 3; the type is ours and nobody has seen it; from now on it cannot be changed, like its original.
        unsafe { (*made.as_type_ptr()).tp_flags |= ffi::Py_TPFLAGS_IMMUTABLETYPE };
        Ok(made)
    }
}

/// The methods that `original` has too, with its docstrings.
pub(crate) fn method_table(
    methods: &[Method],
    original: &Bound<'_, PyType>,
) -> PyResult<*mut ffi::PyMethodDef> {
    let mut table = Vec::new();
    for method in methods {
        let name = &method.name.to_string_lossy();
        let Some(theirs) = original.getattr_opt(&**name)? else { continue };
        let doc = text(name, &theirs)?;
        table.push(ffi::PyMethodDef {
            ml_name: method.name.as_ptr(),
            ml_meth: method.call,
            ml_flags: method.flags,
            ml_doc: doc.map_or(null(), |doc| doc.into_raw().cast_const()),
        });
    }
    table.push(ffi::PyMethodDef::zeroed());
    Ok(Box::leak(table.into_boxed_slice()).as_mut_ptr())
}

/// The docstring of `theirs` as a type or a method table holds it: its signature first, if it has one.
fn text(name: &str, theirs: &Bound<'_, PyAny>) -> PyResult<Option<CString>> {
    let doc: Option<String> = theirs.getattr("__doc__")?.extract()?;
    let signature: Option<String> = theirs.getattr("__text_signature__")?.extract()?;
    let text = match (signature, doc) {
        (Some(signature), doc) => format!("{name}{signature}\n--\n\n{}", doc.unwrap_or_default()),
        (None, Some(doc)) => doc,
        (None, None) => return Ok(None),
    };
    Ok(Some(CString::new(text)?))
}

pub(crate) fn slot(slot: c_int, pfunc: *mut c_void) -> ffi::PyType_Slot {
    ffi::PyType_Slot { slot, pfunc }
}

/// Makes `metaclass` the type of the type `made`: a subclass of `type` that adds no data.
///
/// Before Python 3.12 there is no other way to give a metaclass to a type that is not made by a class statement.
///
/// # Errors
/// `TypeError` if objects of `metaclass` are not laid out like types.
pub(crate) fn set_metaclass(made: &Bound<'_, PyType>, metaclass: &Bound<'_, PyType>) -> PyResult<()> {
    let (theirs, plain) = (metaclass.as_type_ptr(), &raw mut ffi::PyType_Type);
    // SAFETY: rule 3; both are types, and one of equal layout is one of its subclass as soon as its header says so.
    // The header holds a reference to a type from the heap.
    unsafe {
        let alike = ffi::PyType_IsSubtype(theirs, plain) != 0
            && (*theirs).tp_basicsize == (*plain).tp_basicsize
            && (*theirs).tp_itemsize == (*plain).tp_itemsize
            && ffi::Py_TYPE(made.as_ptr()) == plain;
        if !alike {
            return Err(pyo3::exceptions::PyTypeError::new_err("not a metaclass for the types of locks"));
        }
        ffi::Py_INCREF(theirs.cast());
        (*made.as_ptr()).ob_type = theirs;
    }
    Ok(())
}

/// A type visits its objects' types, as all types from the heap do.
///
/// # Safety
/// Rule 1.
pub(crate) unsafe extern "C" fn traverse(
    slf: *mut ffi::PyObject,
    visit: ffi::visitproc,
    arg: *mut c_void,
) -> c_int {
    // SAFETY: rule 1.
    unsafe { visit(ffi::Py_TYPE(slf).cast(), arg) }
}

/// Runs `body`; a panic becomes a `SystemError`, and null is returned (rules 4 and 5).
#[inline]
pub(crate) fn guarded(body: impl FnOnce() -> *mut ffi::PyObject) -> *mut ffi::PyObject {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => result,
        Err(panic) => {
            let said = panic.downcast_ref::<&str>().copied();
            let said =
                said.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
            // SAFETY: rule 1: attached.
            let py = unsafe { Python::assume_attached() };
            raise(py, PySystemError::new_err(format!("ropewalk's engine panicked: {said}")))
        }
    }
}

/// Sets the error indicator and returns null (rule 4).
#[cold]
pub(crate) fn raise(py: Python<'_>, error: PyErr) -> *mut ffi::PyObject {
    error.restore(py);
    null_mut()
}

/// Raises `RuntimeError`.
#[cold]
pub(crate) fn runtime_error(message: &'static CStr) -> *mut ffi::PyObject {
    // SAFETY: rule 1: attached.
    unsafe { ffi::PyErr_SetString(ffi::PyExc_RuntimeError, message.as_ptr()) };
    null_mut()
}

/// A new reference to `None`.
#[inline(always)]
pub(crate) fn none() -> *mut ffi::PyObject {
    // SAFETY: rule 1: attached.
    unsafe { ffi::Py_NewRef(ffi::Py_None()) }
}

/// A new reference to `True` or `False`.
#[inline(always)]
pub(crate) fn boolean(value: bool) -> *mut ffi::PyObject {
    // SAFETY: rule 1: attached.
    unsafe { ffi::Py_NewRef(if value { ffi::Py_True() } else { ffi::Py_False() }) }
}

/// The name of an object's type as its original's repr writes it.
///
/// # Safety
/// Rule 1: `slf` is an object.
pub(crate) unsafe fn type_name(slf: *mut ffi::PyObject) -> String {
    // SAFETY: rule 1; a type's name is a C string that lives as long as the type.
    let name: *const c_char = unsafe { (*ffi::Py_TYPE(slf)).tp_name };
    // SAFETY: rule 3, as above.
    unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
}

/// A new string object.
pub(crate) fn string(text: &str) -> *mut ffi::PyObject {
    // SAFETY: rule 1: attached; the text is as long as we say.
    unsafe { ffi::PyUnicode_FromStringAndSize(text.as_ptr().cast(), text.len() as ffi::Py_ssize_t) }
}
