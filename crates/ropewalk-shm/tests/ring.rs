//! The ring between handles: each opens the memory for itself, as another process would.

mod watchdog;

use ropewalk_os::{Deadline, Plain};
use ropewalk_shm::ring::{DoneError, Fault, JoinError, Options, PopError, PushError, Ring};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::thread;
use std::time::Duration;

fn ring(max_records: u64) -> Ring {
    Ring::create(&Options { max_records, ..Options::default() }).expect("memfd")
}

fn fd(ring: &Ring) -> OwnedFd {
    ring.as_fd().try_clone_to_owned().expect("dup")
}

fn again(ring: &Ring) -> Ring {
    Ring::open(fd(ring)).expect("the same version")
}

fn push(ring: &Ring, record: &[u8]) {
    ring.push(record, &mut Plain, Deadline::NEVER).expect("room comes");
}

fn pop(ring: &Ring) -> Vec<u8> {
    let mut record = Vec::new();
    ring.pop(&mut record, &mut Plain, Deadline::NEVER).expect("a record comes");
    record
}

/// A record whose length and bytes follow from its number.
fn record(number: u32) -> Vec<u8> {
    let len = 4 + number.wrapping_mul(2_654_435_761) as usize % 3000;
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.extend((4..len).map(|at| (number as usize * 31 + at) as u8));
    bytes
}

fn number(record: &[u8]) -> u32 {
    u32::from_le_bytes(record[..4].try_into().expect("four bytes"))
}

fn wait_for_sleepers(ring: &Ring, line: usize, count: u32) {
    while ring.sleepers()[line] != count {
        thread::yield_now();
    }
}

#[test]
fn records_of_any_length_come_out_as_they_went_in() {
    let _watch = watchdog::watch();
    let one = ring(u64::MAX);
    let other = again(&one);
    for len in [0, 1, 7, 8, 9, 4095, 4096, 65_527, 65_528, 65_529, 3 << 20] {
        let record: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        push(&one, &record);
        assert_eq!(pop(&other), record, "{len}");
    }
}

#[test]
fn a_backlog_over_many_segments_keeps_its_order() {
    let _watch = watchdog::watch();
    let one = ring(u64::MAX);
    let other = again(&one);
    let (mut pushed, mut popped) = (0, 0);
    // Three steps forward, two back, so that segments are left, used again and passed over.
    for round in 0..40 {
        for _ in 0..if round < 30 { 300 } else { 0 } {
            one.try_push(&record(pushed)).expect("room");
            pushed += 1;
        }
        for _ in 0..200.min(pushed - popped) {
            assert_eq!(pop(&other), record(popped));
            popped += 1;
        }
    }
    while popped < pushed {
        assert_eq!(pop(&other), record(popped));
        popped += 1;
    }
    assert_eq!(one.counts().expect("whole").waiting(), 0);
}

#[test]
fn each_record_goes_to_one_of_many_consumers_in_the_order_of_its_producer() {
    let _watch = watchdog::watch();
    const EACH: u32 = 1500;
    for max in [1, 7, u64::MAX] {
        let shared = ring(max);
        let mut all: Vec<u32> = thread::scope(|scope| {
            let consumers: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        let ring = again(&shared);
                        let mut buffer = Vec::new();
                        let mut seen = Vec::new();
                        while ring.pop(&mut buffer, &mut Plain, Deadline::NEVER).is_ok() {
                            assert_eq!(buffer, record(number(&buffer)));
                            seen.push(number(&buffer));
                        }
                        seen
                    })
                })
                .collect();
            thread::scope(|producers| {
                for producer in 0..3 {
                    let shared = &shared;
                    producers.spawn(move || {
                        let ring = again(shared);
                        (0..EACH).for_each(|item| push(&ring, &record(producer * EACH + item)));
                    });
                }
            });
            shared.close().expect("whole");
            let lists: Vec<Vec<u32>> =
                consumers.into_iter().map(|consumer| consumer.join().expect("no panic")).collect();
            for list in &lists {
                for producer in 0..3 {
                    let of = || list.iter().filter(|&&number| number / EACH == producer);
                    assert!(of().zip(of().skip(1)).all(|(earlier, later)| earlier < later));
                }
            }
            lists.concat()
        });
        all.sort_unstable();
        assert!(all.into_iter().eq(0..3 * EACH), "each once, at most {max} at a time");
    }
}

#[test]
fn a_record_has_the_number_of_those_before_it() {
    let ring = ring(u64::MAX);
    let mut buffer = Vec::new();
    for number in 0..3 {
        assert_eq!(ring.try_push(b"rope"), Ok(number));
    }
    assert_eq!(ring.try_pop(&mut buffer), Ok(0));
    assert_eq!(ring.try_push(b"walk"), Ok(3));
    assert_eq!(again(&ring).try_pop(&mut buffer), Ok(1));
}

#[test]
fn parts_of_any_length_come_out_as_they_went_in() {
    let _watch = watchdog::watch();
    let one = ring(u64::MAX);
    let other = again(&one);
    let (mut body, mut loans) = (Vec::new(), Vec::new());
    for len in [0, 1, 7, 8, 4096, 32_767, 32_768, 65_536, 65_537, 1 << 20, 3 << 20] {
        let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        let buffers: [&[u8]; 3] = [&bytes, b"x", &bytes[len / 2..]];
        let number = one.push_parts(&bytes, &buffers, &mut Plain, Deadline::NEVER).expect("room");
        assert_eq!(other.pop_parts(&mut body, &mut loans, &mut Plain, Deadline::NEVER), Ok(number));
        assert!(body == bytes && loans.iter().map(|loan| &**loan).eq(buffers), "{len}");

        one.push_parts(&bytes, &buffers, &mut Plain, Deadline::NEVER).expect("room");
        assert_eq!(pop(&other), [&bytes, buffers[0], buffers[1], buffers[2]].concat(), "{len}, in one piece");
        push(&one, &bytes);
        other.pop_parts(&mut body, &mut loans, &mut Plain, Deadline::NEVER).expect("a record");
        assert!(body == bytes && loans.is_empty(), "{len}, without parts");
    }
}

#[test]
fn a_ring_that_tracks_knows_the_record_in_each_hand() {
    let ring = Ring::create(&Options { track: true, ..Options::default() }).expect("memfd");
    let other = again(&ring); // a handle more, a hand more
    let mut buffer = Vec::new();
    (0..4).for_each(|_| push(&ring, b"task"));
    let hands = || -> Vec<u64> { ring.in_hand().expect("whole").iter().map(|&(_, number)| number).collect() };
    ring.try_pop(&mut buffer).expect("a record");
    other.try_pop(&mut buffer).expect("a record");
    assert_eq!(hands(), [0, 1]);
    ring.try_pop(&mut buffer).expect("a record");
    assert_eq!(hands(), [2, 1]);
    ring.put_down();
    assert_eq!(hands(), [1]);
    assert_eq!(ring.take_lost(), Ok(vec![]), "nobody died");
    drop(other);
    assert_eq!(hands(), []);
}

#[test]
fn a_full_ring_lets_a_producer_wait_for_room() {
    let _watch = watchdog::watch();
    let ring = ring(1);
    push(&ring, b"first");
    assert_eq!(ring.try_push(b"second"), Err(PushError::Full));
    let soon = Deadline::after(Duration::from_millis(5));
    assert_eq!(ring.push(b"second", &mut Plain, soon), Err(PushError::Full));
    assert!(soon.passed());
    thread::scope(|scope| {
        scope.spawn(|| push(&again(&ring), b"second"));
        wait_for_sleepers(&ring, 1, 1);
        assert_eq!(pop(&ring), b"first");
        assert_eq!(pop(&ring), b"second");
    });
}

#[test]
fn a_ring_full_of_bytes_lets_a_producer_wait_for_room() {
    let _watch = watchdog::watch();
    let ring = Ring::create(&Options { max_bytes: 128 << 10, ..Options::default() }).expect("memfd");
    let record = vec![7; 20_000];
    let mut pushed = 0;
    while ring.try_push(&record).is_ok() {
        pushed += 1;
    }
    assert_eq!(pushed, 3, "64 KiB hold three");
    thread::scope(|scope| {
        scope.spawn(|| push(&again(&ring), &record));
        wait_for_sleepers(&ring, 1, 1);
        for _ in 0..4 {
            assert_eq!(pop(&ring), record);
        }
    });
}

#[test]
fn a_record_that_can_never_fit_is_refused() {
    let ring =
        Ring::create(&Options { max_bytes: 1, max_block_bytes: 0, ..Options::default() }).expect("memfd");
    let most = ring.longest_record();
    assert_eq!(ring.try_push(&vec![0; most + 1]), Err(PushError::TooLong { most }));
    ring.try_push(&vec![0; most]).expect("room");
}

#[test]
fn a_wait_ends_at_its_deadline() {
    let _watch = watchdog::watch();
    let ring = ring(u64::MAX);
    let mut buffer = Vec::new();
    assert_eq!(ring.try_pop(&mut buffer), Err(PopError::Empty));
    let end = Deadline::after(Duration::from_millis(5));
    assert_eq!(ring.pop(&mut buffer, &mut Plain, end), Err(PopError::Empty));
    assert!(end.passed());
    assert_eq!(ring.sleepers(), [0; 3]);
}

#[test]
fn a_closed_ring_tells_everybody_who_waits_and_gives_out_what_is_inside() {
    let _watch = watchdog::watch();
    let full = ring(1);
    push(&full, b"last");
    let empty = ring(1);
    thread::scope(|scope| {
        let pushers = [(); 2].map(|()| scope.spawn(|| again(&full).push(b"x", &mut Plain, Deadline::NEVER)));
        let poppers =
            [(); 2].map(|()| scope.spawn(|| again(&empty).pop(&mut Vec::new(), &mut Plain, Deadline::NEVER)));
        wait_for_sleepers(&full, 1, 2);
        wait_for_sleepers(&empty, 0, 2);
        full.close().expect("whole");
        empty.close().expect("whole");
        for pusher in pushers {
            assert_eq!(pusher.join().expect("no panic"), Err(PushError::ShutDown));
        }
        for popper in poppers {
            assert_eq!(popper.join().expect("no panic"), Err(PopError::ShutDown));
        }
    });
    assert_eq!(pop(&full), b"last");
    assert_eq!(full.try_pop(&mut Vec::new()), Err(PopError::ShutDown));
    assert_eq!(full.try_push(b"x"), Err(PushError::ShutDown));
}

#[test]
fn everybody_who_joins_is_told_when_the_last_record_is_done() {
    let _watch = watchdog::watch();
    let ring = ring(u64::MAX);
    ring.join(&mut Plain, Deadline::NOW).expect("nothing is unfinished");
    push(&ring, b"a");
    push(&ring, b"b");
    assert_eq!(ring.join(&mut Plain, Deadline::NOW), Err(JoinError::TimedOut));
    thread::scope(|scope| {
        let joins = [(); 3].map(|()| scope.spawn(|| again(&ring).join(&mut Plain, Deadline::NEVER)));
        wait_for_sleepers(&ring, 2, 3);
        pop(&ring);
        pop(&ring);
        ring.task_done().expect("two are unfinished");
        assert_eq!(ring.counts().expect("whole").unfinished, 1);
        ring.task_done().expect("one is unfinished");
        for join in joins {
            join.join().expect("no panic").expect("all done");
        }
    });
    assert_eq!(ring.task_done(), Err(DoneError::TooMany));
}

#[test]
fn the_memory_of_a_long_backlog_goes_back_when_it_is_gone() {
    let _watch = watchdog::watch();
    let ring = ring(u64::MAX);
    let file = File::from(fd(&ring));
    let used = || file.metadata().expect("fstat").blocks() * 512;
    let record = vec![1; 100_000];
    for _ in 0..400 {
        ring.try_push(&record).expect("room");
    }
    assert!(used() > 35 << 20);
    for _ in 0..400 {
        pop(&ring);
    }
    assert!(used() <= 5 << 20, "{} bytes are left", used());
    push(&ring, &record);
    assert_eq!(pop(&ring), record);
}

#[test]
fn a_producer_and_a_consumer_of_one_pace_stay_in_little_memory() {
    let _watch = watchdog::watch();
    let ring = ring(u64::MAX);
    let file = File::from(fd(&ring));
    let record = vec![1; 10_000];
    push(&ring, &record);
    for _ in 0..10_000 {
        push(&ring, &record); // never quite empty
        pop(&ring);
    }
    assert!(file.metadata().expect("fstat").blocks() * 512 <= 256 << 10);
}

#[test]
fn memory_that_was_written_over_is_corrupt_and_never_read() {
    let _watch = watchdog::watch();
    // Every word that an operation trusts: the sum of the state, a segment's end, the word before a record.
    for (offset, what) in [(256, "the state's sum"), (320, "the state's sum"), (65_536, "before a record")] {
        let ring = ring(u64::MAX);
        push(&ring, b"rope");
        File::from(fd(&ring)).write_all_at(&[0xff; 8], offset).expect("pwrite");
        let Err(PopError::Fault(Fault::Corrupt(found))) = ring.try_pop(&mut Vec::new()) else {
            // The copy of the state that is not true may hold anything.
            assert_eq!(what, "the state's sum");
            continue;
        };
        assert!(found.contains(what), "{found}");
    }
}

#[test]
fn scribbling_anywhere_but_on_the_lock_is_told_or_harmless() {
    let _watch = watchdog::watch();
    let mut seed = 1_u64;
    let mut chance = |end: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % end
    };
    let mut told = 0;
    for _ in 0..3000 {
        let ring = Ring::create(&Options { max_bytes: 1 << 20, ..Options::default() }).expect("memfd");
        let record = vec![3; 30_000];
        for _ in 0..4 {
            ring.try_push(&record).expect("room");
        }
        let file = File::from(fd(&ring));
        // The lock lies at 128 to 192: what becomes of a lock that is written over, its C library decides.
        let offset = [64 + chance(57), 192 + chance(700), 65_536 + chance(2) * 65_536 + chance(60)]
            [chance(3) as usize];
        file.write_all_at(&chance(u64::MAX).to_le_bytes(), offset).expect("pwrite");
        let mut buffer = Vec::new();
        for _ in 0..8 {
            let pushed = ring.push(&record, &mut Plain, Deadline::NOW);
            let popped = ring.pop(&mut buffer, &mut Plain, Deadline::NOW);
            told += u32::from(
                matches!(pushed, Err(PushError::Fault(_))) || matches!(popped, Err(PopError::Fault(_))),
            );
        }
    }
    assert!(told > 500, "{told}");
}

#[test]
fn a_ring_with_a_bell_is_passed_on_with_it() {
    let with = Ring::create(&Options { readable: true, ..Options::default() }).expect("memfd");
    let without = ring(1);
    let bell = || with.bell().expect("it has one").try_clone_to_owned().expect("dup");
    assert!(Ring::open(fd(&with)).expect_err("no bell").to_string().contains("both have to be passed"));
    assert!(Ring::from_fds(fd(&without), bell()).expect_err("a bell").to_string().contains("without"));
    assert!(Ring::from_fds(fd(&with), fd(&with)).is_err(), "that is no bell");
    assert!(without.readable_fd().is_err() && without.bell().is_none());
    let other = Ring::from_fds(fd(&with), bell()).expect("both");
    with.readable_fd().expect("it has one");
    other.readable_fd().expect("the same");

    let third = Ring::create(&Options { readable: true, ..Options::default() }).expect("memfd");
    let wrong = third.bell().expect("it has one").try_clone_to_owned().expect("dup");
    let mixed_up = Ring::from_fds(fd(&with), wrong).expect("a bell it is");
    assert!(mixed_up.readable_fd().expect_err("another's").to_string().contains("another's"));
}

#[test]
fn a_file_that_is_no_ring_is_refused() {
    let file = File::open("/proc/self/exe").expect("open");
    assert!(Ring::open(file.into()).is_err());
    let segment = ropewalk_shm::segment::Segment::create(1 << 20, 7).expect("memfd");
    let error = Ring::open(segment.as_fd().try_clone_to_owned().expect("dup")).expect_err("another layout");
    assert!(error.to_string().contains("same version"), "{error}");
}
