//! A number of permits.
//!
//! | word | means |
//! |---|---|
//! | 0, bits 0..31 | permits that are free |
//! | 0, bit 31 | somebody may sleep: who gives one back wakes one |
//! | 1 | how many sleep; those killed in their sleep count for ever |
//! | 2 | what was learned of looking before sleeping |
//!
//! A permit of a process that was killed is not given back: permits are signals too, and nobody can tell which is which.

use super::wait::{LONE_SLICE, Past, SLICE, Slice, Step, until_done};
use crate::slab::Slot;
use crate::spin;
use ropewalk_os::shared_futex::{Change, change_and_wake};
use ropewalk_os::{Block, Deadline};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Most permits that can be counted.
pub const MOST: u32 = (1 << 31) - 1;

const WAITERS: u32 = 1 << 31;

/// Makes a fresh slot a semaphore of so many permits, at most [`MOST`].
pub fn begin(slot: &Slot, permits: u32) {
    slot.low(0).store(permits & MOST, Release);
}

/// Takes a permit if there is one.
#[inline]
pub fn try_take(slot: &Slot) -> bool {
    let word = slot.low(0);
    let mut seen = word.load(Relaxed);
    while seen & MOST != 0 {
        match word.compare_exchange_weak(seen, seen - 1, Acquire, Relaxed) {
            Ok(_) => return true,
            Err(now) => seen = now,
        }
    }
    false
}

/// Takes a permit, waiting for one until the deadline; says whether it has one.
///
/// # Errors
/// The interrupt with which a signal ended the wait.
pub fn take<B: Block>(slot: &Slot, block: &mut B, deadline: Deadline) -> Result<bool, B::Interrupt> {
    let taken = try_take(slot);
    if taken || deadline.is_now() {
        return Ok(taken);
    }
    let asleep = slot.low(1);
    let mut counted = false;
    let taken = until_done(block, deadline, |past| {
        if past == Past::None {
            // Two who hand permits to and fro are sooner there than a wake is.
            spin::until(&slot.words[2], || permits(slot) > 0);
        }
        let step = attempt(slot, past);
        match step {
            // In the order of their sleep the lone one is first: it goes to the end of the line when it has been awake.
            Step::Sleep(word, expected, _) => {
                let all =
                    if counted { asleep.load(Relaxed) } else { asleep.fetch_add(1, Relaxed).wrapping_add(1) };
                counted = true;
                let slice = if all <= 1 { LONE_SLICE } else { SLICE };
                Step::Sleep(word, expected, Slice(slice))
            }
            done => done,
        }
    });
    if counted {
        asleep.fetch_sub(1, Relaxed);
    }
    Ok(taken?.is_some())
}

fn attempt(slot: &Slot, past: Past) -> Step<'_, ()> {
    let word = slot.low(0);
    // Who has slept does not know who else does.
    let mark = if past == Past::None { 0 } else { WAITERS };
    loop {
        let seen = word.load(Relaxed);
        if seen & MOST != 0 {
            if word.compare_exchange(seen, (seen - 1) | mark, Acquire, Relaxed).is_ok() {
                return Step::Done(());
            }
        } else if seen == WAITERS || word.compare_exchange(seen, WAITERS, Relaxed, Relaxed).is_ok() {
            return Step::Sleep(word, WAITERS, Slice(SLICE));
        }
    }
}

/// Gives a permit; `false` if there are `most` already.
#[inline]
pub fn give(slot: &Slot, most: u32) -> bool {
    let word = slot.low(0);
    let mut seen = word.load(Relaxed);
    while seen & WAITERS == 0 {
        if seen >= most {
            return false;
        }
        match word.compare_exchange_weak(seen, seen + 1, Release, Relaxed) {
            Ok(_) => return true,
            Err(now) => seen = now,
        }
    }
    give_to_sleepers(slot, most)
}

#[cold]
fn give_to_sleepers(slot: &Slot, most: u32) -> bool {
    let word = slot.low(0);
    if word.load(Relaxed) & MOST >= most {
        return false;
    }
    if change_and_wake(word, Change::Add(1), 1) == 0 {
        // Nobody slept. Who falls asleep from now on finds no permit first, and says so again.
        let seen = word.load(Relaxed);
        if seen & MOST != 0 {
            let _ = word.compare_exchange(seen, seen & MOST, Relaxed, Relaxed);
        }
    }
    true
}

/// Free permits now.
#[inline]
pub fn permits(slot: &Slot) -> u32 {
    slot.low(0).load(Relaxed) & MOST
}
