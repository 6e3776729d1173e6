//! A pool whose tasks kill their own workers with `kill -9` now and then, and which gives every other answer.
//!
//!     cargo run --release --example unkillable_pool -- [tasks]
//!
//! Each task counts the primes below a number. Every seventh kills its worker instead, in the middle of its work. The
//! pool says which task that was and how it ended, and starts another worker; the program gives the task to it again.

use ropewalk::process::{Functions, Pool, Program, TaskError};
use ropewalk::{Deadline, Plain};
use std::process::Command;

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Error> {
    let program = enter(); // first of all: a worker never comes further
    let tasks = std::env::args().nth(1).map_or(Ok(100), |text| text.parse())?;
    let pool = Pool::builder(&program).build()?;
    let (counts, deaths) = count_all(&pool, tasks)?;
    for death in &deaths {
        println!("{death}");
    }
    let last = counts.last().copied().unwrap_or_default();
    println!("{} answers, the last {last}, and {} workers killed on the way", counts.len(), deaths.len());
    Ok(())
}

/// What this program can be asked to do.
fn enter() -> Program {
    Functions::new().with("count_primes", count_primes).enter()
}

/// How many primes there are below each of the numbers up to `tasks`; and who died on the way.
fn count_all(pool: &Pool, tasks: u32) -> Result<(Vec<u32>, Vec<String>), Error> {
    let (mut counts, mut deaths) = (Vec::new(), Vec::new());
    let submitted: Result<Vec<_>, _> =
        (0..tasks).map(|below| pool.submit("count_primes", below.to_string().as_bytes())).collect();
    for (below, future) in submitted?.into_iter().enumerate() {
        let answer = match future.result(&mut Plain, Deadline::NEVER).expect("nobody cancels it") {
            Err(TaskError::WorkerDied(death)) => {
                deaths.push(death.to_string());
                pool.call("count_primes", format!("{below}, gently").as_bytes())
            }
            other => other,
        };
        counts.push(std::str::from_utf8(&answer?)?.parse()?);
    }
    Ok((counts, deaths))
}

/// Runs in a worker.
fn count_primes(input: &[u8]) -> Result<String, Error> {
    let text = std::str::from_utf8(input)?;
    let gently = text.strip_suffix(", gently");
    let below = gently.unwrap_or(text).parse()?;
    if below % 7 == 6 && gently.is_none() {
        primes(below / 2);
        Command::new("kill").args(["-9", &std::process::id().to_string()]).status()?;
    }
    Ok(primes(below).to_string())
}

fn primes(below: u32) -> usize {
    let is_prime =
        |number: &u32| (2..).take_while(|it| it * it <= *number).all(|it| !number.is_multiple_of(it));
    (2..below).filter(is_prime).count()
}

#[test]
fn as_a_worker() {
    enter();
}

#[test]
fn every_answer_comes_although_workers_die() {
    let pool = Pool::builder(&enter()).workers(2).command(|command| {
        command.args(["--exact", "as_a_worker"]).stdout(std::process::Stdio::null());
    });
    let (counts, deaths) = count_all(&pool.build().expect("processes"), 50).expect("answers");
    assert!(counts.into_iter().eq((0..50).map(|below| primes(below) as u32)));
    assert_eq!(deaths.len(), 7, "6, 13, 20, 27, 34, 41 and 48: {deaths:?}");
}
