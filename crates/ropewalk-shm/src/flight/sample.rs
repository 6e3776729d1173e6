//! What was seen when a worker was looked at.

use super::head::{Phase, Task};
use std::sync::atomic::{
    AtomicU8, AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};

/// Bytes of a name, and of a text.
pub(super) const NAME: usize = 192;
const TEXT: usize = (8 << 10) - 64 - NAME;

/// One of the two samples of a seat.
#[repr(C, align(64))]
#[derive(Debug)]
pub(super) struct Half {
    when: AtomicU64,
    number: AtomicU64,
    since: AtomicU64,
    resident: AtomicU64,
    phase: AtomicU32,
    signal: AtomicU32,
    name_len: AtomicU32,
    text_len: AtomicU32,
    _spare: [AtomicU64; 2],
    name: [AtomicU8; NAME],
    text: [AtomicU8; TEXT],
}

/// What was seen when a worker was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When, in nanoseconds of [`ropewalk_os::clock::now`].
    pub when: u64,
    /// What was in hand; its phase is as it was then.
    pub task: Task,
    /// Bytes of real memory that the process used; 0 if unknown.
    pub resident: u64,
    /// The signal by which the process was about to die; 0 if it was time to look.
    pub signal: u32,
    /// What the task is called, as far as there was room.
    pub name: Vec<u8>,
    /// Where the worker was: what its program wrote about itself, as far as there was room.
    pub text: Vec<u8>,
}

/// What is known before anybody writes a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) when: u64,
    pub(super) task: Task,
    pub(super) resident: u64,
    pub(super) signal: u32,
}

/// Room for a text.
#[derive(Debug)]
pub struct Text<'a> {
    into: &'a [AtomicU8; TEXT],
    len: usize,
}

impl Text<'_> {
    /// Appends all of this, or nothing; whether there was room. May be called by a signal's handler.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        let Some(room) = self.into.get(self.len..self.len + bytes.len()) else { return false };
        for (place, &byte) in room.iter().zip(bytes) {
            place.store(byte, Relaxed);
        }
        self.len += bytes.len();
        true
    }

    /// How long it is.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was appended.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes back what was appended since it was as long as this.
    pub fn cut(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}

/// Makes one more sample true. `name` gives a name in words, and its length in bytes.
pub(super) fn write(
    sampled: &AtomicU32,
    halves: &[Half; 2],
    facts: Facts,
    name: impl Iterator<Item = u8>,
    text: impl FnOnce(&mut Text<'_>),
) {
    let next = sampled.load(Relaxed).wrapping_add(1);
    let half = &halves[next as usize % 2]; // rule 3
    fence(Release); // a reader that sees any of this sees that the half was given up
    half.when.store(facts.when, Relaxed);
    half.number.store(facts.task.number, Relaxed);
    half.since.store(facts.task.since, Relaxed);
    half.phase.store(facts.task.phase as u32, Relaxed);
    half.resident.store(facts.resident, Relaxed);
    half.signal.store(facts.signal, Relaxed);
    let mut len = 0;
    for (place, byte) in half.name.iter().zip(name) {
        place.store(byte, Relaxed);
        len += 1;
    }
    half.name_len.store(len, Relaxed);
    let mut room = Text { into: &half.text, len: 0 };
    text(&mut room);
    half.text_len.store(room.len as u32, Relaxed);
    sampled.store(next, Release); // rule 3: the commit
}

/// The last sample, as another process sees it; `None` if there is none, or if there was one after the other.
pub(super) fn read(sampled: &AtomicU32, halves: &[Half; 2]) -> Option<Sample> {
    for _ in 0..4 {
        let number = sampled.load(Acquire);
        if number == 0 {
            return None;
        }
        let sample = halves[number as usize % 2].read();
        fence(Acquire);
        // With one more, the next is being written into this half.
        if sampled.load(Relaxed) == number {
            return sample;
        }
    }
    None
}

impl Half {
    fn read(&self) -> Option<Sample> {
        let bytes = |from: &[AtomicU8], len: &AtomicU32| {
            let len = (len.load(Relaxed) as usize).min(from.len()); // law 4
            from[..len].iter().map(|byte| byte.load(Relaxed)).collect()
        };
        let phase = Phase::of(u64::from(self.phase.load(Relaxed)))?;
        Some(Sample {
            when: self.when.load(Relaxed),
            task: Task { number: self.number.load(Relaxed), phase, since: self.since.load(Relaxed) },
            resident: self.resident.load(Relaxed),
            signal: self.signal.load(Relaxed),
            name: bytes(&self.name, &self.name_len),
            text: bytes(&self.text, &self.text_len),
        })
    }
}
