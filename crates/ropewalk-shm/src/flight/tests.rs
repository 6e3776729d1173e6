#![allow(unsafe_code)] // Contract: see `mod`.

use super::*;
use ropewalk_os::clock;

fn again(flight: &Flight) -> Flight {
    Flight::open(flight.as_fd().try_clone_to_owned().expect("dup")).expect("a flight")
}

fn seat(flight: &Flight) -> Seat {
    Seat::take(again(flight)).expect("proc is mounted").expect("room")
}

fn me() -> Identity {
    Identity::current().expect("proc is mounted")
}

#[test]
fn what_a_worker_has_in_hand_and_did_before_is_read_by_its_number() {
    let flight = Flight::create().expect("memfd");
    let seat = seat(&flight);
    seat.begin(7, Phase::Reading, 100);
    seat.turn_to(Phase::Running);
    seat.turn_to(Phase::Answering);
    seat.end(0, 200);
    seat.begin(9, Phase::Reading, 300);
    seat.turn_to(Phase::Running);
    let record = flight.take(me().pid).expect("ours");
    assert_eq!(record.who, me());
    assert_eq!(record.task, Some(Task { number: 9, phase: Phase::Running, since: 300 }));
    assert_eq!(record.done, 1);
    let event = |when, number, what| Event { when, number, what };
    assert_eq!(
        record.events,
        [event(100, 7, What::Begun), event(200, 7, What::Answered(0)), event(300, 9, What::Begun)]
    );
    assert_eq!(record.sample, None);
    assert_eq!(flight.take(me().pid), None, "it was taken");
}

#[test]
fn the_last_events_are_kept() {
    let flight = Flight::create().expect("memfd");
    let seat = seat(&flight);
    for number in 1..=100 {
        seat.begin(number, Phase::Reading, number * 10);
        seat.end((number % 256) as u8, number * 10 + 5);
    }
    let record = flight.take(me().pid).expect("ours");
    assert_eq!((record.done, record.task), (100, None));
    assert_eq!(record.events.len(), 15);
    assert_eq!(record.events[14], Event { when: 1005, number: 100, what: What::Answered(100) });
    assert_eq!(record.events[0], Event { when: 935, number: 93, what: What::Answered(93) });
}

#[test]
fn a_sample_has_the_name_and_the_text_of_its_task() {
    let flight = Flight::create().expect("memfd");
    let seat = seat(&flight);
    seat.begin(7, Phase::Running, 1);
    seat.call("módule.function".as_bytes());
    for turn in 0..3u8 {
        let task = seat.in_hand().expect("begun");
        seat.sample(task, u64::from(turn), 0, |text| {
            assert!(text.push(b"line "));
            assert!(text.push(&[b'0' + turn]));
        });
    }
    let sample = flight.take(me().pid).expect("ours").sample.expect("made");
    assert_eq!((sample.when, sample.task.number, sample.signal), (2, 7, 0));
    assert_eq!(sample.name, "módule.function".as_bytes());
    assert_eq!(sample.text, b"line 2");
    assert!(sample.resident > 0);
}

#[test]
fn a_name_and_a_text_that_are_too_long_are_cut() {
    let flight = Flight::create().expect("memfd");
    let seat = seat(&flight);
    seat.begin(1, Phase::Running, 1);
    seat.call(&[b'n'; 1000]);
    seat.sample(seat.in_hand().expect("begun"), 1, 11, |text| {
        while text.push(&[b't'; 100]) {}
        let whole = text.len();
        assert!(text.push(b"!"));
        text.cut(whole);
        assert!(!text.is_empty());
    });
    let sample = flight.take(me().pid).expect("ours").sample.expect("made");
    assert_eq!((sample.name, sample.signal), (vec![b'n'; 192], 11));
    assert_eq!(sample.text, vec![b't'; 7900]);
}

#[test]
fn a_name_is_not_told_of_the_next_task() {
    let flight = Flight::create().expect("memfd");
    let seat = seat(&flight);
    seat.begin(1, Phase::Running, 1);
    seat.call(b"first");
    seat.end(0, 2);
    seat.begin(2, Phase::Reading, 3);
    seat.sample(seat.in_hand().expect("begun"), 4, 0, |_| ());
    let record = seat.read().expect("ours");
    assert_eq!(record.sample.expect("made").name, b"");
}

#[test]
fn a_seat_is_left_free_unless_something_is_in_hand() {
    let flight = Flight::create().expect("memfd");
    let (first, second) = (seat(&flight), seat(&flight));
    first.begin(0, Phase::Starting, 1);
    first.rest();
    second.begin(5, Phase::Running, 1);
    first.leave();
    second.leave();
    let records = flight.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].task.map(|task| task.number), Some(5));
    assert_eq!((records[0].done, records[0].events.len()), (0, 1));
}

#[test]
fn there_are_seats_for_many_and_then_none() {
    let flight = Flight::create().expect("memfd");
    let who = |pid| Identity { pid, start: 1 };
    for pid in 1..=SEATS as u32 {
        assert!(flight.enter(who(pid)).is_some());
    }
    assert_eq!(flight.enter(who(5000)), None);
    assert!(flight.take(17).is_some());
    assert!(flight.enter(who(5000)).is_some());
    assert_eq!(flight.enter(who(5001)), None);
    assert_eq!(flight.records().len(), SEATS);
}

#[test]
fn who_reads_while_it_is_written_sees_nothing_torn() {
    let flight = Flight::create().expect("memfd");
    let seat = seat(&flight);
    let end = clock::now() + 300_000_000;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0;
            while clock::now() < end {
                number += 1;
                seat.begin(number, Phase::Running, number * 3);
                let text = [b'a' + (number % 26) as u8; 64];
                seat.call(&text[..(number % 60) as usize]);
                seat.sample(seat.in_hand().expect("begun"), number, 0, |room| {
                    for _ in 0..number % 50 {
                        assert!(room.push(&text));
                    }
                });
                seat.end(0, number * 3 + 1);
            }
        });
        let mut seen = 0;
        while clock::now() < end {
            let Some(record) = flight.records().pop() else { continue };
            if let Some(task) = record.task {
                assert_eq!(task.since, task.number * 3);
            }
            for event in &record.events {
                let late = u64::from(event.what != What::Begun);
                assert_eq!(event.when, event.number * 3 + late);
            }
            let Some(sample) = record.sample else { continue };
            let letter = b'a' + (sample.when % 26) as u8;
            assert_eq!(sample.task.number, sample.when);
            assert_eq!(sample.name, vec![letter; (sample.when % 60) as usize]);
            assert_eq!(sample.text, vec![letter; 64 * (sample.when % 50) as usize]);
            seen += 1;
        }
        assert!(seen > 0);
    });
}

#[test]
fn other_memory_is_refused() {
    let other = Segment::create(LEN - HEADER, LAYOUT + 1).expect("memfd");
    let fd = other.as_fd().try_clone_to_owned().expect("dup");
    assert!(matches!(Flight::open(fd), Err(OpenError::Layout { .. })));
    let short = Segment::create(64, LAYOUT).expect("memfd");
    let fd = short.as_fd().try_clone_to_owned().expect("dup");
    assert!(matches!(Flight::open(fd), Err(OpenError::Corrupt)));
    let flight = Flight::create().expect("memfd");
    control(&flight.segment).namespace.fetch_add(1, Relaxed);
    let fd = flight.as_fd().try_clone_to_owned().expect("dup");
    assert!(matches!(Flight::open(fd), Err(OpenError::Namespace)));
}

#[test]
fn scribbles_in_it_are_read_without_harm() {
    let flight = Flight::create().expect("memfd");
    let seat = seat(&flight);
    seat.begin(1, Phase::Running, 1);
    seat.sample(seat.in_hand().expect("begun"), 1, 0, |_| ());
    control(&flight.segment).used.store(u32::MAX, Relaxed);
    let start = flight.segment.mapping().start();
    for offset in (SAMPLES_AT..SAMPLES_AT + (16 << 10)).step_by(4) {
        // SAFETY: rules 1 and 2.
        unsafe { start.add(offset).cast::<AtomicU32>().as_ref() }.store(u32::MAX - 3, Relaxed);
    }
    for offset in (HEADS_AT + 16..HEADS_AT + 384).step_by(4) {
        // SAFETY: rules 1 and 2.
        unsafe { start.add(offset).cast::<AtomicU32>().as_ref() }.store(u32::MAX, Relaxed);
    }
    drop(flight.records());
    assert!(flight.enter(Identity { pid: 77, start: 7 }).is_some());
}
