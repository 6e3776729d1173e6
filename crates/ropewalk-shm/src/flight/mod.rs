//! What each worker process is doing, written down where it can be read after the worker was killed.
//!
//! ```text
//! 0        header of the segment: magic, layout, maker
//! 64       the pid namespace in which workers are named; how many seats were ever taken
//! 128      heads of seats, 384 bytes each: who, what it has in hand, its last events
//! 512 KiB  two samples for each seat, 8 KiB each: what was seen when the worker was looked at
//! ```
//!
//! A crew has one such segment. A worker takes a seat and writes there what it begins and ends, with a few plain
//! stores; a handler of a signal adds a sample now and then. Who reads needs no lock and may be any process: the crew
//! when a worker has died, or somebody who looks from outside. The file is sparse: a seat that nobody takes, or whose
//! worker has short tasks only, costs a page or none.
//!
//! | file | what it is |
//! |---|---|
//! | `head` | who has a seat, what it has in hand, what it did last |
//! | `sample` | what was seen when it was looked at |
//! | `seat` | a worker's own seat |
//!
//! What must stay true:
//!
//! 1. One worker writes a seat: the process whose number is in it. A seat is free with number 0, and whose it is counts
//!    only with its start time, which is written last (law 2).
//! 2. What is in hand is one word, stored last when a task begins and first when it ends: what stands beside it belongs
//!    to it if the word is the same before and after.
//! 3. A sample is written into the half that is not true, and made true by one store (law 1).
//! 4. The seat of a worker that has died is freed by the crew when it was read, never by another worker.
//!
//! # Contract of the unsafe code
//!
//! 1. The mapping has `LEN` bytes, starts at a page and lives as long as the `Flight`; header, heads and samples lie
//!    inside, each at a multiple of its alignment.
//! 2. They are made of atomics alone, for which any bytes are a value.
#![allow(unsafe_code)]

mod head;
mod sample;
mod seat;

pub use head::{Event, Phase, Task, What};
pub use sample::{Sample, Text};
pub use seat::Seat;

use crate::segment::{HEADER, OpenError, Segment};
use head::Head;
use ropewalk_os::identity::{self, Identity};
use sample::Half;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed};

/// The version of everything in this folder.
const LAYOUT: u32 = 3 << 16 | 1;

/// Seats in a segment, as many as a queue has places for processes.
pub const SEATS: usize = 1024;

const HEADS_AT: usize = 128;
const SAMPLES_AT: usize = 512 << 10;
const LEN: usize = SAMPLES_AT + SEATS * size_of::<[Half; 2]>();

const _: () = assert!(HEADS_AT + SEATS * size_of::<Head>() <= SAMPLES_AT && size_of::<Half>() == 8 << 10);

#[repr(C, align(64))]
#[derive(Debug)]
struct Control {
    namespace: AtomicU64,
    used: AtomicU32,
}

/// What stands in a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The worker.
    pub who: Identity,
    /// What it has in hand, or had when it died.
    pub task: Option<Task>,
    /// Tasks that it has answered.
    pub done: u64,
    /// What it did last, the last at the end.
    pub events: Vec<Event>,
    /// What was seen when it was last looked at.
    pub sample: Option<Sample>,
}

/// The seats of a crew's workers.
#[derive(Debug)]
pub struct Flight {
    segment: Segment,
}

impl Flight {
    /// A new one, with all seats free.
    ///
    /// # Errors
    /// What the system reports: no descriptors or no address space left, no `/proc`.
    pub fn create() -> io::Result<Flight> {
        let namespace = identity::pid_namespace()?;
        let segment = Segment::create_with(LEN - HEADER, LAYOUT, |segment| {
            control(segment).namespace.store(namespace, Relaxed);
            Ok(())
        })?;
        Ok(Flight { segment })
    }

    /// The one that another process made.
    ///
    /// # Errors
    /// [`OpenError`]; nothing is taken from memory that is not such a segment of this version.
    pub fn open(fd: OwnedFd) -> Result<Flight, OpenError> {
        let segment = Segment::open(fd, LAYOUT)?;
        if segment.mapping().len() != LEN {
            return Err(OpenError::Corrupt);
        }
        if control(&segment).namespace.load(Relaxed) != identity::pid_namespace()? {
            return Err(OpenError::Namespace);
        }
        Ok(Flight { segment })
    }

    /// What stands in the seat of the worker with this number, whose seat is free then: for the crew, when it is dead.
    pub fn take(&self, pid: u32) -> Option<Record> {
        let number = (0..self.used()).find(|&number| self.head(number).pid() == pid)?;
        let record = self.read(number);
        self.head(number).free();
        record
    }

    /// What stands in all seats.
    pub fn records(&self) -> Vec<Record> {
        (0..self.used()).filter_map(|number| self.read(number)).collect()
    }

    fn read(&self, number: usize) -> Option<Record> {
        let head = self.head(number);
        let who = head.who()?;
        let record = Record {
            who,
            task: head.task(),
            done: head.done(),
            events: head.events(),
            sample: sample::read(head.sampled(), self.halves(number)),
        };
        // Another's meanwhile?
        (head.who() == Some(who)).then_some(record)
    }

    /// A free seat, taken for the calling process.
    fn enter(&self, who: Identity) -> Option<usize> {
        let free = (0..self.used()).find(|&number| self.head(number).take(who));
        free.or_else(|| {
            loop {
                let number = control(&self.segment).used.fetch_add(1, Relaxed) as usize;
                if number >= SEATS {
                    control(&self.segment).used.store(SEATS as u32, Relaxed);
                    return None;
                }
                if self.head(number).take(who) {
                    return Some(number);
                }
            }
        })
    }

    fn used(&self) -> usize {
        SEATS.min(control(&self.segment).used.load(Acquire) as usize)
    }

    fn head(&self, number: usize) -> &Head {
        let number = number % SEATS;
        // SAFETY: rules 1 and 2: there are so many heads.
        unsafe { self.segment.mapping().start().add(HEADS_AT).cast::<Head>().add(number).as_ref() }
    }

    fn halves(&self, number: usize) -> &[Half; 2] {
        let number = number % SEATS;
        // SAFETY: rules 1 and 2, as above.
        unsafe { self.segment.mapping().start().add(SAMPLES_AT).cast::<[Half; 2]>().add(number).as_ref() }
    }
}

fn control(segment: &Segment) -> &Control {
    // SAFETY: rules 1 and 2; whoever calls has looked at the length, or made it.
    unsafe { segment.body().cast::<Control>().as_ref() }
}

impl AsFd for Flight {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.segment.as_fd()
    }
}

#[cfg(test)]
mod tests;
