//! The thread's own stack, lent to a call: for foreign code that asks where its thread's stack is, and compares addresses.
//!
//! While a greenlet runs the thread's first one is stopped, and below where it stopped its stack is free. A function that is
//! called there stands where `pthread_getattr_np` says that the thread does. Until it has returned nobody can be switched to:
//! the first greenlet would go on over its frames.
#![allow(unsafe_code)] // Contract: see `mod`.

use super::interpreter::{self, Loan};
use super::object::state;
use super::thread;
use pyo3::ffi;
use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use pyo3::types::PyModule;
use ropewalk_os::context::Context;
use std::mem::{MaybeUninit, transmute};
use std::ptr::null_mut;

/// Below where the first greenlet stopped: what a function without calls of its own may use without saying so, and more.
const APART: usize = 512;

const DOC: &std::ffi::CStr = c"on_thread_stack(function, /, *args, **kwargs)\n--\n\n\
Calls the function on the thread's own stack, where foreign code expects it that compares addresses with those of its\n\
thread's stack, and returns what it returns. Until then this thread cannot switch to another greenlet.";

type Call = unsafe extern "C-unwind" fn(*mut PyObject, *mut PyObject, *mut PyObject) -> *mut PyObject;

unsafe extern "C-unwind" fn on_thread_stack(
    _: *mut PyObject,
    args: *mut PyObject,
    kwargs: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: rules 1 to 7: the tuple is the caller's, who holds it for the time of the call; while the loan lasts nobody goes on
    // with the first greenlet, which stays stopped.
    unsafe {
        let count = ffi::PyTuple_Size(args);
        if count == 0 {
            let message = c"on_thread_stack() needs a function to call";
            ffi::PyErr_SetString(ffi::PyExc_TypeError, message.as_ptr());
            return null_mut();
        }
        let function = ffi::PyTuple_GetItem(args, 0);
        let rest = ffi::PyTuple_GetSlice(args, 1, count);
        if rest.is_null() {
            return null_mut();
        }
        let thread = thread::calling();
        let main = (*thread).main;
        let result = if (*thread).current == main || (*thread).reachable.is_null() {
            // It stands there already.
            interpreter::PyObject_Call(function, rest, kwargs)
        } else {
            let mut loan = MaybeUninit::new(Loan {
                function,
                args: rest,
                kwargs,
                result: null_mut(),
                back: Context::NONE,
            });
            let loan = loan.as_mut_ptr();
            let top = state(main).context.place().wrapping_byte_sub(APART);
            (*thread).reachable = null_mut();
            interpreter::stands_on(null_mut());
            let result =
                interpreter::borrow_stack(Context::new(top, interpreter::borrower, loan.cast()), loan);
            interpreter::stands_on(&raw mut state((*thread).current).saved);
            (*thread).reachable = main;
            result
        };
        interpreter::release(rest);
        result
    }
}

/// Adds the function. It is none of PyO3's: those have a frame of Rust beneath what they call, which rule 2 forbids.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    // SAFETY: rules 1 and 7: the interpreter does not ask for the ABI; the definition lives for ever.
    let function = unsafe {
        let definition = Box::leak(Box::new(ffi::PyMethodDef {
            ml_name: c"on_thread_stack".as_ptr(),
            ml_meth: ffi::PyMethodDefPointer {
                PyCFunctionWithKeywords: transmute::<Call, ffi::PyCFunctionWithKeywords>(on_thread_stack),
            },
            ml_flags: ffi::METH_VARARGS | ffi::METH_KEYWORDS,
            ml_doc: DOC.as_ptr(),
        }));
        let name = module.name()?;
        Bound::from_owned_ptr_or_err(
            module.py(),
            ffi::PyCFunction_NewEx(definition, null_mut(), name.as_ptr()),
        )?
    };
    module.add("on_thread_stack", function)
}
