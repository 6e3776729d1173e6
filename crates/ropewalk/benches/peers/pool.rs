use divan::Bencher;
use ropewalk::thread_pool::ThreadPool;
use ropewalk::{Deadline, Plain};
use std::sync::mpsc;

const TASKS: usize = 10_000;

fn work(number: usize) -> usize {
    divan::black_box(number * number)
}

#[divan::bench_group(sample_count = 20, sample_size = 1)]
mod spawn_10000_and_join {
    use super::*;

    #[divan::bench]
    fn ropewalk_pool(bencher: Bencher<'_, '_>) {
        let pool = ThreadPool::new(2);
        bencher.bench_local(|| {
            let tasks: Vec<_> = (0..TASKS).map(|n| pool.spawn(move || work(n)).unwrap()).collect();
            tasks.into_iter().map(|task| task.result(&mut Plain, Deadline::NEVER).unwrap()).sum::<usize>()
        });
    }

    /// It has no results to wait for: a channel brings them.
    #[divan::bench]
    fn rayon_spawn_and_channel(bencher: Bencher<'_, '_>) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        bencher.bench_local(|| {
            let (sender, receiver) = mpsc::channel();
            for n in 0..TASKS {
                let sender = sender.clone();
                pool.spawn(move || sender.send(work(n)).unwrap());
            }
            drop(sender);
            receiver.iter().sum::<usize>()
        });
    }

    /// What rayon is made for: tasks that borrow, ended by a scope.
    #[divan::bench]
    fn rayon_scope(bencher: Bencher<'_, '_>) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        bencher.bench_local(|| {
            pool.in_place_scope(|scope| {
                for n in 0..TASKS {
                    scope.spawn(move |_| {
                        work(n);
                    });
                }
            });
        });
    }
}

#[divan::bench_group(sample_count = 20, sample_size = 1)]
mod round_trip_1000_times {
    use super::*;

    #[divan::bench]
    fn ropewalk_pool(bencher: Bencher<'_, '_>) {
        let pool = ThreadPool::new(1);
        bencher.bench_local(|| {
            for n in 0..1_000 {
                pool.spawn(move || work(n)).unwrap().result(&mut Plain, Deadline::NEVER).unwrap();
            }
        });
    }

    #[divan::bench]
    fn rayon_install(bencher: Bencher<'_, '_>) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        bencher.bench_local(|| {
            for n in 0..1_000 {
                pool.install(|| work(n));
            }
        });
    }
}
