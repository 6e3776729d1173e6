//! Records dealt with, and the wait for all of them to be.

use super::error::{DoneError, Fault, JoinError};
use super::state::State;
use super::wait::{Operation, Step, Stop};
use super::{DONE, Ring};
use ropewalk_os::robust::Guard;
use ropewalk_os::{Block, Deadline};

struct Join;

impl Operation for Join {
    type Done = ();
    const LINE: usize = DONE;

    fn attempt(&mut self, ring: &Ring, held: &Guard<'_>, slept: bool) -> Result<Step<()>, Fault> {
        if ring.state()?.unfinished != 0 {
            return Ok(Step::Wait);
        }
        if slept {
            ring.store.header().lines[DONE].call(held, u32::MAX);
        }
        Ok(Step::Done(()))
    }

    fn others_can(&self, ring: &Ring) -> Result<bool, Fault> {
        Ok(ring.state()?.unfinished == 0)
    }
}

impl Ring {
    /// Says that a record which was taken out has been dealt with.
    ///
    /// # Errors
    /// [`DoneError`].
    pub fn task_done(&self) -> Result<(), DoneError> {
        let held = self.lock().map_err(DoneError::Fault)?;
        let state = self.state().map_err(DoneError::Fault)?;
        let Some(unfinished) = state.unfinished.checked_sub(1) else { return Err(DoneError::TooMany) };
        let header = self.store.header();
        if unfinished == 0 {
            header.lines[DONE].call(&held, u32::MAX);
        }
        State { unfinished, ..state }.commit(header);
        Ok(())
    }

    /// Waits until all records that were put in have been dealt with.
    ///
    /// # Errors
    /// [`JoinError`].
    ///
    /// ```
    /// use ropewalk_os::{Deadline, Plain};
    /// use ropewalk_shm::ring::{JoinError, Options, Ring};
    /// let ring = Ring::create(&Options::default())?;
    /// ring.try_push(b"task").unwrap();
    /// ring.try_pop(&mut Vec::new()).unwrap();
    /// assert_eq!(ring.join(&mut Plain, Deadline::NOW), Err(JoinError::TimedOut));
    /// ring.task_done().unwrap();
    /// assert_eq!(ring.join(&mut Plain, Deadline::NOW), Ok(()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn join<B: Block>(&self, block: &mut B, deadline: Deadline) -> Result<(), JoinError<B::Interrupt>> {
        self.run(&mut Join, block, deadline).map_err(|stop| match stop {
            Stop::TimedOut => JoinError::TimedOut,
            Stop::Interrupted(interrupt) => JoinError::Interrupted(interrupt),
            Stop::Fault(fault) => JoinError::Fault(fault),
        })
    }
}
