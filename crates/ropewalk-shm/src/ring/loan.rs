//! A large part of a record, in the hands of who took the record out.
//!
//! It belongs to the taker alone, who may write it too, in whatever thread; dropped, its memory can hold another. A
//! process that was forked meanwhile may look at it for as long as its parent has it, and returns nothing.
//!
//! # Contract of the unsafe code
//!
//! 1. The block is this value's from the commit that took its record out until it is given back, in `drop`: no process
//!    that keeps to the protocol writes it, and its memory is mapped as long as the `Store`, which the value keeps.
//! 2. Any bytes are a `[u8]`. A process that does not keep to the protocol can change them, and nothing else.
#![allow(unsafe_code)]

use super::layout::Store;
use ropewalk_os::fork;
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
    Block {
        store: Arc<Store>,
        granule: usize,
        len: usize,
        /// In which process it was lent.
        epoch: u32,
    },
}

impl Loan {
    pub(super) fn owned(bytes: Vec<u8>) -> Loan {
        Loan(Memory::Owned(bytes))
    }

    /// A block whose entry says that this process reads it.
    pub(super) fn block(store: &Arc<Store>, granule: usize, len: usize) -> Loan {
        Loan(Memory::Block { store: Arc::clone(store), granule, len, epoch: fork::epoch() })
    }

    /// Whether the bytes lie in memory that other processes map.
    pub fn is_shared(&self) -> bool {
        matches!(self.0, Memory::Block { .. })
    }
}

impl Deref for Loan {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Memory::Owned(bytes) => bytes,
            Memory::Block { store, granule, len, .. } => {
                let start = store.block(*granule, *len);
                // SAFETY: rules 1 and 2; `block` checks that it lies in the arena.
                unsafe { std::slice::from_raw_parts(start.as_ptr(), *len) }
            }
        }
    }
}

impl DerefMut for Loan {
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Memory::Owned(bytes) => bytes,
            Memory::Block { store, granule, len, .. } => {
                let start = store.block(*granule, *len);
                // SAFETY: rules 1 and 2, as above; the value is borrowed for writing.
                unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), *len) }
            }
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Memory::Block { store, granule, epoch, .. } = &self.0
            && *epoch == fork::epoch()
        {
            store.arena().give_back(*granule);
        }
    }
}

impl fmt::Debug for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loan({} bytes)", self.len())
    }
}
