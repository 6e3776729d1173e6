//! Which record each process has in its hand.
//!
//! In a ring that tracks ([`Options::track`](super::Options)), who takes a record out writes its number into the slot of
//! its process in the same commit: before it the number is not below the count of records taken out, and means nothing.
//! The number stays, whatever becomes of the process, until it takes the next, puts it down, or until somebody has
//! asked for what was lost. So a parent learns exactly which task died with a worker.
//!
//! A slot has one hand: a process with several threads that take records out has a handle of the ring for each.

use super::Ring;
use super::error::Fault;
use ropewalk_os::identity::Identity;

impl Ring {
    /// The records in the hands of processes, those of dead ones too, each by its number (see [`Ring::push`]).
    ///
    /// # Errors
    /// [`Fault`].
    ///
    /// ```
    /// use ropewalk_os::identity::Identity;
    /// use ropewalk_shm::ring::{Options, Ring};
    /// let ring = Ring::create(&Options { track: true, ..Options::default() })?;
    /// let task = ring.try_push(b"task").unwrap();
    /// ring.try_pop(&mut Vec::new()).unwrap();
    /// assert_eq!(ring.in_hand().unwrap(), [(Identity::current()?, task)]);
    /// ring.put_down();
    /// assert_eq!(ring.in_hand().unwrap(), []);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn in_hand(&self) -> Result<Vec<(Identity, u64)>, Fault> {
        let held = self.lock()?;
        self.state()?;
        Ok(self.store.table().in_hand(&held))
    }

    /// The records that processes had in their hands when they died, each once: who calls this has to deal with them.
    ///
    /// # Errors
    /// [`Fault`].
    ///
    /// ```
    /// use ropewalk_shm::ring::{Options, Ring};
    /// let ring = Ring::create(&Options { track: true, ..Options::default() })?;
    /// ring.try_push(b"task").unwrap();
    /// ring.try_pop(&mut Vec::new()).unwrap();
    /// assert_eq!(ring.take_lost().unwrap(), []); // we live
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn take_lost(&self) -> Result<Vec<(Identity, u64)>, Fault> {
        let held = self.lock()?;
        self.store.take_lost(&held)
    }

    /// Says that this process is done with the record that it took out last by this handle. The next one that it takes
    /// says so too.
    pub fn put_down(&self) {
        if let Some(number) = self.store.member.number() {
            self.store.table().slot(number).put_down();
        }
    }
}
