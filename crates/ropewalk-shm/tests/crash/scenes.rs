//! The table: which operation is killed (the fault's place), in what situation, and who sleeps meanwhile.

use crate::ledger::Ledger;
use crate::process::Child;
use ropewalk_os::{Deadline, Plain};
use ropewalk_shm::ring::{Counts, Options, PopError, Ring};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
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
const BUFFER: usize = 100;

/// Nothing has a block, however long it is.
const IN_THE_RING: Options = Options { block_from: usize::MAX, ..Options::LARGEST };
/// Buffers have blocks, though they are short: the instructions that copy them are many.
const BLOCKS: Options = Options { block_from: BUFFER, ..Options::LARGEST };

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

pub const SCENES: &[Scene] = &[
    Scene {
        name: "push into an empty ring",
        options: Options::LARGEST,
        prepare: |_| {},
        sleepers: &[],
        victim: Act::Push(9),
        happened: |before, ring| counts(ring).pushed > before.pushed,
        frees: 0,
        afterwards: |_| {},
    },
    Scene {
        name: "push for a sleeping getter",
        options: Options::LARGEST,
        prepare: |_| {},
        sleepers: &[Act::Pop],
        victim: Act::Push(9),
        happened: |before, ring| counts(ring).pushed > before.pushed,
        frees: 1,
        afterwards: |_| {},
    },
    Scene {
        name: "push for the first of three getters",
        options: Options::LARGEST,
        prepare: |_| {},
        sleepers: &[Act::Pop, Act::Pop, Act::Pop],
        victim: Act::Push(9),
        happened: |before, ring| counts(ring).pushed > before.pushed,
        frees: 1,
        afterwards: |_| {},
    },
    Scene {
        name: "push that grows the ring",
        options: IN_THE_RING,
        prepare: |ring| fill(ring, 65_536 - 8 - 16),
        sleepers: &[],
        victim: Act::Push(9),
        happened: |before, ring| counts(ring).pushed > before.pushed,
        frees: 0,
        afterwards: |_| {},
    },
    Scene {
        name: "push after a holder was killed",
        options: Options::LARGEST,
        prepare: leave_a_dead_holder,
        sleepers: &[],
        victim: Act::Push(9),
        happened: |before, ring| counts(ring).pushed > before.pushed,
        frees: 0,
        afterwards: |_| {},
    },
    Scene {
        name: "pop of the last record",
        options: Options::LARGEST,
        prepare: |ring| give(ring, 1),
        sleepers: &[],
        victim: Act::Pop,
        happened: |before, ring| counts(ring).popped > before.popped,
        frees: 0,
        afterwards: |_| {},
    },
    Scene {
        name: "pop in a ring that tracks",
        options: Options { track: true, ..Options::LARGEST },
        prepare: |ring| {
            give(ring, 1);
            give(ring, 2);
            discard(ring, 1);
            ring.put_down();
        },
        sleepers: &[],
        victim: Act::Pop,
        happened: |before, ring| {
            let popped = counts(ring).popped;
            // It had the record in its hand if and only if it has taken it out.
            let lost: Vec<u64> =
                ring.take_lost().expect("whole").into_iter().map(|(_, record)| record).collect();
            assert_eq!(lost, (before.popped..popped).collect::<Vec<_>>());
            popped > before.popped
        },
        frees: 0,
        afterwards: |_| {},
    },
    Scene {
        name: "pop that makes room for a putter",
        options: Options { max_records: 1, ..Options::LARGEST },
        prepare: |ring| give(ring, 1),
        sleepers: &[Act::Push(7)],
        victim: Act::Pop,
        happened: |before, ring| counts(ring).popped > before.popped,
        frees: 1,
        afterwards: |_| {},
    },
    Scene {
        name: "pop that leaves a segment",
        options: IN_THE_RING,
        prepare: |ring| {
            fill(ring, 65_536 - 8 - 32);
            give(ring, 1);
            give(ring, 2);
            discard(ring, 1);
        },
        sleepers: &[],
        victim: Act::Pop,
        happened: |before, ring| counts(ring).popped > before.popped,
        frees: 0,
        afterwards: |_| {},
    },
    Scene {
        name: "pop that gives memory back",
        options: IN_THE_RING,
        prepare: |ring| {
            (0..15).for_each(|_| fill(ring, 500_000));
            give(ring, 1);
            discard(ring, 15);
        },
        sleepers: &[],
        victim: Act::Pop,
        happened: |before, ring| counts(ring).popped > before.popped,
        frees: 0,
        afterwards: |ring| {
            // Whoever was killed giving memory back: the next takes it up.
            (0..16).for_each(|_| fill(ring, 500_000));
            discard(ring, 16);
            let used = file(ring).metadata().expect("fstat").blocks() * 512;
            assert!(used <= 5 << 20, "{used} bytes are left");
        },
    },
    Scene {
        name: "pop that goes to sleep",
        options: Options::LARGEST,
        prepare: |_| {},
        sleepers: &[],
        victim: Act::Pop,
        happened: |_, _| true,
        frees: 0,
        afterwards: |_| {},
    },
    Scene {
        name: "pop that goes to sleep behind another",
        options: Options::LARGEST,
        prepare: |_| {},
        sleepers: &[Act::Pop],
        victim: Act::Pop,
        happened: |_, _| true,
        frees: 0,
        afterwards: |_| {},
    },
    Scene {
        name: "push that goes to sleep behind another",
        options: Options { max_records: 1, ..Options::LARGEST },
        prepare: |ring| give(ring, 1),
        sleepers: &[Act::Push(7)],
        victim: Act::Push(9),
        happened: |_, _| true,
        frees: 0,
        afterwards: |_| {},
    },
    Scene {
        name: "push of a buffer",
        options: BLOCKS,
        prepare: |_| {},
        sleepers: &[],
        victim: Act::PushParts(9),
        happened: |before, ring| counts(ring).pushed > before.pushed,
        frees: 0,
        afterwards: |_| {},
    },
    Scene {
        name: "push of a buffer for a sleeping getter",
        options: BLOCKS,
        prepare: |ring| give_parts(ring, 1, 0),
        sleepers: &[Act::PopParts],
        victim: Act::PushParts(9),
        happened: |before, ring| counts(ring).pushed > before.pushed,
        frees: 1,
        afterwards: |_| {},
    },
    Scene {
        name: "push of a buffer after a holder was killed",
        options: BLOCKS,
        prepare: |ring| {
            give_parts(ring, 1, 3);
            leave_a_dead_holder(ring);
        },
        sleepers: &[],
        victim: Act::PushParts(9),
        happened: |before, ring| counts(ring).pushed > before.pushed,
        frees: 0,
        afterwards: |_| {},
    },
    Scene {
        name: "push of a buffer into the block of a dead reader",
        options: Options { max_block_bytes: 64 << 10, ..BLOCKS },
        prepare: |ring| {
            give_parts(ring, 1, 1);
            leave_a_dead_reader(ring);
        },
        sleepers: &[],
        victim: Act::PushParts(9),
        happened: |before, ring| counts(ring).pushed > before.pushed,
        frees: 0,
        afterwards: |_| {},
    },
    Scene {
        name: "push of a buffer that finds no block",
        options: Options { max_block_bytes: 0, ..BLOCKS },
        prepare: |_| {},
        sleepers: &[],
        victim: Act::PushParts(9),
        happened: |before, ring| counts(ring).pushed > before.pushed,
        frees: 0,
        afterwards: |_| {},
    },
    Scene {
        name: "pop of a buffer, lent and returned",
        options: BLOCKS,
        prepare: |ring| give_parts(ring, 1, 2),
        sleepers: &[],
        victim: Act::PopParts,
        happened: |before, ring| counts(ring).popped > before.popped,
        frees: 0,
        afterwards: |_| {},
    },
    Scene {
        name: "pop of a buffer in one piece",
        options: BLOCKS,
        prepare: |ring| give_parts(ring, 1, 2),
        sleepers: &[],
        victim: Act::Pop,
        happened: |before, ring| counts(ring).popped > before.popped,
        frees: 0,
        afterwards: |_| {},
    },
    Scene {
        name: "pop of a buffer that makes room for a putter",
        options: Options { max_records: 1, ..BLOCKS },
        prepare: |ring| give_parts(ring, 1, 1),
        sleepers: &[Act::PushParts(7)],
        victim: Act::PopParts,
        happened: |before, ring| counts(ring).popped > before.popped,
        frees: 1,
        afterwards: |_| {},
    },
    Scene {
        name: "pop of a buffer that gives the memory of others back",
        options: BLOCKS,
        prepare: |ring| {
            give_parts(ring, 1, 80);
            discard(ring, 79);
        },
        sleepers: &[],
        victim: Act::PopParts,
        happened: |before, ring| counts(ring).popped > before.popped,
        frees: 0,
        afterwards: |_| {},
    },
    Scene {
        name: "task_done for two who join",
        options: Options::LARGEST,
        prepare: |ring| {
            give(ring, 1);
            discard(ring, 1);
        },
        sleepers: &[Act::Join, Act::Join],
        victim: Act::Done,
        happened: |before, ring| counts(ring).unfinished < before.unfinished,
        frees: 2,
        afterwards: |_| {},
    },
    Scene {
        name: "close over two getters",
        options: Options::LARGEST,
        prepare: |_| {},
        sleepers: &[Act::Pop, Act::Pop],
        victim: Act::Close,
        happened: |_, ring| ring.is_closed().expect("whole"),
        frees: 2,
        afterwards: |_| {},
    },
];

pub fn scene(name: &str) -> &'static Scene {
    SCENES.iter().find(|scene| scene.name == name).expect("a scene of the table")
}

pub fn ring(scene: &Scene) -> Ring {
    let ring = Ring::create(&scene.options).expect("memfd");
    (scene.prepare)(&ring);
    ring
}

pub fn counts(ring: &Ring) -> Counts {
    ring.counts().expect("whole")
}

fn give(ring: &Ring, name: u8) {
    ring.try_push(&record(name)).expect("room");
}

/// So many records with buffers, named one after the other.
fn give_parts(ring: &Ring, first: u8, count: u8) {
    for name in first..first + count {
        let parts = ring.push_parts(&record(name), &[&[name; BUFFER]], &mut Plain, Deadline::NOW);
        parts.expect("room");
    }
}

/// Kills a process that has what it took out in its hands.
fn leave_a_dead_reader(ring: &Ring) {
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
fn fill(ring: &Ring, len: usize) {
    ring.try_push(&vec![0; len]).expect("room");
}

fn discard(ring: &Ring, count: usize) {
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

fn file(ring: &Ring) -> File {
    ring.as_fd().try_clone_to_owned().expect("dup").into()
}
