use divan::Bencher;
use ropewalk::sync::Semaphore;
use ropewalk::{Deadline, Plain};
use std::thread;

/// What one writes without a semaphore.
struct Counted {
    permits: std::sync::Mutex<u64>,
    returned: std::sync::Condvar,
}

impl Counted {
    fn acquire(&self) {
        let permits = self.permits.lock().unwrap();
        *self.returned.wait_while(permits, |permits| *permits == 0).unwrap() -= 1;
    }

    fn release(&self) {
        *self.permits.lock().unwrap() += 1;
        self.returned.notify_one();
    }
}

#[divan::bench_group(sample_count = 200)]
mod free {
    use super::*;

    #[divan::bench]
    fn ropewalk_semaphore(bencher: Bencher<'_, '_>) {
        let permits = Semaphore::new(1);
        bencher.bench_local(|| {
            permits.acquire(&mut Plain, Deadline::NEVER).unwrap();
            permits.release(1).unwrap();
        });
    }

    #[divan::bench]
    fn std_mutex_and_condvar(bencher: Bencher<'_, '_>) {
        let permits = Counted { permits: 1.into(), returned: std::sync::Condvar::new() };
        bencher.bench_local(|| {
            permits.acquire();
            permits.release();
        });
    }
}

#[divan::bench_group(sample_count = 20, sample_size = 1)]
mod four_threads_two_permits {
    use super::*;

    fn all(bencher: Bencher<'_, '_>, borrow: impl Fn() + Sync) {
        bencher.bench_local(|| {
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| (0..5_000).for_each(|_| borrow()));
                }
            });
        });
    }

    #[divan::bench]
    fn ropewalk_semaphore(bencher: Bencher<'_, '_>) {
        let permits = Semaphore::new(2);
        all(bencher, || {
            permits.acquire(&mut Plain, Deadline::NEVER).unwrap();
            permits.release(1).unwrap();
        });
    }

    #[divan::bench]
    fn std_mutex_and_condvar(bencher: Bencher<'_, '_>) {
        let permits = Counted { permits: 2.into(), returned: std::sync::Condvar::new() };
        all(bencher, || {
            permits.acquire();
            permits.release();
        });
    }
}
