//! A call on its way to a worker.
//!
//! ```text
//! how:u8 | named:u8 | length of the function's message:u32 | the function's message | the arguments' message
//! ```
//!
//! A function that goes by its name is encoded once for a crew and looked up once by a worker; anything else that can be
//! called may carry state, and is encoded and decoded for each call. Large buffers of the arguments go beside the call.

use super::called::called;
use crate::codec::{self, ALL_INSIDE, LARGE, Message, Part};
use crate::once::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyFunction, PyModule, PyType};
use ropewalk::process::Loan;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes before the function's message.
const HEAD: usize = 6;
/// Functions that are remembered, at most.
const REMEMBERED: usize = 32;

/// A function that goes by its name, and its message.
type Named = (Py<PyAny>, Arc<[u8]>);

/// Messages of functions that go by their names.
#[derive(Default)]
pub(super) struct Names(Mutex<Vec<Named>>);

impl Names {
    fn known(&self) -> MutexGuard<'_, Vec<Named>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The function's message, if it is remembered.
    fn find(&self, function: &Bound<'_, PyAny>) -> Option<Arc<[u8]>> {
        let known = self.known();
        let found = known.iter().find(|(it, _)| it.as_ptr() == function.as_ptr());
        found.map(|(_, message)| Arc::clone(message))
    }

    fn remember(&self, function: &Bound<'_, PyAny>, message: &[u8]) -> Arc<[u8]> {
        let message: Arc<[u8]> = message.into();
        let function = function.clone().unbind();
        let mut known = self.known();
        let forgotten = (known.len() >= REMEMBERED).then(|| known.remove(0));
        known.push((function, Arc::clone(&message)));
        drop(known);
        drop(forgotten);
        message
    }

    /// Appends a call to `out`, and to `parts` what goes beside it.
    ///
    /// # Errors
    /// What pickling raises.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        parts: &mut Vec<Part>,
        how: u8,
        function: &Bound<'_, PyAny>,
        arguments: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let named = goes_by_name(function);
        let known = if named { self.find(function) } else { None };
        let mut message = Message::take();
        let written = (|| {
            let named_message = match known {
                Some(known) => known,
                None => {
                    codec::encode(function, &mut message, ALL_INSIDE)?;
                    let kept = if named {
                        self.remember(function, &message.bytes)
                    } else {
                        Arc::from(message.bytes.as_slice())
                    };
                    message.bytes.clear();
                    kept
                }
            };
            codec::encode(arguments, &mut message, LARGE)?;
            parts.append(&mut message.parts);
            out.reserve(HEAD + named_message.len() + message.bytes.len());
            out.extend_from_slice(&[how, u8::from(named)]);
            out.extend_from_slice(&u32::try_from(named_message.len()).unwrap_or(u32::MAX).to_le_bytes());
            out.extend_from_slice(&named_message);
            out.extend_from_slice(&message.bytes);
            Ok(())
        })();
        message.put_back();
        written
    }
}

/// Whether every process that has its module finds it by its name, and it is nothing but that.
fn goes_by_name(function: &Bound<'_, PyAny>) -> bool {
    if function.cast_exact::<PyFunction>().is_ok() || function.cast_exact::<PyType>().is_ok() {
        return true;
    }
    function.cast_exact::<PyCFunction>().is_ok_and(|function| {
        function.getattr("__self__").is_ok_and(|of| of.is_none() || of.cast_exact::<PyModule>().is_ok())
    })
}

/// A function, and what it is called.
type Called = (Py<PyAny>, Arc<str>);

/// Functions that a worker has looked up.
#[derive(Default)]
pub(super) struct Found(HashMap<Box<[u8]>, Called>);

/// How a call is made whose parts are all in one pickle, itself in the place of the arguments.
const WHOLE: u8 = 4;

/// How, function, arguments.
pub(super) type Read<'py> = (u8, Bound<'py, PyAny>, Bound<'py, PyAny>);

impl Found {
    /// The call that stands in `body`, with what came beside it. `tell` is told what the function is called.
    ///
    /// # Errors
    /// What unpickling raises; `UnpicklingError` for what is no call.
    pub(super) fn read<'py>(
        &mut self,
        py: Python<'py>,
        body: &[u8],
        loans: Vec<Loan>,
        tell: impl Fn(&str),
    ) -> PyResult<Read<'py>> {
        let (&how, named, function, arguments) = parts(body).ok_or_else(|| codec::no_message(py))?;
        let function = match named.then(|| self.0.get(function)).flatten() {
            Some((known, name)) => {
                tell(name);
                known.bind(py).clone()
            }
            None => {
                let read = codec::decode_bytes(py, function)?;
                let name = if how == WHOLE { String::new() } else { called(&read) };
                tell(&name);
                if named {
                    if self.0.len() >= REMEMBERED {
                        self.0.clear();
                    }
                    self.0.insert(function.into(), (read.clone().unbind(), name.into()));
                }
                read
            }
        };
        let arguments = codec::decode_with(py, arguments, loans)?;
        if how == WHOLE {
            let call = py.import(intern!(py, "pickle"))?.call_method1(intern!(py, "loads"), (arguments,))?;
            let (how, function, arguments): Read<'py> = call.extract()?;
            tell(&called(&function));
            return Ok((how, function, arguments));
        }
        Ok((how, function, arguments))
    }
}

fn parts(body: &[u8]) -> Option<(&u8, bool, &[u8], &[u8])> {
    let (head, rest) = body.split_first_chunk::<HEAD>()?;
    let (how, rest_of_head) = head.split_first()?;
    let (named, len) = rest_of_head.split_first()?;
    let len = u32::from_le_bytes(*len.first_chunk()?) as usize;
    let (function, arguments) = rest.split_at_checked(len)?;
    Some((how, *named != 0, function, arguments))
}
