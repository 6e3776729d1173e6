//! An object that has come from a worker and has not been made yet.
//!
//! Making it may run code of the program. That is done by whoever opens the parcel, in an ordinary call.

use crate::codec::{self, Message};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use ropewalk::process::Loan;
use std::sync::{Mutex, PoisonError};

#[pyclass(name = "Parcel", module = "ropewalk._ropewalk", frozen)]
pub(crate) struct PyParcel(Mutex<Option<(Vec<u8>, Vec<Loan>)>>);

impl PyParcel {
    pub(super) fn new(bytes: Vec<u8>, loans: Vec<Loan>) -> PyParcel {
        PyParcel(Mutex::new(Some((bytes, loans))))
    }
}

#[pymethods]
impl PyParcel {
    /// The object. Once only; raises what making it raises.
    fn open<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let inside = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (bytes, loans) = inside.ok_or_else(|| PyRuntimeError::new_err("the parcel was opened before"))?;
        let mut message = Message::take();
        message.bytes = bytes;
        message.loans = loans;
        let object = codec::decode_message(py, &mut message);
        message.put_back();
        object
    }
}
