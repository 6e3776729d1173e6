//! The memory of blocks that nobody needs, given back to the system.
//!
//! It is kept for the next blocks, since its first touch is what costs. When no record waits that has blocks, what
//! is more than [`KEEP`] goes back, but for some blocks of the size that came last; at most once in [`PAUSE`], so that
//! a queue that empties again and again does not pay each time. Who sleeps in the ring sees to the rest.
//!
//! It is claimed as any block is, so that the lock is not held while the system works, and a process killed at it
//! leaves a block that is swept.

use super::Ring;
use super::arena::GRANULE;
use super::enter::is_due;
use super::error::Fault;
use ropewalk_os::robust::Guard;
use std::time::Duration;

/// Granules that are kept.
pub const KEEP: usize = (4 << 20) / GRANULE;
/// Blocks of the last size that are kept.
const BLOCKS: usize = 4;
const PAUSE: Duration = Duration::from_secs(1);

fn keep(last: usize) -> usize {
    KEEP.max(BLOCKS * last)
}

impl Ring {
    /// Whether memory should go back, after a block of `last` granules; true at most once in a pause.
    pub(super) fn has_idle_blocks(&self, held: &Guard<'_>, last: usize) -> bool {
        let arena = self.store.arena();
        if !arena.nothing_queued() || arena.warm() <= keep(last) {
            return false;
        }
        arena.collect(held);
        arena.idle() > keep(last) && is_due(arena.gave_back(), PAUSE)
    }

    /// Gives memory back, one run after the other.
    pub(super) fn give_blocks_back(&self, last: usize) -> Result<(), Fault> {
        let arena = self.store.arena();
        loop {
            let Some(held) = self.store.lock_patiently()? else { return Ok(()) };
            arena.collect(&held);
            let slot = self.store.slot(&held)?;
            if arena.idle() <= keep(last) {
                return Ok(());
            }
            let Some(run) = arena.take_idle(&held, slot, keep(last)) else { return Ok(()) };
            drop(held);

            let (start, len) = self.store.granules_at(&run);
            let gone = self.store.segment.mapping().punch(start, len).is_ok();

            let held = self.store.lock()?;
            arena.leave_idle(&held, &run, gone);
            if !gone {
                return Ok(()); // it stays as it is: memory, but no fault
            }
        }
    }
}
