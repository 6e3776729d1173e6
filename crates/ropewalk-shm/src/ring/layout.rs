//! Where everything of a ring lies in its memory.
//!
//! ```text
//! 0        header of the segment: magic, layout, maker
//! 64       Header: lock, `active`, two states, lines of sleepers, ends, high-water marks
//! 4096     slots of processes
//! 64 KiB   the ring's segments: number i has 64 KiB << i bytes, at offset 64 KiB << i
//! ```
//!
//! The file is as long as its largest segment ends, and sparse: what was never written costs nothing.
//!
//! # Contract of the unsafe code
//!
//! 1. The mapping is at least [`FIRST`] bytes long, page-aligned, and lives as long as the `Store`; the header and
//!    the slots lie inside its first [`FIRST`] bytes, each at an offset that is a multiple of its alignment.
//! 2. They are made of atomics and of the robust mutex alone, for which any bytes are a value; the mutex was made
//!    before the segment got its magic number.
//! 3. Bytes are copied in and out of a segment that the file holds whole, at offsets taken modulo its size, never
//!    by reference: other processes may write them.
#![allow(unsafe_code)]

use crate::line::Line;
use crate::participants::{LINES, SLOTS, Slot, Table};
use crate::segment::{HEADER, OpenError, Segment};
use ropewalk_os::robust::RobustMutex;
use ropewalk_os::{cgroup, identity};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The version of everything in this file. C libraries whose mutexes differ in size have different layouts.
const LAYOUT: u32 = 2 << 16 | std::mem::size_of::<RobustMutex>() as u32;

/// Offset and size of the first segment, as a power of two.
pub const FIRST_BITS: u32 = 16;
/// Bytes before the first segment.
pub const FIRST: usize = 1 << FIRST_BITS;
/// Segments that a ring can have.
pub const SEGMENTS: usize = 14;
const SLOTS_AT: usize = 4096;

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
const _: () = assert!(std::mem::size_of::<Slot>() == 32 && HEADER.is_multiple_of(64));

/// How a ring is made.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// At most so many records wait in it.
    pub max_records: u64,
    /// At most about so many bytes do; rounded down to a power of two between 128 KiB and 1 GiB. It costs address
    /// space; memory is used by what is really written.
    pub max_bytes: usize,
    /// Whether it notes which record each process has in its hand (see [`Ring::in_hand`](super::Ring::in_hand)). A process
    /// takes a slot then with the first record that it takes out.
    pub track: bool,
}

impl Default for Options {
    /// As many records as fit; 1 GiB of them, or half of what the container may use if that is less.
    fn default() -> Options {
        let half = cgroup::memory_limit().map_or(usize::MAX, |limit| (limit / 2) as usize);
        Options { max_records: u64::MAX, max_bytes: half.min(1 << 30), track: false }
    }
}

/// A ring's memory, mapped.
#[derive(Debug)]
pub struct Store {
    pub segment: Segment,
    largest: u32,
    tracks: bool,
}

impl Store {
    /// New memory, of as much address space as asked for or as there is.
    pub fn create(options: &Options) -> io::Result<Store> {
        let bits = options.max_bytes.clamp(2 << FIRST_BITS, 1 << 30).ilog2();
        let mut largest = bits - FIRST_BITS - 1;
        loop {
            match Store::create_sized(options, largest) {
                // A limit on address space: a smaller ring is better than none.
                Err(error) if error.kind() == io::ErrorKind::OutOfMemory && largest > 4 => largest -= 1,
                other => return other,
            }
        }
    }

    fn create_sized(options: &Options, largest: u32) -> io::Result<Store> {
        let namespace = identity::pid_namespace()?;
        let segment = Segment::create_with((FIRST << (largest + 1)) - HEADER, LAYOUT, |segment| {
            let header = segment.body().cast::<Header>().as_ptr();
            // SAFETY: rules 1 and 2; the memory is fresh, zero and ours alone.
            unsafe { RobustMutex::init(&raw mut (*header).lock)? };
            // SAFETY: rules 1 and 2.
            let header = unsafe { &*header };
            header.namespace.store(namespace, Ordering::Relaxed);
            header.max_records.store(options.max_records, Ordering::Relaxed);
            header.largest.store(largest, Ordering::Relaxed);
            header.track.store(u32::from(options.track), Ordering::Relaxed);
            super::state::State::EMPTY.write(&header.states[0].0);
            Ok(())
        })?;
        Ok(Store { segment, largest, tracks: options.track })
    }

    /// Memory that another process made.
    pub fn open(fd: OwnedFd) -> Result<Store, OpenError> {
        let segment = Segment::open(fd, LAYOUT)?;
        if segment.mapping().len() < FIRST << 1 {
            return Err(OpenError::Corrupt);
        }
        let mut store = Store { segment, largest: 0, tracks: false };
        store.largest = store.header().largest.load(Ordering::Relaxed);
        store.tracks = store.header().track.load(Ordering::Relaxed) != 0;
        let whole = FIRST.checked_shl(store.largest.saturating_add(1));
        if store.largest as usize >= SEGMENTS || whole != Some(store.segment.mapping().len()) {
            return Err(OpenError::Corrupt);
        }
        let found = store.header().namespace.load(Ordering::Relaxed);
        let ours = identity::pid_namespace()?;
        if found != ours {
            return Err(OpenError::Namespace);
        }
        Ok(store)
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
        // SAFETY: rules 1 and 3: segment `number` ends at twice its offset, inside the file.
        let start = unsafe { self.segment.mapping().start().add(size).as_ptr() };
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
        assert!(matches!(Store::open(fd), Err(OpenError::Namespace)));
    }

    #[test]
    fn a_ring_that_lies_about_its_largest_segment_is_corrupt() {
        for lie in [0, 12, 14, u32::MAX] {
            let store = Store::create(&Options::default()).expect("memfd");
            store.header().largest.store(lie, Ordering::Relaxed);
            let fd = store.segment.as_fd().try_clone_to_owned().expect("dup");
            assert!(matches!(Store::open(fd), Err(OpenError::Corrupt)), "{lie}");
        }
    }

    #[test]
    fn a_segment_too_short_for_a_ring_is_corrupt() {
        let segment = Segment::create(64, LAYOUT).expect("memfd");
        let fd = segment.as_fd().try_clone_to_owned().expect("dup");
        assert!(matches!(Store::open(fd), Err(OpenError::Corrupt)));
    }
}
