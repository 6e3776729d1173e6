use divan::Bencher;
use ropewalk::queue::Queue;
use ropewalk::{Deadline, Plain};
use std::sync::mpsc;
use std::thread;

const ITEMS: usize = 20_000;

/// `producers` threads put as many items in as as many consumers take out.
fn stream(
    bencher: Bencher<'_, '_>,
    threads: usize,
    push: impl Fn(usize) + Sync,
    pop: impl Fn() -> usize + Sync,
) {
    bencher.bench_local(|| {
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| (0..ITEMS / threads).for_each(&push));
                scope.spawn(|| {
                    (0..ITEMS / threads).for_each(|_| {
                        divan::black_box(pop());
                    })
                });
            }
        });
    });
}

#[divan::bench_group(sample_count = 200)]
mod one_thread {
    use super::*;

    #[divan::bench]
    fn ropewalk_queue(bencher: Bencher<'_, '_>) {
        let queue = Queue::unbounded();
        bencher.bench_local(|| {
            queue.try_push(1_usize).unwrap();
            queue.try_pop().unwrap()
        });
    }

    #[divan::bench]
    fn crossbeam_channel(bencher: Bencher<'_, '_>) {
        let (sender, receiver) = crossbeam_channel::unbounded();
        bencher.bench_local(|| {
            sender.try_send(1_usize).unwrap();
            receiver.try_recv().unwrap()
        });
    }

    #[divan::bench]
    fn std_mpsc(bencher: Bencher<'_, '_>) {
        let (sender, receiver) = mpsc::channel();
        bencher.bench_local(|| {
            sender.send(1_usize).unwrap();
            receiver.try_recv().unwrap()
        });
    }
}

#[divan::bench_group(sample_count = 20, sample_size = 1)]
mod stream_20000_items {
    use super::*;

    #[divan::bench(args = [1, 4])]
    fn ropewalk_queue_1000(bencher: Bencher<'_, '_>, threads: usize) {
        let queue = Queue::bounded(1_000);
        let push = |item| queue.push(item, &mut Plain, Deadline::NEVER).unwrap();
        stream(bencher, threads, push, || queue.pop(&mut Plain, Deadline::NEVER).unwrap());
    }

    #[divan::bench(args = [1, 4])]
    fn crossbeam_channel_1000(bencher: Bencher<'_, '_>, threads: usize) {
        let (sender, receiver) = crossbeam_channel::bounded(1_000);
        stream(bencher, threads, |item| sender.send(item).unwrap(), || receiver.recv().unwrap());
    }

    #[divan::bench(args = [1, 4])]
    fn ropewalk_queue_unbounded(bencher: Bencher<'_, '_>, threads: usize) {
        let queue = Queue::unbounded();
        let push = |item| queue.try_push(item).unwrap();
        stream(bencher, threads, push, || queue.pop(&mut Plain, Deadline::NEVER).unwrap());
    }

    #[divan::bench(args = [1, 4])]
    fn crossbeam_channel_unbounded(bencher: Bencher<'_, '_>, threads: usize) {
        let (sender, receiver) = crossbeam_channel::unbounded();
        stream(bencher, threads, |item| sender.send(item).unwrap(), || receiver.recv().unwrap());
    }

    /// It has one receiver only, and its bounded form is a `sync_channel`.
    #[divan::bench]
    fn std_sync_channel_1000(bencher: Bencher<'_, '_>) {
        bencher.bench_local(|| {
            let (sender, receiver) = mpsc::sync_channel(1_000);
            thread::scope(|scope| {
                scope.spawn(move || (0..ITEMS).for_each(|item| sender.send(item).unwrap()));
                scope.spawn(move || {
                    (0..ITEMS).for_each(|_| {
                        divan::black_box(receiver.recv().unwrap());
                    })
                });
            });
        });
    }
}

#[divan::bench_group(sample_count = 20, sample_size = 1)]
mod ping_pong_2000_times {
    use super::*;

    #[divan::bench]
    fn ropewalk_queue(bencher: Bencher<'_, '_>) {
        bencher.bench_local(|| {
            let (there, back) = (Queue::unbounded(), Queue::unbounded());
            thread::scope(|scope| {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        let ball: usize = there.pop(&mut Plain, Deadline::NEVER).unwrap();
                        back.try_push(ball).unwrap();
                    }
                });
                for ball in 0..2_000 {
                    there.try_push(ball).unwrap();
                    back.pop(&mut Plain, Deadline::NEVER).unwrap();
                }
            });
        });
    }

    #[divan::bench]
    fn crossbeam_channel(bencher: Bencher<'_, '_>) {
        bencher.bench_local(|| {
            let (there, thither) = crossbeam_channel::unbounded();
            let (back, hither) = crossbeam_channel::unbounded();
            thread::scope(|scope| {
                scope.spawn(move || {
                    for _ in 0..2_000 {
                        let ball: usize = thither.recv().unwrap();
                        back.send(ball).unwrap();
                    }
                });
                for ball in 0..2_000 {
                    there.send(ball).unwrap();
                    hither.recv().unwrap();
                }
            });
        });
    }
}
