//! The one door out of the GIL.
//!
//! A thread that sleeps in the engine has given back the GIL. A signal ends its sleep, it takes the GIL, runs
//! Python's handlers, and sleeps on unless one of them raised.

use pyo3::prelude::*;
use ropewalk::Block;
use ropewalk_os::thread;

/// A thread that holds the GIL, as the engine sees it.
pub(crate) struct Attached<'py>(pub(crate) Python<'py>);

impl Block for Attached<'_> {
    type Interrupt = PyErr;

    #[inline]
    fn detached<R: Send>(&mut self, sleep: impl FnOnce() -> R + Send) -> R {
        self.0.detach(sleep)
    }

    fn interrupted(&mut self) -> PyResult<()> {
        self.0.check_signals()
    }

    /// The interpreter runs handlers in its main thread, which is the one that the process was started or forked with.
    fn heeds_signals(&self) -> bool {
        thread::is_first()
    }
}

/// A thread that holds the GIL and must come back with what it waits for: a signal's handlers run afterwards.
pub(crate) struct Undisturbed<'py>(pub(crate) Python<'py>);

impl Block for Undisturbed<'_> {
    type Interrupt = PyErr;

    #[inline]
    fn detached<R: Send>(&mut self, sleep: impl FnOnce() -> R + Send) -> R {
        self.0.detach(sleep)
    }

    fn interrupted(&mut self) -> PyResult<()> {
        Ok(())
    }
}
