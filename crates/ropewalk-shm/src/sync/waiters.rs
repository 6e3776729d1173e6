//! Entries of those who wait for something of their own: to be notified, to be let through. One table for a slab.
//!
//! | owner | state | means |
//! |---|---|---|
//! | nobody | | free |
//! | a process | [`NOTHING`] | being written, or being left |
//! | a process | [`WAITING`] | a thread of it sleeps on the state, or is about to |
//! | a process | [`CALLED`] | it was called, and has not left yet |
//! | a process that has ended | | to be taken over: what it was called for, another must hear of |
//!
//! What must stay true: an entry is taken by writing one's name into it, and given back by taking the name out; the
//! state is `NOTHING` then. So a process killed in between leaves an entry that names it.

use super::owner::Owner;
use ropewalk_os::{clock, thread};
use std::sync::atomic::{
    AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

/// Nobody waits by this entry.
pub const NOTHING: u32 = 0;
/// A thread waits.
pub const WAITING: u32 = 1;
/// It was called.
pub const CALLED: u32 = 2;

/// One waiting thread.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Entry {
    owner: AtomicU64,
    /// What its thread sleeps on.
    pub state: AtomicU32,
    /// The number of the slot that it waits for.
    object: AtomicU32,
    /// Its place in a line, or the round that it takes part in.
    ticket: AtomicU32,
    /// The thread, as its own process names it, and since when it waits: for who looks from outside.
    thread: AtomicU64,
    since: AtomicU64,
}

impl Entry {
    /// The process that waits.
    pub fn owner(&self) -> Option<Owner> {
        Owner::in_word(self.owner.load(Acquire))
    }

    /// Its place in a line.
    pub fn ticket(&self) -> u32 {
        self.ticket.load(Relaxed)
    }

    /// Whether it has waited for longer than `nanos`.
    pub fn is_older_than(&self, nanos: u64) -> bool {
        clock::now().saturating_sub(self.since.load(Relaxed)) > nanos
    }

    /// Whether the process that waits has surely ended.
    pub fn is_dead(&self) -> bool {
        self.owner().is_some_and(Owner::is_dead)
    }

    fn is_for(&self, object: u32) -> bool {
        self.state.load(Acquire) != NOTHING && self.object.load(Relaxed) == object && self.owner().is_some()
    }

    fn write(&self, object: u32, ticket: u32) {
        self.object.store(object, Relaxed);
        self.ticket.store(ticket, Relaxed);
        self.thread.store(thread::current().0, Relaxed);
        self.since.store(clock::now(), Relaxed);
        self.state.store(WAITING, Release);
    }

    /// Gives the entry back.
    pub fn leave(&self) {
        self.state.store(NOTHING, Release);
        self.owner.store(0, Release);
    }

    /// Writes our name over that of a process that has ended; `false` if another was quicker.
    pub fn take_over(&self, dead: Owner) -> bool {
        self.owner.compare_exchange(dead.word(false), Owner::me().word(false), AcqRel, Relaxed).is_ok()
    }
}

/// The table.
#[derive(Clone, Copy, Debug)]
pub struct Waiters<'a> {
    entries: &'a [Entry],
    /// Entries from here on were never taken.
    used: &'a AtomicU32,
}

impl<'a> Waiters<'a> {
    pub(crate) fn new(entries: &'a [Entry], used: &'a AtomicU32) -> Waiters<'a> {
        Waiters { entries, used }
    }

    fn used(self) -> &'a [Entry] {
        &self.entries[..self.entries.len().min(self.used.load(Acquire) as usize)]
    }

    /// The entry with this number.
    pub fn entry(self, number: usize) -> &'a Entry {
        &self.entries[number]
    }

    /// Takes an entry, to wait for `object`; says its number. `None` if as many threads wait already as there are
    /// entries.
    pub fn enter(self, object: u32, ticket: u32) -> Option<usize> {
        let number = self.free().or_else(|| self.fresh()).or_else(|| self.of_the_dead())?;
        self.entries[number].write(object, ticket);
        Some(number)
    }

    fn free(self) -> Option<usize> {
        let me = Owner::me().word(false);
        self.used().iter().position(|entry| {
            entry.owner.load(Relaxed) == 0 && entry.owner.compare_exchange(0, me, AcqRel, Relaxed).is_ok()
        })
    }

    fn fresh(self) -> Option<usize> {
        let me = Owner::me().word(false);
        loop {
            let number = self.used.load(Acquire);
            let entry = self.entries.get(number as usize)?;
            // The name first: an entry beyond the end is not looked at.
            let mine = entry.owner.compare_exchange(0, me, AcqRel, Relaxed).is_ok();
            let _ = self.used.compare_exchange(number, number + 1, AcqRel, Relaxed);
            if mine {
                return Some(number as usize);
            }
        }
    }

    /// An entry whose process has ended, if nobody else waits for the same: else its call is for that one.
    fn of_the_dead(self) -> Option<usize> {
        self.used().iter().position(|entry| {
            let Some(dead) = entry.owner().filter(|owner| owner.is_dead()) else { return false };
            let object = entry.object.load(Relaxed);
            let others = || self.of(object).any(|(_, other)| !std::ptr::eq(other, entry) && !other.is_dead());
            match entry.state.load(Acquire) {
                CALLED if others() => return false,
                state => drop(entry.state.compare_exchange(state, NOTHING, AcqRel, Relaxed)),
            }
            entry.take_over(dead)
        })
    }

    /// Who waits for `object`, called or not, with the numbers of their entries.
    pub fn of(self, object: u32) -> impl Iterator<Item = (usize, &'a Entry)> {
        self.used().iter().enumerate().filter(move |(_, entry)| entry.is_for(object))
    }
}
