//! Where the next record goes, and which memory goes back to the system.
//!
//! The whole cost of a long queue is the first touch of each page. So a ring goes on in memory that is warm as long as
//! it can:
//!
//! 1. An empty ring begins again at the start of a small segment.
//! 2. What would touch fresh memory of more than [`SMALL`] goes into an emptied segment of those already touched, if
//!    there is one, even if the present one is not full.
//! 3. If there is none, the producer gives the consumers a moment ([`NAP`], at most [`NAPS`] times as long as they get
//!    on), and touches fresh memory only when that did not help. Then it does not ask again for a while, which
//!    doubles each time in vain.
//! 4. Fresh memory of large segments is asked for in pieces of [`PIECE`], not page by page.
//! 5. Above [`KEEP`] in all, emptied large segments go back, after the commit that left them.

use super::Ring;
use super::error::Fault;
use super::layout::{FIRST, SEGMENTS, Store, size};
use super::state::State;
use crate::ring::chain::Chain;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Number of the largest segment that is small: 1 MiB.
pub const SMALL: usize = 4;
/// Number of the first segment that is not.
pub const FIRST_LARGE: usize = SMALL + 1;
/// How long a producer that has filled all warm memory waits for the consumers.
const NAP: Duration = Duration::from_micros(100);
/// How often in a row.
const NAPS: u32 = 3;
/// Pieces of fresh memory taken at most before consumers are given a moment again.
const MOST_HASTE: u32 = 1 << 12;
/// How much fresh memory is asked for at once.
const PIECE: u64 = 256 << 10;
/// Touched memory that an emptied ring keeps.
const KEEP: u64 = 4 << 20;
const PAGE: u64 = 4096;

/// Where a record can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Behind the last one.
    Here,
    /// Behind the last one, in memory that was never touched.
    FreshHere,
    /// Into this segment, which has been touched before.
    Warm(usize),
    /// Into this segment, which has not.
    Fresh(usize),
    /// Nowhere now.
    Full,
}

/// What producers of one handle have learned about giving consumers a moment.
#[derive(Debug, Default)]
pub struct Haste {
    /// Pieces still to be taken without asking.
    pieces: AtomicU32,
    /// Pieces to be taken after the next moment in vain.
    after: AtomicU32,
}

/// The moments that one push has given.
#[derive(Debug, Default)]
pub struct Patience {
    given: u32,
    popped: u64,
}

impl Patience {
    /// Whether to give the consumers a moment, now that only fresh memory is left.
    pub fn nap(&mut self, state: &State, haste: &Haste) -> Option<Duration> {
        let asked_before = self.given > 0;
        let pieces = haste.pieces.load(Relaxed);
        if state.is_empty() || (!asked_before && pieces > 0) {
            haste.pieces.store(pieces.saturating_sub(1), Relaxed);
            return None;
        }
        if self.given == NAPS || (asked_before && state.popped == self.popped) {
            let after = haste.after.load(Relaxed).max(1);
            haste.pieces.store(after, Relaxed);
            haste.after.store((after * 2).min(MOST_HASTE), Relaxed);
            return None;
        }
        self.given += 1;
        self.popped = state.popped;
        Some(NAP)
    }

    /// The record found warm memory.
    #[inline]
    pub fn paid_off(&self, haste: &Haste) {
        if self.given > 0 {
            haste.after.store(0, Relaxed);
        }
    }
}

type Touched = [AtomicU64; SEGMENTS];

impl State {
    /// Where a record that needs so many bytes goes; `need` fits into the largest segment.
    #[inline]
    pub fn place(&self, need: u64, largest: usize, touched: &Touched) -> Place {
        let last = self.chain.last();
        let fits = self.filled() + need <= size(last);
        if fits && (last <= SMALL || end_of(last, self.tail, need) <= touched[last].load(Relaxed)) {
            return Place::Here;
        }
        self.elsewhere(need, largest, touched, fits)
    }

    #[cold]
    fn elsewhere(&self, need: u64, largest: usize, touched: &Touched, fits: bool) -> Place {
        let mask = self.chain.mask() | self.cold;
        let free = |&number: &usize| mask & 1 << number == 0 && size(number) >= need;
        let warm = |&number: &usize| touched[number].load(Relaxed) >= need.max(size(number) / 4);
        if let Some(number) = (0..=largest).rev().filter(free).find(warm) {
            return Place::Warm(number);
        }
        if fits {
            return Place::FreshHere;
        }
        let longest = self.chain.numbers().max().unwrap_or(0);
        match (longest + 1..=largest).find(free).or_else(|| (0..=largest).rev().find(free)) {
            Some(number) => Place::Fresh(number),
            None => Place::Full,
        }
    }

    /// This state with a new last segment.
    pub fn grown(self, number: usize) -> State {
        if self.is_empty() {
            return State { head: 0, tail: 0, chain: Chain::only(number), ..self };
        }
        State { tail: 0, chain: self.chain.then(number), ..self }
    }

    /// This state, whose last record was taken out, at the start of a small segment.
    pub fn restarted(self, largest: usize) -> State {
        let number = self.chain.first().min(SMALL).min(largest);
        State { head: 0, tail: 0, chain: Chain::only(number), ..self }
    }

    /// A segment whose memory should go back.
    fn surplus(&self, largest: usize, touched: &Touched) -> Option<usize> {
        let touched = |number: usize| touched[number].load(Relaxed);
        if (0..=largest).map(touched).fold(0, u64::saturating_add) <= KEEP {
            return None;
        }
        (SMALL + 1..=largest).rev().find(|&number| !self.chain.contains(number) && touched(number) > 0)
    }
}

/// Up to where a segment is written by a record at `at`: to its end if the record goes around it.
#[inline]
fn end_of(number: usize, at: u64, need: u64) -> u64 {
    ((at & (size(number) - 1)) + need).min(size(number))
}

impl Store {
    /// Notes, before it is done, that a segment is written from `at` on.
    #[inline]
    pub fn touch(&self, number: usize, at: u64, need: u64) {
        let end = end_of(number, at, need);
        let touched = &self.header().touched[number];
        if end > touched.load(Relaxed) {
            self.touch_fresh(number, end, touched);
        }
    }

    #[cold]
    fn touch_fresh(&self, number: usize, end: u64, touched: &AtomicU64) {
        let from = touched.load(Relaxed).min(size(number)) / PAGE * PAGE;
        let piece = if number > SMALL { PIECE } else { PAGE };
        let to = end.max(from + piece).next_multiple_of(PAGE).min(size(number));
        touched.store(to, Relaxed);
        if number > SMALL {
            self.segment.mapping().populate(size(number) as usize + from as usize, (to - from) as usize);
        }
    }
}

impl Ring {
    /// Whether memory should go back, and nobody who lives is at it.
    #[inline]
    pub(super) fn has_surplus(&self, state: &State) -> bool {
        state.surplus(self.store.largest(), &self.store.header().touched).is_some()
            && (state.cold == 0 || self.is_abandoned(state))
    }

    /// Whether somebody was killed giving memory back, so that it can not be used.
    pub(super) fn is_abandoned(&self, state: &State) -> bool {
        let puncher = self.store.header().puncher.load(Relaxed) as usize;
        state.cold != 0 && !puncher.checked_sub(1).is_some_and(|slot| self.store.table().is_alive(slot))
    }

    /// Gives the memory of emptied segments back, one after the other. The lock is not held while the system
    /// works: the state says which segment is not to be used, and the slot of whom.
    pub(super) fn give_back(&self) -> Result<(), Fault> {
        let header = self.store.header();
        loop {
            let Some(held) = self.store.lock_patiently()? else { return Ok(()) };
            let mut state = self.state()?;
            let number = if state.cold == 0 {
                let Some(number) = state.surplus(self.store.largest(), &header.touched) else {
                    return Ok(());
                };
                number
            } else if self.is_abandoned(&state) {
                state.cold.trailing_zeros() as usize % (self.store.largest() + 1)
            } else {
                return Ok(());
            };
            header.puncher.store(self.store.slot(&held)? as u32 + 1, Relaxed);
            state.cold = 1 << number;
            state.commit(header);
            drop(held);

            let punched = self.store.segment.mapping().punch(FIRST << number, FIRST << number);

            let held = loop {
                if let Some(held) = self.store.lock_patiently()? {
                    break held;
                }
            };
            let mut state = self.state()?;
            if punched.is_ok() {
                header.touched[number].store(0, Relaxed);
            }
            state.cold &= !(1 << number);
            header.lines[super::NOT_FULL].call(&held, u32::MAX);
            state.commit(header);
            if punched.is_err() {
                return Ok(()); // it stays as it is: memory, but no fault
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGEST: usize = 13;

    fn touched(list: &[usize]) -> Touched {
        std::array::from_fn(|number| AtomicU64::new(if list.contains(&number) { size(number) } else { 0 }))
    }

    fn full(numbers: &[usize]) -> State {
        let chain = numbers[1..].iter().fold(Chain::only(numbers[0]), |chain, &number| chain.then(number));
        let tail = size(chain.last());
        State { tail, chain, pushed: 1, ..State::EMPTY }
    }

    #[test]
    fn a_full_segment_is_followed_by_one_of_twice_its_size() {
        assert_eq!(full(&[4]).place(8, LARGEST, &touched(&[4])), Place::Fresh(5));
        assert_eq!(full(&[4, 5]).place(8, LARGEST, &touched(&[4, 5])), Place::Fresh(6));
    }

    #[test]
    fn emptied_memory_is_used_again_before_fresh() {
        assert_eq!(full(&[5]).place(8, LARGEST, &touched(&[3, 4, 5])), Place::Warm(4));
        assert_eq!(full(&[5, 4]).place(8, LARGEST, &touched(&[3, 4, 5])), Place::Warm(3));
    }

    #[test]
    fn warm_memory_elsewhere_is_used_before_fresh_memory_here() {
        let half = State { tail: size(6) / 2, ..full(&[6]) };
        let touched_half = touched(&[3, 4, 5]);
        touched_half[6].store(size(6) / 2, Relaxed);
        assert_eq!(half.place(8, LARGEST, &touched_half), Place::Warm(5));
        let chained = State { chain: Chain::only(3).then(4).then(5).then(6), ..half };
        assert_eq!(chained.place(8, LARGEST, &touched_half), Place::FreshHere);
        let quarter = State { tail: size(6) / 4, ..chained };
        assert_eq!(quarter.place(8, LARGEST, &touched_half), Place::Here);
    }

    #[test]
    fn moments_in_vain_are_given_less_and_less_often() {
        let (state, haste) = (full(&[6]), Haste::default());
        let moments = || {
            let mut patience = Patience::default();
            let mut moments = 0;
            while patience.nap(&state, &haste).is_some() {
                moments += 1; // nobody pops meanwhile
            }
            moments
        };
        let asked: Vec<u32> = (0..11).map(|_| moments()).collect();
        assert_eq!(asked, [1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1]);
        let mut patience = Patience::default();
        haste.pieces.store(0, Relaxed);
        assert_eq!(patience.nap(&state, &haste), Some(NAP));
        patience.paid_off(&haste);
        assert_eq!(haste.after.load(Relaxed), 0);
    }

    #[test]
    fn consumers_that_get_on_are_given_some_moments_and_no_more() {
        let haste = Haste::default();
        let mut patience = Patience::default();
        let given = (0..10).take_while(|&popped| {
            patience.nap(&State { popped, pushed: 100, ..full(&[6]) }, &haste).is_some()
        });
        assert_eq!(given.count(), NAPS as usize);
    }

    #[test]
    fn a_long_record_goes_where_it_fits() {
        assert_eq!(full(&[5]).place(size(6) + 8, LARGEST, &touched(&[3, 4, 5])), Place::Fresh(7));
        assert_eq!(State::EMPTY.place(size(3), LARGEST, &touched(&[])), Place::Fresh(3));
    }

    #[test]
    fn a_ring_with_every_segment_in_use_or_cold_is_full() {
        let all: Vec<usize> = (0..=LARGEST).collect();
        assert_eq!(full(&all).place(8, LARGEST, &touched(&all)), Place::Full);
        let cold = State { cold: 1 << 13, ..full(&all[..13]) };
        assert_eq!(cold.place(8, LARGEST, &touched(&all)), Place::Full);
    }

    #[test]
    fn an_emptied_ring_begins_again_in_little_memory() {
        let restarted = full(&[9]).restarted(LARGEST);
        assert_eq!((restarted.chain, restarted.head, restarted.tail), (Chain::only(SMALL), 0, 0));
        assert_eq!(full(&[2]).restarted(LARGEST).chain, Chain::only(2));
    }

    #[test]
    fn small_memory_is_kept_and_large_goes_back() {
        assert_eq!(full(&[4]).surplus(LARGEST, &touched(&[0, 1, 2, 3, 4, 5])), None);
        assert_eq!(full(&[4]).surplus(LARGEST, &touched(&[4, 5, 6])), Some(6));
        assert_eq!(full(&[6]).surplus(LARGEST, &touched(&[4, 5, 6])), Some(5));
        assert_eq!(full(&[4]).surplus(LARGEST, &touched(&[5])), None);
    }
}
