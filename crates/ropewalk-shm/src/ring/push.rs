//! A record in.

use super::arena::GRANULE;
use super::draft::Parts;
use super::error::{Fault, PushError};
use super::growth::{FIRST_LARGE, Patience, Place};
use super::layout::size;
use super::record::{Record, need, words};
use super::state::State;
use super::wait::{Operation, Step, Stop};
use super::{NOT_EMPTY, NOT_FULL, Ring};
use ropewalk_os::robust::Guard;
use ropewalk_os::{Block, Deadline, Plain};
use std::sync::atomic::Ordering::Relaxed;

struct Push<'a> {
    record: Record<'a>,
    /// None if it must not wait.
    patience: Option<Patience>,
}

enum Pushed {
    /// It is inside, as the record with this number.
    In(u64),
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
        self.record.write(&ring.store, last, state.tail);
        let next = State {
            tail: state.tail + need,
            pushed: state.pushed + 1,
            unfinished: state.unfinished + 1,
            ..state
        };

        for granule in self.record.blocks() {
            ring.store.arena().queue(held, granule, state.pushed);
        }
        if state.is_empty() {
            ring.store.ring_bell();
        }
        header.lines[NOT_EMPTY].call(held, 1);
        if slept && next.len() < most {
            header.lines[NOT_FULL].call(held, 1);
        }
        next.commit(header);
        Ok(Step::Done(Pushed::In(state.pushed)))
    }

    fn others_can(&self, ring: &Ring) -> Result<bool, Fault> {
        let state = ring.state()?;
        Ok(state.closed || state.len() < ring.max_records())
    }
}

impl Ring {
    /// Puts a record in, waiting for room until `deadline`. It is copied. Says the record's number: how many were put in
    /// before it.
    ///
    /// # Errors
    /// [`PushError`]; the record is then not inside.
    #[inline]
    pub fn push<B: Block>(
        &self,
        record: &[u8],
        block: &mut B,
        deadline: Deadline,
    ) -> Result<u64, PushError<B::Interrupt>> {
        if record.len() >= self.store.block_from() {
            return self.push_large(Parts { body: record, buffers: &[] }, block, deadline);
        }
        self.push_record(Record::Plain(record), block, deadline)
    }

    /// Puts a record in that comes with buffers beside its body: who takes it out by [`Ring::pop_parts`] gets each as a
    /// [`Loan`](super::Loan). As [`Ring::push`] else.
    ///
    /// # Errors
    /// [`PushError`]; the record is then not inside.
    ///
    /// ```
    /// use ropewalk_os::{Deadline, Plain};
    /// use ropewalk_shm::ring::{Options, Ring};
    /// let ring = Ring::create(&Options::default())?;
    /// ring.push_parts(b"an image", &[&[7; 100_000], b""], &mut Plain, Deadline::NEVER).unwrap();
    /// let (mut body, mut loans) = (Vec::new(), Vec::new());
    /// ring.pop_parts(&mut body, &mut loans, &mut Plain, Deadline::NEVER).unwrap();
    /// assert_eq!((body.as_slice(), loans[0].len(), loans[1].len()), (b"an image".as_slice(), 100_000, 0));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn push_parts<B: Block>(
        &self,
        body: &[u8],
        buffers: &[&[u8]],
        block: &mut B,
        deadline: Deadline,
    ) -> Result<u64, PushError<B::Interrupt>> {
        let parts = Parts { body, buffers };
        if parts.iter().any(|part| part.len() >= self.store.block_from()) {
            return self.push_large(parts, block, deadline);
        }
        self.push_record(Record::in_parts(parts, &[]), block, deadline)
    }

    #[inline]
    pub(super) fn push_record<B: Block>(
        &self,
        record: Record<'_>,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<u64, PushError<B::Interrupt>> {
        if need(record.len()) > size(self.store.largest()) {
            return Err(PushError::TooLong { most: self.longest_record() });
        }
        let mut push = Push { record, patience: (!deadline.is_now()).then(Patience::default) };
        match self.run(&mut push, block, deadline) {
            Ok(Pushed::In(number)) => Ok(number),
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
    pub fn try_push(&self, record: &[u8]) -> Result<u64, PushError> {
        self.push(record, &mut Plain, Deadline::NOW)
    }

    /// Bytes of the longest record that can go in.
    ///
    /// ```
    /// use ropewalk_shm::ring::{Options, PushError, Ring};
    /// let ring = Ring::create(&Options { max_bytes: 128 << 10, max_block_bytes: 1 << 20, ..Options::default() })?;
    /// let most = ring.longest_record();
    /// ring.try_push(&vec![0; most]).unwrap();
    /// assert_eq!(ring.try_push(&vec![0; most + 1]), Err(PushError::TooLong { most }));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn longest_record(&self) -> usize {
        let inline = size(self.store.largest()) as usize - 8;
        let plain = inline.min(self.store.block_from().saturating_sub(1));
        let in_parts = (inline - words(0)).max(self.store.granules() * GRANULE);
        plain.max(in_parts)
    }
}
