//! What the bytes of a message mean.
//!
//! The first byte says how the rest is written; neither text nor a pickle begins with one of these. A compact message
//! is one value. A value begins with a tag, and small values and short lengths are in the tag itself:
//!
//! | tag | value |
//! |---|---|
//! | `00..80` | an `int` of 0 to 127 |
//! | `80..a0` | a `str` of 0 to 31 bytes |
//! | `a0..c0` | the same, numbered: it may come again |
//! | `c0..c8` | a `tuple` of 0 to 7 values |
//! | `c8..d0` | a `list` of 0 to 7 values |
//! | `d0..e0` | a `dict` of 0 to 15 pairs |
//! | `e0..` | one of those below |
//!
//! Lengths and other numbers are written seven bits to the byte, the lowest first.

/// A message of exact builtins.
pub(super) const COMPACT: u8 = 0xc1;
/// A pickle of ours.
pub(super) const PICKLE: u8 = 0xc0;
/// A pickle by a pickler that the program has put in the place of `ForkingPickler`.
pub(super) const THEIRS: u8 = 0xf5;

pub(super) const SMALL_INT_END: u8 = 0x80;
pub(super) const SHORT_TEXT: u8 = 0x80;
pub(super) const SHORT_NUMBERED: u8 = 0xa0;
pub(super) const SHORT_TUPLE: u8 = 0xc0;
pub(super) const SHORT_LIST: u8 = 0xc8;
pub(super) const SHORT_DICT: u8 = 0xd0;
pub(super) const NONE: u8 = 0xe0;
pub(super) const TRUE: u8 = 0xe1;
pub(super) const FALSE: u8 = 0xe2;
/// Then the number, with its sign in the lowest bit.
pub(super) const INT: u8 = 0xe3;
/// Then its length and its digits to the base of sixteen.
pub(super) const BIG_INT: u8 = 0xe4;
/// Then eight bytes.
pub(super) const FLOAT: u8 = 0xe5;
/// Then its length in bytes and itself.
pub(super) const TEXT: u8 = 0xe6;
pub(super) const NUMBERED_TEXT: u8 = 0xe7;
/// Then its length and itself.
pub(super) const BYTES: u8 = 0xe8;
pub(super) const NUMBERED_BYTES: u8 = 0xe9;
pub(super) const BYTE_ARRAY: u8 = 0xea;
/// Then the number of a text or of bytes that came before.
pub(super) const AGAIN: u8 = 0xeb;
/// The next of the buffers beside the message, as `bytes`.
pub(super) const BUFFER: u8 = 0xec;
/// The same, and numbered.
pub(super) const NUMBERED_BUFFER: u8 = 0xed;
/// Then the number of values and they themselves; the same for those below.
pub(super) const TUPLE: u8 = 0xee;
pub(super) const LIST: u8 = 0xef;
pub(super) const DICT: u8 = 0xf0;
pub(super) const SET: u8 = 0xf1;
pub(super) const FROZEN_SET: u8 = 0xf2;
/// A `list` of floats only: eight bytes each.
pub(super) const FLOATS: u8 = 0xf3;

pub(super) const SHORT_TEXT_MOST: usize = 31;
pub(super) const SHORT_SEQUENCE_MOST: usize = 7;
pub(super) const SHORT_DICT_MOST: usize = 15;

/// How deep values may stand in each other.
pub(super) const DEPTH: u32 = 100;

/// The number of an `int`, its sign in the lowest bit.
#[inline]
pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[inline]
pub(super) fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Writes a number seven bits to the byte.
#[inline]
pub(super) fn write_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Reads a number from the front of `rest`; `None` if there is none.
#[inline]
pub(super) fn read_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for (place, byte) in rest.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            *rest = &rest[place + 1..];
            return Some(number);
        }
    }
    None
}
