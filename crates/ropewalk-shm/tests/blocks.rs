//! Large parts of records: their blocks, from the producer to whoever reads them, and back.

mod watchdog;

use ropewalk_os::{Deadline, Plain};
use ropewalk_shm::ring::{Blocks, Fault, Loan, Options, PopError, PushError, Ring};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::thread;

const MIB: usize = 1 << 20;

fn ring(options: Options) -> Ring {
    Ring::create(&options).expect("memfd")
}

fn again(ring: &Ring) -> Ring {
    Ring::open(ring.as_fd().try_clone_to_owned().expect("dup")).expect("the same version")
}

fn push(ring: &Ring, buffers: &[&[u8]]) {
    ring.push_parts(b"body", buffers, &mut Plain, Deadline::NEVER).expect("room comes");
}

fn pop(ring: &Ring) -> Vec<Loan> {
    let mut loans = Vec::new();
    let mut body = Vec::new();
    ring.pop_parts(&mut body, &mut loans, &mut Plain, Deadline::NEVER).expect("a record comes");
    assert_eq!(body, b"body");
    loans
}

fn blocks(ring: &Ring) -> (usize, usize, usize) {
    let Blocks { writing, queued, reading, .. } = ring.blocks().expect("whole");
    (writing, queued, reading)
}

fn bytes(name: u8, len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8 ^ name).collect()
}

fn used(ring: &Ring) -> u64 {
    File::from(ring.as_fd().try_clone_to_owned().expect("dup")).metadata().expect("fstat").blocks() * 512
}

#[test]
fn a_large_buffer_is_lent_and_its_block_is_free_when_the_loan_is_dropped() {
    let _watch = watchdog::watch();
    let one = ring(Options::default());
    let other = again(&one);
    let (large, small) = (bytes(1, MIB), bytes(2, 100));
    push(&one, &[&large, &small, &large]);
    assert_eq!(blocks(&one), (0, 2, 0));
    let mut loans = pop(&other);
    assert_eq!(blocks(&one), (0, 0, 2));
    assert!(*loans[0] == *large && *loans[1] == *small && *loans[2] == *large);
    assert!(loans[0].is_block() && !loans[1].is_block());
    loans[0][7] = 99; // it is ours alone
    assert!(*loans[2] == *large);
    loans.truncate(1);
    assert_eq!(blocks(&one), (0, 0, 1));
    drop((one, other));
    assert_eq!(loans[0][7], 99, "a loan keeps its memory");
}

#[test]
fn a_loan_may_be_dropped_by_another_thread() {
    let _watch = watchdog::watch();
    let ring = ring(Options::default());
    push(&ring, &[&bytes(1, MIB)]);
    let loans = pop(&ring);
    thread::spawn(move || drop(loans)).join().expect("no panic");
    assert_eq!(blocks(&ring), (0, 0, 0));
}

#[test]
fn a_stream_of_large_records_stays_in_little_memory() {
    let _watch = watchdog::watch();
    let one = ring(Options::default());
    let other = again(&one);
    for name in 0..200 {
        let large = bytes(name, MIB + usize::from(name));
        push(&one, &[&large]);
        assert!(*pop(&other)[0] == *large);
    }
    assert!(used(&one) <= 3 * MIB as u64, "{}", used(&one));
    assert_eq!(blocks(&one), (0, 0, 0));
}

#[test]
fn a_backlog_that_finds_no_block_goes_through_the_ring() {
    let _watch = watchdog::watch();
    let one = ring(Options { max_block_bytes: MIB, ..Options::default() });
    let other = again(&one);
    let record = |name: u8| bytes(name, 300_000 + usize::from(name) * 1000);
    (0..20).for_each(|name| push(&one, &[&record(name)]));
    assert_eq!(blocks(&one), (0, 3, 0));
    for name in 0..20 {
        assert!(*pop(&other)[0] == *record(name), "{name}");
    }
    assert_eq!(blocks(&one), (0, 0, 0));
    push(&one, &[&record(1)]);
    assert!(pop(&other)[0].is_block());
}

#[test]
fn when_half_of_the_arena_is_on_loan_more_is_copied() {
    let _watch = watchdog::watch();
    let ring = ring(Options { max_block_bytes: MIB, ..Options::default() });
    let kept: Vec<Vec<Loan>> = (0..8)
        .map(|name| {
            push(&ring, &[&bytes(name, 200_000)]);
            pop(&ring)
        })
        .collect();
    for (name, loans) in (0..).zip(&kept) {
        assert_eq!(loans[0].is_block(), name < 2, "{name}");
        assert!(*loans[0] == *bytes(name, 200_000));
    }
    assert_eq!(blocks(&ring), (0, 0, 2));
}

#[test]
fn a_part_that_fits_into_the_arena_only_waits_until_there_is_a_block() {
    let _watch = watchdog::watch();
    let ring = ring(Options { max_block_bytes: MIB, max_bytes: 1, ..Options::default() });
    let large = bytes(1, MIB / 2 + 1);
    push(&ring, &[&large]);
    assert_eq!(ring.push_parts(b"", &[&large], &mut Plain, Deadline::NOW), Err(PushError::Full));
    let loans = pop(&ring);
    thread::scope(|scope| {
        let other = scope.spawn(|| push(&again(&ring), &[&large]));
        drop(loans);
        other.join().expect("no panic");
    });
    let most = MIB;
    let longer = bytes(1, MIB + 1);
    assert_eq!(
        ring.push_parts(b"", &[&longer], &mut Plain, Deadline::NEVER),
        Err(PushError::TooLong { most })
    );
    assert_eq!(ring.push(&longer, &mut Plain, Deadline::NEVER), Err(PushError::TooLong { most }));
    assert!(*pop(&ring)[0] == *large);
    ring.try_push(&bytes(1, most)).expect("room");
    assert_eq!(blocks(&ring), (0, 1, 0));
}

#[test]
fn a_push_that_fails_returns_its_blocks() {
    let _watch = watchdog::watch();
    let ring = ring(Options { max_records: 1, ..Options::default() });
    let large = bytes(1, 100_000);
    push(&ring, &[&large]);
    assert_eq!(ring.try_push(&large), Err(PushError::Full));
    assert_eq!(blocks(&ring), (0, 1, 0));
    ring.close().expect("whole");
    assert_eq!(ring.try_push(&large), Err(PushError::ShutDown));
    assert_eq!(pop(&ring).len(), 1);
    assert_eq!(blocks(&ring), (0, 0, 0));
}

#[test]
fn the_memory_of_many_blocks_goes_back_when_they_are_gone() {
    let _watch = watchdog::watch();
    let ring = ring(Options::default());
    let large = bytes(1, MIB);
    (0..40).for_each(|_| push(&ring, &[&large]));
    assert!(used(&ring) > 40 * MIB as u64);
    (0..40).for_each(|_| drop(pop(&ring)));
    assert!(used(&ring) <= 7 * MIB as u64, "{} bytes are left", used(&ring));
    push(&ring, &[&large]);
    assert!(*pop(&ring)[0] == *large);
}

#[test]
fn producers_and_consumers_of_large_records_share_the_blocks() {
    let _watch = watchdog::watch();
    const EACH: u32 = 150;
    for max_records in [1, 5, u64::MAX] {
        let shared = ring(Options { max_records, max_block_bytes: 2 * MIB, ..Options::default() });
        let record = |number: u32| bytes(number as u8, 10_000 + number as usize * 7919 % 400_000);
        let mut seen: Vec<u32> = thread::scope(|scope| {
            let consumers = [(); 2].map(|()| {
                scope.spawn(|| {
                    let (ring, mut seen, mut kept) = (again(&shared), Vec::new(), Vec::new());
                    let (mut body, mut loans) = (Vec::new(), Vec::new());
                    while ring.pop_parts(&mut body, &mut loans, &mut Plain, Deadline::NEVER).is_ok() {
                        let number = u32::from_le_bytes(body[..].try_into().expect("a number"));
                        assert!(*loans[0] == *record(number), "{number}");
                        seen.push(number);
                        kept.append(&mut loans);
                        kept.drain(..kept.len().saturating_sub(2));
                    }
                    seen
                })
            });
            thread::scope(|producers| {
                for producer in 0..2 {
                    let (shared, record) = (&shared, &record);
                    producers.spawn(move || {
                        let ring = again(shared);
                        for number in producer * EACH..(producer + 1) * EACH {
                            let large = record(number);
                            ring.push_parts(&number.to_le_bytes(), &[&large], &mut Plain, Deadline::NEVER)
                                .expect("room comes");
                        }
                    });
                }
            });
            shared.close().expect("whole");
            consumers.into_iter().flat_map(|consumer| consumer.join().expect("no panic")).collect()
        });
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..2 * EACH), "each once");
        assert_eq!(blocks(&shared), (0, 0, 0));
    }
}

#[test]
fn scribbling_over_blocks_is_told_or_harmless() {
    let _watch = watchdog::watch();
    let mut seed = 1_u64;
    let mut chance = |end: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % end
    };
    let mut told = 0;
    let large = bytes(3, 100_000);
    for _ in 0..1000 {
        let ring = ring(Options { max_bytes: MIB, max_block_bytes: MIB, ..Options::default() });
        (0..4).for_each(|_| push(&ring, &[&large, b"x"]));
        let mut kept = vec![pop(&ring)];
        let file = File::from(ring.as_fd().try_clone_to_owned().expect("dup"));
        // The head of the arena, the entries in use, and the words of the records.
        let offset = match chance(3) {
            0 => MIB as u64 + chance(6300),
            1 => MIB as u64 + (64 << 10) + chance(200),
            _ => 65_536 + chance(300),
        };
        file.write_all_at(&chance(u64::MAX).to_le_bytes(), offset).expect("pwrite");
        for _ in 0..6 {
            let pushed = ring.push_parts(b"body", &[&large], &mut Plain, Deadline::NOW);
            let mut loans = Vec::new();
            let popped = ring.pop_parts(&mut Vec::new(), &mut loans, &mut Plain, Deadline::NOW);
            kept.push(loans);
            let corrupt = matches!(pushed, Err(PushError::Fault(Fault::Corrupt(_))))
                || matches!(popped, Err(PopError::Fault(Fault::Corrupt(_))));
            told += u32::from(corrupt);
        }
        let _ = ring.blocks();
    }
    assert!(told > 100, "{told}");
}
