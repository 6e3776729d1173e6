//! A record in.

use super::error::{Fault, PushError};
use super::growth::{FIRST_LARGE, Patience, Place};
use super::layout::size;
use super::state::State;
use super::wait::{Operation, Step, Stop};
use super::{NOT_EMPTY, NOT_FULL, Ring};
use ropewalk_os::robust::Guard;
use ropewalk_os::{Block, Deadline, Plain};
use std::sync::atomic::Ordering::Relaxed;

/// A record begins with one word: its length, and a mark that nothing else begins with.
const MARK: u64 = 0x5257;

/// The word before a record of `len` bytes.
#[inline]
pub(super) fn header_word(len: usize) -> u64 {
    MARK << 48 | len as u64
}

/// The length that a word says; `None` if it is not one that stands before a record.
#[inline]
pub(super) fn length(word: u64) -> Option<usize> {
    (word >> 32 == MARK << 16).then_some(word as u32 as usize)
}

/// Bytes of a segment that a record of `len` bytes takes.
#[inline]
pub(super) fn need(len: usize) -> u64 {
    8 + (len as u64).next_multiple_of(8)
}

struct Push<'a> {
    record: &'a [u8],
    /// None if it must not wait.
    patience: Option<Patience>,
}

enum Pushed {
    In,
    Closed,
}

impl Operation for Push<'_> {
    type Done = Pushed;
    const LINE: usize = NOT_FULL;

    #[inline]
    fn attempt(&mut self, ring: &Ring, held: &Guard<'_>, slept: bool) -> Result<Step<Pushed>, Fault> {
        let state = ring.state()?;
        let header = ring.store.header();
        if state.closed {
            return Ok(Step::Done(Pushed::Closed));
        }
        let most = header.max_records.load(Relaxed);
        if state.len() >= most {
            return Ok(Step::Wait);
        }
        let need = need(self.record.len());
        let place = state.place(need, ring.store.largest(), &header.touched);
        if let (Place::FreshHere | Place::Fresh(FIRST_LARGE..), Some(patience)) = (place, &mut self.patience)
            && let Some(time) = patience.nap(&state, &ring.haste)
        {
            return Ok(Step::Nap(time));
        }
        let state = match place {
            Place::Here | Place::FreshHere => state,
            Place::Warm(number) | Place::Fresh(number) => {
                header.ends[state.chain.last()].store(state.tail, Relaxed);
                state.grown(number)
            }
            Place::Full if ring.is_abandoned(&state) => return Ok(Step::GiveBack),
            Place::Full => return Ok(Step::Wait),
        };

        if let (Place::Here | Place::Warm(_), Some(patience)) = (place, &self.patience) {
            patience.paid_off(&ring.haste);
        }

        let last = state.chain.last();
        ring.store.touch(last, state.tail, need);
        ring.store.word(last, state.tail).store(header_word(self.record.len()), Relaxed);
        ring.store.write(last, state.tail + 8, self.record);
        let next = State {
            tail: state.tail + need,
            pushed: state.pushed + 1,
            unfinished: state.unfinished + 1,
            ..state
        };

        header.lines[NOT_EMPTY].call(held, 1);
        if slept && next.len() < most {
            header.lines[NOT_FULL].call(held, 1);
        }
        next.commit(header);
        Ok(Step::Done(Pushed::In))
    }

    fn others_can(&self, ring: &Ring) -> Result<bool, Fault> {
        let state = ring.state()?;
        Ok(state.closed || state.len() < ring.max_records())
    }
}

impl Ring {
    /// Puts a record in, waiting for room until `deadline`. It is copied.
    ///
    /// # Errors
    /// [`PushError`]; the record is then not inside.
    pub fn push<B: Block>(
        &self,
        record: &[u8],
        block: &mut B,
        deadline: Deadline,
    ) -> Result<(), PushError<B::Interrupt>> {
        if record.len() > self.longest_record() {
            return Err(PushError::TooLong { most: self.longest_record() });
        }
        let mut push = Push { record, patience: (!deadline.is_now()).then(Patience::default) };
        match self.run(&mut push, block, deadline) {
            Ok(Pushed::In) => Ok(()),
            Ok(Pushed::Closed) => Err(PushError::ShutDown),
            Err(Stop::TimedOut) => Err(PushError::Full),
            Err(Stop::Interrupted(interrupt)) => Err(PushError::Interrupted(interrupt)),
            Err(Stop::Fault(fault)) => Err(PushError::Fault(fault)),
        }
    }

    /// Puts a record in if there is room now.
    ///
    /// # Errors
    /// [`PushError`].
    pub fn try_push(&self, record: &[u8]) -> Result<(), PushError> {
        self.push(record, &mut Plain, Deadline::NOW)
    }

    /// Bytes of the longest record that can go in.
    ///
    /// ```
    /// use ropewalk_shm::ring::{Options, PushError, Ring};
    /// let ring = Ring::create(&Options { max_bytes: 128 << 10, ..Options::default() })?;
    /// let most = ring.longest_record();
    /// ring.try_push(&vec![0; most]).unwrap();
    /// assert_eq!(ring.try_push(&vec![0; most + 1]), Err(PushError::TooLong { most }));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn longest_record(&self) -> usize {
        size(self.store.largest()) as usize - 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_that_stand_before_records_say_a_length() {
        assert_eq!(length(header_word(0)), Some(0));
        assert_eq!(length(header_word(u32::MAX as usize)), Some(u32::MAX as usize));
        assert_eq!(length(0), None);
        assert_eq!(length(header_word(7) | 1 << 32), None);
    }

    #[test]
    fn records_take_whole_words() {
        assert_eq!([0, 1, 8, 9].map(need), [8, 16, 16, 24]);
    }
}
