//! Locks, semaphores, events, conditions and barriers, used by threads through two mappings of one slab, as two processes
//! would.

mod watchdog;

use ropewalk_os::{Deadline, Plain};
use ropewalk_shm::slab::{Kind, Place, Slab};
use ropewalk_shm::sync::barrier::{self, NotPassed};
use ropewalk_shm::sync::{condition, event, lock, semaphore};
use std::convert::Infallible;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

fn unwrap<T>(result: Result<T, Infallible>) -> T {
    match result {
        Ok(value) => value,
    }
}

/// The same object through two mappings.
fn twice(kind: Kind) -> [Place; 2] {
    let mine = Arc::new(Slab::create().expect("memfd"));
    let fd = mine.as_fd().try_clone_to_owned().expect("dup");
    let theirs = Arc::new(Slab::open(fd).expect("a slab"));
    let made = Place::fresh(&mine, 7, kind).expect("room");
    [made, Place::open(&theirs, 7, kind).expect("it is there")]
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_millis(2))
}

#[test]
fn only_one_at_a_time_holds_a_lock() {
    let _watch = watchdog::watch();
    let places = twice(Kind::Lock);
    let (inside, sum) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for place in [&places[0], &places[1], &places[0], &places[1]] {
            scope.spawn(|| {
                for _ in 0..2000 {
                    let taken = unwrap(lock::take(place, &mut Plain, Deadline::NEVER));
                    assert_eq!(taken, Some(lock::Taken::Free));
                    assert_eq!(inside.fetch_add(1, Relaxed), 0);
                    sum.fetch_add(1, Relaxed);
                    inside.fetch_sub(1, Relaxed);
                    assert!(lock::free(place));
                }
            });
        }
    });
    assert_eq!(sum.into_inner(), 8000);
    assert!(!lock::free(&places[0]), "it is free");
}

#[test]
fn a_wait_for_a_held_lock_ends_at_its_deadline() {
    let _watch = watchdog::watch();
    let [one, other] = twice(Kind::Lock);
    assert!(lock::try_take(&one) && !lock::try_take(&other));
    assert_eq!(unwrap(lock::take(&other, &mut Plain, soon())), None);
    assert_eq!(unwrap(lock::take(&other, &mut Plain, Deadline::NOW)), None);
    assert_eq!(lock::owner(&other).map(|owner| owner.pid()), Some(std::process::id()));
    assert!(lock::free(&other) && lock::try_take(&other));
}

#[test]
fn every_permit_given_is_taken_once() {
    let _watch = watchdog::watch();
    let [one, other] = twice(Kind::Semaphore);
    semaphore::begin(&one, 1);
    assert!(semaphore::try_take(&other) && !semaphore::try_take(&one));
    assert!(!unwrap(semaphore::take(&one, &mut Plain, soon())));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    assert!(unwrap(semaphore::take(&other, &mut Plain, Deadline::NEVER)));
                }
            });
        }
        for _ in 0..3000 {
            assert!(semaphore::give(&one, semaphore::MOST));
        }
    });
    assert_eq!(semaphore::permits(&one), 0);
    assert!(semaphore::give(&one, 1) && !semaphore::give(&one, 1));
}

#[test]
fn an_event_lets_all_go_who_wait_and_who_come() {
    let _watch = watchdog::watch();
    let [one, other] = twice(Kind::Event);
    assert!(!unwrap(event::wait(&one, &mut Plain, soon())));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert!(unwrap(event::wait(&other, &mut Plain, Deadline::NEVER))));
        }
        event::set(&one);
    });
    assert!(event::is_set(&other) && unwrap(event::wait(&other, &mut Plain, Deadline::NOW)));
    event::clear(&other);
    event::clear(&other);
    assert!(!event::is_set(&one));
}

#[test]
fn as_many_are_notified_as_were_asked_for_the_first_first() {
    let _watch = watchdog::watch();
    let [one, other] = twice(Kind::Condition);
    let tickets: Vec<_> = (0..3).map(|_| condition::enter(&one).expect("room")).collect();
    assert_eq!(condition::waiting(&other), 3);
    assert_eq!(condition::notify(&other, 2), 2);
    assert_eq!((condition::waiting(&one), condition::called(&one)), (1, 2));
    let late = condition::enter(&other).expect("room");
    let notified: Vec<bool> = tickets.into_iter().map(|ticket| condition::leave(&one, ticket)).collect();
    assert_eq!(notified, [true, true, false]);
    assert_eq!(condition::notify(&one, u32::MAX), 1);
    unwrap(condition::sleep(&other, &late, &mut Plain, Deadline::NEVER));
    assert!(condition::leave(&other, late));
    assert_eq!(condition::notify(&one, 1), 0);
}

#[test]
fn a_sleeper_wakes_when_it_is_notified() {
    let _watch = watchdog::watch();
    let [one, other] = twice(Kind::Condition);
    let ticket = condition::enter(&one).expect("room");
    std::thread::scope(|scope| {
        scope.spawn(|| unwrap(condition::sleep(&one, &ticket, &mut Plain, Deadline::NEVER)));
        condition::notify(&other, 1);
    });
    assert!(condition::leave(&one, ticket));
}

fn meet(place: &Place, deadline: Deadline) -> Result<u32, NotPassed<Infallible>> {
    let arrival = barrier::arrive(place, &mut Plain, deadline)?;
    let index = arrival.index;
    if arrival.is_last {
        barrier::pass(place, arrival);
    } else {
        barrier::wait(place, arrival, &mut Plain, deadline)?;
    }
    Ok(index)
}

#[test]
fn nobody_passes_a_barrier_before_all_are_there() {
    let _watch = watchdog::watch();
    const ROUNDS: u32 = 300;
    let places = twice(Kind::Barrier);
    barrier::begin(&places[0], 3);
    let came = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for place in [&places[0], &places[1], &places[0]] {
            let came = &came;
            scope.spawn(move || {
                for round in 1..=ROUNDS {
                    came.fetch_add(1, Relaxed);
                    meet(place, Deadline::NEVER).expect("whole");
                    assert!(came.load(Relaxed) >= 3 * round);
                }
            });
        }
    });
    assert_eq!((barrier::waiting(&places[1]), barrier::is_broken(&places[1])), (0, false));
}

#[test]
fn a_barrier_breaks_at_a_deadline_and_is_mended() {
    let _watch = watchdog::watch();
    let [one, other] = twice(Kind::Barrier);
    barrier::begin(&one, 2);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| meet(&one, Deadline::NEVER));
        while barrier::waiting(&other) == 0 {
            std::thread::yield_now();
        }
        barrier::reset(&other);
        assert_eq!(first.join().expect("no panic"), Err(NotPassed::Broken));
    });
    assert!(!barrier::is_broken(&one));
    assert_eq!(meet(&one, soon()), Err(NotPassed::Broken));
    assert!(barrier::is_broken(&other));
    assert_eq!(meet(&other, Deadline::NEVER), Err(NotPassed::Broken));
    barrier::reset(&one);
    std::thread::scope(|scope| {
        let indexes =
            [scope.spawn(|| meet(&one, Deadline::NEVER)), scope.spawn(|| meet(&other, Deadline::NEVER))];
        let sum: u32 = indexes.into_iter().map(|index| index.join().expect("no panic").expect("whole")).sum();
        assert_eq!(sum, 1);
    });
}
