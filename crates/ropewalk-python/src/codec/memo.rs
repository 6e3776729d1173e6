//! Which objects a message has in it already, by their addresses.
//!
//! A table that is emptied by counting up: a message that needs it pays for its own entries only.

#[derive(Clone, Copy, Default)]
struct Entry {
    address: usize,
    /// The message that it belongs to.
    message: u32,
    number: u32,
}

/// The objects of one message.
pub(super) struct Memo {
    entries: Vec<Entry>,
    message: u32,
    len: usize,
}

const FEWEST: usize = 64;
/// A table larger than this is not kept for the next message.
const KEPT: usize = 1 << 14;

impl Default for Memo {
    fn default() -> Memo {
        Memo { entries: vec![Entry::default(); FEWEST], message: 1, len: 0 }
    }
}

impl Memo {
    /// Forgets all objects.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.message = self.message.wrapping_add(1);
        if self.message == 0 || self.entries.len() > KEPT {
            *self = Memo::default();
        }
    }

    /// Puts an object in under `number`, or says under which it is in.
    #[inline]
    pub(super) fn put(&mut self, address: usize, number: u32) -> Option<u32> {
        if self.len * 2 >= self.entries.len() {
            self.grow();
        }
        let place = self.place(address);
        let entry = &mut self.entries[place];
        if entry.message == self.message {
            return Some(entry.number);
        }
        *entry = Entry { address, message: self.message, number };
        self.len += 1;
        None
    }

    /// Where the object is, or would go.
    #[inline]
    fn place(&self, address: usize) -> usize {
        let mask = self.entries.len() - 1;
        // Objects are aligned to 16 bytes; the multiplication spreads what is left over the upper bits.
        let mut place = ((address >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) & mask;
        while self.entries[place].message == self.message && self.entries[place].address != address {
            place = (place + 1) & mask;
        }
        place
    }

    #[cold]
    fn grow(&mut self) {
        let wider = vec![Entry::default(); self.entries.len() * 4];
        let old = std::mem::replace(&mut self.entries, wider);
        for entry in old.into_iter().filter(|entry| entry.message == self.message) {
            let place = self.place(entry.address);
            self.entries[place] = entry;
        }
    }
}
