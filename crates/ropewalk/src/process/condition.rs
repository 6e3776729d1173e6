//! Notifications between processes.

use super::object::{Object, passed};
use crate::wait_graph::{self, Noted};
use ropewalk_os::{Block, Deadline};
use ropewalk_shm::slab::Kind;
use ropewalk_shm::sync::condition;
use std::io;

/// Processes that wait until they are notified, over a [`Lock`](super::Lock) of theirs.
///
/// A wait has three steps: it begins under the lock, sleeps without it, and ends under it again. To notify needs the
/// lock too, and waits for nobody. A process that is killed while it waits costs nothing, and a notification that it had
/// not acted on goes to another.
///
/// ```
/// use ropewalk::{Deadline, Plain, process::{Condition, Lock}};
/// let (lock, ready) = (Lock::new()?, Condition::new()?);
/// std::thread::scope(|scope| {
///     assert!(lock.try_acquire());
///     scope.spawn(|| {
///         lock.acquire(&mut Plain, Deadline::NEVER).unwrap();
///         ready.notify(1);
///         lock.release();
///     });
///     let waiting = ready.begin().unwrap();
///     lock.release();
///     ready.sleep(&waiting, &mut Plain, Deadline::NEVER).unwrap();
///     lock.acquire(&mut Plain, Deadline::NEVER).unwrap();
///     assert!(ready.end(waiting));
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Condition {
    pub(super) object: Object,
}

passed!(Condition);

/// A wait that has begun.
///
/// ```
/// use ropewalk::process::Condition;
/// let condition = Condition::new()?;
/// let waiting = condition.begin().unwrap();
/// assert_eq!(condition.waiting(), 1);
/// condition.end(waiting);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "it must be ended"]
pub struct Waiting(condition::Ticket);

impl Condition {
    /// One that nobody waits for.
    ///
    /// # Errors
    /// What the system reports: no descriptors or no address space left, no `/proc`.
    ///
    /// ```
    /// assert_eq!(ropewalk::process::Condition::new()?.waiting(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new() -> io::Result<Condition> {
        Object::new(Kind::Condition).map(|object| Condition { object })
    }

    /// Begins a wait, under the lock. `None` if some four thousand threads wait already, for this and for what was made
    /// beside it.
    ///
    /// ```
    /// let condition = ropewalk::process::Condition::new()?;
    /// let waiting = condition.begin().unwrap();
    /// assert!(!condition.end(waiting)); // nobody notified it
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn begin(&self) -> Option<Waiting> {
        condition::enter(self.object.place()).map(Waiting)
    }

    /// Sleeps until it is notified or the deadline comes, without the lock.
    ///
    /// # Errors
    /// The interrupt with which a signal ended the wait; it must be ended all the same.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, process::Condition};
    /// let condition = Condition::new()?;
    /// let waiting = condition.begin().unwrap();
    /// condition.sleep(&waiting, &mut Plain, Deadline::NOW).unwrap();
    /// assert!(!condition.end(waiting));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn sleep<B: Block>(
        &self,
        waiting: &Waiting,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<(), B::Interrupt> {
        let note = self.object.note(wait_graph::Kind::Condition, deadline);
        condition::sleep(self.object.place(), &waiting.0, &mut Noted { block, note }, deadline)
    }

    /// Ends a wait, under the lock again; says whether it was notified.
    ///
    /// ```
    /// let condition = ropewalk::process::Condition::new()?;
    /// let waiting = condition.begin().unwrap();
    /// condition.notify(1);
    /// assert!(condition.end(waiting));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn end(&self, waiting: Waiting) -> bool {
        condition::leave(self.object.place(), waiting.0)
    }

    /// Notifies at most `count` of those who wait, who has waited longest first, under the lock; says how many.
    ///
    /// ```
    /// assert_eq!(ropewalk::process::Condition::new()?.notify(u32::MAX), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn notify(&self, count: u32) -> u32 {
        condition::notify(self.object.place(), count)
    }

    /// How many wait and were not notified.
    ///
    /// ```
    /// assert_eq!(ropewalk::process::Condition::new()?.waiting(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn waiting(&self) -> u32 {
        condition::waiting(self.object.place())
    }
}
