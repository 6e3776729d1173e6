//! Forks, zombies and signals.

use crate::process::{self, Child, SIGNALS, Traced};
use ropewalk_os::identity::Identity;
use ropewalk_os::{Block, Deadline, Plain};
use ropewalk_shm::ring::{Options, PopError, Ring};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Each test with its name, and whether it needs to trace.
pub const TESTS: &[(&str, bool, fn())] = &[
    ("a forked child has a slot of its own", false, a_forked_child_has_a_slot_of_its_own),
    ("a forked child returns nothing that its parent has on loan", false, a_forked_child_returns_nothing),
    ("a zombie does not count as asleep", false, a_zombie_does_not_count_as_asleep),
    ("a signal interrupts a wait", false, a_signal_interrupts_a_wait),
    ("a signal that is minded lets a wait go on", false, a_signal_that_is_minded_lets_a_wait_go_on),
    ("a signal just before a sleep interrupts the wait", true, a_signal_just_before_a_sleep_is_seen),
    (
        "a stopped holder of the lock does not hang a wait with a deadline",
        true,
        a_stopped_holder_hangs_nobody,
    ),
];

pub fn ring() -> Ring {
    Ring::create(&Options::default()).expect("memfd")
}

/// Goes through a sleep: who has slept has a slot.
pub fn sleep_once(ring: &Ring) {
    while ring.processes().is_empty() {
        // On a slow machine the moment may be over before the sleep.
        let soon = Deadline::after(Duration::from_millis(1));
        assert_eq!(ring.pop(&mut Vec::new(), &mut Plain, soon), Err(PopError::Empty));
    }
}

/// However long somebody who was put aside has the lock.
fn give(ring: &Ring) {
    ring.push(b"go", &mut Plain, Deadline::NEVER).expect("room");
}

fn get(ring: &Ring) -> u8 {
    let mut buffer = Vec::new();
    u8::from(ring.pop(&mut buffer, &mut Plain, Deadline::NEVER).is_err())
}

fn wait_for_sleepers(ring: &Ring, count: u32) {
    while ring.sleepers()[0] != count {
        std::thread::yield_now();
    }
}

fn a_forked_child_has_a_slot_of_its_own() {
    let ring = ring();
    sleep_once(&ring);
    let me = Identity::current().expect("proc");
    assert_eq!(ring.processes(), [me]);
    let child = Child::spawn(|| get(&ring));
    wait_for_sleepers(&ring, 1);
    let theirs = Identity::of(child.pid()).expect("it sleeps");
    assert_eq!(ring.processes(), [me, theirs]);
    give(&ring);
    assert_eq!(child.code(), Some(0));
}

fn a_forked_child_returns_nothing() {
    let ring = ring();
    let mut loans = Vec::new();
    let buffer = vec![7; 100_000];
    ring.push_parts(b"", &[&buffer], &mut Plain, Deadline::NEVER).expect("room");
    ring.pop_parts(&mut Vec::new(), &mut loans, &mut Plain, Deadline::NEVER).expect("a record");
    let child = Child::spawn(|| {
        let theirs = std::mem::take(&mut loans);
        u8::from(*theirs[0] != *buffer)
    });
    assert_eq!(child.code(), Some(0));
    assert_eq!(ring.blocks().expect("whole").reading, 1);
    drop(loans);
    assert_eq!(ring.blocks().expect("whole").reading, 0);
}

fn a_zombie_does_not_count_as_asleep() {
    let ring = ring();
    let dead = Child::spawn(|| get(&ring));
    wait_for_sleepers(&ring, 1);
    dead.wait_asleep();
    let living = Child::spawn(|| get(&ring));
    wait_for_sleepers(&ring, 2);
    dead.kill_only(); // nobody waits for it: it stays in the table of processes
    while ring.processes().len() == 2 {
        std::thread::yield_now();
    }
    wait_for_sleepers(&ring, 1);
    give(&ring);
    assert_eq!(living.code(), Some(0));
}

/// A world in which a signal ends a wait, or is minded and does not.
struct Minding {
    ends: bool,
}

impl Block for Minding {
    type Interrupt = ();

    fn detached<R: Send>(&mut self, sleep: impl FnOnce() -> R + Send) -> R {
        sleep()
    }

    fn interrupted(&mut self) -> Result<(), ()> {
        if self.ends && SIGNALS.load(Relaxed) > 0 { Err(()) } else { Ok(()) }
    }

    fn heeds_signals(&self) -> bool {
        self.ends
    }
}

fn a_signal_interrupts_a_wait() {
    process::be_interruptible();
    let ring = ring();
    let child = Child::spawn(|| {
        let mut block = Minding { ends: true };
        match ring.pop(&mut Vec::new(), &mut block, Deadline::NEVER) {
            Err(PopError::Interrupted(())) => 7,
            _ => 1,
        }
    });
    wait_for_sleepers(&ring, 1);
    child.wait_asleep();
    let other = Child::spawn(|| get(&ring));
    wait_for_sleepers(&ring, 2);
    // The record calls the first, and the signal ends its wait: one of the two takes it, nobody hangs.
    give(&ring);
    child.signal(libc::SIGUSR1);
    let first = child.code().expect("it hangs");
    if first == 7 {
        assert_eq!(other.code(), Some(0), "the record is for the other");
        return;
    }
    give(&ring);
    assert_eq!(other.code(), Some(0));
}

fn a_signal_just_before_a_sleep_is_seen() {
    process::be_interruptible();
    let ring = ring();
    let wait = || {
        // Less than a lone sleeper's slice, at whose end it would be seen in any case.
        let end = Deadline::after(Duration::from_secs(4));
        match ring.pop(&mut Vec::new(), &mut Minding { ends: true }, end) {
            Err(PopError::Interrupted(())) => 7,
            _ => 1,
        }
    };
    let mut child = Child::traced(wait).expect("permitted");
    // It is in the line, and the instruction that sleeps is the next.
    while ring.sleepers()[0] == 0 || !child.is_before_system_call() {
        assert_eq!(child.step(), Traced::Stopped);
    }
    child.go_on_with(libc::SIGUSR1);
    assert_eq!(child.code(), Some(7));
}

fn a_signal_that_is_minded_lets_a_wait_go_on() {
    process::be_interruptible();
    let ring = ring();
    let child = Child::spawn(|| {
        let mut block = Minding { ends: false };
        let popped = ring.pop(&mut Vec::new(), &mut block, Deadline::NEVER);
        while SIGNALS.load(Relaxed) == 0 {
            std::thread::yield_now(); // it was sent before the record
        }
        u8::from(popped.is_err()) + 10 * SIGNALS.load(Relaxed) as u8
    });
    wait_for_sleepers(&ring, 1);
    child.wait_asleep();
    child.signal(libc::SIGUSR1);
    give(&ring);
    assert_eq!(child.code(), Some(10));
}

fn a_stopped_holder_hangs_nobody() {
    let ring = ring();
    let holder = crate::scenes::stopped_holder(&ring);
    let soon = Deadline::after(Duration::from_millis(1));
    assert_eq!(ring.pop(&mut Vec::new(), &mut Plain, soon), Err(PopError::Empty));
    assert!(ring.try_push(b"rope").is_err());
    holder.kill();
    ring.try_push(b"rope").expect("the lock is healed");
}
