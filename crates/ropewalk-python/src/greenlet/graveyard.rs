//! Threads that have ended, and their greenlets.
//!
//! A thread says that it ends when its thread-local variables go: then it has no GIL, and its thread state is gone. So it only
//! marks its main greenlet, and lies down in a queue; the interpreter calls [`bury`] in the main thread when it is next
//! between two instructions.
#![allow(unsafe_code)] // Contract: see `mod`.

use super::dealloc::abandon;
use super::interpreter::{self, release, release_greenlet};
use super::object::{Greenlet, Stage, state};
use super::switching::switch;
use super::thread::{self, Attached, Thread};
use pyo3::ffi;
use pyo3::ffi::PyObject;
use ropewalk_os::clock::processor_time;
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Ended threads, the only thing here that is not guarded by the GIL.
static GRAVES: Mutex<Graves> = Mutex::new(Graves { ended: Vec::new(), is_called: false });
/// Microseconds of processor time that went into the search for references; -1 if nobody is to search.
pub(super) static SEARCHED: Attached<i64> = Attached::new(0);

struct Graves {
    ended: Vec<Ended>,
    /// Whether the interpreter was asked to call [`bury`], and that has not come to its end.
    is_called: bool,
}

struct Ended(*mut Thread);

// SAFETY: rule 3: the thread has ended, and whoever takes it from the queue owns the record.
unsafe impl Send for Ended {}

struct EndOfThread;

impl Drop for EndOfThread {
    fn drop(&mut self) {
        // SAFETY: rule 3: the record is this thread's.
        unsafe {
            let thread = interpreter::thread();
            interpreter::set_thread(null_mut());
            let main = (*thread).main;
            let mut graves = graves();
            (*(*main).state).thread.store(null_mut(), Ordering::Release);
            if interpreter::is_there() == 0 {
                return;
            }
            graves.ended.push(Ended(thread));
            if !graves.is_called {
                let call = std::mem::transmute::<Pending, Call>(bury);
                // If there is no room for the call, the next thread that ends asks again.
                graves.is_called = ffi::Py_AddPendingCall(Some(call), null_mut()) == 0;
            }
        }
    }
}

type Pending = unsafe extern "C-unwind" fn(*mut c_void) -> c_int;
type Call = extern "C" fn(*mut c_void) -> c_int;

thread_local! {
    static END: EndOfThread = const { EndOfThread };
}

/// From now on the end of this thread is noticed.
pub(super) fn watch_this_thread() {
    // A thread that is in the midst of its end is not watched any more, and lies about for ever.
    let _ = END.try_with(|_| ());
}

fn graves() -> MutexGuard<'static, Graves> {
    GRAVES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ended threads that wait for [`bury`].
pub(super) fn waiting() -> usize {
    graves().ended.len()
}

/// The next one, which stays in the queue until it is done: what it lets go of may run Python code, and end threads.
fn next() -> Option<*mut Thread> {
    let mut graves = graves();
    let thread = graves.ended.last().map(|ended| ended.0);
    graves.is_called = thread.is_some();
    thread
}

/// Lets go of all that ended threads had.
///
/// # Safety
/// Rule 1: the interpreter calls it.
unsafe extern "C-unwind" fn bury(_: *mut c_void) -> c_int {
    while let Some(thread) = next() {
        // SAFETY: rules 1 to 4; then nobody else has it.
        unsafe {
            bury_one(thread);
            graves().ended.retain(|ended| ended.0 != thread);
            drop(Box::from_raw(thread));
        }
    }
    0
}

unsafe fn bury_one(thread: *mut Thread) {
    // SAFETY: rules 3 to 5.
    unsafe {
        let trace = std::mem::replace(&mut (*thread).trace, null_mut());
        if !trace.is_null() {
            release(trace);
        }
        while let Some(greenlet) = (*thread).unwanted.pop() {
            abandon(greenlet);
            release_greenlet(greenlet);
        }
        if let Some(stack) = (*thread).spent.take() {
            thread::stacks().put(stack);
        }
        let (current, main) = ((*thread).current, (*thread).main);
        state(main).stage = Stage::Dead;
        if current == main {
            release_greenlet(current);
            let was_all_but_one = ffi::Py_REFCNT(main.cast()) == 2;
            ffi::Py_DECREF(main.cast());
            if was_all_but_one && *SEARCHED.get() != -1 {
                look_for_the_last_reference(main);
            }
            return;
        }
        // The thread ended in the midst of a greenlet. What it stood on was left without a word.
        state(current).stage = Stage::Dead;
        std::mem::forget(state(current).stack.take());
        release_greenlet(current);
        release_greenlet(main);
    }
}

/// A main greenlet of an ended thread has one reference left. If the collector can find nobody that has it, then it stands on a
/// stack that will never go on: the thread's last greenlet called its `switch`.
unsafe fn look_for_the_last_reference(main: *mut Greenlet) {
    // SAFETY: rules 1, 3, 4 and 7.
    unsafe {
        let begin = processor_time();
        let collector = interpreter::PyImport_ImportModule(c"gc".as_ptr());
        if collector.is_null() {
            return interpreter::PyErr_WriteUnraisable(null_mut());
        }
        let search = interpreter::PyObject_GetAttr(collector, super::functions::names().get_referrers);
        release(collector);
        if search.is_null() {
            return interpreter::PyErr_WriteUnraisable(null_mut());
        }
        match holders(search, main.cast()).as_deref() {
            Some([]) => release_greenlet(main),
            // A bound method that nobody has but the stack.
            Some([method])
                if is_its_switch(*method)
                    && holders(search, *method).is_some_and(|holders| holders.is_empty()) =>
            {
                release(*method);
            }
            _ => {}
        }
        if !ffi::PyErr_Occurred().is_null() {
            interpreter::PyErr_WriteUnraisable(null_mut());
        }
        release(search);
        *SEARCHED.get() += (processor_time() - begin) as i64 / 1_000;
    }
}

/// Whether it is a bound `switch`, with one reference.
unsafe fn is_its_switch(object: *mut PyObject) -> bool {
    // SAFETY: rules 1 and 3.
    unsafe {
        ffi::PyCFunction_Check(object) != 0
            && ffi::Py_REFCNT(object) == 1
            && ffi::PyCFunction_GetFunction(object)
                .is_some_and(|function| function as usize == switch as *const () as usize)
    }
}

/// What refers to an object, borrowed: the list of it is gone. `None`: rule 7.
unsafe fn holders(search: *mut PyObject, object: *mut PyObject) -> Option<Vec<*mut PyObject>> {
    // SAFETY: rules 1, 3 and 7.
    unsafe {
        let list = interpreter::PyObject_CallFunctionObjArgs(search, object, null_mut::<PyObject>());
        if list.is_null() {
            return None;
        }
        let count = ffi::PyList_Size(list);
        let found = (0..count).map(|place| ffi::PyList_GetItem(list, place)).collect();
        release(list);
        Some(found)
    }
}
