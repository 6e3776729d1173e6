//! Certain deadlocks: every one is found by the thread that closes it, and nothing else is.
#![allow(clippy::unwrap_used, reason = "a test")]

mod watchdog;

use ropewalk::sync::{Condition, Lock, ReentrantLock, Semaphore};
use ropewalk::wait_graph::{Alive, Kind, declare_join, waits};
use ropewalk::{Block, Deadline, Halted, Plain};
use ropewalk_os::thread::current;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;
use watchdog::{Random, watch};

fn take(lock: &ReentrantLock) -> Result<bool, Halted<std::convert::Infallible>> {
    lock.acquire(&mut Plain, Deadline::NEVER)
}

/// `size` threads take one lock each, meet, and take the next one's. Says how many were refused.
fn ring(order: &[usize], locks: &[ReentrantLock]) -> usize {
    let meet = Barrier::new(order.len());
    let refused = AtomicUsize::new(0);
    thread::scope(|scope| {
        for (place, &first) in order.iter().enumerate() {
            let second = order[(place + 1) % order.len()];
            let (meet, refused) = (&meet, &refused);
            scope.spawn(move || {
                take(&locks[first]).expect("nobody holds it");
                meet.wait();
                match take(&locks[second]) {
                    Ok(_) => locks[second].release().expect("just taken"),
                    Err(Halted::Deadlock(cycle)) => {
                        assert!(cycle.is_certain());
                        assert_eq!(cycle.waits().len(), order.len());
                        assert!(
                            cycle.waits().iter().all(|wait| wait.kind == Kind::ReentrantLock && !wait.timed)
                        );
                        refused.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(other) => panic!("{other:?}"),
                }
                locks[first].release().expect("still held");
            });
        }
    });
    refused.into_inner()
}

#[test]
fn two_hundred_of_two_hundred_random_rings_are_found() {
    let _watch = watch();
    let locks: Vec<ReentrantLock> = (0..6).map(|_| ReentrantLock::new()).collect();
    let mut random = Random::new(1);
    for round in 0..200 {
        let mut order: Vec<usize> = (0..6).collect();
        random.shuffle(&mut order);
        order.truncate(2 + random.below(5));
        assert_eq!(ring(&order, &locks), 1, "round {round}, ring {order:?}");
        assert!(locks.iter().all(|lock| !lock.is_locked()));
    }
}

#[test]
fn a_refused_wait_leaves_no_trace() {
    let _watch = watch();
    let locks = [ReentrantLock::new(), ReentrantLock::new()];
    assert_eq!(ring(&[0, 1], &locks), 1);
    assert!(
        waits().iter().all(|wait| locks.iter().all(|lock| wait.address != std::ptr::from_ref(lock).addr()))
    );
    take(&locks[0]).expect("free again");
    assert_eq!(locks[0].depth(), 1);
    locks[0].release().expect("held");
}

#[test]
fn locks_taken_in_one_order_are_never_refused() {
    let _watch = watch();
    let locks: Vec<ReentrantLock> = (0..6).map(|_| ReentrantLock::new()).collect();
    let plain: Vec<Lock> = (0..3).map(|_| Lock::new()).collect();
    thread::scope(|scope| {
        for seed in 0..4 {
            let (locks, plain) = (&locks, &plain);
            scope.spawn(move || {
                let mut random = Random::new(100 + seed);
                for _ in 0..3_000 {
                    let mut held = Vec::new();
                    for lock in locks {
                        let deadline = match random.below(6) {
                            0 | 1 => Deadline::NEVER,
                            2 => Deadline::after(Duration::from_micros(50)),
                            _ => continue,
                        };
                        if lock.acquire(&mut Plain, deadline).expect("no deadlock is possible here") {
                            held.push(lock);
                        }
                    }
                    let last = &plain[random.below(plain.len())];
                    last.acquire(&mut Plain, Deadline::NEVER).expect("no deadlock is possible here");
                    if random.below(20) == 0 {
                        thread::yield_now();
                    }
                    last.release();
                    held.into_iter().for_each(|lock| lock.release().expect("held"));
                }
            });
        }
    });
}

#[test]
fn a_timed_wait_in_the_ring_is_left_alone() {
    let _watch = watch();
    let (a, b) = (ReentrantLock::new(), ReentrantLock::new());
    let meet = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            take(&a).expect("free");
            meet.wait();
            assert!(
                !b.acquire(&mut Plain, Deadline::after(Duration::from_millis(300))).expect("never refused")
            );
            a.release().expect("held");
        });
        take(&b).expect("free");
        meet.wait();
        assert!(take(&a).expect("the other gives up in time"));
        a.release().expect("held");
        b.release().expect("held");
    });
}

#[test]
fn who_waits_for_a_ring_of_others_is_not_refused() {
    let _watch = watch();
    let (a, b) = (Arc::new(ReentrantLock::new()), Arc::new(ReentrantLock::new()));
    let meet = Arc::new(Barrier::new(3));
    let outcomes: Vec<_> = (0..3)
        .map(|place| {
            let (a, b, meet) = (Arc::clone(&a), Arc::clone(&b), Arc::clone(&meet));
            thread::spawn(move || {
                let (first, second) = if place == 1 { (&b, &a) } else { (&a, &b) };
                let own = ReentrantLock::new();
                let first = if place == 2 { &own } else { &**first };
                take(first).expect("nobody else wants it");
                meet.wait();
                let refused = take(second).is_err();
                if !refused {
                    second.release().expect("held");
                }
                first.release().expect("held");
                refused
            })
        })
        .collect();
    let refused: Vec<bool> = outcomes.into_iter().map(|thread| thread.join().expect("no panic")).collect();
    assert_eq!(refused.iter().filter(|&&refused| refused).count(), 1, "{refused:?}");
    assert!(!refused[2], "the third is in no ring");
}

#[test]
fn a_notified_waiter_counts_as_waiting_for_the_lock() {
    let _watch = watch();
    // The waiter keeps `kept`; its notifier, who holds the condition's lock, then asks for `kept`.
    let (kept, lock, ready) = (ReentrantLock::new(), ReentrantLock::new(), Condition::new());
    thread::scope(|scope| {
        scope.spawn(|| {
            take(&kept).expect("free");
            take(&lock).expect("free");
            let notified = ready.wait_reentrant(&lock, &mut Plain, Deadline::NEVER);
            assert!(notified.expect("not refused: the notifier is").expect("owned"));
            lock.release().expect("held again");
            kept.release().expect("held");
        });
        while ready.waiting() == 0 {
            thread::yield_now();
        }
        take(&lock).expect("free while the other waits");
        ready.notify_reentrant(1, &lock);
        assert!(matches!(take(&kept), Err(Halted::Deadlock(cycle)) if cycle.is_certain()));
        lock.release().expect("held");
    });
}

/// Lets the calling thread sleep only when another waits for it.
struct Awaited(bool);

impl Block for Awaited {
    type Interrupt = Infallible;

    fn detached<R: Send>(&mut self, sleep: impl FnOnce() -> R + Send) -> R {
        while !std::mem::replace(&mut self.0, true) {
            self.0 = waits().iter().any(|wait| wait.owners == [current()]);
            thread::yield_now();
        }
        sleep()
    }

    fn interrupted(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

#[test]
fn who_takes_a_conditions_lock_again_is_not_refused_but_another_in_the_ring() {
    let _watch = watch();
    // The waiter keeps `kept`; while it waits, another takes its lock and asks for `kept`; then its time is over.
    let (kept, lock, ready) = (ReentrantLock::new(), ReentrantLock::new(), Condition::new());
    thread::scope(|scope| {
        scope.spawn(|| {
            take(&kept).expect("free");
            take(&lock).expect("free");
            let soon = Deadline::after(Duration::from_millis(1));
            let notified = ready.wait_reentrant(&lock, &mut Awaited(false), soon);
            assert!(!notified.expect("not refused: the other is").expect("owned"));
            lock.release().expect("held again");
            kept.release().expect("held");
        });
        while ready.waiting() == 0 {
            thread::yield_now();
        }
        take(&lock).expect("free while the other waits");
        assert!(matches!(take(&kept), Err(Halted::Deadlock(cycle)) if cycle.is_certain()));
        lock.release().expect("held");
    });
}

struct Running;

impl Alive for Running {
    fn is_alive(&self) -> bool {
        true
    }
}

#[test]
fn who_takes_a_conditions_lock_again_is_refused_if_nobody_else_can_be() {
    let _watch = watch();
    // The other holds the condition's lock and joins the waiter, which happens outside the engine.
    let (lock, ready) = (ReentrantLock::new(), Condition::new());
    let (number, told) = channel();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            take(&lock).expect("free");
            number.send(current()).expect("awaited");
            let soon = Deadline::after(Duration::from_millis(1));
            let refused = ready.wait_reentrant(&lock, &mut Awaited(false), soon);
            assert!(matches!(refused, Err(Halted::Deadlock(cycle)) if cycle.is_certain()));
            assert!(!lock.is_owned());
        });
        let target = told.recv().expect("sent");
        take(&lock).expect("free while the other waits");
        let declared = declare_join(target, 0, Arc::new(Running)).expect("its wait has an end");
        waiter.join().expect("no panic");
        drop(declared);
        lock.release().expect("held");
    });
}

#[test]
fn a_waiter_that_is_not_notified_is_nobodys_deadlock() {
    let _watch = watch();
    let (kept, lock, ready, started) =
        (ReentrantLock::new(), ReentrantLock::new(), Condition::new(), Semaphore::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            take(&kept).expect("free");
            take(&lock).expect("free");
            ready.wait_reentrant(&lock, &mut Plain, Deadline::NEVER).expect("not refused").expect("owned");
            lock.release().expect("held again");
            kept.release().expect("held");
        });
        scope.spawn(|| {
            while ready.waiting() == 0 {
                thread::yield_now();
            }
            take(&lock).expect("free while the other waits");
            started.release(1).expect("few");
            // Waits for what the sleeping waiter holds, with the lock that it will need: a third may still help.
            let deadline = Deadline::after(Duration::from_millis(50));
            assert!(!kept.acquire(&mut Plain, deadline).expect("not refused"));
            ready.notify_reentrant(1, &lock);
            lock.release().expect("held");
            assert!(take(&kept).expect("not refused"));
            kept.release().expect("held");
        });
        started.acquire(&mut Plain, Deadline::NEVER).expect("not refused");
    });
}

#[test]
fn five_philosophers_eat_a_thousand_meals_each() {
    let _watch = watch();
    let forks: Vec<ReentrantLock> = (0..5).map(|_| ReentrantLock::new()).collect();
    let meals: Vec<AtomicUsize> = (0..5).map(|_| AtomicUsize::new(0)).collect();
    thread::scope(|scope| {
        for place in 0..5 {
            let (left, right, meals) = (&forks[place], &forks[(place + 1) % 5], &meals[place]);
            scope.spawn(move || {
                while meals.load(Ordering::Relaxed) < 1_000 {
                    if take(left).is_err() {
                        continue;
                    }
                    thread::yield_now();
                    if take(right).is_ok() {
                        meals.fetch_add(1, Ordering::Relaxed);
                        right.release().expect("held");
                    }
                    left.release().expect("held");
                }
            });
        }
    });
    assert!(meals.iter().all(|meals| meals.load(Ordering::Relaxed) == 1_000));
}
