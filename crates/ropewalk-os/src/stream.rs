//! Reading and writing of pipes and sockets by their descriptors' numbers, as programs hand them around.
//!
//! A descriptor is a number here and belongs to somebody else: it may be closed meanwhile, and then a call fails, or
//! means whatever has the number by then. A call that a signal interrupts fails with `Interrupted`; nothing was read or
//! written then.
//!
//! # Contract of the unsafe code
//!
//! 1. The system calls take integers, and slices or structures of ours by their own lengths; a descriptor that is not
//!    open is an error.
//! 2. read(2) writes only what it says that it has read, and never reads the buffer: it may be uninitialized.
#![allow(unsafe_code)]

use crate::clock::Deadline;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;

/// Reads some bytes, at least one unless the stream has ended or `into` is empty; says how many.
///
/// # Errors
/// What read(2) reports.
///
/// ```
/// use ropewalk_os::stream;
/// use std::os::fd::AsRawFd;
/// let (reader, writer) = std::io::pipe()?;
/// stream::write(writer.as_raw_fd(), [b"rope", b"walk"])?;
/// let mut bytes = [0; 100];
/// assert_eq!(stream::read(reader.as_raw_fd(), &mut bytes)?, 8);
/// drop(writer);
/// assert_eq!(stream::read(reader.as_raw_fd(), &mut bytes)?, 0);
/// # Ok::<(), std::io::Error>(())
/// ```
#[inline]
pub fn read(fd: RawFd, into: &mut [u8]) -> io::Result<usize> {
    // SAFETY: rule 1.
    let read = unsafe { libc::read(fd, into.as_mut_ptr().cast(), into.len()) };
    usize::try_from(read).map_err(|_| io::Error::last_os_error())
}

/// As [`read`], into memory that nothing was written to yet.
///
/// # Errors
/// As [`read`].
///
/// ```
/// use ropewalk_os::stream;
/// use std::os::fd::AsRawFd;
/// let (reader, writer) = std::io::pipe()?;
/// stream::write(writer.as_raw_fd(), [b"rope", b"walk"])?;
/// let mut bytes = Vec::with_capacity(100);
/// assert_eq!(stream::read_new(reader.as_raw_fd(), bytes.spare_capacity_mut())?, 8);
/// # bytes.push(0u8);
/// # Ok::<(), std::io::Error>(())
/// ```
#[inline]
pub fn read_new(fd: RawFd, into: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    // SAFETY: rules 1 and 2.
    let read = unsafe { libc::read(fd, into.as_mut_ptr().cast(), into.len()) };
    usize::try_from(read).map_err(|_| io::Error::last_os_error())
}

/// Writes some bytes of the two slices, one after the other, in one call; says how many.
///
/// # Errors
/// What writev(2) reports.
///
/// ```
/// use ropewalk_os::stream;
/// use std::os::fd::AsRawFd;
/// let (reader, writer) = std::io::pipe()?;
/// assert_eq!(stream::write(writer.as_raw_fd(), [b"rope", b"walk"])?, 8);
/// drop(reader);
/// assert_eq!(stream::write(writer.as_raw_fd(), [b"", b"x"]).unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
/// # Ok::<(), std::io::Error>(())
/// ```
#[inline]
pub fn write(fd: RawFd, parts: [&[u8]; 2]) -> io::Result<usize> {
    let parts =
        parts.map(|part| libc::iovec { iov_base: part.as_ptr().cast_mut().cast(), iov_len: part.len() });
    // SAFETY: rule 1; writev only reads.
    let written = unsafe { libc::writev(fd, parts.as_ptr(), 2) };
    usize::try_from(written).map_err(|_| io::Error::last_os_error())
}

/// Waits until something can be read, the stream has ended or failed; `false` if it has not by the deadline.
///
/// # Errors
/// What poll(2) reports. A descriptor that is not open counts as ready: who reads it is told.
///
/// ```
/// use ropewalk_os::{Deadline, stream};
/// use std::os::fd::AsRawFd;
/// let (reader, writer) = std::io::pipe()?;
/// assert!(!stream::poll(reader.as_raw_fd(), Deadline::NOW)?);
/// drop(writer);
/// assert!(stream::poll(reader.as_raw_fd(), Deadline::NEVER)?);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn poll(fd: RawFd, deadline: Deadline) -> io::Result<bool> {
    let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    loop {
        // Rounded up, so that it does not end before the deadline; a longer time than it can say is waited in pieces.
        let left = deadline.remaining().map(|left| left.as_nanos().div_ceil(1_000_000));
        let millis = left.map_or(-1, |left| libc::c_int::try_from(left).unwrap_or(libc::c_int::MAX));
        // SAFETY: rule 1.
        match unsafe { libc::poll(&mut poll, 1, millis) } {
            0 if deadline.passed() => return Ok(false),
            0 => {}
            ready if ready > 0 => return Ok(true),
            _ => return Err(io::Error::last_os_error()),
        }
    }
}

/// Closes a descriptor.
///
/// # Errors
/// What close(2) reports; the number is free in any case.
///
/// ```
/// use ropewalk_os::stream;
/// use std::os::fd::IntoRawFd;
/// let fd = std::fs::File::open("/dev/null")?.into_raw_fd();
/// stream::close(fd)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn close(fd: RawFd) -> io::Result<()> {
    // SAFETY: rule 1.
    if unsafe { libc::close(fd) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
