//! Alone in its process, so that what is there before and after can be compared.
#![allow(clippy::unwrap_used, reason = "a test")]

mod pool_program;
mod watchdog;

use pool_program::{early, enter, pool};
use ropewalk::process::{Pool, TaskError};
use ropewalk::{Deadline, Plain};
use std::path::PathBuf;

#[test]
fn as_a_worker() {
    early();
    enter();
}

fn names(folder: &str) -> Vec<PathBuf> {
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names
}

/// Descriptors, and children, of which those that nobody has waited for are some.
fn belongings() -> (Vec<PathBuf>, String) {
    let children = names("/proc/self/task").into_iter();
    let children = children.map(|thread| std::fs::read_to_string(thread.join("children")));
    (names("/proc/self/fd"), children.map(Result::unwrap_or_default).collect())
}

fn has_a_thread_of_a_pool() -> bool {
    let threads = names("/proc/self/task").into_iter();
    let mut called = threads.map(|thread| std::fs::read_to_string(thread.join("comm")).unwrap_or_default());
    called.any(|name| name.starts_with("worker ") || name.starts_with("ropewalk-pool"))
}

fn use_it(pool: &Pool) {
    for _ in 0..100 {
        pool.submit("echo", b"rope").unwrap();
    }
    assert!(matches!(pool.call("end", b"kill"), Err(TaskError::WorkerDied(_))));
    assert_eq!(pool.call("echo", b"rope").unwrap(), b"rope");
}

#[test]
fn of_a_pool_nothing_is_left() {
    watchdog::watched(|| {
        // What is made once, and stays: the pipe of the line, and the board on which waits are told.
        drop(ropewalk_os::lifeline::lease().unwrap());
        drop(ropewalk::wait_graph::Joining::begin(std::process::id()).ok());
        let before = belongings();
        for round in 0..10 {
            let pool = pool(2);
            while !has_a_thread_of_a_pool() {
                std::thread::yield_now(); // it takes its name when it runs
            }
            if round % 2 == 0 {
                use_it(&pool);
            }
            if round % 3 == 0 {
                pool.shutdown();
                assert!(pool.join(&mut Plain, Deadline::NEVER).unwrap());
            }
            drop(pool);
            assert_eq!(belongings(), before, "round {round}");
            while has_a_thread_of_a_pool() {
                std::thread::yield_now(); // one is listed for a moment after it was joined
            }
        }
    });
}
