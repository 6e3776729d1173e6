//! Objects of the interpreter, read without trust: any address may be wrong, and any content.
//!
//! Nothing here allocates: it is called by a signal's handler.

use super::layout::Layout;

/// Characters of a string that are shown.
pub(super) const SHOWN: usize = 240;
/// Bytes of a string that are read at once: whole characters.
const CHUNK: usize = 128;

/// Which of [`Layout::types`] an object is to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Type {
    Code = 0,
    Text = 1,
    Bytes = 2,
}

/// Somewhere to write to.
pub(super) trait Out {
    /// All of it or nothing; whether there was room.
    fn push(&mut self, bytes: &[u8]) -> bool;
}

pub(super) fn word(layout: &Layout, address: usize) -> Option<usize> {
    let mut bytes = [0; 8];
    layout.peek(address, &mut bytes).then(|| usize::from_ne_bytes(bytes))
}

pub(super) fn word_in(bytes: &[u8], at: usize) -> usize {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| usize::from_ne_bytes(*bytes))
}

pub(super) fn int_in(bytes: &[u8], at: usize) -> i32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| i32::from_ne_bytes(*bytes))
}

/// Whether there is an object of this type.
pub(super) fn is(layout: &Layout, address: usize, of: Type) -> bool {
    address != 0 && address.is_multiple_of(8) && word(layout, address + 8) == Some(layout.types[of as usize])
}

/// Where the bytes of a `bytes` object are, and how many.
pub(super) fn bytes(layout: &Layout, address: usize) -> Option<(usize, usize)> {
    if !is(layout, address, Type::Bytes) {
        return None;
    }
    Some((address + 32, word(layout, address + 16)?))
}

/// Writes a string, or a question mark; whether there was room. Of a long one the end, since that is what tells files apart.
pub(super) fn push_text(layout: &Layout, address: usize, out: &mut impl Out) -> bool {
    let mut head = [0; 40];
    if !is(layout, address, Type::Text) || !layout.peek(address, &mut head) {
        return out.push(b"?");
    }
    let state = int_in(&head, 32);
    let (kind, compact, ascii) = (state >> 2 & 7, state >> 5 & 1, state >> 6 & 1);
    let size = usize::try_from(kind).unwrap_or(0);
    if compact == 0 || !matches!(size, 1 | 2 | 4) {
        return out.push(b"?");
    }
    let len = word_in(&head, 16);
    let skipped = len.saturating_sub(SHOWN);
    if skipped != 0 && !out.push(b"...") {
        return false;
    }
    let start = address + if ascii == 1 { layout.ascii } else { layout.compact };
    let (mut from, end) = (start.wrapping_add(skipped * size), start.wrapping_add(len.wrapping_mul(size)));
    let mut chunk = [0; CHUNK];
    while from < end {
        let piece = &mut chunk[..CHUNK.min(end - from)];
        if !layout.peek(from, piece) {
            return out.push(b"?");
        }
        for unit in piece.chunks(size) {
            let mut number = [0; 4];
            number[..unit.len()].copy_from_slice(unit);
            let point = u32::from_le_bytes(number);
            let letter = char::from_u32(point).filter(|letter| !letter.is_control()).unwrap_or('?');
            if !out.push(letter.encode_utf8(&mut [0; 4]).as_bytes()) {
                return false;
            }
        }
        from += piece.len();
    }
    true
}

/// Writes a number; whether there was room.
pub(super) fn push_number(number: u32, out: &mut impl Out) -> bool {
    let mut digits = [0; 10];
    let mut left = number;
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            return out.push(&digits[first..]);
        }
    }
}
