//! Who reads the answers: the host, a thread that does nothing else, or a guest, a thread that waits for one task.
//!
//! A thread that submits a task, waits for it, and so on, is woken twice for each if the host reads: the worker wakes the
//! host, the host wakes the thread. When a thread has waited a few times in a row for the only task there was, the host
//! goes *away*: it sleeps off the queue, and the thread reads its answer itself. So there are two wakes for a round trip,
//! the least.
//!
//! Nothing waits for long that way. A guest that reads something else puts it aside, calls the host, and goes. Who submits
//! a second task calls the host too. The host looks by itself as well, every [`LOOK`] while guests come, and stays after
//! one without.
//!
//! What must stay true: one of them reads at a time. A guest comes only while the host is away; the host that is back
//! waits until the guest, whom it sends a notice, has gone.

use super::Arrival;
use crate::primitive::Mutex;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, PoisonError};
use std::time::Duration;

/// Waits in a row for the only task, after which the host goes away.
const RHYTHM: u32 = 4;
/// How long the host is away without looking: the most that a task can be late for which nobody waits.
const LOOK: Duration = Duration::from_millis(5);
/// The same while a guest reads, who calls it if there is anything for it.
const LOOK_AT_GUEST: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Reading<T> {
    seats: Mutex<Seats<T>>,
    /// Whether the host is away, for who only asks that.
    away: AtomicBool,
    called: std::sync::Mutex<bool>,
    bell: Condvar,
}

#[derive(Debug)]
struct Seats<T> {
    guest: bool,
    /// Waits in a row that a guest could have read for.
    rhythm: u32,
    /// Guests since the host has looked.
    visits: u32,
    aside: VecDeque<Arrival<T>>,
}

impl<T> Reading<T> {
    pub(super) fn new() -> Reading<T> {
        Reading {
            seats: Mutex::new(Seats { guest: false, rhythm: 0, visits: 0, aside: VecDeque::new() }),
            away: AtomicBool::new(false),
            called: std::sync::Mutex::new(false),
            bell: Condvar::new(),
        }
    }

    /// A thread is about to wait for a task; `only`: there is no other. Whether it is the guest now.
    pub(super) fn enter(&self, only: bool) -> bool {
        let mut seats = self.seats.lock();
        if !only || seats.guest {
            seats.rhythm = 0;
            drop(seats);
            self.call();
            return false;
        }
        if !self.is_away() {
            // Not yet, or no more.
            seats.rhythm += 1;
            return false;
        }
        seats.guest = true;
        seats.visits += 1;
        true
    }

    /// The guest goes. `done`: it has what it came for, and leaves nothing.
    pub(super) fn leave(&self, done: bool) {
        self.seats.lock().guest = false;
        if !done {
            self.call();
        } else if !self.is_away() {
            self.bell.notify_one();
        }
    }

    /// Something for the host.
    pub(super) fn put_aside(&self, arrival: Arrival<T>) {
        self.seats.lock().aside.push_back(arrival);
    }

    /// What a guest has put aside.
    pub(super) fn take_aside(&self) -> Option<Arrival<T>> {
        self.seats.lock().aside.pop_front()
    }

    pub(super) fn is_away(&self) -> bool {
        self.away.load(Ordering::SeqCst)
    }

    /// Calls the host back, if it is away.
    pub(super) fn call(&self) {
        if self.is_away() {
            *self.called.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.bell.notify_one();
        }
    }

    /// Whether a guest reads now.
    pub(super) fn has_guest(&self) -> bool {
        self.seats.lock().guest
    }

    /// The host waits until the guest has gone.
    pub(super) fn wait_alone(&self) {
        while self.has_guest() {
            let called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
            drop(self.bell.wait_timeout(called, LOOK));
        }
    }

    /// Whether the host had better go away.
    pub(super) fn is_rhythmic(&self) -> bool {
        self.seats.lock().rhythm >= RHYTHM
    }

    /// The host is away until it is called, or no guests come. `wanted`: it is needed after all; who says so later calls.
    pub(super) fn stay_away(&self, wanted: impl Fn() -> bool) {
        self.away.store(true, Ordering::SeqCst);
        while !wanted() {
            let (guest, visits) = {
                let mut seats = self.seats.lock();
                (seats.guest, std::mem::take(&mut seats.visits))
            };
            let time = if guest { LOOK_AT_GUEST } else { LOOK };
            let called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
            let (mut called, _) = self
                .bell
                .wait_timeout_while(called, time, |called| !*called)
                .unwrap_or_else(PoisonError::into_inner);
            let seats = self.seats.lock();
            if std::mem::take(&mut *called) || !(seats.guest || seats.visits > 0 || visits > 0) {
                break;
            }
        }
        let mut seats = self.seats.lock();
        self.away.store(false, Ordering::Relaxed);
        seats.rhythm = 0;
    }
}
