//! A thread's way to sleep, with a note of its wait kept on the side.
//!
//! Whoever waits in shared memory calls [`Block::interrupted`] when a sleep has ended and nobody has called. That is
//! the moment to write the wait down, and to look around: the thread has come back to its world, and holds nothing.

use super::note::Note;
use super::report::ProcessCycle;
use ropewalk_os::Block;
use ropewalk_os::lookout::Lookout;

/// Why a wait on something that processes share ended.
///
/// ```
/// use ropewalk::{Deadline, Plain, process::Lock};
/// let lock = Lock::new()?;
/// assert!(lock.acquire_owned(&mut Plain, Deadline::NEVER).is_ok());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped<I> {
    /// By a signal's handler.
    Interrupted(I),
    /// It could never have ended otherwise.
    Deadlock(Box<ProcessCycle>),
}

fn lookout<B: Block>(block: &B) -> Lookout {
    if block.heeds_signals() { block.lookout() } else { Lookout::rarely() }
}

/// Of a wait that does not fail: what is found is reported.
pub(crate) struct Noted<'a, 'b, B> {
    pub(crate) block: &'a mut B,
    pub(crate) note: Note<'b>,
}

impl<B: Block> Block for Noted<'_, '_, B> {
    type Interrupt = B::Interrupt;

    #[inline]
    fn detached<R: Send>(&mut self, sleep: impl FnOnce() -> R + Send) -> R {
        self.block.detached(sleep)
    }

    fn interrupted(&mut self) -> Result<(), B::Interrupt> {
        loop {
            self.note.stand_aside();
            self.block.interrupted()?;
            self.note.stand();
            let fails = self.note.look_around();
            debug_assert!(fails.is_none(), "it was not said that it may");
            if !self.note.has_told() {
                return Ok(());
            }
        }
    }

    fn heeds_signals(&self) -> bool {
        self.block.heeds_signals()
    }

    fn lookout(&self) -> Lookout {
        lookout(self.block)
    }
}

/// Of a wait that fails when nothing else can end it.
pub(crate) struct Failing<'a, 'b, B> {
    pub(crate) block: &'a mut B,
    pub(crate) note: Note<'b>,
}

impl<B: Block> Block for Failing<'_, '_, B> {
    type Interrupt = Stopped<B::Interrupt>;

    #[inline]
    fn detached<R: Send>(&mut self, sleep: impl FnOnce() -> R + Send) -> R {
        self.block.detached(sleep)
    }

    fn interrupted(&mut self) -> Result<(), Stopped<B::Interrupt>> {
        loop {
            self.note.stand_aside();
            self.block.interrupted().map_err(Stopped::Interrupted)?;
            self.note.stand();
            if let Some(cycle) = self.note.look_around() {
                return Err(Stopped::Deadlock(cycle));
            }
            if !self.note.has_told() {
                return Ok(());
            }
        }
    }

    fn heeds_signals(&self) -> bool {
        self.block.heeds_signals()
    }

    fn lookout(&self) -> Lookout {
        lookout(self.block)
    }
}
