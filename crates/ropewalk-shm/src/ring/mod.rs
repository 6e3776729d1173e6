//! Records of bytes from process to process, first in, first out, whoever is killed while at it.
//!
//! | file | what it is |
//! |---|---|
//! | `layout` | where everything lies in memory, and how bytes go in and out |
//! | `enter` | the lock, the slot, and the burying of the dead |
//! | `chain` | which segments hold records, in order |
//! | `state` | what is true, in two copies, and the commit |
//! | `growth` | where the next record goes; memory given back |
//! | `wait` | try, sleep, try again |
//! | `record` | how a record lies in a segment, in one piece or in parts |
//! | `arena`, `owner`, `bits` | blocks for large parts: whose each is, and which memory is free |
//! | `draft` | large parts on their way in |
//! | `loan` | a large part in the hands of who took its record out |
//! | `idle` | memory of blocks given back |
//! | `push`, `pop`, `join` | the operations |
//! | `filled` | the wait for a record, without taking it |
//! | `hold` | which record each process has in its hand |
//! | `readable` | a descriptor for select(2) |
//! | `recovery` | what is healed when a process was killed with the lock in hand |
//! | `error` | why a record did not go in or come out |
//! | this | the ring |
//!
//! A ring is one memfd. All of it is changed under one robust lock; each change is prepared where nobody looks and
//! made true by one store. Whoever must learn of a change is moved to the lock's own queue before that store, so
//! that the kernel wakes it even if the process that changes dies (see `line.rs`).

mod arena;
mod bits;
mod chain;
mod draft;
mod enter;
mod error;
mod filled;
mod growth;
mod hold;
mod idle;
mod join;
pub(crate) mod layout;
mod loan;
mod owner;
mod pop;
mod push;
mod readable;
mod record;
mod recovery;
mod state;
mod wait;

pub use arena::Blocks;
pub use draft::Prepared;
pub use error::{DoneError, Fault, JoinError, PopError, PushError};
pub use layout::Options;
pub use loan::Loan;

use crate::participants::LINES;
use crate::segment::OpenError;
use layout::Store;
use ropewalk_os::identity::Identity;
use ropewalk_os::robust::Guard;
use state::State;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Lines of a ring: who waits for a record, for room, for all records to be dealt with.
const NOT_EMPTY: usize = 0;
const NOT_FULL: usize = 1;
const DONE: usize = 2;

/// What went through a ring since it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Records put in.
    pub pushed: u64,
    /// Records taken out.
    pub popped: u64,
    /// Records put in and not yet reported as dealt with.
    pub unfinished: u64,
}

impl Counts {
    /// Records that wait inside.
    pub fn waiting(self) -> u64 {
        self.pushed.saturating_sub(self.popped)
    }
}

/// A queue of byte records in memory that processes share.
///
/// ```
/// use ropewalk_os::{Deadline, Plain};
/// use ropewalk_shm::ring::{Options, PopError, Ring};
/// use std::os::fd::AsFd;
///
/// let ring = Ring::create(&Options::default())?;
/// // Another process gets the descriptor, and with it the ring.
/// let other = Ring::open(ring.as_fd().try_clone_to_owned()?).unwrap();
///
/// ring.push(b"rope", &mut Plain, Deadline::NEVER).unwrap();
/// let mut record = Vec::new();
/// other.pop(&mut record, &mut Plain, Deadline::NEVER).unwrap();
/// assert_eq!(record, b"rope");
/// assert_eq!(other.pop(&mut record, &mut Plain, Deadline::NOW), Err(PopError::Empty));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Ring {
    /// Shared with the loans out of it.
    store: Arc<Store>,
    /// How long to look before sleeping, learned from how it went.
    learned: AtomicU64,
    haste: growth::Haste,
    haste_for_blocks: growth::Haste,
    rescues: AtomicU64,
}

impl Ring {
    /// A new ring in memory of its own.
    ///
    /// # Errors
    /// What the system reports: no descriptors or no address space left, no `/proc`.
    ///
    /// ```
    /// use ropewalk_shm::ring::{Options, PushError, Ring};
    /// let ring = Ring::create(&Options { max_records: 1, ..Options::default() })?;
    /// ring.try_push(b"a").unwrap();
    /// assert_eq!(ring.try_push(b"b"), Err(PushError::Full));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn create(options: &Options) -> io::Result<Ring> {
        Store::create(options).map(Ring::new)
    }

    /// The ring that another process made and whose descriptor it has passed on.
    ///
    /// # Errors
    /// [`OpenError`]; nothing is taken from memory that is not a ring of this version.
    ///
    /// ```
    /// use ropewalk_shm::ring::Ring;
    /// let error = Ring::open(std::fs::File::open("/dev/null")?.into()).unwrap_err();
    /// assert!(error.to_string().contains("cannot be opened"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn open(fd: OwnedFd) -> Result<Ring, OpenError> {
        Store::open(fd, None).map(Ring::new)
    }

    /// As [`Ring::open`], for a ring that was made with [`Options::readable`]: its memory's descriptor, and that of its
    /// [`bell`](Ring::bell).
    ///
    /// # Errors
    /// As there.
    pub fn from_fds(memory: OwnedFd, bell: OwnedFd) -> Result<Ring, OpenError> {
        Store::open(memory, Some(bell)).map(Ring::new)
    }

    /// What went through the ring behind a descriptor, and how many records make it full: for who looks from outside,
    /// without its lock. The counts are missing if they changed each time that they were looked at.
    ///
    /// # Errors
    /// As [`Ring::open`].
    pub fn look(fd: OwnedFd) -> Result<(Option<Counts>, u64), OpenError> {
        let ring = Ring::new(Store::look(fd)?);
        let counts = (0..10_000).find_map(|_| State::counts(ring.store.header()));
        Ok((counts, ring.max_records()))
    }

    fn new(store: Store) -> Ring {
        ropewalk_os::fork::watch();
        Ring {
            store: Arc::new(store),
            learned: AtomicU64::new(0),
            haste: growth::Haste::default(),
            haste_for_blocks: growth::Haste::default(),
            rescues: AtomicU64::new(0),
        }
    }

    /// What went in and out so far. Exact at some moment of the call.
    ///
    /// # Errors
    /// [`Fault`].
    ///
    /// ```
    /// use ropewalk_shm::ring::{Options, Ring};
    /// let ring = Ring::create(&Options::default())?;
    /// ring.try_push(b"a").unwrap();
    /// ring.try_push(b"b").unwrap();
    /// ring.try_pop(&mut Vec::new()).unwrap();
    /// let counts = ring.counts().unwrap();
    /// assert_eq!((counts.waiting(), counts.pushed, counts.unfinished), (1, 2, 2));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn counts(&self) -> Result<Counts, Fault> {
        for _ in 0..100 {
            if let Some(counts) = State::counts(self.store.header()) {
                return Ok(counts);
            }
        }
        let _held = self.lock()?;
        let State { pushed, popped, unfinished, .. } = self.state()?;
        Ok(Counts { pushed, popped, unfinished })
    }

    /// How many threads wait now: for a record, for room, for all records to be dealt with. Threads that were killed
    /// in their sleep count until they are missed.
    ///
    /// ```
    /// use ropewalk_shm::ring::{Options, Ring};
    /// assert_eq!(Ring::create(&Options::default())?.sleepers(), [0, 0, 0]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn sleepers(&self) -> [u32; LINES] {
        std::array::from_fn(|number| self.store.header().lines[number].asleep())
    }

    /// At most so many records wait in it.
    pub fn max_records(&self) -> u64 {
        self.store.header().max_records.load(Relaxed)
    }

    /// Nothing more goes in; what is inside still comes out. Whoever waits is told. Closing again changes nothing.
    ///
    /// # Errors
    /// [`Fault`].
    ///
    /// ```
    /// use ropewalk_shm::ring::{Options, PopError, PushError, Ring};
    /// let ring = Ring::create(&Options::default())?;
    /// ring.close().unwrap();
    /// assert!(ring.is_closed().unwrap());
    /// assert_eq!(ring.try_push(b"late"), Err(PushError::ShutDown));
    /// assert_eq!(ring.try_pop(&mut Vec::new()), Err(PopError::ShutDown));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn close(&self) -> Result<(), Fault> {
        let held = self.lock()?;
        let state = self.state()?;
        let header = self.store.header();
        header.lines[NOT_EMPTY].call(&held, u32::MAX);
        header.lines[NOT_FULL].call(&held, u32::MAX);
        self.store.ring_bell();
        State { closed: true, ..state }.commit(header);
        Ok(())
    }

    /// Whether it was closed.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn is_closed(&self) -> Result<bool, Fault> {
        let _held = self.lock()?;
        Ok(self.state()?.closed)
    }

    /// The processes that have slept in it, each once for each handle.
    pub fn processes(&self) -> Vec<Identity> {
        self.store.table().processes()
    }

    /// How often a sleeper of this handle found its work by looking for itself, because whoever should have been woken for
    /// it was killed between its wake and its work.
    pub fn rescues(&self) -> u64 {
        self.rescues.load(Relaxed)
    }

    /// The blocks of records that wait or are being read, after what dead processes had was taken from them.
    ///
    /// # Errors
    /// [`Fault`].
    ///
    /// ```
    /// use ropewalk_os::{Deadline, Plain};
    /// use ropewalk_shm::ring::{Options, Ring};
    /// let ring = Ring::create(&Options::default())?;
    /// ring.try_push(&vec![7; 100_000]).unwrap();
    /// assert_eq!(ring.blocks().unwrap().queued, 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn blocks(&self) -> Result<Blocks, Fault> {
        let held = self.lock()?;
        self.store.bury(&held)
    }

    fn state(&self) -> Result<State, Fault> {
        self.store.state()
    }

    /// The lock, however long that takes.
    fn lock(&self) -> Result<Guard<'_>, Fault> {
        self.store.lock()
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.store.segment.as_fd()
    }
}
