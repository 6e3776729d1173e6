//! A line that is full: who submits waits until a worker takes a task out of it.

use super::Crew;
use crate::park::Halted;
use crate::primitive::{AtomicUsize, Ordering};
use crate::sync::Event;
use ropewalk_os::{Block, Deadline};

/// Why a task was not enlisted, and its ticket.
///
/// ```
/// use ropewalk::process::{Crew, EnlistError, Terms};
/// let crew = Crew::new()?;
/// crew.set_max_pending(1);
/// let terms = Terms { bounded: true, ..Terms::default() };
/// crew.enlist_on('a', b"task", &terms).unwrap();
/// assert_eq!(crew.enlist_on('b', b"task", &terms), Err(EnlistError::Full('b')));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, PartialEq, Eq)]
pub enum EnlistError<T> {
    /// After [`Crew::dismiss_if_idle`].
    Closed(T),
    /// The line is full.
    Full(T),
}

impl<T> EnlistError<T> {
    /// The ticket.
    ///
    /// ```
    /// assert_eq!(ropewalk::process::EnlistError::Full('a').into_ticket(), 'a');
    /// ```
    pub fn into_ticket(self) -> T {
        match self {
            EnlistError::Closed(ticket) | EnlistError::Full(ticket) => ticket,
        }
    }
}

/// How many tasks may stand in line. What is asked under the crew's lock is true there.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Zero: as many as there are.
    most: AtomicUsize,
    /// Set: it is worth trying again.
    free: Event,
}

impl Room {
    /// Under the crew's lock: whether another one must wait, for [`Room::look`] or [`Room::open`].
    pub(super) fn is_full(&self, in_line: usize) -> bool {
        let most = self.most.load(Ordering::Relaxed);
        let full = most > 0 && in_line >= most;
        if full {
            self.free.clear();
        }
        full
    }

    /// Under the crew's lock: one less is in line.
    pub(super) fn look(&self, in_line: usize) {
        let most = self.most.load(Ordering::Relaxed);
        if most > 0 && in_line < most && !self.free.is_set() {
            self.free.set();
        }
    }

    /// The line is empty, or closed.
    pub(super) fn open(&self) {
        if self.most.load(Ordering::Relaxed) > 0 {
            self.free.set();
        }
    }
}

impl<T> Crew<T> {
    /// From now on [`Terms::bounded`](super::Terms) tasks are refused while so many are in line; zero: none is.
    ///
    /// ```
    /// ropewalk::process::Crew::<u32>::new()?.set_max_pending(1000);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_max_pending(&self, most: usize) {
        self.room.most.store(most, Ordering::Relaxed);
        self.room.free.set();
    }

    /// After [`EnlistError::Full`]: waits until it is worth trying again; `Ok(false)` if the deadline came first.
    ///
    /// # Errors
    /// [`Halted`] if the wait was interrupted.
    ///
    /// ```
    /// use ropewalk::process::{Crew, EnlistError, Terms};
    /// use ropewalk::{Deadline, Plain};
    /// let crew = Crew::new()?;
    /// crew.set_max_pending(1);
    /// let terms = Terms { bounded: true, ..Terms::default() };
    /// crew.enlist_on('a', b"task", &terms).unwrap();
    /// assert_eq!(crew.enlist_on('b', b"task", &terms), Err(EnlistError::Full('b')));
    /// assert!(!crew.wait_for_room(&mut Plain, Deadline::NOW).unwrap());
    /// crew.withdraw_all();
    /// assert!(crew.wait_for_room(&mut Plain, Deadline::NEVER).unwrap());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn wait_for_room<B: Block>(
        &self,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<bool, Halted<B::Interrupt>> {
        self.room.free.wait(block, deadline)
    }
}
