//! Who has a seat, what it has in hand, what it did last.

use ropewalk_os::identity::Identity;
use std::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
    fence,
};

/// Places for events. All but one can be read.
const EVENTS: usize = 16;

/// The part of a seat that is written with every task, in cache lines of its own.
#[repr(C, align(128))]
#[derive(Debug)]
pub(super) struct Head {
    pid: AtomicU32,
    /// Samples that were made: the last is in the half of this number's parity.
    sampled: AtomicU32,
    /// 0: the seat is being taken or freed.
    start: AtomicU64,
    /// The number of the task in hand, and in the lowest three bits its phase.
    in_hand: AtomicU64,
    /// When that was begun.
    since: AtomicU64,
    done: AtomicU64,
    /// Events that were written.
    happened: AtomicU64,
    _spare: [AtomicU64; 2],
    events: [Written; EVENTS],
}

/// An event: when; and its task's number, the kind of the answer, and whether it was one.
#[repr(C)]
#[derive(Debug)]
struct Written {
    when: AtomicU64,
    what: AtomicU64,
}

/// What a worker does with the task in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Phase {
    /// It prepares for tasks; that has the number 0.
    Starting = 1,
    /// It reads the task.
    Reading = 2,
    /// It does the task.
    Running = 3,
    /// It writes the answer.
    Answering = 4,
}

impl Phase {
    pub(super) fn of(bits: u64) -> Option<Phase> {
        [Phase::Starting, Phase::Reading, Phase::Running, Phase::Answering]
            .into_iter()
            .find(|&phase| phase as u64 == bits)
    }
}

/// The task in hand of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its number in the crew.
    pub number: u64,
    /// What the worker does with it.
    pub phase: Phase,
    /// When it was taken, in nanoseconds of [`ropewalk_os::clock::now`].
    pub since: u64,
}

/// What happened to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A worker took it in hand.
    Begun,
    /// The worker answered it; what kind of answer it was is the crew's to know.
    Answered(u8),
}

/// Something that happened to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, in nanoseconds of [`ropewalk_os::clock::now`].
    pub when: u64,
    /// The task's number in the crew.
    pub number: u64,
    /// What happened to it.
    pub what: What,
}

impl Head {
    pub(super) fn pid(&self) -> u32 {
        self.pid.load(Acquire)
    }

    /// Whose seat it is; `None` if it is nobody's, or about to be.
    pub(super) fn who(&self) -> Option<Identity> {
        let start = self.start.load(Acquire); // pairs with the store in `take`
        let pid = self.pid.load(Relaxed);
        (start != 0 && pid != 0).then_some(Identity { pid, start })
    }

    /// Takes the seat, if it is free.
    pub(super) fn take(&self, who: Identity) -> bool {
        if self.pid.load(Relaxed) != 0 || self.pid.compare_exchange(0, who.pid, AcqRel, Relaxed).is_err() {
            return false;
        }
        for word in [&self.in_hand, &self.since, &self.done, &self.happened] {
            word.store(0, Relaxed);
        }
        self.sampled.store(0, Relaxed);
        self.start.store(who.start, Release); // rule 1: last
        true
    }

    pub(super) fn free(&self) {
        self.start.store(0, Release);
        self.pid.store(0, Release);
    }

    /// How many samples there are.
    pub(super) fn sampled(&self) -> &AtomicU32 {
        &self.sampled
    }

    pub(super) fn done(&self) -> u64 {
        self.done.load(Relaxed)
    }

    /// The worker's own view.
    pub(super) fn now_in_hand(&self) -> Option<Task> {
        task(self.in_hand.load(Relaxed), self.since.load(Relaxed))
    }

    /// What is in hand, as another process sees it; also `None` if that never stood still.
    pub(super) fn task(&self) -> Option<Task> {
        for _ in 0..16 {
            let word = self.in_hand.load(Acquire);
            let since = self.since.load(Relaxed);
            fence(Acquire);
            if self.in_hand.load(Relaxed) == word {
                return task(word, since); // rule 2
            }
        }
        None
    }

    /// A task is in hand. Nothing was before, or this is the first.
    #[inline]
    pub(super) fn begin(&self, number: u64, phase: Phase, now: u64) {
        self.since.store(now, Relaxed);
        self.in_hand.store(number << 3 | phase as u64, Release); // rule 2: last
    }

    #[inline]
    pub(super) fn turn_to(&self, phase: Phase) {
        let number = self.in_hand.load(Relaxed) & !7;
        self.in_hand.store(number | phase as u64, Release);
    }

    /// Nothing is in hand.
    #[inline]
    pub(super) fn end(&self) {
        self.in_hand.store(0, Relaxed); // rule 2: first
        fence(Release);
    }

    #[inline]
    pub(super) fn count(&self) {
        self.done.store(self.done.load(Relaxed).wrapping_add(1), Relaxed);
    }

    #[inline]
    pub(super) fn note(&self, what: What, number: u64, now: u64) {
        let happened = self.happened.load(Relaxed);
        let place = &self.events[happened as usize % EVENTS];
        place.when.store(now, Relaxed);
        let what = match what {
            What::Begun => 0,
            What::Answered(kind) => u64::from(kind) << 1 | 1,
        };
        place.what.store(number << 9 | what, Relaxed);
        self.happened.store(happened.wrapping_add(1), Release);
    }

    /// The last events, the last at the end. The first of those that have places may be in the midst of being replaced.
    pub(super) fn events(&self) -> Vec<Event> {
        let until = self.happened.load(Acquire);
        let first = until.saturating_sub(EVENTS as u64 - 1);
        let read = |number: u64| self.events[number as usize % EVENTS].read();
        let mut events: Vec<_> = (first..until).map(read).collect();
        fence(Acquire);
        let meanwhile = self.happened.load(Relaxed).wrapping_sub(until) as usize;
        events.drain(..meanwhile.min(events.len()));
        events
    }
}

impl Written {
    fn read(&self) -> Event {
        let what = self.what.load(Relaxed);
        Event {
            when: self.when.load(Relaxed),
            number: what >> 9,
            what: if what & 1 == 0 { What::Begun } else { What::Answered((what >> 1) as u8) },
        }
    }
}

fn task(word: u64, since: u64) -> Option<Task> {
    Phase::of(word & 7).map(|phase| Task { number: word >> 3, phase, since })
}
