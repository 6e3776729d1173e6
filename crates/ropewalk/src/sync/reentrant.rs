//! A lock that its holder may take again.

use super::lock::Lock;
use crate::park::Halted;
use crate::primitive::thread::{self, ThreadId};
use crate::primitive::{AtomicUsize, Ordering};
use crate::wait_graph::Kind;
use ropewalk_os::{Block, Deadline};
use std::fmt;

/// A lock with an owner, who may take it again and must release it as often.
///
/// ```
/// use ropewalk::{Deadline, Plain, sync::ReentrantLock};
/// let lock = ReentrantLock::new();
/// lock.acquire(&mut Plain, Deadline::NEVER)?;
/// lock.acquire(&mut Plain, Deadline::NEVER)?;
/// assert_eq!(lock.depth(), 2);
/// lock.release().unwrap();
/// assert!(lock.is_owned());
/// lock.release().unwrap();
/// assert!(lock.release().is_err());
/// # Ok::<(), ropewalk::Halted<std::convert::Infallible>>(())
/// ```
#[derive(Debug)]
pub struct ReentrantLock {
    lock: Lock,
    /// How often beyond the first the owner holds it. Only the owner touches it.
    again: AtomicUsize,
}

/// Only the owner can release a reentrant lock.
///
/// ```
/// use ropewalk::sync::{NotOwner, ReentrantLock};
/// assert_eq!(ReentrantLock::new().release(), Err(NotOwner));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOwner;

impl fmt::Display for NotOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot release un-acquired lock")
    }
}

impl std::error::Error for NotOwner {}

/// What [`ReentrantLock::release_all`] gave back, to be taken again by [`ReentrantLock::restore`].
///
/// ```
/// use ropewalk::sync::{ReentrantLock, Saved};
/// let lock = ReentrantLock::new();
/// assert!(lock.try_acquire() && lock.try_acquire());
/// assert_eq!(lock.release_all(), Ok(Saved { depth: 2 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    /// How often it was held.
    pub depth: usize,
}

impl Default for ReentrantLock {
    #[track_caller]
    fn default() -> ReentrantLock {
        ReentrantLock::new()
    }
}

impl ReentrantLock {
    /// A free lock.
    ///
    /// ```
    /// assert!(!ropewalk::sync::ReentrantLock::new().is_locked());
    /// ```
    #[track_caller]
    pub fn new() -> ReentrantLock {
        ReentrantLock { lock: Lock::new(), again: AtomicUsize::new(0) }
    }

    /// Takes it, or takes it again, without waiting.
    ///
    /// ```
    /// let lock = ropewalk::sync::ReentrantLock::new();
    /// assert!(lock.try_acquire() && lock.try_acquire());
    /// assert_eq!(lock.depth(), 2);
    /// ```
    #[inline]
    pub fn try_acquire(&self) -> bool {
        let me = thread::current();
        self.try_acquire_short(me) || self.lock.try_acquire_watched(me)
    }

    /// The rest of [`ReentrantLock::acquire`], after [`ReentrantLock::acquire_at_once`] has not taken it.
    ///
    /// # Errors
    /// As [`Lock::acquire`].
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, sync::ReentrantLock};
    /// let lock = ReentrantLock::new();
    /// let taken = lock.acquire_at_once() || lock.acquire_otherwise(&mut Plain, Deadline::NEVER).unwrap();
    /// assert!(taken && lock.is_owned());
    /// ```
    #[inline]
    #[track_caller]
    pub fn acquire_otherwise<B: Block>(
        &self,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<bool, Halted<B::Interrupt>> {
        self.lock.acquire_long(block, deadline, Kind::ReentrantLock)
    }

    /// The first step of [`ReentrantLock::acquire`]: as [`Lock::acquire_at_once`].
    ///
    /// ```
    /// let lock = ropewalk::sync::ReentrantLock::new();
    /// assert!(lock.acquire_at_once() && lock.acquire_at_once());
    /// ```
    #[inline]
    pub fn acquire_at_once(&self) -> bool {
        let me = thread::current();
        self.try_acquire_short(me) || self.lock.acquire_in_known_order(me)
    }

    #[inline]
    fn try_acquire_short(&self, me: ThreadId) -> bool {
        if self.lock.owner() == Some(me) {
            self.again.store(self.again.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            return true;
        }
        self.lock.try_acquire_short(me)
    }

    /// Takes it, or takes it again, waiting until `deadline`; `Ok(false)` if the deadline came first.
    ///
    /// # Errors
    /// As [`Lock::acquire`].
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, sync::ReentrantLock};
    /// let lock = ReentrantLock::new();
    /// for _ in 0..2 {
    ///     assert!(lock.acquire(&mut Plain, Deadline::NEVER).unwrap());
    /// }
    /// assert_eq!(lock.depth(), 2);
    /// ```
    #[inline]
    #[track_caller]
    pub fn acquire<B: Block>(&self, block: &mut B, deadline: Deadline) -> Result<bool, Halted<B::Interrupt>> {
        if self.try_acquire_short(thread::current()) {
            return Ok(true);
        }
        self.lock.acquire_long(block, deadline, Kind::ReentrantLock)
    }

    /// Releases it once.
    ///
    /// # Errors
    /// [`NotOwner`] if the calling thread does not hold it.
    ///
    /// ```
    /// let lock = ropewalk::sync::ReentrantLock::new();
    /// assert!(lock.release().is_err());
    /// assert!(lock.try_acquire() && lock.release().is_ok());
    /// ```
    #[inline]
    pub fn release(&self) -> Result<(), NotOwner> {
        if !self.is_owned() {
            return Err(NotOwner);
        }
        match self.again.load(Ordering::Relaxed) {
            0 => {
                self.lock.release();
            }
            again => self.again.store(again - 1, Ordering::Relaxed),
        }
        Ok(())
    }

    /// Releases it altogether, as a condition does before it waits.
    ///
    /// # Errors
    /// [`NotOwner`] if the calling thread does not hold it.
    ///
    /// ```
    /// use ropewalk::{Plain, sync::ReentrantLock};
    /// let lock = ReentrantLock::new();
    /// assert!(lock.try_acquire() && lock.try_acquire());
    /// let saved = lock.release_all().unwrap();
    /// assert!(!lock.is_locked());
    /// lock.restore(saved, &mut Plain).unwrap();
    /// assert_eq!(lock.depth(), 2);
    /// ```
    pub fn release_all(&self) -> Result<Saved, NotOwner> {
        if !self.is_owned() {
            return Err(NotOwner);
        }
        let saved = self.save_depth();
        self.lock.release();
        Ok(saved)
    }

    /// Takes it as often as [`ReentrantLock::release_all`] gave it back.
    ///
    /// # Errors
    /// As [`Lock::acquire`]; it is not held then.
    ///
    /// ```
    /// use ropewalk::{Plain, sync::ReentrantLock};
    /// let lock = ReentrantLock::new();
    /// assert!(lock.try_acquire() && lock.try_acquire());
    /// let saved = lock.release_all().unwrap();
    /// assert!(!lock.is_locked());
    /// lock.restore(saved, &mut Plain).unwrap();
    /// assert_eq!(lock.depth(), 2);
    /// ```
    #[track_caller]
    pub fn restore<B: Block>(&self, saved: Saved, block: &mut B) -> Result<(), Halted<B::Interrupt>> {
        if !self.lock.try_acquire_short(thread::current()) {
            self.lock.acquire_long(block, Deadline::NEVER, Kind::ReentrantLock)?;
        }
        self.set_depth(saved);
        Ok(())
    }

    /// The holder will give it up for a while: its depth, which falls to one.
    pub(crate) fn save_depth(&self) -> Saved {
        Saved { depth: self.again.swap(0, Ordering::Relaxed) + 1 }
    }

    /// The holder holds it as often as `saved` says.
    pub(crate) fn set_depth(&self, saved: Saved) {
        self.again.store(saved.depth.saturating_sub(1), Ordering::Relaxed);
    }

    /// Whether the calling thread holds it.
    ///
    /// ```
    /// let lock = ropewalk::sync::ReentrantLock::new();
    /// assert!(lock.try_acquire() && lock.is_owned());
    /// std::thread::scope(|scope| scope.spawn(|| assert!(!lock.is_owned())).join().unwrap());
    /// ```
    #[inline]
    pub fn is_owned(&self) -> bool {
        self.lock.owner() == Some(thread::current())
    }

    /// Whether anybody holds it.
    ///
    /// ```
    /// let lock = ropewalk::sync::ReentrantLock::new();
    /// assert!(lock.try_acquire() && lock.is_locked());
    /// ```
    pub fn is_locked(&self) -> bool {
        self.lock.is_locked()
    }

    /// The thread that holds it. A hint when another thread asks.
    ///
    /// ```
    /// let lock = ropewalk::sync::ReentrantLock::new();
    /// assert_eq!(lock.owner(), None);
    /// assert!(lock.try_acquire());
    /// assert_eq!(lock.owner(), Some(ropewalk_os::thread::current()));
    /// ```
    pub fn owner(&self) -> Option<ThreadId> {
        self.lock.owner()
    }

    /// How often its owner holds it; zero when free. A hint when another thread asks.
    ///
    /// ```
    /// let lock = ropewalk::sync::ReentrantLock::new();
    /// assert!(lock.try_acquire() && lock.try_acquire());
    /// assert_eq!(lock.depth(), 2);
    /// ```
    pub fn depth(&self) -> usize {
        if self.lock.is_locked() { self.again.load(Ordering::Relaxed) + 1 } else { 0 }
    }

    /// Makes it free and forgets who waits: for the child of a fork.
    ///
    /// ```
    /// let lock = ropewalk::sync::ReentrantLock::new();
    /// assert!(lock.try_acquire());
    /// lock.reset();
    /// assert!(!lock.is_locked());
    /// ```
    pub fn reset(&self) {
        self.again.store(0, Ordering::Relaxed);
        self.lock.reset();
    }

    pub(crate) fn lock(&self) -> &Lock {
        &self.lock
    }
}
