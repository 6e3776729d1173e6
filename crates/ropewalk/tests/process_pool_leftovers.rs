//! Alone in its process, so that what is there before and after can be compared.

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

/// Descriptors, threads, and children, of which those that nobody has waited for are some.
fn belongings() -> (usize, usize, String, Vec<PathBuf>) {
    let children = names("/proc/self/task")
        .into_iter()
        .map(|thread| std::fs::read_to_string(thread.join("children")).unwrap_or_default());
    (names("/proc/self/fd").len(), names("/proc/self/task").len(), children.collect(), names("/dev/shm"))
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
        drop(pool(1)); // the lifeline's pipe is made once, and stays
        let before = belongings();
        for round in 0..10 {
            let pool = pool(2);
            if round % 2 == 0 {
                use_it(&pool);
            }
            if round % 3 == 0 {
                pool.shutdown();
                assert!(pool.join(&mut Plain, Deadline::NEVER).unwrap());
            }
            drop(pool);
            assert_eq!(belongings(), before, "round {round}");
        }
    });
}
