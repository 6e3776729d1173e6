//! The same interpreter in another process, read from here: that process is not asked, and may hang.
//!
//! It must have loaded the very file that this interpreter is; then what was proved here is true there, at other addresses.

use super::layout::Layout;
use super::object;
use super::walk::{self, Frames};
use pyo3::prelude::*;
use ropewalk_os::other_memory;
use std::io;

/// From an object to its type, and from there to the name, in C.
const TYPE: usize = 8;
const NAME: usize = 24;
/// Bytes of a name that are read.
const LONGEST: usize = 256;

/// The interpreter of another process.
#[derive(Debug)]
pub(crate) struct Elsewhere(Layout);

impl Elsewhere {
    /// `None` if that process has another interpreter, or this one is a version whose frames are not known.
    ///
    /// # Errors
    /// If `/proc` does not show what that process has mapped.
    pub(crate) fn find(py: Python<'_>, pid: u32) -> io::Result<Option<Elsewhere>> {
        let Some(layout) = super::proved(py) else { return Ok(None) };
        let distance = other_memory::distance(pid, layout.types[0])?;
        Ok(distance.map(|distance| Elsewhere(layout.in_process(pid, distance))))
    }

    /// The word at an address.
    pub(crate) fn word(&self, address: usize) -> Option<usize> {
        object::word(&self.0, address)
    }

    /// What an object's type is called.
    pub(crate) fn type_name(&self, object: usize) -> Option<String> {
        let name = self.word(self.word(object.wrapping_add(TYPE))?.wrapping_add(NAME))?;
        let mut text = Vec::new();
        let mut byte = [0];
        while text.len() < LONGEST && self.0.peek(name.wrapping_add(text.len()), &mut byte) && byte[0] != 0 {
            text.push(byte[0]);
        }
        (!text.is_empty()).then(|| String::from_utf8_lossy(&text).into_owned())
    }

    /// The frames from an innermost one on: a line each, of the line's number (0: unknown), the function's name and the
    /// file's, with tabs between. At most `most`.
    pub(crate) fn frames(&self, innermost: usize, most: usize) -> Vec<String> {
        Frames::from(&self.0, innermost)
            .take(most)
            .map(|frame| {
                let mut line = Vec::new();
                walk::push(&self.0, frame, &mut line);
                String::from_utf8_lossy(&line).trim_end().to_owned()
            })
            .collect()
    }
}
