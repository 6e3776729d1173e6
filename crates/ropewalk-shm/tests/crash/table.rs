//! The table: which operation is killed (the fault's place), in what situation, and who sleeps meanwhile.

use crate::scenes::{
    Act, BUFFER, Scene, counts, discard, file, fill, give, give_parts, leave_a_dead_holder,
    leave_a_dead_reader, rings, rings_without_asking,
};
use ropewalk_shm::ring::Options;
use std::os::unix::fs::MetadataExt;

const READABLE: Options = Options { readable: true, ..Options::LARGEST };
/// Nothing has a block, however long it is.
const IN_THE_RING: Options = Options { block_from: usize::MAX, ..Options::LARGEST };
/// Buffers have blocks, though they are short: the instructions that copy them are many.
const BLOCKS: Options = Options { block_from: BUFFER, ..Options::LARGEST };

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
        name: "push into an empty ring that somebody selects",
        options: READABLE,
        prepare: |ring| assert!(!rings(ring)),
        sleepers: &[],
        victim: Act::Push(9),
        happened: |before, ring| {
            let happened = counts(ring).pushed > before.pushed;
            assert!(rings_without_asking(ring) || !happened, "a record is inside, and nobody is told");
            happened
        },
        frees: 0,
        afterwards: |ring| assert!(!rings(ring)),
    },
    Scene {
        name: "pop of the last record of a ring that somebody selects",
        options: READABLE,
        prepare: |ring| {
            assert!(!rings(ring));
            give(ring, 1);
            assert!(rings(ring));
        },
        sleepers: &[],
        victim: Act::Pop,
        happened: |before, ring| {
            let happened = counts(ring).popped > before.popped;
            assert!(rings_without_asking(ring) || happened, "a record is inside, and nobody is told");
            happened
        },
        frees: 0,
        afterwards: |ring| assert!(!rings(ring)),
    },
    Scene {
        name: "close of a ring that somebody selects",
        options: READABLE,
        prepare: |ring| assert!(!rings(ring)),
        sleepers: &[],
        victim: Act::Close,
        happened: |_, ring| {
            let rang = rings_without_asking(ring);
            let happened = ring.is_closed().expect("whole");
            assert!(rang || !happened, "it is closed, and nobody is told");
            happened
        },
        frees: 0,
        afterwards: |ring| assert!(rings(ring)),
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
