//! Three cooks put dishes on a counter with room for four; two waiters carry them out.
//!
//!     cargo run --release --example producer_consumer -- [dishes]

use ropewalk::queue::Queue;
use ropewalk::{Deadline, Plain};
use std::thread;

fn main() {
    let dishes = std::env::args().nth(1).map_or(10_000, |text| text.parse().expect("a number of dishes"));
    let carried = serve(dishes);
    println!("the waiters carried {} and {} dishes", carried[0].len(), carried[1].len());
}

/// Each cook makes `dishes` dishes. What each waiter carried.
fn serve(dishes: usize) -> [Vec<(usize, usize)>; 2] {
    let counter = Queue::bounded(4);
    thread::scope(|scope| {
        let waiters = [(); 2].map(|()| scope.spawn(|| counter.iter().collect()));
        thread::scope(|kitchen| {
            for cook in 0..3 {
                let counter = &counter;
                kitchen.spawn(move || {
                    for dish in 0..dishes {
                        // Waits while the counter is full.
                        counter.push((cook, dish), &mut Plain, Deadline::NEVER).expect("the kitchen is open");
                    }
                });
            }
        });
        counter.shutdown(); // the cooks have gone; the waiters go when the counter is empty
        waiters.map(|waiter| waiter.join().expect("no panic"))
    })
}

#[test]
fn every_dish_is_carried_once() {
    let mut carried = serve(500).concat();
    carried.sort_unstable();
    let cooked: Vec<(usize, usize)> =
        (0..3).flat_map(|cook| (0..500).map(move |dish| (cook, dish))).collect();
    assert_eq!(carried, cooked);
}

#[test]
fn each_waiter_carries_the_dishes_of_one_cook_in_order() {
    for dishes in serve(500) {
        for cook in 0..3 {
            let of_cook = || dishes.iter().filter(|dish| dish.0 == cook);
            assert!(of_cook().zip(of_cook().skip(1)).all(|(earlier, later)| earlier.1 < later.1));
        }
    }
}
