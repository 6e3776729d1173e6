//! A message on its way, and the memory that each thread keeps for messages.
//!
//! Whoever encodes or decodes takes the thread's scratch and puts it back afterwards. User code that is called meanwhile
//! and does the same finds none and makes one for itself: so the codec may be entered again at any point, and a forked
//! child has what its one thread had.

use super::buffer::Part;
use super::memo::Memo;
use ropewalk::process::Loan;
use std::cell::Cell;

/// An encoded object: bytes, and buffers beside them in their order.
#[derive(Default)]
pub(crate) struct Message {
    pub(crate) bytes: Vec<u8>,
    pub(crate) parts: Vec<Part>,
    /// Buffers that have come with it.
    pub(crate) loans: Vec<Loan>,
    pub(super) memo: Memo,
}

/// A message of more bytes does not leave them to the next.
const KEPT: usize = 1 << 20;

thread_local! {
    static SCRATCH: Cell<Option<Box<Message>>> = const { Cell::new(None) };
}

impl Message {
    /// This thread's, empty; [`Message::put_back`] it.
    #[inline]
    pub(crate) fn take() -> Box<Message> {
        SCRATCH.take().unwrap_or_default()
    }

    /// For the next one. Called attached: the buffers go back to their owners.
    #[inline]
    pub(crate) fn put_back(mut self: Box<Self>) {
        self.clear();
        SCRATCH.set(Some(self));
    }

    #[inline]
    pub(super) fn clear(&mut self) {
        self.parts.clear();
        self.loans.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
    }
}
