//! The end of the object. A greenlet that is suspended then is killed: it gets a `GreenletExit`, in the thread it belongs to.
//!
//! | whose last reference is let go of | what happens |
//! |---|---|
//! | by its own thread | `GreenletExit` is thrown into it, before the last reference is gone: it may come to life again |
//! | by another thread, or while the thread's own stack is lent | it waits in its thread's list until that thread lands, or asks for a greenlet |
//! | when its thread has ended, or the interpreter ends | nobody can run it: its frames let go of what they hold |
#![allow(unsafe_code)] // Contract: see `mod`.

use super::carry::Carry;
use super::functions::names;
use super::interpreter::{self, release, release_greenlet};
use super::object::{Greenlet, Stage, hold, state};
use super::roll;
use super::switching::deliver;
use super::thread::{self, MAINS};
use pyo3::ffi;
use pyo3::ffi::PyObject;
use std::ptr::null_mut;

/// `tp_dealloc`.
///
/// # Safety
/// Rule 1.
pub(super) unsafe extern "C-unwind" fn dealloc(slf: *mut PyObject) {
    let greenlet: *mut Greenlet = slf.cast();
    // SAFETY: rules 1, 3 and 4.
    unsafe {
        ffi::PyObject_GC_UnTrack(slf.cast());
        let its = state(greenlet);
        if its.is_active() && !its.is_main && !kill(greenlet) {
            return;
        }
        if !(*greenlet).weakrefs.is_null() {
            interpreter::PyObject_ClearWeakRefs(slf);
        }
        let dict = std::mem::replace(&mut (*greenlet).dict, null_mut());
        if !dict.is_null() {
            release(dict);
        }
        if state(greenlet).is_main {
            *MAINS.get() -= 1;
            state(greenlet).main = null_mut();
        }
        let_go(greenlet);
        roll::strike((*greenlet).state);
        (*greenlet).state = null_mut();
        let class = ffi::Py_TYPE(slf);
        if let Some(free) = (*class).tp_free {
            free(slf.cast());
        }
    }
}

/// Lets go of all references that a state holds.
///
/// # Safety
/// Rules 3 and 4.
pub(super) unsafe fn let_go(greenlet: *mut Greenlet) {
    // SAFETY: rules 3 and 4: each is taken out before it is let go of.
    unsafe {
        interpreter::clear(&raw mut state(greenlet).saved);
        let parent = std::mem::replace(&mut state(greenlet).parent, null_mut());
        let main = std::mem::replace(&mut state(greenlet).main, null_mut());
        let run = std::mem::replace(&mut state(greenlet).run, null_mut());
        for object in [run, parent.cast(), main.cast()] {
            if !object.is_null() {
                release(object);
            }
        }
    }
}

/// Ends a suspended greenlet that nobody holds. `false` if it is held again.
unsafe fn kill(greenlet: *mut Greenlet) -> bool {
    let object: *mut PyObject = greenlet.cast();
    // SAFETY: rules 1 to 4.
    unsafe {
        interpreter::set_references(object, 1);
        let (mut kind, mut value, mut traceback) = (null_mut(), null_mut(), null_mut());
        ffi::PyErr_Fetch(&mut kind, &mut value, &mut traceback);
        let its = state(greenlet).thread();
        if its.is_null() || interpreter::is_finalizing() != 0 {
            abandon(greenlet);
        } else if its == thread::calling() && !(*its).reachable.is_null() {
            throw_exit(greenlet);
        } else {
            (*its).unwanted.push(hold(greenlet));
            (*its).attention = true;
        }
        if !ffi::PyErr_Occurred().is_null() {
            interpreter::PyErr_WriteUnraisable(object);
        }
        if ffi::Py_REFCNT(object) == 1 && state(greenlet).is_active() {
            complain(object);
        }
        ffi::PyErr_Restore(kind, value, traceback);
        let left = ffi::Py_REFCNT(object) - 1;
        if left == 0 {
            interpreter::set_references(object, 0);
            return true;
        }
        interpreter::resurrect(object, left);
        let class = ffi::Py_TYPE(object);
        if ffi::PyType_HasFeature(class, ffi::Py_TPFLAGS_HEAPTYPE) != 0 {
            // Who has called this lets go of the class when it returns.
            ffi::Py_INCREF(class.cast());
        }
        ffi::PyObject_GC_Track(object.cast());
        false
    }
}

/// Throws `GreenletExit`, with the running greenlet for its parent: so it comes back here.
unsafe fn throw_exit(greenlet: *mut Greenlet) {
    // SAFETY: rules 3, 4 and 7.
    unsafe {
        let thread = thread::calling();
        let parent = std::mem::replace(&mut state(greenlet).parent, hold((*thread).current));
        let message = c"Killing the greenlet because all references have vanished.";
        ffi::PyErr_SetString(names().exit, message.as_ptr());
        let result = deliver(greenlet, Carry::NOTHING);
        let guard = std::mem::replace(&mut state(greenlet).parent, parent);
        if !guard.is_null() {
            release_greenlet(guard);
        }
        if !result.is_null() {
            release(result);
        }
    }
}

#[cold]
unsafe fn complain(object: *mut PyObject) {
    // SAFETY: rules 1, 3 and 4: it is leaked, for it is alive and nobody's.
    unsafe {
        let file = ffi::PySys_GetObject(c"stderr".as_ptr());
        ffi::Py_INCREF(object);
        if file.is_null() {
            return;
        }
        ffi::Py_INCREF(file);
        interpreter::PyFile_WriteString(c"GreenletExit did not kill ".as_ptr(), file);
        interpreter::PyFile_WriteObject(object, file, 0);
        interpreter::PyFile_WriteString(c"\n".as_ptr(), file);
        release(file);
    }
}

/// A suspended greenlet will never go on: its thread has ended, or the interpreter ends. It is dead then.
///
/// # Safety
/// Rules 3 to 5: the caller holds it.
pub(super) unsafe fn abandon(greenlet: *mut Greenlet) {
    // SAFETY: rules 3 to 5.
    unsafe {
        if state(greenlet).stage != Stage::Suspended || state(greenlet).is_main {
            return;
        }
        state(greenlet).stage = Stage::Dead;
        let stack = state(greenlet).stack.take();
        if interpreter::abandon(&raw mut state(greenlet).saved) != 0 {
            if let Some(stack) = stack {
                thread::stacks().put(stack);
            }
        } else {
            // Somebody holds a frame, which points there.
            std::mem::forget(stack);
        }
    }
}
