//! What stacks cost. By itself: other tests of the same process would be counted too.
#![allow(clippy::unwrap_used, reason = "tests")]

use ropewalk::fiber::{Fiber, Pause, Step};

fn resident_pages() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap()
}

#[test]
fn a_hundred_thousand_stacks_made_and_dropped_leave_no_memory_behind() {
    let make = |count| {
        for _ in 0..count {
            let mut fiber = Fiber::sized(64 << 10, |pause: &Pause<(), u32>, ()| {
                pause.with(1);
            })
            .unwrap();
            assert_eq!(fiber.resume(()), Step::Paused(1));
        }
    };
    make(1000);
    let before = resident_pages();
    make(100_000);
    assert!(resident_pages() < before + 256, "{before} pages, then {}", resident_pages());
}
