//! One holder at a time, named in the lock; whoever waits for a dead one takes its place.
//!
//! | lower half of word 0 | means |
//! |---|---|
//! | 0 | free; the upper half is of some earlier holder |
//! | an [`Owner`] | held by that process |
//! | an [`Owner`] and [`WAITERS`] | held, and somebody may sleep: who frees it wakes one |
//!
//! Word 1 is when somebody who did not sleep last looked at the holder, in nanoseconds.
//!
//! Any process may free it, as a semaphore of one permit. It is not on the kernel's robust list, which belongs to
//! the thread that takes: so whoever waits looks for itself whether the holder still lives, first after
//! [`FIRST_LOOK`], then at longer intervals of at most [`LAST_LOOK`].

use super::owner::{Owner, WAITERS};
use super::wait::{Past, Slice, Step, until_done};
use crate::slab::Slot;
use ropewalk_os::shared_futex::{Change, change_and_wake};
use ropewalk_os::{Block, Deadline, clock};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

/// How long a sleeper waits before it looks whether the holder lives.
pub const FIRST_LOOK: Duration = Duration::from_millis(10);
/// How long at most between two such looks.
pub const LAST_LOOK: Duration = Duration::from_millis(100);

/// Looks at a lock that is held before a thread sleeps for it.
const SPINS: u32 = 100;

/// The lock is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Taken {
    /// It was free.
    Free,
    /// Its holder, of this process number, had ended with it: what it protects may be half-done.
    FromTheDead(u32),
}

/// Takes the lock if it is free.
#[inline]
pub fn try_take(slot: &Slot) -> bool {
    let word = &slot.words[0];
    let seen = word.load(Relaxed);
    seen as u32 == 0 && word.compare_exchange(seen, Owner::me().word(false), Acquire, Relaxed).is_ok()
}

/// Takes the lock, waiting for it until the deadline: then `None`.
///
/// # Errors
/// The interrupt with which a signal ended the wait.
pub fn take<B: Block>(slot: &Slot, block: &mut B, deadline: Deadline) -> Result<Option<Taken>, B::Interrupt> {
    if try_take(slot) {
        return Ok(Some(Taken::Free));
    }
    if deadline.is_now() {
        return Ok(take_from_the_dead(slot));
    }
    let mut spins = if crate::lock::several_processors() { SPINS } else { 0 };
    let mut look = FIRST_LOOK;
    let taken = until_done(block, deadline, |past| {
        if past == Past::None {
            while spins > 0 {
                if try_take(slot) {
                    return Step::Done(Taken::Free);
                }
                std::hint::spin_loop();
                spins -= 1;
            }
        }
        let step = attempt(slot, past, Slice(look));
        if past == Past::Uncalled {
            look = (look * 2).min(LAST_LOOK);
        }
        step
    })?;
    Ok(taken.or_else(|| take_from_the_dead(slot)))
}

/// For who does not wait, or not for long: looks at the holder if nobody has for a while.
#[inline]
pub fn take_from_the_dead(slot: &Slot) -> Option<Taken> {
    let now = clock::coarse();
    let soon = now.wrapping_sub(slot.words[1].load(Relaxed)) < LAST_LOOK.as_nanos() as u64;
    if soon { None } else { look(slot, now) }
}

#[cold]
fn look(slot: &Slot, now: u64) -> Option<Taken> {
    slot.words[1].store(now, Relaxed);
    let seen = slot.words[0].load(Relaxed);
    let dead = Owner::in_word(seen).filter(|owner| owner.is_dead())?;
    let mine = Owner::me().word(seen as u32 & WAITERS != 0);
    let taken = slot.words[0].compare_exchange(seen, mine, Acquire, Relaxed);
    taken.is_ok().then_some(Taken::FromTheDead(dead.pid()))
}

fn attempt(slot: &Slot, past: Past, slice: Slice) -> Step<'_, Taken> {
    let word = &slot.words[0];
    // Who has slept does not know who else does.
    let mine = Owner::me().word(past != Past::None);
    let mut asked = None;
    loop {
        let seen = word.load(Relaxed);
        let taken = match Owner::in_word(seen) {
            None => Taken::Free,
            Some(owner) if past == Past::Uncalled && asked != Some(owner) => {
                if !owner.is_dead() {
                    asked = Some(owner);
                    continue;
                }
                Taken::FromTheDead(owner.pid())
            }
            Some(_) => {
                let marked = seen | u64::from(WAITERS);
                if seen != marked && word.compare_exchange(seen, marked, Relaxed, Relaxed).is_err() {
                    continue;
                }
                return Step::Sleep(slot.low(0), marked as u32, slice);
            }
        };
        if word.compare_exchange(seen, mine, Acquire, Relaxed).is_ok() {
            return Step::Done(taken);
        }
    }
}

/// Frees the lock, whoever holds it; `false` if nobody does.
#[inline]
pub fn free(slot: &Slot) -> bool {
    let word = &slot.words[0];
    let mut seen = word.load(Relaxed);
    while seen as u32 & WAITERS == 0 {
        if seen as u32 == 0 {
            return false;
        }
        match word.compare_exchange(seen, 0, Release, Relaxed) {
            Ok(_) => return true,
            Err(now) => seen = now,
        }
    }
    change_and_wake(slot.low(0), Change::Set(0), 1);
    true
}

/// The process that holds it.
pub fn owner(slot: &Slot) -> Option<Owner> {
    Owner::in_word(slot.words[0].load(Relaxed))
}
