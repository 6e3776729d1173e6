//! Messages over a pipe or a socket, in the format of Python's `multiprocessing.connection`.
//!
//! A message is its length and its bytes. The length is a big-endian 32-bit number, or -1 and a big-endian 64-bit
//! number for 2^31 bytes and more.
//!
//! Nothing is read that does not belong to the message asked for, and nothing is kept between two calls. So whoever
//! looks at the descriptor by other means sees the truth: select(2), another process that was forked, a reader that is
//! not ours. It costs a second read(2) for the bytes, which finds them there already and does not sleep.
//!
//! What must stay true: length and bytes leave in one writev(2), so that the writer of a short message is not seen
//! between the two, and no packet is held back for the second.

use super::Traffic;
use ropewalk_os::{Block, stream};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;

/// The longest message with a short length.
const SHORT: usize = i32::MAX as usize;

/// Why a message did not go out or come in.
///
/// ```
/// use ropewalk::{Plain, process::message::{Incoming, MessageError}};
/// use std::os::fd::AsRawFd;
/// let (reader, writer) = std::io::pipe()?;
/// drop(writer);
/// let ended = Incoming::default().receive(reader.as_raw_fd(), &mut [], None, None, &mut Plain);
/// assert!(matches!(ended, Err(MessageError::Ended)));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub enum MessageError<I> {
    /// The stream ended before the message, or before its first byte.
    Ended,
    /// The stream ended within the message.
    Torn,
    /// The length is negative, or beyond the limit.
    BadLength,
    /// What the system reports.
    System(io::Error),
    /// A signal's handler ended the call.
    Interrupted(I),
}

/// Sends one message, waiting for room as long as it takes.
///
/// # Errors
/// [`MessageError::System`] and [`MessageError::Interrupted`]; a part of it may have gone out.
///
/// ```
/// use ropewalk::{Plain, process::message::send};
/// use std::{io::Read, os::fd::AsRawFd};
/// let (mut reader, writer) = std::io::pipe()?;
/// send(writer.as_raw_fd(), b"rope", None, &mut Plain).unwrap();
/// drop(writer);
/// let mut seen = Vec::new();
/// reader.read_to_end(&mut seen)?;
/// assert_eq!(seen, b"\0\0\0\x04rope");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn send<B: Block>(
    fd: RawFd,
    message: &[u8],
    traffic: Option<&Traffic>,
    block: &mut B,
) -> Result<(), MessageError<B::Interrupt>> {
    let mut header = [0xff; 12];
    let header = match message.len() {
        length @ 0..=SHORT => {
            header[..4].copy_from_slice(&(length as u32).to_be_bytes());
            &header[..4]
        }
        length => {
            header[4..].copy_from_slice(&(length as u64).to_be_bytes());
            &header[..]
        }
    };
    let (mut sent, all) = (0, header.len() + message.len());
    while sent < all {
        let begun = sent.min(header.len());
        match block.detached(|| stream::write(fd, [&header[begun..], &message[sent - begun..]])) {
            Ok(count) => sent += count,
            Err(error) => retry(error, block)?,
        }
        if sent < all {
            after_a_part(block)?;
        }
    }
    if let Some(traffic) = traffic {
        traffic.sent();
    }
    Ok(())
}

/// What [`Incoming::receive`] has got.
///
/// ```
/// use ropewalk::process::message::Received;
/// assert_ne!(Received::Whole(4), Received::Large(4));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// The whole message: so many bytes, at the beginning of the buffer.
    Whole(usize),
    /// Only its length, which is beyond the buffer: its bytes are still to be [read](fill).
    Large(u64),
}

/// One message on its way in.
///
/// ```
/// use ropewalk::{Plain, process::message::{Incoming, Received, fill, send}};
/// use std::{mem::MaybeUninit, os::fd::AsRawFd};
/// let (reader, writer) = std::io::pipe()?;
/// send(writer.as_raw_fd(), b"rope", None, &mut Plain).unwrap();
/// send(writer.as_raw_fd(), b"ropewalk", None, &mut Plain).unwrap();
///
/// let (fd, mut buffer) = (reader.as_raw_fd(), [0; 5]);
/// let got = Incoming::default().receive(fd, &mut buffer, None, None, &mut Plain).unwrap();
/// assert_eq!(got, Received::Whole(4));
/// let got = Incoming::default().receive(fd, &mut buffer, None, None, &mut Plain).unwrap();
/// assert_eq!(got, Received::Large(8));
/// fill(fd, &mut [MaybeUninit::uninit(); 8], &mut Plain).unwrap();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Incoming {
    header: [u8; 12],
    read: usize,
    body: usize,
}

impl Incoming {
    /// Receives a message, waiting as long as it takes; its bytes only if they fit into `buffer`. Looks at `traffic`
    /// before it sleeps.
    ///
    /// # Errors
    /// [`MessageError`]; the stream can not be read on after any of them.
    ///
    /// ```
    /// # use ropewalk::{Plain, process::message::{Incoming, MessageError, send}};
    /// # use std::os::fd::AsRawFd;
    /// # let (reader, writer) = std::io::pipe()?;
    /// send(writer.as_raw_fd(), b"ropewalk", None, &mut Plain).unwrap();
    /// let got = Incoming::default().receive(reader.as_raw_fd(), &mut [], Some(4), None, &mut Plain);
    /// assert!(matches!(got, Err(MessageError::BadLength)));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn receive<B: Block>(
        mut self,
        fd: RawFd,
        buffer: &mut [u8],
        limit: Option<u64>,
        traffic: Option<&Traffic>,
        block: &mut B,
    ) -> Result<Received, MessageError<B::Interrupt>> {
        let mut look = traffic;
        loop {
            let received = block.detached(|| {
                if let Some(traffic) = look.take() {
                    traffic.look();
                }
                self.advance(fd, buffer, limit)
            });
            match received {
                Ok(received) => {
                    if let Some(traffic) = traffic {
                        traffic.taken();
                    }
                    return Ok(received);
                }
                Err(MessageError::System(error)) => retry(error, block)?,
                Err(MessageError::Ended) => return Err(MessageError::Ended),
                Err(MessageError::Torn) => return Err(MessageError::Torn),
                Err(MessageError::BadLength) => return Err(MessageError::BadLength),
                Err(MessageError::Interrupted(())) => after_a_part(block)?,
            }
        }
    }

    fn advance(
        &mut self,
        fd: RawFd,
        buffer: &mut [u8],
        limit: Option<u64>,
    ) -> Result<Received, MessageError<()>> {
        let length = loop {
            if let Some(length) = self.length() {
                break length?;
            }
            let want = if self.read < 4 { 4 } else { 12 };
            self.read += some(fd, &mut self.header[self.read..want], self.read != 0 && self.read != 4)?;
            if self.read < want {
                return Err(MessageError::Interrupted(()));
            }
        };
        if limit.is_some_and(|limit| length > limit) {
            return Err(MessageError::BadLength);
        }
        let Some(body) = usize::try_from(length).ok().and_then(|length| buffer.get_mut(..length)) else {
            return Ok(Received::Large(length));
        };
        if self.body < body.len() {
            self.body += some(fd, &mut body[self.body..], self.body > 0)?;
            if self.body < body.len() {
                return Err(MessageError::Interrupted(()));
            }
        }
        Ok(Received::Whole(body.len()))
    }

    /// The length, once the bytes that tell it are there.
    fn length(&self) -> Option<Result<u64, MessageError<()>>> {
        let short = || i32::from_be_bytes([self.header[0], self.header[1], self.header[2], self.header[3]]);
        match self.read {
            4 => match short() {
                -1 => None,
                length => Some(u64::try_from(length).map_err(|_| MessageError::BadLength)),
            },
            12 => {
                let mut long = [0; 8];
                long.copy_from_slice(&self.header[4..]);
                Some(Ok(u64::from_be_bytes(long)))
            }
            _ => None,
        }
    }
}

/// Reads a message's bytes, or the next of them, until `body` is full.
///
/// # Errors
/// [`MessageError`], but for a bad length.
///
/// ```
/// use ropewalk::{Plain, process::message::fill};
/// use std::{io::Write, mem::MaybeUninit, os::fd::AsRawFd};
/// let (reader, mut writer) = std::io::pipe()?;
/// writer.write_all(b"rope")?;
/// fill(reader.as_raw_fd(), &mut [MaybeUninit::uninit(); 4], &mut Plain).unwrap();
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn fill<B: Block>(
    fd: RawFd,
    body: &mut [MaybeUninit<u8>],
    block: &mut B,
) -> Result<(), MessageError<B::Interrupt>> {
    let mut filled = 0;
    while filled < body.len() {
        let rest = &mut body[filled..];
        match block.detached(|| stream::read_new(fd, rest)) {
            Ok(0) if filled == 0 => return Err(MessageError::Ended),
            Ok(0) => return Err(MessageError::Torn),
            Ok(count) => filled += count,
            Err(error) => retry(error, block)?,
        }
        if filled < body.len() {
            after_a_part(block)?;
        }
    }
    Ok(())
}

fn some(fd: RawFd, into: &mut [u8], begun: bool) -> Result<usize, MessageError<()>> {
    match stream::read(fd, into) {
        Ok(0) if begun => Err(MessageError::Torn),
        Ok(0) => Err(MessageError::Ended),
        Ok(count) => Ok(count),
        Err(error) => Err(MessageError::System(error)),
    }
}

/// Perhaps it was a signal that ended the call in the middle, and the next call would not be told.
fn after_a_part<B: Block>(block: &mut B) -> Result<(), MessageError<B::Interrupt>> {
    block.interrupted().map_err(MessageError::Interrupted)
}

/// Goes on after a signal, unless its handler says otherwise.
fn retry<B: Block>(error: io::Error, block: &mut B) -> Result<(), MessageError<B::Interrupt>> {
    if error.kind() != io::ErrorKind::Interrupted {
        return Err(MessageError::System(error));
    }
    block.interrupted().map_err(MessageError::Interrupted)
}
