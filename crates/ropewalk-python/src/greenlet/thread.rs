//! The record of a thread: who runs, who was there before the others, and what is to be done at the next landing.
#![allow(unsafe_code)] // Contract: see `mod`.

use super::carry::Carry;
use super::class;
use super::graveyard;
use super::interpreter::{self, Forked, release, release_greenlet};
use super::object::{Greenlet, Stage, hold, state};
use super::roll;
use pyo3::ffi;
use pyo3::ffi::PyObject;
use ropewalk::fiber::{DEFAULT_SIZE, Stacks};
use ropewalk_os::stack::Stack;
use std::cell::UnsafeCell;
use std::ffi::c_ulong;
use std::ptr::null_mut;
use std::sync::atomic::AtomicPtr;

/// Bytes above a stack's top for the first frames: as many as the interpreter's own chunks of frames have.
pub(super) const ROOM: usize = 16 << 10;

/// Owned by the thread while it lives, and by the graveyard after it. Everything in it is counted (rule 3).
pub(super) struct Thread {
    /// Its number, as `threading` has it.
    pub(super) ident: u64,
    /// Whether it was the first of its process, which a process ends with.
    pub(super) is_first: bool,
    /// How many forks lay between the first process and that one.
    forks: c_ulong,
    /// Who runs.
    pub(super) current: *mut Greenlet,
    /// What the thread did before it knew of greenlets.
    pub(super) main: *mut Greenlet,
    /// The same, not counted; null while its stack is lent: then nobody can be switched to.
    pub(super) reachable: *mut Greenlet,
    /// What goes along with the switch that is under way.
    pub(super) carry: Carry,
    /// Who has switched: the reference that made it the current one.
    pub(super) origin: *mut Greenlet,
    /// What the greenlet that begins had as `run` before it was looked up, if it is to let go of that.
    pub(super) replaced: *mut PyObject,
    /// Whether anything below is set: then a landing takes longer.
    pub(super) attention: bool,
    /// What is told of switches; null for nothing.
    pub(super) trace: *mut PyObject,
    /// What the greenlet stood on that has just ended.
    pub(super) spent: Option<Stack>,
    /// Greenlets whose last reference another thread has let go of.
    pub(super) unwanted: Vec<*mut Greenlet>,
}

/// A static that the GIL guards (rule 1).
pub(super) struct Attached<T>(UnsafeCell<T>);

// SAFETY: rule 1.
unsafe impl<T> Sync for Attached<T> {}

impl<T> Attached<T> {
    pub(super) const fn new(value: T) -> Self {
        Attached(UnsafeCell::new(value))
    }

    /// # Safety
    /// Rule 1, and rule 4: it is not kept across what may run Python code.
    #[allow(clippy::mut_from_ref, reason = "rule 1 is what makes it the only one")]
    pub(super) unsafe fn get(&self) -> &mut T {
        // SAFETY: rule 1.
        unsafe { &mut *self.0.get() }
    }
}

static STACKS: Attached<Option<Stacks>> = Attached::new(None);
/// Bytes of a stack, as was asked for.
pub(super) static STACKS_SIZE: Attached<usize> = Attached::new(DEFAULT_SIZE);
/// Main greenlets that there are.
pub(super) static MAINS: Attached<usize> = Attached::new(0);

/// The stacks of all threads: the GIL makes one pool enough.
///
/// # Safety
/// Rule 1.
pub(super) unsafe fn stacks<'a>() -> &'a mut Stacks {
    // SAFETY: rule 1.
    let (stacks, size) = unsafe { (STACKS.get(), *STACKS_SIZE.get()) };
    stacks.get_or_insert_with(|| Stacks::new(size).with_room(ROOM).without_guards_beyond_the_limit())
}

/// The record of the calling thread.
///
/// # Safety
/// Rule 1.
#[inline(always)]
pub(super) unsafe fn calling() -> *mut Thread {
    // SAFETY: rule 1.
    unsafe {
        let thread = interpreter::thread();
        if thread.is_null() { first() } else { thread }
    }
}

/// Makes the record, and the main greenlet, of a thread that has had none.
#[cold]
unsafe fn first() -> *mut Thread {
    // SAFETY: rules 1 and 3.
    unsafe {
        let main: *mut Greenlet = ffi::PyType_GenericAlloc(class::class(), 0).cast();
        if main.is_null() {
            ffi::Py_FatalError(c"greenlet: no memory for the main greenlet of a thread".as_ptr());
        }
        let other = interpreter::thread();
        if !other.is_null() {
            // The collector ran, and what it ran asked first.
            (*main).state = roll::enter(main);
            release_greenlet(main);
            return other;
        }
        (*main).state = roll::enter(main);
        let thread = Box::into_raw(Box::new(Thread {
            ident: ropewalk_os::thread::current().0,
            is_first: ropewalk_os::thread::is_first(),
            forks: interpreter::forked().times,
            current: hold(main),
            main,
            reachable: main,
            carry: Carry::NOTHING,
            origin: null_mut(),
            replaced: null_mut(),
            attention: false,
            trace: null_mut(),
            spent: None,
            unwanted: Vec::new(),
        }));
        let its = state(main);
        its.is_main = true;
        its.stage = Stage::Running;
        its.main = main;
        its.thread = AtomicPtr::new(thread);
        *MAINS.get() += 1;
        interpreter::set_thread(thread);
        graveyard::watch_this_thread();
        thread
    }
}

impl Thread {
    /// For who reads it in another process.
    pub(super) const PLACE_OF_FORKS: usize = std::mem::offset_of!(Thread, forks);

    /// Whether it is a thread of the process of which `forked` is told, and not one that a parent had.
    pub(super) fn is_of(&self, forked: Forked) -> bool {
        self.forks == forked.times || self.has_survived(forked)
    }

    /// Whether it is the one that the process began with.
    pub(super) fn is_first_of(&self, forked: Forked) -> bool {
        self.is_first || self.has_survived(forked)
    }

    fn has_survived(&self, forked: Forked) -> bool {
        forked.thread.addr() == std::ptr::from_ref(self).addr()
    }

    /// Whether a landing has more to do than to return.
    pub(super) fn look_again(&mut self) {
        self.attention = !self.trace.is_null() || self.spent.is_some() || !self.unwanted.is_empty();
    }
}

/// Ends the greenlets that others have let go of. What the exception is stays.
///
/// # Safety
/// Rules 1 and 4.
pub(super) unsafe fn end_the_unwanted(thread: *mut Thread) {
    // SAFETY: rules 3 and 4.
    unsafe {
        if (*thread).unwanted.is_empty() || (*thread).reachable.is_null() || interpreter::is_finalizing() != 0
        {
            return;
        }
        let (mut kind, mut value, mut traceback) = (null_mut(), null_mut(), null_mut());
        ffi::PyErr_Fetch(&mut kind, &mut value, &mut traceback);
        // One by one: whatever runs may be unwound (rule 2), or add to them.
        while let Some(greenlet) = (*thread).unwanted.pop() {
            release_greenlet(greenlet);
            if !ffi::PyErr_Occurred().is_null() {
                interpreter::PyErr_WriteUnraisable(null_mut());
            }
        }
        (*thread).look_again();
        ffi::PyErr_Restore(kind, value, traceback);
    }
}

/// Sets or, with null, removes what is told of switches; it takes the reference.
///
/// # Safety
/// Rules 1 and 3.
pub(super) unsafe fn set_trace(thread: *mut Thread, function: *mut PyObject) {
    // SAFETY: rules 3 and 4.
    unsafe {
        let before = std::mem::replace(&mut (*thread).trace, function);
        (*thread).look_again();
        if !before.is_null() {
            release(before);
        }
    }
}
