//! One mapping with a checked header: who made it, in which layout, and whether it was finished.
//!
//! ```text
//! byte 0   magic    u64   written last: a segment without it was never finished (law 1)
//!      8   layout   u32   version of everything behind the header
//!     12   pid      u32   maker (law 2)
//!     16   start    u64   maker's start time
//!     24   len      u64   length of the whole mapping
//!     64   body: at the head of a cache line
//! ```
//!
//! # Contract of the unsafe code
//!
//! 1. Header words lie inside the mapping, which has at least [`HEADER`] bytes, and are aligned: the mapping is
//!    page-aligned and the offsets are multiples of the words' sizes.
//! 2. They are only ever used as atomics, by every process (law 4).
#![allow(unsafe_code)]

use ropewalk_os::identity::Identity;
use ropewalk_os::memory::Mapping;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Bytes before the body.
pub const HEADER: usize = 64;
const MAGIC: u64 = u64::from_le_bytes(*b"ropewalk");

/// Memory shared between processes, with a header that says what it is.
#[derive(Debug)]
pub struct Segment {
    mapping: Mapping,
}

/// Why a descriptor is not a segment that this program can use.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// It cannot be mapped, or it is not a sealed memfd.
    System(io::Error),
    /// It was not made by ropewalk, or its maker died before it was finished.
    Foreign,
    /// It was made for another layout: the two programs are of different versions.
    Layout {
        /// The layout found in it.
        found: u32,
        /// The layout that this program speaks.
        expected: u32,
    },
    /// Its header does not agree with its size.
    Corrupt,
    /// Its processes have other numbers than ours: it was made in another pid namespace.
    Namespace,
    /// It was made with a descriptor for select(2) and came without, or the other way round.
    Bell {
        /// Whether it has one.
        has_one: bool,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::System(error) => write!(f, "shared memory cannot be opened: {error}"),
            OpenError::Foreign => {
                f.write_str("not a ropewalk segment, or its maker died before it was finished")
            }
            OpenError::Layout { found, expected } => write!(
                f,
                "the segment has layout {found}, this program speaks {expected}: both sides need the same version"
            ),
            OpenError::Namespace => f.write_str(
                "the segment was made in another pid namespace: whether its processes live can not be seen from here",
            ),
            OpenError::Bell { has_one: true } => {
                f.write_str("the segment was made with a descriptor for select(): both have to be passed on")
            }
            OpenError::Bell { has_one: false } => {
                f.write_str("the segment was made without a descriptor for select(), and came with one")
            }
            OpenError::Corrupt => f.write_str("the segment's header does not agree with its size"),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> OpenError {
        OpenError::System(error)
    }
}

impl Segment {
    /// A new segment with a body of `len` zero bytes in `layout`.
    ///
    /// # Errors
    /// What the system reports: no descriptors or no address space left, or a length of more than a file's.
    ///
    /// ```
    /// use ropewalk_shm::segment::Segment;
    /// use std::os::fd::AsFd;
    /// let segment = Segment::create(4096, 1)?;
    /// let same = Segment::open(segment.as_fd().try_clone_to_owned()?, 1).unwrap();
    /// assert_eq!(same.len(), 4096);
    /// assert!(Segment::open(segment.as_fd().try_clone_to_owned()?, 2).is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn create(len: usize, layout: u32) -> io::Result<Segment> {
        Segment::create_with(len, layout, |_| Ok(()))
    }

    /// As [`Segment::create`], and `fill` writes the body before the segment is a segment.
    ///
    /// # Errors
    /// As there, or what `fill` reports.
    pub fn create_with(
        len: usize,
        layout: u32,
        fill: impl FnOnce(&Segment) -> io::Result<()>,
    ) -> io::Result<Segment> {
        Segment::create_named(c"ropewalk", len, layout, fill)
    }

    /// As [`Segment::create_with`], by another name: it shows in `/proc` only.
    ///
    /// # Errors
    /// As there.
    pub fn create_named(
        name: &std::ffi::CStr,
        len: usize,
        layout: u32,
        fill: impl FnOnce(&Segment) -> io::Result<()>,
    ) -> io::Result<Segment> {
        Segment::create_in_two(name, len, usize::MAX, layout, fill)
    }

    /// As [`Segment::create_named`], with only the first `head` bytes mapped: see [`Mapping::create_in_two`].
    ///
    /// # Errors
    /// As there.
    pub fn create_in_two(
        name: &std::ffi::CStr,
        len: usize,
        head: usize,
        layout: u32,
        fill: impl FnOnce(&Segment) -> io::Result<()>,
    ) -> io::Result<Segment> {
        let whole = len.checked_add(HEADER).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let segment = Segment { mapping: Mapping::create_in_two(name, whole, head)? };
        let maker = Identity::current()?;
        segment.word32(8).store(layout, Ordering::Relaxed);
        segment.word32(12).store(maker.pid, Ordering::Relaxed);
        segment.word64(16).store(maker.start, Ordering::Relaxed);
        segment.word64(24).store(whole as u64, Ordering::Relaxed);
        fill(&segment)?;
        segment.word64(0).store(MAGIC, Ordering::Release); // law 1: the commit
        Ok(segment)
    }

    /// Opens a segment that another process made.
    ///
    /// # Errors
    /// [`OpenError`], and nothing in the body has been read.
    pub fn open(fd: OwnedFd, layout: u32) -> Result<Segment, OpenError> {
        Segment::open_in_two(fd, usize::MAX, layout)
    }

    /// As [`Segment::open`], with only the first `head` bytes mapped.
    ///
    /// # Errors
    /// As there.
    pub fn open_in_two(fd: OwnedFd, head: usize, layout: u32) -> Result<Segment, OpenError> {
        let mapping = Mapping::open_in_two(fd, head)?;
        if mapping.len() < HEADER {
            return Err(OpenError::Corrupt);
        }
        let segment = Segment { mapping };
        if segment.word64(0).load(Ordering::Acquire) != MAGIC {
            return Err(OpenError::Foreign);
        }
        let found = segment.word32(8).load(Ordering::Relaxed);
        if found != layout {
            return Err(OpenError::Layout { found, expected: layout });
        }
        if segment.word64(24).load(Ordering::Relaxed) != segment.mapping.len() as u64 {
            return Err(OpenError::Corrupt);
        }
        Ok(segment)
    }

    /// The process that made it; it may have ended.
    pub fn maker(&self) -> Identity {
        Identity {
            pid: self.word32(12).load(Ordering::Relaxed),
            start: self.word64(16).load(Ordering::Relaxed),
        }
    }

    /// Length of the body in bytes.
    pub fn len(&self) -> usize {
        self.mapping.len() - HEADER
    }

    /// Whether there is no body.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The memory itself: where it starts, and whole pages of it given back or asked for.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Where the body starts, aligned to 64 bytes; valid while this value lives. Other processes write it.
    pub fn body(&self) -> NonNull<u8> {
        // SAFETY: rule 1; the mapping is longer than the header or ends with it.
        unsafe { self.mapping.start().add(HEADER) }
    }

    fn word32(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: rules 1 and 2.
        unsafe { AtomicU32::from_ptr(self.mapping.start().as_ptr().add(offset).cast()) }
    }

    fn word64(&self, offset: usize) -> &AtomicU64 {
        // SAFETY: rules 1 and 2.
        unsafe { AtomicU64::from_ptr(self.mapping.start().as_ptr().add(offset).cast()) }
    }
}

impl AsFd for Segment {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.mapping.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(segment: &Segment) -> OwnedFd {
        segment.as_fd().try_clone_to_owned().expect("dup")
    }

    #[test]
    fn an_unfinished_segment_is_foreign() {
        let segment = Segment::create(8, 1).expect("create");
        segment.word64(0).store(0, Ordering::Relaxed);
        assert!(matches!(Segment::open(again(&segment), 1), Err(OpenError::Foreign)));
    }

    #[test]
    fn a_header_that_lies_about_its_length_is_corrupt() {
        let segment = Segment::create(8, 1).expect("create");
        segment.word64(24).store(1 << 40, Ordering::Relaxed);
        assert!(matches!(Segment::open(again(&segment), 1), Err(OpenError::Corrupt)));
    }

    #[test]
    fn a_memfd_too_short_for_a_header_is_corrupt() {
        let short = Mapping::create(c"short", 8).expect("memfd");
        let fd = short.as_fd().try_clone_to_owned().expect("dup");
        assert!(matches!(Segment::open(fd, 1), Err(OpenError::Corrupt)));
    }

    #[test]
    fn the_maker_is_this_process() {
        assert!(Segment::create(0, 1).expect("create").maker().is_alive());
    }
}
