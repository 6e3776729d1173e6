//! Processes that count together and kill themselves with `kill -9`, lock in hand, and a sum that is right all the same.
//!
//!     cargo run --release --example counter_in_danger -- [processes]
//!
//! Each process is this program again. It takes a lock, adds one to a number in a file, and lets go; every third of them
//! kills itself instead of letting go. Whoever waits for its lock takes it over and is told so. The number is replaced in one
//! step, so there is nothing to mend.

use ropewalk::process::{Event, Lock, Passed, Taken};
use ropewalk::{Deadline, Plain};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

const PLACES: &str = "COUNTER_IN_DANGER";

fn main() {
    if let Some(places) = std::env::var_os(PLACES) {
        return work(&places.into_string().expect("we wrote it"));
    }
    let processes = std::env::args().nth(1).map_or(12, |text| text.parse().expect("a number of processes"));
    let (sum, taken_over) = count(processes);
    println!("{processes} processes counted to {sum}; a killed one's lock was taken over {taken_over} times");
}

/// The sum, and how often a lock was taken over.
fn count(processes: usize) -> (u64, u64) {
    let lock = Lock::new().expect("memory");
    let go = Event::new().expect("memory");
    let file = std::env::temp_dir().join(format!("counter-{}", std::process::id()));
    write(&file, 0, 0);
    let children: Vec<Child> = (0..processes).map(|number| worker(number, &lock, &go, &file)).collect();
    go.set();
    for mut child in children {
        child.wait().expect("ours");
    }
    let numbers = read(&file);
    std::fs::remove_file(&file).expect("ours");
    numbers
}

/// This program, as one that counts: it is told where everything is.
fn worker(number: usize, lock: &Lock, go: &Event, file: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("it runs"));
    let places = [lock.place(), go.place(), file.into()].map(|place| place.display().to_string());
    command.env(PLACES, format!("{number}\n{}", places.join("\n")));
    if cfg!(test) {
        command.args(["--exact", "as_a_worker"]).stdout(std::process::Stdio::null());
    }
    command.spawn().expect("this program, once more")
}

fn work(places: &str) {
    let places: Vec<&str> = places.lines().collect();
    let number: usize = places[0].parse().expect("we wrote it");
    let lock = Lock::open(places[1].as_ref()).expect("the parent lives");
    let go = Event::open(places[2].as_ref()).expect("the parent lives");
    let file = PathBuf::from(places[3]);

    let Ok(_) = go.wait(&mut Plain, Deadline::NEVER);
    let Ok(taken) = lock.acquire(&mut Plain, Deadline::NEVER);
    let (sum, taken_over) = read(&file);
    let more = u64::from(matches!(taken, Some(Taken::FromTheDead(_))));
    write(&file, sum + 1, taken_over + more);
    if number % 3 == 2 {
        let me = std::process::id().to_string();
        Command::new("kill").args(["-9", &me]).status().expect("kill");
    }
    lock.release();
}

fn read(file: &Path) -> (u64, u64) {
    let text = std::fs::read_to_string(file).expect("it is there");
    let (sum, taken_over) = text.trim().split_once(' ').expect("two numbers");
    (sum.parse().expect("a number"), taken_over.parse().expect("a number"))
}

/// A new file in the place of the old one, in one step.
fn write(file: &Path, sum: u64, taken_over: u64) {
    let new = file.with_extension("new");
    std::fs::write(&new, format!("{sum} {taken_over}\n")).expect("room");
    std::fs::rename(new, file).expect("it is there");
}

#[test]
fn as_a_worker() {
    if let Some(places) = std::env::var_os(PLACES) {
        work(&places.into_string().expect("we wrote it"));
    }
}

#[test]
fn the_sum_is_right_although_processes_die_with_the_lock() {
    let (sum, taken_over) = count(9);
    assert_eq!(sum, 9);
    // The last one killed may have been the last of all: nobody takes its lock over.
    assert!((2..=3).contains(&taken_over), "{taken_over}");
}
