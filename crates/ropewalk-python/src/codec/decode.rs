//! Exact builtins out of bytes.
//!
//! Every length is checked before it is believed: bytes that are no message of ours give [`Failed`], whatever they are.
//!
//! # Contract of the unsafe code
//!
//! 1. All functions are called attached. A null from the interpreter is an error that it has set.
//! 2. A new container is seen by nobody else before it is full (the collector passes over what is not there yet), so its
//!    places are written without a check, each once, with a reference that it takes over.
//! 3. References that are held for a time are [`Owned`], which gives them back.
#![allow(unsafe_code)]

use super::format::{self as f, read_number};
use super::keys;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

/// Why no object came of it.
pub(super) enum Failed {
    /// What is wrong with the bytes.
    Corrupt(&'static str),
    /// The interpreter has set an exception.
    Raised,
}

const CUT: Failed = Failed::Corrupt("it ends too early");

/// A reference to an object.
struct Owned(NonNull<ffi::PyObject>);

impl Owned {
    /// # Safety
    /// `object` is a new reference or null (rule 1).
    #[inline]
    unsafe fn new(object: *mut ffi::PyObject) -> Result<Owned, Failed> {
        NonNull::new(object).map(Owned).ok_or(Failed::Raised)
    }

    /// # Safety
    /// `object` is there.
    #[inline]
    unsafe fn borrowed(object: *mut ffi::PyObject) -> Owned {
        // SAFETY: rule 3; the caller's word.
        unsafe { Owned(NonNull::new_unchecked(ffi::Py_NewRef(object))) }
    }

    #[inline]
    fn get(&self) -> *mut ffi::PyObject {
        self.0.as_ptr()
    }

    #[inline]
    fn give(self) -> *mut ffi::PyObject {
        ManuallyDrop::new(self).0.as_ptr()
    }
}

impl Drop for Owned {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: rule 3.
        unsafe { ffi::Py_DECREF(self.0.as_ptr()) }
    }
}

/// One message being read.
pub(super) struct Decoder<'a, 'py> {
    py: Python<'py>,
    rest: &'a [u8],
    /// The buffers beside the message that have not been read.
    buffers: &'a [Bound<'py, PyAny>],
    /// Texts and bytes that may come again.
    numbered: Vec<Owned>,
    depth: u32,
}

impl<'a, 'py> Decoder<'a, 'py> {
    /// `rest` is what follows the format byte.
    pub(super) fn new(py: Python<'py>, rest: &'a [u8], buffers: &'a [Bound<'py, PyAny>]) -> Decoder<'a, 'py> {
        Decoder { py, rest, buffers, numbered: Vec::new(), depth: f::DEPTH }
    }

    pub(super) fn message(mut self) -> Result<Bound<'py, PyAny>, Failed> {
        let value = self.value()?;
        if !self.rest.is_empty() {
            return Err(Failed::Corrupt("something follows its value"));
        }
        // SAFETY: rule 3: the reference goes on.
        Ok(unsafe { Bound::from_owned_ptr(self.py, value.give()) })
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, Failed> {
        let (&byte, rest) = self.rest.split_first().ok_or(CUT)?;
        self.rest = rest;
        Ok(byte)
    }

    #[inline]
    fn number(&mut self) -> Result<u64, Failed> {
        read_number(&mut self.rest).ok_or(CUT)
    }

    #[inline]
    fn raw(&mut self, len: usize) -> Result<&'a [u8], Failed> {
        let (raw, rest) = self.rest.split_at_checked(len).ok_or(CUT)?;
        self.rest = rest;
        Ok(raw)
    }

    #[inline]
    fn measured(&mut self) -> Result<&'a [u8], Failed> {
        let len = self.number()?;
        self.raw(usize::try_from(len).map_err(|_| CUT)?)
    }

    /// How many values of at least `size` bytes follow.
    #[inline]
    fn count(&mut self, size: usize) -> Result<usize, Failed> {
        let count = self.number()?;
        if count > (self.rest.len() / size) as u64 {
            return Err(CUT);
        }
        Ok(count as usize)
    }

    #[inline]
    fn value(&mut self) -> Result<Owned, Failed> {
        let tag = self.byte()?;
        // SAFETY: rules 1 and 3 in all arms.
        unsafe {
            match tag {
                ..f::SMALL_INT_END => Owned::new(ffi::PyLong_FromLong(tag.into())),
                f::SHORT_TEXT..f::SHORT_NUMBERED => {
                    let raw = self.raw((tag - f::SHORT_TEXT).into())?;
                    text(raw)
                }
                f::SHORT_NUMBERED..f::SHORT_TUPLE => {
                    let raw = self.raw((tag - f::SHORT_NUMBERED).into())?;
                    let text = text(raw)?;
                    Ok(self.keep(text))
                }
                f::SHORT_TUPLE..f::SHORT_LIST => self.tuple((tag - f::SHORT_TUPLE).into()),
                f::SHORT_LIST..f::SHORT_DICT => self.list((tag - f::SHORT_LIST).into()),
                f::SHORT_DICT..f::NONE => self.dict((tag - f::SHORT_DICT).into()),
                f::NONE => Ok(Owned::borrowed(ffi::Py_None())),
                f::TRUE => Ok(Owned::borrowed(ffi::Py_True())),
                f::FALSE => Ok(Owned::borrowed(ffi::Py_False())),
                f::INT => Owned::new(ffi::PyLong_FromLongLong(f::unzigzag(self.number()?))),
                f::FLOAT => {
                    let raw = self.raw(8)?;
                    Owned::new(ffi::PyFloat_FromDouble(float(raw)))
                }
                _ => self.rare(tag),
            }
        }
    }

    fn rare(&mut self, tag: u8) -> Result<Owned, Failed> {
        match tag {
            f::TEXT => text(self.measured()?),
            f::NUMBERED_TEXT => {
                let text = text(self.measured()?)?;
                Ok(self.keep(text))
            }
            f::BYTES => bytes(self.measured()?),
            f::NUMBERED_BYTES => {
                let bytes = bytes(self.measured()?)?;
                Ok(self.keep(bytes))
            }
            f::BYTE_ARRAY => {
                let raw = self.measured()?;
                // SAFETY: rule 1; the bytes are as many as we say.
                unsafe {
                    Owned::new(ffi::PyByteArray_FromStringAndSize(raw.as_ptr().cast(), raw.len() as isize))
                }
            }
            f::AGAIN => {
                let number = self.number()?;
                let kept = usize::try_from(number).ok().and_then(|number| self.numbered.get(number));
                let kept = kept.ok_or(Failed::Corrupt("it repeats what it does not have"))?;
                // SAFETY: rule 3.
                Ok(unsafe { Owned::borrowed(kept.get()) })
            }
            f::BUFFER => self.buffer(),
            f::NUMBERED_BUFFER => {
                let buffer = self.buffer()?;
                Ok(self.keep(buffer))
            }
            f::TUPLE => {
                let count = self.count(1)?;
                self.tuple(count)
            }
            f::LIST => {
                let count = self.count(1)?;
                self.list(count)
            }
            f::DICT => {
                let count = self.count(2)?;
                self.dict(count)
            }
            f::SET | f::FROZEN_SET => self.set(tag),
            f::FLOATS => self.floats(),
            f::BIG_INT => self.big_int(),
            _ => Err(Failed::Corrupt("it has a value of an unknown kind")),
        }
    }

    /// Keeps it for the case that it comes again.
    #[inline]
    fn keep(&mut self, object: Owned) -> Owned {
        // SAFETY: rule 3.
        self.numbered.push(unsafe { Owned::borrowed(object.get()) });
        object
    }

    #[inline]
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Failed>) -> Result<T, Failed> {
        self.depth = self.depth.checked_sub(1).ok_or(Failed::Corrupt("its values stand too deep"))?;
        let value = read(self);
        self.depth += 1;
        value
    }

    fn tuple(&mut self, len: usize) -> Result<Owned, Failed> {
        self.deeper(|this| {
            // SAFETY: rules 1 to 3; a corrupt length has been compared with what is left, or is short.
            unsafe {
                let tuple = Owned::new(ffi::PyTuple_New(len as isize))?;
                for place in 0..len {
                    let item = this.value()?;
                    ffi::PyTuple_SET_ITEM(tuple.get(), place as isize, item.give());
                }
                Ok(tuple)
            }
        })
    }

    fn list(&mut self, len: usize) -> Result<Owned, Failed> {
        self.deeper(|this| {
            // SAFETY: rules 1 to 3, as for tuples.
            unsafe {
                let list = Owned::new(ffi::PyList_New(len as isize))?;
                for place in 0..len {
                    let item = this.value()?;
                    ffi::PyList_SET_ITEM(list.get(), place as isize, item.give());
                }
                Ok(list)
            }
        })
    }

    fn floats(&mut self) -> Result<Owned, Failed> {
        let len = self.count(8)?;
        let raw = self.raw(len * 8)?;
        // SAFETY: rules 1 to 3.
        unsafe {
            let list = Owned::new(ffi::PyList_New(len as isize))?;
            for (place, raw) in raw.chunks_exact(8).enumerate() {
                let item = Owned::new(ffi::PyFloat_FromDouble(float(raw)))?;
                ffi::PyList_SET_ITEM(list.get(), place as isize, item.give());
            }
            Ok(list)
        }
    }

    fn dict(&mut self, len: usize) -> Result<Owned, Failed> {
        self.deeper(|this| {
            // SAFETY: rules 1 and 3. Keys are builtins, so neither their hash nor their comparison runs Python code.
            unsafe {
                let dict = Owned::new(ffi::PyDict_New())?;
                for _ in 0..len {
                    let key = this.key()?;
                    let value = this.value()?;
                    if ffi::PyDict_SetItem(dict.get(), key.get(), value.get()) != 0 {
                        return Err(unhashable());
                    }
                }
                Ok(dict)
            }
        })
    }

    /// A key: most are short names, the same ones in every message.
    #[inline]
    fn key(&mut self) -> Result<Owned, Failed> {
        let (len, numbered) = match *self.rest.first().ok_or(CUT)? {
            tag @ f::SHORT_TEXT..f::SHORT_NUMBERED => (tag - f::SHORT_TEXT, false),
            tag @ f::SHORT_NUMBERED..f::SHORT_TUPLE => (tag - f::SHORT_NUMBERED, true),
            _ => return self.value(),
        };
        self.rest = &self.rest[1..];
        let raw = self.raw(len.into())?;
        // SAFETY: rules 1 and 3: a new reference or null.
        let key =
            unsafe { Owned::new(keys::find(raw)) }.map_err(|_| of_bytes("it has a text that is none"))?;
        Ok(if numbered { self.keep(key) } else { key })
    }

    fn set(&mut self, tag: u8) -> Result<Owned, Failed> {
        self.deeper(|this| {
            let len = this.count(1)?;
            // SAFETY: rules 1 to 3; a frozen set that nobody has seen may be filled.
            unsafe {
                let null = std::ptr::null_mut();
                let set = if tag == f::SET { ffi::PySet_New(null) } else { ffi::PyFrozenSet_New(null) };
                let set = Owned::new(set)?;
                if len == 0 {
                    return Ok(set);
                }
                for _ in 0..len {
                    let item = this.value()?;
                    if ffi::PySet_Add(set.get(), item.get()) != 0 {
                        return Err(unhashable());
                    }
                }
                Ok(set)
            }
        })
    }

    #[cold]
    fn big_int(&mut self) -> Result<Owned, Failed> {
        let digits = std::ffi::CString::new(self.measured()?);
        let digits = digits.map_err(|_| Failed::Corrupt("it has a number that is none"))?;
        // SAFETY: rule 1.
        unsafe { Owned::new(ffi::PyLong_FromString(digits.as_ptr(), std::ptr::null_mut(), 16)) }
            .map_err(|_| of_bytes("it has a number that is none"))
    }

    fn buffer(&mut self) -> Result<Owned, Failed> {
        let (buffer, rest) =
            self.buffers.split_first().ok_or(Failed::Corrupt("a buffer beside it is missing"))?;
        self.buffers = rest;
        if buffer.is_exact_instance_of::<PyBytes>() {
            // SAFETY: rule 3.
            return Ok(unsafe { Owned::borrowed(buffer.as_ptr()) });
        }
        // SAFETY: rule 1.
        unsafe { Owned::new(ffi::PyBytes_FromObject(buffer.as_ptr())) }
    }
}

#[inline]
fn float(raw: &[u8]) -> f64 {
    raw.try_into().map_or(0.0, f64::from_le_bytes)
}

#[inline]
fn text(raw: &[u8]) -> Result<Owned, Failed> {
    // SAFETY: rule 1; the bytes are as many as we say.
    unsafe { Owned::new(ffi::PyUnicode_FromStringAndSize(raw.as_ptr().cast(), raw.len() as isize)) }
        .map_err(|_| of_bytes("it has a text that is none"))
}

#[inline]
fn bytes(raw: &[u8]) -> Result<Owned, Failed> {
    // SAFETY: rule 1; the bytes are as many as we say.
    unsafe { Owned::new(ffi::PyBytes_FromStringAndSize(raw.as_ptr().cast(), raw.len() as isize)) }
}

/// An exception of the interpreter's that says what is wrong with the bytes, unless it is out of memory.
#[cold]
fn of_bytes(wrong: &'static str) -> Failed {
    // SAFETY: rule 1.
    unsafe {
        if ffi::PyErr_ExceptionMatches(ffi::PyExc_MemoryError) != 0 {
            return Failed::Raised;
        }
        ffi::PyErr_Clear();
    }
    Failed::Corrupt(wrong)
}

#[cold]
fn unhashable() -> Failed {
    of_bytes("it has a key that can be none")
}
