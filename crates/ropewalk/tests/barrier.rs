//! Barriers: who meets, who leads, what breaks the meeting.
#![allow(clippy::unwrap_used, reason = "a test")]

mod watchdog;

use ropewalk::sync::{Arrival, Barrier, BarrierError};
use ropewalk::{Deadline, Plain};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use watchdog::{Random, watch};

fn arrive(barrier: &Barrier) -> Result<Arrival<'_>, BarrierError> {
    barrier.arrive(&mut Plain, Deadline::NEVER)
}

fn until_waiting(barrier: &Barrier, count: usize) {
    while barrier.waiting() != count {
        thread::yield_now();
    }
}

#[test]
fn nobody_leaves_a_generation_before_all_have_arrived() {
    let _watch = watch();
    let (barrier, arrived) = (Barrier::new(4), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for round in 1..=500 {
                    arrived.fetch_add(1, Ordering::Relaxed);
                    let _ = arrive(&barrier).unwrap().index();
                    let now = arrived.load(Ordering::Relaxed);
                    assert!((4 * round..4 * round + 4).contains(&now), "round {round}: {now}");
                }
            });
        }
    });
}

#[test]
fn each_number_is_given_once_and_the_last_one_leads() {
    let _watch = watch();
    let barrier = Barrier::new(5);
    for _ in 0..100 {
        let mut numbers: Vec<(usize, bool)> = thread::scope(|scope| {
            let threads: Vec<_> = (0..5)
                .map(|_| {
                    scope.spawn(|| match arrive(&barrier).unwrap() {
                        Arrival::Leader(leader) => (Arrival::Leader(leader).index(), true),
                        Arrival::Other(index) => (index, false),
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        numbers.sort_unstable();
        assert_eq!(numbers, [(0, false), (1, false), (2, false), (3, false), (4, true)]);
    }
}

#[test]
fn the_others_stand_still_while_the_leader_acts() {
    let _watch = watch();
    let (barrier, count) = (Barrier::new(3), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for round in 1..=300 {
                    if let Arrival::Leader(others) = arrive(&barrier).unwrap() {
                        let seen = count.load(Ordering::Relaxed);
                        thread::yield_now();
                        count.store(seen + 1, Ordering::Relaxed);
                        others.release();
                    }
                    assert_eq!(count.load(Ordering::Relaxed), round);
                    let _ = arrive(&barrier).unwrap().index();
                }
            });
        }
    });
}

#[test]
fn a_party_that_gives_up_breaks_the_barrier_for_all() {
    let _watch = watch();
    let barrier = Barrier::new(3);
    thread::scope(|scope| {
        let patient = scope.spawn(|| arrive(&barrier).map(Arrival::index));
        until_waiting(&barrier, 1);
        let hasty = barrier.arrive(&mut Plain, Deadline::after(Duration::from_millis(1)));
        assert!(matches!(hasty, Err(BarrierError::TimedOut)));
        assert!(matches!(patient.join().unwrap(), Err(BarrierError::Broken)));
    });
    assert!(barrier.is_broken());
    assert!(matches!(arrive(&barrier), Err(BarrierError::Broken)));
    barrier.reset();
    assert_eq!(barrier.waiting(), 0);
    assert!(!barrier.is_broken());
}

/// Leads another party, whose deadline is so far ahead, until that has passed. `false` if this thread was too late.
fn leads_beyond_the_deadline(ahead: Duration) -> bool {
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        let end = Deadline::after(ahead);
        let other = scope.spawn({
            let barrier = &barrier;
            move || barrier.arrive(&mut Plain, end).map(Arrival::index)
        });
        while barrier.waiting() == 0 && !barrier.is_broken() {
            thread::yield_now();
        }
        let Ok(Arrival::Leader(others)) = arrive(&barrier) else {
            assert!(matches!(other.join().unwrap(), Err(BarrierError::TimedOut)));
            return false;
        };
        while !end.passed() {
            thread::yield_now();
        }
        others.release();
        assert_eq!(other.join().unwrap().expect("all came in time"), 0);
        assert!(!barrier.is_broken());
        true
    })
}

#[test]
fn a_deadline_that_comes_while_the_leader_acts_breaks_nothing() {
    let _watch = watch();
    let mut ahead = Duration::from_millis(20);
    while !leads_beyond_the_deadline(ahead) {
        ahead *= 2;
    }
}

#[test]
fn a_reset_sends_away_who_waits_and_takes_in_who_comes() {
    let _watch = watch();
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        let early = scope.spawn(|| arrive(&barrier).map(Arrival::index));
        until_waiting(&barrier, 1);
        barrier.reset();
        assert!(matches!(early.join().unwrap(), Err(BarrierError::Broken)));
        let late = scope.spawn(|| arrive(&barrier).map(Arrival::index));
        assert!(arrive(&barrier).is_ok());
        assert!(late.join().unwrap().is_ok());
    });
}

#[test]
fn a_leader_that_panics_breaks_the_barrier() {
    let _watch = watch();
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        let other = scope.spawn(|| arrive(&barrier).map(Arrival::index));
        until_waiting(&barrier, 1);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let _leader = arrive(&barrier).unwrap();
            panic!("on purpose");
        }));
        assert!(outcome.is_err());
        assert!(matches!(other.join().unwrap(), Err(BarrierError::Broken)));
    });
    assert!(barrier.is_broken());
}

#[test]
fn a_storm_of_deadlines_aborts_and_resets_hangs_nobody() {
    let _watch = watch();
    let barrier = Barrier::new(3);
    thread::scope(|scope| {
        for seed in 0..6 {
            let barrier = &barrier;
            scope.spawn(move || {
                let mut random = Random::new(seed);
                for _ in 0..400 {
                    let end = Deadline::after(Duration::from_micros(1 + random.below(300) as u64));
                    match barrier.arrive(&mut Plain, end) {
                        Ok(Arrival::Leader(leader)) if random.below(30) == 0 => leader.abort(),
                        Ok(arrival) => assert!(arrival.index() < 3),
                        Err(BarrierError::Broken | BarrierError::TimedOut) => {
                            barrier.reset();
                        }
                        Err(BarrierError::Halted(halted)) => panic!("{halted:?}"),
                    }
                }
            });
        }
    });
    assert_eq!(barrier.waiting(), 0);
    barrier.reset();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert!(arrive(&barrier).is_ok()));
        }
    });
}
