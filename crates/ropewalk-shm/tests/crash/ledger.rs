//! What was seen of each record, in memory that survives whoever saw it.
//!
//! # Contract of the unsafe code
//!
//! 1. The mapping is as long as the cells, is never written but through them, and any bytes are atomics.
#![allow(unsafe_code)]

use ropewalk_os::memory::Mapping;
use std::sync::atomic::AtomicU32;

/// Counters that forked children share.
pub struct Ledger {
    mapping: Mapping,
    cells: usize,
}

impl Ledger {
    pub fn new(cells: usize) -> Ledger {
        Ledger { mapping: Mapping::create(c"ledger", cells * 4).expect("memfd"), cells }
    }

    pub fn cells(&self) -> &[AtomicU32] {
        // SAFETY: rule 1.
        unsafe { std::slice::from_raw_parts(self.mapping.start().as_ptr().cast(), self.cells) }
    }
}
