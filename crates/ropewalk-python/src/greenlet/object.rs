//! The object and its state.
//!
//! ```text
//! Greenlet, 40 bytes, as greenlet's header says     State
//!   + 0   reference count                             the thread state's part of a stopped greenlet
//!   + 8   type                                        where its stack stands
//!   + 16  weak references                             whether it runs, its stack, its parent, ...
//!   + 24  __dict__
//!   + 32  state  -------------------------------->
//! ```
//!
//! | stage | `bool()` | `dead` | its stack |
//! |---|---|---|---|
//! | pending | no | no | none yet |
//! | suspended | yes | no | stopped |
//! | running | yes | no | that of the processor |
//! | dead | no | yes | none, or the one that its last steps are made on |
#![allow(unsafe_code)] // Contract: see `mod`.

use super::thread::Thread;
use pyo3::ffi::PyObject;
use ropewalk_os::context::Context;
use ropewalk_os::stack::Stack;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Words of a `struct saved`: as many as `greenlet.h` says.
const SAVED_WORDS: usize = 24;

/// What `csrc/greenlet` keeps of the thread state. All zero: of a greenlet that has not begun.
#[repr(C)]
pub(super) struct Saved([usize; SAVED_WORDS]);

#[repr(C)]
pub(super) struct Greenlet {
    pub(super) header: PyObject,
    pub(super) weakrefs: *mut PyObject,
    pub(super) dict: *mut PyObject,
    pub(super) state: *mut State,
}

/// greenlet's header: `sizeof(PyGreenlet)` is compiled into extension modules.
const _: () = assert!(size_of::<Greenlet>() == 40);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Stage {
    Pending,
    Suspended,
    Running,
    Dead,
}

/// Switches to it are refused.
pub(super) const FAILS: u8 = 1;
/// They end the process.
pub(super) const ABORTS: u8 = 2;

pub(super) struct State {
    pub(super) saved: Saved,
    pub(super) context: Context,
    pub(super) stage: Stage,
    pub(super) is_main: bool,
    /// Of the type for tests: [`FAILS`], [`ABORTS`] or both.
    pub(super) broken: u8,
    pub(super) stack: Option<Stack>,
    /// Whose it is, not counted. Null while it is not in use.
    pub(super) greenlet: *mut Greenlet,
    /// Owned. Null for main greenlets, and when the collector has cleared it.
    pub(super) parent: *mut Greenlet,
    /// The main greenlet of the thread that it was started in; owned, save that a main greenlet has itself there.
    pub(super) main: *mut Greenlet,
    /// What it is to call, or is calling.
    pub(super) run: *mut PyObject,
    /// Of a main greenlet: its thread; null when that has ended, which it says itself, without the GIL.
    pub(super) thread: AtomicPtr<Thread>,
    /// The next one that is not in use.
    pub(super) next: *mut State,
}

impl State {
    /// One of a greenlet that has not begun.
    pub(super) const fn of(greenlet: *mut Greenlet) -> State {
        State {
            saved: Saved([0; SAVED_WORDS]),
            context: Context::NONE,
            stage: Stage::Pending,
            is_main: false,
            broken: 0,
            stack: None,
            greenlet,
            parent: null_mut(),
            main: null_mut(),
            run: null_mut(),
            thread: AtomicPtr::new(null_mut()),
            next: null_mut(),
        }
    }

    pub(super) fn is_active(&self) -> bool {
        matches!(self.stage, Stage::Suspended | Stage::Running)
    }

    pub(super) fn is_started(&self) -> bool {
        self.stage != Stage::Pending
    }

    /// The record of the thread that it was started in; null if that has ended, or it has not begun.
    pub(super) fn thread(&self) -> *mut Thread {
        if self.main.is_null() {
            return null_mut();
        }
        // SAFETY: rule 3: a main greenlet has a state.
        unsafe { (*(*self.main).state).thread.load(Ordering::Acquire) }
    }

    /// Whether it was started in a thread that has ended.
    pub(super) fn is_of_a_dead_thread(&self) -> bool {
        !self.main.is_null() && self.thread().is_null()
    }
}

/// The state of a greenlet.
///
/// # Safety
/// Rule 3, and no reference to it is kept across what rule 4 speaks of.
#[inline(always)]
pub(super) unsafe fn state<'a>(greenlet: *mut Greenlet) -> &'a mut State {
    // SAFETY: rule 3.
    unsafe { &mut *(*greenlet).state }
}

/// A new reference.
#[inline(always)]
pub(super) unsafe fn hold(greenlet: *mut Greenlet) -> *mut Greenlet {
    // SAFETY: rule 3.
    unsafe { pyo3::ffi::Py_INCREF(greenlet.cast()) };
    greenlet
}
