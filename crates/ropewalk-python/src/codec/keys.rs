//! Short names that stand as keys in message after message: made once, with their hash, and found again by their bytes.
//!
//! One that was found again is interned: then it is the very object that a program's `d["key"]` compares with.
//!
//! # Contract of the unsafe code
//!
//! 1. All functions are called attached; a null from the interpreter is an error that it has set.
//! 2. Each entry owns one reference to its text.
//! 3. The table is touched between two points at which the interpreter may run something else, and never across one:
//!    making and dropping a `str` calls no code of a program and does not collect. So it is touched by one at a time.
#![allow(unsafe_code)]

use pyo3::ffi;
use std::cell::UnsafeCell;
use std::ptr::null_mut;

const ENTRIES: usize = 512;
/// Longer ones are not worth the comparison.
const LONGEST: usize = super::format::SHORT_TEXT_MOST;

#[derive(Clone, Copy)]
struct Entry {
    text: *mut ffi::PyObject,
    len: u8,
    interned: bool,
    bytes: [u8; LONGEST],
}

struct Table(UnsafeCell<[Entry; ENTRIES]>);

// SAFETY: rule 3.
unsafe impl Sync for Table {}

/// The names that were met lately.
static TABLE: Table = Table(UnsafeCell::new(
    [Entry { text: null_mut(), len: 0, interned: false, bytes: [0; LONGEST] }; ENTRIES],
));

/// A new reference to the text of these bytes; null with an exception set.
///
/// # Safety
/// Attached.
#[inline]
pub(super) unsafe fn find(raw: &[u8]) -> *mut ffi::PyObject {
    let new = || {
        // SAFETY: rule 1; the bytes are as many as we say.
        unsafe { ffi::PyUnicode_FromStringAndSize(raw.as_ptr().cast(), raw.len() as isize) }
    };
    if raw.len() > LONGEST {
        return new();
    }
    // SAFETY: rules 1 to 3.
    unsafe {
        let entry = &mut (*TABLE.0.get())[place(raw)];
        if usize::from(entry.len) == raw.len() && !entry.text.is_null() && &entry.bytes[..raw.len()] == raw {
            if !entry.interned {
                entry.interned = true;
                ffi::PyUnicode_InternInPlace(&mut entry.text);
            }
            return ffi::Py_NewRef(entry.text);
        }
        let text = new();
        if !text.is_null() {
            ffi::Py_XDECREF(entry.text);
            entry.text = ffi::Py_NewRef(text);
            entry.len = raw.len() as u8;
            entry.interned = false;
            entry.bytes[..raw.len()].copy_from_slice(raw);
        }
        text
    }
}

/// Where a name is looked for: a few of its bytes and its length tell most names of a program apart.
#[inline]
fn place(raw: &[u8]) -> usize {
    let len = raw.len();
    let hash = if len >= 8 {
        let word = |at: usize| raw[at..at + 8].try_into().map_or(0, u64::from_le_bytes);
        word(0) ^ word(len - 8).rotate_left(23)
    } else {
        raw.iter().fold(0, |hash: u64, &byte| hash << 8 | u64::from(byte))
    };
    let spread = (hash ^ (len as u64) << 56).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (spread >> 55) as usize % ENTRIES
}
