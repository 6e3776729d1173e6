//! The thread pool under plain threads.
#![allow(clippy::unwrap_used)]

mod watchdog;

use ropewalk::future::{Failure, NoResult, State};
use ropewalk::sync::Event;
use ropewalk::thread_pool::{Builder, SpawnError, ThreadPool};
use ropewalk::{Deadline, Plain};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use watchdog::watched;

/// A pool of one whose thread waits for the event.
fn blocked_pool() -> (ThreadPool, Arc<Event>) {
    let (pool, gate, entered) = (ThreadPool::new(1), Arc::new(Event::new()), Arc::new(Event::new()));
    let (theirs, there) = (Arc::clone(&gate), Arc::clone(&entered));
    pool.spawn(move || {
        there.set();
        theirs.wait(&mut Plain, Deadline::NEVER).unwrap()
    })
    .unwrap();
    entered.wait(&mut Plain, Deadline::NEVER).unwrap();
    (pool, gate)
}

#[test]
fn every_task_is_done_once() {
    watched(|| {
        let (pool, count) = (ThreadPool::new(4), Arc::new(AtomicUsize::new(0)));
        let futures: Vec<_> = (0..10_000)
            .map(|n| {
                let count = Arc::clone(&count);
                pool.spawn(move || {
                    count.fetch_add(1, Ordering::Relaxed);
                    n
                })
                .unwrap()
            })
            .collect();
        for (n, future) in futures.into_iter().enumerate() {
            assert_eq!(future.result(&mut Plain, Deadline::NEVER).unwrap(), n);
        }
        assert_eq!(count.load(Ordering::Relaxed), 10_000);
    });
}

#[test]
fn one_by_one_no_wake_is_lost() {
    watched(|| {
        let pool = ThreadPool::new(3);
        for n in 0..20_000 {
            assert_eq!(pool.spawn(move || n).unwrap().result(&mut Plain, Deadline::NEVER).unwrap(), n);
        }
    });
}

#[test]
fn a_panic_becomes_an_error_and_the_thread_lives_on() {
    watched(|| {
        let pool = ThreadPool::new(1);
        let outcome = pool.spawn(|| std::panic::resume_unwind(Box::new("no"))).unwrap();
        let outcome: Result<(), _> = outcome.result(&mut Plain, Deadline::NEVER);
        assert!(matches!(outcome, Err(NoResult::Failed(Failure::Panicked(_)))));
        assert_eq!(pool.spawn(|| 1).unwrap().result(&mut Plain, Deadline::NEVER).unwrap(), 1);
    });
}

#[test]
fn a_pool_of_one_that_waits_for_itself_does_the_work() {
    fn deep(pool: Arc<ThreadPool>, depth: usize) -> usize {
        if depth == 0 {
            return 0;
        }
        let inner = Arc::clone(&pool);
        let future = pool.spawn(move || deep(inner, depth - 1)).unwrap();
        future.result(&mut Plain, Deadline::NEVER).unwrap() + 1
    }
    watched(|| {
        let pool = Arc::new(ThreadPool::new(1));
        let inner = Arc::clone(&pool);
        let future = pool.spawn(move || deep(inner, 50)).unwrap();
        assert_eq!(future.result(&mut Plain, Deadline::NEVER).unwrap(), 50);
        assert_eq!(pool.pending(), 0);
    });
}

#[test]
fn a_cancelled_task_is_not_done() {
    watched(|| {
        let (pool, gate) = blocked_pool();
        let cancelled = pool.spawn(|| unreachable!("it was cancelled")).unwrap();
        let after = pool.spawn(|| ()).unwrap();
        assert!(cancelled.cancel());
        gate.set();
        after.result(&mut Plain, Deadline::NEVER).unwrap();
        assert_eq!(cancelled.state(), State::CancelledNotified);
        let _: Option<Result<(), _>> = cancelled.take();
    });
}

#[test]
fn after_a_shutdown_tasks_in_line_are_done_and_new_ones_refused() {
    watched(|| {
        let (pool, gate) = blocked_pool();
        let inside = pool.spawn(|| 7).unwrap();
        pool.shutdown();
        assert!(matches!(pool.spawn(|| 8), Err(SpawnError::ShutDown)));
        assert!(!pool.join(&mut Plain, Deadline::NOW).unwrap());
        gate.set();
        assert!(pool.join(&mut Plain, Deadline::NEVER).unwrap());
        assert_eq!(inside.result(&mut Plain, Deadline::NOW).unwrap(), 7);
    });
}

#[test]
fn a_hard_shutdown_abandons_what_is_in_line() {
    watched(|| {
        let (pool, gate) = blocked_pool();
        let inside = pool.spawn(|| 7).unwrap();
        pool.shutdown_now();
        let outcome = inside.result(&mut Plain, Deadline::NEVER);
        assert!(matches!(outcome, Err(NoResult::Failed(Failure::Abandoned))));
        gate.set();
        assert!(pool.join(&mut Plain, Deadline::NEVER).unwrap());
    });
}

#[test]
fn a_pool_that_never_worked_can_be_joined() {
    watched(|| {
        let pool = ThreadPool::new(2);
        pool.shutdown();
        assert!(pool.join(&mut Plain, Deadline::NEVER).unwrap());
    });
}

#[test]
fn a_full_line_holds_the_spawner_back() {
    watched(|| {
        let pool = Arc::new(Builder::new(1).max_pending(2).build());
        let (gate, entered) = (Arc::new(Event::new()), Arc::new(Event::new()));
        let (theirs, there) = (Arc::clone(&gate), Arc::clone(&entered));
        pool.spawn(move || {
            there.set();
            theirs.wait(&mut Plain, Deadline::NEVER).unwrap()
        })
        .unwrap();
        entered.wait(&mut Plain, Deadline::NEVER).unwrap();
        let sent = Arc::new(AtomicUsize::new(0));
        let (feeder, count) = (Arc::clone(&pool), Arc::clone(&sent));
        let feeder = std::thread::spawn(move || {
            for _ in 0..100 {
                feeder.spawn(|| ()).unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                assert!(feeder.pending() <= 2);
            }
        });
        while pool.pending() < 2 {
            std::thread::yield_now();
        }
        assert!(sent.load(Ordering::Relaxed) <= 2);
        gate.set();
        feeder.join().unwrap();
        assert_eq!(sent.load(Ordering::Relaxed), 100);
    });
}

#[test]
fn tasks_that_wait_for_each_other_get_a_thread_each() {
    watched(|| {
        let pool = ThreadPool::new(8);
        let meeting = Arc::new(std::sync::Barrier::new(3));
        let futures: Vec<_> = (0..3)
            .map(|_| {
                let meeting = Arc::clone(&meeting);
                pool.spawn(move || {
                    meeting.wait();
                    std::thread::current().id()
                })
                .unwrap()
            })
            .collect();
        let ids = futures.into_iter().map(|f| f.result(&mut Plain, Deadline::NEVER).unwrap());
        assert_eq!(ids.collect::<std::collections::HashSet<_>>().len(), 3);
    });
}

#[test]
fn one_task_starts_one_thread() {
    watched(|| {
        for _ in 0..200 {
            let pool = Builder::new(8).name("only").build();
            let name = pool.spawn(|| std::thread::current().name().map(str::to_owned)).unwrap();
            let name = name.result(&mut Plain, Deadline::NEVER).unwrap();
            assert_eq!(name.as_deref(), Some("only_0"));
        }
    });
}
