//! Workers that kill themselves with `kill -9` in the middle of their work, and a program that does not mind.
//!
//!     cargo run --release --example kill_minus_nine -- [tasks]
//!
//! Each worker is this program again. It takes numbers from one queue and puts their squares into another; every
//! seventh number it takes, it kills itself instead. The program starts another, and gives the number that went
//! down with it to somebody else.

use ropewalk::process::{PopError, Queue};
use ropewalk::{Deadline, Plain};
use std::collections::BTreeMap;
use std::process::{Child, Command};
use std::time::Duration;

const TASKS: &str = "KILL_MINUS_NINE_TASKS";
const RESULTS: &str = "KILL_MINUS_NINE_RESULTS";
const WORKERS: usize = 3;

fn main() {
    if std::env::var_os(TASKS).is_some() {
        return work();
    }
    let tasks = std::env::args().nth(1).map_or(100, |text| text.parse().expect("a number of tasks"));
    let (squares, deaths) = squares(tasks);
    println!(
        "{} squares, the last {}, and {deaths} workers killed on the way",
        squares.len(),
        squares[&(tasks - 1)]
    );
}

/// The squares of the numbers below `tasks`, by workers of which many die; and how many did.
fn squares(tasks: u64) -> (BTreeMap<u64, u64>, usize) {
    let to_do = Queue::unbounded().expect("memory");
    let done = Queue::unbounded().expect("memory");
    let start = || worker(&to_do, &done).spawn().expect("this program, once more");
    let mut workers: [Child; WORKERS] = std::array::from_fn(|_| start());

    let mut missing: Vec<u64> = (0..tasks).collect();
    let mut squares = BTreeMap::new();
    let mut deaths = 0;
    while !missing.is_empty() {
        for number in &missing {
            to_do.push(&number.to_le_bytes(), &mut Plain, Deadline::NEVER).expect("it is open");
        }
        // All that were given out have come back or gone down when nobody has taken one for a while.
        loop {
            match done.pop(&mut Plain, Deadline::after(Duration::from_millis(50))) {
                Ok(pair) => {
                    squares.insert(number(&pair[..8]), number(&pair[8..]));
                }
                Err(PopError::Empty) => {
                    for worker in &mut workers {
                        if worker.try_wait().expect("ours").is_some() {
                            *worker = start();
                            deaths += 1;
                        }
                    }
                    if to_do.is_empty().expect("whole") {
                        break;
                    }
                }
                Err(error) => panic!("{error}"),
            }
        }
        missing.retain(|number| !squares.contains_key(number));
    }
    to_do.shutdown().expect("whole");
    for mut worker in workers {
        worker.wait().expect("ours");
    }
    (squares, deaths)
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
}

/// This program, as a worker: it is told where the queues are.
fn worker(to_do: &Queue, done: &Queue) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("it runs"));
    command.env(TASKS, to_do.place()).env(RESULTS, done.place());
    if cfg!(test) {
        command.args(["--exact", "as_a_worker"]).stdout(std::process::Stdio::null());
    }
    command
}

fn work() {
    let open = |name| Queue::open(std::env::var_os(name).expect("told").as_ref()).expect("the parent lives");
    let (to_do, done) = (open(TASKS), open(RESULTS));
    for (count, task) in to_do.iter().enumerate() {
        let task = task.expect("whole");
        if count % 7 == 6 {
            let me = std::process::id().to_string();
            Command::new("kill").args(["-9", &me]).status().expect("kill");
        }
        let square = number(&task) * number(&task);
        let pair = [task, square.to_le_bytes().to_vec()].concat();
        done.push(&pair, &mut Plain, Deadline::NEVER).expect("it is open");
    }
}

#[test]
fn as_a_worker() {
    if std::env::var_os(TASKS).is_some() {
        work();
    }
}

#[test]
fn every_square_comes_although_workers_die() {
    let (squares, deaths) = squares(50);
    assert!(squares.into_iter().eq((0..50).map(|number| (number, number * number))));
    assert!(deaths > 0);
}
