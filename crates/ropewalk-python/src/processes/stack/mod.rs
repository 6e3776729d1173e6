//! Where this thread's Python code is, found out by a signal's handler at any instruction of the interpreter.
//!
//! | file | what it is |
//! |---|---|
//! | `layout` | where each version of CPython keeps what is read here |
//! | `walk` | from frame to frame |
//! | `lines` | the line of an instruction |
//! | `object` | objects of the interpreter, read without trust |
//! | `thread` | the interpreter's state of a thread |
//! | `proof` | whether what is read here is what Python says |
//! | `elsewhere` | the same in another process |
//!
//! `faulthandler` does the same through public names, and was tried: called by a signal every 0.2 ms it crashed the
//! interpreters of 3.11, 3.12 and 3.13 within seconds, since frames are followed while they are made and thrown away. So
//! the interpreter's structures are read through the kernel, which does not fault ([`peek`](ropewalk_os::own_memory::peek)):
//! a stale pointer ends the text, not the program.
//!
//! What must stay true: nothing of this runs unless [`prove`] has found, in this interpreter, that it tells exactly what
//! `sys._getframe()` does. A version that it does not know has no stacks, and nothing else is lost.

mod elsewhere;
mod layout;
mod lines;
mod object;
mod proof;
mod thread;
mod walk;

pub(crate) use elsewhere::Elsewhere;

use layout::Layout;
use pyo3::prelude::*;
use ropewalk::process::flight::{Cause, Text};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What was proved to be right for this interpreter.
static PROVED: OnceLock<Option<Layout>> = OnceLock::new();
/// The thread that is looked at.
static THREAD: AtomicUsize = AtomicUsize::new(0);

/// The calling thread is the one that is looked at; whether that is possible in this interpreter.
pub(super) fn prove(py: Python<'_>) -> bool {
    THREAD.store(thread::current(py), Relaxed);
    proved(py).is_some()
}

/// Where this interpreter keeps things, if that is known for sure.
fn proved(py: Python<'_>) -> Option<Layout> {
    PROVED.get().copied().unwrap_or_else(|| {
        let found = proof::find(py).ok().flatten();
        let _ = PROVED.set(found); // with the GIL: nobody else has, and found the same if so
        found
    })
}

/// An address of the interpreter's code.
pub(super) fn code_of_the_interpreter() -> usize {
    thread::code_of_the_interpreter()
}

/// Writes the frames of the thread that is looked at, or has crashed, the innermost first: a line each, of the line's
/// number (0: unknown), the function's name and the file's, with tabs between. A line of dots: there were more.
pub(super) fn write(cause: Cause, text: &mut Text<'_>) {
    let thread = match cause {
        Cause::Time => THREAD.load(Relaxed),
        Cause::Crash(_) => thread::this(),
    };
    if let Some(Some(layout)) = PROVED.get()
        && thread != 0
    {
        walk::write(layout, thread, text);
    }
}
