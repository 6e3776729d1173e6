//! A large part of a record, in the hands of who took the record out.
//!
//! It belongs to the taker alone, who may write it too, in whatever thread; dropped, its memory can hold another.
//!
//! A process that is forked while it is held has the same memory, and returns nothing. Who can not rule that out makes
//! it [private](Loan::into_private): then a child has a copy, as of all memory. A block that a child may still look at
//! is not given back when its loan is dropped; it is free when this process has ended.
//!
//! # Contract of the unsafe code
//!
//! 1. The block is this value's from the commit that took its record out until it is given back, in `drop`: no process
//!    that keeps to the protocol writes it, and its memory is mapped as long as the `Store`, which the value keeps.
//! 2. Any bytes are a `[u8]`. A process that does not keep to the protocol can change them, and nothing else.
#![allow(unsafe_code)]

use super::layout::Store;
use ropewalk_os::fork;
use ropewalk_os::private_view::PrivateView;
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
    Shared {
        block: Block,
        len: usize,
    },
    /// The view lies in the block, and goes before it.
    Private {
        view: PrivateView,
        _block: Block,
    },
}

/// A block that this process reads; given back when it is dropped.
struct Block {
    store: Arc<Store>,
    granule: usize,
    /// In which process it was lent.
    epoch: u32,
    /// How often that process had forked, if a child may not see the block used again.
    forks: Option<u32>,
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.epoch == fork::epoch() && self.forks.is_none_or(|forks| forks == fork::forks()) {
            self.store.arena().give_back(self.granule);
        }
    }
}

impl Loan {
    pub(super) fn owned(bytes: Vec<u8>) -> Loan {
        Loan(Memory::Owned(bytes))
    }

    /// A block whose entry says that this process reads it.
    pub(super) fn block(store: &Arc<Store>, granule: usize, len: usize) -> Loan {
        let block = Block { store: Arc::clone(store), granule, epoch: fork::epoch(), forks: None };
        Loan(Memory::Shared { block, len })
    }

    /// The same bytes, where no other process sees what this one writes, and a forked child has them for itself.
    ///
    /// Costs a mapping; pages are copied as they are written. Without room for a mapping all bytes are copied.
    ///
    /// ```
    /// use ropewalk_os::{Deadline, Plain};
    /// use ropewalk_shm::ring::{Options, Ring};
    /// let ring = Ring::create(&Options::default())?;
    /// ring.push_parts(b"", &[&vec![7; 100_000]], &mut Plain, Deadline::NEVER).unwrap();
    /// let mut loans = Vec::new();
    /// ring.pop_parts(&mut Vec::new(), &mut loans, &mut Plain, Deadline::NEVER).unwrap();
    /// let mut loan = loans.remove(0).into_private();
    /// loan[0] = 8;
    /// assert!(!loan.is_shared() && loan[..3] == [8, 7, 7]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn into_private(self) -> Loan {
        match self.0 {
            Memory::Shared { mut block, len } => {
                block.forks = Some(fork::forks()); // before there is a view that a child could have
                let (offset, _) = block.store.granules_at(&(block.granule..block.granule));
                match PrivateView::of(block.store.segment.mapping(), offset, len) {
                    Ok(view) => Loan(Memory::Private { view, _block: block }),
                    Err(_) => Loan::owned(Loan(Memory::Shared { block, len }).to_vec()),
                }
            }
            memory => Loan(memory),
        }
    }

    /// Whether other processes see what is written into the bytes.
    pub fn is_shared(&self) -> bool {
        matches!(self.0, Memory::Shared { .. })
    }
}

impl Deref for Loan {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Memory::Owned(bytes) => bytes,
            Memory::Private { view, .. } => view.bytes(),
            Memory::Shared { block, len } => {
                let start = block.store.block(block.granule, *len);
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
            Memory::Private { view, .. } => view.bytes_mut(),
            Memory::Shared { block, len } => {
                let start = block.store.block(block.granule, *len);
                // SAFETY: rules 1 and 2, as above; the value is borrowed for writing.
                unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), *len) }
            }
        }
    }
}

impl fmt::Debug for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loan({} bytes)", self.len())
    }
}
