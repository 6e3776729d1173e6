//! Who uses a structure in shared memory: one slot for each process, named by number and start time.
//!
//! A process takes a slot when it first has something to leave behind: a sleep that others count, a segment that it
//! is emptying. What the slot says of a process that was killed is thrown away by the next who looks, and only
//! then is the slot used again (law 2). A forked child is another process: it takes a slot of its own.
//!
//! | the pair in the slot | means |
//! |---|---|
//! | number 0 | free |
//! | a process that runs | taken |
//! | a process that has ended, or another of the same number | to be buried |
//! | the same, with a record in hand | kept until somebody asks what was lost, or until there is no other slot |
//!
//! What must stay true: a slot is written only under the structure's lock, and its number last when it is taken and
//! last when it is freed, so that a process killed in between leaves it free or buried once more. Only what a process
//! has in hand it may put down without the lock.

use ropewalk_os::fork;
use ropewalk_os::identity::Identity;
use ropewalk_os::robust::Guard;
use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Slots in a table.
pub const SLOTS: usize = 1024;

/// Lines of sleepers that a slot counts.
pub const LINES: usize = 3;

/// One process, in 32 bytes.
#[repr(C)]
#[derive(Debug)]
pub struct Slot {
    pid: AtomicU32,
    /// Threads of it that sleep in each line.
    pub asleep: [AtomicU32; LINES],
    start: AtomicU64,
    /// Number of the record in its hand, plus one.
    in_hand: AtomicU64,
}

impl Slot {
    fn identity(&self) -> Identity {
        Identity { pid: self.pid.load(Relaxed), start: self.start.load(Relaxed) }
    }

    fn take(&self, who: Identity) {
        self.start.store(who.start, Relaxed);
        self.asleep.iter().for_each(|count| count.store(0, Relaxed));
        self.in_hand.store(0, Relaxed);
        self.pid.store(who.pid, Relaxed);
    }

    fn free(&self) {
        self.asleep.iter().for_each(|count| count.store(0, Relaxed));
        self.pid.store(0, Relaxed);
    }

    /// Frees the slot of a dead process, or keeps of it what it had in hand.
    fn bury(&self) {
        match self.in_hand() {
            Some(_) => self.asleep.iter().for_each(|count| count.store(0, Relaxed)),
            None => self.free(),
        }
    }

    fn in_hand(&self) -> Option<u64> {
        self.in_hand.load(Relaxed).checked_sub(1)
    }

    /// Before the commit that takes the record with this number out.
    #[inline]
    pub fn take_in_hand(&self, record: u64) {
        self.in_hand.store(record + 1, Relaxed);
    }

    /// Nothing is in hand any more: by the process itself, or under the lock.
    pub fn put_down(&self) {
        self.in_hand.store(0, Relaxed);
    }

    fn is_free(&self) -> bool {
        self.pid.load(Relaxed) == 0
    }
}

/// The slots, in shared memory.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    slots: &'a [Slot; SLOTS],
    /// Slots from here on were never taken.
    used: &'a AtomicU32,
}

impl<'a> Table<'a> {
    pub(crate) fn new(slots: &'a [Slot; SLOTS], used: &'a AtomicU32) -> Table<'a> {
        Table { slots, used }
    }

    /// The slots that were ever taken.
    fn used(self) -> &'a [Slot] {
        &self.slots[..SLOTS.min(self.used.load(Relaxed) as usize)]
    }

    /// The slot with this number.
    pub fn slot(self, number: usize) -> &'a Slot {
        &self.slots[number % SLOTS]
    }

    /// Takes a slot; `None` if there is none: bury the dead then.
    pub fn enter(self, _held: &Guard<'_>, who: Identity) -> Option<usize> {
        let used = self.used();
        let number = match used.iter().position(Slot::is_free) {
            Some(number) => number,
            None if used.len() < SLOTS => used.len(),
            None => return None,
        };
        self.slots[number].take(who);
        if number == used.len() {
            self.used.store(number as u32 + 1, Relaxed);
        }
        Some(number)
    }

    /// Gives a slot back.
    pub fn leave(self, _held: &Guard<'_>, number: usize) {
        self.slot(number).free();
    }

    /// Whether the process in a slot still runs.
    pub fn is_alive(self, number: usize) -> bool {
        let identity = self.slot(number).identity();
        identity.pid != 0 && identity.is_alive()
    }

    /// The slots of processes that have ended, and those of none.
    pub fn dead(self, _held: &Guard<'_>) -> SlotSet {
        let mut dead = SlotSet([u64::MAX; SLOTS / 64]);
        for (number, slot) in self.used().iter().enumerate() {
            if !slot.is_free() && slot.identity().is_alive() {
                dead.0[number / 64] &= !(1 << (number % 64));
            }
        }
        dead
    }

    fn of(self, dead: &SlotSet) -> impl Iterator<Item = &'a Slot> {
        let is_dead = |&(number, slot): &(usize, &Slot)| dead.contains(number) && !slot.is_free();
        self.used().iter().enumerate().filter(is_dead).map(|(_, slot)| slot)
    }

    /// Frees the slots of processes that have ended, but for what they had in hand. What else they owned must have been
    /// taken from them.
    pub fn bury(self, _held: &Guard<'_>, dead: &SlotSet) {
        self.of(dead).for_each(Slot::bury);
    }

    /// The records in the hands of processes, dead ones too.
    pub fn in_hand(self, _held: &Guard<'_>) -> Vec<(Identity, u64)> {
        let taken = self.used().iter().filter(|slot| !slot.is_free());
        taken.filter_map(|slot| Some((slot.identity(), slot.in_hand()?))).collect()
    }

    /// The records that were in the hands of processes which have ended; their slots are free now. As for `bury`.
    pub fn take_lost(self, _held: &Guard<'_>, dead: &SlotSet) -> Vec<(Identity, u64)> {
        let lost = |slot: &Slot| Some((slot.identity(), slot.in_hand()?));
        self.of(dead).filter_map(|slot| lost(slot).inspect(|_| slot.free())).collect()
    }

    /// Puts down what a killed holder of the lock had taken up and not committed: records from this number on.
    pub fn put_down_from(self, _held: &Guard<'_>, record: u64) {
        let early = |slot: &&Slot| slot.in_hand().is_some_and(|in_hand| in_hand >= record);
        self.used().iter().filter(early).for_each(Slot::put_down);
    }

    /// How many threads of all processes sleep in a line.
    pub fn asleep(self, _held: &Guard<'_>, line: usize) -> u32 {
        self.used().iter().fold(0, |sum, slot| sum.saturating_add(slot.asleep[line].load(Relaxed)))
    }

    /// The processes in the table, dead ones too until they are buried.
    pub fn processes(self) -> Vec<Identity> {
        self.used().iter().filter(|slot| !slot.is_free()).map(Slot::identity).collect()
    }
}

/// Some of the slots of a table.
#[derive(Clone, Copy, Debug)]
pub struct SlotSet([u64; SLOTS / 64]);

impl SlotSet {
    /// Whether it has the slot with this number.
    pub fn contains(&self, number: usize) -> bool {
        let number = number % SLOTS;
        self.0[number / 64] & 1 << (number % 64) != 0
    }
}

/// Which slot the calling process has in one table, if any: not that of the process it was forked from.
#[derive(Debug, Default)]
pub struct Membership {
    /// Fork epoch, then the slot's number plus one.
    key: AtomicU64,
}

impl Membership {
    /// This process's slot, if it has one.
    pub fn number(&self) -> Option<usize> {
        let key = self.key.load(Relaxed);
        let mine = key as u32 != 0 && (key >> 32) as u32 == fork::epoch();
        mine.then(|| key as u32 as usize - 1)
    }

    /// This process's slot, taken now if it has none.
    ///
    /// # Errors
    /// If the process's start time can not be read; `OutOfMemory` if the table is full: bury the dead then.
    #[inline]
    pub fn ensure(&self, held: &Guard<'_>, table: Table<'_>) -> io::Result<usize> {
        match self.number() {
            Some(number) => Ok(number),
            None => self.enter(held, table),
        }
    }

    #[cold]
    fn enter(&self, held: &Guard<'_>, table: Table<'_>) -> io::Result<usize> {
        let number = table.enter(held, Identity::current()?).ok_or(io::ErrorKind::OutOfMemory)?;
        self.key.store(u64::from(fork::epoch()) << 32 | (number as u64 + 1), Relaxed);
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::try_take;
    use crate::ring::layout::{Options, Store};

    fn table(test: impl FnOnce(&Guard<'_>, Table<'_>)) {
        let store = Store::create(&Options::default()).expect("memfd");
        let held = try_take(&store.header().lock, |_| {}).expect("whole").expect("free");
        test(&held, store.table());
    }

    fn dead() -> Identity {
        Identity { start: 1, ..Identity::current().expect("proc") }
    }

    #[test]
    fn a_slot_given_back_is_taken_again() {
        table(|held, table| {
            let me = Identity::current().expect("proc");
            assert_eq!(table.enter(held, me), Some(0));
            assert_eq!(table.enter(held, me), Some(1));
            table.leave(held, 0);
            assert_eq!(table.enter(held, me), Some(0));
            assert_eq!(table.processes(), [me, me]);
        });
    }

    #[test]
    fn the_same_number_with_another_start_is_buried_with_what_it_counted() {
        table(|held, table| {
            let me = table.enter(held, Identity::current().expect("proc")).expect("room");
            let other = table.enter(held, dead()).expect("room");
            table.slot(me).asleep[1].store(2, Relaxed);
            table.slot(other).asleep[1].store(5, Relaxed);
            assert!(table.is_alive(me) && !table.is_alive(other));
            table.bury(held, &table.dead(held));
            assert_eq!(table.asleep(held, 1), 2);
            assert_eq!(table.processes().len(), 1);
        });
    }

    #[test]
    fn what_a_dead_process_had_in_hand_is_kept_until_it_is_asked_for() {
        table(|held, table| {
            let me = table.enter(held, Identity::current().expect("proc")).expect("room");
            let other = table.enter(held, dead()).expect("room");
            table.slot(me).take_in_hand(0);
            table.slot(other).take_in_hand(6);
            table.slot(other).asleep[1].store(5, Relaxed);
            let ended = table.dead(held);
            table.bury(held, &ended);
            assert_eq!(table.asleep(held, 1), 0);
            assert_eq!(table.in_hand(held).len(), 2);
            assert_eq!(table.take_lost(held, &ended), [(dead(), 6)]);
            assert_eq!(table.take_lost(held, &ended), []);
            assert_eq!(table.enter(held, dead()), Some(other));
            table.bury(held, &table.dead(held));
            assert_eq!(table.in_hand(held).len(), 1, "a slot is taken with nothing in hand");
        });
    }

    #[test]
    fn a_record_taken_up_and_not_taken_out_is_put_down() {
        table(|held, table| {
            let [one, other] = [(); 2].map(|()| table.enter(held, dead()).expect("room"));
            table.slot(one).take_in_hand(6);
            table.slot(other).take_in_hand(7);
            table.put_down_from(held, 7);
            assert_eq!(table.take_lost(held, &table.dead(held)), [(dead(), 6)]);
        });
    }

    #[test]
    fn a_full_table_has_room_when_its_dead_are_buried() {
        table(|held, table| {
            let me = Identity::current().expect("proc");
            for _ in 1..SLOTS {
                table.enter(held, me).expect("room");
            }
            assert_eq!(table.enter(held, dead()), Some(SLOTS - 1));
            assert_eq!(table.enter(held, me), None);
            table.bury(held, &table.dead(held));
            assert_eq!(table.enter(held, me), Some(SLOTS - 1));
        });
    }

    #[test]
    fn free_slots_count_as_dead() {
        table(|held, table| {
            let me = table.enter(held, Identity::current().expect("proc")).expect("room");
            let other = table.enter(held, dead()).expect("room");
            let set = table.dead(held);
            assert!(!set.contains(me) && set.contains(other) && set.contains(other + 1));
        });
    }

    #[test]
    fn a_membership_of_another_epoch_is_none() {
        table(|held, table| {
            let membership = Membership::default();
            assert_eq!(membership.ensure(held, table).expect("room"), 0);
            assert_eq!(membership.ensure(held, table).expect("mine"), 0);
            membership.key.fetch_add(1 << 32, Relaxed);
            assert_eq!(membership.number(), None);
            assert_eq!(membership.ensure(held, table).expect("room"), 1);
        });
    }
}
