//! Memory beside a message: what an object lends to be sent, and what has come with a message.
//!
//! # Contract of the unsafe code
//!
//! 1. Memory that an object lends stays where it is until the [`Part`] is dropped: that is what a buffer is. Its owner may
//!    write it while it is copied, as it may while a file or a socket copies it; what is sent is then some of both.
//! 2. The memory of a loan does not move and is its object's alone. Whoever has a view of it holds the object.
#![allow(unsafe_code)]

use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use ropewalk::process::Loan;
use std::ffi::c_int;

/// Memory that an object lends: it is not copied when the object is encoded.
pub(crate) struct Part(PyUntypedBuffer);

impl Part {
    /// Memory of anything that lends it in one piece.
    ///
    /// # Errors
    /// `BufferError`, and what the object says.
    pub(super) fn of(lender: &Bound<'_, PyAny>) -> PyResult<Part> {
        let buffer = PyUntypedBuffer::get(lender)?;
        if buffer.is_c_contiguous() || buffer.is_fortran_contiguous() {
            Ok(Part(buffer))
        } else {
            Err(PyBufferError::new_err("the buffer is not contiguous"))
        }
    }

    /// Bytes of it.
    pub(super) fn len(&self) -> usize {
        self.0.len_bytes()
    }

    /// The bytes, to be copied.
    pub(crate) fn bytes(&self) -> &[u8] {
        if self.len() == 0 {
            return &[]; // an empty buffer may be nowhere
        }
        // SAFETY: rule 1.
        unsafe { std::slice::from_raw_parts(self.0.buf_ptr().cast_const().cast(), self.len()) }
    }
}

/// Memory that has come with a message, for the object that is made of it.
#[pyclass(name = "Loan", module = "ropewalk._ropewalk", frozen)]
pub(crate) struct PyLoan {
    /// The first byte; whose memory it is, is not looked at any more.
    start: *mut u8,
    len: usize,
    _loan: Loan,
}

// SAFETY: rule 2: a loan is memory only.
unsafe impl Send for PyLoan {}
// SAFETY: rule 2: what is in the memory is a matter of those who look at it through the buffer protocol.
unsafe impl Sync for PyLoan {}

impl PyLoan {
    pub(crate) fn new(mut loan: Loan) -> PyLoan {
        PyLoan { start: loan.as_mut_ptr(), len: loan.len(), _loan: loan }
    }
}

#[pymethods]
impl PyLoan {
    fn __len__(&self) -> usize {
        self.len
    }

    /// # Safety
    /// The interpreter's: `view` may be filled.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let (start, len) = (slf.get().start, slf.get().len as ffi::Py_ssize_t);
        // SAFETY: rule 2; the view takes a reference to the object.
        let filled = unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start.cast(), len, 0, flags) };
        if filled == 0 { Ok(()) } else { Err(PyErr::fetch(slf.py())) }
    }
}
