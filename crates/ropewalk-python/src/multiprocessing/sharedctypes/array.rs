//! `multiprocessing.Array`: numbers, and a lock around each access.

use super::number::Numbers;
use crate::multiprocessing::synchronize::AnyLock;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::pyclass::{PyTraverseError, PyVisit};
use pyo3::types::{PyDict, PyInt, PyTuple};
use std::sync::OnceLock;

#[pyclass(name = "SynchronizedNumbers", module = "ropewalk._ropewalk", subclass, frozen, weakref)]
pub(crate) struct PyArray(OnceLock<Begun>);

/// What is around them and where they are.
struct Begun {
    lock: AnyLock,
    /// The ctypes array whose memory it is.
    object: Py<PyAny>,
    numbers: Numbers,
}

impl PyArray {
    #[inline]
    fn begun(&self) -> PyResult<&Begun> {
        self.0.get().ok_or_else(|| PyRuntimeError::new_err("this array was never begun"))
    }
}

impl Begun {
    /// The place that `index` means, if it is an int and there is one; ctypes says what is wrong otherwise.
    #[inline]
    fn place(&self, index: &Bound<'_, PyAny>) -> Option<usize> {
        if !self.numbers.are_known() || !index.is_exact_instance_of::<PyInt>() {
            return None;
        }
        index.extract::<isize>().ok().and_then(|index| self.numbers.place(index))
    }
}

#[pymethods]
impl PyArray {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyArray {
        PyArray(OnceLock::new())
    }

    /// Stands for `count` numbers in the memory of `object`, which is at `address`.
    fn _begin(
        &self,
        object: Py<PyAny>,
        kind: &str,
        address: usize,
        count: usize,
        lock: Py<PyAny>,
        is_ours: bool,
    ) -> PyResult<()> {
        let numbers = Numbers::new(kind, address, count)?;
        let begun = Begun { lock: AnyLock::new(lock, is_ours), object, numbers };
        self.0.set(begun).map_err(|_| PyRuntimeError::new_err("this array was begun before"))
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(self.begun()?.numbers.count())
    }

    fn __getitem__<'py>(&self, i: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let (py, begun) = (i.py(), self.begun()?);
        match begun.place(i) {
            // The object is made when the lock is free again.
            Some(place) => begun.lock.held(py, || Ok(begun.numbers.read(place)))?.object(py),
            None => begun.lock.held(py, || begun.object.bind(py).get_item(i)),
        }
    }

    fn __setitem__(&self, i: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let (py, begun) = (i.py(), self.begun()?);
        match begun.place(i).zip(begun.numbers.bits(value)) {
            Some((place, bits)) => begun.lock.held(py, || {
                begun.numbers.write(place, bits);
                Ok(())
            }),
            None => begun.lock.held(py, || begun.object.bind(py).set_item(i, value)),
        }
    }

    fn get_obj(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.begun()?.object.clone_ref(py))
    }

    fn get_lock(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.begun()?.lock.object().clone_ref(py))
    }

    fn __enter__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.begun()?.lock.enter(py)
    }

    #[pyo3(signature = (*args))]
    fn __exit__(&self, args: &Bound<'_, PyTuple>) -> PyResult<Py<PyAny>> {
        self.begun()?.lock.exit(args)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Some(begun) = self.0.get() else { return Ok(()) };
        begun.lock.visit(&visit)?;
        visit.call(&begun.object)
    }
}
