//! Tasks for worker processes: the pool beside the same workers at the ends of std's pipes, without any pool.

use crate::process::{receive, send};
use divan::Bencher;
use divan::counter::ItemsCount;
use ropewalk::process::{Functions, Pool, Program};
use ropewalk::{Deadline, Plain};
use std::io::BufReader;
use std::process::{Command, Stdio};

const PIPED: &str = "ROPEWALK_BENCH_PIPED";
const TASKS: usize = 5000;
const SIZES: [usize; 3] = [8, 10_000, 1_000_000];

fn work(input: &[u8]) -> Result<Vec<u8>, String> {
    Ok(divan::black_box(input).to_vec())
}

/// Becomes a worker of either kind, if this process was started as one.
pub fn enter() {
    Functions::new().with("work", work).enter();
    if std::env::var_os(PIPED).is_some() {
        let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
        let mut task = Vec::new();
        while receive(&mut input, &mut task).is_ok() {
            send(&mut output, &work(&task).unwrap());
        }
        std::process::exit(0);
    }
}

fn pool(workers: usize) -> Pool {
    Pool::new(&Program::current().unwrap(), workers).unwrap()
}

#[divan::bench_group(sample_count = 20, sample_size = 1)]
mod submit_5000_and_wait {
    use super::*;

    #[divan::bench(args = [1, 2])]
    fn ropewalk_process_pool(bencher: Bencher<'_, '_>, workers: usize) {
        let pool = pool(workers);
        bencher.counter(ItemsCount::new(TASKS)).bench_local(|| {
            let tasks: Vec<_> =
                (0..TASKS).map(|task| pool.submit("work", &task.to_le_bytes()).unwrap()).collect();
            for task in tasks {
                task.result(&mut Plain, Deadline::NEVER).unwrap().unwrap();
            }
        });
    }
}

#[divan::bench_group(sample_count = 1000, sample_size = 1)]
mod task_round_trip {
    use super::*;

    #[divan::bench(args = SIZES)]
    fn ropewalk_process_pool(bencher: Bencher<'_, '_>, size: usize) {
        let (pool, input) = (pool(1), vec![7; size]);
        bencher.bench_local(|| pool.call("work", &input).unwrap());
    }

    #[divan::bench(args = SIZES)]
    fn std_pipes_without_a_pool(bencher: Bencher<'_, '_>, size: usize) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(PIPED, "1").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut worker = command.spawn().unwrap();
        let mut there = worker.stdin.take().unwrap();
        let mut back = BufReader::new(worker.stdout.take().unwrap());
        let (input, mut answer) = (vec![7; size], Vec::new());
        bencher.bench_local(|| {
            send(&mut there, &input);
            receive(&mut back, &mut answer).unwrap();
        });
        drop(there);
        worker.wait().unwrap();
    }
}
