//! Which record of a queue each process has in its hand, and which went down with one.
//!
//! Of a queue that tracks: [`Options::track`](super::Options). A pool learns so which task died with a worker.

use super::{Fault, Identity, Queue};

impl Queue {
    /// Which record each process has taken out last and not put down, by its number: of a queue that tracks
    /// ([`Options::track`](super::Options)). Those of processes that have died are told too, until somebody calls [`Queue::take_lost`].
    ///
    /// # Errors
    /// [`Fault`].
    ///
    /// ```
    /// use ropewalk::process::{Identity, Options, Queue};
    /// let tasks = Queue::with(&Options { track: true, ..Options::default() })?;
    /// let number = tasks.try_push(b"task").unwrap();
    /// tasks.try_pop().unwrap();
    /// assert_eq!(tasks.in_hand().unwrap(), [(Identity::current()?, number)]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn in_hand(&self) -> Result<Vec<(Identity, u64)>, Fault> {
        self.ring.in_hand()
    }

    /// The records that processes had in their hands when they died, each told once.
    ///
    /// # Errors
    /// [`Fault`].
    ///
    /// ```
    /// use ropewalk::process::{Options, Queue};
    /// let tasks = Queue::with(&Options { track: true, ..Options::default() })?;
    /// tasks.try_push(b"task").unwrap();
    /// tasks.try_pop().unwrap();
    /// assert!(tasks.take_lost().unwrap().is_empty()); // nobody died
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn take_lost(&self) -> Result<Vec<(Identity, u64)>, Fault> {
        self.ring.take_lost()
    }

    /// Says that this process has nothing of this queue in its hand any more. Who takes the next record out says so too.
    ///
    /// ```
    /// use ropewalk::process::{Options, Queue};
    /// let tasks = Queue::with(&Options { track: true, ..Options::default() })?;
    /// tasks.try_push(b"task").unwrap();
    /// tasks.try_pop().unwrap();
    /// tasks.put_down();
    /// assert!(tasks.in_hand().unwrap().is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn put_down(&self) {
        self.ring.put_down();
    }
}
