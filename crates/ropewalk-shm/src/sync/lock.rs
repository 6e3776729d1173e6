//! One holder at a time, named in the lock; whoever waits for a dead one takes its place.
//!
//! | lower half of word 0 | means |
//! |---|---|
//! | 0 | free; the upper half is of some earlier holder |
//! | an [`Owner`] | held by that process |
//! | an [`Owner`] and [`WAITERS`] | held, and somebody may sleep: who frees it wakes one |
//!
//! Word 1 is when somebody who did not sleep last looked at the holder, in nanoseconds. Word 6 is which thread of it
//! holds the lock, for who looks for circles: written after the lock is taken and wiped before it is freed, and mixed
//! with the owner, so that what a dead holder left there names no thread of the next. It names the holder or nobody.
//!
//! Any process may free it, as a semaphore of one permit. It is not on the kernel's robust list, which belongs to
//! the thread that takes: so whoever waits looks for itself whether the holder still lives, first after
//! [`FIRST_LOOK`], then at longer intervals of at most [`LAST_LOOK`].

use super::owner::{Owner, WAITERS};
use super::wait::{Past, Slice, Step, until_done};
use crate::slab::Slot;
use ropewalk_os::shared_futex::{Change, change_and_wake};
use ropewalk_os::thread::{self, ThreadId};
use ropewalk_os::{Block, Deadline, clock};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

/// How long a sleeper waits before it looks whether the holder lives.
pub const FIRST_LOOK: Duration = Duration::from_millis(10);
/// How long at most between two such looks.
pub const LAST_LOOK: Duration = Duration::from_millis(100);

/// Looks at a lock that is held before a thread sleeps for it.
const SPINS: u32 = 100;

/// Where the holder's thread stands.
const THREAD: usize = 6;

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
    let me = Owner::me();
    let taken = seen as u32 == 0 && word.compare_exchange(seen, me.word(false), Acquire, Relaxed).is_ok();
    if taken {
        name(slot, me);
    }
    taken
}

/// Says which thread has it, when it is taken.
#[inline]
fn name(slot: &Slot, me: Owner) {
    slot.words[THREAD].store(mixed(thread::current().0, me), Relaxed);
}

#[inline]
fn mixed(thread: u64, owner: Owner) -> u64 {
    thread ^ owner.word(false).rotate_left(17)
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
    let me = Owner::me();
    let mine = me.word(seen as u32 & WAITERS != 0);
    slot.words[0].compare_exchange(seen, mine, Acquire, Relaxed).ok()?;
    name(slot, me);
    Some(Taken::FromTheDead(dead.pid()))
}

fn attempt(slot: &Slot, past: Past, slice: Slice) -> Step<'_, Taken> {
    let word = &slot.words[0];
    // Who has slept does not know who else does.
    let me = Owner::me();
    let mine = me.word(past != Past::None);
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
            name(slot, me);
            return Step::Done(taken);
        }
    }
}

/// Frees the lock, whoever holds it; `false` if nobody does.
#[inline]
pub fn free(slot: &Slot) -> bool {
    let word = &slot.words[0];
    let mut seen = word.load(Relaxed);
    if seen as u32 & !WAITERS != 0 {
        slot.words[THREAD].store(0, Relaxed);
    }
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

/// The thread that holds it, as its process names it: none if it is not known, or just changing.
pub fn holder(slot: &Slot) -> Option<(Owner, ThreadId)> {
    let before = slot.words[THREAD].load(Acquire);
    let owner = owner(slot)?;
    let thread = mixed(before, owner);
    (before != 0 && slot.words[THREAD].load(Acquire) == before).then_some((owner, ThreadId(thread)))
}

/// The process that holds it.
pub fn owner(slot: &Slot) -> Option<Owner> {
    Owner::in_word(slot.words[0].load(Relaxed))
}
