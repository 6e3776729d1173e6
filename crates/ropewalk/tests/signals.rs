//! Waits of a thread that has to see signals.

use ropewalk::future::Slot;
use ropewalk::sync::Event;
use ropewalk::{Block, Deadline, Halted};

/// A thread to which a signal has come, just before it slept: no sleep of it ends by that.
struct TooEarly;

impl Block for TooEarly {
    type Interrupt = &'static str;

    fn detached<R: Send>(&mut self, sleep: impl FnOnce() -> R + Send) -> R {
        sleep()
    }

    fn interrupted(&mut self) -> Result<(), &'static str> {
        Err("a signal")
    }

    fn heeds_signals(&self) -> bool {
        true
    }
}

#[test]
fn a_signal_that_came_just_before_the_sleep_ends_the_wait_all_the_same() {
    let waited = Event::new().wait(&mut TooEarly, Deadline::NEVER);
    assert!(matches!(waited, Err(Halted::Interrupted("a signal"))));
    let slot = Slot::<(), i32, fn()>::new();
    let waited = slot.wait(None, &mut TooEarly, Deadline::NEVER);
    assert!(matches!(waited, Err(Halted::Interrupted("a signal"))));
}
