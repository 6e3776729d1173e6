//! Permits between processes.

use super::object::{Object, passed};
use crate::wait_graph::{self, Noted};
use ropewalk_os::{Block, Deadline};
use ropewalk_shm::slab::Kind;
use ropewalk_shm::sync::semaphore;
use std::io;

/// A number of permits that processes take and give.
///
/// A permit that a process had when it was killed is gone: permits are signals too, and nobody can tell which is
/// which. For one permit that belongs to somebody there is [`Lock`](super::Lock).
///
/// ```
/// use ropewalk::{Deadline, Plain, process::Semaphore};
/// let semaphore = Semaphore::new(1)?;
/// assert_eq!(semaphore.acquire(&mut Plain, Deadline::NEVER), Ok(true));
/// let soon = Deadline::after(std::time::Duration::from_millis(1));
/// assert_eq!(semaphore.acquire(&mut Plain, soon), Ok(false));
/// assert!(semaphore.release(Semaphore::MAX));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Semaphore {
    pub(super) object: Object,
}

passed!(Semaphore);

impl Semaphore {
    /// Most permits that can be counted.
    ///
    /// ```
    /// assert_eq!(ropewalk::process::Semaphore::MAX, i32::MAX as u32);
    /// ```
    pub const MAX: u32 = semaphore::MOST;

    /// One with so many free permits, at most [`Semaphore::MAX`].
    ///
    /// # Errors
    /// What the system reports: no descriptors or no address space left, no `/proc`.
    ///
    /// ```
    /// assert_eq!(ropewalk::process::Semaphore::new(3)?.permits(), 3);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new(permits: u32) -> io::Result<Semaphore> {
        let object = Object::new(Kind::Semaphore)?;
        semaphore::begin(object.place(), permits);
        Ok(Semaphore { object })
    }

    /// Takes a permit if there is one.
    ///
    /// ```
    /// assert!(!ropewalk::process::Semaphore::new(0)?.try_acquire());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn try_acquire(&self) -> bool {
        semaphore::try_take(self.object.place())
    }

    /// Takes a permit, waiting for one until `deadline`; says whether it has one.
    ///
    /// # Errors
    /// The interrupt with which a signal ended the wait.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, process::Semaphore};
    /// assert_eq!(Semaphore::new(1)?.acquire(&mut Plain, Deadline::NEVER), Ok(true));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn acquire<B: Block>(&self, block: &mut B, deadline: Deadline) -> Result<bool, B::Interrupt> {
        let note = self.object.note(wait_graph::Kind::Semaphore, deadline);
        semaphore::take(self.object.place(), &mut Noted { block, note }, deadline)
    }

    /// Gives a permit; `false` if there are `most` already.
    ///
    /// ```
    /// let semaphore = ropewalk::process::Semaphore::new(0)?;
    /// assert!(semaphore.release(1));
    /// assert!(!semaphore.release(1));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn release(&self, most: u32) -> bool {
        semaphore::give(self.object.place(), most)
    }

    /// How many are free now.
    ///
    /// ```
    /// let semaphore = ropewalk::process::Semaphore::new(2)?;
    /// assert!(semaphore.try_acquire());
    /// assert_eq!(semaphore.permits(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn permits(&self) -> u32 {
        semaphore::permits(self.object.place())
    }
}
