//! How large stacks are, and how deep calls may go on them.
//!
//! The interpreter limits recursion by counting calls, up to 3.13, as if every stack were as large as a thread's. So a stack of at
//! least [`DEFAULT_SIZE`] is left to it. On a smaller one it is given fewer calls, so that those that take most of the stack
//! end in a `RecursionError` and not in the guard.
#![allow(unsafe_code)] // Contract: see `mod`.

use super::thread::{STACKS_SIZE, stacks};
use pyo3::exceptions::{PyRuntimeWarning, PyValueError};
use pyo3::prelude::*;
use ropewalk::fiber::DEFAULT_SIZE;

/// The smallest and the largest that can be asked for.
const LEAST: usize = 256 << 10;
const MOST: usize = 1 << 30;
/// Of a small stack: for what a call does at last, in C, and for the interpreter's way to the exception.
const RESERVE: usize = 48 << 10;

/// Bytes of a stack that may hold calls which the interpreter counts; all that it lets a thread have if the stack is as large.
pub(super) fn for_calls(size: usize) -> usize {
    if size >= DEFAULT_SIZE { usize::MAX } else { size.saturating_sub(RESERVE) }
}

/// The stack size of greenlets that begin from now on, in bytes; changes it, if ``size`` is given.
#[pyfunction]
#[pyo3(signature = (size = None, /), text_signature = "(size=None, /)")]
pub(super) fn stack_size(size: Option<i128>) -> PyResult<usize> {
    // SAFETY: rule 1.
    let before = unsafe { *STACKS_SIZE.get() };
    let Some(size) = size else { return Ok(before) };
    let size = match usize::try_from(size) {
        Ok(0) => DEFAULT_SIZE,
        Ok(size) if (LEAST..=MOST).contains(&size) => size.next_multiple_of(4096),
        _ => {
            return Err(PyValueError::new_err(format!(
                "a greenlet's stack has {LEAST} to {MOST} bytes (256 KiB to 1 GiB), or 0 for the default of {DEFAULT_SIZE}, \
                 not {size}"
            )));
        }
    };
    // SAFETY: rule 1.
    unsafe {
        *STACKS_SIZE.get() = size;
        stacks().set_size(size);
    }
    Ok(before)
}

/// `ROPEWALK_GREENLET_STACK`, read once, at import.
pub(super) fn read_environment(py: Python<'_>) -> PyResult<()> {
    let Ok(text) = std::env::var("ROPEWALK_GREENLET_STACK") else { return Ok(()) };
    if text.is_empty() {
        return Ok(());
    }
    let refused = match bytes(&text) {
        Some(size) => stack_size(Some(size)).err().map(|error| error.value(py).to_string()),
        None => Some(format!("it is bytes, or KiB with a K behind, or MiB with an M, not {text:?}")),
    };
    let Some(reason) = refused else { return Ok(()) };
    let message = std::ffi::CString::new(format!("ROPEWALK_GREENLET_STACK is ignored: {reason}"))?;
    PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), &message, 1)
}

fn bytes(text: &str) -> Option<i128> {
    let (digits, unit) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 1 << 10),
        b'm' | b'M' => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 1),
    };
    digits.parse::<u64>().ok().map(|count| i128::from(count) * unit)
}
