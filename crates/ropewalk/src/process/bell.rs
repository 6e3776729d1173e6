//! Queues among other descriptors that a program waits for.

use super::{Fault, OpenError, Queue};
use ropewalk_shm::ring::Ring;
use std::os::fd::{BorrowedFd, OwnedFd};

impl Queue {
    /// The same with its bell, of which the descriptor has come too. Who opens a queue without its bell does not ring it.
    ///
    /// # Errors
    /// As [`Queue::from_fd`].
    ///
    /// ```
    /// use ropewalk::process::{Options, Queue};
    /// use std::os::fd::AsFd;
    /// let queue = Queue::with(&Options { bell: true, ..Options::default() })?;
    /// let bell = queue.bell().unwrap().try_clone_to_owned()?;
    /// let same = Queue::from_fds(queue.as_fd().try_clone_to_owned()?, bell).unwrap();
    /// same.try_push(b"rope").unwrap();
    /// assert_eq!(queue.try_pop().unwrap(), b"rope");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_fds(fd: OwnedFd, bell: OwnedFd) -> Result<Queue, OpenError> {
        Ring::open_with_bell(fd, bell).map(|ring| Queue { ring })
    }

    /// The descriptor to pass on with the queue's own, if it was made with a [bell](Options::bell).
    ///
    /// ```
    /// assert!(ropewalk::process::Queue::unbounded()?.bell().is_none());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bell(&self) -> Option<BorrowedFd<'_>> {
        self.ring.bell()
    }

    /// A descriptor that is readable while a record is inside or the queue is shut down, if it was made with a
    /// [bell](Options::bell). It is for waiting only. From the first call on, in any process, who puts something into the
    /// empty queue or takes the last record out makes a system call more.
    ///
    /// # Errors
    /// [`Fault`].
    ///
    /// ```
    /// use ropewalk::process::{Options, Queue};
    /// let queue = Queue::with(&Options { bell: true, ..Options::default() })?;
    /// let readable = queue.readable().unwrap().expect("it has a bell"); // for poll(2), or an event loop
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn readable(&self) -> Result<Option<BorrowedFd<'_>>, Fault> {
        self.ring.readable()
    }
}
