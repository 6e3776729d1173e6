//! Records to another process and an answer back: the shared-memory queue beside the pipes of std.
//!
//! The other process is this program again. It answers every so many records with the last of them: every one for a
//! conversation, every [`STREAM`] for a stream.

use divan::Bencher;
use divan::counter::ItemsCount;
use ropewalk::process::Queue;
use ropewalk::{Deadline, Plain};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

const KIND: &str = "ROPEWALK_BENCH_KIND";
const EVERY: &str = "ROPEWALK_BENCH_EVERY";
const THERE: &str = "ROPEWALK_BENCH_THERE";
const BACK: &str = "ROPEWALK_BENCH_BACK";

const STREAM: usize = 5000;
const SIZES: [usize; 4] = [8, 200, 10_000, 65_536];
const LARGE: [usize; 3] = [64 << 10, 1 << 20, 8 << 20];
/// Bytes of a stream of large records.
const LARGE_STREAM: usize = 256 << 20;

/// Does what a bench that started this process asks for; says whether one did.
pub fn was_started_by_a_bench() -> bool {
    let told = |name| std::env::var_os(name);
    let Some(kind) = told(KIND) else { return false };
    let every: usize = told(EVERY).unwrap().to_str().unwrap().parse().unwrap();
    if kind == "queue" {
        let there = Queue::open(told(THERE).unwrap().as_ref()).unwrap();
        let back = Queue::open(told(BACK).unwrap().as_ref()).unwrap();
        let mut record = Vec::new();
        for count in 1_usize.. {
            if there.pop_into(&mut record, &mut Plain, Deadline::NEVER).is_err() {
                break;
            }
            if count.is_multiple_of(every) {
                back.push(&record[..record.len().min(8)], &mut Plain, Deadline::NEVER).unwrap();
            }
        }
    } else if kind == "loans" {
        let there = Queue::open(told(THERE).unwrap().as_ref()).unwrap();
        let back = Queue::open(told(BACK).unwrap().as_ref()).unwrap();
        let (mut body, mut loans) = (Vec::new(), Vec::new());
        for count in 1_usize.. {
            if there.pop_parts(&mut body, &mut loans, &mut Plain, Deadline::NEVER).is_err() {
                break;
            }
            // What is received is looked at, a word in each page.
            std::hint::black_box(loans[0].iter().step_by(4096).fold(0_u8, |sum, byte| sum ^ byte));
            loans.clear();
            if count.is_multiple_of(every) {
                back.push(b"answer", &mut Plain, Deadline::NEVER).unwrap();
            }
        }
    } else {
        let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
        let mut record = Vec::new();
        for count in 1_usize.. {
            if receive(&mut input, &mut record).is_err() {
                break;
            }
            if count.is_multiple_of(every) {
                send(&mut output, &record);
            }
        }
    }
    true
}

/// A record as a pipe carries it: its length, then its bytes, in one write.
pub fn send(pipe: &mut impl Write, record: &[u8]) {
    let mut message = Vec::with_capacity(4 + record.len());
    message.extend((record.len() as u32).to_le_bytes());
    message.extend(record);
    pipe.write_all(&message).unwrap();
    pipe.flush().unwrap();
}

/// Buffered where the pipe's end is: for std's stdin it is, for the child's stdout [`Pipes`] sees to it.
pub fn receive(pipe: &mut impl Read, into: &mut Vec<u8>) -> std::io::Result<()> {
    let mut len = [0; 4];
    pipe.read_exact(&mut len)?;
    into.resize(u32::from_le_bytes(len) as usize, 0);
    pipe.read_exact(into)
}

fn another(kind: &str, every: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(KIND, kind).env(EVERY, every.to_string());
    command
}

fn queues(bencher: Bencher<'_, '_>, size: usize, every: usize) {
    let (there, back) = (Queue::unbounded().unwrap(), Queue::unbounded().unwrap());
    let mut command = another("queue", every);
    let mut child = command.env(THERE, there.place()).env(BACK, back.place()).spawn().unwrap();
    let record = vec![7; size];
    let mut answer = Vec::new();
    bencher.counter(ItemsCount::new(every)).bench_local(|| {
        for _ in 0..every {
            there.push(&record, &mut Plain, Deadline::NEVER).unwrap();
        }
        back.pop_into(&mut answer, &mut Plain, Deadline::NEVER).unwrap();
    });
    there.shutdown().unwrap();
    child.wait().unwrap();
}

fn pipes(bencher: Bencher<'_, '_>, size: usize, every: usize) {
    let mut child: Child =
        another("pipe", every).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut there = child.stdin.take().unwrap();
    let mut back = std::io::BufReader::new(child.stdout.take().unwrap());
    let record = vec![7; size];
    let mut answer = Vec::new();
    bencher.counter(ItemsCount::new(every)).bench_local(|| {
        for _ in 0..every {
            send(&mut there, &record);
        }
        receive(&mut back, &mut answer).unwrap();
    });
    drop(there);
    child.wait().unwrap();
}

#[divan::bench_group(sample_count = 20, sample_size = 1)]
mod stream {
    use super::*;

    #[divan::bench(args = SIZES)]
    fn ropewalk_process_queue(bencher: Bencher<'_, '_>, size: usize) {
        queues(bencher, size, STREAM);
    }

    #[divan::bench(args = SIZES)]
    fn std_pipe(bencher: Bencher<'_, '_>, size: usize) {
        pipes(bencher, size, STREAM);
    }
}

fn loans(bencher: Bencher<'_, '_>, size: usize, every: usize) {
    let (there, back) = (Queue::unbounded().unwrap(), Queue::unbounded().unwrap());
    let mut command = another("loans", every);
    let mut child = command.env(THERE, there.place()).env(BACK, back.place()).spawn().unwrap();
    let record = vec![7; size];
    let mut answer = Vec::new();
    bencher.counter(ItemsCount::new(every)).bench_local(|| {
        for _ in 0..every {
            there.push_parts(b"", &[&record], &mut Plain, Deadline::NEVER).unwrap();
        }
        back.pop_into(&mut answer, &mut Plain, Deadline::NEVER).unwrap();
    });
    there.shutdown().unwrap();
    child.wait().unwrap();
}

#[divan::bench_group(sample_count = 20, sample_size = 1)]
mod large {
    use super::*;

    #[divan::bench(args = LARGE)]
    fn ropewalk_process_queue(bencher: Bencher<'_, '_>, size: usize) {
        queues(bencher, size, LARGE_STREAM / size);
    }

    #[divan::bench(args = LARGE)]
    fn ropewalk_process_queue_on_loan(bencher: Bencher<'_, '_>, size: usize) {
        loans(bencher, size, LARGE_STREAM / size);
    }

    #[divan::bench(args = LARGE)]
    fn std_pipe(bencher: Bencher<'_, '_>, size: usize) {
        pipes(bencher, size, LARGE_STREAM / size);
    }
}

#[divan::bench_group(sample_count = 2000, sample_size = 1)]
mod conversation {
    use super::*;

    #[divan::bench(args = SIZES)]
    fn ropewalk_process_queue(bencher: Bencher<'_, '_>, size: usize) {
        queues(bencher, size, 1);
    }

    #[divan::bench(args = SIZES)]
    fn std_pipe(bencher: Bencher<'_, '_>, size: usize) {
        pipes(bencher, size, 1);
    }
}

#[divan::bench_group(sample_count = 200)]
mod one_process {
    use super::*;

    #[divan::bench(args = SIZES)]
    fn ropewalk_process_queue(bencher: Bencher<'_, '_>, size: usize) {
        let queue = Queue::unbounded().unwrap();
        let record = vec![7; size];
        let mut answer = Vec::new();
        bencher.bench_local(|| {
            queue.try_push(&record).unwrap();
            queue.pop_into(&mut answer, &mut Plain, Deadline::NOW).unwrap();
        });
    }

    #[divan::bench]
    fn create(bencher: Bencher<'_, '_>) {
        bencher.bench_local(|| Queue::unbounded().unwrap());
    }
}
