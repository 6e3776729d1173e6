//! Waiting until all are there.
//!
//! | word | means |
//! |---|---|
//! | 0, 1, 6 | the lock under which it is changed: see `lock` |
//! | 2, lower half | bit 0: the last one does something before all go on; bit 1: broken; the rest: which round it is |
//! | 2, upper half | of the last 32 rounds, whether they were passed |
//! | 3 | how many must come |
//! | 4 | what waits have learned: see `spin` |
//!
//! Each who is there has an entry (`waiters`) with the number of the round, and sleeps on word 2. A round ends with one
//! addition to it, in the call that wakes all. Who it ended well for is written before, where nobody looks yet.
//!
//! A process that ends while it is there breaks the barrier: whoever comes last, or looks when its slice ends, finds its
//! entry.

use super::lock;
use super::wait::{Past, SLICE, Slice, Step, until_done};
use super::waiters::Entry;
use crate::slab::Place;
use crate::spin;
use ropewalk_os::shared_futex::{Change, change_and_wake};
use ropewalk_os::{Block, Deadline, Plain};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

const BUSY: u32 = 1;
const BROKEN: u32 = 2;
const ROUND: u32 = 8;

/// Who came less than this ago is not asked whether it lives: it may as well end just after.
const FRESH: u64 = 10_000_000;

/// Why one did not get through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotPassed<I> {
    /// The barrier is broken: somebody gave up, or has ended.
    Broken,
    /// More threads wait for objects of this slab than it has entries for.
    Crowded,
    /// A signal ended the wait.
    Interrupted(I),
}

/// A place among those who are there.
#[derive(Debug)]
#[must_use = "it is waited for"]
pub struct Arrival {
    entry: usize,
    round: u32,
    /// How many were there before.
    pub index: u32,
    /// Whether all are there now.
    pub is_last: bool,
}

/// Makes a fresh slot a barrier for so many.
pub fn begin(place: &Place, parties: u32) {
    place.low(3).store(parties, Release);
}

/// How many must come.
pub fn parties(place: &Place) -> u32 {
    place.low(3).load(Relaxed)
}

/// Holds the barrier's own lock for a few instructions; a holder that ended leaves nothing half-done.
fn locked<T>(place: &Place, change: impl FnOnce() -> T) -> T {
    let Ok(taken) = lock::take(place, &mut Plain, Deadline::NEVER);
    debug_assert!(taken.is_some());
    let changed = change();
    lock::free(place);
    changed
}

fn there(place: &Place, round: u32) -> impl Iterator<Item = &Entry> {
    let all = place.slab().waiters().of(place.number());
    all.map(|(_, entry)| entry).filter(move |entry| entry.ticket() == round)
}

enum Came {
    There(Arrival),
    Broken,
    Crowded,
    /// The last round is not over.
    Later(u32),
}

fn come(place: &Place) -> Came {
    let seen = place.low(2).load(Acquire);
    if seen & BROKEN != 0 {
        return Came::Broken;
    }
    if seen & BUSY != 0 {
        return Came::Later(seen);
    }
    let round = seen / ROUND;
    let index = there(place, round).count() as u32;
    let Some(entry) = place.slab().waiters().enter(place.number(), round) else { return Came::Crowded };
    let is_last = index + 1 >= parties(place);
    if is_last {
        let mine = place.slab().waiters().entry(entry);
        let is_gone = |entry: &Entry| entry.is_older_than(FRESH) && entry.is_dead();
        if there(place, round).any(|entry| !std::ptr::eq(entry, mine) && is_gone(entry)) {
            break_it(place);
            mine.leave();
            return Came::Broken;
        }
        place.low(2).store(seen | BUSY, Release);
    }
    Came::There(Arrival { entry, round, index, is_last })
}

/// Comes to the barrier. The last one must [`pass`] it, or [`fail`]; the others [`wait`].
///
/// # Errors
/// [`NotPassed`].
pub fn arrive<B: Block>(
    place: &Place,
    block: &mut B,
    deadline: Deadline,
) -> Result<Arrival, NotPassed<B::Interrupt>> {
    let came = until_done(block, deadline, |past| {
        if past == Past::Uncalled {
            break_if_dead(place);
        }
        match locked(place, || come(place)) {
            Came::Later(seen) => Step::Sleep(place.low(2), seen, Slice(SLICE)),
            came => Step::Done(came),
        }
    });
    match came.map_err(NotPassed::Interrupted)? {
        Some(Came::There(arrival)) => Ok(arrival),
        Some(Came::Crowded) => Err(NotPassed::Crowded),
        Some(Came::Broken) => Err(NotPassed::Broken),
        Some(Came::Later(_)) | None => {
            fail(place);
            Err(NotPassed::Broken)
        }
    }
}

/// All are there: lets them go on, and leaves.
pub fn pass(place: &Place, arrival: Arrival) {
    locked(place, || {
        let seen = place.low(2).load(Acquire);
        if seen / ROUND == arrival.round && seen & BROKEN == 0 {
            end_round(place, seen, true);
        }
    });
    place.slab().waiters().entry(arrival.entry).leave();
}

/// Ends a round, under the lock: what became of it first, then one addition, in the call that wakes all.
fn end_round(place: &Place, seen: u32, passed: bool) {
    let bit = 1_u64 << (32 + seen / ROUND % 32);
    if passed {
        place.words[2].fetch_or(bit, AcqRel);
    } else {
        place.words[2].fetch_and(!bit, AcqRel);
    }
    let next = (seen / ROUND + 1).wrapping_mul(ROUND);
    change_and_wake(place.low(2), Change::Add(next.wrapping_sub(seen) as u8), u32::MAX);
}

/// Waits until all are there, and leaves.
///
/// # Errors
/// [`NotPassed`]; the deadline breaks the barrier.
pub fn wait<B: Block>(
    place: &Place,
    arrival: Arrival,
    block: &mut B,
    deadline: Deadline,
) -> Result<(), NotPassed<B::Interrupt>> {
    let ended = until_done(block, deadline, |past| {
        if past == Past::Uncalled {
            break_if_dead(place);
        }
        let word = &place.words[2];
        // One look for both: the round must not end between the question and what is slept on.
        let seen = word.load(Acquire);
        match ended(seen, arrival.round) {
            Some(passed) => Step::Done(passed),
            None => {
                if past == Past::None {
                    spin::until(&place.words[4], || word.load(Relaxed) != seen);
                }
                Step::Sleep(place.low(2), seen as u32, Slice(SLICE))
            }
        }
    });
    let passed = match ended {
        Ok(Some(passed)) => Ok(passed),
        Ok(None) => Ok(locked(place, || ended_or_broken(place, arrival.round))),
        Err(interrupt) => Err(NotPassed::Interrupted(interrupt)),
    };
    place.slab().waiters().entry(arrival.entry).leave();
    if passed? { Ok(()) } else { Err(NotPassed::Broken) }
}

/// What became of a round, at the deadline of one who is there: broken, if it is not over.
fn ended_or_broken(place: &Place, round: u32) -> bool {
    ended(place.words[2].load(Acquire), round).unwrap_or_else(|| {
        break_it(place);
        false
    })
}

/// Whether a round was passed, by what word 2 says; `None` if it is not over.
fn ended(word: u64, round: u32) -> Option<bool> {
    let seen = word as u32;
    if seen / ROUND == round {
        return (seen & BROKEN != 0).then_some(false);
    }
    Some(word >> (32 + round % 32) & 1 != 0)
}

/// Breaks the barrier if somebody has ended who is there.
fn break_if_dead(place: &Place) {
    let round = place.low(2).load(Acquire) / ROUND;
    if there(place, round).any(Entry::is_dead) {
        locked(place, || {
            if place.low(2).load(Acquire) / ROUND == round {
                break_it(place);
            }
        });
    }
}

/// Under the lock.
fn break_it(place: &Place) {
    change_and_wake(place.low(2), Change::Or(BROKEN as u8), u32::MAX);
}

/// Breaks the barrier: whoever is there and whoever comes is told.
pub fn fail(place: &Place) {
    locked(place, || break_it(place));
}

/// The last one has failed in what it had to do: breaks the barrier, and leaves.
pub fn fail_last(place: &Place, arrival: Arrival) {
    fail(place);
    place.slab().waiters().entry(arrival.entry).leave();
}

/// Begins anew: whoever is there is told that the barrier broke.
pub fn reset(place: &Place) {
    locked(place, || {
        let seen = place.low(2).load(Acquire);
        if seen & (BUSY | BROKEN) != 0 || there(place, seen / ROUND).next().is_some() {
            end_round(place, seen, false);
        }
        for (_, entry) in place.slab().waiters().of(place.number()) {
            if entry.owner().is_some_and(|owner| owner.is_dead() && entry.take_over(owner)) {
                entry.leave();
            }
        }
    });
}

/// How many are there.
pub fn waiting(place: &Place) -> u32 {
    let seen = place.low(2).load(Acquire);
    if seen & (BUSY | BROKEN) != 0 { 0 } else { there(place, seen / ROUND).count() as u32 }
}

/// Whether it is broken.
pub fn is_broken(place: &Place) -> bool {
    place.low(2).load(Acquire) & BROKEN != 0
}
