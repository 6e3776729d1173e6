use divan::{Bencher, black_box};
use std::thread;

const ROUNDS: u64 = 20_000;

/// Two threads add to one number.
fn two_threads(bencher: Bencher<'_, '_>, add: impl Fn() + Sync) {
    bencher.bench_local(|| {
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..ROUNDS).for_each(|_| add()));
            }
        });
    });
}

#[divan::bench_group(sample_count = 200)]
mod free {
    use super::*;

    #[divan::bench]
    fn ropewalk_lock(bencher: Bencher<'_, '_>) {
        let lock = ropewalk::sync::Lock::new();
        bencher.bench_local(|| {
            black_box(lock.try_acquire());
            lock.release()
        });
    }

    #[divan::bench]
    fn ropewalk_mutex(bencher: Bencher<'_, '_>) {
        let mutex = ropewalk::sync::Mutex::new(0_u64);
        bencher.bench_local(|| *black_box(&mutex).lock() += 1);
    }

    #[divan::bench]
    fn parking_lot_mutex(bencher: Bencher<'_, '_>) {
        let mutex = parking_lot::Mutex::new(0_u64);
        bencher.bench_local(|| *black_box(&mutex).lock() += 1);
    }

    #[divan::bench]
    fn std_mutex(bencher: Bencher<'_, '_>) {
        let mutex = std::sync::Mutex::new(0_u64);
        bencher.bench_local(|| *black_box(&mutex).lock().unwrap() += 1);
    }

    #[divan::bench]
    fn ropewalk_reentrant(bencher: Bencher<'_, '_>) {
        let mutex = ropewalk::sync::ReentrantMutex::new(7_u64);
        bencher.bench_local(|| *black_box(&mutex).lock());
    }

    #[divan::bench]
    fn parking_lot_reentrant(bencher: Bencher<'_, '_>) {
        let mutex = parking_lot::ReentrantMutex::new(7_u64);
        bencher.bench_local(|| *black_box(&mutex).lock());
    }
}

#[divan::bench_group(sample_count = 30, sample_size = 1)]
mod two_threads_40000_times {
    use super::*;

    #[divan::bench]
    fn ropewalk_mutex(bencher: Bencher<'_, '_>) {
        let mutex = ropewalk::sync::Mutex::new(0_u64);
        two_threads(bencher, || *mutex.lock() += 1);
    }

    #[divan::bench]
    fn parking_lot_mutex(bencher: Bencher<'_, '_>) {
        let mutex = parking_lot::Mutex::new(0_u64);
        two_threads(bencher, || *mutex.lock() += 1);
    }

    #[divan::bench]
    fn std_mutex(bencher: Bencher<'_, '_>) {
        let mutex = std::sync::Mutex::new(0_u64);
        two_threads(bencher, || *mutex.lock().unwrap() += 1);
    }
}
