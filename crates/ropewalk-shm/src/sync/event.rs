//! A flag that is waited for.
//!
//! | lower half of word 0 | means |
//! |---|---|
//! | bit 0 | it is set |
//! | bit 1 | somebody may sleep: who sets it wakes all |
//! | the rest | how often it was cleared: who slept through a set and a clear can tell |

use super::wait::{LONE_SLICE, Past, Slice, Step, until_done};
use crate::slab::Slot;
use ropewalk_os::shared_futex::{Change, change_and_wake};
use ropewalk_os::{Block, Deadline};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

const SET: u32 = 1;
const WAITERS: u32 = 2;
const CLEARED: u32 = 4;

/// Whether it is set.
#[inline]
pub fn is_set(slot: &Slot) -> bool {
    slot.low(0).load(Acquire) & SET != 0
}

/// Sets it; whoever waits goes on.
#[inline]
pub fn set(slot: &Slot) {
    let word = slot.low(0);
    let mut seen = word.load(Acquire);
    while seen & SET == 0 {
        if seen & WAITERS != 0 {
            change_and_wake(word, Change::Or(SET as u8), u32::MAX);
            return;
        }
        match word.compare_exchange(seen, seen | SET, AcqRel, Acquire) {
            Ok(_) => return,
            Err(now) => seen = now,
        }
    }
}

/// Clears it.
#[inline]
pub fn clear(slot: &Slot) {
    let word = slot.low(0);
    let mut seen = word.load(Relaxed);
    while seen & SET != 0 {
        let cleared = (seen & !(SET | WAITERS)).wrapping_add(CLEARED);
        match word.compare_exchange(seen, cleared, AcqRel, Relaxed) {
            Ok(_) => return,
            Err(now) => seen = now,
        }
    }
}

/// Waits until it is set, or was meanwhile; `false` at the deadline.
///
/// # Errors
/// The interrupt with which a signal ended the wait.
pub fn wait<B: Block>(slot: &Slot, block: &mut B, deadline: Deadline) -> Result<bool, B::Interrupt> {
    let word = slot.low(0);
    let cleared = |seen: u32| seen / CLEARED;
    let before = word.load(Acquire);
    if before & SET != 0 || deadline.is_now() {
        return Ok(before & SET != 0);
    }
    // All are woken at once, in the call that sets it: none can be stranded by another.
    let set = until_done(block, deadline, |_: Past| {
        loop {
            let seen = word.load(Acquire);
            if seen & SET != 0 || cleared(seen) != cleared(before) {
                return Step::Done(());
            }
            let marked = seen | WAITERS;
            if seen == marked || word.compare_exchange(seen, marked, Relaxed, Relaxed).is_ok() {
                return Step::Sleep(word, marked, Slice(LONE_SLICE));
            }
        }
    })?;
    Ok(set.is_some())
}
