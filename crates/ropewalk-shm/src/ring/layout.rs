//! Where everything of a ring lies in its memory.
//!
//! ```text
//! 0        header of the segment: magic, layout, maker
//! 64       Header: lock, `active`, two states, lines of sleepers, ends, high-water marks
//! 4096     slots of processes
//! 64 KiB   the ring's segments: number i has 64 KiB << i bytes, at offset 64 KiB << i
//! end      of the largest segment: ArenaHeader
//! + 64 KiB entries of blocks, two words for each granule that there can be
//! + 320 KiB granules of 64 KiB
//! ```
//!
//! The file is as long as all of that, and sparse: what was never written costs nothing. Only the [`HEAD`] is mapped when a ring
//! is made or opened; the rest when the lock is first taken.
//!
//! # Contract of the unsafe code
//!
//! 1. The mapping is at least [`HEAD`] bytes long, page-aligned, and lives as long as the `Store`; the header and
//!    the slots lie inside its first [`FIRST`] bytes, each at an offset that is a multiple of its alignment. What lies behind
//!    the head is one range: only who has had the lock looks there, and who takes that has it mapped first.
//! 2. They are made of atomics and of the robust mutex alone, for which any bytes are a value; the mutex was made
//!    before the segment got its magic number.
//! 3. Bytes are copied in and out of a segment that the file holds whole, at offsets taken modulo its size, never
//!    by reference: other processes may write them.
//! 4. The arena's header, entries and granules lie inside the mapping at multiples of [`GRANULE`]; header and entries are
//!    made of atomics alone, and all zero when the mapping is new.
//! 5. A block lies inside the arena: `granule` and length are compared with its end.
#![allow(unsafe_code)]

use super::arena::{Arena, ArenaHeader, Entry, GRANULE, GRANULES, granules};
use crate::line::Line;
use crate::participants::{LINES, Membership, SLOTS, Slot, Table};
use crate::segment::{HEADER, OpenError, Segment};
use ropewalk_os::bell::Bell;
use ropewalk_os::robust::RobustMutex;
use ropewalk_os::{cgroup, fork_copy, identity};
use std::io;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// The version of everything in this file. C libraries whose mutexes differ in size have different layouts.
const LAYOUT: u32 = 2 << 16 | std::mem::size_of::<RobustMutex>() as u32;

/// Offset and size of the first segment, as a power of two.
pub const FIRST_BITS: u32 = 16;
/// Bytes before the first segment.
pub const FIRST: usize = 1 << FIRST_BITS;
/// Bytes up to the end of the first segment: they are mapped from the beginning.
const HEAD: usize = FIRST << 1;
/// Segments that a ring can have.
pub const SEGMENTS: usize = 14;
const SLOTS_AT: usize = 4096;
const ENTRIES_AT: usize = GRANULE;
const GRANULES_AT: usize = ENTRIES_AT + GRANULES * std::mem::size_of::<Entry>();

/// A word on a cache line of its own.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Alone<T>(pub T);

/// The words of one copy of the state: one cache line.
pub type StateWords = Alone<[AtomicU64; 8]>;

/// What stands at the head of a ring's memory.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Header {
    /// The pid namespace in which slots and lock name processes.
    pub namespace: AtomicU64,
    /// At most so many records.
    pub max_records: AtomicU64,
    /// Number of the largest segment.
    pub largest: AtomicU32,
    /// Slots that were ever taken.
    pub slots_used: AtomicU32,
    /// When sleepers last looked for dead processes.
    pub looked: AtomicU64,
    /// Slot of the process that gives a segment's memory back, plus one.
    pub puncher: AtomicU32,
    /// Whether slots name the records in the hands of their processes.
    pub track: AtomicU32,
    /// Whether it has a bell; whether that is to be rung; its number, once it is.
    pub has_bell: AtomicU32,
    pub armed: AtomicU32,
    pub bell: AtomicU32,
    /// Granules of the arena.
    pub granules: AtomicU32,
    /// Parts of so many bytes go into blocks.
    pub block_from: AtomicU32,
    /// What all of it is changed under.
    pub lock: RobustMutex,
    /// The commit: counts commits, and its lowest bit says which state is true.
    pub active: Alone<AtomicU32>,
    pub states: [StateWords; 2],
    pub lines: [Line; LINES],
    /// Where each segment was left by who went on to the next; true for all of the chain but the last.
    pub ends: [AtomicU64; SEGMENTS],
    /// Up to where each segment's pages were ever written. A hint, not less than the truth.
    pub touched: [AtomicU64; SEGMENTS],
}

const _: () = assert!(HEADER + std::mem::size_of::<Header>() <= SLOTS_AT);
const _: () = assert!(SLOTS_AT + std::mem::size_of::<[Slot; SLOTS]>() <= FIRST);
const _: () =
    assert!(std::mem::size_of::<ArenaHeader>() <= ENTRIES_AT && GRANULES_AT.is_multiple_of(GRANULE));
const _: () = assert!(std::mem::size_of::<Slot>() == 32 && HEADER.is_multiple_of(64));

/// How a ring is made.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// At most so many records wait in it.
    pub max_records: u64,
    /// At most about so many bytes do, blocks not counted; rounded down to a power of two between 128 KiB and 1 GiB. It costs
    /// address space; memory is used by what is really written.
    pub max_bytes: usize,
    /// At most so many bytes are in blocks, whose records wait or are being read; rounded down to a multiple of 64 KiB, at
    /// most 1 GiB. As for `max_bytes`. What finds no block goes through the ring.
    pub max_block_bytes: usize,
    /// A body or buffer of so many bytes goes into a block of its own, which is filled and read without the lock.
    pub block_from: usize,
    /// Whether it notes which record each process has in its hand (see [`Ring::in_hand`](super::Ring::in_hand)). A process
    /// takes a slot then with the first record that it takes out.
    pub track: bool,
    /// Whether it has a descriptor for select(2) (see [`Ring::readable_fd`](super::Ring::readable_fd)). It can not be given one
    /// later, and is passed on with two descriptors then.
    pub readable: bool,
}

impl Options {
    /// A gibibyte of records and as much of blocks, whatever the container may use; for the rest as by default.
    pub const LARGEST: Options = Options {
        max_records: u64::MAX,
        max_bytes: 1 << 30,
        max_block_bytes: 1 << 30,
        block_from: 32 << 10,
        track: false,
        readable: false,
    };
}

impl Default for Options {
    /// As many records as fit; 1 GiB of them and 1 GiB of blocks, or half of what the container may use in all if that is
    /// less.
    fn default() -> Options {
        let quarter = cgroup::memory_limit().map_or(usize::MAX, |limit| (limit / 4) as usize);
        let most = quarter.min(1 << 30);
        Options { max_bytes: most, max_block_bytes: most, ..Options::LARGEST }
    }
}

/// A ring's memory, mapped, and what this process is in it.
#[derive(Debug)]
pub struct Store {
    pub segment: Segment,
    pub member: Membership,
    pub bell: Option<Bell>,
    largest: u32,
    granules: u32,
    block_from: usize,
    tracks: bool,
    /// The slot stays when this value goes: it has blocks that forked children may look at.
    keeps_slot: AtomicBool,
}

impl Store {
    /// New memory, of as much address space as asked for or as there is.
    pub fn create(options: &Options) -> io::Result<Store> {
        let bits = options.max_bytes.clamp(2 << FIRST_BITS, 1 << 30).ilog2();
        let mut largest = bits - FIRST_BITS - 1;
        let mut granules = (options.max_block_bytes / GRANULE).min(GRANULES);
        loop {
            match Store::create_sized(options, largest, granules) {
                // A limit on address space: a smaller ring is better than none.
                Err(error) if error.kind() == io::ErrorKind::OutOfMemory && largest > 4 => {
                    largest -= 1;
                    granules /= 2;
                }
                other => return other,
            }
        }
    }

    fn create_sized(options: &Options, largest: u32, granules: usize) -> io::Result<Store> {
        let namespace = identity::pid_namespace()?;
        let block_from = u32::try_from(options.block_from).unwrap_or(u32::MAX).max(1);
        let len = (FIRST << (largest + 1)) + GRANULES_AT + granules * GRANULE;
        let segment = Segment::create_in_two(c"ropewalk", len - HEADER, HEAD, LAYOUT, |segment| {
            let header = segment.body().cast::<Header>().as_ptr();
            // SAFETY: rules 1 and 2; the memory is fresh, zero and ours alone.
            unsafe { RobustMutex::init(&raw mut (*header).lock)? };
            // SAFETY: rules 1 and 2.
            let header = unsafe { &*header };
            header.namespace.store(namespace, Ordering::Relaxed);
            header.max_records.store(options.max_records, Ordering::Relaxed);
            header.largest.store(largest, Ordering::Relaxed);
            header.granules.store(granules as u32, Ordering::Relaxed);
            header.block_from.store(block_from, Ordering::Relaxed);
            header.track.store(u32::from(options.track), Ordering::Relaxed);
            header.has_bell.store(u32::from(options.readable), Ordering::Relaxed);
            super::state::State::EMPTY.write(&header.states[0].0);
            Ok(())
        })?;
        let mut store = Store::of(segment);
        store.bell = options.readable.then(Bell::create).transpose()?;
        Ok(store)
    }

    /// Memory that another process made, and its bell if it has one.
    pub fn open(fd: OwnedFd, bell: Option<OwnedFd>) -> Result<Store, OpenError> {
        let mut store = Store::look(fd)?;
        let has_bell = store.header().has_bell.load(Ordering::Relaxed) != 0;
        if has_bell != bell.is_some() {
            return Err(OpenError::Bell { has_one: has_bell });
        }
        store.bell = bell.map(Bell::open).transpose()?;
        Ok(store)
    }

    /// Another's store, only to be looked at: without its bell its lock may not be taken.
    pub fn look(fd: OwnedFd) -> Result<Store, OpenError> {
        let segment = Segment::open_in_two(fd, HEAD, LAYOUT)?;
        if segment.mapping().len() < HEAD {
            return Err(OpenError::Corrupt);
        }
        let store = Store::of(segment);
        let ring = FIRST.checked_shl(store.largest.saturating_add(1)).unwrap_or(0);
        let whole = ring.saturating_add(GRANULES_AT + store.granules as usize * GRANULE);
        if store.largest as usize >= SEGMENTS
            || store.granules as usize > GRANULES
            || whole != store.segment.mapping().len()
        {
            return Err(OpenError::Corrupt);
        }
        let found = store.header().namespace.load(Ordering::Relaxed);
        let ours = identity::pid_namespace()?;
        if found != ours {
            return Err(OpenError::Namespace);
        }
        Ok(store)
    }

    /// What a segment's header says, once: what is compared with its size is what is used later.
    fn of(segment: Segment) -> Store {
        let member = Membership::default();
        let mut store = Store {
            segment,
            member,
            bell: None,
            largest: 0,
            granules: 0,
            block_from: 0,
            tracks: false,
            keeps_slot: AtomicBool::new(false),
        };
        let header = store.header();
        let [largest, granules, track] =
            [&header.largest, &header.granules, &header.track].map(|word| word.load(Ordering::Relaxed));
        let block_from = header.block_from.load(Ordering::Relaxed) as usize;
        (store.largest, store.granules) = (largest, granules);
        (store.block_from, store.tracks) = (block_from, track != 0);
        store
    }

    /// Parts of so many bytes go into blocks.
    #[inline]
    pub fn block_from(&self) -> usize {
        self.block_from
    }

    /// Granules of the arena.
    #[inline]
    pub fn granules(&self) -> usize {
        self.granules as usize
    }

    /// The number of the largest segment, as it was when the memory was mapped.
    #[inline]
    pub fn largest(&self) -> usize {
        self.largest as usize
    }

    /// Whether slots name the records in the hands of their processes.
    #[inline]
    pub fn tracks(&self) -> bool {
        self.tracks
    }

    #[inline]
    pub fn header(&self) -> &Header {
        // SAFETY: rules 1 and 2.
        unsafe { self.segment.body().cast::<Header>().as_ref() }
    }

    pub fn table(&self) -> Table<'_> {
        // SAFETY: rules 1 and 2.
        let slots = unsafe { self.segment.mapping().start().add(SLOTS_AT).cast::<[Slot; SLOTS]>().as_ref() };
        Table::new(slots, &self.header().slots_used)
    }

    /// The blocks.
    pub fn arena(&self) -> Arena<'_> {
        // SAFETY: rule 4.
        let header = unsafe { self.behind_the_ring(0).cast::<ArenaHeader>().as_ref() };
        let entries = self.behind_the_ring(ENTRIES_AT).cast::<Entry>();
        // SAFETY: rule 4; there is room for as many as an arena can have, and it has no more granules.
        let entries = unsafe { std::slice::from_raw_parts(entries.as_ptr(), self.granules as usize) };
        Arena::new(header, entries)
    }

    fn behind_the_ring(&self, offset: usize) -> NonNull<u8> {
        self.segment.mapping().at((FIRST << (self.largest + 1)) + offset)
    }

    /// This process has blocks that it will not give back: they are free when it has ended.
    pub fn keep_slot(&self) {
        self.keeps_slot.store(true, Ordering::Relaxed);
    }

    /// Whether it does.
    pub fn keeps_slot(&self) -> bool {
        self.keeps_slot.load(Ordering::Relaxed)
    }

    /// The memory of a block of `len` bytes; whoever has the block may use it.
    pub fn block(&self, granule: usize, len: usize) -> NonNull<u8> {
        let capacity = self.granules as usize;
        assert!(granule <= capacity && granules(len) <= capacity - granule, "no such block");
        self.behind_the_ring(GRANULES_AT + granule * GRANULE)
    }

    /// Copies bytes into a block that is ours.
    pub fn fill_block(&self, granule: usize, bytes: &[u8]) {
        let place = self.block(granule, bytes.len());
        if fork_copy::is_hidden(place.as_ptr(), bytes.len()) {
            let (offset, _) = self.granules_at(&(granule..granule));
            // It is inside, and a memfd takes what memory there is, as a page fault would: or the process ends.
            self.segment.mapping().write_at(offset, bytes).expect("memory for a block");
            return;
        }
        // SAFETY: rule 5; memory of ours can not overlap it.
        unsafe { place.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }

    /// The bytes of a block that is ours, read from the file if a copy hides it here.
    pub fn hidden_block(&self, granule: usize, len: usize) -> Option<io::Result<Vec<u8>>> {
        let place = self.block(granule, len);
        fork_copy::is_hidden(place.as_ptr(), len).then(|| {
            let (offset, _) = self.granules_at(&(granule..granule));
            let mut bytes = vec![0; len];
            self.segment.mapping().read_at(offset, &mut bytes).map(|()| bytes)
        })
    }

    /// Where the arena's granules lie in the mapping.
    pub fn granules_at(&self, granules: &std::ops::Range<usize>) -> (usize, usize) {
        let start = (FIRST << (self.largest + 1)) + GRANULES_AT + granules.start * GRANULE;
        (start, granules.len() * GRANULE)
    }

    /// Copies bytes into segment `number`, from position `at` on, around its end if need be.
    #[inline]
    pub fn write(&self, number: usize, at: u64, bytes: &[u8]) {
        let (first, rest) = self.split(number, at, bytes.len());
        // SAFETY: rule 3; `split` gives two ranges of the segment, as long together as the bytes.
        unsafe {
            first.0.copy_from_nonoverlapping(bytes.as_ptr(), first.1);
            rest.0.copy_from_nonoverlapping(bytes.as_ptr().add(first.1), rest.1);
        }
    }

    /// Copies bytes out of segment `number` to the end of `into`, which has room for them.
    #[inline]
    pub fn read(&self, number: usize, at: u64, len: usize, into: &mut Vec<u8>) {
        let (first, rest) = self.split(number, at, len);
        let room = &mut into.spare_capacity_mut()[..len];
        let start = room.as_mut_ptr().cast::<u8>();
        // SAFETY: rule 3; as in `write`, and the room was just checked to be as long.
        unsafe {
            start.copy_from_nonoverlapping(first.0, first.1);
            start.add(first.1).copy_from_nonoverlapping(rest.0, rest.1);
            into.set_len(into.len() + len);
        }
    }

    /// The word at a position that is a multiple of eight.
    #[inline]
    pub fn word(&self, number: usize, at: u64) -> &AtomicU64 {
        let (place, _) = self.split(number, at & !7, 8).0;
        // SAFETY: rules 2 and 3; aligned, since segments are.
        unsafe { AtomicU64::from_ptr(place.cast()) }
    }

    /// A range of a segment as one or two of its memory.
    #[inline]
    fn split(&self, number: usize, at: u64, len: usize) -> ((*mut u8, usize), (*mut u8, usize)) {
        assert!(number <= self.largest(), "no such segment");
        let size = FIRST << number;
        assert!(len <= size, "longer than the segment");
        let offset = at as usize & (size - 1);
        let first = len.min(size - offset);
        // Segment `number` ends at twice its offset, inside the file.
        let start = self.segment.mapping().at(size).as_ptr();
        // SAFETY: rule 3; inside the segment.
        ((unsafe { start.add(offset) }, first), (start, len - first))
    }
}

/// Bytes of segment `number`.
#[inline]
pub fn size(number: usize) -> u64 {
    (FIRST as u64) << number
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn bytes_go_around_the_end_of_a_segment_and_come_back_whole() {
        let store = Store::create(&Options::default()).expect("memfd");
        let bytes: Vec<u8> = (0..100).collect();
        store.write(0, size(0) - 40, &bytes);
        let mut back = Vec::with_capacity(100);
        store.read(0, 5 * size(0) - 40, 100, &mut back);
        assert_eq!(back, bytes);
    }

    #[test]
    fn a_ring_of_another_pid_namespace_is_refused() {
        let store = Store::create(&Options::default()).expect("memfd");
        store.header().namespace.fetch_add(1, Ordering::Relaxed);
        let fd = store.segment.as_fd().try_clone_to_owned().expect("dup");
        assert!(matches!(Store::open(fd, None), Err(OpenError::Namespace)));
    }

    #[test]
    fn a_ring_that_lies_about_its_largest_segment_is_corrupt() {
        for lie in [0, 12, 14, u32::MAX] {
            let store = Store::create(&Options::default()).expect("memfd");
            store.header().largest.store(lie, Ordering::Relaxed);
            let fd = store.segment.as_fd().try_clone_to_owned().expect("dup");
            assert!(matches!(Store::open(fd, None), Err(OpenError::Corrupt)), "{lie}");
        }
    }

    #[test]
    fn a_segment_too_short_for_a_ring_is_corrupt() {
        let segment = Segment::create(64, LAYOUT).expect("memfd");
        let fd = segment.as_fd().try_clone_to_owned().expect("dup");
        assert!(matches!(Store::open(fd, None), Err(OpenError::Corrupt)));
    }
}
