//! Fibers and hubs: who goes on when, what is unwound, and where a stack ends.
#![allow(clippy::unwrap_used, reason = "tests")]

mod watchdog;

use ropewalk::fiber::{Fiber, Handle, Hub, Pause, Stacks, Step, Task, current, park, spawn, yield_now};
use std::cell::{Cell, RefCell};
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::rc::Rc;
use watchdog::{Random, watched};

/// Counts how often it is dropped.
struct Dropped(Rc<Cell<u32>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn what_goes_in_comes_out_in_order() {
    let mut fiber = Fiber::new(|pause, first: u32| (1..1000).fold(first, |last, _| pause.with(last) + last));
    let mut last = 0;
    for n in 0..999 {
        let Step::Paused(out) = fiber.resume(if n == 0 { 1 } else { 2 }) else {
            panic!("it has ended at {n}")
        };
        last = out;
    }
    assert_eq!(fiber.resume(7), Step::Ended(last + 7));
}

#[test]
fn a_fiber_borrows_what_outlives_it() {
    let words = vec!["rope".to_owned(), "walk".to_owned()];
    let mut fiber = Fiber::new(|pause: &Pause<(), &str>, ()| {
        for word in &words {
            pause.with(word);
        }
    });
    assert_eq!(fiber.resume(()), Step::Paused("rope"));
    drop(fiber);
    assert_eq!(words.len(), 2);
}

#[test]
fn one_that_is_dropped_in_the_middle_is_unwound() {
    let count = Rc::new(Cell::new(0));
    let (outer, inner) = (Dropped(Rc::clone(&count)), Rc::clone(&count));
    let mut fiber = Fiber::new(move |pause: &Pause<(), ()>, ()| {
        let _outer = outer;
        let _inner = Dropped(inner);
        pause.with(());
        unreachable!("it is not resumed");
    });
    assert_eq!(fiber.resume(()), Step::Paused(()));
    assert_eq!(count.get(), 0);
    drop(fiber);
    assert_eq!(count.get(), 2);
}

#[test]
fn one_that_never_began_drops_what_it_has() {
    let count = Rc::new(Cell::new(0));
    let mine = Dropped(Rc::clone(&count));
    drop(Fiber::new(move |pause: &Pause<(), ()>, ()| {
        let _mine = &mine;
        pause.with(());
    }));
    assert_eq!(count.get(), 1);
}

#[test]
fn a_cancelled_fiber_that_catches_the_unwind_cannot_pause_again() {
    let mut fiber = Fiber::new(|pause: &Pause<(), u32>, ()| {
        for turn in 0..3 {
            let _ = catch_unwind(AssertUnwindSafe(|| pause.with(turn)));
        }
    });
    assert_eq!(fiber.resume(()), Step::Paused(0));
    drop(fiber);
}

#[test]
fn a_panic_comes_out_where_the_fiber_was_resumed() {
    let mut fiber = Fiber::new(|pause: &Pause<(), ()>, ()| {
        pause.with(());
        std::panic::resume_unwind(Box::new("why"));
    });
    assert_eq!(fiber.resume(()), Step::Paused(()));
    let panic = catch_unwind(AssertUnwindSafe(|| fiber.resume(()))).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"why"));
    assert!(fiber.is_ended());
}

#[test]
fn a_fiber_resumes_others_as_deep_as_one_likes() {
    fn nest(depth: u32) -> u32 {
        if depth == 0 {
            return 0;
        }
        let mut inner = Fiber::new(move |pause: &Pause<(), ()>, ()| {
            pause.with(());
            nest(depth - 1)
        });
        assert_eq!(inner.resume(()), Step::Paused(()));
        let Step::Ended(below) = inner.resume(()) else { panic!("it pauses once") };
        below + 1
    }
    assert_eq!(nest(200), 200);
}

#[test]
fn tasks_take_turns_in_the_order_in_which_they_stand_in_line() {
    let hub = Hub::new();
    let seen = Rc::new(RefCell::new(Vec::new()));
    for task in 0..3 {
        let seen = Rc::clone(&seen);
        hub.spawn(move || {
            for turn in 0..3 {
                seen.borrow_mut().push((turn, task));
                yield_now();
            }
        });
    }
    assert_eq!(hub.run(), 0);
    let expected: Vec<_> = (0..3).flat_map(|turn| (0..3).map(move |task| (turn, task))).collect();
    assert_eq!(*seen.borrow(), expected);
}

#[test]
fn a_wake_that_comes_before_the_sleep_is_not_lost() {
    let hub = Hub::new();
    let sleeper = hub.spawn(|| {
        yield_now(); // it is woken while it stands in line
        park();
        "awake"
    });
    let handle = sleeper.handle();
    hub.spawn(move || handle.unpark());
    assert_eq!(hub.run(), 0);
    assert_eq!(sleeper.join(), "awake");
}

#[test]
fn two_wakes_before_the_sleep_are_one() {
    let hub = Hub::new();
    let task = hub.spawn(|| {
        let me = current().unwrap();
        me.unpark();
        me.unpark();
        park();
        park();
    });
    assert_eq!(hub.run(), 1);
    task.handle().unpark();
    task.join();
}

#[test]
fn ten_thousand_tasks_are_joined() {
    watched(|| {
        let hub = Hub::with_stacks(Stacks::new(64 << 10).without_guards_beyond_the_limit());
        let sum = hub.spawn(|| {
            let tasks: Vec<Task<usize>> = (0..10_000)
                .map(|n| {
                    spawn(move || {
                        yield_now();
                        n
                    })
                })
                .collect();
            tasks.into_iter().map(Task::join).sum::<usize>()
        });
        assert_eq!(sum.join(), 49_995_000);
    });
}

#[test]
fn waiting_from_outside_ends_with_the_task_also_if_others_never_do() {
    let hub = Hub::new();
    hub.spawn(|| {
        loop {
            yield_now();
        }
    });
    let task = hub.spawn(|| {
        yield_now();
        5
    });
    assert_eq!(watched(|| task.join()), 5);
}

#[test]
fn a_hub_that_is_dropped_unwinds_whoever_is_parked() {
    let count = Rc::new(Cell::new(0));
    let hub = Hub::new();
    for _ in 0..3 {
        let mine = Dropped(Rc::clone(&count));
        hub.spawn(move || {
            let _mine = mine;
            park();
        });
    }
    let never_ran = Dropped(Rc::clone(&count));
    assert_eq!(hub.run(), 3);
    hub.spawn(move || drop(never_ran));
    drop(hub);
    assert_eq!(count.get(), 4);
}

#[test]
fn a_task_that_panics_harms_no_other() {
    let hub = Hub::new();
    let bad: Task<()> = hub.spawn(|| std::panic::resume_unwind(Box::new(7)));
    let good = hub.spawn(|| 1);
    assert_eq!(hub.run(), 0);
    assert_eq!(bad.outcome().unwrap_err().downcast_ref(), Some(&7));
    assert_eq!(good.join(), 1);
}

#[test]
fn a_task_that_waits_for_itself_is_told() {
    let hub = Hub::new();
    let slot = Rc::new(Cell::new(None::<Task<()>>));
    let mine = Rc::clone(&slot);
    let task = hub.spawn(move || mine.take().map(Task::join).unwrap_or_default());
    let handle = task.handle();
    slot.set(Some(task));
    assert_eq!(hub.run(), 0);
    assert!(format!("{handle:?}").contains("ended"), "{handle:?}");
}

#[test]
fn waiting_from_outside_for_what_is_parked_for_ever_panics_instead_of_hanging() {
    let hub = Hub::new();
    let task = hub.spawn(park);
    let panic = catch_unwind(AssertUnwindSafe(|| task.join())).unwrap_err();
    assert!(panic.downcast_ref::<&str>().unwrap().contains("parked"));
}

#[test]
fn fibers_and_tasks_go_together() {
    let hub = Hub::new();
    let tasks = [3, 5].map(|step| {
        hub.spawn(move || {
            let mut numbers = Fiber::new(move |pause: &Pause<(), u32>, ()| {
                for n in 1..=3 {
                    yield_now(); // the whole task, from within its fiber
                    pause.with(n * step);
                }
            });
            let mut sum = 0;
            while let Step::Paused(n) = numbers.resume(()) {
                sum += n;
            }
            sum
        })
    });
    assert_eq!(tasks.map(Task::join), [18, 30]);
}

#[test]
fn a_random_crowd_comes_to_the_same_end_every_time() {
    watched(|| {
        let outcome = |seed| {
            let hub = Hub::with_stacks(Stacks::new(64 << 10));
            let random = Rc::new(RefCell::new(Random::new(seed)));
            let seen = Rc::new(RefCell::new(Vec::new()));
            let handles = Rc::new(RefCell::new(Vec::<Handle>::new()));
            for task in 0..50 {
                let (random, seen, all) = (Rc::clone(&random), Rc::clone(&seen), Rc::clone(&handles));
                handles.borrow_mut().push(
                    hub.spawn(move || {
                        for _ in 0..100 {
                            let other: usize = random.borrow_mut().below(50);
                            let other = all.borrow()[other].clone();
                            other.unpark();
                            seen.borrow_mut().push(task);
                            if random.borrow_mut().below(3) == 0 { park() } else { yield_now() }
                        }
                    })
                    .handle(),
                );
            }
            while hub.run() > 0 {
                for handle in handles.borrow().iter() {
                    handle.unpark();
                }
            }
            seen.take()
        };
        assert_eq!(outcome(1).len(), 5000);
        assert_eq!(outcome(7), outcome(7));
        assert_ne!(outcome(7), outcome(8));
    });
}

fn overrun(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    if depth == u64::MAX { frame[0] } else { overrun(depth + 1) + frame[63] }
}

#[test]
fn running_over_the_end_of_a_stack_is_a_fault_and_nothing_else() {
    const CHILD: &str = "ROPEWALK_TEST_OVERRUN";
    if std::env::var_os(CHILD).is_some() {
        let mut fiber = Fiber::sized(64 << 10, |_: &Pause<(), ()>, ()| overrun(0)).unwrap();
        fiber.resume(());
        std::process::exit(0);
    }
    let test = "running_over_the_end_of_a_stack_is_a_fault_and_nothing_else";
    let mut child = Command::new(std::env::current_exe().unwrap());
    let ended = child.args([test, "--exact"]).env(CHILD, "1").output().unwrap().status;
    // SIGSEGV, or SIGABRT by the standard library's handler, which may take it for its own thread's overflow.
    assert!(matches!(ended.signal(), Some(11 | 6)), "{ended:?}");
}
