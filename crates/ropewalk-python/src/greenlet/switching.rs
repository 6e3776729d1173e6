//! From one greenlet to the next.
//!
//! [`deliver`] finds out who goes on: the greenlet that was asked for, or, if it is dead, its parent, or the parent's; one that
//! has not begun is begun. [`jump`] goes there, and returns when somebody comes back. What is to be done then is
//! [`land`]'s: to take what was brought, to tell the trace function, to let go of who was there before.
#![allow(unsafe_code)] // Contract: see `mod`.

use super::carry::Carry;
use super::depth;
use super::functions::names;
use super::interpreter::{self, release, release_greenlet};
use super::object::{ABORTS, FAILS, Greenlet, Stage, hold, state};
use super::thread::{self, Thread, end_the_unwanted};
use super::trace;
use pyo3::ffi;
use pyo3::ffi::PyObject;
use ropewalk_os::context::Context;
use std::ffi::CStr;
use std::ptr::null_mut;

/// `greenlet.switch(*args, **kwargs)`, as a fast call.
///
/// # Safety
/// Rule 1.
pub(super) unsafe extern "C-unwind" fn switch(
    slf: *mut PyObject,
    args: *const *mut PyObject,
    count: ffi::Py_ssize_t,
    keywords: *mut PyObject,
) -> *mut PyObject {
    let target: *mut Greenlet = slf.cast();
    // SAFETY: rules 1, 3 and 6.
    unsafe {
        let thread = thread::calling();
        let its = &*(*target).state;
        if its.stage == Stage::Suspended
            && its.main == (*thread).reachable
            && count <= 1
            && keywords.is_null()
            && its.broken == 0
        {
            let value = if count == 1 { *args } else { names().nothing };
            ffi::Py_INCREF(value);
            return jump(thread, target, Carry::one(value));
        }
        match Carry::arguments(args, count as usize, keywords) {
            Some(carry) => deliver(target, carry),
            None => null_mut(),
        }
    }
}

/// Goes on with `target`, or whoever stands in for it, and returns what this greenlet is brought when it goes on.
///
/// # Safety
/// Rules 1 and 4; the carry is used up.
pub(super) unsafe fn deliver(target: *mut Greenlet, carry: Carry) -> *mut PyObject {
    // SAFETY: rules 3, 4, 6 and 7.
    unsafe {
        let thread = thread::calling();
        if !is_allowed(thread, target) {
            carry.release();
            return null_mut();
        }
        let mut next = target;
        while !next.is_null() {
            match state(next).stage {
                Stage::Pending => {
                    // Its parents' attributes are looked up: each is held meanwhile.
                    hold(next);
                    match begin(thread, next) {
                        Began::Yes => {
                            // It is the thread's now, which holds it while it runs.
                            ffi::Py_DECREF(next.cast());
                            return jump(thread, next, carry);
                        }
                        Began::Already => {}
                        Began::Failed => {
                            carry.release();
                            release_greenlet(next);
                            return null_mut();
                        }
                    }
                    // Whoever has started it was held too, for it has come back here.
                    release_greenlet(next);
                }
                Stage::Suspended | Stage::Running => {
                    if state(next).broken & ABORTS != 0 {
                        ffi::Py_FatalError(FATAL.as_ptr());
                    }
                    if state(next).broken & FAILS != 0 {
                        return failed(next, next == target, RUNNING, carry);
                    }
                    if !carry.kwargs.is_null() {
                        // To put it together may run the collector, and that may run anything: so once more.
                        hold(next);
                        let one = carry.into_one();
                        let result = if one.is_null() { null_mut() } else { deliver(next, Carry::one(one)) };
                        release_greenlet(next);
                        return result;
                    }
                    let carry = Carry::one(carry.into_one());
                    if next == (*thread).current {
                        return land_where_one_stands(thread, carry);
                    }
                    return jump(thread, next, carry);
                }
                Stage::Dead => next = state(next).parent,
            }
        }
        // Nobody is left to go on with: all that is known is what was to be brought.
        carry.into_one()
    }
}

const LENT: &CStr = c"cannot switch while a function runs on the thread's own stack: on_thread_stack() must return first, for \
the greenlet that the stack belongs to would overwrite it";
const FATAL: &CStr = c"greenlet: Failed low-level slp_switch(). The stack is probably corrupt.";
const FIRST: &CStr = c"Failed to switch stacks into a greenlet for the first time.";
const RUNNING: &CStr = c"Failed to switch stacks into a running greenlet.";

/// What happens when a switch fails: only the type for tests has that.
#[cold]
unsafe fn failed(
    greenlet: *mut Greenlet,
    was_asked_for: bool,
    message: &CStr,
    carry: Carry,
) -> *mut PyObject {
    // SAFETY: rules 3, 4 and 7.
    unsafe {
        if ffi::PyErr_Occurred().is_null() {
            ffi::PyErr_SetString(ffi::PyExc_SystemError, message.as_ptr());
        }
        carry.release();
        if !was_asked_for {
            hold(greenlet);
            super::dealloc::abandon(greenlet);
            release_greenlet(greenlet);
        }
        null_mut()
    }
}

/// The main greenlet that a greenlet belongs to: since its start, or else through its parents.
unsafe fn lineage(mut greenlet: *mut Greenlet) -> *mut Greenlet {
    while !greenlet.is_null() {
        // SAFETY: rule 3.
        let its = unsafe { state(greenlet) };
        if its.is_started() {
            return its.main;
        }
        greenlet = its.parent;
    }
    null_mut()
}

/// Rule 6, as an exception.
unsafe fn is_allowed(thread: *mut Thread, target: *mut Greenlet) -> bool {
    // SAFETY: rules 1, 3 and 7.
    unsafe {
        let main = lineage(target);
        if main == (*thread).reachable && !main.is_null() {
            return true;
        }
        let error = names().error;
        if (*thread).reachable.is_null() {
            ffi::PyErr_SetString(error, LENT.as_ptr());
        } else if main.is_null() {
            ffi::PyErr_SetString(error, c"cannot switch to a garbage collected greenlet".as_ptr());
        } else if state(main).thread().is_null() {
            let message = c"cannot switch to a different thread (which happens to have exited)";
            ffi::PyErr_SetString(error, message.as_ptr());
        } else {
            let message = c"Cannot switch to a different thread\n\tCurrent:  %R\n\tExpected: %R";
            ffi::PyErr_Format(error, message.as_ptr(), (*thread).main, main);
        }
        false
    }
}

#[derive(PartialEq)]
enum Began {
    Yes,
    /// Something else has started it meanwhile.
    Already,
    Failed,
}

/// Gives a pending greenlet what it needs to run: what it is to call, and a stack. An exception that is under way stays.
unsafe fn begin(thread: *mut Thread, greenlet: *mut Greenlet) -> Began {
    // SAFETY: rules 3 to 7.
    unsafe {
        let its = state(greenlet);
        if interpreter::is_possible() == 0 {
            let message = c"greenlets need stacks of their own, which this Python takes for an overflow: use 3.14.2 or later";
            ffi::PyErr_SetString(ffi::PyExc_RuntimeError, message.as_ptr());
            return Began::Failed;
        }
        let is_plain = ffi::Py_TYPE(greenlet.cast()) == super::class::class();
        let run = if is_plain && (*greenlet).dict.is_null() && !its.run.is_null() {
            ffi::Py_NewRef(its.run)
        } else {
            let (mut kind, mut value, mut traceback) = (null_mut(), null_mut(), null_mut());
            ffi::PyErr_Fetch(&mut kind, &mut value, &mut traceback);
            let run = interpreter::PyObject_GetAttr(greenlet.cast(), names().run);
            if run.is_null() {
                for object in [kind, value, traceback] {
                    ffi::Py_XDECREF(object);
                }
                return Began::Failed;
            }
            ffi::PyErr_Restore(kind, value, traceback);
            if !is_allowed(thread, greenlet) {
                release(run);
                return Began::Failed;
            }
            run
        };
        let its = state(greenlet);
        if its.is_started() {
            release(run);
            return Began::Already;
        }
        if its.broken & ABORTS != 0 {
            ffi::Py_FatalError(FATAL.as_ptr());
        }
        if its.broken & FAILS != 0 {
            release(run);
            failed(greenlet, true, FIRST, Carry::NOTHING);
            return Began::Failed;
        }
        let stack = match thread::stacks().take() {
            Ok(stack) => stack,
            Err(error) => {
                release(run);
                no_stack(&error);
                return Began::Failed;
            }
        };
        // From here to the jump no Python code runs.
        let bytes = depth::for_calls(stack.len());
        interpreter::fresh(&raw mut its.saved, stack.limit(), stack.top(), stack.room(), bytes);
        its.context = Context::new(stack.top(), interpreter::body, greenlet.cast());
        its.stack = Some(stack);
        its.main = hold((*thread).main);
        its.stage = Stage::Suspended;
        // What was set as `run` is let go of by the greenlet itself: that may run Python code.
        (*thread).replaced = std::mem::replace(&mut its.run, run);
        Began::Yes
    }
}

/// Says that there is no memory for a stack.
#[cold]
unsafe fn no_stack(error: &std::io::Error) {
    let message = format!(
        "no stack for a greenlet: {error}. The process has used up its address space (ulimit -v), or the system refuses \
         reservations (vm.overcommit_memory=2)\0"
    );
    // SAFETY: rule 7; the text ends with a zero.
    unsafe { ffi::PyErr_SetString(ffi::PyExc_MemoryError, message.as_ptr().cast()) };
}

/// Leaves the running greenlet, and goes on with one that is suspended in this thread. What it returns is what was brought
/// by whoever came back.
///
/// # Safety
/// Rules 5 and 6. The carry is used up.
#[inline(always)]
pub(super) unsafe fn jump(thread: *mut Thread, target: *mut Greenlet, carry: Carry) -> *mut PyObject {
    // SAFETY: rules 3, 5 and 6.
    unsafe {
        let origin = (*thread).current;
        let from = (*origin).state;
        let to = (*target).state;
        if (*from).stage == Stage::Running {
            (*from).stage = Stage::Suspended;
        } else {
            super::body::leave_for_ever(thread, from);
        }
        (*thread).carry = carry;
        (*thread).origin = origin;
        (*thread).current = hold(target);
        (*to).stage = Stage::Running;
        interpreter::exchange(
            &raw mut (*from).saved,
            &raw mut (*from).context,
            &raw mut (*to).saved,
            (*to).context,
        );
        land(thread)
    }
}

/// A greenlet that switches to itself.
unsafe fn land_where_one_stands(thread: *mut Thread, carry: Carry) -> *mut PyObject {
    // SAFETY: rule 3.
    unsafe {
        (*thread).carry = carry;
        (*thread).origin = hold((*thread).current);
        land(thread)
    }
}

/// The running greenlet has just gone on.
#[inline(always)]
unsafe fn land(thread: *mut Thread) -> *mut PyObject {
    // SAFETY: rules 3, 4 and 7.
    unsafe {
        let value = (*thread).carry.value;
        let origin = (*thread).origin;
        if (*thread).attention {
            return land_with_attention(thread, origin, value);
        }
        release_greenlet(origin);
        value
    }
}

#[cold]
unsafe fn land_with_attention(
    thread: *mut Thread,
    origin: *mut Greenlet,
    value: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: rules 3 to 5, and 7.
    unsafe {
        if let Some(stack) = (*thread).spent.take() {
            thread::stacks().put(stack);
            (*thread).look_again();
        }
        let mut value = value;
        if !(*thread).trace.is_null() && !trace::tell(thread, !value.is_null(), origin, (*thread).current) {
            // What the trace function raises is thrown.
            ffi::Py_XDECREF(value);
            value = null_mut();
        }
        release_greenlet(origin);
        end_the_unwanted(thread);
        value
    }
}
