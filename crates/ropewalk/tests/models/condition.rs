use super::{Interrupted, soon};
use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};
use loom::thread;
use ropewalk::model::{explore, explore_within};
use ropewalk::sync::{Condition, Lock};
use ropewalk::{Deadline, Plain};
use std::sync::Arc;

/// A count under a lock, and a condition for its changes.
struct Shelf {
    lock: Lock,
    filled: Condition,
    count: AtomicU32,
}

impl Shelf {
    fn new() -> Arc<Shelf> {
        Arc::new(Shelf { lock: Lock::new(), filled: Condition::new(), count: AtomicU32::new(0) })
    }

    fn put(&self, count: u32, notify: usize) {
        self.lock.acquire(&mut Plain, Deadline::NEVER).unwrap();
        self.count.store(self.count.load(Relaxed) + count, Relaxed);
        self.filled.notify(notify, &self.lock);
        assert!(self.lock.release());
    }

    /// Takes one, waiting again and again; `false` if a wait ended at its deadline.
    fn take(&self, deadline: Deadline) -> bool {
        self.lock.acquire(&mut Plain, Deadline::NEVER).unwrap();
        let mut in_time = true;
        while in_time && self.count.load(Relaxed) == 0 {
            in_time = self.filled.wait(&self.lock, &mut Plain, deadline).unwrap();
        }
        if in_time {
            self.count.store(self.count.load(Relaxed) - 1, Relaxed);
        }
        assert!(self.lock.release());
        in_time
    }
}

fn one_waiter(impatient: bool, deadline: fn() -> Deadline) {
    explore(impatient, move || {
        let shelf = Shelf::new();
        let taker = Arc::clone(&shelf);
        let taker = thread::spawn(move || taker.take(deadline()));
        shelf.put(1, 1);
        let taken = taker.join().unwrap();
        assert_eq!(shelf.count.load(Relaxed), u32::from(!taken));
    });
}

#[test]
fn a_notified_waiter_wakes_when_the_lock_is_released() {
    one_waiter(false, || Deadline::NEVER);
}

#[test]
fn a_notified_waiter_is_handed_the_lock() {
    one_waiter(true, || Deadline::NEVER);
}

#[test]
fn a_waiter_that_gives_up_while_it_is_moved_holds_the_lock_once() {
    one_waiter(false, soon);
}

#[test]
fn a_waiter_that_gives_up_while_it_is_handed_the_lock_holds_it_once() {
    one_waiter(true, soon);
}

/// A waiter is interrupted while it is notified. It holds the lock afterwards, and leaves nothing behind that
/// would swallow the wake of another.
fn interrupted(impatient: bool) {
    explore(impatient, || {
        let shelf = Shelf::new();
        let waiter = Arc::clone(&shelf);
        let waiter = thread::spawn(move || {
            waiter.lock.acquire(&mut Plain, Deadline::NEVER).unwrap();
            let _ = waiter.filled.wait(&waiter.lock, &mut Interrupted::default(), Deadline::NEVER);
            assert!(waiter.lock.release());
        });
        shelf.put(1, 1);
        shelf.put(1, 1);
        waiter.join().unwrap();
        assert!(!shelf.lock.is_locked() && shelf.filled.waiting() == 0);
    });
}

#[test]
fn a_waiter_interrupted_while_it_is_moved_holds_the_lock() {
    interrupted(false);
}

#[test]
fn a_waiter_interrupted_while_it_is_handed_the_lock_holds_it() {
    interrupted(true);
}

fn two_waiters(impatient: bool) {
    explore_within(2, impatient, || {
        let shelf = Shelf::new();
        let takers = [(); 2].map(|()| {
            let shelf = Arc::clone(&shelf);
            thread::spawn(move || assert!(shelf.take(Deadline::NEVER)))
        });
        shelf.put(2, usize::MAX);
        for taker in takers {
            taker.join().unwrap();
        }
    });
}

#[test]
fn all_moved_waiters_get_the_lock_one_after_the_other() {
    two_waiters(false);
}

#[test]
fn all_moved_waiters_are_handed_the_lock_one_after_the_other() {
    two_waiters(true);
}
