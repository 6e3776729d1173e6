//! Whether what is read from the interpreter's structures is what Python says.
//!
//! Done once, when a worker begins: the frames that are there then are told both ways.

use super::layout::{self, First, Instruction, Layout};
use super::object::{self, Out};
use super::{thread, walk};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

/// Words of a thread's state among which the pointer to the innermost frame is looked for.
const WORDS: usize = 64;

impl Out for Vec<u8> {
    fn push(&mut self, bytes: &[u8]) -> bool {
        self.extend_from_slice(bytes);
        true
    }
}

/// Where this interpreter keeps things, if that is known for sure.
pub(super) fn find(py: Python<'_>) -> PyResult<Option<Layout>> {
    let Some(mut layout) = layout::of(py.version_info().minor) else { return Ok(None) };
    let innermost = py.import("sys")?.call_method1("_getframe", (0,))?;
    let code = innermost.getattr("f_code")?;
    layout.types = [
        code.get_type().as_ptr().addr(),
        py.get_type::<PyString>().as_ptr().addr(),
        py.get_type::<PyBytes>().as_ptr().addr(),
    ];
    let thread = thread::current(py);
    if matches!(layout.first, First::Unknown) {
        let at: usize = innermost.getattr("f_lasti")?.extract()?;
        if !complete(&mut layout, thread, code.as_ptr().addr(), at) {
            return Ok(None);
        }
    }
    let read: Vec<_> = walk::Frames::of(&layout, thread)
        .take(walk::MOST)
        .map(|frame| {
            let mut line = Vec::new();
            walk::push(&layout, frame, &mut line);
            line
        })
        .collect();
    Ok((read == told(innermost)?).then_some(layout))
}

/// Finds the pointer to the innermost frame in a thread's state, and where the instructions of its code begin.
fn complete(layout: &mut Layout, thread: usize, code: usize, at: usize) -> bool {
    let found = (0..WORDS).map(|word| word * 8).find_map(|offset| {
        let frame = walk::read(layout, object::word(layout, thread + offset)?)?;
        (walk::code_of(layout, &frame) == code).then_some((offset, frame))
    });
    let Some((offset, frame)) = found else { return false };
    layout.first = First::Direct(offset);
    layout.instruction =
        Instruction::Pointer(object::word_in(&frame, layout.at).wrapping_sub(code).wrapping_sub(at));
    true
}

/// The same lines, as Python tells them.
fn told(innermost: Bound<'_, PyAny>) -> PyResult<Vec<Vec<u8>>> {
    let mut told = Vec::new();
    let mut next = Some(innermost);
    while let Some(frame) = next
        && told.len() < walk::MOST
    {
        let code = frame.getattr("f_code")?;
        let name = code.getattr("co_qualname").or_else(|_| code.getattr("co_name"))?;
        let file = code.getattr("co_filename")?;
        let line: Option<u32> = frame.getattr("f_lineno")?.extract()?;
        told.push(format!("{}\t{}\t{}\n", line.unwrap_or(0), shown(&name)?, shown(&file)?).into_bytes());
        next = Some(frame.getattr("f_back")?).filter(|frame| !frame.is_none());
    }
    Ok(told)
}

/// A string as it is written there.
fn shown(text: &Bound<'_, PyAny>) -> PyResult<String> {
    let text: String = text.extract()?;
    let skipped = text.chars().count().saturating_sub(object::SHOWN);
    let dots = if skipped == 0 { "" } else { "..." };
    let letters = text.chars().skip(skipped).map(|letter| if letter.is_control() { '?' } else { letter });
    Ok(dots.chars().chain(letters).collect())
}
