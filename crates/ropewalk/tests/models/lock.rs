use super::{Interrupted, soon};
use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};
use loom::thread;
use ropewalk::model::explore;
use ropewalk::sync::Lock;
use ropewalk::{Deadline, Plain};
use std::sync::Arc;

/// A number under a lock. It is added to in two steps, and without any order of its own: only the lock keeps an
/// addition from being lost or not seen.
struct Guarded {
    lock: Lock,
    value: AtomicU32,
}

impl Guarded {
    fn new() -> Arc<Guarded> {
        Arc::new(Guarded { lock: Lock::new(), value: AtomicU32::new(0) })
    }

    fn add(&self) {
        self.value.store(self.value.load(Relaxed) + 1, Relaxed);
    }

    /// Adds one under the lock, if it comes before the deadline.
    fn add_until(&self, deadline: Deadline) -> u32 {
        if !self.lock.acquire(&mut Plain, deadline).unwrap() {
            return 0;
        }
        self.add();
        assert!(self.lock.release());
        1
    }
}

fn several(impatient: bool, deadlines: fn() -> Vec<Deadline>) {
    explore(impatient, move || {
        let guarded = Guarded::new();
        let others: Vec<_> = deadlines()
            .into_iter()
            .map(|deadline| {
                let guarded = Arc::clone(&guarded);
                thread::spawn(move || guarded.add_until(deadline))
            })
            .collect();
        let mine = guarded.add_until(Deadline::NEVER);
        let added = mine + others.into_iter().map(|other| other.join().unwrap()).sum::<u32>();
        assert!(!guarded.lock.is_locked() && guarded.lock.owner().is_none());
        assert_eq!(guarded.value.load(Relaxed), added);
    });
}

#[test]
fn two_threads_never_hold_it_at_once() {
    several(false, || vec![Deadline::NEVER]);
}

#[test]
fn a_lock_handed_over_is_held_by_one() {
    several(true, || vec![Deadline::NEVER]);
}

#[test]
fn three_threads_all_get_it() {
    several(false, || vec![Deadline::NEVER, Deadline::NEVER]);
}

#[test]
fn three_threads_all_are_handed_it() {
    several(true, || vec![Deadline::NEVER, Deadline::NEVER]);
}

#[test]
fn a_sleeper_that_gives_up_loses_no_wake() {
    several(false, || vec![Deadline::NEVER, soon()]);
}

#[test]
fn a_sleeper_that_gives_up_as_it_is_handed_the_lock_keeps_or_passes_it() {
    several(true, || vec![Deadline::NEVER, soon()]);
}

fn interrupted(impatient: bool) {
    explore(impatient, || {
        let lock = Arc::new(Lock::new());
        lock.acquire(&mut Plain, Deadline::NEVER).unwrap();
        let others = [true, false].map(|signalled| {
            let lock = Arc::clone(&lock);
            thread::spawn(move || {
                let taken = match signalled {
                    true => lock.acquire(&mut Interrupted::default(), Deadline::NEVER).is_ok(),
                    false => lock.acquire(&mut Plain, Deadline::NEVER).is_ok(),
                };
                assert!(signalled || taken);
                assert!(!taken || lock.release());
            })
        });
        lock.release();
        for other in others {
            other.join().unwrap();
        }
        assert!(!lock.is_locked());
    });
}

#[test]
fn an_interrupted_sleeper_passes_on_the_wake_it_was_given() {
    interrupted(false);
}

#[test]
fn an_interrupted_sleeper_passes_on_the_lock_it_was_handed() {
    interrupted(true);
}
