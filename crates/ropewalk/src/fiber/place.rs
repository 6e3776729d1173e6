//! Where a computation stands while it is stopped, and the ways from one to the next.
//!
//! # Contract of the unsafe code
//!
//! The rules are those of [`ropewalk_os::context`].
//!
//! 1. A context is taken out of its place by whoever goes on with it, so it is gone on with once.
//! 2. A place is not `Send`: what was stopped in a thread is gone on with there.
//! 3. Who begins a computation keeps its stack until it has ended; each type of this module that does says so.
//! 4. A [`Stack`] is taken whole, and nothing else stands on it.
//! 5. The argument of [`begin`] is a box that only it takes, once; the place that a body returns is alive.
#![allow(unsafe_code)]

use ropewalk_os::context::{Context, switch};
use ropewalk_os::stack::Stack;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Where a computation stands, if it is stopped.
pub(super) struct Place {
    stopped: Cell<Context>,
    of_one_thread: PhantomData<*mut ()>,
}

impl Place {
    /// Of a computation that runs, or has ended.
    pub(super) const fn empty() -> Place {
        Place { stopped: Cell::new(Context::NONE), of_one_thread: PhantomData }
    }

    /// Of a computation that has not begun: `body`, on `stack`. What it returns is gone on with when it has ended; it does
    /// not unwind.
    ///
    /// # Safety
    /// Rules 3 and 4 of the module. The place that `body` returns is alive then (rule 5).
    pub(super) unsafe fn fresh<F: FnOnce() -> *const Place>(stack: &Stack, body: F) -> Place {
        let argument = Box::into_raw(Box::new(body)).cast();
        // SAFETY: rules 3 and 4: the caller's.
        let context = unsafe { Context::new(stack.top(), begin::<F>, argument) };
        Place { stopped: Cell::new(context), of_one_thread: PhantomData }
    }

    /// Whether a computation stands here.
    pub(super) fn is_stopped(&self) -> bool {
        !self.stopped.get().is_none()
    }

    /// The calling computation stops here, and the one at `to` goes on. Returns when somebody goes on with this one.
    ///
    /// # Panics
    /// If nobody stands at `to`.
    // One place for all calls: the processor foresees where a switch returns to.
    #[inline(never)]
    pub(super) fn switch_to(&self, to: &Place) {
        let next = to.stopped.replace(Context::NONE);
        assert!(!next.is_none(), "nobody is stopped there");
        // SAFETY: rules 1 to 3.
        unsafe { switch(self.stopped.as_ptr(), next, 0) };
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_stopped() { "stopped" } else { "not stopped" })
    }
}

/// The first frame of every computation.
unsafe extern "C" fn begin<F: FnOnce() -> *const Place>(argument: *mut (), _: usize) -> ! {
    // SAFETY: rule 5.
    let body = unsafe { Box::from_raw(argument.cast::<F>()) };
    let Ok(next) = catch_unwind(AssertUnwindSafe(body)) else {
        // Beneath there is nobody to be told.
        std::process::abort();
    };
    let ended = Place::empty();
    // SAFETY: rule 5.
    ended.switch_to(unsafe { &*next });
    // Nobody goes on with what has ended.
    std::process::abort();
}
