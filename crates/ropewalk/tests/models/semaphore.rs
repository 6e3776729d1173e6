use super::soon;
use loom::thread;
use ropewalk::model::explore;
use ropewalk::sync::Semaphore;
use ropewalk::{Deadline, Plain};
use std::sync::Arc;

fn borrow(permits: &Semaphore, deadline: Deadline) {
    if permits.acquire(&mut Plain, deadline).unwrap() {
        permits.release(1).unwrap();
    }
}

/// All borrow one permit; afterwards it is there.
fn one_permit(impatient: bool, deadline: fn() -> Deadline) {
    explore(impatient, move || {
        let permits = Arc::new(Semaphore::new(1));
        let others = [Deadline::NEVER, deadline()].map(|deadline| {
            let permits = Arc::clone(&permits);
            thread::spawn(move || borrow(&permits, deadline))
        });
        borrow(&permits, Deadline::NEVER);
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(permits.permits(), 1);
    });
}

#[test]
fn one_permit_goes_round() {
    one_permit(false, || Deadline::NEVER);
}

#[test]
fn one_permit_is_handed_round() {
    one_permit(true, || Deadline::NEVER);
}

#[test]
fn a_sleeper_that_gives_up_takes_no_permit_with_it() {
    one_permit(false, soon);
}

#[test]
fn a_sleeper_that_gives_up_as_it_is_handed_the_permit_keeps_or_returns_it() {
    one_permit(true, soon);
}

fn two_at_once(impatient: bool) {
    explore(impatient, || {
        let permits = Arc::new(Semaphore::new(0));
        let takers = [(); 2].map(|()| {
            let permits = Arc::clone(&permits);
            thread::spawn(move || assert!(permits.acquire(&mut Plain, Deadline::NEVER).unwrap()))
        });
        permits.release(2).unwrap();
        for taker in takers {
            taker.join().unwrap();
        }
        assert_eq!(permits.permits(), 0);
    });
}

#[test]
fn two_permits_released_at_once_wake_two() {
    two_at_once(false);
}

#[test]
fn two_permits_released_at_once_are_handed_to_two() {
    two_at_once(true);
}
