//! Possible deadlocks: reported once, after a while, and waited for.
#![allow(clippy::unwrap_used, reason = "a test")]

mod watchdog;

use ropewalk::host::{self, Host};
use ropewalk::sync::{Lock, ReentrantLock};
use ropewalk::wait_graph::{Alive, Cycle, Kind, Report, declare_join, set_hesitation, waits};
use ropewalk::{Deadline, Halted, Plain};
use ropewalk_os::thread::current;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Condvar, Mutex, Once};
use std::thread;
use std::time::Duration;
use watchdog::watch;

static REPORTS: Mutex<Vec<Cycle>> = Mutex::new(Vec::new());
static NEWS: Condvar = Condvar::new();

struct Listener;

impl Host for Listener {
    fn report(&self, report: &Report<'_>) {
        let Report::Cycle(cycle) = report else { panic!("this host has no threads: {report}") };
        REPORTS.lock().unwrap().push((*cycle).clone());
        NEWS.notify_all();
    }
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        assert!(host::install(Listener));
        set_hesitation(Duration::from_millis(20));
    });
}

/// A lock whose address no other lock ever has: reports are told apart by it.
fn lasting<T>(lock: T) -> &'static T {
    Box::leak(Box::new(lock))
}

fn address<T>(thing: &T) -> usize {
    std::ptr::from_ref(thing).addr()
}

/// The reports in which `thing` is waited for; waits until there is one.
fn reports_of<T>(thing: &T) -> Vec<Cycle> {
    let about = |cycle: &&Cycle| cycle.waits().iter().any(|wait| wait.address == address(thing));
    let mut reports = REPORTS.lock().unwrap();
    loop {
        let found: Vec<Cycle> = reports.iter().filter(about).cloned().collect();
        if !found.is_empty() {
            return found;
        }
        reports = NEWS.wait(reports).unwrap();
    }
}

/// Until a thread sleeps for `thing`.
fn until_waited_for<T>(thing: &T) {
    while !waits().iter().any(|wait| wait.address == address(thing)) {
        thread::yield_now();
    }
}

fn take(lock: &Lock) {
    assert!(lock.acquire(&mut Plain, Deadline::NEVER).expect("a plain lock is never refused"));
}

#[test]
fn a_ring_of_plain_locks_is_reported_once_and_a_release_by_a_third_ends_it() {
    let _watch = watch();
    listen();
    let (a, b) = (lasting(Lock::new()), lasting(Lock::new()));
    let meet = Barrier::new(2);
    thread::scope(|scope| {
        for (first, second) in [(a, b), (b, a)] {
            let meet = &meet;
            scope.spawn(move || {
                take(first);
                meet.wait();
                take(second);
                second.release();
            });
        }
        let found = reports_of(a);
        assert_eq!(found.len(), 1);
        assert!(!found[0].is_certain());
        assert_eq!(found[0].waits().len(), 2);
        assert!(found[0].waits().iter().all(|wait| wait.waited >= Duration::from_millis(20)));
        // Nobody's lock is refused: a third thread helps.
        a.release();
        b.release();
    });
    assert_eq!(reports_of(a).len(), 1);
}

#[test]
fn a_plain_lock_taken_again_by_its_holder_is_reported() {
    let _watch = watch();
    listen();
    let lock = lasting(Lock::new());
    thread::scope(|scope| {
        scope.spawn(|| {
            take(lock);
            take(lock);
        });
        let found = reports_of(lock);
        let [wait] = found[0].waits() else { panic!("{found:?}") };
        assert_eq!(wait.owners, [wait.thread]);
        lock.release();
    });
}

#[test]
fn a_timed_wait_for_ones_own_lock_ends_at_its_deadline() {
    let _watch = watch();
    listen();
    let lock = lasting(Lock::new());
    take(lock);
    let deadline = Deadline::after(Duration::from_millis(60)); // longer than the graph hesitates
    assert!(!lock.acquire(&mut Plain, deadline).unwrap());
    assert!(deadline.passed());
    let reports = REPORTS.lock().unwrap();
    assert!(!reports.iter().any(|cycle| cycle.waits().iter().any(|wait| wait.address == address(lock))));
}

struct Life(AtomicBool);

impl Alive for Life {
    fn is_alive(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

fn life() -> Arc<Life> {
    Arc::new(Life(AtomicBool::new(true)))
}

#[test]
fn a_join_of_a_thread_that_waits_for_the_joiners_lock_is_refused() {
    let _watch = watch();
    listen();
    let lock = lasting(ReentrantLock::new());
    lock.acquire(&mut Plain, Deadline::NEVER).unwrap();
    thread::scope(|scope| {
        let (tell, told) = channel();
        scope.spawn(move || {
            tell.send(current()).unwrap();
            lock.acquire(&mut Plain, Deadline::NEVER).expect("the joiner closed the circle");
            lock.release().unwrap();
        });
        until_waited_for(lock);
        let cycle = declare_join(told.recv().unwrap(), 1, life()).expect_err("a deadlock");
        assert!(cycle.is_certain());
        assert_eq!(
            cycle.waits().iter().map(|wait| wait.kind).collect::<Vec<_>>(),
            [Kind::Join, Kind::ReentrantLock]
        );
        lock.release().unwrap();
    });
}

#[test]
fn a_lock_asked_for_by_the_thread_that_its_holder_joins_is_refused() {
    let _watch = watch();
    listen();
    let lock = lasting(ReentrantLock::new());
    lock.acquire(&mut Plain, Deadline::NEVER).unwrap();
    thread::scope(|scope| {
        let (go, gone) = channel::<()>();
        let (tell, told) = channel();
        let joined = scope.spawn(move || {
            tell.send(current()).unwrap();
            gone.recv().unwrap();
            matches!(lock.acquire(&mut Plain, Deadline::NEVER), Err(Halted::Deadlock(_)))
        });
        let declared = declare_join(told.recv().unwrap(), 1, life()).expect("nobody waits yet");
        go.send(()).unwrap();
        assert!(joined.join().unwrap());
        drop(declared);
        lock.release().unwrap();
    });
}

#[test]
fn a_join_of_a_thread_that_has_ended_is_nobodys_deadlock() {
    let _watch = watch();
    listen();
    // The number of the thread that was joined belongs to another one now, which wants the joiner's lock.
    let lock = lasting(ReentrantLock::new());
    lock.acquire(&mut Plain, Deadline::NEVER).unwrap();
    thread::scope(|scope| {
        let (go, gone) = channel::<()>();
        let (tell, told) = channel();
        let other = scope.spawn(move || {
            tell.send(current()).unwrap();
            gone.recv().unwrap();
            assert!(lock.acquire(&mut Plain, Deadline::NEVER).expect("not refused"));
            lock.release().unwrap();
        });
        let ended = Arc::new(Life(AtomicBool::new(false)));
        let declared = declare_join(told.recv().unwrap(), 1, ended).expect("nobody waits yet");
        go.send(()).unwrap();
        until_waited_for(lock);
        drop(declared);
        lock.release().unwrap();
        other.join().unwrap();
    });
}

#[test]
fn a_join_that_closes_a_ring_with_a_plain_lock_is_reported_by_the_sleeper() {
    let _watch = watch();
    listen();
    let lock = lasting(Lock::new());
    take(lock);
    thread::scope(|scope| {
        let (tell, told) = channel();
        scope.spawn(move || {
            tell.send(current()).unwrap();
            take(lock);
        });
        until_waited_for(lock);
        let declared = declare_join(told.recv().unwrap(), 1, life()).expect("only possible");
        let found = reports_of(lock);
        assert_eq!(found[0].waits().len(), 2);
        assert!(!found[0].is_certain());
        drop(declared);
        lock.release();
    });
}
