//! A record out.

use super::arena::granules;
use super::error::{Fault, PopError};
use super::loan::Loan;
use super::record::{self, Part, Word, need};
use super::state::State;
use super::wait::{Operation, Step, Stop};
use super::{NOT_EMPTY, NOT_FULL, Ring};
use ropewalk_os::robust::Guard;
use ropewalk_os::{Block, Deadline, Plain};

const PARTS: Fault = Fault::Corrupt("the parts of a record");

struct Pop<'a> {
    into: &'a mut Vec<u8>,
}

enum Popped {
    Out(Out),
    /// The first record has so many bytes: nothing was changed, make room for it first.
    NeedsRoom(usize),
    Closed,
}

/// A record that is out, as it lay in its segment.
struct Out {
    number: u64,
    in_parts: bool,
    lent: Lent,
    /// Memory of segments, or of blocks, should go back.
    surplus: bool,
    idle: bool,
}

/// The blocks that became ours with a record.
#[derive(Clone, Copy, Default)]
struct Lent {
    granules: usize,
    largest: usize,
    /// So much is on loan that no more should be for long.
    too_much: bool,
}

impl Pop<'_> {
    /// Before the commit: the blocks of the first record, which lies at the state's head, become ours.
    fn lend(
        &self,
        ring: &Ring,
        held: &Guard<'_>,
        segment: usize,
        state: &State,
        len: usize,
    ) -> Result<Lent, Fault> {
        let (store, arena) = (&ring.store, ring.store.arena());
        let mut lent = Lent::default();
        for (granule, len) in record::blocks(store, segment, state.head + 8, len).ok_or(PARTS)? {
            if !arena.is_of(state.popped, granule, len) {
                return Err(Fault::Corrupt("a block of a record"));
            }
            arena.lend(held, granule, store.slot(held)?, state.popped);
            lent.granules += granules(len);
            lent.largest = lent.largest.max(granules(len));
        }
        let too_much = || lent.granules > 0 && arena.on_loan() > arena.capacity() / 2;
        if too_much() {
            arena.collect(held);
        }
        lent.too_much = too_much();
        Ok(lent)
    }
}

impl Operation for Pop<'_> {
    type Done = Popped;
    const LINE: usize = NOT_EMPTY;

    #[inline]
    fn attempt(&mut self, ring: &Ring, held: &Guard<'_>, slept: bool) -> Result<Step<Popped>, Fault> {
        let state = ring.state()?;
        let header = ring.store.header();
        if state.is_empty() {
            return Ok(if state.closed { Step::Done(Popped::Closed) } else { Step::Wait });
        }
        let (first, end) = (state.chain.first(), state.end(header));
        let word = ring.store.word(first, state.head).load(std::sync::atomic::Ordering::Relaxed);
        let Word { len, in_parts } =
            Word::from_bits(word).ok_or(Fault::Corrupt("the word before a record"))?;
        let need = need(len);
        if need > end - state.head {
            return Err(Fault::Corrupt("the length of a record"));
        }
        if self.into.capacity() < len {
            if slept {
                header.lines[NOT_EMPTY].call(held, 1); // who was called for this record comes back without a call
            }
            return Ok(Step::Done(Popped::NeedsRoom(len)));
        }
        self.into.clear();
        ring.store.read(first, state.head + 8, len, self.into);

        let mut next = State { head: state.head + need, popped: state.popped + 1, ..state };
        let left = next.head == end;
        if left && next.chain.is_single() {
            next = next.restarted(ring.store.largest());
        } else if left {
            next = State { head: 0, chain: next.chain.without_first(), ..next };
        }
        if next.is_empty() != (next.popped == next.pushed) {
            return Err(Fault::Corrupt("the number of records"));
        }

        let lent = if in_parts { self.lend(ring, held, first, &state, len)? } else { Lent::default() };
        if ring.store.tracks() {
            // True from the commit on: see `hold`.
            ring.store.table().slot(ring.store.slot(held)?).take_in_hand(state.popped);
        }
        header.lines[NOT_FULL].call(held, 1);
        if slept && !next.is_empty() {
            header.lines[NOT_EMPTY].call(held, 1);
        }
        next.commit(header);
        ring.store.silence_bell(&next);
        let surplus = left && ring.has_surplus(&next);
        let idle = lent.granules > 0 && ring.has_idle_blocks(held, lent.largest);
        Ok(Step::Done(Popped::Out(Out { number: state.popped, in_parts, lent, surplus, idle })))
    }

    fn others_can(&self, ring: &Ring) -> Result<bool, Fault> {
        let state = ring.state()?;
        Ok(state.closed || !state.is_empty())
    }
}

impl Ring {
    /// Takes the first record out, waiting for one until `deadline`. It becomes what `into` holds; a buffer that is used
    /// again saves its allocation. Buffers that came with it follow its body. Says the record's number, which
    /// [`Ring::push`] has told too.
    ///
    /// # Errors
    /// [`PopError`]; `into` then holds anything.
    #[inline]
    pub fn pop<B: Block>(
        &self,
        into: &mut Vec<u8>,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<u64, PopError<B::Interrupt>> {
        let out = self.pop_record(into, block, deadline)?;
        if out.in_parts {
            self.join_parts(into, block, &out).map_err(PopError::Fault)?;
        }
        Ok(out.number)
    }

    /// As [`Ring::pop`], but `body` becomes the record's body alone, and `loans` the buffers that came with it.
    ///
    /// # Errors
    /// [`PopError`]; `body` and `loans` then hold anything.
    ///
    /// ```
    /// use ropewalk_os::{Deadline, Plain};
    /// use ropewalk_shm::ring::{Options, Ring};
    /// let ring = Ring::create(&Options::default())?;
    /// ring.push_parts(b"body", &[b"buffer"], &mut Plain, Deadline::NEVER).unwrap();
    /// ring.push(b"plain", &mut Plain, Deadline::NEVER).unwrap();
    /// let (mut body, mut loans) = (Vec::new(), Vec::new());
    /// ring.pop_parts(&mut body, &mut loans, &mut Plain, Deadline::NEVER).unwrap();
    /// assert_eq!((body.as_slice(), &*loans[0]), (b"body".as_slice(), b"buffer".as_slice()));
    /// ring.pop_parts(&mut body, &mut loans, &mut Plain, Deadline::NEVER).unwrap();
    /// assert_eq!((body.as_slice(), loans.len()), (b"plain".as_slice(), 0));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn pop_parts<B: Block>(
        &self,
        body: &mut Vec<u8>,
        loans: &mut Vec<Loan>,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<u64, PopError<B::Interrupt>> {
        loans.clear();
        let out = self.pop_record(body, block, deadline)?;
        if out.in_parts {
            self.take_apart(body, loans, block, &out).map_err(PopError::Fault)?;
        }
        Ok(out.number)
    }

    /// `bytes`, a record in parts as it lay in its segment, becomes its body; its buffers become `loans`.
    fn take_apart<B: Block>(
        &self,
        bytes: &mut Vec<u8>,
        loans: &mut Vec<Loan>,
        block: &mut B,
        out: &Out,
    ) -> Result<(), Fault> {
        let parts = record::cut_words(bytes).ok_or(PARTS)?;
        let mut at = 0;
        let mut body = None;
        for (number, &part) in parts.iter().enumerate() {
            match part {
                Part::Inline { len } if number == 0 => at = len,
                Part::Inline { len } => {
                    loans.push(Loan::owned(bytes[at..at + len].to_vec()));
                    at += len;
                }
                Part::Block { granule, len } if number == 0 => {
                    body = Some(Loan::block(&self.store, granule, len))
                }
                Part::Block { granule, len } => loans.push(Loan::block(&self.store, granule, len)),
            }
        }
        if let Some(Part::Inline { len }) = parts.first() {
            bytes.truncate(*len);
        }
        if body.is_some() || out.lent.too_much {
            block.detached(|| {
                if let Some(loan) = body {
                    bytes.clear();
                    bytes.extend_from_slice(&loan);
                }
                if out.lent.too_much {
                    loans.iter_mut().filter(|loan| loan.is_block()).for_each(|loan| {
                        *loan = Loan::owned(loan.to_vec());
                    });
                }
            });
        }
        Ok(())
    }

    /// `bytes`, as above, becomes its body and its buffers in one piece.
    fn join_parts<B: Block>(&self, bytes: &mut Vec<u8>, block: &mut B, out: &Out) -> Result<(), Fault> {
        let parts = record::cut_words(bytes).ok_or(PARTS)?;
        if out.lent.granules == 0 {
            return Ok(());
        }
        // What is lent is ours to give back, whatever comes between.
        let loans: Vec<Loan> = parts
            .iter()
            .filter_map(|&part| match part {
                Part::Inline { .. } => None,
                Part::Block { granule, len } => Some(Loan::block(&self.store, granule, len)),
            })
            .collect();
        block.detached(|| {
            let mut loans = loans.into_iter();
            // Its allocation stays where it can.
            let inline = if bytes.is_empty() { Vec::new() } else { std::mem::take(bytes) };
            let mut at = 0;
            for part in parts {
                match part {
                    Part::Inline { len } => {
                        bytes.extend_from_slice(&inline[at..at + len]);
                        at += len;
                    }
                    Part::Block { .. } => bytes.extend_from_slice(&loans.next().expect("one for each block")),
                }
            }
        });
        Ok(())
    }

    #[inline]
    fn pop_record<B: Block>(
        &self,
        into: &mut Vec<u8>,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<Out, PopError<B::Interrupt>> {
        loop {
            match self.run(&mut Pop { into }, block, deadline) {
                Ok(Popped::Out(out)) => {
                    // The record is out, whatever comes of this.
                    if out.surplus {
                        let _ = block.detached(|| self.give_back());
                    }
                    if out.idle {
                        let _ = block.detached(|| self.give_blocks_back(out.lent.largest));
                    }
                    return Ok(out);
                }
                Ok(Popped::NeedsRoom(len)) => {
                    into.clear();
                    into.reserve(len);
                }
                Ok(Popped::Closed) => return Err(PopError::ShutDown),
                Err(Stop::TimedOut) => return Err(PopError::Empty),
                Err(Stop::Interrupted(interrupt)) => return Err(PopError::Interrupted(interrupt)),
                Err(Stop::Fault(fault)) => return Err(PopError::Fault(fault)),
            }
        }
    }

    /// Takes the first record out if there is one now.
    ///
    /// # Errors
    /// [`PopError`].
    pub fn try_pop(&self, into: &mut Vec<u8>) -> Result<u64, PopError> {
        self.pop(into, &mut Plain, Deadline::NOW)
    }
}
