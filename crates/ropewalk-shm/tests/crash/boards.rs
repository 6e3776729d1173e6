//! The board of a process that is killed after each instruction of what it does with it.
//!
//! Who looks then sees nothing, or one of the waits as a whole: never half of one.

use crate::process::{Child, Traced};
use crate::stepper::{Tally, for_moments, step_to};
use ropewalk_shm::board::{Board, Posting};

pub const NAME: &str = "a wait posted, put off, posted again and over";

fn posting(number: u64) -> Posting {
    let text = format!("thread {number}\n{}", "/a/program.py:7 in wait\n".repeat(number as usize));
    Posting {
        kind: number as u32,
        flags: number as u32,
        thread: number,
        memory: number,
        number,
        since: number,
        until: number,
        text,
    }
}

pub fn run(full: bool) -> Tally {
    for_moments(full, kill_at)
}

fn kill_at(moment: usize, tally: &mut Tally) -> usize {
    let board = Board::create().expect("memfd");
    let (first, second) = (posting(2), posting(5));
    let mut victim = Child::traced(|| {
        let Some((_, entry)) = board.take() else { return 2 };
        entry.post(&first);
        entry.withdraw();
        entry.stand_again();
        entry.post(&second);
        entry.leave();
        0
    })
    .expect("permitted");
    let steps = step_to(&mut victim, moment, Traced::Ended, NAME, tally);
    victim.kill();

    let place = || format!("{NAME}, killed after {steps} instructions");
    let seen: Vec<Posting> =
        board.entries().iter().filter_map(|entry| entry.read()).map(|(_, it)| it).collect();
    assert!(seen.len() <= 1, "{}: it waits twice", place());
    assert!(seen.iter().all(|it| *it == first || *it == second), "{}: {seen:?}", place());
    tally.happened += seen.len();
    // A board with such an entry works on.
    let (_, entry) = board.take().expect("room");
    entry.post(&first);
    assert_eq!(entry.read().map(|(_, it)| it), Some(first), "{}", place());
    steps
}
