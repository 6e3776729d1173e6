//! Who sleeps until something happens to a structure, and how that something finds them.
//!
//! A line is a futex word and three counts. Who finds nothing to do enters the line under the lock, leaves the lock
//! and sleeps on the word. Who is about to commit what the line waits for moves one sleeper from the word to the
//! lock's own queue *before* the commit. From then on the kernel looks after it: whether the committer unlocks or
//! is killed, at any instruction, the sleeper is woken, and finds the commit or its absence.
//!
//! What must stay true:
//!
//! 1. Waiters are announced on the lock before anybody is moved to it: death between the two must still wake.
//! 2. `hoping` may be too high, never too low. Only those who wake lower it, by what the kernel says it moved;
//!    if that is nobody it becomes 0, and the word has changed, so that who was about to sleep does not.
//! 3. A sleeper killed between its wake and its work would strand the work, so all sleepers but one look again
//!    every [`SLICE`]. The one is the *lone* sleeper: it entered when nobody else slept. Sleepers are moved in the
//!    order in which they fell asleep, so it is the first to be moved. Who enters after it changes the word
//!    once, so that a lone sleeper that has not fallen asleep yet does not, and enters again as one of several.
//! 4. `asleep` is the sum of what the slots of living processes count.

use crate::participants::{Slot, Table};
use ropewalk_os::robust::Guard;
use ropewalk_os::{Deadline, shared_futex};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

/// How long one of several sleepers sleeps before it looks for itself.
pub const SLICE: Duration = Duration::from_millis(100);

/// How long a lone sleeper does. It bounds what is not known, and one hole of the C library's lock: see decision 0010.
pub const LONE_SLICE: Duration = Duration::from_secs(5);

/// A line of sleepers, in shared memory.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Line {
    /// The word slept on; it changes with every wake.
    seq: AtomicU32,
    /// How many may need a wake.
    hoping: AtomicU32,
    /// How many threads are between [`Line::enter`] and [`Line::leave`].
    asleep: AtomicU32,
    /// Whether one of them entered as the lone one and none has since.
    lone: AtomicU32,
}

/// A place in a line: what to sleep on, and for how long at most.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    seq: u32,
    /// Whether this is the lone sleeper.
    pub lone: bool,
}

impl Ticket {
    /// The moment to look again, or the wait's own deadline if that is earlier.
    pub fn until(self, deadline: Deadline) -> Deadline {
        Deadline::after(if self.lone { LONE_SLICE } else { SLICE }).earlier(deadline)
    }
}

impl Line {
    /// Enters, to sleep with the ticket once the lock is given back.
    pub fn enter(&self, _held: &Guard<'_>, slot: &Slot, number: usize) -> Ticket {
        let asleep = self.asleep.load(Relaxed);
        // The slot first: a death in between is healed by counting the slots.
        slot.asleep[number].fetch_add(1, Relaxed);
        self.asleep.store(asleep.saturating_add(1), Relaxed);
        self.hoping.store(self.hoping.load(Relaxed).saturating_add(1), Relaxed);
        let lone = asleep == 0;
        if self.lone.swap(u32::from(lone), Relaxed) != 0 {
            self.bump();
        }
        Ticket { seq: self.seq.load(Relaxed), lone }
    }

    /// Sleeps, without the lock, until woken or until the ticket's time.
    pub fn sleep(&self, ticket: Ticket, until: Deadline) -> ropewalk_os::futex::Slept {
        shared_futex::wait(&self.seq, ticket.seq, until)
    }

    /// Sleeps `time` without being in the line: for who gives others a moment.
    pub fn nap(&self, time: Duration) {
        shared_futex::wait(&self.seq, self.seq.load(Relaxed), Deadline::after(time));
    }

    /// Leaves, under the lock again.
    pub fn leave(&self, _held: &Guard<'_>, slot: &Slot, number: usize, ticket: Ticket) {
        let minus_one = |count: &AtomicU32| count.store(count.load(Relaxed).saturating_sub(1), Relaxed);
        minus_one(&slot.asleep[number]);
        minus_one(&self.asleep);
        if ticket.lone {
            self.lone.store(0, Relaxed);
        }
    }

    /// How many threads are in the line.
    pub fn asleep(&self) -> u32 {
        self.asleep.load(Relaxed)
    }

    /// Before a commit that `count` sleepers wait for: moves them to the lock.
    #[inline]
    pub fn call(&self, held: &Guard<'_>, count: u32) {
        if self.hoping.load(Relaxed) != 0 {
            self.call_hoping(held, count);
        }
    }

    #[cold]
    fn call_hoping(&self, held: &Guard<'_>, count: u32) {
        held.announce_waiters(); // rule 1
        let seq = self.bump();
        match shared_futex::requeue(&self.seq, seq, held.word(), count) {
            Some(0) => self.hoping.store(0, Relaxed), // rule 2
            Some(moved) => self.hoping.store(self.hoping.load(Relaxed).saturating_sub(moved), Relaxed),
            // Only a peer that writes where it should not can have changed the word under the lock.
            None => drop(shared_futex::wake(&self.seq, u32::MAX)),
        }
    }

    /// After a holder of the lock was killed: whoever sleeps looks for itself, and the dead are not counted.
    pub fn heal(&self, held: &Guard<'_>, table: Table<'_>, number: usize) {
        held.announce_waiters(); // some may have been moved already
        self.asleep.store(table.asleep(held, number), Relaxed);
        self.lone.store(0, Relaxed);
        self.bump();
        self.hoping.store(0, Relaxed);
        shared_futex::wake(&self.seq, u32::MAX);
    }

    /// For a sleeper whose slice has ended: counts anew, without those who were killed in their sleep and have been buried.
    pub fn count_anew(&self, held: &Guard<'_>, table: Table<'_>, number: usize) {
        if self.asleep.load(Relaxed) != 0 {
            self.asleep.store(table.asleep(held, number), Relaxed);
        }
    }

    fn bump(&self) -> u32 {
        self.seq.fetch_add(1, Relaxed).wrapping_add(1)
    }
}
