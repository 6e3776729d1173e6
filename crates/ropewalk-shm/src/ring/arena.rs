//! The blocks of a ring: memory for what is too large to be copied under the lock.
//!
//! The arena is a row of granules of 64 KiB. A block is as many of them, side by side, as its bytes need; the first
//! that are free and long enough are taken, so that what is used again is used by all while it is warm. Each block has
//! an entry of two words at the place of its first granule, and the first of them says whose it is:
//!
//! | the entry says | it is | and what that means after a death |
//! |---|---|---|
//! | free | nobody's | |
//! | writing, slot | a producer's, who fills it | free if the slot's process is dead |
//! | queued, record | that record's | free if the record is not inside |
//! | reading, slot, record | of who took the record out | queued if the record is inside; else as for writing |
//!
//! Which records are inside is what the state says (see `state`): so one commit changes the record and all of its
//! blocks, and what a killed process has written into entries before a commit that never came is told from what is true
//! by each entry itself. Nothing has to be searched for in the ring.
//!
//! Entries are written under the lock. Who has a block gives it back without: a bit in `returned`, set by one
//! instruction, is what whoever has the lock next collects. All else here is taken from the entries: `used`, and the
//! sums. What must stay true: a block's entry is written last when it is taken and first when it becomes free, and
//! `reached` before it.

use super::bits::{find_run, last_run, mask, words};
use super::owner::Owner;
use super::state::State;
use crate::participants::SlotSet;
use ropewalk_os::robust::Guard;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, Ordering::Relaxed};

/// Bytes of a granule.
pub const GRANULE: usize = 64 << 10;
/// Granules that an arena can have.
pub const GRANULES: usize = 1 << 14;
const WORDS: usize = GRANULES / 64;

/// What stands at the head of an arena's memory; all of it can be taken from the entries again.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct ArenaHeader {
    /// Granules from here on were never in a block. Not less than the truth.
    reached: AtomicU32,
    /// Granules in blocks; in those of them that are queued, and that are read.
    in_use: AtomicU32,
    queued: AtomicU32,
    reading: AtomicU32,
    /// Granules that were written, ever or since their memory went back.
    warm: AtomicU32,
    /// When memory last went back.
    gave_back: AtomicU64,
    used: [AtomicU64; WORDS],
    returned: [AtomicU64; WORDS],
    touched: [AtomicU64; WORDS],
}

/// What is known of the block that begins at one granule.
#[repr(C)]
#[derive(Debug)]
pub struct Entry {
    owner: AtomicU64,
    /// Its bytes.
    len: AtomicU64,
}

/// Blocks of a ring, by whose they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blocks {
    /// Being filled by producers.
    pub writing: usize,
    /// Parts of records that wait inside.
    pub queued: usize,
    /// In the hands of who took their records out.
    pub reading: usize,
    /// Bytes of the arena that are in no block.
    pub free: usize,
}

/// An arena, in shared memory.
#[derive(Clone, Copy, Debug)]
pub struct Arena<'a> {
    header: &'a ArenaHeader,
    /// As many as the arena has granules.
    entries: &'a [Entry],
}

/// A block that was just taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    pub granule: usize,
    /// Whether some of its memory was never touched.
    pub fresh: bool,
}

/// Granules that so many bytes need; at least one.
#[inline]
pub fn granules(len: usize) -> usize {
    len.div_ceil(GRANULE).max(1)
}

impl<'a> Arena<'a> {
    pub fn new(header: &'a ArenaHeader, entries: &'a [Entry]) -> Arena<'a> {
        Arena { header, entries }
    }

    /// Granules in all.
    pub fn capacity(self) -> usize {
        self.entries.len()
    }

    /// Granules in blocks.
    pub fn in_use(self) -> usize {
        self.header.in_use.load(Relaxed) as usize
    }

    /// When memory last went back.
    pub fn gave_back(self) -> &'a AtomicU64 {
        &self.header.gave_back
    }

    /// Granules in blocks that are read.
    pub fn on_loan(self) -> usize {
        self.header.reading.load(Relaxed) as usize
    }

    /// Takes a block for so many bytes: of touched granules, or, if `cold`, of any.
    pub fn take(self, held: &Guard<'_>, slot: usize, len: usize, cold: bool) -> Option<Taken> {
        let (header, count) = (self.header, granules(len));
        let granule = match cold {
            false => find_run(self.reached(), count, |number| {
                header.touched[number].load(Relaxed) & !header.used[number].load(Relaxed)
            }),
            true => find_run(self.capacity(), count, |number| !header.used[number].load(Relaxed)),
        }?;
        let run = granule..granule + count;
        if run.end > self.reached() {
            header.reached.store(run.end as u32, Relaxed);
        }
        self.occupy(&run);
        let fresh = words(&run).any(|number| {
            let bits = mask(number, run.clone());
            let touched = header.touched[number].fetch_or(bits, Relaxed);
            add(&header.warm, (bits & !touched).count_ones());
            touched & bits != bits
        });
        let entry = &self.entries[granule];
        entry.len.store(len as u64, Relaxed);
        self.set(held, granule, Owner::Writing { slot });
        Some(Taken { granule, fresh })
    }

    /// Before the commit that puts `record` in: the block becomes its.
    pub fn queue(self, held: &Guard<'_>, granule: usize, record: u64) {
        let count = self.count(granule) as u32;
        self.set(held, granule, Owner::Queued { record });
        add(&self.header.queued, count);
    }

    /// Whether a block of so many bytes belongs to `record`.
    pub fn is_of(self, record: u64, granule: usize, len: usize) -> bool {
        self.entries.get(granule).is_some_and(|entry| {
            Owner::from_bits(entry.owner.load(Relaxed)) == Owner::Queued { record }
                && entry.len.load(Relaxed) == len as u64
                && len <= (self.capacity() - granule) * GRANULE
        })
    }

    /// Before the commit that takes `record` out: its block becomes the taker's.
    pub fn lend(self, held: &Guard<'_>, granule: usize, slot: usize, record: u64) {
        let count = self.count(granule) as u32;
        self.set(held, granule, Owner::Reading { slot, record });
        subtract(&self.header.queued, count);
        add(&self.header.reading, count);
    }

    /// Gives back a block that is filled or read, by its owner, without the lock. It is not to be touched any more.
    pub fn give_back(self, granule: usize) {
        // Release: what was read is read before the next owner writes; with the Acquire of who collects it.
        self.header.returned[granule / 64].fetch_or(1 << (granule % 64), Ordering::Release);
    }

    /// Makes free what was given back.
    pub fn collect(self, held: &Guard<'_>) {
        for number in 0..self.reached().div_ceil(64) {
            let word = &self.header.returned[number];
            let mut bits = word.load(Ordering::Acquire); // with the Release of `give_back`
            while bits != 0 {
                let bit = bits & bits.wrapping_neg();
                bits ^= bit;
                let granule = number * 64 + bit.trailing_zeros() as usize;
                if granule < self.capacity() {
                    self.free(held, granule);
                }
                word.fetch_and(!bit, Ordering::Release); // after the entry: see `sweep`
            }
        }
    }

    fn free(self, held: &Guard<'_>, granule: usize) {
        let count = self.count(granule);
        match self.owner(granule) {
            Owner::Writing { .. } => {}
            Owner::Reading { .. } => subtract(&self.header.reading, count as u32),
            Owner::Free | Owner::Queued { .. } => return, // not one that somebody can give back
        }
        self.set(held, granule, Owner::Free);
        let run = granule..granule + count;
        for number in words(&run) {
            self.header.used[number].fetch_and(!mask(number, run.clone()), Relaxed);
        }
        subtract(&self.header.in_use, count as u32);
    }

    /// Frees the blocks of processes that have ended, and sets right what a killed holder of the lock left: see above.
    pub fn sweep(self, held: &Guard<'_>, state: &State, dead: &SlotSet) -> Blocks {
        let header = self.header;
        for number in 0..self.reached().div_ceil(64) {
            header.used[number].store(0, Relaxed);
        }
        for sum in [&header.in_use, &header.queued, &header.reading] {
            sum.store(0, Relaxed);
        }
        let touched = |number: usize| header.touched[number].load(Relaxed).count_ones();
        header.warm.store((0..self.reached().div_ceil(64)).map(touched).sum(), Relaxed);
        let inside = |record: u64| (state.popped..state.pushed).contains(&record);
        let mut blocks = Blocks::default();
        let mut granule = 0;
        while granule < self.reached() {
            let bit = 1 << (granule % 64);
            let returned = header.returned[granule / 64].load(Ordering::Acquire) & bit != 0;
            let given_up = |slot: usize| returned || dead.contains(slot);
            let owner = match self.owner(granule) {
                Owner::Writing { slot } if given_up(slot) => Owner::Free,
                Owner::Queued { record } if !inside(record) => Owner::Free,
                Owner::Reading { record, .. } if inside(record) => Owner::Queued { record },
                Owner::Reading { slot, .. } if given_up(slot) => Owner::Free,
                owner => owner,
            };
            let count = self.count(granule);
            match owner {
                Owner::Free => {
                    self.set(held, granule, Owner::Free);
                    // After the entry: its owner is dead, or has set the bit and forgotten the block. Who is killed
                    // between the two leaves a bit at a free entry, which means nothing.
                    header.returned[granule / 64].fetch_and(!bit, Ordering::Release);
                    granule += 1;
                    continue;
                }
                Owner::Writing { .. } => blocks.writing += 1,
                Owner::Queued { .. } => {
                    blocks.queued += 1;
                    self.set(held, granule, owner);
                    add(&header.queued, count as u32);
                }
                Owner::Reading { .. } => {
                    blocks.reading += 1;
                    add(&header.reading, count as u32);
                }
            }
            self.occupy(&(granule..granule + count));
            granule += count;
        }
        blocks.free = (self.capacity() - header.in_use.load(Relaxed) as usize) * GRANULE;
        blocks
    }

    /// Granules that hold memory; of those in no block.
    pub fn warm(self) -> usize {
        self.header.warm.load(Relaxed) as usize
    }

    pub fn idle(self) -> usize {
        self.warm().saturating_sub(self.in_use())
    }

    /// Whether no block belongs to a record.
    pub fn nothing_queued(self) -> bool {
        self.header.queued.load(Relaxed) == 0
    }

    /// Takes the last run of idle granules, but for the first `keep` of all, so that their memory can go back.
    pub fn take_idle(self, held: &Guard<'_>, slot: usize, keep: usize) -> Option<Range<usize>> {
        let header = self.header;
        let idle = |number: usize| header.touched[number].load(Relaxed) & !header.used[number].load(Relaxed);
        let run = last_run(keep.min(self.reached()), self.reached(), idle)?;
        self.occupy(&run);
        self.entries[run.start].len.store((run.len() * GRANULE) as u64, Relaxed);
        self.set(held, run.start, Owner::Writing { slot });
        Some(run)
    }

    /// Frees what [`Arena::take_idle`] took; if the memory of it is gone, it is not warm any more.
    pub fn leave_idle(self, held: &Guard<'_>, run: &Range<usize>, gone: bool) {
        if gone {
            for number in words(run) {
                let bits = mask(number, run.clone());
                let touched = self.header.touched[number].fetch_and(!bits, Relaxed);
                subtract(&self.header.warm, (bits & touched).count_ones());
            }
        }
        self.free(held, run.start);
    }

    fn reached(self) -> usize {
        (self.header.reached.load(Relaxed) as usize).min(self.capacity())
    }

    fn owner(self, granule: usize) -> Owner {
        Owner::from_bits(self.entries[granule].owner.load(Relaxed))
    }

    fn set(self, _held: &Guard<'_>, granule: usize, owner: Owner) {
        // Release: the length is there before. A process that is killed has done what comes before what it has done.
        self.entries[granule].owner.store(owner.bits(), Ordering::Release);
    }

    /// Granules of the block that begins here, whatever its entry says: inside the arena.
    fn count(self, granule: usize) -> usize {
        let len = self.entries[granule].len.load(Relaxed).min((GRANULES * GRANULE) as u64);
        granules(len as usize).min(self.capacity() - granule)
    }

    fn occupy(self, run: &Range<usize>) {
        for number in words(run) {
            self.header.used[number].fetch_or(mask(number, run.clone()), Relaxed);
        }
        add(&self.header.in_use, run.len() as u32);
    }
}

fn add(sum: &AtomicU32, count: u32) {
    sum.store(sum.load(Relaxed).saturating_add(count), Relaxed);
}

fn subtract(sum: &AtomicU32, count: u32) {
    sum.store(sum.load(Relaxed).saturating_sub(count), Relaxed);
}

#[cfg(test)]
mod tests {
    use super::super::layout::{Options, Store};
    use super::*;
    use ropewalk_os::identity::Identity;

    const FULL: usize = 16;

    /// An arena of 16 granules, a slot of a process that runs, and one of a process that does not.
    fn arena(test: impl FnOnce(&Guard<'_>, Arena<'_>, usize, &dyn Fn() -> SlotSet)) {
        let options = Options { max_block_bytes: FULL * GRANULE, ..Options::default() };
        let store = Store::create(&options).expect("memfd");
        let held = store.try_lock().expect("whole").expect("free");
        let me = Identity::current().expect("proc");
        let mine = store.table().enter(&held, me).expect("room");
        store.table().enter(&held, Identity { start: 1, ..me }).expect("room");
        test(&held, store.arena(), mine, &|| store.table().dead(&held));
    }

    const DEAD: usize = 1;

    fn inside(popped: u64, pushed: u64) -> State {
        State { popped, pushed, ..State::EMPTY }
    }

    #[test]
    fn the_lowest_warm_block_is_taken_before_a_cold_one() {
        arena(|held, arena, me, _| {
            assert_eq!(arena.take(held, me, 1, false), None);
            let places =
                [1, 3 * GRANULE, GRANULE + 1].map(|len| arena.take(held, me, len, true).expect("room"));
            assert_eq!(places.map(|taken| (taken.granule, taken.fresh)), [(0, true), (1, true), (4, true)]);
            arena.give_back(1);
            assert_eq!(arena.take(held, me, 1, false), None, "nobody has collected it");
            arena.collect(held);
            assert_eq!((arena.in_use(), arena.idle()), (3, 3));
            assert_eq!(arena.take(held, me, 4 * GRANULE, false), None);
            assert_eq!(arena.take(held, me, 2 * GRANULE, false), Some(Taken { granule: 1, fresh: false }));
            assert_eq!(arena.take(held, me, 2 * GRANULE, true), Some(Taken { granule: 6, fresh: true }));
            assert_eq!(arena.take(held, me, 9 * GRANULE, true), None);
            assert_eq!(arena.take(held, me, 8 * GRANULE, true), Some(Taken { granule: 8, fresh: true }));
            assert_eq!(arena.take(held, me, GRANULE, true), Some(Taken { granule: 3, fresh: false }));
            assert_eq!((arena.in_use(), arena.take(held, me, 1, true)), (FULL, None));
        });
    }

    #[test]
    fn a_block_goes_from_its_producer_through_its_record_to_who_takes_that_out() {
        arena(|held, arena, me, dead| {
            let taken = arena.take(held, me, 70_000, true).expect("room");
            assert_eq!(arena.sweep(held, &inside(0, 7), &dead()).writing, 1);
            arena.queue(held, taken.granule, 7);
            assert!(arena.is_of(7, 0, 70_000));
            assert!(!arena.is_of(8, 0, 70_000) && !arena.is_of(7, 0, 70_001) && !arena.is_of(7, 99, 70_000));
            assert_eq!(arena.sweep(held, &inside(0, 8), &dead()).queued, 1);
            arena.lend(held, taken.granule, me, 7);
            assert_eq!((arena.on_loan(), arena.nothing_queued()), (2, true));
            assert_eq!(arena.sweep(held, &inside(8, 8), &dead()).reading, 1);
            arena.give_back(taken.granule);
            let free = FULL * GRANULE;
            assert_eq!(arena.sweep(held, &inside(8, 8), &dead()), Blocks { free, ..Blocks::default() });
            arena.collect(held);
            assert_eq!((arena.in_use(), arena.on_loan()), (0, 0));
        });
    }

    #[test]
    fn what_a_killed_holder_had_not_committed_is_undone_and_the_rest_stays() {
        arena(|held, arena, me, dead| {
            let granules: Vec<usize> =
                (0..6).map(|_| arena.take(held, me, 1, true).expect("room").granule).collect();
            arena.queue(held, granules[0], 4); // inside
            arena.queue(held, granules[1], 5); // was about to go in
            arena.lend(held, granules[0], DEAD, 4); // was about to be taken out
            arena.queue(held, granules[2], 3);
            arena.lend(held, granules[2], DEAD, 3); // was taken out, by who is dead
            arena.queue(held, granules[3], 2);
            arena.lend(held, granules[3], me, 2); // was taken out, by who lives
            arena.set(held, granules[4], Owner::Writing { slot: DEAD });
            let blocks = arena.sweep(held, &inside(4, 5), &dead());
            assert_eq!((blocks.writing, blocks.queued, blocks.reading), (1, 1, 1));
            assert!(arena.is_of(4, granules[0], 1));
            assert_eq!(arena.in_use(), 3);
            assert_eq!(arena.take(held, me, 1, false), Some(Taken { granule: granules[1], fresh: false }));
        });
    }

    #[test]
    fn a_block_returned_by_who_died_then_is_free_once() {
        arena(|held, arena, me, dead| {
            for slot in [DEAD, me] {
                let taken = arena.take(held, slot, 1, true).expect("room");
                arena.give_back(taken.granule);
                arena.sweep(held, &inside(0, 0), &dead());
                let again = arena.take(held, me, 1, true).expect("room");
                assert_eq!(again.granule, taken.granule);
                arena.collect(held);
                assert_eq!(arena.in_use(), 1, "it was not returned twice");
                arena.give_back(again.granule);
                arena.collect(held);
            }
        });
    }

    #[test]
    fn idle_memory_is_taken_from_the_end_and_is_cold_then() {
        arena(|held, arena, me, _| {
            let [first, second] =
                [1, 2].map(|count| arena.take(held, me, count * GRANULE, true).expect("room"));
            arena.take(held, me, GRANULE, true).expect("room");
            arena.give_back(first.granule);
            arena.give_back(second.granule);
            arena.collect(held);
            assert_eq!(arena.idle(), 3);
            assert_eq!(arena.take_idle(held, me, 2), Some(2..3));
            arena.leave_idle(held, &(2..3), false);
            assert_eq!(arena.take_idle(held, me, 0), Some(0..3));
            assert_eq!(arena.take_idle(held, me, 0), None);
            arena.leave_idle(held, &(0..3), true);
            assert_eq!((arena.idle(), arena.warm(), arena.in_use()), (0, 1, 1));
            assert_eq!(arena.take(held, me, 1, false), None);
        });
    }
}
