//! What a thread must give back before it sleeps, and what it must look at when a signal wakes it.

use crate::lookout::Lookout;
use std::convert::Infallible;

/// How the calling thread leaves its world to sleep, and comes back.
///
/// The engine sleeps only through this trait. A plain Rust thread has nothing to give back ([`Plain`]). A thread
/// of an interpreter gives back the interpreter's lock, and runs the interpreter's signal handlers when a signal
/// has ended its sleep.
///
/// ```
/// use ropewalk_os::{Block, Plain};
/// assert_eq!(Plain.detached(|| 7), 7);
/// assert!(Plain.interrupted().is_ok());
/// ```
pub trait Block {
    /// With what an interrupted wait ends: an interpreter's exception, or nothing at all.
    type Interrupt;

    /// Runs `sleep` with everything given back, and takes it again before returning.
    ///
    /// `sleep` touches only memory of the engine. It holds no engine lock when it returns.
    ///
    /// ```
    /// use ropewalk_os::Block;
    /// struct Counting(u32);
    /// impl Block for Counting {
    ///     type Interrupt = ();
    ///     fn detached<R: Send>(&mut self, sleep: impl FnOnce() -> R + Send) -> R {
    ///         self.0 += 1; // here an interpreter's thread would give back the interpreter's lock
    ///         sleep()
    ///     }
    ///     fn interrupted(&mut self) -> Result<(), ()> {
    ///         Ok(())
    ///     }
    /// }
    /// let mut block = Counting(0);
    /// assert_eq!((block.detached(|| 7), block.0), (7, 1));
    /// ```
    fn detached<R: Send>(&mut self, sleep: impl FnOnce() -> R + Send) -> R;

    /// Called, attached, after a signal ended a sleep.
    ///
    /// # Errors
    /// The interrupt with which the wait must end now. `Ok` means: sleep on.
    ///
    /// ```
    /// use ropewalk_os::{Block, Plain};
    /// assert!(Plain.interrupted().is_ok()); // a plain thread sleeps on
    /// ```
    fn interrupted(&mut self) -> Result<(), Self::Interrupt>;

    /// Whether signals are handled by this thread. One that comes just before a sleep does not end it, so such a thread
    /// sleeps in short steps where nothing else would wake it ([`Lookout`]).
    ///
    /// ```
    /// use ropewalk_os::{Block, Plain};
    /// assert!(!Plain.heeds_signals());
    /// ```
    fn heeds_signals(&self) -> bool {
        false
    }

    /// When this thread looks up from a sleep in which nobody calls it. [`Block::interrupted`] is called then.
    ///
    /// ```
    /// use ropewalk_os::{Block, Deadline, Plain};
    /// assert_eq!(Plain.lookout().until(Deadline::NEVER), Deadline::NEVER);
    /// ```
    fn lookout(&self) -> Lookout {
        Lookout::new(self.heeds_signals())
    }
}

/// A thread that belongs to no interpreter: it sleeps as it is, and signals do not end its waits.
///
/// ```
/// use ropewalk_os::{Block, Plain};
/// let mut slept = false;
/// Plain.detached(|| slept = true);
/// assert!(slept);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl Block for Plain {
    type Interrupt = Infallible;

    #[inline]
    fn detached<R: Send>(&mut self, sleep: impl FnOnce() -> R + Send) -> R {
        sleep()
    }

    #[inline]
    fn interrupted(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
