//! Fibers beside corosensei's coroutines, and tasks of a hub.

use corosensei::{Coroutine, CoroutineResult};
use divan::Bencher;
use ropewalk::fiber::{Fiber, Hub, Pause, yield_now};

#[divan::bench]
fn resume_and_pause_ropewalk(bencher: Bencher<'_, '_>) {
    let mut fiber = Fiber::new(|pause: &Pause<u64, u64>, mut n| -> u64 {
        loop {
            n = pause.with(n + 1);
        }
    });
    bencher.bench_local(|| fiber.resume(1));
}

#[divan::bench]
fn resume_and_pause_corosensei(bencher: Bencher<'_, '_>) {
    let mut fiber = Coroutine::new(|pause, mut n: u64| -> u64 {
        loop {
            n = pause.suspend(n + 1);
        }
    });
    bencher.bench_local(|| match fiber.resume(1) {
        CoroutineResult::Yield(n) | CoroutineResult::Return(n) => n,
    });
}

#[divan::bench]
fn begin_and_end_ropewalk(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| Fiber::new(|_: &Pause<u64, ()>, n| n + 1).resume(1));
}

#[divan::bench]
fn begin_and_end_corosensei(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| Coroutine::<u64, (), u64>::new(|_, n| n + 1).resume(1).as_return());
}

/// A thousand turns of two tasks.
#[divan::bench]
fn yields_in_a_hub(bencher: Bencher<'_, '_>) {
    let hub = Hub::new();
    bencher.bench_local(|| {
        for _ in 0..2 {
            hub.spawn(|| (0..500).for_each(|_| yield_now()));
        }
        hub.run()
    });
}
