use super::soon;
use loom::thread;
use ropewalk::future::{Failure, NoResult, Until, promise, wait};
use ropewalk::model::{explore, in_rhythm};
use ropewalk::thread_pool::{Injector, Next};
use ropewalk::{Deadline, Plain, future::Wakes};
use std::sync::Arc;

#[test]
fn a_result_reaches_who_waits_for_it() {
    explore(false, || {
        let (answer, question) = promise();
        let giver = thread::spawn(move || answer.fulfil(7).unwrap());
        assert_eq!(question.result(&mut Plain, Deadline::NEVER).unwrap(), 7);
        giver.join().unwrap();
    });
}

#[test]
fn a_dropped_promise_reaches_who_waits_for_it() {
    explore(false, || {
        let (answer, question) = promise::<u32>();
        let giver = thread::spawn(move || drop(answer));
        let outcome = question.result(&mut Plain, Deadline::NEVER);
        assert!(matches!(outcome, Err(NoResult::Failed(Failure::Abandoned))));
        giver.join().unwrap();
    });
}

#[test]
fn a_future_is_cancelled_or_begun_but_not_both() {
    explore(false, || {
        let (answer, question) = promise();
        let giver = thread::spawn(move || answer.begin() && answer.fulfil(7).is_ok());
        let cancelled = question.cancel();
        assert_eq!(giver.join().unwrap(), !cancelled);
        assert!(question.is_done());
    });
}

#[test]
fn a_result_is_there_after_a_wait_that_gave_up() {
    explore(false, || {
        let (answer, question) = promise();
        let giver = thread::spawn(move || answer.fulfil(7).unwrap());
        let in_time = question.wait(&mut Plain, soon()).unwrap();
        assert!(!in_time || question.is_done());
        giver.join().unwrap();
        assert_eq!(question.take().unwrap().ok(), Some(7));
    });
}

#[test]
fn a_callback_runs_once() {
    explore(false, || {
        let (answer, question) = promise();
        let calls = Arc::new(loom::sync::atomic::AtomicU32::new(0));
        let giver = thread::spawn(move || answer.fulfil(7).unwrap());
        let count = Arc::clone(&calls);
        question.on_done(move || {
            count.fetch_add(1, loom::sync::atomic::Ordering::Relaxed);
        });
        giver.join().unwrap();
        assert_eq!(calls.load(loom::sync::atomic::Ordering::Relaxed), 1);
    });
}

#[test]
fn a_wait_for_many_ends_with_the_first() {
    explore(false, || {
        let (a, first) = promise();
        let (b, second) = promise();
        let givers = [a, b].map(|answer| thread::spawn(move || answer.fulfil(7).unwrap()));
        let settled = wait([&first, &second], Until::FirstSettled, &mut Plain, Deadline::NEVER).unwrap();
        assert!(!settled.is_empty());
        for giver in givers {
            giver.join().unwrap();
        }
    });
}

/// A worker that is not woken by the push finds its task all the same.
#[test]
fn a_task_pushed_in_rhythm_is_done_though_nobody_waits_for_it() {
    explore(false, || {
        in_rhythm();
        let line = Arc::new(Injector::new(1, usize::MAX));
        let there = Arc::clone(&line);
        let worker =
            thread::spawn(move || matches!(there.next(Wakes::default(), &mut Plain), Ok(Next::Task(7))));
        line.push(7).unwrap();
        assert!(worker.join().unwrap());
    });
}

#[test]
fn tasks_pushed_in_rhythm_are_all_done() {
    explore(false, || {
        in_rhythm();
        let line = Arc::new(Injector::new(2, usize::MAX));
        let workers = [(); 2].map(|()| {
            let line = Arc::clone(&line);
            thread::spawn(move || {
                let mut done = 0;
                while let Ok(Next::Task(_)) = line.next(Wakes::default(), &mut Plain) {
                    done += 1;
                }
                done
            })
        });
        line.push(()).unwrap();
        line.expect();
        line.push(()).unwrap();
        line.close();
        line.summon();
        assert_eq!(workers.map(|worker| worker.join().unwrap()).iter().sum::<u32>(), 2);
    });
}

#[test]
fn one_wake_in_flight_leaves_no_task_in_line() {
    explore(false, || {
        let line = Arc::new(Injector::new(2, usize::MAX));
        let workers = [(); 2].map(|()| {
            let line = Arc::clone(&line);
            thread::spawn(move || {
                let mut done = 0;
                while let Ok(Next::Task(_)) = line.next(Wakes::default(), &mut Plain) {
                    done += 1;
                }
                done
            })
        });
        line.push(()).unwrap();
        line.push(()).unwrap();
        line.close();
        line.summon();
        assert_eq!(workers.map(|worker| worker.join().unwrap()).iter().sum::<u32>(), 2);
    });
}
