//! A flag between processes.

use super::object::{Object, passed};
use crate::wait_graph::{self, Noted};
use ropewalk_os::{Block, Deadline};
use ropewalk_shm::slab::Kind;
use ropewalk_shm::sync::event;
use std::io;

/// A flag that processes wait for.
///
/// Setting it is one step that also wakes all who wait, so it never waits itself, and a process that is killed has set it
/// or has not.
///
/// ```
/// use ropewalk::{Deadline, Plain, process::Event};
/// let event = Event::new()?;
/// event.set();
/// assert_eq!(event.wait(&mut Plain, Deadline::NEVER), Ok(true));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Event {
    pub(super) object: Object,
}

passed!(Event);

impl Event {
    /// A flag that is not set.
    ///
    /// # Errors
    /// What the system reports: no descriptors or no address space left, no `/proc`.
    ///
    /// ```
    /// assert!(!ropewalk::process::Event::new()?.is_set());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new() -> io::Result<Event> {
        Object::new(Kind::Event).map(|object| Event { object })
    }

    /// Whether it is set.
    ///
    /// ```
    /// let event = ropewalk::process::Event::new()?;
    /// event.set();
    /// assert!(event.is_set());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn is_set(&self) -> bool {
        event::is_set(self.object.place())
    }

    /// Sets it; whoever waits goes on.
    ///
    /// ```
    /// let event = ropewalk::process::Event::new()?;
    /// event.set();
    /// event.set();
    /// assert!(event.is_set());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn set(&self) {
        event::set(self.object.place());
    }

    /// Clears it.
    ///
    /// ```
    /// let event = ropewalk::process::Event::new()?;
    /// event.set();
    /// event.clear();
    /// assert!(!event.is_set());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn clear(&self) {
        event::clear(self.object.place());
    }

    /// Waits until it is set, or was meanwhile; `false` at the deadline.
    ///
    /// # Errors
    /// The interrupt with which a signal ended the wait.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, process::Event};
    /// let soon = Deadline::after(std::time::Duration::from_millis(1));
    /// assert_eq!(Event::new()?.wait(&mut Plain, soon), Ok(false));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn wait<B: Block>(&self, block: &mut B, deadline: Deadline) -> Result<bool, B::Interrupt> {
        let note = self.object.note(wait_graph::Kind::Event, deadline);
        event::wait(self.object.place(), &mut Noted { block, note }, deadline)
    }
}
