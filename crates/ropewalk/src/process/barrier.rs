//! A meeting of processes.

use super::object::{Object, passed};
use crate::wait_graph::{self, Noted};
use ropewalk_os::{Block, Deadline};
use ropewalk_shm::slab::Kind;
use ropewalk_shm::sync::barrier::{self, Arrival};
use std::io;

pub use ropewalk_shm::sync::barrier::NotPassed;

/// Processes that wait until all of them are there; then they go on, and it begins anew.
///
/// A process that is killed while it is there breaks the barrier: nobody waits for it in vain.
///
/// ```
/// use ropewalk::{Deadline, Plain, process::Barrier};
/// let barrier = Barrier::new(2)?;
/// std::thread::scope(|scope| {
///     let other = scope.spawn(|| barrier.wait(&mut Plain, Deadline::NEVER).unwrap());
///     let mine = barrier.wait(&mut Plain, Deadline::NEVER).unwrap();
///     assert_eq!(mine + other.join().unwrap(), 1); // one came first, the other last
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Barrier {
    pub(super) object: Object,
}

passed!(Barrier);

/// One who has come to a [`Barrier`]; the last of them decides whether all go on.
///
/// ```
/// use ropewalk::{Deadline, Plain, process::{Barrier, Came}};
/// let barrier = Barrier::new(1)?;
/// let Ok(Came::Last(last)) = barrier.come(&mut Plain, Deadline::NEVER) else { panic!("there is one") };
/// assert_eq!(last.go_on(), 0);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "others wait"]
pub enum Came<'a> {
    /// Others are missing.
    Early(Early<'a>),
    /// All are there, and wait for this one.
    Last(Last<'a>),
}

/// One who waits for others: see [`Came`].
///
/// ```
/// use ropewalk::{Deadline, Plain, process::{Barrier, Came, NotPassed}};
/// let barrier = Barrier::new(2)?;
/// let Ok(Came::Early(early)) = barrier.come(&mut Plain, Deadline::NEVER) else { panic!("there are two") };
/// barrier.abort();
/// assert_eq!(early.wait(&mut Plain, Deadline::NEVER), Err(NotPassed::Broken));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Early<'a>(&'a Barrier, Arrival);

/// The last one: see [`Came`]. Dropped, it breaks the barrier.
///
/// ```
/// use ropewalk::{Deadline, Plain, process::Barrier};
/// let barrier = Barrier::new(1)?;
/// drop(barrier.come(&mut Plain, Deadline::NEVER));
/// assert!(barrier.is_broken());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Last<'a>(&'a Barrier, Option<Arrival>);

impl Early<'_> {
    /// Waits until all are there; says how many were there before. The deadline breaks the barrier.
    ///
    /// # Errors
    /// [`NotPassed`].
    ///
    /// ```
    /// # use ropewalk::{Deadline, Plain, process::{Barrier, Came, NotPassed}};
    /// let barrier = Barrier::new(2)?;
    /// if let Ok(Came::Early(early)) = barrier.come(&mut Plain, Deadline::NEVER) {
    ///     assert_eq!(early.wait(&mut Plain, Deadline::NOW), Err(NotPassed::Broken));
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn wait<B: Block>(self, block: &mut B, deadline: Deadline) -> Result<u32, NotPassed<B::Interrupt>> {
        let index = self.1.index;
        let note = self.0.object.note(wait_graph::Kind::Barrier, deadline);
        barrier::wait(self.0.object.place(), self.1, &mut Noted { block, note }, deadline).map(|()| index)
    }
}

impl Last<'_> {
    /// Lets all go on; says how many were there before.
    ///
    /// ```
    /// # use ropewalk::{Deadline, Plain, process::{Barrier, Came}};
    /// let barrier = Barrier::new(1)?;
    /// if let Ok(Came::Last(last)) = barrier.come(&mut Plain, Deadline::NEVER) {
    ///     assert_eq!(last.go_on(), 0);
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn go_on(mut self) -> u32 {
        self.1.take().map_or(0, |arrival| {
            let index = arrival.index;
            barrier::pass(self.0.object.place(), arrival);
            index
        })
    }
}

impl Drop for Last<'_> {
    fn drop(&mut self) {
        if let Some(arrival) = self.1.take() {
            barrier::fail_last(self.0.object.place(), arrival);
        }
    }
}

impl Barrier {
    /// A barrier for so many; one at least.
    ///
    /// # Errors
    /// What the system reports: no descriptors or no address space left, no `/proc`.
    ///
    /// ```
    /// assert_eq!(ropewalk::process::Barrier::new(3)?.parties(), 3);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new(parties: u32) -> io::Result<Barrier> {
        let object = Object::new(Kind::Barrier)?;
        barrier::begin(object.place(), parties.max(1));
        Ok(Barrier { object })
    }

    /// Waits until all are there; says how many were there before. The deadline breaks the barrier.
    ///
    /// # Errors
    /// [`NotPassed`].
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, process::Barrier};
    /// let barrier = Barrier::new(1)?;
    /// assert_eq!(barrier.wait(&mut Plain, Deadline::NEVER), Ok(0));
    /// assert_eq!(barrier.wait(&mut Plain, Deadline::NEVER), Ok(0));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn wait<B: Block>(&self, block: &mut B, deadline: Deadline) -> Result<u32, NotPassed<B::Interrupt>> {
        match self.come(block, deadline)? {
            Came::Early(early) => early.wait(block, deadline),
            Came::Last(last) => Ok(last.go_on()),
        }
    }

    /// Comes to the barrier: for who has something to do when all are there. Waits only for the end of the round before.
    ///
    /// # Errors
    /// [`NotPassed`].
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, process::{Barrier, Came}};
    /// let barrier = Barrier::new(1)?;
    /// match barrier.come(&mut Plain, Deadline::NEVER) {
    ///     Ok(Came::Last(last)) => {
    ///         println!("all are there");
    ///         last.go_on();
    ///     }
    ///     other => panic!("{other:?}"),
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn come<B: Block>(
        &self,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<Came<'_>, NotPassed<B::Interrupt>> {
        let note = self.object.note(wait_graph::Kind::Barrier, deadline);
        let arrival = barrier::arrive(self.object.place(), &mut Noted { block, note }, deadline)?;
        Ok(if arrival.is_last {
            Came::Last(Last(self, Some(arrival)))
        } else {
            Came::Early(Early(self, arrival))
        })
    }

    /// Breaks the barrier: whoever is there and whoever comes is told.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, process::{Barrier, NotPassed}};
    /// let barrier = Barrier::new(1)?;
    /// barrier.abort();
    /// assert_eq!(barrier.wait(&mut Plain, Deadline::NEVER), Err(NotPassed::Broken));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn abort(&self) {
        barrier::fail(self.object.place());
    }

    /// Begins anew: whoever is there is told that the barrier broke.
    ///
    /// ```
    /// let barrier = ropewalk::process::Barrier::new(1)?;
    /// barrier.abort();
    /// barrier.reset();
    /// assert!(!barrier.is_broken());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn reset(&self) {
        barrier::reset(self.object.place());
    }

    /// How many must come.
    ///
    /// ```
    /// assert_eq!(ropewalk::process::Barrier::new(2)?.parties(), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn parties(&self) -> u32 {
        barrier::parties(self.object.place())
    }

    /// How many are there.
    ///
    /// ```
    /// assert_eq!(ropewalk::process::Barrier::new(2)?.waiting(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn waiting(&self) -> u32 {
        barrier::waiting(self.object.place())
    }

    /// Whether it is broken.
    ///
    /// ```
    /// assert!(!ropewalk::process::Barrier::new(2)?.is_broken());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_broken(&self) -> bool {
        barrier::is_broken(self.object.place())
    }
}
