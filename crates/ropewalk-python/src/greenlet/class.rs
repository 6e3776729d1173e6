//! The type `greenlet.greenlet`: static, for extension modules hold its address, and their objects are laid out like its own.
#![allow(unsafe_code)] // Contract: see `mod`.

use super::attributes;
use super::collect;
use super::dealloc::dealloc;
use super::functions::names;
use super::object::{Greenlet, hold, state};
use super::roll;
use super::switching::switch;
use super::thread::{self, Attached, end_the_unwanted};
use super::throw::throw;
use pyo3::ffi;
use pyo3::ffi::{PyObject, PyTypeObject};
use std::ffi::{CStr, c_int, c_void};
use std::mem::{MaybeUninit, offset_of, transmute};
use std::ptr::{null, null_mut};

static CLASS: Attached<MaybeUninit<PyTypeObject>> = Attached::new(MaybeUninit::zeroed());

/// The type.
pub(super) fn class() -> *mut PyTypeObject {
    // SAFETY: rule 1; a static's address.
    unsafe { CLASS.get().as_mut_ptr() }
}

/// Whether an object is a greenlet, or of a subclass.
///
/// # Safety
/// Rule 1.
pub(super) unsafe fn is_greenlet(object: *mut PyObject) -> bool {
    // SAFETY: rule 1.
    unsafe { !object.is_null() && ffi::PyObject_TypeCheck(object, class()) != 0 }
}

type Object = *mut PyObject;
pub(super) type Getter = unsafe extern "C-unwind" fn(Object, *mut c_void) -> Object;
pub(super) type Setter = unsafe extern "C-unwind" fn(Object, Object, *mut c_void) -> c_int;
type Two = unsafe extern "C-unwind" fn(Object, Object) -> Object;
type Fast = unsafe extern "C-unwind" fn(Object, *const Object, ffi::Py_ssize_t, Object) -> Object;
type One = unsafe extern "C-unwind" fn(Object) -> Object;
type Asked = unsafe extern "C-unwind" fn(Object) -> c_int;
type Ends = unsafe extern "C-unwind" fn(Object);
type Visits = unsafe extern "C-unwind" fn(Object, ffi::visitproc, *mut c_void) -> c_int;
type Initial = unsafe extern "C-unwind" fn(Object, Object, Object) -> c_int;
type New = unsafe extern "C-unwind" fn(*mut PyTypeObject, Object, Object) -> Object;
type Called = unsafe extern "C-unwind" fn(Object, *const Object, usize, Object) -> Object;

/// A getter and, if it has one, a setter.
pub(super) fn attribute(name: &'static CStr, get: Getter, set: Option<Setter>) -> ffi::PyGetSetDef {
    // SAFETY: rule 1: the interpreter does not ask for the ABI.
    let (get, set) = unsafe {
        let set = set.map(|set| transmute::<Setter, ffi::setter>(set));
        (transmute::<Getter, ffi::getter>(get), set)
    };
    ffi::PyGetSetDef { name: name.as_ptr(), get: Some(get), set, doc: null(), closure: null_mut() }
}

/// The end of a table of them.
pub(super) fn no_attribute() -> ffi::PyGetSetDef {
    ffi::PyGetSetDef { name: null(), get: None, set: None, doc: null(), closure: null_mut() }
}

const DOC: &CStr = c"greenlet(run=None, parent=None)\n--\n\n\
A computation that can stop in the middle, and go on when it is switched to.\n\n\
:param run: what it calls, with the arguments of the first switch() to it.\n\
:param parent: the greenlet that goes on when it ends; the current one unless said otherwise.";
const SWITCH: &CStr = c"switch(*args, **kwargs)\n\n\
Goes on with this greenlet, and returns when somebody switches back: what was given to that switch(), or what this\n\
greenlet's child has returned. One argument is returned as it is, several as a tuple, named ones as a dict, both as a\n\
tuple of the two. The first switch() calls run(*args, **kwargs). If this greenlet is dead its parent goes on.";
const THROW: &CStr = c"throw(type=GreenletExit, value=None, traceback=None)\n\n\
Goes on with this greenlet, where the exception is raised. GreenletExit, if it is not caught, ends the greenlet and is its\n\
result.";

/// Makes the type ready. `false`: rule 7.
///
/// # Safety
/// Rule 1; once.
pub(super) unsafe fn prepare() -> bool {
    // SAFETY: rule 1: the interpreter does not ask for the ABI. The tables live for ever.
    unsafe {
        let methods = Box::leak(Box::new([
            ffi::PyMethodDef {
                ml_name: c"switch".as_ptr(),
                ml_meth: ffi::PyMethodDefPointer {
                    PyCFunctionFastWithKeywords: transmute::<Fast, ffi::PyCFunctionFastWithKeywords>(switch),
                },
                ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
                ml_doc: SWITCH.as_ptr(),
            },
            ffi::PyMethodDef {
                ml_name: c"throw".as_ptr(),
                ml_meth: ffi::PyMethodDefPointer { PyCFunction: transmute::<Two, ffi::PyCFunction>(throw) },
                ml_flags: ffi::METH_VARARGS,
                ml_doc: THROW.as_ptr(),
            },
            ffi::PyMethodDef {
                ml_name: c"__getstate__".as_ptr(),
                ml_meth: ffi::PyMethodDefPointer {
                    PyCFunction: transmute::<Two, ffi::PyCFunction>(attributes::getstate),
                },
                ml_flags: ffi::METH_NOARGS,
                ml_doc: null(),
            },
            ffi::PyMethodDef::zeroed(),
        ]));
        let attributes = Box::leak(Box::new([
            attribute(c"__dict__", attributes::dict, Some(attributes::set_dict)),
            attribute(c"run", attributes::run, Some(attributes::set_run)),
            attribute(c"parent", attributes::parent, Some(attributes::set_parent)),
            attribute(c"gr_frame", attributes::frame, None),
            attribute(c"gr_context", attributes::context, Some(attributes::set_context)),
            attribute(c"dead", attributes::dead, None),
            attribute(c"_stack_saved", attributes::stack_saved, None),
            no_attribute(),
        ]));
        let numbers = Box::leak(Box::new(MaybeUninit::<ffi::PyNumberMethods>::zeroed().assume_init()));
        numbers.nb_bool = Some(transmute::<Asked, ffi::inquiry>(attributes::is_true));

        let class = &mut *class();
        class.ob_base = ffi::PyVarObject { ob_base: ffi::PyObject_HEAD_INIT, ob_size: 0 };
        class.tp_name = c"greenlet.greenlet".as_ptr();
        class.tp_basicsize = size_of::<Greenlet>() as ffi::Py_ssize_t;
        class.tp_flags = ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_BASETYPE | ffi::Py_TPFLAGS_HAVE_GC;
        class.tp_doc = DOC.as_ptr();
        class.tp_dealloc = Some(transmute::<Ends, ffi::destructor>(dealloc));
        class.tp_repr = Some(transmute::<One, ffi::reprfunc>(attributes::repr));
        class.tp_as_number = numbers;
        class.tp_traverse = Some(transmute::<Visits, ffi::traverseproc>(collect::traverse));
        class.tp_clear = Some(transmute::<Asked, ffi::inquiry>(collect::clear));
        class.tp_is_gc = Some(transmute::<Asked, ffi::inquiry>(collect::is_gc));
        class.tp_weaklistoffset = offset_of!(Greenlet, weakrefs) as ffi::Py_ssize_t;
        class.tp_dictoffset = offset_of!(Greenlet, dict) as ffi::Py_ssize_t;
        class.tp_methods = methods.as_mut_ptr();
        class.tp_getset = attributes.as_mut_ptr();
        class.tp_init = Some(transmute::<Initial, ffi::initproc>(init));
        class.tp_alloc = Some(ffi::PyType_GenericAlloc);
        class.tp_new = Some(transmute::<New, ffi::newfunc>(new));
        class.tp_vectorcall = Some(transmute::<Called, ffi::vectorcallfunc>(called));
        class.tp_free = Some(ffi::PyObject_GC_Del);
        ffi::PyType_Ready(class) == 0
    }
}

/// `tp_new`: a greenlet that has not begun, whose parent is the current one.
///
/// # Safety
/// Rule 1.
pub(super) unsafe extern "C-unwind" fn new(class: *mut PyTypeObject, _: Object, _: Object) -> Object {
    // SAFETY: rules 1, 3, 4 and 7.
    unsafe {
        let made = if (*class).tp_flags & ffi::Py_TPFLAGS_IS_ABSTRACT == 0 {
            (*class).tp_alloc.map_or(null_mut(), |alloc| alloc(class, 0))
        } else {
            // It says what is missing.
            let base = &raw mut ffi::PyBaseObject_Type;
            (*base).tp_new.map_or(null_mut(), |new| new(class, names().nothing, null_mut()))
        };
        if made.is_null() {
            return null_mut();
        }
        let greenlet: *mut Greenlet = made.cast();
        (*greenlet).state = roll::enter(greenlet);
        let thread = thread::calling();
        end_the_unwanted(thread);
        state(greenlet).parent = hold((*thread).current);
        made
    }
}

/// `tp_init`.
///
/// # Safety
/// Rule 1.
pub(super) unsafe extern "C-unwind" fn init(slf: Object, args: Object, kwargs: Object) -> c_int {
    // SAFETY: rules 1 and 7.
    unsafe {
        let (mut run, mut parent): (Object, Object) = (null_mut(), null_mut());
        let (run, parent) = (&raw mut run, &raw mut parent);
        let mut names = [c"run".as_ptr().cast_mut(), c"parent".as_ptr().cast_mut(), null_mut()];
        let format = c"|OO:green".as_ptr();
        if ffi::PyArg_ParseTupleAndKeywords(args, kwargs, format, names.as_mut_ptr().cast(), run, parent) == 0
        {
            return -1;
        }
        begin_with(slf, *run, *parent)
    }
}

pub(super) unsafe fn begin_with(slf: Object, run: Object, parent: Object) -> c_int {
    // SAFETY: rules 1, 3 and 7.
    unsafe {
        if !run.is_null() && attributes::set_run(slf, run, null_mut()) < 0 {
            return -1;
        }
        if !parent.is_null() && parent != ffi::Py_None() {
            return attributes::set_parent(slf, parent, null_mut());
        }
        0
    }
}

/// A call of the type itself, without a tuple for the arguments. Subclasses go through `new` and `init`.
///
/// # Safety
/// Rule 1.
unsafe extern "C-unwind" fn called(
    class: Object,
    args: *const Object,
    count: usize,
    keywords: Object,
) -> Object {
    // SAFETY: rules 1, 3 and 7.
    unsafe {
        let count = ffi::PyVectorcall_NARGS(count) as usize;
        if count > 2 || !keywords.is_null() {
            return called_with_names(class, args, count, keywords);
        }
        let made = new(class.cast(), null_mut(), null_mut());
        if made.is_null() {
            return null_mut();
        }
        let run = if count > 0 { *args } else { null_mut() };
        let parent = if count > 1 { *args.add(1) } else { null_mut() };
        if begin_with(made, run, parent) < 0 {
            ffi::Py_DECREF(made);
            return null_mut();
        }
        made
    }
}

/// The same as any other type does it, with the messages of any other type.
unsafe fn called_with_names(class: Object, args: *const Object, count: usize, keywords: Object) -> Object {
    // SAFETY: rules 1, 3 and 7.
    unsafe {
        let Some(carry) = super::carry::Carry::arguments(args, count, keywords) else { return null_mut() };
        let mut tuple = carry.args;
        if tuple.is_null() {
            tuple = ffi::PyTuple_Pack(1, carry.value);
            ffi::Py_DECREF(carry.value);
        }
        let made = if tuple.is_null() { null_mut() } else { new(class.cast(), null_mut(), null_mut()) };
        let failed = made.is_null() || init(made, tuple, carry.kwargs) < 0;
        ffi::Py_XDECREF(tuple);
        ffi::Py_XDECREF(carry.kwargs);
        if failed {
            ffi::Py_XDECREF(made);
            return null_mut();
        }
        made
    }
}
