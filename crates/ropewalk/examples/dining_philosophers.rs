//! Five philosophers, five forks, and a table at which nobody starves.
//!
//! Each takes the fork on the left, then the one on the right. Sooner or later all five hold their left fork and
//! wait for ever; so the last one to ask is refused, puts the fork down and tries again.
//!
//!     cargo run --release --example dining_philosophers -- [meals]

use ropewalk::Deadline;
use ropewalk::sync::{Mutex, NotLocked};
use ropewalk::wait_graph::Cycle;
use std::thread;
use std::time::Instant;

const NAMES: [&str; 5] = ["Aristotle", "Confucius", "Hypatia", "Kant", "Zhuangzi"];

/// A fork, and how often it was eaten with.
type Fork = Mutex<usize>;

fn main() {
    let meals = std::env::args().nth(1).map_or(1_000, |text| text.parse().expect("a number of meals"));
    let begin = Instant::now();
    let (forks, refusals) = feast(meals);
    for (name, fork) in NAMES.iter().zip(forks) {
        println!("the fork on the left of {name} was used {fork} times");
    }
    if let Some(cycle) = refusals.first() {
        println!("\nThe first of {} deadlocks:\n{cycle}", refusals.len());
    }
    println!("All ate, in {:.2} s", begin.elapsed().as_secs_f64());
}

/// All eat `meals` times. How often each fork was used, and the circles that were refused.
fn feast(meals: usize) -> (Vec<usize>, Vec<Cycle>) {
    let forks: [Fork; 5] = Default::default();
    let refusals = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for place in 0..5 {
            let (left, right, refusals) = (&forks[place], &forks[(place + 1) % 5], &refusals);
            scope.spawn(move || {
                let mut eaten = 0;
                while eaten < meals {
                    match dine(left, right) {
                        Ok(()) => eaten += 1,
                        Err(NotLocked::Deadlock(cycle)) => refusals.lock().push(*cycle),
                        Err(NotLocked::TimedOut) => unreachable!("they wait as long as it takes"),
                    }
                }
            });
        }
    });
    (forks.map(Mutex::into_inner).to_vec(), refusals.into_inner())
}

/// One meal. If the second fork would close the circle, the first is put down again.
fn dine(left: &Fork, right: &Fork) -> Result<(), NotLocked> {
    let mut left = left.lock_until(Deadline::NEVER)?;
    thread::yield_now(); // a thought, which makes the circle likely
    let mut right = right.lock_until(Deadline::NEVER)?;
    *left += 1;
    *right += 1;
    Ok(())
}

#[test]
fn all_eat_and_every_refused_circle_was_certain() {
    let (forks, refusals) = feast(200);
    assert_eq!(forks, [400; 5]);
    assert!(refusals.iter().all(|cycle| cycle.is_certain() && (2..=5).contains(&cycle.waits().len())));
}
