//! Futures between plain threads.
#![allow(clippy::unwrap_used)]

mod watchdog;

use ropewalk::future::{Failure, Gathering, NoResult, Slot, Start, State, Until, Waited, promise, wait};
use ropewalk::{Deadline, Plain};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use watchdog::watched;

type Bare = Slot<&'static str, i32, u8>;

#[test]
fn a_result_reaches_every_thread_that_waits_for_it() {
    watched(|| {
        let slot = Bare::new();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    assert_eq!(slot.wait(None, &mut Plain, Deadline::NEVER).unwrap(), Waited::Done);
                    assert_eq!(slot.look(|result| result.copied()), Some(5));
                });
            }
            slot.finish(5, false).unwrap().wakes.wake();
        });
    });
}

#[test]
fn a_wait_ends_at_its_deadline_and_leaves_no_trace() {
    watched(|| {
        let slot = Bare::new();
        let soon = Deadline::after(Duration::from_millis(2));
        assert_eq!(slot.wait(None, &mut Plain, soon).unwrap(), Waited::TimedOut);
        assert!(slot.finish(1, false).unwrap().wakes.is_empty());
    });
}

#[test]
fn a_second_result_is_refused_and_comes_back() {
    let slot = Bare::new();
    slot.finish(1, false).unwrap().wakes.wake();
    let refused = slot.finish(2, false).unwrap_err();
    assert_eq!((refused.state, refused.value), (State::Finished, 2));
}

#[test]
fn a_running_future_cannot_be_cancelled_and_a_cancelled_one_cannot_run() {
    let running = Bare::with_work("work");
    assert!(matches!(running.start(), Ok(Start::Go(Some("work")))));
    assert!(running.cancel().is_err());

    let cancelled = Bare::with_work("work");
    let aftermath = cancelled.cancel().unwrap().expect("cancelled for the first time");
    assert_eq!(aftermath.leftover, Some("work"));
    assert!(cancelled.cancel().unwrap().is_none());
    assert_eq!(cancelled.state(), State::Cancelled);
    assert!(matches!(cancelled.start(), Ok(Start::Cancelled(_))));
    assert_eq!(cancelled.state(), State::CancelledNotified);
    assert!(cancelled.finish(1, false).is_err());
}

#[test]
fn work_is_claimed_once_and_only_while_pending() {
    let slot = Bare::with_work("work");
    assert_eq!(slot.claim(|_| false), None);
    assert_eq!(slot.claim(|_| true), Some("work"));
    assert_eq!(slot.claim(|_| true), None);
    let refused = slot.start().unwrap_err();
    assert!(refused.claimed);
    slot.finish(1, false).unwrap().wakes.wake();
    assert!(slot.start().unwrap_err().claimed);
}

#[test]
fn callbacks_come_back_in_their_order_and_late_ones_at_once() {
    let slot = Bare::new();
    for callback in 0..5 {
        assert_eq!(slot.add_callback(callback), None);
    }
    let aftermath = slot.finish(1, false).unwrap();
    assert_eq!(aftermath.callbacks, [0, 1, 2, 3, 4]);
    aftermath.wakes.wake();
    assert_eq!(slot.add_callback(9), Some(9));
}

#[test]
fn a_dismissed_sleeper_is_told_to_wait_elsewhere() {
    watched(|| {
        let slot = Bare::new();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| slot.wait(None, &mut Plain, Deadline::NEVER).unwrap());
            while !waiter.is_finished() {
                slot.dismiss();
                std::thread::yield_now();
            }
            assert_eq!(waiter.join().unwrap(), Waited::Dismissed);
        });
    });
}

#[test]
fn an_overwritten_state_reports_to_whoever_gathers() {
    watched(|| {
        let slot = Bare::new();
        let gathering = Arc::new(Gathering::new(Until::AllSettled));
        slot.report_to(&gathering, 3);
        assert_eq!(slot.overwrite(State::Running, None, false), None);
        assert!(!gathering.wait(&mut Plain, Deadline::NOW).unwrap());
        slot.overwrite(State::Finished, Some(8), false);
        assert!(gathering.wait(&mut Plain, Deadline::NEVER).unwrap());
        assert_eq!(gathering.take(), [3]);
        assert_eq!(slot.overwrite(State::Pending, None, false), Some(8));
    });
}

#[test]
fn the_first_of_many_ends_a_wait_for_the_first() {
    watched(|| {
        let (ends, futures): (Vec<_>, Vec<_>) = (0..10).map(|_| promise::<usize>()).unzip();
        std::thread::scope(|scope| {
            let waiter =
                scope.spawn(|| wait(&futures, Until::FirstSettled, &mut Plain, Deadline::NEVER).unwrap());
            let mut ends = ends;
            ends.swap_remove(6).fulfil(6).unwrap();
            assert!(waiter.join().unwrap().contains(&6));
        });
    });
}

#[test]
fn a_failure_ends_a_wait_for_the_first_failure() {
    watched(|| {
        let (good, first) = promise::<()>();
        let (bad, second) = promise::<()>();
        let (_open, third) = promise::<()>();
        good.fulfil(()).unwrap();
        let all = [&first, &second, &third];
        let soon = Deadline::after(Duration::from_millis(2));
        assert_eq!(wait(all, Until::FirstFailure, &mut Plain, soon).unwrap(), [0]);
        drop(bad);
        assert_eq!(wait(all, Until::FirstFailure, &mut Plain, Deadline::NEVER).unwrap(), [0, 1]);
    });
}

#[test]
fn a_cancelled_future_counts_as_settled_for_a_promise() {
    watched(|| {
        let (end, future) = promise::<i32>();
        assert!(future.cancel());
        assert_eq!(wait([&future], Until::AllSettled, &mut Plain, Deadline::NEVER).unwrap(), [0]);
        assert!(!end.begin());
        assert_eq!(end.fulfil(4), Err(4));
        let outcome = future.result(&mut Plain, Deadline::NEVER);
        assert!(matches!(outcome, Err(NoResult::Failed(Failure::Cancelled))));
    });
}

#[test]
fn every_result_of_a_thousand_races_is_seen_once() {
    watched(|| {
        let seen = AtomicUsize::new(0);
        for round in 0..1000 {
            let (end, future) = promise();
            std::thread::scope(|scope| {
                scope.spawn(move || end.fulfil(round));
                scope.spawn(|| {
                    assert_eq!(future.result(&mut Plain, Deadline::NEVER).unwrap(), round);
                    seen.fetch_add(1, Ordering::Relaxed);
                });
            });
        }
        assert_eq!(seen.into_inner(), 1000);
    });
}
