//! How a process comes to a ring: its lock, its slot in the table, and the burying of those who left by dying.

use super::arena::Blocks;
use super::error::Fault;
use super::layout::Store;
use super::state::State;
use crate::lock;
use ropewalk_os::clock;
use ropewalk_os::robust::Guard;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// How long the lock is waited for, whatever the deadline: its holder needs microseconds, or is stopped.
const PATIENCE: Duration = Duration::from_millis(100);

impl Store {
    /// The lock if it is free.
    #[inline]
    pub fn try_lock(&self) -> Result<Option<Guard<'_>>, Fault> {
        self.whole()?;
        Ok(lock::try_take(&self.header().lock, |held| self.recover(held))?)
    }

    /// Whoever has the lock finds all of the memory mapped.
    #[inline]
    fn whole(&self) -> Result<(), Fault> {
        self.segment.mapping().whole().map_err(|_| Fault::NoAddresses)
    }

    /// The lock, or `None` if its holder does not move.
    pub fn lock_patiently(&self) -> Result<Option<Guard<'_>>, Fault> {
        self.whole()?;
        Ok(lock::take(&self.header().lock, PATIENCE, |held| self.recover(held))?)
    }

    /// The lock, however long that takes.
    pub fn lock(&self) -> Result<Guard<'_>, Fault> {
        loop {
            if let Some(held) = self.lock_patiently()? {
                return Ok(held);
            }
        }
    }

    pub fn state(&self) -> Result<State, Fault> {
        Ok(State::load(self.header(), self.largest())?)
    }

    /// The number of this process's slot.
    #[inline]
    pub fn slot(&self, held: &Guard<'_>) -> Result<usize, Fault> {
        match self.member.ensure(held, self.table()) {
            Ok(slot) => Ok(slot),
            Err(error) => self.slot_of_a_dead(held, error.kind()),
        }
    }

    #[cold]
    fn slot_of_a_dead(&self, held: &Guard<'_>, error: io::ErrorKind) -> Result<usize, Fault> {
        if error != io::ErrorKind::OutOfMemory {
            return Err(Fault::Nameless);
        }
        self.bury(held)?;
        if let Ok(slot) = self.member.ensure(held, self.table()) {
            return Ok(slot);
        }
        self.take_lost(held)?; // nobody has asked for it
        self.member.ensure(held, self.table()).map_err(|_| Fault::Crowded)
    }

    /// Takes from processes that have ended what they had: blocks, then slots. What they had in hand stays told.
    pub fn bury(&self, held: &Guard<'_>) -> Result<Blocks, Fault> {
        let state = self.state()?;
        let dead = self.table().dead(held);
        let blocks = self.arena().sweep(held, &state, &dead);
        self.table().bury(held, &dead);
        Ok(blocks)
    }

    /// As [`Store::bury`], and tells what they had in hand; it is not told again.
    pub fn take_lost(&self, held: &Guard<'_>) -> Result<Vec<(ropewalk_os::identity::Identity, u64)>, Fault> {
        let state = self.state()?;
        let dead = self.table().dead(held);
        self.arena().sweep(held, &state, &dead);
        let lost = self.table().take_lost(held, &dead);
        self.table().bury(held, &dead);
        Ok(lost)
    }

    /// As [`Store::bury`], but only if nobody has looked for so long.
    pub fn bury_now_and_then(&self, held: &Guard<'_>, pause: Duration) -> Result<(), Fault> {
        if is_due(&self.header().looked, pause) {
            self.bury(held)?;
        }
        Ok(())
    }
}

/// Whether so much time has passed since this said so last.
pub fn is_due(last: &AtomicU64, pause: Duration) -> bool {
    let now = clock::now();
    let due = now.saturating_sub(last.load(Relaxed)) > pause.as_nanos() as u64;
    if due {
        last.store(now, Relaxed);
    }
    due
}

impl Drop for Store {
    fn drop(&mut self) {
        let Some(number) = self.member.number().filter(|_| !self.keeps_slot()) else { return };
        if let Ok(Some(held)) = self.lock_patiently() {
            self.table().leave(&held, number);
        }
    }
}
