//! A descriptor that is readable while a record is inside, for who waits for other descriptors too.
//!
//! The bell is made with the ring, since nobody can give it to processes that have the ring already. It is rung only
//! from the moment somebody asks for it: until then nobody pays for it. Then it is rung before the commit of a record that
//! goes into an empty ring, and hushed after the commit of the one that leaves it empty, both under the lock. So a process
//! that is killed in between leaves it rung in vain, which the next holder of the lock mends, and never silent in vain.

use super::Ring;
use super::error::Fault;
use super::layout::Store;
use super::state::State;
use ropewalk_os::bell::Bell;
use ropewalk_os::robust::Guard;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering::Relaxed;

impl Store {
    fn armed_bell(&self) -> Option<&Bell> {
        (self.header().armed.load(Relaxed) != 0).then_some(self.bell.as_ref()).flatten()
    }

    /// Before a commit after which there is something to read.
    #[inline]
    pub fn ring_bell(&self, _held: &Guard<'_>) {
        if let Some(bell) = self.armed_bell() {
            bell.ring();
        }
    }

    /// After a commit after which there is nothing to read.
    #[inline]
    pub fn hush_bell(&self, _held: &Guard<'_>) {
        if let Some(bell) = self.armed_bell() {
            bell.hush();
        }
    }

    /// Makes the bell say what is true.
    pub fn mend_bell(&self, held: &Guard<'_>, state: &State) {
        if state.is_empty() && !state.closed { self.hush_bell(held) } else { self.ring_bell(held) }
    }
}

impl Ring {
    /// The descriptor to pass on with the ring's own, if it has one (see [`Options::bell`](super::Options::bell)).
    ///
    /// ```
    /// use ropewalk_shm::ring::{Options, Ring};
    /// assert!(Ring::create(&Options::default())?.bell().is_none());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bell(&self) -> Option<BorrowedFd<'_>> {
        self.store.bell.as_ref().map(AsFd::as_fd)
    }

    /// A descriptor that is readable while a record is inside, or the ring is closed. It is for waiting only. From the
    /// first call on, in any process, puts into the empty ring and takes of its last record cost a system call more.
    ///
    /// # Errors
    /// [`Fault`].
    ///
    /// ```
    /// use ropewalk_os::bell::Bell;
    /// use ropewalk_shm::ring::{Options, Ring};
    /// let ring = Ring::create(&Options { bell: true, ..Options::default() })?;
    /// let readable = ring.readable().unwrap().unwrap().try_clone_to_owned()?;
    /// let bell = Bell::from_fd(readable);
    /// assert!(!bell.is_rung());
    /// ring.try_push(b"rope").unwrap();
    /// assert!(bell.is_rung());
    /// ring.try_pop(&mut Vec::new()).unwrap();
    /// assert!(!bell.is_rung());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn readable(&self) -> Result<Option<BorrowedFd<'_>>, Fault> {
        if self.store.armed_bell().is_none() && self.store.bell.is_some() {
            let held = self.lock()?;
            let state = self.state()?;
            self.store.header().armed.store(1, Relaxed);
            self.store.mend_bell(&held, &state);
        }
        Ok(self.bell())
    }
}
