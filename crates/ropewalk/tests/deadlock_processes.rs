//! Deadlocks over what processes share. The threads of one process stand on its board as those of many do on theirs.
#![allow(clippy::unwrap_used, reason = "a test")]

mod watchdog;

use ropewalk::host::{self, Host};
use ropewalk::process::{Lock, Passed, Queue, Taken};
use ropewalk::wait_graph::{
    Joining, Kind, ProcessCycle, Report, Stopped, process_cycles, process_waits, set_hesitation,
};
use ropewalk::{Deadline, Plain};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, id};
use std::sync::{Barrier, Condvar, Mutex, Once};
use std::thread;
use std::time::Duration;
use watchdog::watched;

static REPORTS: Mutex<Vec<ProcessCycle>> = Mutex::new(Vec::new());
static NEWS: Condvar = Condvar::new();

struct Listener;

impl Host for Listener {
    fn report(&self, report: &Report<'_>) {
        let Report::Processes(cycle) = report else { panic!("nothing else is waited for: {report}") };
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

/// Which object this is for who looks from outside.
fn object(lock: &Lock) -> (u64, u64) {
    let memory = std::fs::File::from(lock.memory().as_fd().try_clone_to_owned().unwrap());
    (memory.metadata().unwrap().ino(), u64::from(lock.number()))
}

fn waits_for(lock: &Lock) -> usize {
    process_waits(id()).unwrap().iter().filter(|wait| wait.object == object(lock)).count()
}

fn until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

/// As many threads as locks: each takes one, meets the others, and takes the next one's. The circles that were told.
fn ring(locks: &[Lock]) -> Vec<ProcessCycle> {
    let (meet, told) = (Barrier::new(locks.len()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for (place, lock) in locks.iter().enumerate() {
            let next = &locks[(place + 1) % locks.len()];
            let (meet, told) = (&meet, &told);
            scope.spawn(move || {
                lock.acquire_owned(&mut Plain, Deadline::NEVER).unwrap();
                meet.wait();
                match next.acquire_owned(&mut Plain, Deadline::NEVER) {
                    Ok(_) => assert!(next.release()),
                    Err(Stopped::Deadlock(cycle)) => told.lock().unwrap().push(*cycle),
                }
                assert!(lock.release());
            });
        }
    });
    told.into_inner().unwrap()
}

#[test]
fn of_a_ring_exactly_one_wait_fails_and_it_is_the_last() {
    watched(|| {
        for size in [2, 3, 5, 2, 3] {
            let locks: Vec<Lock> = (0..size).map(|_| Lock::new().unwrap()).collect();
            let told = ring(&locks);
            let [cycle] = &told[..] else { panic!("{} were told", told.len()) };
            assert!(cycle.is_certain() && cycle.is_circle());
            assert_eq!(cycle.waits().len(), size);
            let latest = cycle.waits().iter().map(|wait| wait.since).max().unwrap();
            assert_eq!(cycle.waits()[0].since, latest);
            for (place, wait) in cycle.waits().iter().enumerate() {
                let next = &cycle.waits()[(place + 1) % size];
                let holder = wait.holder.unwrap();
                assert_eq!((wait.kind, wait.pid, wait.timed), (Kind::ReentrantLock, id(), false));
                assert_eq!((holder.pid, holder.thread, holder.lives), (id(), Some(next.thread), true));
            }
            assert!(locks.iter().all(Lock::try_acquire), "all are free again");
        }
    });
}

#[test]
fn a_wait_with_a_deadline_on_the_way_will_end_by_itself() {
    watched(|| {
        let (first, second) = (Lock::new().unwrap(), Lock::new().unwrap());
        let meet = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                assert!(first.try_acquire());
                meet.wait();
                let soon = Deadline::after(Duration::from_millis(500));
                assert_eq!(second.acquire_owned(&mut Plain, soon).unwrap(), None);
                assert!(first.release());
            });
            assert!(second.try_acquire());
            meet.wait();
            assert_eq!(first.acquire_owned(&mut Plain, Deadline::NEVER).unwrap(), Some(Taken::Free));
        });
    });
}

#[test]
fn who_must_come_back_with_a_lock_is_spared_and_another_is_told() {
    watched(|| {
        let (first, second) = (Lock::new().unwrap(), Lock::new().unwrap());
        let meet = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                assert!(first.try_acquire());
                meet.wait();
                let told = second.acquire_owned(&mut Plain, Deadline::NEVER);
                assert!(matches!(told, Err(Stopped::Deadlock(_))));
                assert!(first.release());
            });
            assert!(second.try_acquire());
            meet.wait();
            until(|| waits_for(&second) == 1); // so this wait begins last
            assert_eq!(first.acquire_again(&mut Plain, Deadline::NEVER), Ok(Some(Taken::Free)));
        });
    });
}

#[test]
fn a_circle_of_plain_locks_is_reported_once_and_waited_for() {
    listen();
    watched(|| {
        let (first, second) = (Lock::new().unwrap(), Lock::new().unwrap());
        let meet = Barrier::new(3);
        thread::scope(|scope| {
            for (mine, other) in [(&first, &second), (&second, &first)] {
                let meet = &meet;
                scope.spawn(move || {
                    assert!(mine.try_acquire());
                    meet.wait();
                    assert_eq!(other.acquire(&mut Plain, Deadline::NEVER), Ok(Some(Taken::Free)));
                    assert!(other.release());
                    mine.release(); // of one of the two, that was done below
                });
            }
            meet.wait();
            let about = |cycle: &&ProcessCycle| cycle.waits()[0].object.0 == object(&first).0;
            let told = |reports: &[ProcessCycle]| reports.iter().filter(about).cloned().collect::<Vec<_>>();
            let mut reports = REPORTS.lock().unwrap();
            while told(&reports).is_empty() {
                reports = NEWS.wait(reports).unwrap();
            }
            let cycle = &told(&reports)[0];
            drop(reports);
            assert!(!cycle.is_certain() && cycle.is_circle());
            assert_eq!(cycle.waits().len(), 2);
            assert!(cycle.to_string().starts_with("DEADLOCK (possible: another process may release"));
            // From outside it is seen too, as soon as who has told it sleeps again.
            until(|| process_cycles(&[id()]).unwrap().iter().any(|seen| about(&seen)));
            assert!(first.release()); // any thread may
        });
        let about = |cycle: &&ProcessCycle| cycle.waits()[0].object.0 == object(&first).0;
        assert_eq!(REPORTS.lock().unwrap().iter().filter(about).count(), 1);
    });
}

#[test]
fn waits_are_told_once_they_last_and_over_when_they_are() {
    watched(|| {
        let (lock, queue) = (Lock::new().unwrap(), Queue::bounded(1).unwrap());
        assert!(lock.try_acquire());
        let of_queue = || {
            let memory = std::fs::File::from(queue.as_fd().try_clone_to_owned().unwrap());
            let number = memory.metadata().unwrap().ino();
            let waits = process_waits(id()).unwrap().into_iter();
            waits.filter(|wait| wait.object.0 == number).map(|wait| wait.kind).collect::<Vec<_>>()
        };
        thread::scope(|scope| {
            let waiting = thread::Builder::new().name("a waiting one".into());
            waiting.spawn_scoped(scope, || lock.acquire(&mut Plain, Deadline::NEVER)).unwrap();
            scope.spawn(|| queue.pop(&mut Plain, Deadline::NEVER).unwrap());
            until(|| waits_for(&lock) == 1 && of_queue() == [Kind::QueueGet]);
            let waits = process_waits(id()).unwrap();
            let wait = waits.iter().find(|wait| wait.object == object(&lock)).unwrap();
            assert_eq!((wait.kind, wait.name.as_str()), (Kind::Lock, "a waiting one"));
            assert_eq!(wait.holder.map(|holder| (holder.pid, holder.lives)), Some((id(), true)));
            queue.try_push(b"rope").unwrap();
            assert!(lock.release());
        });
        assert_eq!((waits_for(&lock), of_queue()), (0, vec![]));
        queue.try_push(b"full").unwrap();
        thread::scope(|scope| {
            scope.spawn(|| queue.push(b"more", &mut Plain, Deadline::NEVER).unwrap());
            until(|| of_queue() == [Kind::QueuePut]);
            queue.try_pop().unwrap();
        });
    });
}

#[test]
fn who_has_a_lock_is_seen_from_outside() {
    let lock = Lock::new().unwrap();
    let held = || {
        let place = lock.place();
        let memory = place.to_str().unwrap().split('#').next().unwrap().to_owned();
        let held = Lock::look(memory.as_ref()).unwrap();
        held.into_iter().find(|(number, ..)| *number == lock.number())
    };
    assert_eq!(held(), None);
    assert!(lock.try_acquire());
    assert_eq!(held(), Some((lock.number(), id(), true)));
}

#[test]
fn the_wait_for_a_process_is_told_and_no_circle_without_another() {
    watched(|| {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let joining = Joining::begin(child.id()).unwrap();
        let waits = process_waits(id()).unwrap();
        let wait = waits.iter().find(|wait| wait.object == (0, u64::from(child.id()))).unwrap();
        assert_eq!((wait.kind, wait.holder.unwrap().lives), (Kind::Process, true));
        child.kill().unwrap();
        child.wait().unwrap();
        drop(joining);
        let waits = process_waits(id()).unwrap();
        assert!(waits.iter().all(|wait| wait.kind != Kind::Process));
    });
}

#[test]
fn a_process_that_is_not_there_cannot_be_looked_into() {
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    assert_eq!(process_waits(child.id()).unwrap_err().kind(), std::io::ErrorKind::NotFound);
    assert!(process_cycles(&[child.id()]).is_err());
}
