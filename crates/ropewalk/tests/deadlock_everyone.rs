//! Every thread asleep for ever. One test, because it is about all threads of the host.
#![allow(clippy::unwrap_used, reason = "a test")]

mod watchdog;

use ropewalk::host::{self, Host};
use ropewalk::queue::Queue;
use ropewalk::sync::Event;
use ropewalk::wait_graph::{Report, set_hesitation, thread_ended, waits};
use ropewalk::{Deadline, Plain};
use ropewalk_os::thread::ThreadId;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

static THREADS: AtomicUsize = AtomicUsize::new(0);
static ASKED: AtomicUsize = AtomicUsize::new(0);

struct Counting(Sender<usize>);

impl Host for Counting {
    fn report(&self, report: &Report<'_>) {
        let Report::Everyone(waits) = report else { panic!("{report}") };
        self.0.send(waits.len()).unwrap();
    }

    fn threads(&self) -> usize {
        THREADS.load(Ordering::SeqCst)
    }

    fn is_everyone(&self, asleep: &[ThreadId]) -> bool {
        ASKED.fetch_add(1, Ordering::SeqCst);
        asleep.len() == THREADS.load(Ordering::SeqCst)
    }
}

fn until_asleep(count: usize) {
    while waits().len() < count {
        thread::yield_now();
    }
}

#[test]
fn all_threads_asleep_are_reported_once_but_not_while_one_is_awake_or_timed() {
    let _watch = watchdog::watch();
    let (report, reported) = channel();
    assert!(host::install(Counting(report)));
    set_hesitation(Duration::from_millis(20));
    let (event, queue) = (Event::new(), Queue::<u8>::unbounded());
    thread::scope(|scope| {
        // Two sleep, a third is said to be awake: nothing is asked.
        THREADS.store(3, Ordering::SeqCst);
        scope.spawn(|| event.wait(&mut Plain, Deadline::NEVER));
        scope.spawn(|| queue.pop(&mut Plain, Deadline::NEVER));
        until_asleep(2);
        assert!(reported.recv_timeout(Duration::from_millis(60)).is_err());
        assert_eq!(ASKED.load(Ordering::SeqCst), 0);

        // The third sleeps too, but will wake by itself.
        scope
            .spawn(|| queue.pop(&mut Plain, Deadline::after(Duration::from_millis(60))))
            .join()
            .unwrap()
            .ok();
        assert_eq!(ASKED.load(Ordering::SeqCst), 0);

        // It ends without waking anybody.
        THREADS.store(2, Ordering::SeqCst);
        thread_ended();
        assert_eq!(reported.recv().unwrap(), 2);
        assert!(reported.recv_timeout(Duration::from_millis(60)).is_err(), "reported once");

        // Another comes, and sleeps for ever as the last one.
        THREADS.store(3, Ordering::SeqCst);
        scope.spawn(|| event.wait(&mut Plain, Deadline::NEVER));
        assert_eq!(reported.recv().unwrap(), 3);
        event.set();
        queue.shutdown();
    });
}
