//! A number of one of C's types, in memory that other processes write.
//!
//! # Contract of the unsafe code
//!
//! 1. Whoever makes [`Numbers`] holds the object whose memory it is, for as long as it has them; the memory has room for
//!    `count` numbers of that size and is aligned to it, as ctypes lays it out and [`Numbers::new`] checks.
//! 2. Each is read and written as one atomic word: other processes do the same at the same time.
//! 3. The interpreter's functions are called by attached threads, with objects of the type that they ask for.
#![allow(unsafe_code)]

use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed};

/// How the bytes of a number are meant.
#[derive(Clone, Copy)]
enum Kind {
    Signed,
    Unsigned,
    Float,
    /// Something that ctypes alone can read.
    Other,
}

/// Numbers one after the other.
pub(crate) struct Numbers {
    kind: Kind,
    size: usize,
    address: usize,
    count: usize,
}

/// A number that was read.
#[derive(Clone, Copy)]
pub(crate) enum Number {
    Signed(i64),
    Unsigned(u64),
    Float(f64),
}

impl Numbers {
    /// `kind` is `"i"`, `"u"` or `"f"` and the size in bytes, or empty for what ctypes alone can read.
    ///
    /// # Errors
    /// `ValueError` for anything else, or memory that is not aligned.
    pub(crate) fn new(kind: &str, address: usize, count: usize) -> PyResult<Numbers> {
        let (kind, size) = match kind {
            "" => (Kind::Other, 1),
            "i1" => (Kind::Signed, 1),
            "i2" => (Kind::Signed, 2),
            "i4" => (Kind::Signed, 4),
            "i8" => (Kind::Signed, 8),
            "u1" => (Kind::Unsigned, 1),
            "u2" => (Kind::Unsigned, 2),
            "u4" => (Kind::Unsigned, 4),
            "u8" => (Kind::Unsigned, 8),
            "f4" => (Kind::Float, 4),
            "f8" => (Kind::Float, 8),
            _ => return Err(PyValueError::new_err("not a kind of number")),
        };
        if address == 0 || !address.is_multiple_of(size) {
            return Err(PyValueError::new_err("not the address of a number"));
        }
        Ok(Numbers { kind, size, address, count })
    }

    /// Whether these numbers can be read and written here.
    #[inline]
    pub(crate) fn are_known(&self) -> bool {
        !matches!(self.kind, Kind::Other)
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The place of an index as Python counts, from the end if it is negative; `None` if there is none.
    #[inline]
    pub(crate) fn place(&self, index: isize) -> Option<usize> {
        let index = if index < 0 { index + self.count as isize } else { index };
        usize::try_from(index).ok().filter(|index| *index < self.count)
    }

    /// The number in a place, which is less than the count.
    #[inline]
    pub(crate) fn read(&self, place: usize) -> Number {
        assert!(place < self.count, "no such number");
        let at = self.address + place * self.size;
        // SAFETY: rules 1 and 2.
        let bits = unsafe {
            match self.size {
                1 => AtomicU8::from_ptr(at as *mut u8).load(Relaxed).into(),
                2 => AtomicU16::from_ptr(at as *mut u16).load(Relaxed).into(),
                4 => AtomicU32::from_ptr(at as *mut u32).load(Relaxed).into(),
                _ => AtomicU64::from_ptr(at as *mut u64).load(Relaxed),
            }
        };
        match self.kind {
            Kind::Signed => {
                let unused = 64 - 8 * self.size as u32;
                Number::Signed(((bits << unused) as i64) >> unused)
            }
            Kind::Float if self.size == 4 => Number::Float(f32::from_bits(bits as u32).into()),
            Kind::Float => Number::Float(f64::from_bits(bits)),
            Kind::Unsigned | Kind::Other => Number::Unsigned(bits),
        }
    }

    /// The bits of `value` as ctypes would write them; `None` for what it should be asked about.
    #[inline]
    pub(crate) fn bits(&self, value: &Bound<'_, PyAny>) -> Option<u64> {
        let value = value.as_ptr();
        // SAFETY: rule 3: attached; the type is looked at first. Conversion of an exact int or float runs no code of the program;
        // of an int only the lowest bits are taken, as ctypes does.
        unsafe {
            match self.kind {
                Kind::Signed | Kind::Unsigned if ffi::PyLong_CheckExact(value) != 0 => {
                    Some(ffi::PyLong_AsUnsignedLongLongMask(value))
                }
                Kind::Float if ffi::PyFloat_CheckExact(value) != 0 => {
                    let value = ffi::PyFloat_AS_DOUBLE(value);
                    if self.size == 8 { Some(value.to_bits()) } else { Some((value as f32).to_bits().into()) }
                }
                _ => None,
            }
        }
    }

    /// Writes bits into a place, which is less than the count.
    #[inline]
    pub(crate) fn write(&self, place: usize, bits: u64) {
        assert!(place < self.count, "no such number");
        let at = self.address + place * self.size;
        // SAFETY: rules 1 and 2.
        unsafe {
            match self.size {
                1 => AtomicU8::from_ptr(at as *mut u8).store(bits as u8, Relaxed),
                2 => AtomicU16::from_ptr(at as *mut u16).store(bits as u16, Relaxed),
                4 => AtomicU32::from_ptr(at as *mut u32).store(bits as u32, Relaxed),
                _ => AtomicU64::from_ptr(at as *mut u64).store(bits, Relaxed),
            }
        }
    }
}

impl Number {
    /// As a Python object.
    #[inline]
    pub(crate) fn object(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        // SAFETY: rule 3: attached; what is made is looked at for null.
        unsafe {
            let made = match self {
                Number::Signed(value) => ffi::PyLong_FromLongLong(value),
                Number::Unsigned(value) => ffi::PyLong_FromUnsignedLongLong(value),
                Number::Float(value) => ffi::PyFloat_FromDouble(value),
            };
            Bound::from_owned_ptr_or_err(py, made)
        }
    }
}
