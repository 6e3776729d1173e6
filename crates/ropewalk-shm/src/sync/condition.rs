//! Waiting until one is notified, over a lock of the program's.
//!
//! | word | means |
//! |---|---|
//! | 0 | the next ticket |
//! | 1 | how many wait; those killed in their sleep count until they are missed |
//!
//! Each who waits has an entry (`waiters`) and sleeps on its state. To notify is to call those with the lowest
//! tickets. All but the sleep is done under the program's lock, which alone keeps the tickets in order; what one who
//! died with that lock has left is whole after each store.
//!
//! What must stay true: who notifies never waits for who is notified, and a call to a process that has ended is made
//! to another. If it ended before the call, the notifier finds nobody asleep on the entry and looks; if after it,
//! another who waits finds the entry when its slice ends, and takes the call over.

use super::wait::{LONE_SLICE, Past, SLICE, Slice, Step, until_done};
use super::waiters::{CALLED, Entry, WAITING};
use crate::slab::Place;
use ropewalk_os::shared_futex::{Change, change_and_wake};
use ropewalk_os::{Block, Deadline};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

/// A wait that has begun.
#[derive(Debug)]
#[must_use = "it is waited for, and left"]
pub struct Ticket(usize);

/// Begins a wait, under the lock. `None` if too many threads wait for objects of this slab.
pub fn enter(place: &Place) -> Option<Ticket> {
    let tickets = place.low(0);
    let ticket = tickets.load(Relaxed);
    tickets.store(ticket.wrapping_add(1), Relaxed);
    // The count first: it may be too high, never too low.
    place.low(1).fetch_add(1, AcqRel);
    let number = place.slab().waiters().enter(place.number(), ticket);
    if number.is_none() {
        place.low(1).fetch_sub(1, AcqRel);
    }
    number.map(Ticket)
}

/// Sleeps until it is notified or the deadline comes, without the lock.
///
/// # Errors
/// The interrupt with which a signal ended the wait.
pub fn sleep<B: Block>(
    place: &Place,
    ticket: &Ticket,
    block: &mut B,
    deadline: Deadline,
) -> Result<(), B::Interrupt> {
    let entry = place.slab().waiters().entry(ticket.0);
    until_done(block, deadline, |past| {
        if past == Past::Uncalled {
            inherit(place, entry);
        }
        if entry.state.load(Acquire) != WAITING {
            return Step::Done(());
        }
        let slice = if place.low(1).load(Relaxed) <= 1 { LONE_SLICE } else { SLICE };
        Step::Sleep(&entry.state, WAITING, Slice(slice))
    })?;
    Ok(())
}

/// Takes over the call of one who ended before it left.
fn inherit(place: &Place, mine: &Entry) {
    for (_, entry) in place.slab().waiters().of(place.number()) {
        if entry.state.load(Acquire) != CALLED {
            continue;
        }
        let Some(dead) = entry.owner().filter(|owner| owner.is_dead()) else { continue };
        // From here on it is ours twice: if we end now, the next takes over two calls for one.
        if entry.take_over(dead) {
            let called = mine.state.compare_exchange(WAITING, CALLED, AcqRel, Relaxed).is_ok();
            if !called {
                notify(place, 1); // we were called meanwhile: it is for another
            }
            entry.leave(); // still counted: whoever notifies finds out
            return;
        }
    }
}

/// Ends a wait, under the lock again; says whether it was notified.
pub fn leave(place: &Place, ticket: Ticket) -> bool {
    let entry = place.slab().waiters().entry(ticket.0);
    let called = entry.state.load(Acquire) == CALLED;
    // The count first: who counts anew meanwhile, should the lock be lost, counts us.
    less(place, 1);
    entry.leave();
    called
}

fn less(place: &Place, count: u32) {
    let one_less = |waiting: u32| Some(waiting.saturating_sub(count));
    let _ = place.low(1).fetch_update(AcqRel, Relaxed, one_less);
}

/// Calls at most `count` of those who wait, the first first, under the lock; says how many.
#[inline]
pub fn notify(place: &Place, count: u32) -> u32 {
    if place.low(1).load(Acquire) == 0 { 0 } else { call(place, count) }
}

#[cold]
fn call(place: &Place, count: u32) -> u32 {
    let next = place.low(0).load(Relaxed);
    let mut called = 0;
    while called < count {
        let waiting = place.slab().waiters().of(place.number());
        let waiting = waiting.filter(|(_, entry)| entry.state.load(Relaxed) == WAITING);
        // The lowest ticket is the farthest behind the next one.
        let Some((_, first)) = waiting.max_by_key(|(_, entry)| next.wrapping_sub(entry.ticket())) else {
            // Who is not there any more is not counted any more.
            let there = place.slab().waiters().of(place.number()).count() as u32;
            place.low(1).store(there, Release);
            break;
        };
        let owner = first.owner();
        let asleep = change_and_wake(&first.state, Change::Set(CALLED as u8), 1) != 0;
        if asleep {
            called += 1;
            continue;
        }
        // It is on its way to sleep or just awake, or it has ended.
        match owner.filter(|owner| owner.is_dead()) {
            None => called += 1,
            Some(dead) => {
                if first.take_over(dead) {
                    less(place, 1);
                    first.leave();
                } else {
                    called += 1; // another who waits was quicker, and has the call
                }
            }
        }
    }
    called
}

/// How many wait and were not called.
pub fn waiting(place: &Place) -> u32 {
    in_state(place, WAITING)
}

/// How many were called and have not left.
pub fn called(place: &Place) -> u32 {
    in_state(place, CALLED)
}

fn in_state(place: &Place, state: u32) -> u32 {
    let all = place.slab().waiters().of(place.number());
    all.filter(|(_, entry)| entry.state.load(Relaxed) == state).count() as u32
}
