//! Objects as bytes for another process, and back.
//!
//! | file | what it is |
//! |---|---|
//! | `format` | what the bytes mean |
//! | `encode`, `decode` | exact builtins, compactly |
//! | `memo` | what a message has in it already |
//! | `keys` | short names, found again |
//! | `pickler` | everything else: pickle protocol 5, buffers beside the message |
//! | `buffer` | memory beside a message |
//! | `scratch` | a message on its way, and each thread's memory for one |
//!
//! Most messages are a few exact builtins; written and read by this module they cost a third of what a pickle costs.
//! The first byte says how the rest is written, and nothing is unpickled that does not say so. Encoding runs code of the
//! program (reducers), decoding too (constructors): never under a lock, always in the caller's own frame.

mod buffer;
mod decode;
mod encode;
mod format;
mod keys;
mod memo;
mod pickler;
mod scratch;

use crate::once::imported;
pub(crate) use buffer::Part;
use buffer::PyLoan;
use decode::{Decoder, Failed};
use encode::Encoder;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyType};
use ropewalk::process::Loan;
pub(crate) use scratch::Message;

/// No buffer goes beside the message.
pub(crate) const ALL_INSIDE: usize = usize::MAX;
/// From so many bytes on it is worth a buffer its own place.
pub(crate) const LARGE: usize = 32 << 10;

/// Writes the object into an empty message. `bytes` and buffers of at least `large` bytes go beside it.
///
/// # Errors
/// What the pickler and the object's reducers raise; the message is empty then.
#[inline]
pub(crate) fn encode(object: &Bound<'_, PyAny>, message: &mut Message, large: usize) -> PyResult<()> {
    let Message { bytes, parts, memo, .. } = message;
    if Encoder::new(bytes, memo, parts, large).message(object).is_ok() {
        return Ok(());
    }
    message.clear();
    pickler::encode(object, message, large).inspect_err(|_| message.clear())
}

/// The object that a message holds. `buffers` are those beside it, in their order; they may be kept by the object.
///
/// # Errors
/// `pickle.UnpicklingError` for bytes that are no message, and what constructors raise.
#[inline]
fn decode<'py>(py: Python<'py>, bytes: &[u8], buffers: &[Bound<'py, PyAny>]) -> PyResult<Bound<'py, PyAny>> {
    match bytes.split_first() {
        Some((&format::COMPACT, rest)) => {
            Decoder::new(py, rest, buffers).message().map_err(|failed| match failed {
                Failed::Raised => PyErr::fetch(py),
                Failed::Corrupt(wrong) => corrupt(py, wrong),
            })
        }
        Some((&format::PICKLE, rest)) => pickler::decode(py, rest, buffers),
        Some((&format::THEIRS, rest)) => pickler::decode_theirs(py, rest),
        Some(_) => Err(corrupt(py, "it does not begin as one")),
        None => Err(corrupt(py, "it is empty")),
    }
}

/// The object of a message that stands in `bytes`, with nothing beside it.
///
/// # Errors
/// As [`decode`].
#[inline]
pub(crate) fn decode_bytes<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    decode(py, bytes, &[])
}

/// The object of a message that stands in `bytes`, with loans beside it, which it may keep.
///
/// # Errors
/// As [`decode`].
pub(crate) fn decode_with<'py>(
    py: Python<'py>,
    bytes: &[u8],
    loans: impl IntoIterator<Item = Loan>,
) -> PyResult<Bound<'py, PyAny>> {
    let lent = loans.into_iter().map(|loan| Ok(Bound::new(py, PyLoan::new(loan))?.into_any()));
    decode(py, bytes, &lent.collect::<PyResult<Vec<_>>>()?)
}

/// Whether a message is of exact builtins: decoding it runs no code of the program.
#[inline]
pub(crate) fn is_compact(bytes: &[u8]) -> bool {
    bytes.first() == Some(&format::COMPACT)
}

/// `pickle.UnpicklingError`, for bytes that do not hold a message.
pub(crate) fn no_message(py: Python<'_>) -> PyErr {
    corrupt(py, "it is cut off")
}

/// The object of a message that has come, with its loans.
///
/// # Errors
/// As [`decode`].
#[inline]
pub(crate) fn decode_message<'py>(py: Python<'py>, message: &mut Message) -> PyResult<Bound<'py, PyAny>> {
    if message.loans.is_empty() {
        return decode(py, &message.bytes, &[]);
    }
    decode_with(py, &message.bytes, message.loans.drain(..))
}

static UNPICKLING_ERROR: PyOnceLock<Py<PyType>> = PyOnceLock::new();

#[cold]
fn corrupt(py: Python<'_>, wrong: &'static str) -> PyErr {
    let message = format!(
        "not a message of ropewalk's: {wrong}. Either another version of ropewalk has written it, or something has \
         overwritten the memory that the processes share"
    );
    match imported(py, &UNPICKLING_ERROR, "pickle", "UnpicklingError") {
        Ok(class) => PyErr::from_type(class.bind(py).clone(), message),
        Err(error) => error,
    }
}

/// The bytes of an object, as queues send it.
///
/// Raises what pickling it raises.
#[pyfunction]
#[pyo3(signature = (object, /))]
fn dumps<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let py = object.py();
    let mut message = Message::take();
    let encoded = encode(object, &mut message, ALL_INSIDE);
    let bytes = encoded.map(|()| PyBytes::new(py, &message.bytes));
    message.put_back();
    bytes
}

/// The object that `dumps` has written.
///
/// Raises `pickle.UnpicklingError` for bytes that are no message, and what its constructors raise.
#[pyfunction]
#[pyo3(signature = (message, /))]
fn loads<'py>(message: &Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyAny>> {
    decode(message.py(), message.as_bytes(), &[])
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(dumps, module)?)?;
    module.add_function(wrap_pyfunction!(loads, module)?)
}
