//! Bytes that the system reads and writes without the GIL: what an object lends, and new `bytes`.
//!
//! # Contract of the unsafe code
//!
//! 1. A `Lent` is filled by PyObject_GetBuffer, which succeeded, with contiguous bytes; they stay where they are until
//!    PyBuffer_Release, which is called once, when it is dropped, with the GIL.
//! 2. Other threads of the program may write into what is lent meanwhile, as they may under the interpreter's own
//!    `os.write` and `readinto`: only the system looks at the bytes, and any bytes are good.
//! 3. New `bytes` belong to us alone until they are returned; their length is set and every byte of it written before.
#![allow(unsafe_code)]

use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::mem::MaybeUninit;

// SAFETY: rule 3: the interpreter's own, as its headers have it; PyO3 does not.
unsafe extern "C" {
    fn _PyBytes_Resize(bytes: *mut *mut ffi::PyObject, size: ffi::Py_ssize_t) -> std::ffi::c_int;
}

/// The bytes of an object with the buffer interface.
pub(super) struct Lent(ffi::Py_buffer);

impl Lent {
    /// # Errors
    /// `TypeError` if it lends none, `BufferError` if they are not in one piece, or not to be written.
    pub(super) fn of(object: &Bound<'_, PyAny>, writable: bool) -> PyResult<Lent> {
        let mut view = ffi::Py_buffer::new();
        let flags = if writable { ffi::PyBUF_CONTIG } else { ffi::PyBUF_CONTIG_RO };
        // SAFETY: rule 1.
        match unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), &mut view, flags) } {
            0 => Ok(Lent(view)),
            _ => Err(PyErr::fetch(object.py())),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self.0.buf.is_null() {
            true => &[],
            // SAFETY: rules 1 and 2.
            false => unsafe { std::slice::from_raw_parts(self.0.buf.cast(), self.0.len.unsigned_abs()) },
        }
    }

    /// Lent to be written.
    pub(super) fn room(&mut self) -> &mut [MaybeUninit<u8>] {
        match self.0.buf.is_null() || self.0.readonly != 0 {
            true => &mut [],
            // SAFETY: rules 1 and 2.
            false => unsafe { std::slice::from_raw_parts_mut(self.0.buf.cast(), self.0.len.unsigned_abs()) },
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // SAFETY: rule 1.
        Python::attach(|_| unsafe { ffi::PyBuffer_Release(&mut self.0) });
    }
}

/// How many bytes are believed to come before the first of them is here.
const BELIEVED: usize = 1 << 28;

/// New `bytes` of this length, written by `fill` piece by piece: a wrong length takes no more memory than twice what
/// really comes.
///
/// # Errors
/// `MemoryError`, and those of `fill`.
pub(super) fn filled<'py>(
    py: Python<'py>,
    length: usize,
    mut fill: impl FnMut(&mut [MaybeUninit<u8>]) -> PyResult<()>,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut known = length.min(BELIEVED);
    // SAFETY: rule 3; null is MemoryError, and so is what a resize leaves then.
    unsafe {
        let size = |known| ffi::Py_ssize_t::try_from(known).map_err(|_| PyMemoryError::new_err(()));
        let mut bytes = ffi::PyBytes_FromStringAndSize(std::ptr::null(), size(known)?);
        let mut done = 0;
        loop {
            if bytes.is_null() {
                return Err(PyErr::fetch(py));
            }
            let start = ffi::PyBytes_AsString(bytes).cast::<MaybeUninit<u8>>();
            let piece = std::slice::from_raw_parts_mut(start.add(done), known - done);
            if let Err(error) = fill(piece) {
                ffi::Py_DECREF(bytes);
                return Err(error);
            }
            done = known;
            if done == length {
                return Ok(Bound::from_owned_ptr(py, bytes).cast_into_unchecked());
            }
            known = length.min(known.saturating_mul(2));
            let size = size(known).inspect_err(|_| ffi::Py_DECREF(bytes))?;
            _PyBytes_Resize(&mut bytes, size);
        }
    }
}
