//! Many threads, random deadlines, and sums that must come out.
//!
//! Each test counts what went in and what came out. A lost wake is a hang, which the watchdog turns into a
//! message; a wake too many, or a lock or permit lost, is a wrong sum.
#![allow(clippy::unwrap_used, reason = "a test")]

mod watchdog;

use ropewalk::queue::{PopError, PushError, Queue};
use ropewalk::sync::{Condvar, Event, Lock, Mutex, ReentrantLock, Semaphore};
use ropewalk::{Deadline, Plain};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;
use watchdog::{Random, watch};

const THREADS: u64 = 8;
const ROUNDS: usize = 4_000;

/// Now, never, or somewhere about the time that a hand-over takes.
fn some_deadline(random: &mut Random) -> Deadline {
    match random.below(8) {
        0 => Deadline::NOW,
        1 | 2 => Deadline::NEVER,
        _ => Deadline::after(Duration::from_micros(1 + random.below(2_000) as u64)),
    }
}

fn dawdle(random: &mut Random) {
    match random.below(16) {
        0 => thread::yield_now(),
        // Longer than a sleeper's patience now and then: then locks and permits are handed over.
        1 if random.below(10) == 0 => thread::sleep(Duration::from_micros(1_100)),
        _ => {}
    }
}

/// Runs `body` in many threads, each with its own repeatable chance; the sum of what they return.
fn many(body: impl Fn(&mut Random) -> usize + Sync) -> usize {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|seed| {
                let body = &body;
                scope.spawn(move || body(&mut Random::new(seed + 1)))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

#[test]
fn a_lock_has_one_holder_and_is_never_lost() {
    let _watch = watch();
    let (lock, inside, count) = (Lock::new(), AtomicUsize::new(0), AtomicUsize::new(0));
    let taken = many(|random| {
        let mut taken = 0;
        for _ in 0..ROUNDS {
            if lock.acquire(&mut Plain, some_deadline(random)).unwrap() {
                assert_eq!(inside.fetch_add(1, Relaxed), 0);
                count.store(count.load(Relaxed) + 1, Relaxed);
                dawdle(random);
                inside.fetch_sub(1, Relaxed);
                assert!(lock.release());
                taken += 1;
            }
        }
        taken
    });
    assert_eq!(count.into_inner(), taken);
    assert!(!lock.is_locked() && lock.try_acquire());
}

#[test]
fn a_reentrant_lock_is_released_as_often_as_it_was_taken() {
    let _watch = watch();
    let (lock, inside) = (ReentrantLock::new(), AtomicUsize::new(0));
    many(|random| {
        for _ in 0..ROUNDS {
            if lock.acquire(&mut Plain, some_deadline(random)).unwrap() {
                assert_eq!(inside.fetch_add(1, Relaxed), 0);
                let again = random.below(3);
                (0..again).for_each(|_| assert!(lock.acquire(&mut Plain, Deadline::NOW).unwrap()));
                dawdle(random);
                inside.fetch_sub(1, Relaxed);
                (0..=again).for_each(|_| lock.release().unwrap());
            }
        }
        0
    });
    assert!(!lock.is_locked() && lock.depth() == 0);
}

#[test]
fn as_many_hold_permits_as_there_are_and_none_is_lost() {
    let _watch = watch();
    let (permits, inside) = (Semaphore::new(3), AtomicUsize::new(0));
    many(|random| {
        for _ in 0..ROUNDS {
            if permits.acquire(&mut Plain, some_deadline(random)).unwrap() {
                assert!(inside.fetch_add(1, Relaxed) < 3);
                dawdle(random);
                inside.fetch_sub(1, Relaxed);
                permits.release(1).unwrap();
            }
        }
        0
    });
    assert_eq!(permits.permits(), 3);
}

#[test]
fn every_notification_is_worth_one_item() {
    let _watch = watch();
    let (shelf, changed) = (Mutex::new((0_usize, 0_usize)), Condvar::new());
    let balance = many(|random| {
        let mut taken = 0;
        for _ in 0..ROUNDS / 2 {
            let mut guard = shelf.lock();
            guard.0 += 1;
            if random.below(4) == 0 {
                changed.notify_all(&guard);
            } else {
                changed.notify_one(&guard);
            }
            drop(guard);
            dawdle(random);
            let deadline = some_deadline(random);
            let mut guard = shelf.lock();
            // Never for ever: all threads take and put, so all could wait for an item at the same time.
            let deadline =
                if deadline.is_never() { Deadline::after(Duration::from_millis(3)) } else { deadline };
            let mut in_time = true;
            while guard.0 == 0 && in_time {
                (guard, in_time) = changed.wait_until(guard, deadline).unwrap();
            }
            if guard.0 > 0 {
                guard.0 -= 1;
                guard.1 += 1;
                taken += 1;
            }
        }
        taken
    });
    let (left, out) = shelf.into_inner();
    assert_eq!(out, balance);
    assert_eq!(left + out, THREADS as usize * (ROUNDS / 2));
}

#[test]
fn what_goes_into_a_queue_comes_out_once() {
    let _watch = watch();
    for capacity in [1, 7, usize::MAX] {
        let queue = Queue::bounded(capacity);
        let (sent, received) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (pushed, popped) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for seed in 0..THREADS / 2 {
                let (queue, received, popped) = (&queue, &received, &popped);
                scope.spawn(move || {
                    let mut random = Random::new(100 + seed);
                    loop {
                        match queue.pop(&mut Plain, some_deadline(&mut random)) {
                            Ok(item) => {
                                received.fetch_add(item, Relaxed);
                                popped.fetch_add(1, Relaxed);
                                queue.task_done().unwrap();
                            }
                            Err(PopError::Empty) => dawdle(&mut random),
                            Err(PopError::ShutDown) => break,
                            Err(PopError::Halted(halted)) => panic!("{halted:?}"),
                        }
                    }
                });
            }
            many(|random| {
                for item in 0..ROUNDS / 2 {
                    match queue.push(item, &mut Plain, some_deadline(random)) {
                        Ok(()) => {
                            sent.fetch_add(item, Relaxed);
                            pushed.fetch_add(1, Relaxed);
                        }
                        Err(PushError::Full(back)) => assert_eq!(back, item),
                        Err(other) => panic!("{other:?}"),
                    }
                }
                0
            });
            assert!(queue.join(&mut Plain, Deadline::NEVER).unwrap());
            queue.shutdown();
        });
        assert_eq!(popped.into_inner(), pushed.into_inner());
        assert_eq!(received.into_inner(), sent.into_inner());
        assert!(queue.is_empty() && queue.unfinished() == 0);
    }
}

#[test]
fn an_event_set_for_good_lets_everybody_through() {
    let _watch = watch();
    for round in 0..200 {
        let event = Event::new();
        thread::scope(|scope| {
            for seed in 0..THREADS {
                let event = &event;
                scope.spawn(move || {
                    let mut random = Random::new(round * THREADS + seed);
                    // One that the first set() let through may still see the flag cleared.
                    while !event.wait(&mut Plain, some_deadline(&mut random)).unwrap() {}
                });
            }
            event.set();
            event.clear();
            event.set();
        });
        assert!(event.is_set());
    }
}
