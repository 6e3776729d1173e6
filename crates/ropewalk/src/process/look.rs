//! Queues and locks of other processes, looked at from outside.

use super::{Counts, Lock, OpenError, Queue};
use ropewalk_shm::ring::Ring;
use ropewalk_shm::slab;
use std::fs::File;
use std::path::Path;

impl Queue {
    /// What went through the queue at a [`place`](Queue::place), and its capacity, for who is no part of it: nothing is
    /// changed and no lock taken. The counts are missing if they never stood still.
    ///
    /// # Errors
    /// As [`Queue::open`].
    ///
    /// ```
    /// use ropewalk::process::Queue;
    /// let queue = Queue::bounded(7)?;
    /// queue.try_push(b"rope").unwrap();
    /// let (counts, capacity) = Queue::look(&queue.place()).unwrap();
    /// assert_eq!((counts.unwrap().waiting(), capacity), (1, 7));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn look(place: &Path) -> Result<(Option<Counts>, u64), OpenError> {
        let file = File::options().read(true).write(true).open(place)?;
        Ring::look(file.into())
    }
}

impl Lock {
    /// The locks that somebody has in the memory at a place, for who is no part of it: the number of each, the process that
    /// has it, and whether that lives. Nothing is changed.
    ///
    /// # Errors
    /// [`OpenError`], if there are no locks and the like in that memory.
    ///
    /// ```
    /// use ropewalk::process::{Lock, Passed};
    /// let lock = Lock::new()?;
    /// assert!(lock.try_acquire());
    /// let place = lock.place();
    /// let memory = place.to_str().unwrap().split('#').next().unwrap();
    /// let held = Lock::look(memory.as_ref()).unwrap();
    /// assert_eq!(held, [(lock.number(), std::process::id(), true)]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn look(memory: &Path) -> Result<Vec<(u32, u32, bool)>, OpenError> {
        let file = File::options().read(true).write(true).open(memory)?;
        let held = slab::held(file.into())?.into_iter();
        Ok(held.map(|held| (held.number, held.owner.pid(), !held.owner.is_dead())).collect())
    }
}
