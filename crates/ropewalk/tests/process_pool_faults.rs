//! Workers that end in every way at every moment, and a program that is killed: what the survivors see.
#![allow(clippy::unwrap_used, reason = "a test")]

mod pool_program;
mod watchdog;

use pool_program::{EARLY, Gate, as_a_worker as worker_of_a_test, builder, early, enter, kill, pool};
use ropewalk::future::Future;
use ropewalk::process::{Answer, Identity, Pool, SubmitError, TaskError, WorkerDied};
use ropewalk::{Deadline, Plain};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use watchdog::{Random, watched};

const PARENT: &str = "ROPEWALK_TEST_PARENT";

#[test]
fn as_a_worker() {
    early();
    enter();
}

fn result(future: Future<Answer>) -> Answer {
    future.result(&mut Plain, Deadline::NEVER).expect("it was not cancelled")
}

fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        std::thread::yield_now();
    }
}

/// What the faults that end a process look like from outside: signal and exit code.
const FATAL: [(&str, Option<i32>, Option<i32>); 5] = [
    ("kill", Some(9), None),
    ("term", Some(15), None),
    ("abort", Some(6), None),
    ("exit 0", None, Some(0)),
    ("exit 3", None, Some(3)),
];

/// The pool has all its workers, and they work.
fn is_whole(pool: &Pool, workers: usize) {
    until(|| pool.workers().len() == workers);
    let gate = Gate::new();
    let tasks: Vec<_> = (0..workers).map(|_| pool.submit("wait", &gate.input()).unwrap()).collect();
    let mut busy: Vec<_> = (0..workers).map(|_| gate.arrived()).collect();
    busy.sort_unstable();
    until(|| pool.workers() == busy); // a worker may be at work before its start has returned
    for task in tasks {
        gate.let_one_go();
        drop(task);
    }
}

fn death(answer: Answer) -> WorkerDied {
    match answer {
        Err(TaskError::WorkerDied(death)) => death,
        other => panic!("a death was expected, not {other:?}"),
    }
}

#[test]
fn amid_a_task_it_costs_that_task_and_no_other() {
    watched(|| {
        for workers in [1, 2] {
            let pool = pool(workers);
            for (fault, signal, code) in FATAL {
                let submit = |function, input: &[u8]| pool.submit(function, input).unwrap();
                let mut others: Vec<_> = (0..20u8).map(|task| submit("echo", &[task])).collect();
                let guilty = submit("end", fault.as_bytes());
                others.extend((20..40u8).map(|task| submit("echo", &[task])));
                let death = death(result(guilty));
                assert_eq!((death.signal(), death.code()), (signal, code), "{fault}");
                assert_eq!((&*death.function, &*death.input), ("end", fault.as_bytes()));
                assert!(death.to_string().contains("while doing end(b\""), "{death}");
                for (task, other) in (0..40).zip(others) {
                    assert_eq!(result(other), Ok(vec![task]), "{fault}");
                }
                is_whole(&pool, workers);
            }
        }
    });
}

#[test]
fn a_stack_that_is_overrun_costs_that_task_and_no_other() {
    watched(|| {
        let pool = pool(1);
        let guilty = pool.submit("end", b"overrun").unwrap();
        let other = pool.submit("echo", b"other").unwrap();
        assert!(death(result(guilty)).signal().is_some());
        assert_eq!(result(other).unwrap(), b"other");
    });
}

#[test]
fn what_a_task_does_to_itself_leaves_its_worker_alone() {
    watched(|| {
        let pool = pool(1);
        let before = pool.call("pid", b"").unwrap();
        match pool.call("end", b"panic") {
            Err(TaskError::Panicked { function, message, place }) => {
                assert_eq!((&*function, &*message), ("end", "at the end"));
                assert!(place.contains("pool_program"), "{place}");
            }
            other => panic!("{other:?}"),
        }
        let failed = TaskError::Failed { function: "end".into(), message: "it failed".to_owned() };
        assert_eq!(pool.call("end", b"fail"), Err(failed));
        assert_eq!(pool.call("pid", b"").unwrap(), before);
    });
}

#[test]
fn killed_while_idle_it_costs_nothing() {
    watched(|| {
        for workers in [1, 3] {
            let pool = pool(workers);
            is_whole(&pool, workers);
            for signal in ["KILL", "TERM", "ABRT"] {
                for victim in pool.workers() {
                    kill(victim, signal);
                    until(|| !pool.workers().contains(&victim));
                }
                assert_eq!(pool.call("echo", b"on").unwrap(), b"on");
                is_whole(&pool, workers);
            }
        }
    });
}

#[test]
fn all_killed_at_once_while_idle_are_all_replaced() {
    watched(|| {
        let pool = pool(3);
        is_whole(&pool, 3);
        let victims = pool.workers();
        victims.iter().for_each(|&victim| kill(victim, "KILL"));
        until(|| !pool.workers().iter().any(|pid| victims.contains(pid)));
        is_whole(&pool, 3);
    });
}

#[test]
fn killed_from_outside_amid_a_task_it_costs_that_task() {
    watched(|| {
        let (pool, gate) = (pool(2), Gate::new());
        let tasks = [(); 2].map(|()| pool.submit("wait", &gate.input()).unwrap());
        let victim = gate.arrived();
        gate.arrived();
        kill(victim, "KILL");
        until(|| tasks.iter().any(Future::is_done));
        gate.let_one_go();
        let answers = tasks.map(result);
        let (dead, alive): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_err);
        assert_eq!((dead.len(), alive), (1, vec![Ok(b"go".to_vec())]));
        for dead in dead {
            assert_eq!(death(dead).pid, victim);
        }
        is_whole(&pool, 2);
    });
}

#[test]
fn killed_right_after_its_result_it_costs_at_most_the_next_task() {
    watched(|| {
        let pool = pool(1);
        for _ in 0..10 {
            let first = pool.submit("pid", b"").unwrap();
            let others: Vec<_> = (0..20u8).map(|task| pool.submit("echo", &[task]).unwrap()).collect();
            let victim = pool_program::number(&result(first).unwrap());
            kill(victim, "KILL");
            let mut lost = 0;
            for (task, other) in (0..20).zip(others) {
                match result(other) {
                    Ok(answer) => assert_eq!(answer, [task]),
                    Err(TaskError::WorkerDied(death)) => {
                        assert_eq!((death.pid, death.signal()), (victim, Some(9)));
                        assert_eq!(death.input, [task]);
                        lost += 1;
                    }
                    Err(other) => panic!("{other}"),
                }
            }
            assert!(lost <= 1);
            until(|| !pool.workers().contains(&victim));
        }
        is_whole(&pool, 1);
    });
}

/// Such a thread reads its answers itself.
#[test]
fn killed_under_a_thread_that_calls_again_and_again_it_costs_that_call() {
    watched(|| {
        let pool = pool(1);
        for call in 0..200u8 {
            match call % 20 {
                10 => kill(pool.workers().first().copied().unwrap_or(u32::MAX >> 1), "KILL"),
                15 => assert_eq!(death(pool.call("end", b"kill")).signal(), Some(9)),
                _ => {}
            }
            match pool.call("echo", &[call]) {
                Ok(answer) => assert_eq!(answer, [call]),
                other => assert_eq!((death(other).input, call % 20), (vec![call], 10)),
            }
        }
    });
}

#[test]
fn killed_at_its_start_it_is_replaced() {
    watched(|| {
        for fault in ["kill", "term", "abort"] {
            let started = AtomicUsize::new(0);
            let some_fail = move |command: &mut Command| {
                worker_of_a_test(command);
                if started.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
                    command.env(EARLY, fault);
                }
            };
            let pool = builder(2).command(some_fail).build().unwrap();
            let tasks: Vec<_> = (0..20u8).map(|task| pool.submit("echo", &[task]).unwrap()).collect();
            for (task, answer) in (0..20).zip(tasks) {
                assert_eq!(result(answer), Ok(vec![task]));
            }
            is_whole(&pool, 2);
        }
    });
}

#[test]
fn if_no_worker_ever_begins_the_pool_is_broken_and_says_why() {
    watched(|| {
        for (fault, words) in [
            ("kill", "was killed by SIGKILL before it had begun"),
            ("exit 0", "ended with exit code 0 before it had begun: is Functions::enter the first thing"),
            ("panic", "ended with exit code 101 before it had begun"),
        ] {
            let fail = move |command: &mut Command| {
                worker_of_a_test(command);
                command.env(EARLY, fault);
            };
            let pool = builder(2).command(fail).build().unwrap();
            // It may be broken before the task comes.
            let why = match pool.submit("echo", b"") {
                Ok(task) => match result(task) {
                    Err(TaskError::Broken(why)) => why,
                    other => panic!("{fault}: {other:?}"),
                },
                Err(SubmitError::Broken(why)) => why,
                Err(other) => panic!("{fault}: {other}"),
            };
            assert!(why.contains(words), "{why}");
            assert!(matches!(pool.submit("echo", b""), Err(SubmitError::Broken(_))));
            assert!(pool.join(&mut Plain, Deadline::NEVER).unwrap());
        }
    });
}

#[test]
fn a_worker_that_can_not_be_started_is_an_error_and_breaks_a_pool_that_has_no_other() {
    watched(|| {
        let panics_at = |start| {
            let started = AtomicUsize::new(0);
            move |command: &mut Command| {
                worker_of_a_test(command);
                assert_ne!(started.fetch_add(1, Ordering::Relaxed), start, "on purpose");
            }
        };
        let error = builder(2).command(panics_at(1)).build().unwrap_err();
        assert!(error.to_string().contains("panicked"), "{error}");

        let pool = builder(1).command(panics_at(1)).build().unwrap();
        let tasks = ["kill", "", ""].map(|how| pool.submit("end", how.as_bytes()).unwrap());
        let [guilty, others @ ..] = tasks.map(result);
        assert_eq!(death(guilty).signal(), Some(9));
        for other in others {
            assert!(matches!(other, Err(TaskError::Broken(why)) if why.contains("can be started")));
        }
        assert!(pool.join(&mut Plain, Deadline::NEVER).unwrap());
    });
}

#[test]
fn killed_while_it_goes_home_it_is_not_missed() {
    watched(|| {
        for _ in 0..5 {
            let pool = pool(2);
            is_whole(&pool, 2);
            let victims = pool.workers();
            pool.shutdown();
            victims.into_iter().for_each(|victim| kill(victim, "KILL"));
            assert!(pool.join(&mut Plain, Deadline::NEVER).unwrap());
        }
    });
}

#[test]
fn killed_after_a_shutdown_it_is_replaced_while_there_is_work() {
    watched(|| {
        let pool = pool(1);
        let guilty = pool.submit("end", b"kill").unwrap();
        let others: Vec<_> = (0..50u8).map(|task| pool.submit("echo", &[task]).unwrap()).collect();
        pool.shutdown();
        assert!(pool.join(&mut Plain, Deadline::NEVER).unwrap());
        assert_eq!(death(result(guilty)).signal(), Some(9));
        assert!(others.into_iter().all(|other| result(other).is_ok()));
    });
}

#[test]
fn killed_by_chance_again_and_again_each_costs_at_most_one_task() {
    watched(|| {
        const KILLS: usize = 30;
        let pool = pool(3);
        let mut random = Random::new(11);
        let (mut kills, mut lost, mut tasks) = (0, 0, 0u32);
        while kills < KILLS {
            let round: Vec<_> = (0..300)
                .map(|_| {
                    tasks += 1;
                    (tasks, pool.submit("echo", &tasks.to_le_bytes()).unwrap())
                })
                .collect();
            let workers = pool.workers();
            if !workers.is_empty() {
                kill(workers[random.below(workers.len())], "KILL");
                kills += 1;
            }
            for (task, answer) in round {
                match result(answer) {
                    Ok(answer) => assert_eq!(answer, task.to_le_bytes()),
                    Err(TaskError::WorkerDied(death)) => {
                        assert_eq!(
                            (death.task, &death.input[..]),
                            (u64::from(task), &task.to_le_bytes()[..])
                        );
                        lost += 1;
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        }
        assert!(lost <= kills, "{lost} tasks for {kills} kills");
        is_whole(&pool, 3);
    });
}

// --- The program is killed

/// What the program does that is to be killed: says its workers' numbers when it is where the test wants it.
#[test]
fn as_a_parent() {
    let Ok(moment) = std::env::var(PARENT) else { return };
    let gate = Gate::new();
    let pool = match moment.as_str() {
        "at their start" => {
            let slow = |command: &mut Command| {
                worker_of_a_test(command);
                command.env(EARLY, format!("orphan of {}", std::process::id()));
            };
            builder(2).command(slow).build().expect("processes")
        }
        _ => pool(2),
    };
    let _tasks = match moment.as_str() {
        "amid their tasks" => {
            let tasks = [(); 2].map(|()| pool.submit("wait", &gate.input()).unwrap());
            for _ in &tasks {
                gate.arrived();
            }
            tasks.into()
        }
        "while tasks stream" => (0..10_000).map(|_| pool.submit("echo", b"rope").unwrap()).collect(),
        "while idle" => {
            is_whole(&pool, 2);
            Vec::new()
        }
        _ => Vec::new(),
    };
    println!("workers: {:?}", pool.workers());
    loop {
        std::thread::park();
    }
}

fn parent(moment: &str) -> (Child, Vec<Identity>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "as_a_parent", "--nocapture"]).env(PARENT, moment);
    let mut parent = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let line = lines.map(Result::unwrap).find(|line| line.contains("workers: [")).unwrap();
    let (_, list) = line.split_once('[').unwrap();
    let pids = list.trim_end_matches(']').split(", ").map(|pid| pid.parse().unwrap());
    (parent, pids.map(|pid| Identity::of(pid).unwrap()).collect())
}

#[test]
fn no_worker_outlives_a_program_that_is_killed() {
    watched(|| {
        for moment in ["at their start", "while idle", "amid their tasks", "while tasks stream"] {
            let (mut program, workers) = parent(moment);
            assert_eq!(workers.len(), 2);
            program.kill().unwrap();
            program.wait().unwrap();
            for worker in workers {
                until(|| !worker.is_alive());
            }
        }
    });
}
