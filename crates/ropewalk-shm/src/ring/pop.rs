//! A record out.

use super::error::{Fault, PopError};
use super::loan::Loan;
use super::record::{self, Word, need};
use super::state::State;
use super::wait::{Operation, Step, Stop};
use super::{NOT_EMPTY, NOT_FULL, Ring};
use ropewalk_os::robust::Guard;
use ropewalk_os::{Block, Deadline, Plain};

const LENGTHS: Fault = Fault::Corrupt("the lengths of a record's parts");

struct Pop<'a> {
    into: &'a mut Vec<u8>,
}

enum Popped {
    /// The record is out. `surplus`: memory should go back.
    Out {
        number: u64,
        in_parts: bool,
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

        if ring.store.tracks() {
            // True from the commit on: see `hold`.
            ring.store.table().slot(ring.slot(held)?).take_in_hand(state.popped);
        }
        header.lines[NOT_FULL].call(held, 1);
        if slept && !next.is_empty() {
            header.lines[NOT_EMPTY].call(held, 1);
        }
        next.commit(header);
        let surplus = left && ring.has_surplus(&next);
        Ok(Step::Done(Popped::Out { number: state.popped, in_parts, surplus }))
    }

    fn others_can(&self, ring: &Ring) -> Result<bool, Fault> {
        let state = ring.state()?;
        Ok(state.closed || !state.is_empty())
    }
}

/// A record that is out, as it lay in its segment.
struct Out {
    number: u64,
    in_parts: bool,
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
            record::join(into).ok_or(PopError::Fault(LENGTHS))?;
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
            record::take_apart(body, loans).ok_or(PopError::Fault(LENGTHS))?;
        }
        Ok(out.number)
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
                Ok(Popped::Out { number, in_parts, surplus }) => {
                    if surplus {
                        // The record is out, whatever comes of this.
                        let _ = block.detached(|| self.give_back());
                    }
                    return Ok(Out { number, in_parts });
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
