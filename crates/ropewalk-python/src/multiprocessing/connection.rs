//! One end of a pipe: bytes in and out. Objects are pickled in Python, where a program's reducers may run.

use super::lent::{Lent, filled};
use crate::arguments::{Timeout, Truth};
use crate::detach::Attached;
use crate::error;
use crate::once::imported;
use pyo3::exceptions::{PyBufferError, PyEOFError, PyOSError, PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyMemoryView, PyTuple, PyType};
use ropewalk::process::Traffic;
use ropewalk::process::message::{self, Incoming, MessageError, Received};
use ropewalk::{Block, Deadline};
use ropewalk_os::stream;
use std::cell::Cell;
use std::os::fd::RawFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// A message up to here is received into memory of the thread, without the GIL from its first byte to its last.
const SMALL: usize = 16 << 10;

thread_local! {
    static BUFFER: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// What a message was read into, or its length alone.
enum Got<'py> {
    Bytes(Bound<'py, PyBytes>),
    Large(usize),
}

#[pyclass(name = "Connection", module = "ropewalk._ropewalk", subclass, frozen)]
struct PyConnection {
    /// The descriptor, or -1 once it is closed.
    handle: AtomicI32,
    readable: AtomicBool,
    writable: AtomicBool,
    /// Set if both ends were made here.
    traffic: OnceLock<Traffic>,
}

impl PyConnection {
    fn open(&self) -> PyResult<RawFd> {
        match self.handle.load(Ordering::Relaxed) {
            -1 => Err(PyOSError::new_err("handle is closed")),
            handle => Ok(handle),
        }
    }

    fn to_read(&self) -> PyResult<RawFd> {
        let handle = self.open()?;
        match self.readable.load(Ordering::Relaxed) {
            true => Ok(handle),
            false => Err(PyOSError::new_err("connection is write-only")),
        }
    }

    fn to_write(&self) -> PyResult<RawFd> {
        let handle = self.open()?;
        match self.writable.load(Ordering::Relaxed) {
            true => Ok(handle),
            false => Err(PyOSError::new_err("connection is read-only")),
        }
    }

    fn failed(&self, py: Python<'_>, why: MessageError<PyErr>) -> PyErr {
        match why {
            MessageError::Ended => PyEOFError::new_err(()),
            MessageError::Torn => PyOSError::new_err("got end of file during message"),
            MessageError::BadLength => {
                // What follows is in the middle of a message.
                if self.writable.load(Ordering::Relaxed) {
                    self.readable.store(false, Ordering::Relaxed);
                } else if let Err(error) = self.shut(py) {
                    return error;
                }
                PyOSError::new_err("bad message length")
            }
            MessageError::System(error) => error::system(py, &error),
            MessageError::Interrupted(error) => error,
        }
    }

    fn shut(&self, py: Python<'_>) -> PyResult<()> {
        match self.handle.swap(-1, Ordering::Relaxed) {
            -1 => Ok(()),
            handle => py.detach(|| stream::close(handle)).map_err(|error| error::system(py, &error)),
        }
    }

    fn got<'py>(&self, py: Python<'py>, handle: RawFd, limit: Option<u64>) -> PyResult<Got<'py>> {
        // Taken out: a signal's handler may receive something too.
        let mut buffer = BUFFER.take().unwrap_or_else(|| vec![0; SMALL].into_boxed_slice());
        let received =
            Incoming::default().receive(handle, &mut buffer, limit, self.traffic.get(), &mut Attached(py));
        let got = match received {
            Ok(Received::Whole(length)) => Ok(Got::Bytes(PyBytes::new(py, &buffer[..length]))),
            // More than an address has bits is more than there is memory.
            Ok(Received::Large(length)) => Ok(Got::Large(usize::try_from(length).unwrap_or(usize::MAX))),
            Err(why) => Err(self.failed(py, why)),
        };
        BUFFER.set(Some(buffer));
        got
    }

    fn bytes<'py>(
        &self,
        py: Python<'py>,
        handle: RawFd,
        limit: Option<u64>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        match self.got(py, handle, limit)? {
            Got::Bytes(bytes) => Ok(bytes),
            Got::Large(length) => filled(py, length, |piece| {
                message::fill(handle, piece, &mut Attached(py)).map_err(|why| self.failed(py, why))
            }),
        }
    }
}

#[pymethods]
impl PyConnection {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyConnection {
        PyConnection {
            handle: AtomicI32::new(-1),
            readable: AtomicBool::new(false),
            writable: AtomicBool::new(false),
            traffic: OnceLock::new(),
        }
    }

    #[pyo3(signature = (handle, readable = Truth(true), writable = Truth(true)))]
    fn __init__(&self, handle: &Bound<'_, PyAny>, readable: Truth, writable: Truth) -> PyResult<()> {
        let handle: i64 = handle.call_method0("__index__")?.extract()?;
        if handle < 0 {
            return Err(PyValueError::new_err("invalid handle"));
        }
        if !readable.0 && !writable.0 {
            return Err(PyValueError::new_err("at least one of `readable` and `writable` must be True"));
        }
        let handle = i32::try_from(handle)
            .map_err(|_| PyOverflowError::new_err("a handle is a descriptor's number: it is too large"))?;
        self.handle.store(handle, Ordering::Relaxed);
        self.readable.store(readable.0, Ordering::Relaxed);
        self.writable.store(writable.0, Ordering::Relaxed);
        Ok(())
    }

    #[getter(_handle)]
    fn handle_or_none(&self) -> Option<RawFd> {
        Some(self.handle.load(Ordering::Relaxed)).filter(|&handle| handle != -1)
    }

    #[setter(_handle)]
    fn set_handle(&self, handle: Option<RawFd>) {
        self.handle.store(handle.unwrap_or(-1), Ordering::Relaxed);
    }

    #[getter]
    fn _readable(&self) -> bool {
        self.readable.load(Ordering::Relaxed)
    }

    #[setter(_readable)]
    fn set_readable(&self, readable: Truth) {
        self.readable.store(readable.0, Ordering::Relaxed);
    }

    #[getter]
    fn _writable(&self) -> bool {
        self.writable.load(Ordering::Relaxed)
    }

    #[setter(_writable)]
    fn set_writable(&self, writable: Truth) {
        self.writable.store(writable.0, Ordering::Relaxed);
    }

    /// True if the connection is closed
    #[getter]
    fn closed(&self) -> bool {
        self.handle.load(Ordering::Relaxed) == -1
    }

    /// True if the connection is readable
    #[getter]
    fn readable(&self) -> bool {
        self._readable()
    }

    /// True if the connection is writable
    #[getter]
    fn writable(&self) -> bool {
        self._writable()
    }

    #[pyo3(signature = ())]
    fn fileno(&self) -> PyResult<RawFd> {
        self.open()
    }

    #[pyo3(signature = ())]
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.shut(py)
    }

    #[pyo3(signature = (buf, offset = 0, size = None))]
    fn send_bytes(&self, buf: &Bound<'_, PyAny>, offset: isize, size: Option<isize>) -> PyResult<()> {
        let handle = self.to_write()?;
        let py = buf.py();
        let lent = match Lent::of(buf, false) {
            Ok(lent) => lent,
            // In the words of the original, if it says something to this.
            Err(error) => return Err(PyMemoryView::from(buf).err().unwrap_or(error)),
        };
        let message = lent.bytes();
        let Ok(offset) = usize::try_from(offset) else {
            return Err(PyValueError::new_err("offset is negative"));
        };
        let Some(message) = message.get(offset..) else {
            return Err(PyValueError::new_err("buffer length < offset"));
        };
        let message = match size.map(usize::try_from) {
            None => message,
            Some(Err(_)) => return Err(PyValueError::new_err("size is negative")),
            Some(Ok(size)) => {
                message.get(..size).ok_or_else(|| PyValueError::new_err("buffer length < offset + size"))?
            }
        };
        message::send(handle, message, self.traffic.get(), &mut Attached(py))
            .map_err(|why| self.failed(py, why))
    }

    #[pyo3(signature = (maxlength = None))]
    fn recv_bytes<'py>(&self, py: Python<'py>, maxlength: Option<i64>) -> PyResult<Bound<'py, PyBytes>> {
        let handle = self.to_read()?;
        let limit = match maxlength.map(u64::try_from) {
            None => None,
            Some(Ok(limit)) => Some(limit),
            Some(Err(_)) => return Err(PyValueError::new_err("negative maxlength")),
        };
        self.bytes(py, handle, limit)
    }

    #[pyo3(signature = (buf, offset = 0))]
    fn recv_bytes_into(&self, py: Python<'_>, buf: &Bound<'_, PyAny>, offset: isize) -> PyResult<usize> {
        let handle = self.to_read()?;
        let mut lent =
            Lent::of(buf, true).map_err(|error| match error.is_instance_of::<PyBufferError>(py) {
                true => {
                    PyTypeError::new_err(format!("recv_bytes_into() needs a buffer to write into: {error}"))
                }
                false => error,
            })?;
        let Ok(offset) = usize::try_from(offset) else {
            return Err(PyValueError::new_err("negative offset"));
        };
        let Some(room) = lent.room().get_mut(offset..) else {
            return Err(PyValueError::new_err("offset too large"));
        };
        let message = match self.got(py, handle, None)? {
            Got::Bytes(bytes) => bytes,
            Got::Large(length) => match room.get_mut(..length) {
                Some(room) => {
                    message::fill(handle, room, &mut Attached(py)).map_err(|why| self.failed(py, why))?;
                    return Ok(length);
                }
                None => filled(py, length, |piece| {
                    message::fill(handle, piece, &mut Attached(py)).map_err(|why| self.failed(py, why))
                })?,
            },
        };
        let bytes = message.as_bytes();
        match room.get_mut(..bytes.len()) {
            Some(room) => {
                for (to, from) in room.iter_mut().zip(bytes) {
                    to.write(*from);
                }
                Ok(bytes.len())
            }
            None => Err(too_short(py, &message)),
        }
    }

    #[pyo3(signature = (timeout = Timeout::NOW), text_signature = "($self, timeout=0.0)")]
    fn poll(&self, py: Python<'_>, timeout: Timeout) -> PyResult<bool> {
        let handle = self.to_read()?;
        let deadline: Deadline = timeout.deadline()?;
        loop {
            let ready = match deadline.is_now() {
                true => stream::poll(handle, deadline), // it does not sleep
                false => Attached(py).detached(|| stream::poll(handle, deadline)),
            };
            match ready {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => py.check_signals()?,
                ready => return ready.map_err(|error| error::system(py, &error)),
            }
        }
    }

    #[pyo3(signature = ())]
    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    /// Whether it can be sent to, else an error: before an object is pickled in vain.
    #[pyo3(signature = ())]
    fn _check_sending(&self) -> PyResult<()> {
        self.to_write().map(drop)
    }
}

/// The two ends of a pipe will look at each other's traffic before they sleep.
#[pyfunction]
#[pyo3(signature = (one, other, /))]
fn pair_up(one: &Bound<'_, PyConnection>, other: &Bound<'_, PyConnection>) {
    if let Some((first, second)) = Traffic::pair() {
        let _ = one.get().traffic.set(first);
        let _ = other.get().traffic.set(second);
    }
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyConnection>()?;
    module.add_function(wrap_pyfunction!(pair_up, module)?)
}

static TOO_SHORT: PyOnceLock<Py<PyType>> = PyOnceLock::new();

fn too_short(py: Python<'_>, message: &Bound<'_, PyBytes>) -> PyErr {
    match imported(py, &TOO_SHORT, "multiprocessing", "BufferTooShort") {
        Ok(class) => PyErr::from_type(class.bind(py).clone(), (message.clone().unbind(),)),
        Err(error) => error,
    }
}
