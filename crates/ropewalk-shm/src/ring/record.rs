//! How a record lies in a segment.
//!
//! ```text
//! plain:     word | body, padded to 8
//! in parts:  word | parts that are not in blocks, padded to 8 together | one word for each part | how many buffers
//! ```
//!
//! The word before says how many bytes follow it, and which of the two it is. Parts are the body and then the buffers;
//! the word of one says its length, and the first granule of its block if it has one. These words stand behind, so that
//! they are cut off from what was taken out and the body stays where it is.

use super::arena::Taken;
use super::draft::Parts;
use super::layout::Store;
use std::sync::atomic::Ordering::Relaxed;

/// What nothing but the word before a record begins with.
const MARK: u64 = 0x5257;
const IN_PARTS: u64 = 1 << 32;

/// In the word of a part: it is in a block, and the granule's number stands at these bits.
const BLOCK: u64 = 1 << 63;
const GRANULE_AT: u32 = 40;

/// Where a part of a record goes.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    Inline,
    Block(Taken),
}

/// A record that goes in.
#[derive(Clone, Copy)]
pub enum Record<'a> {
    Plain(&'a [u8]),
    InParts {
        parts: Parts<'a>,
        /// One for each part, or none at all: then all are inline.
        places: &'a [Place],
        /// Bytes of the parts that are.
        inline: usize,
    },
}

/// The word before a record: how many bytes follow, and whether they are in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    pub len: usize,
    pub in_parts: bool,
}

/// A part of a record that was taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// So many bytes of what came out, behind those of the parts before.
    Inline {
        len: usize,
    },
    Block {
        granule: usize,
        len: usize,
    },
}

impl Part {
    fn from_bits(bits: u64) -> Part {
        let len = (bits & ((1 << GRANULE_AT) - 1)) as usize;
        match bits & BLOCK {
            0 => Part::Inline { len },
            _ => Part::Block { granule: ((bits & !BLOCK) >> GRANULE_AT) as usize, len },
        }
    }

    fn bits(self) -> u64 {
        match self {
            Part::Inline { len } => len as u64,
            Part::Block { granule, len } => BLOCK | (granule as u64) << GRANULE_AT | len as u64,
        }
    }
}

/// Bytes of the words behind a record in parts with so many buffers.
#[inline]
pub fn words(buffers: usize) -> usize {
    8 * (buffers + 2)
}

impl<'a> Record<'a> {
    pub fn in_parts(parts: Parts<'a>, places: &'a [Place]) -> Record<'a> {
        let mut record = Record::InParts { parts, places, inline: 0 };
        let sum = record.parts().fold(0_usize, |sum, (bytes, place)| match place {
            Place::Inline => sum.saturating_add(bytes.len()),
            Place::Block(_) => sum,
        });
        if let Record::InParts { inline, .. } = &mut record {
            *inline = sum;
        }
        record
    }

    /// Bytes behind the word.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Record::Plain(bytes) => bytes.len(),
            Record::InParts { parts, inline, .. } => {
                (inline.saturating_add(7) / 8 * 8).saturating_add(words(parts.buffers.len()))
            }
        }
    }

    fn parts(&self) -> impl Iterator<Item = (&'a [u8], Place)> + use<'a> {
        let (parts, places) = match *self {
            Record::Plain(body) => (Parts { body, buffers: &[] }, &[][..]),
            Record::InParts { parts, places, .. } => (parts, places),
        };
        parts
            .iter()
            .enumerate()
            .map(|(number, part)| (part, places.get(number).copied().unwrap_or(Place::Inline)))
    }

    /// The first granules of its blocks.
    #[inline]
    pub fn blocks(&self) -> impl Iterator<Item = usize> + use<'a> {
        let places = match *self {
            Record::Plain(_) => &[],
            Record::InParts { places, .. } => places,
        };
        places.iter().filter_map(|place| match place {
            Place::Inline => None,
            Place::Block(taken) => Some(taken.granule),
        })
    }

    /// Writes the record into segment `number` at position `at`, where there is room for it.
    #[inline]
    pub fn write(&self, store: &Store, number: usize, at: u64) {
        let word = Word { len: self.len(), in_parts: !matches!(self, Record::Plain(_)) };
        store.word(number, at).store(word.bits(), Relaxed);
        match self {
            Record::Plain(bytes) => store.write(number, at + 8, bytes),
            Record::InParts { parts, inline, .. } => {
                self.write_parts(store, number, at + 8, *inline, parts.buffers.len());
            }
        }
    }

    fn write_parts(&self, store: &Store, number: usize, mut at: u64, inline: usize, buffers: usize) {
        let mut word_at = at + inline.next_multiple_of(8) as u64;
        let mut put_word = |value: u64| {
            store.word(number, word_at).store(value, Relaxed);
            word_at += 8;
        };
        for (bytes, place) in self.parts() {
            let len = bytes.len();
            put_word(match place {
                Place::Inline => {
                    store.write(number, at, bytes);
                    at += len as u64;
                    Part::Inline { len }.bits()
                }
                Place::Block(taken) => Part::Block { granule: taken.granule, len }.bits(),
            });
        }
        put_word(buffers as u64);
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

/// The blocks of a record in parts that lies in its segment, `len` bytes from `at` on: first granule and length of each.
/// `None` if it is none.
pub fn blocks(
    store: &Store,
    number: usize,
    at: u64,
    len: usize,
) -> Option<impl Iterator<Item = (usize, usize)>> {
    let word = move |from_end: usize| store.word(number, at + (len - from_end) as u64).load(Relaxed);
    if !len.is_multiple_of(8) || len < words(0) {
        return None;
    }
    let buffers = usize::try_from(word(8)).ok()?;
    if buffers > len / 8 - 2 {
        return None;
    }
    Some((1..buffers + 2).rev().filter_map(move |place| match Part::from_bits(word(8 * place + 8)) {
        Part::Inline { .. } => None,
        Part::Block { granule, len } => Some((granule, len)),
    }))
}

/// Cuts the words off a record in parts, as it lay in its segment, and reads them. Those that are inline have the lengths
/// of bytes that are there. `None` if it is no such record.
pub fn cut_words(bytes: &mut Vec<u8>) -> Option<Vec<Part>> {
    let word = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let buffers = usize::try_from(word(bytes.len().checked_sub(8)?)?).ok()?;
    let end = bytes.len().checked_sub(buffers.checked_add(2)?.checked_mul(8)?)?;
    let mut left = end;
    let parts: Option<Vec<Part>> = (0..=buffers)
        .map(|place| {
            let part = Part::from_bits(word(end + 8 * place)?);
            if let Part::Inline { len } = part {
                left = left.checked_sub(len)?;
            }
            Some(part)
        })
        .collect();
    bytes.truncate(end - left);
    parts
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

    const TAKEN: Place = Place::Block(Taken { granule: 77, fresh: false });

    fn written(record: Record<'_>) -> (Store, Vec<u8>) {
        let store = Store::create(&Options::default()).expect("memfd");
        record.write(&store, 0, 16);
        let mut bytes = Vec::with_capacity(record.len());
        store.read(0, 24, record.len(), &mut bytes);
        (store, bytes)
    }

    #[test]
    fn parts_come_out_as_they_went_in() {
        let parts = Parts { body: b"body", buffers: &[b"first", b"", &[9; 1000], b"x"] };
        let places = [Place::Inline, Place::Inline, Place::Inline, TAKEN, Place::Inline];
        let record = Record::in_parts(parts, &places);
        assert!(record.blocks().eq([77]));
        let (store, mut bytes) = written(record);
        assert!(blocks(&store, 0, 24, bytes.len()).expect("parts").eq([(77, 1000)]));
        let inline = |len| Part::Inline { len };
        let expected = [inline(4), inline(5), inline(0), Part::Block { granule: 77, len: 1000 }, inline(1)];
        assert_eq!(cut_words(&mut bytes).expect("parts"), expected);
        assert_eq!(bytes, b"bodyfirstx");
        let (_, mut bytes) = written(Record::in_parts(Parts { body: b"", buffers: &[] }, &[]));
        assert_eq!(cut_words(&mut bytes).expect("a part"), [inline(0)]);
        assert!(bytes.is_empty());
    }

    #[test]
    fn lengths_of_more_than_there_is_are_refused() {
        let (store, whole) =
            written(Record::in_parts(Parts { body: b"rope", buffers: &[b"wa", b"lk"] }, &[]));
        assert!(cut_words(&mut whole.clone()).is_some());
        for at in (8..whole.len()).step_by(8) {
            for lie in [1_000, 1 << 39, u64::MAX / 2 + 1000] {
                let mut bytes = whole.clone();
                bytes[at..at + 8].copy_from_slice(&lie.to_le_bytes());
                let is_block = lie > 1 << 40 && at < whole.len() - 8;
                assert_eq!(cut_words(&mut bytes).is_some(), is_block, "{at} {lie}");
            }
        }
        assert_eq!(cut_words(&mut Vec::new()), None);
        for len in [0, 8, 12] {
            assert!(blocks(&store, 0, 24, len).is_none());
        }
        store.word(0, 24 + whole.len() as u64 - 8).store(u64::MAX, Relaxed);
        assert!(blocks(&store, 0, 24, whole.len()).is_none());
    }
}
