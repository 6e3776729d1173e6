//! A queue's descriptor for select(2) and for event loops.

use super::Queue;
use std::io;
use std::os::fd::BorrowedFd;

impl Queue {
    /// A descriptor that is readable while a record waits inside, and when the queue is shut down: to be waited for, not
    /// to be read. Then try to take a record; another may have been faster.
    ///
    /// # Errors
    /// `Unsupported` if the queue was made without ([`Options::readable`](super::Options)); `InvalidInput` if what came with
    /// it is another queue's; a [`Fault`](super::Fault) as `Other`.
    ///
    /// ```
    /// use ropewalk::process::{Options, Queue};
    /// let queue = Queue::with(&Options { readable: true, ..Options::default() })?;
    /// let descriptor = queue.readable_fd()?; // for select(), or an event loop
    /// queue.try_push(b"now it is readable").unwrap();
    /// # let _ = descriptor;
    /// assert!(Queue::unbounded()?.readable_fd().is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn readable_fd(&self) -> io::Result<BorrowedFd<'_>> {
        self.ring.readable_fd()
    }

    /// The same descriptor, to be passed on with that of the memory; none if the queue was made without.
    ///
    /// ```
    /// assert!(ropewalk::process::Queue::unbounded()?.bell().is_none());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bell(&self) -> Option<BorrowedFd<'_>> {
        self.ring.bell()
    }
}
