//! A large part of a record, in the hands of who took the record out.
//!
//! It belongs to the taker alone, who may write it too, in whatever thread; dropped, its memory can hold another.
//!
//! A process that is forked while it is held has a copy of it, as of all memory ([`ForkCopy`]), and returns nothing. Where a
//! process has such a copy it does not see the ring's memory: a block that comes to lie there, because the parent has
//! given it back, is read from the file, and given back at once.
//!
//! # Contract of the unsafe code
//!
//! 1. The block is this value's from the commit that took its record out until it is given back, in `drop`: no process
//!    that keeps to the protocol writes it, and its memory is mapped as long as the `Store`, which the value keeps. It is
//!    whole granules, so its last page is nobody else's.
//! 2. Any bytes are a `[u8]`. A process that does not keep to the protocol can change them, and nothing else.
#![allow(unsafe_code)]

use super::layout::Store;
use ropewalk_os::fork;
use ropewalk_os::fork_copy::ForkCopy;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// The bytes of one buffer of a record.
///
/// ```
/// use ropewalk_os::{Deadline, Plain};
/// use ropewalk_shm::ring::{Options, Ring};
/// let ring = Ring::create(&Options::default())?;
/// ring.push_parts(b"", &[&vec![7; 100_000]], &mut Plain, Deadline::NEVER).unwrap();
/// let mut loans = Vec::new();
/// ring.pop_parts(&mut Vec::new(), &mut loans, &mut Plain, Deadline::NEVER).unwrap();
/// drop(ring);
/// loans[0][0] = 8;
/// assert_eq!(loans[0][..3], [8, 7, 7]);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Loan(Memory);

enum Memory {
    Owned(Vec<u8>),
    Block(Block),
}

/// A block that this process reads; given back when it is dropped.
struct Block {
    store: Arc<Store>,
    granule: usize,
    len: usize,
    /// In which process it was lent.
    epoch: u32,
    copy: Option<ForkCopy>,
}

impl Block {
    fn start(&self) -> *mut u8 {
        self.store.block(self.granule, self.len).as_ptr()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let seen = self.copy.take().is_some_and(ForkCopy::end);
        if self.epoch != fork::epoch() {
            return; // the parent's
        }
        if seen {
            self.store.arena().give_back(self.granule);
        } else {
            self.store.keep_slot(); // until this process ends
        }
    }
}

impl Loan {
    pub(super) fn owned(bytes: Vec<u8>) -> Loan {
        Loan(Memory::Owned(bytes))
    }

    /// A block whose entry says that this process reads it.
    pub(super) fn block(store: &Arc<Store>, granule: usize, len: usize) -> Loan {
        match store.hidden_block(granule, len) {
            None => {}
            Some(read) => {
                store.arena().give_back(granule);
                return Loan::owned(read.expect("the file of a mapping can be read"));
            }
        }
        let (offset, _) = store.granules_at(&(granule..granule));
        // SAFETY: rule 1: the store outlives it, see `drop`.
        let copy = unsafe { ForkCopy::of(store.segment.mapping(), offset, len) };
        let store = Arc::clone(store);
        Loan(Memory::Block(Block { store, granule, len, epoch: fork::epoch(), copy: Some(copy) }))
    }

    /// Whether the bytes lie in the ring's own memory, which is short for others as long as they do.
    pub fn is_block(&self) -> bool {
        matches!(self.0, Memory::Block { .. })
    }
}

impl Deref for Loan {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Memory::Owned(bytes) => bytes,
            // SAFETY: rules 1 and 2; `start` checks that it lies in the arena.
            Memory::Block(block) => unsafe { std::slice::from_raw_parts(block.start(), block.len) },
        }
    }
}

impl DerefMut for Loan {
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Memory::Owned(bytes) => bytes,
            // SAFETY: rules 1 and 2, as above; the value is borrowed for writing.
            Memory::Block(block) => unsafe { std::slice::from_raw_parts_mut(block.start(), block.len) },
        }
    }
}

impl fmt::Debug for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loan({} bytes)", self.len())
    }
}
