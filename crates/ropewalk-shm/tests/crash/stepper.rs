//! A process killed after each single instruction of an operation, and what the others see.
//!
//! How a victim comes to its moment: `way`. A step is ten thousand times as slow as the instruction, more so on a machine with other work, and the clock goes on
//! meanwhile. So what ends by the clock may have ended: a scene goes on from there, and none asks for it to be otherwise.

use crate::ledger::Ledger;
use crate::process::{Child, Traced};
use crate::scenes::{self, AS_IT_SHOULD, Act, RESCUED, Scene, counts, pop};
use crate::way::{AtSleep, Way};
use ropewalk_os::Deadline;
use ropewalk_shm::ring::Ring;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Moments of one scene in the short form, and how long they may take: when it is over, the rest are left out.
const SAMPLES: usize = 40;
const ENOUGH: Duration = Duration::from_secs(2);

/// How long the only sleeper of a scene sleeps before it looks for itself (`LONE_SLICE` of `line.rs`).
const LONE_SLICE: Duration = Duration::from_secs(5);
/// How long one of several does.
const SLICE: Duration = Duration::from_millis(100);

/// What was seen in one scene.
#[derive(Debug, Default)]
pub struct Tally {
    pub instructions: usize,
    pub moments: usize,
    pub happened: usize,
    pub rescued: usize,
    pub way: Way,
}

/// Whether this system lets a process trace its child.
pub fn is_permitted() -> bool {
    Child::traced(|| 0).is_some_and(|mut child| child.is_told_of())
}

/// Runs an operation to its end, and then kills it at each of its moments, or at some, spread evenly however many of them
/// there is time for. `kill_at` says after how many instructions it did.
pub fn for_moments(full: bool, mut kill_at: impl FnMut(usize, &mut Tally) -> usize) -> Tally {
    let mut whole = Tally::default();
    let instructions = kill_at(usize::MAX, &mut whole);
    let mut tally = Tally { instructions, way: whole.way, ..Tally::default() };
    let begun = Instant::now();
    let count = if full { instructions } else { instructions.min(SAMPLES) };
    for number in 0..=count {
        if !full && begun.elapsed() > ENOUGH {
            break;
        }
        let moment = if full { number } else { spread(number, count) * instructions / count.max(1) };
        let strayed = tally.way.strayed;
        kill_at(moment, &mut tally);
        if tally.way.strayed > strayed {
            tally.way.is_stepped = true;
            kill_at(moment, &mut tally);
            tally.way.is_stepped = false;
        }
        tally.moments += 1;
    }
    tally
}

/// The numbers up to `count`, each once, in an order of which every beginning is spread too.
fn spread(number: usize, count: usize) -> usize {
    let stride = (count * 5 / 8..).find(|&stride| greatest_common_divisor(stride, count + 1) == 1);
    (count + number * stride.expect("a prime is larger")) % (count + 1)
}

fn greatest_common_divisor(one: usize, other: usize) -> usize {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}

/// Runs the operation of a scene to its end once for each moment, and kills it there.
pub fn run(scene: &Scene, full: bool) -> Tally {
    for_moments(full, |moment, tally| kill_at(scene, moment, tally))
}

/// Kills the victim after `moment` instructions, or lets it end; says how many it did.
fn kill_at(scene: &Scene, moment: usize, tally: &mut Tally) -> usize {
    let ring = scenes::ring(scene);
    let seen = Ledger::new(256);
    let begun = Instant::now();
    let mut sleepers: Vec<Child> = Vec::new();
    for act in scene.sleepers {
        let sleeper = Child::spawn(|| act.perform(&ring, &seen));
        while ring.sleepers()[act.line()] <= sleepers.len() as u32 {
            std::thread::yield_now();
        }
        sleeper.wait_asleep();
        sleepers.push(sleeper);
    }

    let before = counts(&ring);
    let mut victim = Child::traced(|| scene.victim.perform(&ring, &seen)).expect("permitted");
    let end = if scene.goes_to_sleep() { Traced::Asleep } else { Traced::Ended };
    let steps = step_to(&mut victim, moment, end, scene.name, tally);
    victim.kill();

    let place = || format!("{}, killed after {steps} instructions", scene.name);
    let happened = (scene.happened)(before, &ring);
    tally.happened += usize::from(happened);
    if !happened {
        // It has not happened, so it can be done: nothing of the half-done stands in the way.
        assert_eq!(scene.victim.perform(&ring, &seen), AS_IT_SHOULD, "{}", place());
    }
    // Who has slept its slice out while the victim was stepped may have been the first to look.
    let may_be_rescued = scene.sleepers.len() > 1 || begun.elapsed() >= LONE_SLICE;
    for _ in 0..scene.frees {
        finish_one(&mut sleepers, tally, may_be_rescued, &place);
    }
    for number in 0..sleepers.len() as u8 {
        match scene.sleepers[0] {
            Act::Push(_) | Act::PushParts(_) => drop(Act::Pop.perform(&ring, &seen)),
            _ => drop(Act::Push(20 + number).perform(&ring, &seen)),
        }
        finish_one(&mut sleepers, tally, true, &place);
    }
    settle(&ring, &seen, &place);
    let seen: Vec<u32> = seen.cells().iter().map(|cell| cell.load(Relaxed)).collect();
    assert!(seen[1..].iter().all(|&count| count <= 1), "{}: a record came twice", place());
    let came: u32 = seen.iter().sum();
    let lost = counts(&ring).popped - before.popped - u64::from(came);
    let at_most = u64::from(matches!(scene.victim, Act::Pop | Act::PopParts));
    assert!(lost <= at_most, "{}: {lost} records were lost", place());
    (scene.afterwards)(&ring);
    steps
}

/// So many instructions further, or to the end that is expected; says how many.
pub fn step_to(victim: &mut Child, moment: usize, end: Traced, name: &str, tally: &mut Tally) -> usize {
    let (steps, stands) = tally.way.follow(victim, moment, AtSleep::End);
    assert!(stands == Traced::Stopped || stands == end, "{name}, after {steps} instructions: {stands:?}");
    steps
}

/// A getter that is stepped so slowly that its slice is over before each of its sleeps: its steps come to an end all the
/// same, and nobody who sleeps is harmed by it.
pub fn run_late() {
    let (ring, seen) = (scenes::ring(scenes::scene("push into an empty ring")), Ledger::new(256));
    let mut other = vec![Child::spawn(|| Act::Pop.perform(&ring, &seen))];
    while ring.sleepers()[0] != 1 {
        std::thread::yield_now();
    }
    other[0].wait_asleep();
    let mut victim = Child::traced(|| Act::Pop.perform(&ring, &seen)).expect("permitted");
    loop {
        if ring.sleepers()[0] == 2 && victim.is_before_system_call() {
            std::thread::sleep(2 * SLICE); // it is the clock that must go on
        }
        match victim.step_or_sleep() {
            Traced::Stopped => {}
            end => break assert_eq!(end, Traced::Asleep),
        }
    }
    victim.kill();
    Act::Push(9).perform(&ring, &seen);
    finish_one(&mut other, &mut Tally::default(), true, &|| "a late getter".into());
    settle(&ring, &seen, &|| "a late getter".into());
}

/// One of the sleepers must end now, by itself.
fn finish_one(
    sleepers: &mut Vec<Child>,
    tally: &mut Tally,
    may_be_rescued: bool,
    place: &impl Fn() -> String,
) {
    match Child::first_to_end(sleepers) {
        Some(AS_IT_SHOULD) => {}
        Some(RESCUED) if may_be_rescued => tally.rescued += 1,
        Some(code) => panic!("{}: a sleeper ended with {code}", place()),
        None => panic!("{}: {} sleepers hang", place(), sleepers.len()),
    }
}

/// Everything out, one in and out: the ring works and is empty, and no block is anybody's.
fn settle(ring: &Ring, seen: &Ledger, place: &impl Fn() -> String) {
    if ring.is_closed().expect("whole") {
        return;
    }
    while pop(ring, seen, Deadline::NOW).is_some() {}
    Act::Push(30).perform(ring, seen);
    assert_eq!(pop(ring, seen, Deadline::NOW), Some(30), "{}", place());
    assert_eq!(pop(ring, seen, Deadline::NOW), None, "{}", place());
    let blocks = ring.blocks().expect("whole");
    assert_eq!((blocks.writing, blocks.queued, blocks.reading), (0, 0, 0), "{}", place());
}

/// What ends the sleep of a getter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    Record,
    Deadline,
}

/// A getter whose sleep was ended, killed at each instruction from there on, with `behind` others asleep behind it.
pub fn run_woken(wake: Wake, behind: usize, full: bool) -> Tally {
    for_moments(full, |moment, tally| kill_woken_at(wake, behind, moment, tally))
}

/// A getter that stands at the entry of its sleep. Stepped there its deadline would have passed; on a slow machine it may
/// so too, and the next gets more time.
fn on_its_way_to_sleep(wake: Wake, ring: &Ring, seen: &Ledger) -> Child {
    for patience in (0..12).map(|doubled| 20 << doubled) {
        let act = if wake == Wake::Record { Act::Pop } else { Act::PopSoon(patience) };
        let mut victim = Child::traced(|| act.perform(ring, seen)).expect("permitted");
        while victim.run_to_system_call() == Traced::Stopped {
            if victim.enters_sleep() {
                return victim;
            }
        }
    }
    panic!("{wake:?}: it never sleeps");
}

fn kill_woken_at(wake: Wake, behind: usize, moment: usize, tally: &mut Tally) -> usize {
    let ring = scenes::ring(scenes::scene("push into an empty ring"));
    let seen = Ledger::new(256);
    let mut victim = on_its_way_to_sleep(wake, &ring, &seen);
    victim.begin_step();
    if wake == Wake::Record {
        victim.wait_asleep();
    }
    let mut others: Vec<Child> = Vec::new();
    for _ in 0..behind {
        let other = Child::spawn(|| Act::Pop.perform(&ring, &seen));
        while ring.sleepers()[0] < others.len() as u32 + 2 {
            std::thread::yield_now();
        }
        other.wait_asleep();
        others.push(other);
    }

    if wake == Wake::Record {
        Act::Push(9).perform(&ring, &seen);
    }
    assert_eq!(victim.trace_stop(), Traced::Stopped);
    // To its end; or to its next sleep, if one that was behind it had looked by itself before it came to the record.
    let (steps, _) = tally.way.follow(&mut victim, moment, AtSleep::End);
    victim.kill();

    if wake == Wake::Deadline {
        Act::Push(9).perform(&ring, &seen);
    }
    let place = || format!("{wake:?} for a getter, killed after {steps} instructions, {behind} behind it");
    if counts(&ring).popped == 1 {
        // The victim has it, or has left it to another already.
        tally.happened += 1;
        Act::Push(11).perform(&ring, &seen);
    }
    for name in 0..others.len() as u8 {
        if name > 0 {
            Act::Push(11 + name).perform(&ring, &seen);
        }
        finish_one(&mut others, tally, true, &place);
    }
    settle(&ring, &seen, &place);
    assert!(seen.cells().iter().all(|cell| cell.load(Relaxed) <= 1), "{}: a record came twice", place());
    steps
}
