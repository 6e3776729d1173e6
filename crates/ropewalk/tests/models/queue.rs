use super::soon;
use loom::thread;
use ropewalk::model::explore;
use ropewalk::queue::{PopError, PushError, Queue};
use ropewalk::{Deadline, Plain};
use std::sync::Arc;

#[test]
fn an_item_is_handed_to_a_sleeping_getter() {
    explore(false, || {
        let queue = Arc::new(Queue::unbounded());
        let getter = Arc::clone(&queue);
        let getter = thread::spawn(move || getter.pop(&mut Plain, Deadline::NEVER).unwrap());
        queue.push(7, &mut Plain, Deadline::NEVER).unwrap();
        assert_eq!(getter.join().unwrap(), 7);
        assert!(queue.is_empty());
    });
}

#[test]
fn items_pass_through_a_full_queue_in_order() {
    explore(false, || {
        let queue = Arc::new(Queue::bounded(1));
        let putter = Arc::clone(&queue);
        let putter = thread::spawn(move || {
            (0..3).for_each(|item| putter.push(item, &mut Plain, Deadline::NEVER).unwrap());
        });
        for item in 0..3 {
            assert_eq!(queue.pop(&mut Plain, Deadline::NEVER).unwrap(), item);
        }
        putter.join().unwrap();
    });
}

#[test]
fn an_item_is_not_lost_to_a_getter_that_gives_up() {
    explore(false, || {
        let queue = Arc::new(Queue::unbounded());
        let getter = Arc::clone(&queue);
        let getter = thread::spawn(move || getter.pop(&mut Plain, soon()).ok());
        queue.try_push(7).unwrap();
        let got = getter.join().unwrap();
        assert_eq!(got.xor(queue.try_pop().ok()), Some(7));
    });
}

#[test]
fn an_item_goes_in_or_comes_back_when_its_putter_gives_up() {
    explore(false, || {
        let queue = Arc::new(Queue::bounded(1));
        queue.try_push(1).unwrap();
        let putter = Arc::clone(&queue);
        let putter = thread::spawn(move || putter.push(2, &mut Plain, soon()));
        assert_eq!(queue.try_pop().unwrap(), 1);
        match putter.join().unwrap() {
            Ok(()) => assert_eq!(queue.try_pop().unwrap(), 2),
            Err(PushError::Full(2)) => assert!(queue.is_empty()),
            Err(other) => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_shutdown_wakes_every_getter() {
    explore(false, || {
        let queue = Arc::new(Queue::unbounded());
        let getters = [(); 2].map(|()| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.pop(&mut Plain, Deadline::NEVER))
        });
        queue.try_push(7).unwrap();
        queue.shutdown();
        let got = getters.map(|getter| getter.join().unwrap());
        assert_eq!(got.iter().filter(|got| matches!(got, Ok(7))).count(), 1);
        assert_eq!(got.iter().filter(|got| matches!(got, Err(PopError::ShutDown))).count(), 1);
    });
}

#[test]
fn a_shutdown_gives_a_sleeping_putter_its_item_back() {
    explore(false, || {
        let queue = Arc::new(Queue::bounded(1));
        queue.try_push(1).unwrap();
        let putter = Arc::clone(&queue);
        let putter = thread::spawn(move || putter.push(2, &mut Plain, Deadline::NEVER));
        queue.shutdown();
        assert!(matches!(putter.join().unwrap(), Err(PushError::ShutDown(2))));
        assert_eq!(queue.try_pop().unwrap(), 1);
        assert!(matches!(queue.try_pop(), Err(PopError::ShutDown)));
    });
}

#[test]
fn who_joins_goes_on_when_the_last_item_is_done() {
    explore(false, || {
        let queue = Arc::new(Queue::unbounded());
        queue.try_push(7).unwrap();
        let worker = Arc::clone(&queue);
        let worker = thread::spawn(move || {
            worker.try_pop().unwrap();
            worker.task_done().unwrap();
        });
        assert!(queue.join(&mut Plain, Deadline::NEVER).unwrap());
        assert_eq!(queue.unfinished(), 0);
        worker.join().unwrap();
    });
}
