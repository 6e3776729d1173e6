//! What the modes do. One test, because a mode is the process's.
#![allow(clippy::unwrap_used, reason = "a test")]

mod watchdog;

use ropewalk::host::{self, Host};
use ropewalk::sync::ReentrantLock;
use ropewalk::wait_graph::{Mode, Report, set_mode, waits};
use ropewalk::{Deadline, Plain};
use std::sync::Barrier;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

struct Listener(Sender<String>);

impl Host for Listener {
    fn report(&self, report: &Report<'_>) {
        self.0.send(report.to_string()).unwrap();
    }
}

/// Two threads in a circle; each waits until `deadline` only.
fn circle(deadline: Deadline) {
    let (a, b) = (ReentrantLock::new(), ReentrantLock::new());
    let meet = Barrier::new(2);
    thread::scope(|scope| {
        for (first, second) in [(&a, &b), (&b, &a)] {
            let meet = &meet;
            scope.spawn(move || {
                first.acquire(&mut Plain, Deadline::NEVER).unwrap();
                meet.wait();
                if second.acquire(&mut Plain, deadline).expect("not raised in this mode") {
                    second.release().unwrap();
                }
                first.release().unwrap();
            });
        }
    });
}

#[test]
fn report_reports_a_certain_circle_and_off_registers_nothing() {
    let _watch = watchdog::watch();
    let (report, reported) = channel();
    assert!(host::install(Listener(report)));

    set_mode(Mode::Off);
    thread::scope(|scope| {
        scope.spawn(|| circle(Deadline::after(Duration::from_millis(50))));
        assert_eq!(waits(), []);
    });
    assert!(reported.try_recv().is_err());

    set_mode(Mode::Report);
    thread::spawn(|| circle(Deadline::NEVER)); // stays in its circle until the process ends
    let text = reported.recv().unwrap();
    assert!(text.starts_with("DEADLOCK (certain): 2 threads wait for each other\n"), "{text}");
    assert_eq!(text.matches("waits for reentrant lock").count(), 2, "{text}");
    while waits().len() < 2 {
        thread::yield_now(); // who reports is awake meanwhile
    }
    assert!(reported.recv_timeout(Duration::from_millis(100)).is_err(), "reported once");
}
