//! A record out.

use super::error::{Fault, PopError};
use super::push::{length, need};
use super::state::State;
use super::wait::{Operation, Step, Stop};
use super::{NOT_EMPTY, NOT_FULL, Ring};
use ropewalk_os::robust::Guard;
use ropewalk_os::{Block, Deadline, Plain};

struct Pop<'a> {
    into: &'a mut Vec<u8>,
}

enum Popped {
    /// The record is out; `surplus`: memory should go back.
    Out {
        surplus: bool,
    },
    /// The first record has so many bytes: nothing was changed, make room for it first.
    NeedsRoom(usize),
    Closed,
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
        let len = length(word).ok_or(Fault::Corrupt("the word before a record"))?;
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

        header.lines[NOT_FULL].call(held, 1);
        if slept && !next.is_empty() {
            header.lines[NOT_EMPTY].call(held, 1);
        }
        next.commit(header);
        Ok(Step::Done(Popped::Out { surplus: left && ring.has_surplus(&next) }))
    }

    fn others_can(&self, ring: &Ring) -> Result<bool, Fault> {
        let state = ring.state()?;
        Ok(state.closed || !state.is_empty())
    }
}

impl Ring {
    /// Takes the first record out, waiting for one until `deadline`. It becomes what `into` holds; a buffer that is used
    /// again saves its allocation.
    ///
    /// # Errors
    /// [`PopError`]; `into` then holds anything.
    pub fn pop<B: Block>(
        &self,
        into: &mut Vec<u8>,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<(), PopError<B::Interrupt>> {
        loop {
            match self.run(&mut Pop { into }, block, deadline) {
                Ok(Popped::Out { surplus: false }) => return Ok(()),
                Ok(Popped::Out { surplus: true }) => {
                    // The record is out, whatever comes of this.
                    let _ = block.detached(|| self.give_back());
                    return Ok(());
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
    pub fn try_pop(&self, into: &mut Vec<u8>) -> Result<(), PopError> {
        self.pop(into, &mut Plain, Deadline::NOW)
    }
}
