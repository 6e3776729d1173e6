//! A lock between processes.

use super::object::{Object, passed};
use crate::wait_graph::{self, Failing, Noted, Stopped};
use ropewalk_os::{Block, Deadline};
use ropewalk_shm::slab::Kind;
use ropewalk_shm::sync::lock;
use std::io;

pub use ropewalk_shm::sync::lock::Taken;

/// One holder at a time, of any process; whoever waits for a holder that was killed takes its place.
///
/// It belongs to a process, and any process may free it. Waiting threads look whether the holder lives, so a dead
/// one delays them by a tenth of a second at most.
///
/// ```
/// use ropewalk::{Deadline, Plain, process::{Lock, Taken}};
/// let lock = Lock::new()?;
/// assert_eq!(lock.acquire(&mut Plain, Deadline::NEVER), Ok(Some(Taken::Free)));
/// let soon = Deadline::after(std::time::Duration::from_millis(1));
/// assert_eq!(lock.acquire(&mut Plain, soon), Ok(None)); // it is not reentrant
/// assert!(lock.release());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Lock {
    pub(super) object: Object,
}

passed!(Lock);

impl Lock {
    /// A free lock.
    ///
    /// # Errors
    /// What the system reports: no descriptors or no address space left, no `/proc`.
    ///
    /// ```
    /// assert!(!ropewalk::process::Lock::new()?.is_locked());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new() -> io::Result<Lock> {
        Object::new(Kind::Lock).map(|object| Lock { object })
    }

    /// Takes the lock if it is free.
    ///
    /// ```
    /// let lock = ropewalk::process::Lock::new()?;
    /// assert!(lock.try_acquire());
    /// assert!(!lock.try_acquire());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn try_acquire(&self) -> bool {
        lock::try_take(self.object.place())
    }

    /// Takes the lock, waiting for it until `deadline`: then `None`. [`Taken::FromTheDead`] says that its holder was
    /// killed: what the lock protects may be half-done.
    ///
    /// # Errors
    /// The interrupt with which a signal ended the wait.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, process::{Lock, Taken}};
    /// let lock = Lock::new()?;
    /// assert_eq!(lock.acquire(&mut Plain, Deadline::NOW), Ok(Some(Taken::Free)));
    /// assert_eq!(lock.acquire(&mut Plain, Deadline::NOW), Ok(None));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn acquire<B: Block>(
        &self,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<Option<Taken>, B::Interrupt> {
        let note = self.object.note(wait_graph::Kind::Lock, deadline);
        lock::take(self.object.place(), &mut Noted { block, note }, deadline)
    }

    /// As [`Lock::acquire`], for a lock that only the thread which has taken it gives back, as a reentrant one. So a circle
    /// of such waits can never end, and the wait that closes it fails.
    ///
    /// # Errors
    /// [`Stopped`].
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, process::Lock, wait_graph::Stopped};
    /// let lock = Lock::new()?;
    /// assert!(lock.acquire_owned(&mut Plain, Deadline::NEVER).is_ok());
    /// // A thread that waits for itself is the smallest circle.
    /// let again = lock.acquire_owned(&mut Plain, Deadline::NEVER);
    /// assert!(matches!(again, Err(Stopped::Deadlock(circle)) if circle.is_certain()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn acquire_owned<B: Block>(
        &self,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<Option<Taken>, Stopped<B::Interrupt>> {
        let note = self.object.note(wait_graph::Kind::ReentrantLock, deadline).failing();
        lock::take(self.object.place(), &mut Failing { block, note }, deadline)
    }

    /// As [`Lock::acquire_owned`], for a thread that must come back with the lock: the wait does not fail, another
    /// of the circle does.
    ///
    /// # Errors
    /// The interrupt with which a signal ended the wait.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, process::{Lock, Taken}};
    /// let lock = Lock::new()?;
    /// assert_eq!(lock.acquire_again(&mut Plain, Deadline::NEVER), Ok(Some(Taken::Free)));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn acquire_again<B: Block>(
        &self,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<Option<Taken>, B::Interrupt> {
        let note = self.object.note(wait_graph::Kind::ReentrantLock, deadline);
        lock::take(self.object.place(), &mut Noted { block, note }, deadline)
    }

    /// Takes the lock if its holder was killed; looks at most ten times a second, whoever asks.
    ///
    /// ```
    /// let lock = ropewalk::process::Lock::new()?;
    /// assert!(lock.try_acquire());
    /// assert_eq!(lock.take_from_the_dead(), None); // we live
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn take_from_the_dead(&self) -> Option<Taken> {
        lock::take_from_the_dead(self.object.place())
    }

    /// Frees the lock, whoever holds it, and wakes one who waits; `false` if it is free.
    ///
    /// ```
    /// let lock = ropewalk::process::Lock::new()?;
    /// assert!(lock.try_acquire());
    /// assert!(lock.release());
    /// assert!(!lock.release());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn release(&self) -> bool {
        lock::free(self.object.place())
    }

    /// Whether somebody holds it.
    ///
    /// ```
    /// let lock = ropewalk::process::Lock::new()?;
    /// assert!(lock.try_acquire() && lock.is_locked());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_locked(&self) -> bool {
        self.owner().is_some()
    }

    /// The number of the process that holds it.
    ///
    /// ```
    /// let lock = ropewalk::process::Lock::new()?;
    /// assert!(lock.try_acquire());
    /// assert_eq!(lock.owner(), Some(std::process::id()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn owner(&self) -> Option<u32> {
        lock::owner(self.object.place()).map(|owner| owner.pid())
    }
}
