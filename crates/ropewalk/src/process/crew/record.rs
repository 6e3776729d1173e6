//! How tasks and answers are written.
//!
//! ```text
//! task      id:u64 | body
//! answer    id:u64 | kind:u8 and took:u56 (nanoseconds) | body        id 0: a notice
//! ```

use super::kept::Kept;
use std::time::Duration;

/// The number of a task that is none: who takes it goes home.
pub(super) const GO_HOME: u64 = 0;
/// Bytes before the body of a task.
pub(super) const NUMBER: usize = 8;
/// Bytes before the body of an answer.
pub(super) const HEAD: usize = 16;

/// What stands before the body of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) id: u64,
    pub(super) kind: u8,
    pub(super) took: Duration,
}

/// A task that has no number yet: those are given under a lock, and copying takes time.
pub(super) fn task(body: &[u8]) -> Kept {
    Kept::of(&[&[0; NUMBER], body])
}

pub(super) fn give_number(task: &mut Kept, id: u64) {
    task[..NUMBER].copy_from_slice(&id.to_le_bytes());
}

pub(super) fn number(record: &[u8]) -> Option<u64> {
    record.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

pub(super) fn answer(id: u64, kind: u8, took: Duration, body: &[u8]) -> Vec<u8> {
    let mut record = Vec::with_capacity(HEAD + body.len());
    write_answer(&mut record, id, kind, took, body);
    record
}

pub(super) fn write_answer(into: &mut Vec<u8>, id: u64, kind: u8, took: Duration, body: &[u8]) {
    let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).min((1 << 56) - 1);
    into.clear();
    into.extend_from_slice(&id.to_le_bytes());
    into.extend_from_slice(&(took << 8 | u64::from(kind)).to_le_bytes());
    into.extend_from_slice(body);
}

pub(super) fn read(record: &[u8]) -> Option<Answered> {
    let (head, _) = record.split_first_chunk::<HEAD>()?;
    let (id, rest) = head.split_first_chunk::<8>()?;
    let rest = u64::from_le_bytes(*rest.first_chunk()?);
    Some(Answered {
        id: u64::from_le_bytes(*id),
        kind: (rest & 0xff) as u8,
        took: Duration::from_nanos(rest >> 8),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let took = Duration::from_nanos(123_456);
        let record = answer(7, 3, took, b"body");
        assert_eq!(read(&record), Some(Answered { id: 7, kind: 3, took }));
        assert_eq!(&record[HEAD..], b"body");
        let mut task = task(b"body");
        give_number(&mut task, 9);
        assert_eq!((number(&task), &task[NUMBER..]), (Some(9), &b"body"[..]));
    }

    #[test]
    fn a_record_that_is_too_short_is_none() {
        assert_eq!(read(&[0; HEAD - 1]), None);
        assert_eq!(number(&[0; NUMBER - 1]), None);
    }
}
