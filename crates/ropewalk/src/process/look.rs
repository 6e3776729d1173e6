//! A queue of other processes, looked at from outside.

use super::{Counts, OpenError, Queue};
use ropewalk_shm::ring::Ring;
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
