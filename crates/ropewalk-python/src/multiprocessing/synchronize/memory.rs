//! The memory in which objects of `multiprocessing` lie, on its way to another process.
//!
//! # Contract of the unsafe code
//!
//! 1. Who calls gives the descriptor away: `multiprocessing` made it for us, and uses it no more.

#![allow(unsafe_code)]

use crate::multiprocessing::descriptor::owned;
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use ropewalk::process::{Memory, OpenError};
use std::os::fd::{AsFd, AsRawFd, RawFd};

/// One memory, which many objects share: it is passed once, and they by their numbers in it.
#[pyclass(name = "Memory", module = "ropewalk._ropewalk", frozen, weakref)]
pub(crate) struct PyMemory(pub(crate) Memory);

#[pymethods]
impl PyMemory {
    /// The memory behind a descriptor that another process has sent; the descriptor is this object's from now on.
    #[staticmethod]
    #[pyo3(signature = (fd, /))]
    fn receive(fd: RawFd) -> PyResult<PyMemory> {
        Memory::receive(owned(fd)?).map(PyMemory).map_err(foreign)
    }

    /// A number that no other memory has while this one is there.
    #[getter]
    fn id(&self) -> usize {
        self.0.id()
    }

    /// Its descriptor.
    fn fileno(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// Memory that is none of ours, or of another version.
pub(crate) fn foreign(error: OpenError) -> PyErr {
    match error {
        OpenError::System(error) => error.into(),
        other => PyOSError::new_err(format!("this object can not be used here: {other}")),
    }
}
