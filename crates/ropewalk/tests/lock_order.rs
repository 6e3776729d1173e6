//! The order in which locks are taken: a contradiction is found without a hang, once, and nothing else is.
#![allow(clippy::unwrap_used, reason = "a test")]

mod watchdog;

use ropewalk::host::{self, Host};
use ropewalk::lock_order::{Inversion, Violation, Watching, admit, set_watching, watching};
use ropewalk::sync::{Condition, InOrder, Lock, ReentrantLock, Refused, take_in_order};
use ropewalk::{Deadline, Plain};
use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard, Once};
use std::thread;
use std::time::Duration;
use watchdog::{Random, watch};

static FOUND: Mutex<Vec<Inversion>> = Mutex::new(Vec::new());
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

thread_local! {
    static PLACE: Cell<&'static str> = const { Cell::new("nowhere") };
}

/// From here on the calling thread stands at `place`.
fn at(place: &'static str) {
    PLACE.set(place);
}

struct Reader;

impl Host for Reader {
    fn inversion(&self, inversion: &Inversion) {
        FOUND.lock().unwrap().push(inversion.clone());
    }

    fn place(&self) -> Option<Arc<str>> {
        Some(PLACE.get().into())
    }
}

/// The switch is the process's, so tests that turn it take turns.
fn switch(to: Watching) -> MutexGuard<'static, ()> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| assert!(host::install(Reader)));
    let turn = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    FOUND.lock().unwrap().clear();
    set_watching(to);
    turn
}

fn found() -> Vec<Inversion> {
    FOUND.lock().unwrap().clone()
}

fn made(place: &'static str) -> Lock {
    at(place);
    Lock::new()
}

fn take(lock: &Lock, place: &'static str) {
    at(place);
    assert!(lock.acquire(&mut Plain, Deadline::NEVER).unwrap());
}

/// Takes all, releases all.
fn nest(locks: &[(&Lock, &'static str)]) {
    locks.iter().for_each(|(lock, place)| take(lock, place));
    locks.iter().rev().for_each(|(lock, _)| assert!(lock.release()));
}

#[test]
fn two_orders_in_one_thread_are_reported_once_with_both_places() {
    let (_watch, _turn) = (watch(), switch(Watching::BySite));
    let (a, b) = (made("one.py:1"), made("one.py:2"));
    for _ in 0..3 {
        nest(&[(&a, "one.py:10"), (&b, "one.py:11")]);
        nest(&[(&b, "one.py:20"), (&a, "one.py:21")]);
    }
    let found = found();
    assert_eq!(found.len(), 1);
    let text = found[0].to_string();
    let links = found[0].links();
    assert_eq!(links.len(), 2);
    assert_eq!(links[0].place.to_string(), "one.py:21");
    assert_eq!(
        (links[0].held.to_string(), links[0].taken.to_string()),
        ("one.py:2".into(), "one.py:1".into())
    );
    assert_eq!(links[1].place.to_string(), "one.py:11");
    assert!(text.contains("one.py:21") && text.contains("one.py:11"), "{text}");
}

#[test]
fn three_locks_in_a_circle_are_reported_with_three_places() {
    let (_watch, _turn) = (watch(), switch(Watching::BySite));
    let (a, b, c) = (made("three.py:1"), made("three.py:2"), made("three.py:3"));
    nest(&[(&a, "three.py:10"), (&b, "three.py:11")]);
    nest(&[(&b, "three.py:20"), (&c, "three.py:21")]);
    assert_eq!(found(), []);
    nest(&[(&c, "three.py:30"), (&a, "three.py:31")]);
    let places: Vec<String> = found()[0].links().iter().map(|link| link.place.to_string()).collect();
    assert_eq!(places, ["three.py:31", "three.py:11", "three.py:21"]);
}

#[test]
fn locks_made_at_one_place_are_one_class_against_others_and_many_among_themselves() {
    let (_watch, _turn) = (watch(), switch(Watching::BySite));
    let accounts: Vec<Lock> = (0..3).map(|_| made("account.py:1")).collect();
    let bank = made("bank.py:1");
    nest(&[(&accounts[0], ""), (&accounts[1], "up"), (&accounts[2], "up")]);
    assert_eq!(found(), []);
    nest(&[(&accounts[2], ""), (&accounts[0], "down")]);
    assert_eq!(found().len(), 1);
    nest(&[(&bank, ""), (&accounts[0], "bank first")]);
    nest(&[(&accounts[1], ""), (&bank, "account first")]);
    assert_eq!(found().len(), 2, "another account, but the same class");
}

#[test]
fn by_instance_every_lock_is_its_own() {
    let (_watch, _turn) = (watch(), switch(Watching::ByInstance));
    let accounts: Vec<Lock> = (0..2).map(|_| made("instance.py:1")).collect();
    let bank = made("instance.py:2");
    nest(&[(&bank, ""), (&accounts[0], "")]);
    nest(&[(&accounts[1], ""), (&bank, "")]);
    assert_eq!(found(), []);
    nest(&[(&accounts[0], ""), (&bank, "")]);
    assert_eq!(found().len(), 1);
}

#[test]
fn attempts_that_cannot_hang_are_not_looked_at_but_what_they_took_is_held() {
    let (_watch, _turn) = (watch(), switch(Watching::BySite));
    let (a, b, c) = (made("try.py:1"), made("try.py:2"), made("try.py:3"));
    nest(&[(&a, ""), (&b, "")]);
    take(&b, "");
    assert!(a.try_acquire());
    a.release();
    assert!(a.acquire(&mut Plain, Deadline::after(Duration::from_secs(60))).unwrap());
    assert_eq!(found(), []);
    // Holding b and, by luck, a: c comes after both.
    take(&c, "");
    c.release();
    a.release();
    b.release();
    nest(&[(&c, ""), (&b, "")]);
    assert_eq!(found().len(), 1);
}

#[test]
fn a_reentrant_lock_taken_again_shows_no_order() {
    let (_watch, _turn) = (watch(), switch(Watching::BySite));
    at("again.py:1");
    let a = ReentrantLock::new();
    let b = made("again.py:2");
    a.acquire(&mut Plain, Deadline::NEVER).unwrap();
    take(&b, "");
    a.acquire(&mut Plain, Deadline::NEVER).unwrap();
    a.release().unwrap();
    b.release();
    a.release().unwrap();
    assert_eq!(found(), []);
    take(&b, "");
    a.acquire(&mut Plain, Deadline::NEVER).unwrap();
    assert_eq!(found().len(), 1);
    a.release().unwrap();
    b.release();
}

#[test]
fn a_lock_that_another_thread_released_is_not_held() {
    let (_watch, _turn) = (watch(), switch(Watching::BySite));
    let (a, b) = (made("given.py:1"), made("given.py:2"));
    nest(&[(&b, ""), (&a, "")]);
    take(&a, "");
    thread::scope(|scope| {
        scope.spawn(|| assert!(a.release()));
    });
    take(&b, ""); // this thread took a, but holds it no longer
    b.release();
    assert_eq!(found(), []);
    nest(&[(&a, ""), (&b, "")]);
    assert_eq!(found().len(), 1);
}

#[test]
fn a_condition_takes_its_lock_after_what_its_waiter_keeps() {
    let (_watch, _turn) = (watch(), switch(Watching::BySite));
    let (lock, kept, ready) = (made("condition.py:1"), made("condition.py:2"), Condition::new());
    take(&lock, "condition.py:10");
    take(&kept, "condition.py:11");
    at("condition.py:12");
    assert!(!ready.wait(&lock, &mut Plain, Deadline::NOW).unwrap());
    let found = found();
    assert_eq!(found.len(), 1, "a notifier that wants both would hang");
    assert_eq!(found[0].links()[0].place.to_string(), "condition.py:12");
    assert!(lock.release() && kept.release());
}

#[test]
fn a_lock_made_while_it_is_off_is_never_looked_at() {
    let (_watch, _turn) = (watch(), switch(Watching::Off));
    let (a, b) = (made("off.py:1"), made("off.py:2"));
    set_watching(Watching::BySite);
    assert_eq!(watching(), Watching::BySite);
    nest(&[(&a, ""), (&b, "")]);
    nest(&[(&b, ""), (&a, "")]);
    assert_eq!(found(), []);
}

#[test]
fn a_long_run_in_one_order_is_never_reported() {
    const PLACES: [&str; 5] = ["run.py:1", "run.py:2", "run.py:3", "run.py:4", "run.py:5"];
    let (_watch, _turn) = (watch(), switch(Watching::BySite));
    let locks: Vec<Lock> = PLACES.iter().flat_map(|place| (0..3).map(|_| made(place))).collect();
    thread::scope(|scope| {
        for seed in 0..4 {
            let locks = &locks;
            scope.spawn(move || {
                let mut random = Random::new(seed);
                for _ in 0..2_000 {
                    let mut held = Vec::new();
                    for lock in locks {
                        match random.below(8) {
                            0 => take(lock, "run.py:20"),
                            1 if lock.try_acquire() => {}
                            _ => continue,
                        }
                        held.push(lock);
                    }
                    random.shuffle(&mut held); // released in any order
                    held.into_iter().for_each(|lock| assert!(lock.release()));
                }
            });
        }
    });
    assert_eq!(found(), []);
}

#[test]
fn watched_locks_still_exclude_and_wake() {
    let (_watch, _turn) = (watch(), switch(Watching::BySite));
    let lock = made("count.py:1");
    let count = Mutex::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5_000 {
                    take(&lock, "count.py:2");
                    *count.try_lock().expect("nobody else is in here") += 1;
                    assert!(lock.release());
                }
            });
        }
    });
    assert_eq!(*count.lock().unwrap(), 20_000);
    assert!(!lock.is_locked() && !lock.release());
}

fn ordered<'a>(locks: &[&'a Lock]) -> Result<InOrder<'a>, Violation> {
    let members: Vec<_> = locks.iter().map(|&lock| lock.into()).collect();
    take_in_order(&members, &mut Plain, Deadline::NEVER).map_err(|refused| match refused {
        Refused::Violation(violation) => violation,
        other => panic!("{other:?}"),
    })
}

#[test]
fn locks_in_order_may_be_followed_by_higher_ones_only() {
    let (_watch, _turn) = (watch(), switch(Watching::Off));
    let locks = [Lock::new(), Lock::new(), Lock::new()];
    at("order.py:1");
    let middle = ordered(&[&locks[1]]).unwrap();
    let high = ordered(&[&locks[2]]).unwrap();
    at("order.py:2");
    let violation = ordered(&[&locks[0]]).unwrap_err();
    assert_eq!(violation.asked, std::ptr::from_ref(&locks[0]).addr());
    assert_eq!(violation.asked_at.to_string(), "order.py:2");
    assert_eq!(violation.held_at.unwrap().to_string(), "order.py:1");
    drop((high, middle));
    let all = ordered(&[&locks[2], &locks[0], &locks[1], &locks[0]]).unwrap();
    assert!(locks.iter().all(Lock::is_locked));
    drop(all);
    assert!(!locks.iter().any(Lock::is_locked));
}

#[test]
fn a_plain_lock_held_already_is_refused_and_a_reentrant_one_taken_again() {
    let (_watch, _turn) = (watch(), switch(Watching::Off));
    let (plain, reentrant) = (Lock::new(), ReentrantLock::new());
    take(&plain, "");
    let violation = ordered(&[&plain]).unwrap_err();
    assert_eq!(violation.asked, violation.held);
    assert!(violation.to_string().contains("already held"));
    plain.release();
    let both = [(&reentrant).into(), (&reentrant).into()];
    let once = take_in_order(&both, &mut Plain, Deadline::NEVER).unwrap();
    let again = take_in_order(&both, &mut Plain, Deadline::NEVER).unwrap();
    assert_eq!(reentrant.depth(), 2);
    drop((again, once));
    assert!(!reentrant.is_locked());
}

#[test]
fn a_set_that_cannot_be_taken_in_time_is_given_back() {
    let (_watch, _turn) = (watch(), switch(Watching::Off));
    let locks = [Lock::new(), Lock::new()];
    thread::scope(|scope| {
        scope.spawn(|| take(&locks[1], "")).join().unwrap();
        let members = [(&locks[0]).into(), (&locks[1]).into()];
        let refused = take_in_order(&members, &mut Plain, Deadline::after(Duration::from_millis(5)));
        assert!(matches!(refused, Err(Refused::TimedOut)));
    });
    assert!(!locks[0].is_locked());
    assert!(admit(&mut Vec::new(), "".into()).is_ok());
    drop(ordered(&[&locks[0]]).unwrap());
}
