//! The process pool where nothing goes wrong, and where the program itself ends it.
#![allow(clippy::unwrap_used, reason = "a test")]

mod pool_program;
mod watchdog;

use pool_program::{Gate, builder, early, enter, number, pool};
use ropewalk::future::{Failure, NoResult, Until, wait};
use ropewalk::process::{Answer, Functions, Pool, SubmitError, TaskError};
use ropewalk::{Deadline, Plain};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use watchdog::watched;

#[test]
fn as_a_worker() {
    early();
    println!("entered: {:?}", enter());
}

fn result(future: ropewalk::future::Future<Answer>) -> Answer {
    future.result(&mut Plain, Deadline::NEVER).expect("it was not cancelled")
}

fn join(pool: &Pool) {
    assert!(pool.join(&mut Plain, Deadline::NEVER).expect("no circle"));
}

#[test]
fn every_task_is_answered_with_its_own_result() {
    watched(|| {
        for workers in [1, 3] {
            let pool = pool(workers);
            let futures: Vec<_> =
                (0..2000u32).map(|task| pool.submit("echo", &task.to_le_bytes()).unwrap()).collect();
            wait(&futures, Until::AllSettled, &mut Plain, Deadline::NEVER).unwrap();
            for (task, future) in (0..2000).zip(futures) {
                assert_eq!(number(&result(future).unwrap()), task);
            }
            assert_eq!(pool.unfinished(), 0);
        }
    });
}

#[test]
fn inputs_and_results_may_be_large_or_empty() {
    watched(|| {
        let pool = pool(2);
        for len in [0, 1, 100_000, 9_000_000] {
            let input: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            assert_eq!(pool.call("echo", &input), Ok(input));
        }
    });
}

#[test]
fn threads_of_the_program_share_a_pool() {
    watched(|| {
        let pool = pool(2);
        std::thread::scope(|scope| {
            for thread in 0..4u32 {
                let pool = &pool;
                scope.spawn(move || {
                    for task in 0..200 {
                        let input = (thread << 16 | task).to_le_bytes();
                        assert_eq!(pool.call("echo", &input).unwrap(), input);
                    }
                });
            }
        });
    });
}

#[test]
fn a_function_that_the_program_has_not_is_refused_at_once() {
    watched(|| {
        let pool = pool(1);
        assert_eq!(pool.submit("ech", b"").unwrap_err(), SubmitError::NoSuchFunction("ech".to_owned()));
    });
}

#[test]
fn a_function_that_the_workers_have_not_is_an_error_of_the_task() {
    watched(|| {
        let program = Functions::new().with("only here", |_: &[u8]| Ok::<_, String>([])).enter();
        let pool = Pool::builder(&program).workers(1).command(pool_program::as_a_worker).build().unwrap();
        let error = pool.call("only here", b"").unwrap_err();
        assert!(error.to_string().contains("the same in every run"), "{error}");
    });
}

#[test]
fn a_task_can_be_cancelled_until_the_workers_have_it() {
    watched(|| {
        let (pool, gate) = (pool(1), Gate::new());
        let first = pool.submit("wait", &gate.input()).unwrap();
        gate.arrived();
        assert!(!first.cancel());
        let line: Vec<_> = (0..10).map(|_| pool.submit("echo", b"").unwrap()).collect();
        let last = pool.submit("echo", b"").unwrap();
        assert!(last.cancel());
        assert!(matches!(last.result(&mut Plain, Deadline::NOW), Err(NoResult::Failed(Failure::Cancelled))));
        gate.let_one_go();
        assert_eq!(result(first).unwrap(), b"go");
        for future in line {
            assert!(result(future).is_ok());
        }
        assert_eq!(pool.call("echo", b"on").unwrap(), b"on");
        assert_eq!(pool.unfinished(), 0);
    });
}

#[test]
fn submit_waits_while_too_many_are_unfinished() {
    watched(|| {
        let (pool, gate) = (builder(1).max_unfinished(2).build().unwrap(), Gate::new());
        let held = [(); 2].map(|()| pool.submit("wait", &gate.input()).unwrap());
        gate.arrived();
        std::thread::scope(|scope| {
            let (said, heard) = channel();
            let pool = &pool;
            scope.spawn(move || {
                let third = pool.submit("echo", b"third").unwrap();
                said.send(result(third)).unwrap();
            });
            assert!(heard.try_recv().is_err());
            gate.let_one_go();
            gate.let_one_go();
            assert_eq!(heard.recv().unwrap().unwrap(), b"third");
        });
        assert!(held.into_iter().all(|held| result(held).is_ok()));
    });
}

#[test]
fn a_callback_may_submit_the_next_task() {
    watched(|| {
        let pool = Arc::new(builder(1).max_unfinished(1).build().unwrap());
        let (said, heard) = channel();
        let again = Arc::clone(&pool);
        pool.submit("echo", b"first").unwrap().on_done(move || {
            for _ in 0..3 {
                let said = said.clone();
                again.submit("echo", b"next").unwrap().on_done(move || said.send(()).unwrap());
            }
        });
        for _ in 0..3 {
            heard.recv().unwrap();
        }
    });
}

#[test]
fn a_callback_that_panics_stops_nothing() {
    watched(|| {
        let pool = pool(1);
        let gate = Gate::new();
        let task = pool.submit("wait", &gate.input()).unwrap();
        task.on_done(|| panic!("in a callback, on purpose"));
        gate.let_one_go();
        assert_eq!(pool.call("echo", b"on").unwrap(), b"on");
    });
}

#[test]
fn a_callback_may_drop_the_pool() {
    watched(|| {
        let (pool, gate) = (pool(2), Gate::new());
        let (said, heard) = channel();
        let task = pool.submit("wait", &gate.input()).unwrap();
        let workers = pool.workers();
        task.on_done(move || {
            drop(pool);
            said.send(()).unwrap();
        });
        gate.let_one_go();
        heard.recv().unwrap();
        workers.into_iter().for_each(until_gone);
    });
}

/// Nothing of a child of ours is left, not even what waits to be waited for.
fn until_gone(pid: u32) {
    while is_there(pid) {
        std::thread::yield_now();
    }
}

fn is_there(pid: u32) -> bool {
    // Another process may have its number by now; it has another parent, unless it is a worker of another test.
    Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn after_a_shutdown_everything_is_done_and_nobody_is_left() {
    watched(|| {
        let pool = pool(2);
        let workers = pool.workers();
        let futures: Vec<_> =
            (0..500u32).map(|task| pool.submit("echo", &task.to_le_bytes()).unwrap()).collect();
        pool.shutdown();
        pool.shutdown();
        assert_eq!(pool.submit("echo", b"").unwrap_err(), SubmitError::ShutDown);
        join(&pool);
        assert!(futures.into_iter().all(|future| future.take().unwrap().unwrap().is_ok()));
        assert!(pool.workers().is_empty());
        assert!(!workers.into_iter().any(is_there));
    });
}

#[test]
fn a_shutdown_at_once_does_what_was_begun_and_nothing_else() {
    watched(|| {
        let (pool, gate) = (pool(1), Gate::new());
        let begun = pool.submit("wait", &gate.input()).unwrap();
        gate.arrived();
        let line: Vec<_> = (0..50).map(|_| pool.submit("echo", b"").unwrap()).collect();
        pool.shutdown_now();
        assert!(!pool.join(&mut Plain, Deadline::NOW).unwrap());
        gate.let_one_go();
        join(&pool);
        assert_eq!(result(begun).unwrap(), b"go");
        let answers: Vec<_> = line.into_iter().map(result).collect();
        assert!(answers.iter().all(|it| matches!(it, Ok(_) | Err(TaskError::Abandoned))));
        assert_eq!(answers.last(), Some(&Err(TaskError::Abandoned)));
    });
}

#[test]
fn a_kill_ends_tasks_that_would_never_end() {
    watched(|| {
        let (pool, gate) = (pool(2), Gate::new());
        let tasks: Vec<_> = (0..5).map(|_| pool.submit("wait", &gate.input()).unwrap()).collect();
        let busy = [gate.arrived(), gate.arrived()];
        pool.kill();
        assert!(tasks.into_iter().all(|task| result(task) == Err(TaskError::Abandoned)));
        join(&pool);
        assert!(!busy.into_iter().any(is_there));
        assert_eq!(pool.submit("echo", b"").unwrap_err(), SubmitError::ShutDown);
    });
}

#[test]
fn a_kill_ends_a_call_of_a_thread_that_reads_its_answers_itself() {
    watched(|| {
        let (pool, gate) = (pool(1), Gate::new());
        std::thread::scope(|scope| {
            let caller = scope.spawn(|| {
                for call in 0..50u8 {
                    assert_eq!(pool.call("echo", &[call]).unwrap(), [call]);
                }
                pool.call("wait", &gate.input())
            });
            gate.arrived();
            pool.kill();
            assert_eq!(caller.join().unwrap(), Err(TaskError::Abandoned));
        });
        join(&pool);
    });
}

#[test]
fn a_drop_ends_tasks_that_would_never_end() {
    watched(|| {
        let (pool, gate) = (pool(2), Gate::new());
        let tasks: Vec<_> = (0..5).map(|_| pool.submit("wait", &gate.input()).unwrap()).collect();
        let busy = [gate.arrived(), gate.arrived()];
        drop(pool);
        assert!(!busy.into_iter().any(is_there));
        assert!(tasks.into_iter().all(|task| result(task) == Err(TaskError::Abandoned)));
    });
}

#[test]
fn a_drop_right_after_the_start_ends_all() {
    watched(|| {
        for workers in [1, 4] {
            let pool = pool(workers);
            let pids = pool.workers();
            drop(pool);
            assert!(!pids.into_iter().any(is_there));
        }
    });
}

#[test]
fn what_a_task_starts_inherits_nothing_of_the_pool() {
    watched(|| {
        let by_a_task = pool(1).call("open files", b"").unwrap();
        let by_the_program = pool_program::open_files(b"").unwrap();
        let numbers = |listing: Vec<u8>| -> Vec<String> {
            let listing = String::from_utf8(listing).unwrap();
            assert!(!listing.contains("memfd"), "{listing}");
            let files = listing.lines().filter_map(|line| line.split_once(" -> "));
            files.map(|(file, _)| file.rsplit(' ').next().unwrap().to_owned()).collect()
        };
        assert_eq!(numbers(by_a_task), numbers(by_the_program));
    });
}

#[test]
fn a_program_that_a_task_starts_is_no_worker_even_if_it_is_this_one() {
    watched(|| {
        let printed = pool(1).call("this program", b"").unwrap();
        let printed = String::from_utf8(printed).unwrap();
        assert!(printed.contains("entered: Program") && printed.contains("pool of its own"), "{printed}");
    });
}

#[test]
fn a_task_may_have_a_pool_of_its_own() {
    watched(|| {
        assert_eq!(pool(1).call("pool of its own", b"rope").unwrap(), b"rope\x01");
    });
}

#[test]
fn a_worker_is_called_as_its_program_is() {
    watched(|| {
        let pool = pool(1);
        pool.call("echo", b"").unwrap();
        let name = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
        assert_eq!(name(pool.workers()[0]), name(std::process::id()));
    });
}
