//! Functions in C: those of the interpreter that may run Python code, under an ABI that says so, and those of `csrc/greenlet`.
#![allow(unsafe_code)] // Contract: see `mod`.

use super::object::{Greenlet, Saved};
use super::thread::Thread;
use pyo3::ffi::{Py_DECREF, Py_REFCNT, Py_ssize_t, PyObject, visitproc};
use ropewalk_os::context::Context;
use std::ffi::{c_int, c_long, c_ulong, c_void};

// SAFETY: rule 2: the interpreter's own functions, under an ABI that says more.
unsafe extern "C-unwind" {
    pub(super) fn Py_DecRef(object: *mut PyObject);
    pub(super) fn PyObject_GetAttr(object: *mut PyObject, name: *mut PyObject) -> *mut PyObject;
    pub(super) fn PyObject_CallFunctionObjArgs(callable: *mut PyObject, ...) -> *mut PyObject;
    pub(super) fn PyErr_NormalizeException(
        kind: *mut *mut PyObject,
        value: *mut *mut PyObject,
        traceback: *mut *mut PyObject,
    );
    pub(super) fn PyErr_WriteUnraisable(object: *mut PyObject);
    pub(super) fn PyFile_WriteString(text: *const std::ffi::c_char, file: *mut PyObject) -> c_int;
    pub(super) fn PyFile_WriteObject(object: *mut PyObject, file: *mut PyObject, flags: c_int) -> c_int;
    pub(super) fn PyObject_ClearWeakRefs(object: *mut PyObject);
    pub(super) fn PyTuple_New(size: Py_ssize_t) -> *mut PyObject;
    pub(super) fn PyDict_New() -> *mut PyObject;
    pub(super) fn PyDict_SetItem(dict: *mut PyObject, key: *mut PyObject, value: *mut PyObject) -> c_int;
    pub(super) fn PyImport_ImportModule(name: *const std::ffi::c_char) -> *mut PyObject;
}

/// What a call of `run` is made of: see `greenlet.h`.
#[repr(C)]
pub(super) struct Call {
    pub(super) run: *mut PyObject,
    pub(super) value: *mut PyObject,
    pub(super) args: *mut PyObject,
    pub(super) kwargs: *mut PyObject,
}

/// A call on a lent stack: see `greenlet.h`.
#[repr(C)]
pub(super) struct Loan {
    pub(super) function: *mut PyObject,
    pub(super) args: *mut PyObject,
    pub(super) kwargs: *mut PyObject,
    pub(super) result: *mut PyObject,
    pub(super) back: Context,
}

// SAFETY: rules 1, 5 and 6: what each of them does is said in `greenlet.h`.
unsafe extern "C-unwind" {
    #[link_name = "ropewalk_greenlet_switch"]
    pub(super) fn exchange(from: *mut Saved, from_context: *mut Context, to: *mut Saved, to_context: Context);
    #[link_name = "ropewalk_greenlet_fresh"]
    pub(super) fn fresh(saved: *mut Saved, start: *mut u8, top: *mut u8, room: usize, bytes: usize);
    #[link_name = "ropewalk_greenlet_is_possible"]
    pub(super) fn is_possible() -> c_int;
    #[link_name = "ropewalk_greenlet_frame"]
    pub(super) fn frame(saved: *mut Saved) -> *mut PyObject;
    #[link_name = "ropewalk_greenlet_frame_place"]
    fn place_of_frame(at: *mut usize, then: *mut c_long);
    #[link_name = "ropewalk_greenlet_stands_on"]
    pub(super) fn stands_on(saved: *mut Saved);
    #[link_name = "ropewalk_greenlet_has_frames"]
    pub(super) fn has_frames() -> c_int;
    #[link_name = "ropewalk_greenlet_abandon"]
    pub(super) fn abandon(saved: *mut Saved) -> c_int;
    #[link_name = "ropewalk_greenlet_traverse"]
    pub(super) fn traverse(saved: *mut Saved, visit: visitproc, arg: *mut c_void) -> c_int;
    #[link_name = "ropewalk_greenlet_clear"]
    pub(super) fn clear(saved: *mut Saved);
    #[link_name = "ropewalk_greenlet_enter_tracing"]
    pub(super) fn enter_tracing();
    #[link_name = "ropewalk_greenlet_leave_tracing"]
    pub(super) fn leave_tracing();
    #[link_name = "ropewalk_greenlet_delete_nesting"]
    pub(super) fn delete_nesting() -> c_long;
    #[link_name = "ropewalk_greenlet_thread"]
    fn record() -> *mut c_void;
    #[link_name = "ropewalk_greenlet_set_thread"]
    fn set_record(thread: *mut c_void);
    pub(super) fn PyObject_Call(
        function: *mut PyObject,
        args: *mut PyObject,
        kwargs: *mut PyObject,
    ) -> *mut PyObject;
    #[link_name = "ropewalk_greenlet_borrow"]
    pub(super) fn borrow_stack(context: Context, loan: *mut Loan) -> *mut PyObject;
    #[link_name = "ropewalk_greenlet_watch_forks"]
    pub(super) fn watch_forks() -> c_int;
    #[link_name = "ropewalk_greenlet_context"]
    pub(super) fn context(saved: *mut Saved) -> *mut *mut PyObject;
    #[link_name = "ropewalk_greenlet_running_context"]
    pub(super) fn running_context() -> *mut *mut PyObject;
    #[link_name = "ropewalk_greenlet_is_finalizing"]
    pub(super) fn is_finalizing() -> c_int;
    #[link_name = "ropewalk_greenlet_is_there"]
    pub(super) fn is_there() -> c_int;
    #[link_name = "ropewalk_greenlet_set_references"]
    pub(super) fn set_references(object: *mut PyObject, references: Py_ssize_t);
    #[link_name = "ropewalk_greenlet_resurrect"]
    pub(super) fn resurrect(object: *mut PyObject, references: Py_ssize_t);
}

// SAFETY: rules 1 and 6: not called from here: a stack begins with it.
unsafe extern "C" {
    #[link_name = "ropewalk_greenlet_body"]
    pub(super) fn body(greenlet: *mut (), message: usize) -> !;
    #[link_name = "ropewalk_greenlet_borrower"]
    pub(super) fn borrower(loan: *mut (), message: usize) -> !;
    #[link_name = "ropewalk_greenlet_jump"]
    static mut JUMP: ropewalk_os::context::Switch;
    #[link_name = "ropewalk_greenlet_forked"]
    static FORKED: Forked;
}

/// What the child of a fork was left with: see `greenlet.h`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Forked {
    pub(super) thread: *mut c_void,
    pub(super) times: c_ulong,
}

/// That of this process.
pub(super) fn forked() -> Forked {
    // SAFETY: rule 1: only a handler in the child of a fork writes to it, where nothing else runs then.
    unsafe { (&raw const FORKED).read() }
}

/// Where it is, for who finds it in another process.
pub(super) fn place_of_forked() -> usize {
    (&raw const FORKED).addr()
}

/// Where what was put away of a thread state has its innermost frame: a pointer at the first offset, or, through that, at the
/// second.
pub(super) fn frame_place() -> (usize, Option<usize>) {
    let (mut at, mut then) = (0, 0);
    // SAFETY: rule 1: it writes two numbers.
    unsafe { place_of_frame(&mut at, &mut then) };
    (at, usize::try_from(then).ok())
}

/// The record of the calling thread; null if it has had no greenlet.
///
/// # Safety
/// Rule 3.
#[inline(always)]
pub(super) unsafe fn thread() -> *mut Thread {
    // SAFETY: rule 3: only [`set_thread`] has written it.
    unsafe { record() }.cast()
}

/// Sets it.
///
/// # Safety
/// Rule 3.
pub(super) unsafe fn set_thread(thread: *mut Thread) {
    // SAFETY: rule 3.
    unsafe { set_record(thread.cast()) };
}

/// Tells the code in C how to go from one stack to another. Once, before there is any greenlet.
pub(super) fn lend_the_jump() {
    // SAFETY: rule 1.
    unsafe { JUMP = ropewalk_os::context::switch_for_c() };
}

/// Lets go of a reference, which may run Python code.
///
/// # Safety
/// Rule 3: the caller owns it.
#[inline(always)]
pub(super) unsafe fn release(object: *mut PyObject) {
    // SAFETY: rule 3.
    unsafe {
        if Py_REFCNT(object) > 1 {
            Py_DECREF(object); // inline, and not the last one
        } else {
            Py_DecRef(object);
        }
    }
}

/// The same for a greenlet.
///
/// # Safety
/// Rule 3: the caller owns it.
#[inline(always)]
pub(super) unsafe fn release_greenlet(greenlet: *mut Greenlet) {
    // SAFETY: rule 3.
    unsafe { release(greenlet.cast()) };
}
