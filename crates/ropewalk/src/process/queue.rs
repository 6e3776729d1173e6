//! Byte records between processes.

use super::{Blocks, Counts, DoneError, Fault, Iter, JoinError, OpenError, Options, PopError, PushError};
use crate::wait_graph::{Kind, Noted};
use ropewalk_os::{Block, Deadline, Plain};
use ropewalk_shm::ring::Ring;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Records of bytes from any process to any process, first in, first out.
///
/// One process makes it and passes its descriptor on: as an inherited one, over a socket, or by its
/// [`place`](Queue::place). A process that was forked has it already.
///
/// ```
/// use ropewalk::process::{PopError, Queue};
/// use ropewalk::{Deadline, Plain};
///
/// let queue = Queue::bounded(2)?;
/// let other_end = Queue::open(&queue.place()).unwrap(); // as another process would
///
/// other_end.push(b"rope", &mut Plain, Deadline::NEVER).unwrap();
/// assert_eq!(queue.pop(&mut Plain, Deadline::NEVER).unwrap(), b"rope");
/// assert_eq!(queue.try_pop(), Err(PopError::Empty));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Queue {
    pub(super) ring: Ring,
    /// Whether it brings tasks to workers and answers back: who waits for those may wait for ever.
    pub(super) of_crew: bool,
}

impl Queue {
    /// A queue that is never full, up to about a gibibyte of what waits in it, or half of the memory that the
    /// container may use.
    ///
    /// It holds address space for that, and memory only for what is really inside.
    ///
    /// # Errors
    /// What the system reports: no descriptors or no address space left, no `/proc`.
    ///
    /// ```
    /// let queue = ropewalk::process::Queue::unbounded()?;
    /// queue.try_push(&[0; 100_000]).unwrap();
    /// assert_eq!(queue.len().unwrap(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn unbounded() -> io::Result<Queue> {
        Queue::with(&Options::default())
    }

    /// A queue that is full with `capacity` records.
    ///
    /// # Errors
    /// As [`Queue::unbounded`].
    ///
    /// ```
    /// use ropewalk::process::{PushError, Queue};
    /// let queue = Queue::bounded(1)?;
    /// queue.try_push(b"a").unwrap();
    /// assert_eq!(queue.try_push(b"b"), Err(PushError::Full));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bounded(capacity: u64) -> io::Result<Queue> {
        Queue::with(&Options { max_records: capacity, ..Options::default() })
    }

    /// A queue made to measure.
    ///
    /// # Errors
    /// As [`Queue::unbounded`].
    ///
    /// ```
    /// use ropewalk::process::{Options, Queue};
    /// let tasks = Queue::with(&Options { max_records: 100, track: true, ..Options::default() })?;
    /// assert_eq!(tasks.capacity(), 100);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn with(options: &Options) -> io::Result<Queue> {
        Ring::create(options).map(|ring| Queue { ring, of_crew: false })
    }

    /// The queue that another process made, by a descriptor of it.
    ///
    /// # Errors
    /// [`OpenError`], if it is no queue, or one of another version or pid namespace.
    ///
    /// ```
    /// use ropewalk::process::Queue;
    /// use std::os::fd::AsFd;
    /// let queue = Queue::unbounded()?;
    /// let same = Queue::from_fd(queue.as_fd().try_clone_to_owned()?).unwrap();
    /// same.try_push(b"rope").unwrap();
    /// assert_eq!(queue.try_pop().unwrap(), b"rope");
    /// assert!(Queue::from_fd(std::fs::File::open("/dev/null")?.into()).is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_fd(fd: OwnedFd) -> Result<Queue, OpenError> {
        Ring::open(fd).map(|ring| Queue { ring, of_crew: false })
    }

    /// As [`Queue::from_fd`], for a queue that was made with [`Options::readable`]: by both of its descriptors.
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use ropewalk::process::{Options, Queue};
    /// use std::os::fd::AsFd;
    /// let queue = Queue::with(&Options { readable: true, ..Options::default() })?;
    /// let [memory, bell] = [queue.as_fd(), queue.bell().unwrap()].map(|fd| fd.try_clone_to_owned().unwrap());
    /// let same = Queue::from_fds(memory, bell).unwrap();
    /// same.try_push(b"rope").unwrap();
    /// assert_eq!(queue.try_pop().unwrap(), b"rope");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_fds(memory: OwnedFd, bell: OwnedFd) -> Result<Queue, OpenError> {
        Ring::from_fds(memory, bell).map(|ring| Queue { ring, of_crew: false })
    }

    /// The queue at the [`place`](Queue::place) that another process of the same user has told.
    ///
    /// # Errors
    /// As [`Queue::from_fd`], or if the process there has ended.
    ///
    /// ```
    /// use ropewalk::process::Queue;
    /// let queue = Queue::unbounded()?;
    /// let same = Queue::open(&queue.place()).unwrap();
    /// same.try_push(b"rope").unwrap();
    /// assert_eq!(queue.try_pop().unwrap(), b"rope");
    /// assert!(Queue::open("/nowhere".as_ref()).is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn open(place: &Path) -> Result<Queue, OpenError> {
        let file = File::options().read(true).write(true).open(place)?;
        Queue::from_fd(file.into())
    }

    /// Where other processes of this user can open the queue for as long as this value lives: a descriptor in
    /// `/proc`, so it names nothing that could be left behind.
    ///
    /// ```
    /// let queue = ropewalk::process::Queue::unbounded()?;
    /// assert!(queue.place().starts_with("/proc"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn place(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.as_fd().as_raw_fd()).into()
    }

    /// Puts a record in, waiting for room until `deadline`. It is copied. Says the record's number: how many were put
    /// in before it.
    ///
    /// # Errors
    /// [`PushError`]; the record is then not inside.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, process::{PushError, Queue}};
    /// let queue = Queue::bounded(1)?;
    /// assert_eq!(queue.push(b"a", &mut Plain, Deadline::NEVER).unwrap(), 0);
    /// let soon = Deadline::after(std::time::Duration::from_millis(1));
    /// assert_eq!(queue.push(b"b", &mut Plain, soon), Err(PushError::Full));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn push<B: Block>(
        &self,
        record: &[u8],
        block: &mut B,
        deadline: Deadline,
    ) -> Result<u64, PushError<B::Interrupt>> {
        let note = self.note(Kind::QueuePut, deadline);
        self.ring.push(record, &mut Noted { block, note }, deadline)
    }

    /// Puts a record in if there is room now.
    ///
    /// # Errors
    /// [`PushError`].
    ///
    /// ```
    /// use ropewalk::process::{PushError, Queue};
    /// let queue = Queue::bounded(1)?;
    /// queue.try_push(b"a").unwrap();
    /// assert_eq!(queue.try_push(b"b"), Err(PushError::Full));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn try_push(&self, record: &[u8]) -> Result<u64, PushError> {
        self.ring.try_push(record)
    }

    /// Takes the first record out, waiting for one until `deadline`.
    ///
    /// # Errors
    /// [`PopError`].
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, process::{PopError, Queue}};
    /// let queue = Queue::unbounded()?;
    /// queue.try_push(b"rope").unwrap();
    /// assert_eq!(queue.pop(&mut Plain, Deadline::NEVER).unwrap(), b"rope");
    /// let soon = Deadline::after(std::time::Duration::from_millis(1));
    /// assert_eq!(queue.pop(&mut Plain, soon), Err(PopError::Empty));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn pop<B: Block>(
        &self,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<Vec<u8>, PopError<B::Interrupt>> {
        let mut record = Vec::new();
        self.pop_into(&mut record, block, deadline).map(|_| record)
    }

    /// As [`Queue::pop`], into a buffer whose allocation is used again. Says the record's number, which [`Queue::push`] has
    /// told too.
    ///
    /// # Errors
    /// [`PopError`]; `into` then holds anything.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, process::Queue};
    /// let queue = Queue::unbounded()?;
    /// let mut buffer = Vec::new();
    /// for record in [b"rope", b"walk"] {
    ///     let number = queue.try_push(record).unwrap();
    ///     assert_eq!(queue.pop_into(&mut buffer, &mut Plain, Deadline::NEVER).unwrap(), number);
    ///     assert_eq!(buffer, record);
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn pop_into<B: Block>(
        &self,
        into: &mut Vec<u8>,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<u64, PopError<B::Interrupt>> {
        let note = self.note(Kind::QueueGet, deadline);
        self.ring.pop(into, &mut Noted { block, note }, deadline)
    }

    /// Waits until a record is inside, at most until `deadline`, and leaves it there. Who takes it next may be another.
    ///
    /// # Errors
    /// [`PopError`].
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, process::{PopError, Queue}};
    /// let queue = Queue::unbounded()?;
    /// assert_eq!(queue.wait_filled(&mut Plain, Deadline::NOW), Err(PopError::Empty));
    /// queue.try_push(b"rope").unwrap();
    /// queue.wait_filled(&mut Plain, Deadline::NEVER).unwrap();
    /// assert_eq!(queue.len().unwrap(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn wait_filled<B: Block>(
        &self,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<(), PopError<B::Interrupt>> {
        let note = self.note(Kind::QueueGet, deadline);
        self.ring.wait_filled(&mut Noted { block, note }, deadline)
    }

    /// Takes the first record out if there is one now.
    ///
    /// # Errors
    /// [`PopError`].
    ///
    /// ```
    /// use ropewalk::process::{PopError, Queue};
    /// assert_eq!(Queue::unbounded()?.try_pop(), Err(PopError::Empty));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn try_pop(&self) -> Result<Vec<u8>, PopError> {
        self.pop(&mut Plain, Deadline::NOW)
    }

    /// Records one after the other, until the queue is shut down.
    ///
    /// ```
    /// let queue = ropewalk::process::Queue::unbounded()?;
    /// queue.try_push(b"rope").unwrap();
    /// queue.shutdown().unwrap();
    /// assert_eq!(queue.iter().count(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn iter(&self) -> Iter<'_> {
        Iter(self)
    }

    /// How many records wait inside: exact at some moment of the call.
    ///
    /// # Errors
    /// [`Fault`].
    ///
    /// ```
    /// let queue = ropewalk::process::Queue::unbounded()?;
    /// queue.try_push(b"rope").unwrap();
    /// assert_eq!(queue.len().unwrap(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn len(&self) -> Result<u64, Fault> {
        self.counts().map(Counts::waiting)
    }

    /// Whether no record waits inside.
    ///
    /// # Errors
    /// [`Fault`].
    ///
    /// ```
    /// assert!(ropewalk::process::Queue::unbounded()?.is_empty().unwrap());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_empty(&self) -> Result<bool, Fault> {
        self.len().map(|len| len == 0)
    }

    /// What went through since it was made.
    ///
    /// # Errors
    /// [`Fault`].
    ///
    /// ```
    /// let queue = ropewalk::process::Queue::unbounded()?;
    /// queue.try_push(b"a").unwrap();
    /// queue.try_push(b"b").unwrap();
    /// queue.try_pop().unwrap();
    /// let counts = queue.counts().unwrap();
    /// assert_eq!((counts.pushed, counts.popped, counts.waiting()), (2, 1, 1));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn counts(&self) -> Result<Counts, Fault> {
        self.ring.counts()
    }

    /// What large parts of records have in memory now: being written, waiting inside, or in the hands of who received
    /// them. What processes left that have died is taken from them first.
    ///
    /// # Errors
    /// [`Fault`].
    ///
    /// ```
    /// let queue = ropewalk::process::Queue::unbounded()?;
    /// queue.try_push(&[7; 100_000]).unwrap();
    /// assert_eq!(queue.blocks().unwrap().queued, 1);
    /// queue.try_pop().unwrap();
    /// assert_eq!(queue.blocks().unwrap().queued, 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn blocks(&self) -> Result<Blocks, Fault> {
        self.ring.blocks()
    }

    /// How many records make it full; the largest number if it is not bounded.
    ///
    /// ```
    /// use ropewalk::process::Queue;
    /// assert_eq!(Queue::bounded(2)?.capacity(), 2);
    /// assert_eq!(Queue::unbounded()?.capacity(), u64::MAX);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn capacity(&self) -> u64 {
        self.ring.max_records()
    }

    /// Lets nothing more in. What is inside still comes out; whoever waits for more is told.
    ///
    /// # Errors
    /// [`Fault`].
    ///
    /// ```
    /// use ropewalk::process::{PopError, PushError, Queue};
    /// let queue = Queue::unbounded()?;
    /// queue.try_push(b"last").unwrap();
    /// queue.shutdown().unwrap();
    /// assert_eq!(queue.try_push(b"late"), Err(PushError::ShutDown));
    /// assert_eq!(queue.try_pop().unwrap(), b"last");
    /// assert_eq!(queue.try_pop(), Err(PopError::ShutDown));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn shutdown(&self) -> Result<(), Fault> {
        self.ring.close()
    }

    /// Says that a record which was taken out has been dealt with.
    ///
    /// # Errors
    /// [`DoneError`].
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, process::{DoneError, Queue}};
    /// let queue = Queue::unbounded()?;
    /// queue.try_push(b"task").unwrap();
    /// queue.try_pop().unwrap();
    /// queue.task_done().unwrap();
    /// queue.join(&mut Plain, Deadline::NEVER).unwrap();
    /// assert_eq!(queue.task_done(), Err(DoneError::TooMany));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn task_done(&self) -> Result<(), DoneError> {
        self.ring.task_done()
    }

    /// Waits until every record that was put in has been dealt with. A record that went down with the process
    /// which had taken it out never is.
    ///
    /// # Errors
    /// [`JoinError`].
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, process::Queue};
    /// let queue = Queue::unbounded()?;
    /// queue.join(&mut Plain, Deadline::NEVER).unwrap(); // nothing was put in
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn join<B: Block>(&self, block: &mut B, deadline: Deadline) -> Result<(), JoinError<B::Interrupt>> {
        let note = self.note(Kind::QueueJoin, deadline);
        self.ring.join(&mut Noted { block, note }, deadline)
    }
}

impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ring.as_fd()
    }
}
