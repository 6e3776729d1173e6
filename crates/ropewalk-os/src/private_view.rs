//! Part of a shared memory as this process sees it: what it writes there, no other sees.
//!
//! The pages are the shared ones until they are written; a written page is copied (mmap(2), `MAP_PRIVATE`). A child of
//! fork(2) gets the view as it gets all memory: as a copy. What others write into pages that were not written here does
//! show, so who has a view sees to it that nobody does.
//!
//! # Contract of the unsafe code
//!
//! 1. A view is whole pages inside a sealed file, which can not shrink, so no access inside it faults for want of file.
//! 2. It is unmapped once, in `drop`; references borrow it.
//! 3. Any bytes are a `[u8]`. That no process writes the shared pages meanwhile is what the maker promises; one that
//!    breaks it can change the bytes, and nothing else.
#![allow(unsafe_code)]

use crate::memory::Mapping;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::NonNull;

/// Bytes of a [`Mapping`], in a mapping of their own.
///
/// ```
/// use ropewalk_os::{memory::Mapping, private_view::PrivateView};
/// let memory = Mapping::create(c"example", 8192)?;
/// let mut view = PrivateView::of(&memory, 4096, 100)?;
/// view.bytes_mut()[0] = 7;
/// let again = PrivateView::of(&memory, 4096, 100)?;
/// assert_eq!((view.bytes()[0], again.bytes()[0]), (7, 0));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct PrivateView {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: rule 2; the range may be used and unmapped from any thread.
unsafe impl Send for PrivateView {}
// SAFETY: rule 3; shared, it gives out shared references only.
unsafe impl Sync for PrivateView {}

impl PrivateView {
    /// The `len` bytes of `memory` from `offset` on, which nobody writes as long as the view lives.
    ///
    /// # Errors
    /// What mmap(2) reports; `InvalidInput` for an offset within a page, no bytes, or more than there are.
    ///
    /// ```
    /// use ropewalk_os::{memory::Mapping, private_view::PrivateView};
    /// let memory = Mapping::create(c"example", 8192)?;
    /// assert!(PrivateView::of(&memory, 4096, 4096).is_ok());
    /// assert!(PrivateView::of(&memory, 1, 1).is_err());
    /// assert!(PrivateView::of(&memory, 4096, 4097).is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn of(memory: &Mapping, offset: usize, len: usize) -> io::Result<PrivateView> {
        let inside = offset.checked_add(len).is_some_and(|end| end <= memory.len());
        let place = libc::off_t::try_from(offset);
        let (true, Ok(place), 1..) = (inside, place, len) else {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        };
        // SAFETY: rule 1; a new range chosen by the kernel.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_NORESERVE,
                memory.as_fd().as_raw_fd(),
                place,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start =
            NonNull::new(start.cast::<u8>()).ok_or_else(|| io::Error::other("mapped at address zero"))?;
        // The pages are there: one call instead of a fault for each. Before Linux 5.14 they fault.
        // SAFETY: rule 1.
        unsafe { libc::madvise(start.as_ptr().cast(), len, libc::MADV_POPULATE_READ) };
        Ok(PrivateView { start, len })
    }

    /// The bytes.
    ///
    /// ```
    /// use ropewalk_os::{memory::Mapping, private_view::PrivateView};
    /// let memory = Mapping::create(c"example", 4096)?;
    /// assert_eq!(PrivateView::of(&memory, 0, 3)?.bytes(), [0, 0, 0]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: rules 2 and 3.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    /// The bytes, to be written.
    ///
    /// ```
    /// use ropewalk_os::{memory::Mapping, private_view::PrivateView};
    /// let memory = Mapping::create(c"example", 4096)?;
    /// PrivateView::of(&memory, 0, 3)?.bytes_mut().fill(1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: rules 2 and 3; the view is borrowed for writing.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for PrivateView {
    fn drop(&mut self) {
        // SAFETY: rule 2.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}
