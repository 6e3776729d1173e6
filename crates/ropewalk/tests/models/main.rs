//! Every order of events of small scenarios, explored by loom. Each model is one scenario.
//!
//!     make models
//!
//! Time does not pass in a model: a timed wait ends at once, as on the worst machine, and a model says whether
//! sleepers are impatient. The doctor is off: its registry outlives the models.
#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "a test")]

mod condition;
mod event;
mod future;
mod lock;
mod queue;
mod semaphore;

use ropewalk::{Block, Deadline, model};
use std::time::Duration;

/// A deadline that comes as soon as anybody looks.
fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(1))
}

/// A thread whose first sleep is ended by a signal, and whose handler ends the wait.
#[derive(Default)]
struct Interrupted {
    once: bool,
}

impl Block for Interrupted {
    type Interrupt = &'static str;

    fn detached<R: Send>(&mut self, sleep: impl FnOnce() -> R + Send) -> R {
        if !std::mem::replace(&mut self.once, true) {
            model::interrupt();
        }
        sleep()
    }

    fn interrupted(&mut self) -> Result<(), &'static str> {
        Err("a signal")
    }
}
