//! A worker killed after each instruction of what it writes down about itself, and what is read of it.

use crate::process::{Child, Traced};
use crate::scenes::AS_IT_SHOULD;
use crate::stepper::{Tally, for_moments, step_to};
use ropewalk_os::identity::Identity;
use ropewalk_shm::flight::{Flight, Phase, Record, Seat, What};
use std::os::fd::AsFd;

pub const NAME: &str = "a worker that writes down what it does";

/// Two tasks, looked at twice.
fn work(flight: &Flight) -> u8 {
    let again = flight.as_fd().try_clone_to_owned().ok().and_then(|fd| Flight::open(fd).ok());
    let Some(seat) = again.and_then(|flight| Seat::take(flight).ok().flatten()) else { return 1 };
    for number in 1..=2 {
        seat.begin(number, Phase::Reading, number * 100);
        seat.call(name(number));
        seat.turn_to(Phase::Running);
        let Some(task) = seat.in_hand() else { return 2 };
        seat.sample(task, number * 100 + 1, 0, |text| {
            text.push(text_of(number));
        });
        seat.turn_to(Phase::Answering);
        seat.end(number as u8, number * 100 + 2);
    }
    AS_IT_SHOULD
}

fn name(number: u64) -> &'static [u8] {
    if number == 1 { b"the_first" } else { b"and_the_second_one" }
}

fn text_of(number: u64) -> &'static [u8] {
    if number == 1 { b"here" } else { b"there and there" }
}

pub fn run(full: bool) -> Tally {
    for_moments(full, kill_at)
}

fn kill_at(moment: usize, tally: &mut Tally) -> usize {
    let flight = Flight::create().expect("memory");
    let mut victim = Child::traced(|| work(&flight)).expect("permitted");
    let pid = victim.pid();
    let steps = step_to(&mut victim, moment, Traced::Ended, NAME, tally);
    victim.kill();
    let record = flight.take(pid);
    if let Some(record) = &record {
        check(record, steps);
        tally.happened += usize::from(record.done > 0);
    }
    // Nothing of it is in the way of the next.
    assert!(flight.records().is_empty(), "after {steps} instructions");
    assert_eq!(work(&flight), AS_IT_SHOULD, "after {steps} instructions");
    let me = Identity::current().expect("proc is mounted");
    let mine = flight.take(me.pid).expect("a seat");
    assert_eq!((mine.done, mine.task, mine.events.len()), (2, None, 4), "after {steps} instructions");
    steps
}

/// All of it is of one moment, or of the one before.
fn check(record: &Record, steps: usize) {
    if let Some(task) = record.task {
        assert_eq!(task.since, task.number * 100, "after {steps} instructions: {record:?}");
    }
    for event in &record.events {
        let when = match event.what {
            What::Begun => event.number * 100,
            What::Answered(kind) => {
                assert_eq!(u64::from(kind), event.number, "after {steps} instructions");
                event.number * 100 + 2
            }
        };
        assert_eq!(event.when, when, "after {steps} instructions: {record:?}");
    }
    let begun = record.events.iter().filter(|event| event.what == What::Begun).count() as u64;
    assert!(record.done <= begun && begun <= record.done + 1, "after {steps} instructions: {record:?}");
    if let Some(sample) = &record.sample {
        let number = sample.task.number;
        assert_eq!(sample.when, number * 100 + 1, "after {steps} instructions: {record:?}");
        assert_eq!(sample.name, name(number), "after {steps} instructions");
        assert_eq!(sample.text, text_of(number), "after {steps} instructions");
    }
}
