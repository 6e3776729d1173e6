//! What the workers of the pools under test can do, and how a test's program becomes one.
#![allow(dead_code, reason = "each test file uses its part")]

use ropewalk::process::{Functions, Pool, PoolBuilder, Program, Queue};
use ropewalk::{Deadline, Plain};
use std::error::Error;
use std::process::{Command, Stdio, abort, exit};

/// Set for a worker that shall meet its end before it has begun: how.
pub const EARLY: &str = "ROPEWALK_TEST_EARLY";

pub type Outcome = Result<Vec<u8>, Box<dyn Error + Send + Sync>>;

/// This program, or a worker of it. A test called `as_a_worker` calls it.
pub fn enter() -> Program {
    Functions::new()
        .with("echo", |input: &[u8]| Ok::<_, String>(input.to_vec()))
        .with("pid", |_: &[u8]| Ok::<_, String>(std::process::id().to_le_bytes()))
        .with("end", |how: &[u8]| end(std::str::from_utf8(how)?))
        .with("wait", wait)
        .with("open files", open_files)
        .with("this program", this_program)
        .with("pool of its own", pool_of_its_own)
        .enter()
}

/// A pool of this test's program.
pub fn builder(workers: usize) -> PoolBuilder {
    Pool::builder(&enter()).workers(workers).command(as_a_worker)
}

pub fn pool(workers: usize) -> Pool {
    builder(workers).build().expect("processes")
}

pub fn as_a_worker(command: &mut Command) {
    command.args(["--exact", "as_a_worker", "--nocapture"]).stdout(Stdio::null()).stderr(Stdio::null());
}

/// What a worker's test does before it enters.
pub fn early() {
    let Ok(how) = std::env::var(EARLY) else { return };
    match how.strip_prefix("orphan of ") {
        Some(parent) => {
            let parent: u32 = parent.parse().expect("its number");
            while std::os::unix::process::parent_id() == parent {
                std::thread::yield_now();
            }
        }
        None => drop(end(&how)),
    }
}

/// Ends this process, or the calling task, in the way that is named.
pub fn end(how: &str) -> Outcome {
    match how {
        "kill" => kill(std::process::id(), "KILL"),
        "term" => kill(std::process::id(), "TERM"),
        "abort" => abort(),
        "exit 0" => exit(0),
        "exit 3" => exit(3),
        "overrun" => drop(overrun(&[0; 4096])),
        "panic" => panic!("at the end"),
        "fail" => return Err("it failed".into()),
        _ => {}
    }
    Ok(b"not ended".to_vec())
}

fn overrun(before: &[u8; 4096]) -> u8 {
    let mut here = *before;
    if here[0] == 1 {
        return 0; // never, but nobody knows
    }
    here[7] = here[7].wrapping_add(1);
    std::hint::black_box(overrun(std::hint::black_box(&here))) ^ here[7]
}

pub fn kill(pid: u32, signal: &str) {
    let mut command = Command::new("kill");
    command.args(["-s", signal, &pid.to_string()]).stderr(Stdio::null()).status().expect("kill(1)");
    if pid == std::process::id() {
        loop {
            std::thread::park();
        }
    }
}

/// Says in a queue of the test that it has begun, and goes on when the test says so.
fn wait(places: &[u8]) -> Outcome {
    let (begun, go) = std::str::from_utf8(places)?.split_once(' ').ok_or("two places")?;
    let (begun, go) = (Queue::open(begun.as_ref())?, Queue::open(go.as_ref())?);
    begun
        .push(&std::process::id().to_le_bytes(), &mut Plain, Deadline::NEVER)
        .map_err(|it| it.to_string())?;
    Ok(go.pop(&mut Plain, Deadline::NEVER).map_err(|it| it.to_string())?)
}

/// The end of a test by which it holds tasks, and lets them go.
pub struct Gate {
    begun: Queue,
    go: Queue,
}

impl Gate {
    pub fn new() -> Gate {
        Gate { begun: Queue::unbounded().expect("memory"), go: Queue::unbounded().expect("memory") }
    }

    /// The input of a task that waits here.
    pub fn input(&self) -> Vec<u8> {
        format!("{} {}", self.begun.place().display(), self.go.place().display()).into_bytes()
    }

    /// Waits until one more task is there; its process.
    pub fn arrived(&self) -> u32 {
        number(&self.begun.pop(&mut Plain, Deadline::NEVER).expect("whole"))
    }

    pub fn let_one_go(&self) {
        self.go.try_push(b"go").expect("whole");
    }
}

pub fn number(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes.try_into().expect("four bytes"))
}

/// The files that a program started by a task has open.
pub fn open_files(_: &[u8]) -> Outcome {
    Ok(Command::new("ls").args(["-l", "/proc/self/fd"]).output()?.stdout)
}

/// What this program does if a task starts it: no worker's work.
fn this_program(_: &[u8]) -> Outcome {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--exact", "as_a_worker", "--nocapture"]).stdin(Stdio::null());
    Ok(command.output()?.stdout)
}

fn pool_of_its_own(input: &[u8]) -> Outcome {
    let pool =
        Pool::builder(&Program::current().ok_or("entered")?).workers(1).command(as_a_worker).build()?;
    let killed = pool.call("end", b"kill").is_err();
    Ok([pool.call("echo", input)?, vec![u8::from(killed)]].concat())
}
