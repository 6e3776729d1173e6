//! Scenes of a ring whose bell somebody listens to.

use crate::scenes::{Act, Scene, counts, give};
use ropewalk_os::bell::Bell;
use ropewalk_shm::ring::{Options, Ring};

const BELL: Options = Options { bell: true, ..Options::LARGEST };

fn arm(ring: &Ring) {
    assert!(!is_rung(ring));
}

fn is_rung(ring: &Ring) -> bool {
    let readable = ring.readable().expect("whole").expect("it has a bell");
    Bell::from_fd(readable.try_clone_to_owned().expect("dup")).is_rung()
}

pub const SCENES: &[Scene] = &[
    Scene {
        name: "push that rings the bell",
        options: BELL,
        prepare: arm,
        sleepers: &[],
        victim: Act::Push(9),
        happened: |before, ring| {
            let happened = counts(ring).pushed > before.pushed;
            assert!(is_rung(ring) || !happened, "nobody would come for the record");
            happened
        },
        frees: 0,
        afterwards: |ring| assert!(!is_rung(ring), "somebody would come in vain"),
    },
    Scene {
        name: "pop that hushes the bell",
        options: BELL,
        prepare: |ring| {
            arm(ring);
            give(ring, 1);
        },
        sleepers: &[],
        victim: Act::Pop,
        happened: |before, ring| {
            let happened = counts(ring).popped > before.popped;
            assert!(is_rung(ring) || happened, "nobody would come for the record");
            happened
        },
        frees: 0,
        afterwards: |ring| assert!(!is_rung(ring), "somebody would come in vain"),
    },
];
