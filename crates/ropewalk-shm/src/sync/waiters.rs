//! Entries of those who wait for something of their own, in one table for a slab.

use std::sync::atomic::{AtomicU32, AtomicU64};

/// One waiting thread.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Entry {
    owner: AtomicU64,
}

/// The table.
#[derive(Clone, Copy, Debug)]
pub struct Waiters<'a> {
    entries: &'a [Entry],
    used: &'a AtomicU32,
}

impl<'a> Waiters<'a> {
    pub(crate) fn new(entries: &'a [Entry], used: &'a AtomicU32) -> Waiters<'a> {
        Waiters { entries, used }
    }
}
