//! A worker's own seat: what it writes there.

use super::head::{Phase, Task, What};
use super::sample::{self, Facts, NAME, Text};
use super::{Flight, Record};
use ropewalk_os::identity::Identity;
use ropewalk_os::{fork, own_memory};
use std::io;
use std::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Relaxed, SeqCst},
    compiler_fence,
};

/// The seat of the calling process. A handler of a signal may write a sample while the process writes anything else.
///
/// In the child of a fork it is the parent's, and writes nothing.
#[derive(Debug)]
pub struct Seat {
    flight: Flight,
    number: usize,
    epoch: u32,
    /// What the task in hand is called: only a sample makes it known to others, so that most tasks need not copy it.
    name: [AtomicU64; NAME / 8],
    name_len: AtomicU32,
}

impl Seat {
    /// Takes a seat; `None` if all are taken.
    ///
    /// # Errors
    /// As [`Identity::current`].
    pub fn take(flight: Flight) -> io::Result<Option<Seat>> {
        fork::watch();
        let number = flight.enter(Identity::current()?);
        Ok(number.map(|number| Seat {
            flight,
            number,
            epoch: fork::epoch(),
            name: [const { AtomicU64::new(0) }; NAME / 8],
            name_len: AtomicU32::new(0),
        }))
    }

    /// The task with this number is in hand, since now.
    #[inline]
    pub fn begin(&self, number: u64, phase: Phase, now: u64) {
        if self.is_ours() {
            let head = self.flight.head(self.number);
            self.name_len.store(0, Relaxed);
            compiler_fence(SeqCst); // a handler takes no old name for the new task's
            head.begin(number, phase, now);
            if number != 0 {
                head.note(What::Begun, number, now);
            }
            compiler_fence(SeqCst);
        }
    }

    /// The worker does something else with the task in hand.
    #[inline]
    pub fn turn_to(&self, phase: Phase) {
        if self.is_ours() {
            self.flight.head(self.number).turn_to(phase);
        }
    }

    /// What the task in hand is called; too long a name is cut.
    #[inline]
    pub fn call(&self, name: &[u8]) {
        self.name_len.store(0, Relaxed);
        compiler_fence(SeqCst); // a handler in between sees none
        let name = &name[..name.len().min(NAME)];
        for (place, bytes) in self.name.iter().zip(name.chunks(8)) {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            place.store(u64::from_ne_bytes(word), Relaxed);
        }
        compiler_fence(SeqCst);
        self.name_len.store(name.len() as u32, Relaxed);
    }

    /// The task in hand was answered, by an answer of this kind.
    #[inline]
    pub fn end(&self, kind: u8, now: u64) {
        if self.is_ours()
            && let Some(task) = self.in_hand()
        {
            let head = self.flight.head(self.number);
            head.end();
            head.count();
            head.note(What::Answered(kind), task.number, now);
        }
    }

    /// Nothing is in hand, and nothing was done: the process is ready for its first task.
    pub fn rest(&self) {
        if self.is_ours() {
            self.flight.head(self.number).end();
        }
    }

    /// What is in hand.
    #[inline]
    pub fn in_hand(&self) -> Option<Task> {
        self.flight.head(self.number).now_in_hand()
    }

    /// Writes down what is in hand now, with what `text` says; for a handler of a signal, in the process whose seat it is.
    /// `signal` is 0 if it was time to.
    pub fn sample(&self, task: Task, when: u64, signal: u32, text: impl FnOnce(&mut Text<'_>)) {
        let facts = Facts { when, task, resident: own_memory::resident_bytes(), signal };
        let len = (self.name_len.load(Relaxed) as usize).min(NAME);
        let name = self.name.iter().flat_map(|word| word.load(Relaxed).to_ne_bytes()).take(len);
        let (head, halves) = (self.flight.head(self.number), self.flight.halves(self.number));
        sample::write(head.sampled(), halves, facts, name, text);
    }

    /// What others would read.
    pub fn read(&self) -> Option<Record> {
        self.flight.read(self.number)
    }

    /// Gives the seat back, unless something is in hand: then it is to be read.
    pub fn leave(&self) {
        if self.is_ours() && self.in_hand().is_none() {
            self.flight.head(self.number).free();
        }
    }

    #[inline]
    fn is_ours(&self) -> bool {
        self.epoch == fork::epoch()
    }
}
