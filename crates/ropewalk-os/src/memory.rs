//! Anonymous memory that other processes can map: memfd_create(2), sealed, mapped once.
//!
//! A large mapping costs page tables of its own as soon as it is touched. So its head can be mapped alone at first, and the
//! rest when it is first needed.
//!
//! There is no name in any file system: the memory ends with its last descriptor and mapping, also when every
//! process that used it is killed. It is sparse: a page costs memory when it is first written.
//!
//! # Contract of the unsafe code
//!
//! 1. The file is sealed against shrinking and growing before it is mapped, and nothing beyond its end is, so no access
//!    inside a mapping can fault for want of file.
//! 2. [`Mapping`] owns its ranges: each is unmapped once, in `drop`, and no reference outlives it. The second is mapped once
//!    and stays where it is.
//! 3. Other processes write the same bytes: no `&[u8]` is ever made of them, only pointers and atomics.
//! 4. A descriptor is one that the kernel has just given us or that an `OwnedFd` keeps open; calls on it touch no
//!    memory of ours, and a name is a C string.
//! 5. Pages are given back, or asked for, inside the mapping only; a page given back reads as zero.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A shared mapping of a sealed memfd: of all of it, or of its head until somebody needs the [whole](Mapping::whole).
///
/// ```
/// use ropewalk_os::memory::Mapping;
/// use std::os::fd::AsFd;
/// let mine = Mapping::create(c"example", 4096)?;
/// let theirs = Mapping::open(mine.as_fd().try_clone_to_owned()?)?; // as another process does
/// assert_eq!(theirs.len(), mine.len());
/// assert_ne!(theirs.start(), mine.start()); // the same memory in two places
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Mapping {
    fd: OwnedFd,
    start: NonNull<u8>,
    len: usize,
    /// So many bytes are mapped from `start` on.
    head: usize,
    /// Where the others are, or null.
    rest: AtomicPtr<u8>,
}

// SAFETY: rules 2 and 3; the range may be used and unmapped from any thread.
unsafe impl Send for Mapping {}
// SAFETY: rule 3; sharing the handle gives out a pointer only.
unsafe impl Sync for Mapping {}

const SEALS: libc::c_int = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;

impl Mapping {
    /// New memory of `len` bytes, all zero. `name` shows in `/proc/PID/maps` only.
    ///
    /// # Errors
    /// What memfd_create(2), ftruncate(2) and mmap(2) report; `InvalidInput` for a zero or huge length.
    ///
    /// ```
    /// use ropewalk_os::memory::Mapping;
    /// assert_eq!(Mapping::create(c"example", 4096)?.len(), 4096);
    /// assert!(Mapping::create(c"example", 0).is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn create(name: &std::ffi::CStr, len: usize) -> io::Result<Mapping> {
        Mapping::create_in_two(name, len, len)
    }

    /// As [`Mapping::create`], with only the first `head` bytes mapped, whole pages; the rest too if the address space of this
    /// process is limited, so that a lack of it is told now.
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use ropewalk_os::memory::Mapping;
    /// let memory = Mapping::create_in_two(c"example", 1 << 30, 4096)?;
    /// memory.whole()?;
    /// # let _ = memory.at(1 << 20);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn create_in_two(name: &std::ffi::CStr, len: usize, head: usize) -> io::Result<Mapping> {
        let size = checked_len(len)?;
        // SAFETY: rule 4.
        let fd = unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: rule 4.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: rule 4.
        if unsafe { libc::ftruncate(fd.as_raw_fd(), size) } != 0
            // SAFETY: rule 4.
            || unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, SEALS) } != 0
        {
            return Err(io::Error::last_os_error());
        }
        let memory = Mapping::map(fd, len, head)?;
        if head < len && is_limited() {
            memory.whole()?;
        }
        Ok(memory)
    }

    /// Maps memory that another process made with [`Mapping::create`].
    ///
    /// # Errors
    /// `InvalidInput` if the descriptor is not a memfd sealed against resizing: such a file could shrink under
    /// the mapping and kill the process that reads it.
    ///
    /// ```
    /// use ropewalk_os::memory::Mapping;
    /// use std::os::fd::AsFd;
    /// let memory = Mapping::create(c"example", 4096)?;
    /// assert!(Mapping::open(memory.as_fd().try_clone_to_owned()?).is_ok());
    /// let file = std::fs::File::open("/proc/self/exe")?;
    /// assert!(Mapping::open(file.into()).is_err()); // it could shrink
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn open(fd: OwnedFd) -> io::Result<Mapping> {
        Mapping::open_in_two(fd, usize::MAX)
    }

    /// As [`Mapping::open`], with only the first `head` bytes mapped, whole pages.
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use ropewalk_os::memory::Mapping;
    /// use std::os::fd::AsFd;
    /// let memory = Mapping::create(c"example", 8192)?;
    /// let same = Mapping::open_in_two(memory.as_fd().try_clone_to_owned()?, 4096)?;
    /// assert_eq!(same.len(), 8192);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn open_in_two(fd: OwnedFd, head: usize) -> io::Result<Mapping> {
        // SAFETY: rule 4.
        let seals = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GET_SEALS) };
        if seals < 0 || seals & SEALS != SEALS {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a memfd sealed against resizing"));
        }
        let file = File::from(fd);
        let len = usize::try_from(file.metadata()?.len()).map_err(|_| too_long())?;
        checked_len(len)?;
        Mapping::map(file.into(), len, head)
    }

    fn map(fd: OwnedFd, len: usize, head: usize) -> io::Result<Mapping> {
        let head = head.min(len);
        let start = map_range(fd.as_fd(), 0, head)?;
        Ok(Mapping { fd, start, len, head, rest: AtomicPtr::new(std::ptr::null_mut()) })
    }

    /// Maps what is not mapped yet. Cheap to call again.
    ///
    /// # Errors
    /// What mmap(2) reports: there is no address space left.
    ///
    /// ```
    /// use ropewalk_os::memory::Mapping;
    /// let memory = Mapping::create(c"example", 4096)?;
    /// memory.whole()?; // it is already
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn whole(&self) -> io::Result<()> {
        if self.head == self.len || !self.rest.load(Ordering::Acquire).is_null() {
            return Ok(());
        }
        self.map_rest()
    }

    #[cold]
    fn map_rest(&self) -> io::Result<()> {
        let rest = map_range(self.fd.as_fd(), self.head, self.len - self.head)?.as_ptr();
        let null = std::ptr::null_mut();
        if self.rest.compare_exchange(null, rest, Ordering::AcqRel, Ordering::Acquire).is_err() {
            // Another thread was faster.
            // SAFETY: rule 2; nobody knows of it.
            unsafe { libc::munmap(rest.cast(), self.len - self.head) };
        }
        Ok(())
    }

    /// Where the byte at `offset` is, and those behind it up to the end of the head, or of the rest.
    ///
    /// # Panics
    /// If it is beyond the end, or in the rest before that was [mapped](Mapping::whole).
    ///
    /// ```
    /// let memory = ropewalk_os::memory::Mapping::create(c"example", 4096)?;
    /// assert_eq!(memory.at(0), memory.start());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset <= self.len, "beyond the end of the mapping");
        if offset < self.head || self.head == self.len {
            // SAFETY: rule 1; inside the head, or at its end.
            return unsafe { self.start.add(offset) };
        }
        let rest = NonNull::new(self.rest.load(Ordering::Acquire)).expect("the rest is mapped first");
        // SAFETY: rule 1; inside the rest, or at its end.
        unsafe { rest.add(offset - self.head) }
    }

    /// Where the memory starts, or its head: page-aligned, valid while this value lives.
    ///
    /// ```
    /// let memory = ropewalk_os::memory::Mapping::create(c"example", 4096)?;
    /// assert_eq!(memory.start().addr().get() % 4096, 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Its length in bytes.
    ///
    /// ```
    /// let memory = ropewalk_os::memory::Mapping::create(c"example", 100)?;
    /// assert_eq!(memory.len(), 100);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn len(&self) -> usize {
        self.len
    }

    /// Gives the memory of whole pages back to the system; they read as zero from now on, in every process.
    ///
    /// # Errors
    /// `InvalidInput` if the range is not inside the mapping, else what fallocate(2) reports.
    ///
    /// ```
    /// use ropewalk_os::memory::Mapping;
    /// let memory = Mapping::create(c"example", 8192)?;
    /// memory.populate(0, 8192);
    /// memory.punch(0, 4096)?;
    /// assert!(memory.punch(4096, 8192).is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn punch(&self, offset: usize, len: usize) -> io::Result<()> {
        self.inside(offset, len)?;
        let offset = libc::off_t::try_from(offset).map_err(|_| too_long())?;
        let len = checked_len(len)?;
        let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        // SAFETY: rules 4 and 5.
        if unsafe { libc::fallocate(self.fd.as_raw_fd(), mode, offset, len) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Makes the pages of a range ready to be written, in one call instead of one fault each. A hint: an old
    /// kernel, or one short of memory, leaves it to the faults.
    ///
    /// ```
    /// use ropewalk_os::memory::Mapping;
    /// let memory = Mapping::create(c"example", 1 << 20)?;
    /// memory.populate(0, 1 << 16);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn populate(&self, offset: usize, len: usize) {
        if self.inside(offset, len).is_ok() {
            // SAFETY: rules 2 and 5; MADV_POPULATE_WRITE changes no byte.
            unsafe { libc::madvise(self.at(offset).as_ptr().cast(), len, libc::MADV_POPULATE_WRITE) };
        }
    }

    /// Copies bytes out of the file, not through the mapping: for a place where this process has something else mapped.
    ///
    /// # Errors
    /// `InvalidInput` if the range is not inside the mapping, else what pread(2) reports.
    ///
    /// ```
    /// use ropewalk_os::memory::Mapping;
    /// let memory = Mapping::create(c"example", 4096)?;
    /// memory.write_at(100, b"rope")?;
    /// let mut bytes = [0; 4];
    /// memory.read_at(100, &mut bytes)?;
    /// assert_eq!(&bytes, b"rope");
    /// assert!(memory.read_at(4096, &mut bytes).is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn read_at(&self, offset: usize, into: &mut [u8]) -> io::Result<()> {
        self.inside(offset, into.len())?;
        self.file().read_exact_at(into, offset as u64)
    }

    /// Copies bytes into the file, not through the mapping; see [`read_at`](Mapping::read_at).
    ///
    /// # Errors
    /// `InvalidInput` if the range is not inside the mapping, else what pwrite(2) reports.
    ///
    /// ```
    /// use ropewalk_os::memory::Mapping;
    /// let memory = Mapping::create(c"example", 4096)?;
    /// assert!(memory.write_at(4094, b"rope").is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn write_at(&self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        self.inside(offset, bytes.len())?;
        self.file().write_all_at(bytes, offset as u64)
    }

    fn file(&self) -> ManuallyDrop<File> {
        // SAFETY: rule 4; it is not closed by the file.
        ManuallyDrop::new(unsafe { File::from_raw_fd(self.fd.as_raw_fd()) })
    }

    fn inside(&self, offset: usize, len: usize) -> io::Result<()> {
        if offset.checked_add(len).is_none_or(|end| end > self.len) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the range is not inside the mapping"));
        }
        Ok(())
    }

    /// Never: a mapping has at least one byte.
    ///
    /// ```
    /// let memory = ropewalk_os::memory::Mapping::create(c"example", 1)?;
    /// assert!(!memory.is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_empty(&self) -> bool {
        false
    }
}

impl AsFd for Mapping {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: rule 2.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.head) };
        let rest = *self.rest.get_mut();
        if !rest.is_null() {
            // SAFETY: rule 2.
            unsafe { libc::munmap(rest.cast(), self.len - self.head) };
        }
    }
}

/// Whether the address space of this process is limited.
fn is_limited() -> bool {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: rule 4; it writes into our value.
    unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) };
    limit.rlim_cur != libc::RLIM_INFINITY
}

fn map_range(fd: BorrowedFd<'_>, offset: usize, len: usize) -> io::Result<NonNull<u8>> {
    let offset = libc::off_t::try_from(offset).map_err(|_| too_long())?;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_SHARED | libc::MAP_NORESERVE;
    // SAFETY: rule 1; a new range chosen by the kernel.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), len, access, flags, fd.as_raw_fd(), offset) };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(start.cast()).ok_or_else(|| io::Error::other("mapped at address zero"))
}

fn checked_len(len: usize) -> io::Result<libc::off_t> {
    if len == 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "shared memory needs at least one byte"));
    }
    libc::off_t::try_from(len).map_err(|_| too_long())
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "longer than a file can be")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    fn word(mapping: &Mapping) -> &AtomicU32 {
        // SAFETY: rule 3; page-aligned, at least four bytes.
        unsafe { AtomicU32::from_ptr(mapping.start().as_ptr().cast()) }
    }

    #[test]
    fn two_mappings_of_one_memfd_show_the_same_bytes() {
        let first = Mapping::create(c"test", 4096).expect("memfd");
        let second = Mapping::open(first.as_fd().try_clone_to_owned().expect("dup")).expect("map");
        word(&first).store(7, Ordering::Relaxed);
        assert_eq!(word(&second).load(Ordering::Relaxed), 7);
        assert_eq!(second.len(), 4096);
    }

    #[test]
    fn a_file_that_could_shrink_is_refused() {
        let file = File::open("/proc/self/exe").expect("open");
        assert_eq!(Mapping::open(file.into()).expect_err("not sealed").kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_page_given_back_reads_as_zero() {
        let mapping = Mapping::create(c"test", 8192).expect("memfd");
        word(&mapping).store(7, Ordering::Relaxed);
        mapping.populate(4096, 4096);
        mapping.punch(0, 4096).expect("punch");
        assert_eq!(word(&mapping).load(Ordering::Relaxed), 0);
        assert_eq!(mapping.punch(4096, 8192).expect_err("beyond").kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn the_rest_is_mapped_when_it_is_needed_and_is_the_same_memory() {
        let memory = Mapping::create_in_two(c"test", 3 * 4096, 4096).expect("memfd");
        let again = Mapping::open(memory.as_fd().try_clone_to_owned().expect("dup")).expect("map");
        word(&memory).store(1, Ordering::Relaxed);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| memory.whole().expect("address space"));
            }
        });
        let place = memory.at(2 * 4096);
        assert_eq!(memory.at(2 * 4096), place, "it stays where it is");
        // SAFETY: rule 3; inside the rest, and aligned.
        unsafe { AtomicU32::from_ptr(place.as_ptr().cast()) }.store(7, Ordering::Relaxed);
        // SAFETY: rule 3, as above.
        let seen = unsafe { AtomicU32::from_ptr(again.at(2 * 4096).as_ptr().cast()) };
        assert_eq!((word(&again).load(Ordering::Relaxed), seen.load(Ordering::Relaxed)), (1, 7));
    }

    #[test]
    #[should_panic(expected = "the rest is mapped first")]
    fn what_is_not_mapped_is_not_pointed_to() {
        let _ = Mapping::create_in_two(c"test", 8192, 4096).expect("memfd").at(4096);
    }

    #[test]
    fn no_bytes_are_refused() {
        assert_eq!(Mapping::create(c"test", 0).expect_err("zero").kind(), io::ErrorKind::InvalidInput);
    }
}
