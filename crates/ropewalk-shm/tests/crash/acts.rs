//! What processes do with locks, semaphores, events, conditions and barriers in the scenes of `objects`.

use crate::scenes::{AS_IT_SHOULD, RESCUED};
use ropewalk_os::{Deadline, Plain};
use ropewalk_shm::slab::{Kind, Place, Slab};
use ropewalk_shm::sync::{barrier, condition, event, lock, semaphore, wait};
use std::convert::Infallible;
use std::sync::Arc;

/// It came to a barrier that is broken.
pub const BROKEN: u8 = 3;
const WRONG: u8 = 2;

/// One of each, in one slab.
pub struct Objects {
    pub lock: Place,
    pub semaphore: Place,
    pub event: Place,
    pub condition: Place,
    pub barrier: Place,
}

impl Objects {
    /// A free lock, a semaphore without permits, an event that is not set, a barrier for two.
    pub fn new() -> Objects {
        let slab = Arc::new(Slab::create().expect("memfd"));
        let fresh = |number, kind| Place::fresh(&slab, number, kind).expect("room");
        let objects = Objects {
            lock: fresh(0, Kind::Lock),
            semaphore: fresh(1, Kind::Semaphore),
            event: fresh(2, Kind::Event),
            condition: fresh(3, Kind::Condition),
            barrier: fresh(4, Kind::Barrier),
        };
        barrier::begin(&objects.barrier, 2);
        objects
    }

    /// Takes the lock, also after a dead holder.
    pub fn take(&self) {
        assert!(unwrap(lock::take(&self.lock, &mut Plain, Deadline::NEVER)).is_some());
    }

    /// Frees the lock, which is held.
    pub fn free(&self) {
        assert!(lock::free(&self.lock), "it is held");
    }
}

fn unwrap<T>(result: Result<T, Infallible>) -> T {
    match result {
        Ok(value) => value,
    }
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Takes the lock and frees it.
    Hold,
    /// Takes the lock and ends.
    Keep,
    /// Takes a permit.
    Take,
    /// Gives one.
    Give,
    Set,
    Clear,
    AwaitEvent,
    /// Notifies one, under the lock.
    Notify,
    NotifyAll,
    /// Waits under the lock until it is notified.
    AwaitNotice,
    /// Comes to the barrier, waits there, goes on.
    Meet,
    Abort,
    Reset,
}

impl Act {
    pub fn perform(self, objects: &Objects) -> u8 {
        let before = wait::rescues();
        let right = match self {
            Act::Hold => {
                objects.take();
                lock::free(&objects.lock)
            }
            Act::Keep => {
                objects.take();
                true
            }
            Act::Take => unwrap(semaphore::take(&objects.semaphore, &mut Plain, Deadline::NEVER)),
            Act::Give => semaphore::give(&objects.semaphore, semaphore::MOST),
            Act::Set => {
                event::set(&objects.event);
                true
            }
            Act::Clear => {
                event::clear(&objects.event);
                true
            }
            Act::AwaitEvent => unwrap(event::wait(&objects.event, &mut Plain, Deadline::NEVER)),
            Act::Notify | Act::NotifyAll => {
                objects.take();
                let count = if self == Act::Notify { 1 } else { u32::MAX };
                condition::notify(&objects.condition, count);
                lock::free(&objects.lock)
            }
            Act::AwaitNotice => {
                objects.take();
                let ticket = condition::enter(&objects.condition).expect("room");
                objects.free();
                unwrap(condition::sleep(&objects.condition, &ticket, &mut Plain, Deadline::NEVER));
                objects.take();
                let called = condition::leave(&objects.condition, ticket);
                lock::free(&objects.lock) && called
            }
            Act::Meet => match meet(objects) {
                Ok(()) => true,
                Err(barrier::NotPassed::Broken) => return BROKEN,
                Err(_) => false,
            },
            Act::Abort => {
                barrier::fail(&objects.barrier);
                true
            }
            Act::Reset => {
                barrier::reset(&objects.barrier);
                true
            }
        };
        match (right, wait::rescues() == before) {
            (true, true) => AS_IT_SHOULD,
            (true, false) => RESCUED,
            (false, _) => WRONG,
        }
    }
}

fn meet(objects: &Objects) -> Result<(), barrier::NotPassed<Infallible>> {
    let arrival = barrier::arrive(&objects.barrier, &mut Plain, Deadline::NEVER)?;
    if arrival.is_last {
        barrier::pass(&objects.barrier, arrival);
        return Ok(());
    }
    barrier::wait(&objects.barrier, arrival, &mut Plain, Deadline::NEVER)
}
