//! The wait for a record to be there, without taking it.

use super::error::{Fault, PopError};
use super::wait::{Operation, Step, Stop};
use super::{NOT_EMPTY, Ring};
use ropewalk_os::robust::Guard;
use ropewalk_os::{Block, Deadline};

struct Filled;

impl Operation for Filled {
    type Done = bool;
    const LINE: usize = NOT_EMPTY;

    fn attempt(&mut self, ring: &Ring, held: &Guard<'_>, slept: bool) -> Result<Step<bool>, Fault> {
        let state = ring.state()?;
        if state.is_empty() && !state.closed {
            return Ok(Step::Wait);
        }
        if slept {
            // Who was called for a record leaves it there: another may take it.
            ring.store.header().lines[NOT_EMPTY].call(held, 1);
        }
        Ok(Step::Done(!state.is_empty()))
    }

    fn others_can(&self, ring: &Ring) -> Result<bool, Fault> {
        let state = ring.state()?;
        Ok(state.closed || !state.is_empty())
    }
}

impl Ring {
    /// Waits until a record is inside, at most until `deadline`. Who takes it next may be another.
    ///
    /// # Errors
    /// [`PopError`].
    ///
    /// ```
    /// use ropewalk_os::{Deadline, Plain};
    /// use ropewalk_shm::ring::{Options, PopError, Ring};
    /// let ring = Ring::create(&Options::default())?;
    /// assert_eq!(ring.wait_filled(&mut Plain, Deadline::NOW), Err(PopError::Empty));
    /// ring.try_push(b"rope").unwrap();
    /// assert_eq!(ring.wait_filled(&mut Plain, Deadline::NEVER), Ok(()));
    /// assert_eq!(ring.counts().unwrap().waiting(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn wait_filled<B: Block>(
        &self,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<(), PopError<B::Interrupt>> {
        match self.run(&mut Filled, block, deadline) {
            Ok(true) => Ok(()),
            Ok(false) => Err(PopError::ShutDown),
            Err(Stop::TimedOut) => Err(PopError::Empty),
            Err(Stop::Interrupted(interrupt)) => Err(PopError::Interrupted(interrupt)),
            Err(Stop::Fault(fault)) => Err(PopError::Fault(fault)),
        }
    }
}
