//! Exact builtins as bytes.
//!
//! A message that holds anything else, one container twice or too deep a nest is not written this way: the pickler
//! writes it, which keeps identities and cycles.
//!
//! # Contract of the unsafe code
//!
//! 1. All functions are called attached, with objects that the message's own object keeps alive.
//! 2. Nothing here runs Python code or collects garbage: types are compared exactly, methods never called, and the one
//!    object that the collector counts, a set's iterator, is made while the collector is off. So no other thread and no
//!    destructor changes a container while it is looked at, and borrowed references stay good.
//! 3. An object is read as what its exact type says that it is.
#![allow(unsafe_code)]

use super::buffer::Part;
use super::format::{self as f, write_number};
use super::memo::Memo;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ptr::addr_of_mut;

/// Why the compact form was left.
pub(super) struct NotCompact;

type Written = Result<(), NotCompact>;

/// One message being written.
pub(super) struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    memo: &'a mut Memo,
    parts: &'a mut Vec<Part>,
    /// From how many bytes on `bytes` go beside the message.
    large: usize,
    /// How many texts and bytes are numbered.
    numbered: u32,
    depth: u32,
}

/// The number of a container: a second sight of it is not compact.
const CONTAINER: u32 = u32::MAX;

macro_rules! is {
    ($kind:expr, $type:ident) => {
        $kind == addr_of_mut!(ffi::$type)
    };
}

impl<'a> Encoder<'a> {
    pub(super) fn new(
        out: &'a mut Vec<u8>,
        memo: &'a mut Memo,
        parts: &'a mut Vec<Part>,
        large: usize,
    ) -> Encoder<'a> {
        memo.clear();
        Encoder { out, memo, parts, large, numbered: 0, depth: f::DEPTH }
    }

    /// Writes the object, or part of it before it is found not to be compact.
    #[inline]
    pub(super) fn message(&mut self, object: &Bound<'_, PyAny>) -> Written {
        self.out.push(f::COMPACT);
        // SAFETY: rule 1: the caller's reference keeps it.
        unsafe { self.value(object.as_ptr(), true) }
    }

    /// # Safety
    /// Rule 1, as for all below.
    #[inline]
    unsafe fn value(&mut self, object: *mut ffi::PyObject, top: bool) -> Written {
        // SAFETY: rules 1 to 3.
        unsafe {
            let kind = ffi::Py_TYPE(object);
            if is!(kind, PyUnicode_Type) {
                self.text(object)
            } else if is!(kind, PyLong_Type) {
                self.int(object)
            } else if is!(kind, PyFloat_Type) {
                self.out.push(f::FLOAT);
                self.out.extend_from_slice(&ffi::PyFloat_AS_DOUBLE(object).to_le_bytes());
                Ok(())
            } else if is!(kind, PyDict_Type) {
                self.inside(object, top, Self::dict)
            } else if is!(kind, PyList_Type) {
                self.inside(object, top, Self::list)
            } else if is!(kind, PyTuple_Type) {
                if ffi::PyTuple_GET_SIZE(object) == 0 {
                    self.out.push(f::SHORT_TUPLE);
                    return Ok(()); // there is one of it, shared by all
                }
                self.inside(object, top, Self::tuple)
            } else if object == ffi::Py_None() {
                self.out.push(f::NONE);
                Ok(())
            } else if object == ffi::Py_True() {
                self.out.push(f::TRUE);
                Ok(())
            } else if object == ffi::Py_False() {
                self.out.push(f::FALSE);
                Ok(())
            } else if is!(kind, PyBytes_Type) {
                self.bytes(object)
            } else if is!(kind, PySet_Type) {
                self.inside(object, top, |this, object| this.set(object, f::SET))
            } else if is!(kind, PyFrozenSet_Type) {
                self.inside(object, top, |this, object| this.set(object, f::FROZEN_SET))
            } else if is!(kind, PyByteArray_Type) {
                self.inside(object, top, Self::byte_array)
            } else {
                Err(NotCompact)
            }
        }
    }

    /// A container, if it stands in the message once.
    #[inline]
    unsafe fn inside(
        &mut self,
        object: *mut ffi::PyObject,
        top: bool,
        write: unsafe fn(&mut Self, *mut ffi::PyObject) -> Written,
    ) -> Written {
        // SAFETY: rule 1.
        unsafe {
            // Who has one reference is held by the one container that we come from. The outermost one may be its own.
            let shared = top || ffi::Py_REFCNT(object) > 1;
            if shared && self.memo.put(object as usize, CONTAINER).is_some() {
                return Err(NotCompact);
            }
            self.depth = self.depth.checked_sub(1).ok_or(NotCompact)?;
            let written = write(self, object);
            self.depth += 1;
            written
        }
    }

    #[inline]
    unsafe fn int(&mut self, object: *mut ffi::PyObject) -> Written {
        let mut beyond = 0;
        // SAFETY: rules 1 and 3.
        let value = unsafe { ffi::PyLong_AsLongLongAndOverflow(object, &mut beyond) };
        match value {
            // SAFETY: rule 1.
            _ if beyond != 0 => unsafe { self.big_int(object) },
            0..=127 => {
                self.out.push(value as u8);
                Ok(())
            }
            _ => {
                self.out.push(f::INT);
                write_number(self.out, f::zigzag(value));
                Ok(())
            }
        }
    }

    #[cold]
    unsafe fn big_int(&mut self, object: *mut ffi::PyObject) -> Written {
        // SAFETY: rules 1 and 3; the digits are text, which the collector does not count.
        unsafe {
            let digits = ffi::PyNumber_ToBase(object, 16);
            let mut len = 0;
            let text = if digits.is_null() {
                std::ptr::null()
            } else {
                ffi::PyUnicode_AsUTF8AndSize(digits, &mut len)
            };
            if text.is_null() {
                ffi::PyErr_Clear();
            } else {
                self.out.push(f::BIG_INT);
                self.raw(text.cast(), len as usize);
            }
            ffi::Py_XDECREF(digits);
            if text.is_null() { Err(NotCompact) } else { Ok(()) }
        }
    }

    /// The number of a text or of bytes that may come again; `Err` if it has been written already.
    #[inline]
    fn number(&mut self, object: *mut ffi::PyObject) -> Result<(), Written> {
        match self.memo.put(object as usize, self.numbered) {
            Some(number) => {
                self.out.push(f::AGAIN);
                write_number(self.out, u64::from(number));
                Err(Ok(()))
            }
            None => {
                self.numbered += 1;
                Ok(())
            }
        }
    }

    #[inline]
    unsafe fn text(&mut self, object: *mut ffi::PyObject) -> Written {
        // SAFETY: rules 1 and 3; the bytes live as long as the text.
        unsafe {
            let mut len = 0;
            let text = ffi::PyUnicode_AsUTF8AndSize(object, &mut len);
            if text.is_null() {
                ffi::PyErr_Clear(); // half a character
                return Err(NotCompact);
            }
            let len = len as usize;
            let again = ffi::Py_REFCNT(object) > 1 && len > 1;
            if again && let Err(written) = self.number(object) {
                return written;
            }
            if len <= f::SHORT_TEXT_MOST {
                self.out.push(if again { f::SHORT_NUMBERED } else { f::SHORT_TEXT } + len as u8);
                self.out.extend_from_slice(std::slice::from_raw_parts(text.cast(), len));
            } else {
                self.out.push(if again { f::NUMBERED_TEXT } else { f::TEXT });
                self.raw(text.cast(), len);
            }
            Ok(())
        }
    }

    unsafe fn bytes(&mut self, object: *mut ffi::PyObject) -> Written {
        // SAFETY: rules 1 and 3.
        unsafe {
            let (data, len) = (ffi::PyBytes_AS_STRING(object), ffi::PyBytes_Size(object) as usize);
            let again = ffi::Py_REFCNT(object) > 1 && len > 1;
            if again && let Err(written) = self.number(object) {
                return written;
            }
            if len >= self.large {
                let object = Bound::from_borrowed_ptr(Python::assume_attached(), object);
                self.parts.push(Part::of(&object).map_err(|_| NotCompact)?);
                self.out.push(if again { f::NUMBERED_BUFFER } else { f::BUFFER });
            } else {
                self.out.push(if again { f::NUMBERED_BYTES } else { f::BYTES });
                self.raw(data.cast(), len);
            }
            Ok(())
        }
    }

    unsafe fn byte_array(&mut self, object: *mut ffi::PyObject) -> Written {
        self.out.push(f::BYTE_ARRAY);
        // SAFETY: rules 1 to 3.
        unsafe {
            self.raw(ffi::PyByteArray_AS_STRING(object).cast(), ffi::PyByteArray_Size(object) as usize);
        }
        Ok(())
    }

    /// A length and so many bytes.
    #[inline]
    unsafe fn raw(&mut self, data: *const u8, len: usize) {
        write_number(self.out, len as u64);
        // SAFETY: rule 3: the caller has asked the object for both.
        self.out.extend_from_slice(unsafe { std::slice::from_raw_parts(data, len) });
    }

    /// How many values follow, in the tag if they are few.
    #[inline]
    fn head(&mut self, short: u8, most: usize, long: u8, len: usize) {
        if len <= most {
            self.out.push(short + len as u8);
        } else {
            self.out.push(long);
            write_number(self.out, len as u64);
        }
    }

    unsafe fn dict(&mut self, object: *mut ffi::PyObject) -> Written {
        // SAFETY: rules 1 to 3.
        unsafe {
            let len = ffi::PyDict_Size(object) as usize;
            self.head(f::SHORT_DICT, f::SHORT_DICT_MOST, f::DICT, len);
            let (mut place, mut key, mut value) = (0, std::ptr::null_mut(), std::ptr::null_mut());
            while ffi::PyDict_Next(object, &mut place, &mut key, &mut value) != 0 {
                self.value(key, false)?;
                self.value(value, false)?;
            }
            Ok(())
        }
    }

    unsafe fn tuple(&mut self, object: *mut ffi::PyObject) -> Written {
        // SAFETY: rules 1 to 3.
        unsafe {
            let len = ffi::PyTuple_GET_SIZE(object);
            self.head(f::SHORT_TUPLE, f::SHORT_SEQUENCE_MOST, f::TUPLE, len as usize);
            for place in 0..len {
                self.value(ffi::PyTuple_GET_ITEM(object, place), false)?;
            }
            Ok(())
        }
    }

    unsafe fn list(&mut self, object: *mut ffi::PyObject) -> Written {
        // SAFETY: rules 1 to 3.
        unsafe {
            let len = ffi::PyList_Size(object);
            let float = addr_of_mut!(ffi::PyFloat_Type);
            let item = |place| ffi::PyList_GET_ITEM(object, place);
            if len > 3 && (0..len).all(|place| ffi::Py_TYPE(item(place)) == float) {
                self.out.push(f::FLOATS);
                write_number(self.out, len as u64);
                self.out.reserve(len as usize * 8);
                for place in 0..len {
                    self.out.extend_from_slice(&ffi::PyFloat_AS_DOUBLE(item(place)).to_le_bytes());
                }
                return Ok(());
            }
            self.head(f::SHORT_LIST, f::SHORT_SEQUENCE_MOST, f::LIST, len as usize);
            for place in 0..len {
                self.value(item(place), false)?;
            }
            Ok(())
        }
    }

    unsafe fn set(&mut self, object: *mut ffi::PyObject, tag: u8) -> Written {
        // SAFETY: rules 1 to 3.
        unsafe {
            self.out.push(tag);
            write_number(self.out, ffi::PySet_Size(object) as u64);
            let collecting = ffi::PyGC_Disable();
            let iterator = ffi::PyObject_GetIter(object);
            if collecting != 0 {
                ffi::PyGC_Enable();
            }
            if iterator.is_null() {
                ffi::PyErr_Clear();
                return Err(NotCompact);
            }
            let mut written = Ok(());
            loop {
                let item = ffi::PyIter_Next(iterator);
                if item.is_null() {
                    break;
                }
                // The iterator has lent a reference: one that is the set's own counts as one.
                ffi::Py_DECREF(item);
                written = self.value(item, false);
                if written.is_err() {
                    break;
                }
            }
            ffi::Py_DECREF(iterator);
            if !ffi::PyErr_Occurred().is_null() {
                ffi::PyErr_Clear();
                return Err(NotCompact);
            }
            written
        }
    }
}
