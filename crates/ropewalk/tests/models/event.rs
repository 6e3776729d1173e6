use super::soon;
use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};
use loom::thread;
use ropewalk::model::explore;
use ropewalk::sync::Event;
use ropewalk::{Deadline, Plain};
use std::sync::Arc;

#[test]
fn a_set_is_seen_by_every_waiter() {
    explore(false, || {
        let event = Arc::new(Event::new());
        let waiters = [(); 2].map(|()| {
            let event = Arc::clone(&event);
            thread::spawn(move || assert!(event.wait(&mut Plain, Deadline::NEVER).unwrap()))
        });
        event.set();
        for waiter in waiters {
            waiter.join().unwrap();
        }
    });
}

#[test]
fn a_waiter_that_gives_up_does_not_hide_the_other() {
    explore(false, || {
        let event = Arc::new(Event::new());
        let waiters = [soon(), Deadline::NEVER].map(|deadline| {
            let event = Arc::clone(&event);
            thread::spawn(move || event.wait(&mut Plain, deadline).unwrap())
        });
        event.set();
        let [_hasty, patient] = waiters.map(|waiter| waiter.join().unwrap());
        assert!(patient);
    });
}

#[test]
fn what_was_written_before_the_set_is_read_after_the_wait() {
    explore(false, || {
        let shared = Arc::new((Event::new(), AtomicU32::new(0)));
        let writer = Arc::clone(&shared);
        let writer = thread::spawn(move || {
            writer.1.store(7, Relaxed);
            writer.0.set();
        });
        shared.0.wait(&mut Plain, Deadline::NEVER).unwrap();
        assert_eq!(shared.1.load(Relaxed), 7);
        writer.join().unwrap();
    });
}
