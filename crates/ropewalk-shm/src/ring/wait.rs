//! The one way in which an operation on a ring is tried, waits, and is tried again.
//!
//! First with the lock if it is free, without leaving the caller's world. Then inside [`Block::detached`]: the
//! lock is taken, used and given back there, so that no thread ever waits for its interpreter with the lock in hand.

use super::Ring;
use super::error::Fault;
use crate::line::{Line, Ticket};
use crate::spin;
use ropewalk_os::futex::Slept;
use ropewalk_os::lookout::Lookout;
use ropewalk_os::robust::Guard;
use ropewalk_os::{Block, Deadline};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// How often dead processes are looked for by those who sleep.
const LOOK: Duration = Duration::from_secs(1);

/// How often who waits for memory that is on loan looks whether it is back.
const STARVED: Duration = Duration::from_millis(10);

/// What came of an attempt under the lock.
pub(super) enum Step<T> {
    Done(T),
    /// Not now: sleep in the operation's line.
    Wait,
    /// Give others a moment, then try again.
    Nap(Duration),
    /// Somebody died giving memory back: finish that, then try again.
    GiveBack,
    /// There is no memory for it, and who has it gives it back without a call: try again a little later.
    Starved,
}

/// One push, pop or join.
pub(super) trait Operation: Send {
    type Done: Send;
    /// The line in which it sleeps.
    const LINE: usize;
    /// Tries, under the lock. `slept`: it may have been called, so whoever else could go on must be called now.
    fn attempt(&mut self, ring: &Ring, held: &Guard<'_>, slept: bool) -> Result<Step<Self::Done>, Fault>;
    /// Whether others that sleep in the line could go on: asked when this one gives up.
    fn others_can(&self, ring: &Ring) -> Result<bool, Fault>;
}

/// Why an operation ended without being done.
pub(super) enum Stop<I> {
    TimedOut,
    Interrupted(I),
    Fault(Fault),
}

/// Where a wait stands between two attempts.
#[derive(Default)]
struct Turn {
    ticket: Option<Ticket>,
    slept: Option<Slept>,
    /// What `active` was when there was nothing to do: worth a look whether it still is, once.
    seen: Option<u32>,
    /// A moment to give before the next attempt.
    nap: Option<Duration>,
    /// For a thread that has to see signals.
    lookout: Lookout,
}

enum Rest<T> {
    Done(T),
    TimedOut,
    Interrupted,
}

impl Ring {
    #[inline]
    pub(super) fn run<O: Operation, B: Block>(
        &self,
        operation: &mut O,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<O::Done, Stop<B::Interrupt>> {
        let mut turn = Turn::default();
        if let Some(held) = self.store.try_lock().map_err(Stop::Fault)? {
            match operation.attempt(self, &held, false).map_err(Stop::Fault)? {
                Step::Done(done) => return Ok(done),
                Step::Wait | Step::Starved if deadline.is_now() => return Err(Stop::TimedOut),
                Step::Wait => turn.seen = Some(self.store.header().active.0.load(Relaxed)),
                Step::Nap(time) => turn.nap = Some(time),
                Step::GiveBack | Step::Starved => {}
            }
        }
        self.run_slow(operation, block, deadline, turn)
    }

    #[cold]
    fn run_slow<O: Operation, B: Block>(
        &self,
        operation: &mut O,
        block: &mut B,
        deadline: Deadline,
        mut turn: Turn,
    ) -> Result<O::Done, Stop<B::Interrupt>> {
        turn.lookout = block.lookout();
        loop {
            match block.detached(|| self.rest(operation, &mut turn, deadline)).map_err(Stop::Fault)? {
                Rest::Done(done) => return Ok(done),
                Rest::TimedOut => return Err(Stop::TimedOut),
                Rest::Interrupted => {}
            }
            if let Err(interrupt) = block.interrupted() {
                block.detached(|| self.give_up(operation, &mut turn)).map_err(Stop::Fault)?;
                return Err(Stop::Interrupted(interrupt));
            }
        }
    }

    /// Tries and sleeps until there is something to say to the caller.
    fn rest<O: Operation>(
        &self,
        operation: &mut O,
        turn: &mut Turn,
        deadline: Deadline,
    ) -> Result<Rest<O::Done>, Fault> {
        let line = &self.store.header().lines[O::LINE];
        loop {
            if let Some(seen) = turn.seen.take() {
                spin::until(&self.learned, || self.store.header().active.0.load(Relaxed) != seen);
            }
            if let Some(time) = turn.nap.take() {
                line.nap(time);
            }
            let Some(held) = self.store.lock_patiently()? else {
                // Its holder is stopped. A signal may have come meanwhile: the C library does not say.
                return Ok(if deadline.passed() { Rest::TimedOut } else { Rest::Interrupted });
            };
            let had_ticket = turn.ticket.is_some();
            let looked_itself = turn.slept == Some(Slept::TimedOut);
            self.leave(line, &held, turn, O::LINE)?;
            match operation.attempt(self, &held, had_ticket)? {
                Step::Done(done) => {
                    if looked_itself && !deadline.passed() {
                        self.rescues.fetch_add(1, Relaxed);
                    }
                    return Ok(Rest::Done(done));
                }
                Step::Wait | Step::Starved if deadline.passed() => return Ok(Rest::TimedOut),
                Step::Wait if looked_itself => {
                    self.store.bury_now_and_then(&held, LOOK)?;
                    line.count_anew(&held, self.store.table(), O::LINE);
                    if self.has_idle_blocks(&held, 0) {
                        drop(held);
                        self.give_blocks_back(0)?;
                    }
                    // A signal that came just before the sleep did not end it: the caller looks now.
                    return Ok(Rest::Interrupted);
                }
                Step::Wait => {}
                Step::Nap(time) => {
                    turn.nap = Some(time);
                    continue;
                }
                Step::GiveBack => {
                    drop(held);
                    self.give_back()?;
                    continue;
                }
                Step::Starved => {
                    drop(held);
                    line.nap(STARVED);
                    return Ok(Rest::Interrupted);
                }
            }
            let slot = self.store.slot(&held)?;
            let ticket = line.enter(&held, self.store.table().slot(slot), O::LINE);
            drop(held);
            turn.ticket = Some(ticket);
            turn.slept = Some(line.sleep(ticket, turn.lookout.until(ticket.until(deadline))));
            if turn.slept == Some(Slept::Interrupted) {
                return Ok(Rest::Interrupted);
            }
        }
    }

    /// Out of the line, under the lock.
    fn leave(&self, line: &Line, held: &Guard<'_>, turn: &mut Turn, number: usize) -> Result<(), Fault> {
        if let Some(ticket) = turn.ticket.take() {
            line.leave(held, self.store.table().slot(self.store.slot(held)?), number, ticket);
            // Who was moved to the lock took it without the kernel's knowing of those behind.
            held.announce_waiters();
        }
        turn.slept = None;
        Ok(())
    }

    /// Ends a wait that was interrupted: what it may have been called for, another must hear of.
    fn give_up<O: Operation>(&self, operation: &mut O, turn: &mut Turn) -> Result<(), Fault> {
        let line = &self.store.header().lines[O::LINE];
        let Some(held) = self.store.lock_patiently()? else { return Ok(()) };
        self.leave(line, &held, turn, O::LINE)?;
        if operation.others_can(self)? {
            line.call(&held, 1);
        }
        Ok(())
    }
}
