//! A possible deadlock that ends while the graph hesitates. One test, because how long it does so is the process's.
#![allow(clippy::unwrap_used, reason = "a test")]

mod watchdog;

use ropewalk::host::{self, Host};
use ropewalk::sync::Lock;
use ropewalk::wait_graph::{Report, set_hesitation, waits};
use ropewalk::{Deadline, Plain};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

static REPORTS: AtomicUsize = AtomicUsize::new(0);

struct Counting;

impl Host for Counting {
    fn report(&self, _: &Report<'_>) {
        REPORTS.fetch_add(1, Ordering::SeqCst);
    }
}

fn take(lock: &Lock) {
    assert!(lock.acquire(&mut Plain, Deadline::NEVER).expect("a plain lock is never refused"));
}

#[test]
fn a_ring_that_ends_in_time_is_not_reported() {
    let _watch = watchdog::watch();
    assert!(host::install(Counting));
    set_hesitation(Duration::from_secs(3600)); // no machine is too slow to be in time
    let lock = Lock::new();
    thread::scope(|scope| {
        let twice = scope.spawn(|| {
            take(&lock);
            take(&lock);
        });
        while waits().is_empty() {
            thread::yield_now();
        }
        assert!(lock.release());
        twice.join().unwrap();
    });
    assert_eq!(waits(), []);
    assert_eq!(REPORTS.load(Ordering::SeqCst), 0);
}
