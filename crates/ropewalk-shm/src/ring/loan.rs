//! A large buffer that came with a record, in the hands of who took the record out.
//!
//! It belongs to the taker alone, who may write it too, in whatever thread; dropped, its memory can hold another.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// The bytes of one buffer of a record.
///
/// ```
/// use ropewalk_os::{Deadline, Plain};
/// use ropewalk_shm::ring::{Options, Ring};
/// let ring = Ring::create(&Options::default())?;
/// ring.push_parts(b"", &[b"rope"], &mut Plain, Deadline::NEVER).unwrap();
/// let mut loans = Vec::new();
/// ring.pop_parts(&mut Vec::new(), &mut loans, &mut Plain, Deadline::NEVER).unwrap();
/// drop(ring);
/// loans[0][0] = b'R';
/// assert_eq!(&*loans[0], b"Rope");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Loan {
    bytes: Vec<u8>,
}

impl Loan {
    pub(super) fn owned(bytes: Vec<u8>) -> Loan {
        Loan { bytes }
    }
}

impl Deref for Loan {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Loan {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl fmt::Debug for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loan({} bytes)", self.len())
    }
}
