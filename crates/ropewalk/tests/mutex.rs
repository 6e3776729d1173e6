//! Mutexes and condition variables: one holder, no lost value, deadlocks refused.
#![allow(clippy::unwrap_used, reason = "a test")]

mod watchdog;

use ropewalk::Deadline;
use ropewalk::sync::{Condvar, Mutex, NotLocked, ReentrantMutex};
use ropewalk::wait_graph::{Kind, waits};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;
use watchdog::watch;

#[test]
fn one_thread_at_a_time_has_the_value() {
    let _watch = watch();
    let pair = Mutex::new((0_u64, 0_u64));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10_000 {
                    let mut pair = pair.lock();
                    assert_eq!(pair.0, pair.1);
                    pair.0 += 1;
                    pair.1 += 1;
                }
            });
        }
    });
    assert_eq!(pair.into_inner(), (40_000, 40_000));
}

#[test]
fn a_panic_releases_the_lock_and_keeps_the_value() {
    let mut mutex = Mutex::new(1);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        *mutex.lock() = 2;
        let _held = mutex.lock();
        panic!("on purpose");
    }));
    assert!(outcome.is_err());
    assert_eq!(*mutex.try_lock().expect("released"), 2);
    *mutex.get_mut() = 3;
    assert_eq!(format!("{mutex:?}"), "Mutex(3)");
    let held = mutex.lock();
    assert_eq!(format!("{mutex:?} {held:?}"), "Mutex(<locked>) 3");
}

#[test]
fn the_wait_that_closes_a_circle_of_mutexes_is_refused() {
    let _watch = watch();
    let (a, b, meet) = (Mutex::new('a'), Mutex::new('b'), Barrier::new(2));
    let refused = |first: &Mutex<char>, second: &Mutex<char>| {
        let _held = first.lock();
        meet.wait();
        match second.lock_until(Deadline::NEVER) {
            Ok(_) => false,
            Err(NotLocked::Deadlock(cycle)) => {
                assert!(cycle.is_certain());
                assert!(cycle.waits().iter().all(|wait| wait.kind == Kind::Mutex));
                true
            }
            Err(NotLocked::TimedOut) => panic!("there was no deadline"),
        }
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| refused(&b, &a));
        assert!(refused(&a, &b) ^ other.join().unwrap());
    });
    assert!(!a.is_locked() && !b.is_locked());
}

#[test]
fn a_refused_lock_panics_and_its_thread_lets_the_others_go() {
    let _watch = watch();
    let (a, b, meet) = (Mutex::new(()), Mutex::new(()), Barrier::new(2));
    let both = |first: &Mutex<()>, second: &Mutex<()>| {
        catch_unwind(AssertUnwindSafe(|| {
            let _first = first.lock();
            meet.wait();
            let _second = second.lock();
        }))
        .err()
        .map(|panic| *panic.downcast::<String>().expect("a message"))
    };
    let outcomes = thread::scope(|scope| {
        let other = scope.spawn(|| both(&b, &a));
        [both(&a, &b), other.join().unwrap()]
    });
    let messages: Vec<String> = outcomes.into_iter().flatten().collect();
    assert_eq!(messages.len(), 1);
    assert!(messages[0].contains("mutex"), "{}", messages[0]);
}

#[test]
fn a_timed_lock_of_ones_own_mutex_ends_at_its_deadline() {
    let mutex = ReentrantMutex::new(RefCell::new(1));
    *mutex.lock().borrow_mut() += 1;
    let plain = Mutex::new(());
    let _held = plain.lock();
    let end = Deadline::after(Duration::from_millis(2));
    assert!(matches!(plain.lock_until(end), Err(NotLocked::TimedOut)));
    assert!(end.passed());
    assert_eq!(mutex.into_inner().into_inner(), 2);
}

#[test]
fn every_notified_thread_sees_the_change_that_was_notified() {
    let _watch = watch();
    let (turn, changed) = (Mutex::new(0), Condvar::new());
    thread::scope(|scope| {
        for me in 0..4 {
            let (turn, changed) = (&turn, &changed);
            scope.spawn(move || {
                for _ in 0..500 {
                    let mut turn = changed.wait_while(turn.lock(), |turn| *turn % 4 != me);
                    *turn += 1;
                    changed.notify_all(&turn);
                }
            });
        }
    });
    assert_eq!(turn.into_inner(), 2_000);
}

#[test]
fn a_notified_thread_sleeps_until_the_guard_is_dropped() {
    let _watch = watch();
    let (value, changed) = (Mutex::new(0), Condvar::new());
    thread::scope(|scope| {
        let waiter = scope.spawn(|| *changed.wait(value.lock()));
        let is_waiting = || waits().iter().any(|wait| wait.thread_waits_for(&changed));
        while !is_waiting() {
            thread::yield_now();
        }
        let mut guard = value.lock();
        assert!(changed.notify_one(&guard));
        assert!(!changed.notify_one(&guard), "it is out of the line");
        *guard = 7;
        drop(guard);
        assert_eq!(waiter.join().unwrap(), 7);
    });
}

trait WaitsFor {
    fn thread_waits_for<T>(&self, thing: &T) -> bool;
}

impl WaitsFor for ropewalk::wait_graph::Wait {
    fn thread_waits_for<T>(&self, thing: &T) -> bool {
        let start = std::ptr::from_ref(thing).addr();
        (start..start + size_of::<T>()).contains(&self.address)
    }
}

#[test]
fn a_condition_variable_refuses_a_second_mutex() {
    let (a, b, changed) = (Mutex::new(()), Mutex::new(()), Condvar::new());
    changed.notify_all(&a.lock());
    let second = catch_unwind(AssertUnwindSafe(|| changed.notify_all(&b.lock())));
    assert!(second.is_err());
    assert!(b.try_lock().is_some());
    let waited = catch_unwind(AssertUnwindSafe(|| drop(changed.wait_until(b.lock(), Deadline::NOW))));
    assert!(waited.is_err());
    assert!(b.try_lock().is_some());
}

#[test]
fn a_refused_condition_wait_gives_the_value_back() {
    let _watch = watch();
    // The waiter keeps `kept`; who notifies it holds the mutex and then asks for `kept`.
    let (kept, value, changed) = (Mutex::new(()), Mutex::new(0), Condvar::new());
    thread::scope(|scope| {
        scope.spawn(|| {
            let _kept = kept.lock();
            let mut value = changed.wait(value.lock());
            *value += 1;
        });
        while waits().iter().all(|wait| !wait.thread_waits_for(&changed)) {
            thread::yield_now();
        }
        let mut value = value.lock();
        changed.notify_one(&value);
        assert!(matches!(kept.lock_until(Deadline::NEVER), Err(NotLocked::Deadlock(_))));
        *value += 1;
    });
    assert_eq!(value.into_inner(), 2);
}
