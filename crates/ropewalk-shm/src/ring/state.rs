//! What is true of a ring: eight words, of which there are two copies.
//!
//! Who changes the ring writes the copy that is not true and then adds one to `active`, whose lowest bit says which
//! is. That store is the commit (law 1): a process killed before it has changed nothing, one killed after it has
//! changed everything.

use super::Counts;
use super::chain::Chain;
use super::layout::{Header, size};
use std::sync::atomic::{AtomicU64, Ordering};

/// What a state was found to be instead of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Untrue(pub &'static str);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Position of the first record in the first segment of the chain.
    pub head: u64,
    /// Position behind the last record in the last segment.
    pub tail: u64,
    pub chain: Chain,
    /// Records put in and taken out, ever.
    pub pushed: u64,
    pub popped: u64,
    /// Records put in and not yet reported as dealt with.
    pub unfinished: u64,
    /// Nothing more may be put in.
    pub closed: bool,
    /// Segments whose memory somebody is giving back: not to be used.
    pub cold: u32,
}

const CLOSED: u64 = 1 << 8;
/// No ring gets here in a lifetime; positions below it are added to without care.
const LAST_POSITION: u64 = 1 << 62;
const SALT: u64 = 0x9e37_79b9_7f4a_7c15;

impl State {
    pub const EMPTY: State = State {
        head: 0,
        tail: 0,
        chain: Chain::only(0),
        pushed: 0,
        popped: 0,
        unfinished: 0,
        closed: false,
        cold: 0,
    };

    /// The true copy. Called under the lock.
    #[inline]
    pub fn load(header: &Header, largest: usize) -> Result<State, Untrue> {
        let active = header.active.0.load(Ordering::Relaxed);
        State::read(&header.states[active as usize & 1].0, header, largest)
    }

    /// Writes the copy that is not true, and makes it true. Called under the lock.
    #[inline]
    pub fn commit(&self, header: &Header) {
        let next = header.active.0.load(Ordering::Relaxed).wrapping_add(1);
        self.write(&header.states[next as usize & 1].0);
        header.active.0.store(next, Ordering::Release); // with the Acquire of `counts`
    }

    /// The counts, without the lock; `None` while they change.
    #[inline]
    pub fn counts(header: &Header) -> Option<Counts> {
        let active = header.active.0.load(Ordering::Acquire);
        let words = &header.states[active as usize & 1].0;
        let [pushed, popped, unfinished] = [3, 4, 5].map(|place| words[place].load(Ordering::Relaxed));
        // A copy is written again only after the next commit: if there was none, what was read is whole.
        std::sync::atomic::fence(Ordering::Acquire);
        let whole = header.active.0.load(Ordering::Relaxed) == active;
        whole.then_some(Counts { pushed, popped, unfinished })
    }

    pub fn write(&self, words: &[AtomicU64; 8]) {
        let (order, len) = self.chain.words();
        let flags = u64::from(len) | if self.closed { CLOSED } else { 0 } | u64::from(self.cold) << 32;
        let values = [self.head, self.tail, order, self.pushed, self.popped, self.unfinished, flags];
        for (word, value) in words.iter().zip(values) {
            word.store(value, Ordering::Relaxed);
        }
        words[7].store(sum(&values), Ordering::Relaxed);
    }

    #[inline]
    fn read(words: &[AtomicU64; 8], header: &Header, largest: usize) -> Result<State, Untrue> {
        let values: [u64; 7] = std::array::from_fn(|place| words[place].load(Ordering::Relaxed));
        if sum(&values) != words[7].load(Ordering::Relaxed) {
            return Err(Untrue("the state's sum"));
        }
        let [head, tail, order, pushed, popped, unfinished, flags] = values;
        let chain = Chain::from_words(order, flags as u8, largest).ok_or(Untrue("the chain of segments"))?;
        let closed = flags & CLOSED != 0;
        let state =
            State { head, tail, chain, pushed, popped, unfinished, closed, cold: (flags >> 32) as u32 };
        state.check(header)?;
        Ok(state)
    }

    /// Positions that agree with each other: whatever follows may trust them.
    #[inline]
    fn check(&self, header: &Header) -> Result<(), Untrue> {
        let first = self.chain.first();
        let end = self.end(header);
        if (self.head | self.tail | end) & 7 != 0
            || end.checked_sub(self.head).is_none_or(|len| len > size(first))
        {
            return Err(Untrue("the position of the first record"));
        }
        if end > LAST_POSITION {
            return Err(Untrue("a position"));
        }
        if !self.chain.is_single() && (self.tail > size(self.chain.last()) || self.head == end) {
            return Err(Untrue("the position behind the last record"));
        }
        if self.popped > self.pushed || (self.popped == self.pushed) != self.is_empty() {
            return Err(Untrue("the number of records"));
        }
        Ok(())
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.chain.is_single() && self.head == self.tail
    }

    #[inline]
    pub fn len(&self) -> u64 {
        self.pushed - self.popped
    }

    /// Where the records of the first segment end.
    #[inline]
    pub fn end(&self, header: &Header) -> u64 {
        if self.chain.is_single() {
            self.tail
        } else {
            header.ends[self.chain.first()].load(Ordering::Relaxed)
        }
    }

    /// Bytes of the last segment that hold records.
    #[inline]
    pub fn filled(&self) -> u64 {
        if self.chain.is_single() { self.tail - self.head } else { self.tail }
    }
}

/// Not against malice: against a state that was written half, or by something that is not the ring.
#[inline]
fn sum(values: &[u64; 7]) -> u64 {
    values.iter().fold(SALT, |sum, value| (sum ^ value).wrapping_mul(SALT).rotate_left(29))
}

#[cfg(test)]
mod tests {
    use super::super::layout::{Options, Store};
    use super::*;

    fn store() -> Store {
        Store::create(&Options::default()).expect("memfd")
    }

    #[test]
    fn nothing_is_changed_before_the_commit_and_everything_after_it() {
        let store = store();
        let header = store.header();
        let next = State { tail: 64, pushed: 1, unfinished: 1, cold: 1 << 14, closed: true, ..State::EMPTY };
        next.write(&header.states[1].0);
        assert_eq!(State::load(header, 13), Ok(State::EMPTY));
        next.commit(header);
        assert_eq!(State::load(header, 13), Ok(next));
        assert_eq!(State::counts(header), Some(Counts { pushed: 1, popped: 0, unfinished: 1 }));
    }

    #[test]
    fn a_state_that_contradicts_itself_is_untrue() {
        let store = store();
        let header = store.header();
        header.ends[0].store(64, Ordering::Relaxed);
        let chained = Chain::only(0).then(1);
        for state in [
            State { head: 8, ..State::EMPTY },
            State { tail: 8, ..State::EMPTY },
            State { tail: 4, pushed: 1, ..State::EMPTY },
            State { tail: 1 << 20, pushed: 1, ..State::EMPTY },
            State { popped: 1, ..State::EMPTY },
            State { pushed: 1, ..State::EMPTY },
            State { chain: Chain::only(14), ..State::EMPTY },
            State { head: 72, tail: 8, chain: chained, pushed: 1, ..State::EMPTY },
            State { head: 64, tail: 8, chain: chained, pushed: 1, ..State::EMPTY },
            State { tail: 1 << 30, chain: chained, pushed: 1, ..State::EMPTY },
        ] {
            state.commit(header);
            assert!(State::load(header, 13).is_err(), "{state:?}");
        }
    }

    #[test]
    fn one_changed_bit_is_found() {
        let store = store();
        let header = store.header();
        State { tail: 64, pushed: 1, ..State::EMPTY }.commit(header);
        for bit in 0..512 {
            let word = &header.states[1].0[bit / 64];
            word.fetch_xor(1 << (bit % 64), Ordering::Relaxed);
            assert!(State::load(header, 13).is_err(), "bit {bit}");
            word.fetch_xor(1 << (bit % 64), Ordering::Relaxed);
        }
        assert!(State::load(header, 13).is_ok());
    }
}
