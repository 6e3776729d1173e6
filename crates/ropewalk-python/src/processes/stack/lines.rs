//! The line of an instruction, from the table in its code object.

use super::layout::{Layout, Lines};
use super::object;

/// Bytes of a table that are read at once.
const CHUNK: usize = 256;
/// Bytes of a table that are read at all.
const MOST: usize = 1 << 20;

/// The line of the instruction at `at` (in bytes), or 0; that of the function before its first.
pub(super) fn find(layout: &Layout, table: usize, first: i32, at: isize) -> u32 {
    let line = match (at < 0, object::bytes(layout, table)) {
        (true, _) => Some(first),
        (false, None) => None,
        (false, Some((from, len))) => {
            let bytes = Bytes { layout, from, left: len.min(MOST), chunk: [0; CHUNK], next: 0, filled: 0 };
            match layout.lines {
                Lines::Pairs => by_pairs(bytes, first, at),
                Lines::Entries => by_entries(bytes, first, at),
            }
        }
    };
    line.and_then(|line| u32::try_from(line).ok()).unwrap_or(0)
}

/// The bytes of a table.
struct Bytes<'a> {
    layout: &'a Layout,
    from: usize,
    left: usize,
    chunk: [u8; CHUNK],
    next: usize,
    filled: usize,
}

impl Iterator for Bytes<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if self.next == self.filled {
            let len = self.left.min(CHUNK);
            if len == 0 || !self.layout.peek(self.from, &mut self.chunk[..len]) {
                return None;
            }
            (self.from, self.left) = (self.from + len, self.left - len);
            (self.next, self.filled) = (0, len);
        }
        self.next += 1;
        Some(self.chunk[self.next - 1])
    }
}

fn by_pairs(mut bytes: impl Iterator<Item = u8>, first: i32, at: isize) -> Option<i32> {
    let (mut line, mut end) = (first, 0);
    loop {
        let (step, lines) = (bytes.next()?, bytes.next()?.cast_signed());
        end += isize::from(step);
        if lines != i8::MIN {
            line = line.wrapping_add(i32::from(lines));
        }
        if at < end {
            return (lines != i8::MIN).then_some(line);
        }
    }
}

fn by_entries(bytes: impl Iterator<Item = u8>, first: i32, at: isize) -> Option<i32> {
    let mut bytes = bytes.peekable();
    let (mut line, mut end) = (first, 0);
    loop {
        let head = bytes.next()?;
        end += 2 * (isize::from(head & 7) + 1);
        let kind = head >> 3 & 15;
        line = line.wrapping_add(match kind {
            10..=12 => i32::from(kind) - 10,
            13 | 14 => signed(&mut bytes)?,
            _ => 0,
        });
        if at < end {
            return (kind != 15).then_some(line);
        }
        while bytes.next_if(|byte| byte & 128 == 0).is_some() {} // columns
    }
}

/// Six bits in each byte, the lowest first; the lowest of all is the sign.
fn signed(bytes: &mut impl Iterator<Item = u8>) -> Option<i32> {
    let (mut number, mut shift) = (0u32, 0);
    loop {
        let byte = bytes.next()?;
        number |= u32::from(byte & 63).checked_shl(shift)?;
        shift += 6;
        if byte & 64 == 0 {
            break;
        }
    }
    let size = (number >> 1).cast_signed();
    Some(if number & 1 == 0 { size } else { -size })
}
