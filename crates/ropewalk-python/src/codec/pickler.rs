//! Everything that is not compact, by the interpreter's own pickler.
//!
//! One `_pickle.Pickler` serves message after message; it looks at what `ForkingPickler.register` and `copyreg.pickle`
//! have registered by then. Making a `ForkingPickler` for each message, as the original does, costs more than most
//! messages. A pickler in use is out of the store: a reducer that encodes something itself gets another one.

use super::buffer::Part;
use super::format;
use super::scratch::Message;
use crate::once::{imported, intern};
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyTuple, PyType};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where a pickler writes.
#[pyclass(module = "ropewalk._ropewalk", frozen)]
pub(crate) struct Sink(Mutex<Filling>);

#[derive(Default)]
struct Filling {
    bytes: Vec<u8>,
    parts: Vec<Part>,
    /// From how many bytes on a buffer goes beside the message.
    large: usize,
}

impl Sink {
    fn filling(&self) -> MutexGuard<'_, Filling> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Sink {
    /// The pickler's file: takes bytes.
    fn write(&self, bytes: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Ok(bytes) = bytes.cast_exact::<PyBytes>() {
            self.filling().bytes.extend_from_slice(bytes.as_bytes());
            return Ok(());
        }
        append(&mut self.filling().bytes, bytes)?;
        Ok(())
    }

    /// The pickler's callback: whether the buffer goes into the stream.
    fn __call__(&self, buffer: &Bound<'_, PyAny>) -> PyResult<bool> {
        let large = self.filling().large;
        if large == usize::MAX {
            return Ok(true);
        }
        let part = Part::of(buffer)?;
        let inside = part.len() < large;
        if !inside {
            self.filling().parts.push(part);
        }
        Ok(inside)
    }
}

/// Appends what the object lends.
fn append(bytes: &mut Vec<u8>, lender: &Bound<'_, PyAny>) -> PyResult<()> {
    let buffer = PyBuffer::<u8>::get(lender)?;
    let start = bytes.len();
    bytes.resize(start + buffer.len_bytes(), 0);
    buffer.copy_to_slice(lender.py(), &mut bytes[start..])
}

struct Pickler {
    pickler: Py<PyAny>,
    sink: Py<Sink>,
    /// What was registered when its table was made.
    registered: Vec<(Py<PyAny>, Py<PyAny>)>,
}

/// Picklers that nobody uses now. Locked for moments in which nothing of Python happens.
static STORE: Mutex<Vec<Pickler>> = Mutex::new(Vec::new());

fn store() -> MutexGuard<'static, Vec<Pickler>> {
    STORE.lock().unwrap_or_else(PoisonError::into_inner)
}

static PICKLER: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static FORKING: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static DUMPS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static EXTRA: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
static REGISTERED: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
static QUEUES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();

impl Pickler {
    fn new(py: Python<'_>) -> PyResult<Pickler> {
        let sink = Bound::new(py, Sink(Mutex::default()))?;
        let arguments = PyDict::new(py);
        arguments.set_item(intern!(py, "buffer_callback"), &sink)?;
        let class = imported(py, &PICKLER, "_pickle", "Pickler")?.bind(py);
        let pickler = class.call((&sink, 5), Some(&arguments))?;
        Ok(Pickler { pickler: pickler.unbind(), sink: sink.unbind(), registered: Vec::new() })
    }

    /// Reducers may have been registered since it was last used. Copying both tables for each message would cost as much
    /// as a small message does.
    fn look_at_tables(&mut self, py: Python<'_>) -> PyResult<()> {
        let general = imported(py, &REGISTERED, "copyreg", "dispatch_table")?.bind(py);
        let extra = crate::once::once(py, &EXTRA, || {
            Ok(forking(py)?.getattr("_extra_reducers")?.cast_into::<PyDict>()?.unbind())
        })?;
        let extra = extra.bind(py);
        let current = || general.iter().chain(extra.iter());
        let same = general.len() + extra.len() == self.registered.len()
            && current().zip(&self.registered).all(|(now, then)| now.0.is(&then.0) && now.1.is(&then.1));
        if !same {
            let table = general.copy()?;
            table.update(extra.as_mapping())?;
            self.registered = current().map(|(key, value)| (key.unbind(), value.unbind())).collect();
            self.pickler.bind(py).setattr(intern!(py, "dispatch_table"), table)?;
        }
        Ok(())
    }

    fn dump(&mut self, object: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = object.py();
        self.look_at_tables(py)?;
        let pickler = self.pickler.bind(py);
        pickler.call_method1(intern!(py, "dump"), (object,))?;
        pickler.call_method0(intern!(py, "clear_memo"))?;
        Ok(())
    }
}

/// `ForkingPickler` as the standard library has it.
fn forking<'py>(py: Python<'py>) -> PyResult<&'py Bound<'py, PyType>> {
    Ok(imported(py, &FORKING, "multiprocessing.reduction", "ForkingPickler")?.bind(py))
}

/// The pickler that queues use: another than the original's if the program has put one there, or has given the
/// original's another `dumps`.
fn theirs(py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let queues = crate::once::once(py, &QUEUES, || Ok(py.import("multiprocessing.queues")?.dict().unbind()))?;
    let original = forking(py)?;
    let dumps = crate::once::once(py, &DUMPS, || Ok(plain_dumps(original)?.unbind()))?;
    let used = queues.bind(py).get_item(intern!(py, "_ForkingPickler"))?;
    match used {
        Some(used) if !used.is(original) => Ok(Some(used)),
        _ if !plain_dumps(original)?.is(dumps) => Ok(Some(original.clone().into_any())),
        _ => Ok(None),
    }
}

/// What stands in the class under `dumps`, as it is.
fn plain_dumps<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    class.getattr(intern!(py, "__dict__"))?.get_item(intern!(py, "dumps"))
}

/// Writes any object.
///
/// # Errors
/// What the pickler says about an object that it cannot pickle, and what reducers raise.
pub(super) fn encode(object: &Bound<'_, PyAny>, message: &mut Message, large: usize) -> PyResult<()> {
    let py = object.py();
    if let Some(pickler) = theirs(py)? {
        let pickle = pickler.call_method1(intern!(py, "dumps"), (object,))?;
        message.bytes.push(format::THEIRS);
        return append(&mut message.bytes, &pickle);
    }
    let pickler = store().pop();
    let mut pickler = pickler.map_or_else(|| Pickler::new(py), Ok)?;
    let sink = pickler.sink.clone_ref(py);
    let sink = sink.get();
    *sink.filling() = Filling {
        bytes: std::mem::take(&mut message.bytes),
        parts: std::mem::take(&mut message.parts),
        large,
    };
    sink.filling().bytes.push(format::PICKLE);
    let dumped = pickler.dump(object);
    let filling = std::mem::take(&mut *sink.filling());
    message.bytes = filling.bytes;
    message.parts = filling.parts;
    dumped?; // one that has failed is not used again
    store().push(pickler);
    Ok(())
}

/// Reads a pickle of ours.
///
/// # Errors
/// What the unpickler says, and what the classes in it raise.
pub(super) fn decode<'py>(
    py: Python<'py>,
    pickle: &[u8],
    buffers: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    let loads = imported(py, &LOADS, "_pickle", "loads")?.bind(py);
    let pickle = PyBytes::new(py, pickle);
    if buffers.is_empty() {
        return loads.call1((pickle,));
    }
    let arguments = PyDict::new(py);
    arguments.set_item(intern!(py, "buffers"), PyTuple::new(py, buffers)?)?;
    loads.call((pickle,), Some(&arguments))
}

/// Reads what a pickler of the program's has written.
///
/// # Errors
/// As [`decode`].
pub(super) fn decode_theirs<'py>(py: Python<'py>, pickle: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let pickler = theirs(py)?.map_or_else(|| forking(py).map(|class| class.clone().into_any()), Ok)?;
    pickler.call_method1(intern!(py, "loads"), (PyBytes::new(py, pickle),))
}
