//! The one thing a thread sleeps on: a word that leaves zero when somebody has something to say to it.
//!
//! Most threads that are sent something have not gone to sleep yet, or are just waking up. The kernel is asked
//! only for those that really are in it: a sleeper says so in the word itself, and who finds that there wakes it.
//!
//! | word | meaning |
//! |---|---|
//! | 0 | nothing was sent; the thread is on its way to sleep or from it, and will look again |
//! | `PARKED` | nothing was sent; the thread is in the kernel, or one step from it |
//! | `DOZING` | as `PARKED`, but the thread will look by itself in a moment |
//! | other | what was sent |
//!
//! To a dozing thread something can be sent without waking it: whoever does so means to wake it a little later,
//! and if that is forgotten the thread finds it all the same, [`DOZE`] later at most.

use crate::primitive::{Ordering, Word};
use ropewalk_os::Deadline;
use ropewalk_os::futex::Slept;
use std::time::Duration;

const PARKED: u32 = u32::MAX;
const DOZING: u32 = u32::MAX - 1;

/// For how long a thread dozes before it sleeps. As long as an interpreter lets one thread run while others ask
/// for its lock; and no shorter than the tick of the system, below which a timer costs more than a switch.
const DOZE: Duration = Duration::from_millis(5);

/// A word on which one thread sleeps while it is zero.
#[derive(Debug)]
pub(crate) struct Signal(Word);

impl Signal {
    pub(crate) fn new() -> Signal {
        Signal(Word::new(0))
    }

    /// What was sent; zero for nothing. Pairs with the release in [`Signal::send`].
    #[inline]
    pub(crate) fn get(&self) -> u32 {
        match self.0.load(Ordering::Acquire) {
            PARKED | DOZING => 0,
            value => value,
        }
    }

    /// Back to zero; only by the thread that sleeps on it, while no one else can reach it.
    pub(crate) fn rearm(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Changes the word; [`Signal::rouse`] must follow.
    pub(crate) fn put(&self, value: u32) {
        self.0.swap(value, Ordering::AcqRel);
    }

    /// Wakes the thread if it is in the kernel.
    pub(crate) fn rouse(&self) {
        self.0.wake();
    }

    /// Changes the word, and wakes the thread if it sleeps.
    #[inline]
    pub(crate) fn send(&self, value: u32) {
        if matches!(self.0.swap(value, Ordering::AcqRel), PARKED | DOZING) {
            self.rouse();
        }
    }

    /// As [`Signal::send`], but if the thread dozes it is not woken: `true`, and [`Signal::rouse`] should follow.
    pub(crate) fn send_quietly(&self, value: u32) -> bool {
        let quietly = self.replace(DOZING, value);
        if !quietly {
            self.send(value);
        }
        quietly
    }

    /// As [`Signal::send`], but only if nothing was sent yet.
    pub(crate) fn nudge(&self, value: u32) {
        loop {
            match self.0.load(Ordering::Relaxed) {
                asleep @ (PARKED | DOZING) if self.replace(asleep, value) => return self.rouse(),
                0 if self.replace(0, value) => return,
                0 | PARKED | DOZING => {}
                _ => return,
            }
        }
    }

    /// Takes back what was sent by [`Signal::nudge`]; `false` if it is something else.
    pub(crate) fn settle(&self, value: u32) -> bool {
        self.replace(value, 0)
    }

    fn replace(&self, from: u32, to: u32) -> bool {
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Sleeps while nothing was sent, until the deadline or a signal of the system.
    pub(crate) fn wait(&self, deadline: Deadline) -> Slept {
        if !self.replace(0, PARKED) {
            return Slept::Changed;
        }
        self.sleep(deadline)
    }

    /// As [`Signal::wait`], but dozes first.
    pub(crate) fn doze(&self, deadline: Deadline) -> Slept {
        if !self.replace(0, DOZING) {
            return Slept::Changed;
        }
        let slept = self.0.sleep(DOZING, Deadline::after(DOZE));
        if slept == Slept::TimedOut && self.replace(DOZING, PARKED) {
            return self.sleep(deadline);
        }
        self.replace(DOZING, 0);
        slept
    }

    fn sleep(&self, deadline: Deadline) -> Slept {
        let slept = self.0.sleep(PARKED, deadline);
        self.replace(PARKED, 0);
        slept
    }
}
