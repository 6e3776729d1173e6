//! Small objects of many processes side by side in one segment, each in a slot of one cache line.
//!
//! ```text
//! 0        header of the segment: magic, layout, maker
//! 64       the pid namespace in which words name processes; how many entries were ever used
//! 128      entries of those who wait: see `sync/waiters`
//! 256 KiB  slots of objects, up to 1 MiB
//! ```
//!
//! A lock or an event needs a few words, and a descriptor and a mapping of its own would cost a hundred times more. The
//! process that makes objects makes a slab for them, and another when it is full; the file is sparse. Others get
//! the slab's descriptor and the number of a slot. A slab ends with the last process that has it mapped (law 3).
//!
//! Which slots are taken is not written here: only the maker gives them out, and knows it. A [`Place`] is one slot,
//! and keeps the slab mapped.
//!
//! # Contract of the unsafe code
//!
//! 1. The mapping has `LEN` bytes, starts at a page and lives as long as the `Slab`; header, entries and slots lie
//!    inside, each at a multiple of its alignment.
//! 2. They are made of atomics alone, for which any bytes are a value.
//! 3. The pointer of a `Place` is to a slot of the slab that it holds.
#![allow(unsafe_code)]

use crate::segment::{HEADER, OpenError, Segment};
use crate::sync::owner::Owner;
use crate::sync::waiters::{Entry, Waiters};
use ropewalk_os::identity;
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The version of everything in this file and in `sync`.
const LAYOUT: u32 = 2 << 16 | 1;

/// Bytes of a slab.
const LEN: usize = 1 << 20;
const ENTRIES_AT: usize = 128;
const SLOTS_AT: usize = 1 << 18;
const ENTRIES: usize = (SLOTS_AT - ENTRIES_AT) / size_of::<Entry>();

/// Slots of a slab.
pub const SLOTS: u32 = ((LEN - SLOTS_AT) / size_of::<Slot>()) as u32;

const _: () = assert!(size_of::<Slot>() == 64 && size_of::<Entry>() == 64 && size_of::<Header>() == 64);

#[repr(C, align(64))]
#[derive(Debug)]
struct Header {
    namespace: AtomicU64,
    entries_used: AtomicU32,
}

/// What stands in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// A lock.
    Lock = 1,
    /// A semaphore.
    Semaphore,
    /// An event.
    Event,
    /// A condition.
    Condition,
    /// A barrier.
    Barrier,
}

/// One object, in shared memory. What its words mean is told in `sync`.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Slot {
    kind: AtomicU32,
    _spare: AtomicU32,
    pub(crate) words: [AtomicU64; 7],
}

impl Slot {
    /// The lower half of a word, which the kernel can sleep on.
    #[inline]
    pub(crate) fn low(&self, number: usize) -> &AtomicU32 {
        let upper = usize::from(cfg!(target_endian = "big"));
        // SAFETY: rules 1 and 2; a half of a word of this slot, aligned as the word is.
        unsafe { AtomicU32::from_ptr(self.words[number].as_ptr().cast::<u32>().add(upper)) }
    }
}

/// A segment full of slots, mapped.
#[derive(Debug)]
pub struct Slab {
    segment: Segment,
}

impl Slab {
    /// A new one, with all slots free.
    ///
    /// # Errors
    /// What the system reports: no descriptors or no address space left, no `/proc`.
    pub fn create() -> io::Result<Slab> {
        let namespace = identity::pid_namespace()?;
        let segment = Segment::create_with(LEN - HEADER, LAYOUT, |segment| {
            header(segment).namespace.store(namespace, Ordering::Relaxed);
            Ok(())
        })?;
        Ok(Slab { segment })
    }

    /// The one that another process made.
    ///
    /// # Errors
    /// [`OpenError`]; nothing is taken from memory that is not a slab of this version.
    pub fn open(fd: OwnedFd) -> Result<Slab, OpenError> {
        let segment = Segment::open(fd, LAYOUT)?;
        if segment.mapping().len() != LEN {
            return Err(OpenError::Corrupt);
        }
        if header(&segment).namespace.load(Ordering::Relaxed) != identity::pid_namespace()? {
            return Err(OpenError::Namespace);
        }
        Ok(Slab { segment })
    }

    /// Who waits for objects of this slab.
    pub(crate) fn waiters(&self) -> Waiters<'_> {
        // SAFETY: rules 1 and 2.
        let entries =
            unsafe { self.segment.mapping().start().add(ENTRIES_AT).cast::<[Entry; ENTRIES]>().as_ref() };
        Waiters::new(entries, &header(&self.segment).entries_used)
    }
}

/// A lock that somebody has, as it was at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The number of its slot.
    pub number: u32,
    /// The process that has it.
    pub owner: Owner,
}

/// The locks of another process's slab that somebody has. They are read as a file is: in memory that is mapped, looking
/// would use up what is still free.
///
/// # Errors
/// As [`Slab::open`], or what reading reports.
pub fn held(fd: OwnedFd) -> Result<Vec<Held>, OpenError> {
    let file = File::from(fd);
    Slab::open(file.try_clone()?.into())?;
    let mut bytes = vec![0; LEN - SLOTS_AT];
    file.read_exact_at(&mut bytes, SLOTS_AT as u64)?;
    let slots = bytes.chunks_exact(size_of::<Slot>()).enumerate();
    let found = slots.filter_map(|(number, slot)| {
        let kind = u32::from_ne_bytes(slot[..4].try_into().ok()?);
        let word = u64::from_ne_bytes(slot[8..16].try_into().ok()?);
        let owner = Owner::in_word(word).filter(|_| kind == Kind::Lock as u32)?;
        Some(Held { number: number as u32, owner })
    });
    Ok(found.collect())
}

fn header(segment: &Segment) -> &Header {
    // SAFETY: rules 1 and 2; whoever calls has looked at the length, or made it.
    unsafe { segment.body().cast::<Header>().as_ref() }
}

impl AsFd for Slab {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.segment.as_fd()
    }
}

/// A slot, and the slab that it is in.
#[derive(Debug, Clone)]
pub struct Place {
    slot: NonNull<Slot>,
    number: u32,
    slab: Arc<Slab>,
}

// SAFETY: rules 2 and 3; the slot is made of atomics.
unsafe impl Send for Place {}
// SAFETY: rules 2 and 3, as above.
unsafe impl Sync for Place {}

impl Place {
    /// A slot that nobody uses, made empty, for an object of this kind. `None` beyond the last.
    pub fn fresh(slab: &Arc<Slab>, number: u32, kind: Kind) -> Option<Place> {
        let place = Place::at(slab, number)?;
        place.words.iter().for_each(|word| word.store(0, Ordering::Relaxed));
        place.kind.store(kind as u32, Ordering::Release);
        Some(place)
    }

    /// The slot of an object that another process made.
    ///
    /// # Errors
    /// [`OpenError::Corrupt`] if there is no such slot, or no object of this kind in it.
    pub fn open(slab: &Arc<Slab>, number: u32, kind: Kind) -> Result<Place, OpenError> {
        let place = Place::at(slab, number).ok_or(OpenError::Corrupt)?;
        if place.kind.load(Ordering::Acquire) != kind as u32 {
            return Err(OpenError::Corrupt);
        }
        Ok(place)
    }

    fn at(slab: &Arc<Slab>, number: u32) -> Option<Place> {
        if number >= SLOTS {
            return None;
        }
        // SAFETY: rule 1: there are so many slots.
        let slot =
            unsafe { slab.segment.mapping().start().add(SLOTS_AT).cast::<Slot>().add(number as usize) };
        Some(Place { slot, number, slab: slab.clone() })
    }

    /// The slot's number in its slab.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The slab that it is in.
    pub fn slab(&self) -> &Arc<Slab> {
        &self.slab
    }
}

impl Deref for Place {
    type Target = Slot;

    #[inline]
    fn deref(&self) -> &Slot {
        // SAFETY: rules 2 and 3.
        unsafe { self.slot.as_ref() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(slab: &Slab) -> OwnedFd {
        slab.as_fd().try_clone_to_owned().expect("dup")
    }

    #[test]
    fn a_slot_is_seen_through_every_mapping_of_its_slab() {
        let mine = Arc::new(Slab::create().expect("memfd"));
        let theirs = Arc::new(Slab::open(again(&mine)).expect("a slab"));
        let made = Place::fresh(&mine, SLOTS - 1, Kind::Event).expect("room");
        let opened = Place::open(&theirs, SLOTS - 1, Kind::Event).expect("an event");
        made.words[6].store(7, Ordering::Relaxed);
        made.low(0).store(5, Ordering::Relaxed);
        assert_eq!(opened.words[6].load(Ordering::Relaxed), 7);
        assert_eq!(opened.words[0].load(Ordering::Relaxed), 5);
    }

    #[test]
    fn a_slot_of_another_kind_or_beyond_the_last_is_refused() {
        let slab = Arc::new(Slab::create().expect("memfd"));
        Place::fresh(&slab, 0, Kind::Lock).expect("room");
        for (number, kind) in [(0, Kind::Event), (1, Kind::Lock), (SLOTS, Kind::Lock), (u32::MAX, Kind::Lock)]
        {
            assert!(matches!(Place::open(&slab, number, kind), Err(OpenError::Corrupt)), "{number}");
        }
    }

    #[test]
    fn who_has_which_lock_is_seen_without_using_memory() {
        use std::os::unix::fs::MetadataExt;
        let slab = Arc::new(Slab::create().expect("memfd"));
        let places: Vec<Place> =
            (0..3).map(|number| Place::fresh(&slab, number, Kind::Lock).expect("room")).collect();
        Place::fresh(&slab, 3, Kind::Barrier).expect("room").words[0].store(7, Ordering::Relaxed);
        assert!(crate::sync::lock::try_take(&places[1]));
        let blocks = || File::from(again(&slab)).metadata().expect("fstat").blocks();
        let before = blocks();
        let found = held(again(&slab)).expect("a slab");
        assert_eq!(found, [Held { number: 1, owner: Owner::me() }]);
        assert_eq!(blocks(), before);
    }

    #[test]
    fn other_memory_is_refused() {
        let ring = crate::ring::Ring::create(&crate::ring::Options::default()).expect("memfd");
        let fd = ring.as_fd().try_clone_to_owned().expect("dup");
        assert!(matches!(Slab::open(fd), Err(OpenError::Layout { .. })));
        let short = Segment::create(64, LAYOUT).expect("memfd");
        let fd = short.as_fd().try_clone_to_owned().expect("dup");
        assert!(matches!(Slab::open(fd), Err(OpenError::Corrupt)));
        let slab = Slab::create().expect("memfd");
        header(&slab.segment).namespace.fetch_add(1, Ordering::Relaxed);
        assert!(matches!(Slab::open(again(&slab)), Err(OpenError::Namespace)));
    }
}
