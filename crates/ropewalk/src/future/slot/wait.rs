//! Who waits for a result: threads that sleep until it is there, and gatherings of several.

use super::super::answer::{Waited, Wakes};
use super::super::gather::Gathering;
use super::super::state::{FAILED, State};
use super::Slot;
use crate::park::{Halted, Line, Rest, Sleeper, sleep};
use crate::primitive::{Arc, Ordering};
use crate::wait_graph::{Crew, Kind, Reason};
use ropewalk_os::{Block, Deadline};

impl<W, T, C> Slot<W, T, C> {
    /// Waits until it is finished or cancelled. If it stands in a pool's line, `crew` are the pool's workers.
    ///
    /// # Errors
    /// [`Halted`] if the wait was interrupted or would have closed a deadlock.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, future::{Slot, Waited}};
    /// let slot = Slot::<(), i32, fn()>::new();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| slot.finish(1, false).unwrap().wakes.wake());
    ///     assert_eq!(slot.wait(None, &mut Plain, Deadline::NEVER).unwrap(), Waited::Done);
    /// });
    /// ```
    #[inline]
    pub fn wait<B: Block>(
        &self,
        crew: Option<&Crew>,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<Waited, Halted<B::Interrupt>> {
        if self.state().is_done() {
            return Ok(Waited::Done);
        }
        if deadline.is_now() {
            return Ok(Waited::TimedOut);
        }
        self.wait_slow(crew, block, deadline)
    }

    #[cold]
    fn wait_slow<B: Block>(
        &self,
        crew: Option<&Crew>,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<Waited, Halted<B::Interrupt>> {
        let sleeper = Sleeper::new(None);
        {
            let mut inner = self.inner.lock();
            if self.state().is_done() {
                return Ok(Waited::Done);
            }
            inner.audience().sleepers.push_back(&sleeper);
        }
        let reason = match crew {
            Some(crew) => Reason::task(self, &self.runner, crew),
            None => Reason::owned(Kind::Future, self, &self.runner),
        };
        let rest = sleep(&sleeper, block, deadline, &reason, || false);
        if !matches!(rest, Ok(Rest::Taken | Rest::Overtaken))
            && let Some(audience) = &mut self.inner.lock().audience
        {
            audience.sleepers.remove(&sleeper);
        }
        match rest {
            Err(halted) => Err(halted),
            Ok(_) if self.state().is_done() => Ok(Waited::Done),
            Ok(Rest::TimedOut) => Ok(Waited::TimedOut),
            Ok(_) => Ok(Waited::Dismissed),
        }
    }

    /// Sends every sleeping thread away: its wait ends as [`Waited::Dismissed`].
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, future::{Slot, Waited}};
    /// let slot = Slot::<(), i32, fn()>::new();
    /// std::thread::scope(|scope| {
    ///     let waiter = scope.spawn(|| slot.wait(None, &mut Plain, Deadline::NEVER).unwrap());
    ///     while !waiter.is_finished() {
    ///         slot.dismiss();
    ///     }
    ///     assert_eq!(waiter.join().unwrap(), Waited::Dismissed);
    /// });
    /// ```
    pub fn dismiss(&self) {
        let mut line = match &mut self.inner.lock().audience {
            Some(audience) => std::mem::take(&mut audience.sleepers),
            None => return,
        };
        while let Some(sleeper) = line.pop() {
            sleeper.wake();
        }
    }

    /// Asks to be told, under `key`, when this future is settled; a settled one reports at once.
    ///
    /// ```
    /// use ropewalk::future::{Gathering, Slot, Until};
    /// let gathering = std::sync::Arc::new(Gathering::new(Until::AllSettled));
    /// let slot = Slot::<(), i32, fn()>::new();
    /// slot.report_to(&gathering, 7);
    /// assert!(gathering.take().is_empty());
    /// slot.finish(1, false).unwrap().wakes.wake();
    /// assert_eq!(gathering.take(), [7]);
    /// ```
    pub fn report_to(&self, gathering: &Arc<Gathering>, key: usize) {
        gathering.expect();
        let mut wakes = Line::default();
        {
            let mut inner = self.inner.lock();
            let word = self.word.load(Ordering::Relaxed);
            if State::of(word).is_settled() {
                gathering.report(key, word & FAILED != 0, &mut wakes);
            } else {
                inner.audience().gatherings.push((Arc::clone(gathering), key));
            }
        }
        Wakes(wakes).wake();
    }

    /// Takes back [`Slot::report_to`].
    ///
    /// ```
    /// use ropewalk::future::{Gathering, Slot, Until};
    /// let gathering = std::sync::Arc::new(Gathering::new(Until::AllSettled));
    /// let slot = Slot::<(), i32, fn()>::new();
    /// slot.report_to(&gathering, 7);
    /// slot.forget(&gathering);
    /// slot.finish(1, false).unwrap().wakes.wake();
    /// assert!(gathering.take().is_empty());
    /// ```
    pub fn forget(&self, gathering: &Arc<Gathering>) {
        if let Some(audience) = &mut self.inner.lock().audience {
            audience.gatherings.retain(|(other, _)| !gathering.is(other));
        }
    }
}
