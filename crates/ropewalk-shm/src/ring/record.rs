//! How a record lies in a segment.
//!
//! ```text
//! plain:     word | body, padded to 8
//! in parts:  word | body | buffers, all padded to 8 together | length of the body | of each buffer | how many buffers
//! ```
//!
//! The word says how many bytes follow it, and which of the two it is. The lengths stand behind, so that what was taken
//! out is cut off from its end and the body stays where it is.

use super::layout::Store;
use super::loan::Loan;
use std::sync::atomic::Ordering::Relaxed;

/// What nothing but the word before a record begins with.
const MARK: u64 = 0x5257;
const IN_PARTS: u64 = 1 << 32;

/// A record that goes in.
#[derive(Clone, Copy, Debug)]
pub enum Record<'a> {
    Plain(&'a [u8]),
    InParts {
        body: &'a [u8],
        buffers: &'a [&'a [u8]],
        /// Bytes of body and buffers.
        bytes: usize,
    },
}

/// The word before a record: how many bytes follow, and whether they are in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    pub len: usize,
    pub in_parts: bool,
}

impl<'a> Record<'a> {
    pub fn in_parts(body: &'a [u8], buffers: &'a [&'a [u8]]) -> Record<'a> {
        let bytes = buffers.iter().fold(body.len(), |sum, buffer| sum.saturating_add(buffer.len()));
        Record::InParts { body, buffers, bytes }
    }

    /// Bytes behind the word.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Record::Plain(bytes) => bytes.len(),
            Record::InParts { buffers, bytes, .. } => {
                bytes.saturating_add(7) / 8 * 8 + 8 * (buffers.len() + 2)
            }
        }
    }

    /// Writes the record into segment `number` at position `at`, where there is room for it.
    #[inline]
    pub fn write(&self, store: &Store, number: usize, at: u64) {
        let word = Word { len: self.len(), in_parts: !matches!(self, Record::Plain(_)) };
        store.word(number, at).store(word.bits(), Relaxed);
        match self {
            Record::Plain(bytes) => store.write(number, at + 8, bytes),
            Record::InParts { body, buffers, bytes } => {
                let mut at = at + 8;
                let end = at + bytes.next_multiple_of(8) as u64;
                for part in std::iter::once(body).chain(*buffers) {
                    store.write(number, at, part);
                    at += part.len() as u64;
                }
                let lengths = std::iter::once(body.len()).chain(buffers.iter().map(|buffer| buffer.len()));
                for (place, value) in lengths.chain([buffers.len()]).enumerate() {
                    store.word(number, end + 8 * place as u64).store(value as u64, Relaxed);
                }
            }
        }
    }
}

impl Word {
    #[inline]
    fn bits(self) -> u64 {
        MARK << 48 | if self.in_parts { IN_PARTS } else { 0 } | self.len as u64
    }

    /// What a word says; `None` if it is not one that stands before a record.
    #[inline]
    pub fn from_bits(bits: u64) -> Option<Word> {
        let is_one = (bits & !IN_PARTS) >> 32 == MARK << 16;
        is_one.then_some(Word { len: bits as u32 as usize, in_parts: bits & IN_PARTS != 0 })
    }
}

/// Bytes of a segment that a record of `len` bytes takes.
#[inline]
pub fn need(len: usize) -> u64 {
    8 + (len as u64).next_multiple_of(8)
}

/// Takes a record in parts, as it lay in its segment, apart: `bytes` becomes its body. `None` if it is none.
pub fn take_apart(bytes: &mut Vec<u8>, loans: &mut Vec<Loan>) -> Option<()> {
    let lengths = lengths(bytes)?;
    let mut at = *lengths.first()?;
    let body = at;
    for &len in &lengths[1..] {
        loans.push(Loan::owned(bytes[at..at + len].to_vec()));
        at += len;
    }
    bytes.truncate(body);
    Some(())
}

/// Leaves of a record in parts the body and the buffers, one behind the other. `None` if it is none.
pub fn join(bytes: &mut Vec<u8>) -> Option<()> {
    let len = lengths(bytes)?.iter().sum();
    bytes.truncate(len);
    Some(())
}

/// The lengths of the body and of each buffer; they are those of bytes that are there.
fn lengths(bytes: &[u8]) -> Option<Vec<usize>> {
    let word = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let count = usize::try_from(word(bytes.len().checked_sub(8)?)?).ok()?;
    let words = count.checked_add(2)?.checked_mul(8)?;
    let end = bytes.len().checked_sub(words)?;
    let mut left = end as u64;
    (0..=count)
        .map(|place| {
            let len = word(end + 8 * place)?;
            left = left.checked_sub(len)?;
            Some(len as usize)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::layout::{Options, Store};
    use super::*;

    #[test]
    fn only_words_that_stand_before_records_say_a_length() {
        for word in [
            Word { len: 0, in_parts: false },
            Word { len: u32::MAX as usize, in_parts: false },
            Word { len: 7, in_parts: true },
        ] {
            assert_eq!(Word::from_bits(word.bits()), Some(word));
            assert_eq!(Word::from_bits(word.bits() | 1 << 33), None);
        }
        assert_eq!(Word::from_bits(0), None);
    }

    #[test]
    fn records_take_whole_words() {
        assert_eq!([0, 1, 8, 9].map(need), [8, 16, 16, 24]);
    }

    fn written(body: &[u8], buffers: &[&[u8]]) -> Vec<u8> {
        let store = Store::create(&Options::default()).expect("memfd");
        let record = Record::in_parts(body, buffers);
        record.write(&store, 0, 16);
        let mut bytes = Vec::with_capacity(record.len());
        store.read(0, 24, record.len(), &mut bytes);
        bytes
    }

    #[test]
    fn parts_come_out_as_they_went_in() {
        let buffers: [&[u8]; 4] = [b"first", b"", &[9; 1000], b"x"];
        let mut bytes = written(b"body", &buffers);
        let mut loans = Vec::new();
        take_apart(&mut bytes, &mut loans).expect("parts");
        assert_eq!(bytes, b"body");
        assert!(loans.iter().map(|loan| &**loan).eq(buffers));
        let mut bytes = written(b"", &[]);
        take_apart(&mut bytes, &mut loans).expect("no parts");
        assert!(bytes.is_empty());
    }

    #[test]
    fn parts_can_be_joined() {
        let mut bytes = written(b"rope", &[b"wa", b"lk"]);
        join(&mut bytes).expect("parts");
        assert_eq!(bytes, b"ropewalk");
    }

    #[test]
    fn lengths_of_more_than_there_is_are_refused() {
        let whole = written(b"rope", &[b"wa", b"lk"]);
        assert!(lengths(&whole).is_some());
        for at in (8..whole.len()).step_by(8) {
            for lie in [1_000, 1 << 40, u64::MAX, u64::MAX / 8] {
                let mut bytes = whole.clone();
                bytes[at..at + 8].copy_from_slice(&lie.to_le_bytes());
                assert_eq!(lengths(&bytes), None, "{at} {lie}");
            }
        }
        assert_eq!(lengths(&[]), None);
    }
}
