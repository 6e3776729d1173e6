//! What a scene is, what its processes do, and how the ring is brought into a situation.

use crate::ledger::Ledger;
use crate::process::{self, Child};
use ropewalk_os::{Deadline, Plain};
use ropewalk_shm::ring::{Counts, Options, PopError, Ring};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// What a process does with the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Puts in a record with this name.
    Push(u8),
    /// Puts in a record with this name that has a buffer beside its body.
    PushParts(u8),
    /// Takes one out and notes it in the ledger, however long it takes.
    Pop,
    /// The same, with the buffers on loan for a moment.
    PopParts,
    /// The same, for so many milliseconds only: it gives up.
    PopSoon(u64),
    Done,
    Join,
    Close,
}

/// How a child's act ended.
pub const AS_IT_SHOULD: u8 = 0;
/// It found its work by itself, nobody having woken it for it.
pub const RESCUED: u8 = 1;
const WRONG: u8 = 2;

impl Act {
    pub fn perform(self, ring: &Ring, seen: &Ledger) -> u8 {
        let before = ring.rescues();
        let right = match self {
            Act::Push(name) => ring.push(&record(name), &mut Plain, Deadline::NEVER).is_ok(),
            Act::PushParts(name) => {
                let buffer = [name; BUFFER];
                ring.push_parts(&record(name), &[&buffer], &mut Plain, Deadline::NEVER).is_ok()
            }
            Act::Pop => pop(ring, seen, Deadline::NEVER).is_some(),
            Act::PopParts => {
                let (mut body, mut loans) = (Vec::with_capacity(256), Vec::new());
                let popped = ring.pop_parts(&mut body, &mut loans, &mut Plain, Deadline::NEVER);
                note(&body, seen);
                assert!(loans.iter().all(|loan| **loan == [body[0]; BUFFER]), "a torn buffer");
                popped.is_ok()
            }
            Act::PopSoon(millis) => {
                pop(ring, seen, Deadline::after(Duration::from_millis(millis)));
                true
            }
            Act::Done => ring.task_done().is_ok(),
            Act::Join => ring.join(&mut Plain, Deadline::NEVER).is_ok(),
            Act::Close => ring.close().is_ok(),
        };
        match (right, ring.rescues() == before) {
            (true, true) => AS_IT_SHOULD,
            (true, false) => RESCUED,
            (false, _) => WRONG,
        }
    }

    /// The line in which it sleeps.
    pub fn line(self) -> usize {
        match self {
            Act::Pop | Act::PopParts | Act::PopSoon(_) => 0,
            Act::Push(_) | Act::PushParts(_) | Act::Done | Act::Close => 1,
            Act::Join => 2,
        }
    }
}

const RECORD: usize = 24;
/// Bytes of the buffer of a record with parts.
pub const BUFFER: usize = 100;

pub fn record(name: u8) -> [u8; RECORD] {
    [name; RECORD]
}

/// Takes a record out and notes it. A record that is not whole is no record.
pub fn pop(ring: &Ring, seen: &Ledger, deadline: Deadline) -> Option<u8> {
    let mut buffer = Vec::with_capacity(256);
    match ring.pop(&mut buffer, &mut Plain, deadline) {
        Ok(_) => {
            note(&buffer, seen);
            Some(buffer[0])
        }
        Err(PopError::Empty) => None,
        Err(PopError::ShutDown) => Some(0), // told, as it should be
        Err(error) => panic!("{error}"),
    }
}

fn note(record: &[u8], seen: &Ledger) {
    let name = record[0];
    assert!(record.iter().all(|&byte| byte == name), "a torn record");
    seen.cells()[usize::from(name)].fetch_add(1, Relaxed);
}

pub struct Scene {
    pub name: &'static str,
    pub options: Options,
    /// Brings the ring into the situation.
    pub prepare: fn(&Ring),
    /// Who is asleep when the victim begins, in this order.
    pub sleepers: &'static [Act],
    pub victim: Act,
    /// Whether the victim's act came true.
    pub happened: fn(before: Counts, ring: &Ring) -> bool,
    /// How many of the sleepers it sets free.
    pub frees: usize,
    /// What must hold when all is over.
    pub afterwards: fn(&Ring),
}

impl Scene {
    /// Whether the victim finds nothing to do, and sleeps.
    pub fn goes_to_sleep(&self) -> bool {
        self.name.contains("goes to sleep")
    }
}

pub fn scene(name: &str) -> &'static Scene {
    crate::table::SCENES.iter().find(|scene| scene.name == name).expect("a scene of the table")
}

pub fn ring(scene: &Scene) -> Ring {
    let ring = Ring::create(&scene.options).expect("memfd");
    (scene.prepare)(&ring);
    ring
}

pub fn counts(ring: &Ring) -> Counts {
    ring.counts().expect("whole")
}

pub fn give(ring: &Ring, name: u8) {
    ring.try_push(&record(name)).expect("room");
}

/// So many records with buffers, named one after the other.
pub fn give_parts(ring: &Ring, first: u8, count: u8) {
    for name in first..first + count {
        let parts = ring.push_parts(&record(name), &[&[name; BUFFER]], &mut Plain, Deadline::NOW);
        parts.expect("room");
    }
}

/// Kills a process that has what it took out in its hands.
pub fn leave_a_dead_reader(ring: &Ring) {
    let reader = Child::spawn(|| {
        let mut loans = Vec::new();
        ring.pop_parts(&mut Vec::new(), &mut loans, &mut Plain, Deadline::NOW).expect("a record");
        std::mem::forget(loans);
        0
    });
    assert_eq!(reader.code(), Some(0));
    assert_eq!(counts(ring).popped, 1);
}

/// A record of so many bytes whose name is 0: nobody asks what becomes of it.
pub fn fill(ring: &Ring, len: usize) {
    ring.try_push(&vec![0; len]).expect("room");
}

pub fn discard(ring: &Ring, count: usize) {
    let mut buffer = Vec::new();
    for _ in 0..count {
        ring.try_pop(&mut buffer).expect("a record");
    }
}

/// Kills a process that has the lock in its hand, half-way through a push.
pub fn leave_a_dead_holder(ring: &Ring) {
    stopped_holder(ring).kill();
}

/// A process that stands still with the lock in its hand.
pub fn stopped_holder(ring: &Ring) -> Child {
    let mut holder = Child::traced(|| {
        let _ = ring.try_push(&record(8));
        0
    })
    .expect("permitted");
    while !is_locked(ring) {
        holder.step();
    }
    for _ in 0..20 {
        holder.step();
    }
    assert!(is_locked(ring));
    holder
}

/// The lock's word stands at byte 128 of a ring's memory.
fn is_locked(ring: &Ring) -> bool {
    let mut word = [0; 4];
    file(ring).read_exact_at(&mut word, 128).expect("a ring is longer");
    word != [0; 4]
}

/// Whether it is readable; from now on it says so.
pub fn rings(ring: &Ring) -> bool {
    process::is_readable(ring.readable_fd().expect("it has one"))
}

/// The same, without touching the ring: as who sleeps in select.
pub fn rings_without_asking(ring: &Ring) -> bool {
    process::is_readable(ring.bell().expect("it has one"))
}

pub fn file(ring: &Ring) -> File {
    ring.as_fd().try_clone_to_owned().expect("dup").into()
}
