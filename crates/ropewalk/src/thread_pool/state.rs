//! What a line of tasks knows, and what each change of it owes to whom.

use super::answer::{Next, NotTaken};
use super::rhythm::Rhythm;
use crate::park::{Line, Sleeper};
use crate::primitive::Arc;
use ropewalk_os::{clock, thread};
use std::collections::VecDeque;

#[derive(Debug)]
pub(super) struct State<T> {
    pub(super) tasks: VecDeque<T>,
    /// Of `tasks`, how many were claimed by threads that waited for them.
    pub(super) husks: usize,
    pub(super) idle: Line,
    /// An idle worker was woken and has not arrived.
    pub(super) waking: bool,
    /// The worker on its way, if it was not really woken yet: that is left to who pushed.
    pub(super) quiet: Woken,
    pub(super) rhythm: Rhythm,
    pub(super) open: bool,
    pub(super) summoned: bool,
    pub(super) crew: usize,
    pub(super) crew_limit: usize,
    pub(super) capacity: usize,
    pub(super) pushers: Line,
}

/// Who is to be woken once the lock is given back.
pub(super) type Woken = Option<Arc<Sleeper>>;

pub(super) fn grant(sleeper: Woken) {
    if let Some(sleeper) = sleeper {
        sleeper.grant();
    }
}

pub(super) struct Found<T> {
    pub(super) next: Next<T>,
    pub(super) wake: Woken,
    pub(super) pusher: Woken,
}

impl<T> State<T> {
    pub(super) fn waiting(&self) -> usize {
        self.tasks.len() - self.husks.min(self.tasks.len())
    }

    /// Workers that are idle, or on their way.
    pub(super) fn free_hands(&self) -> usize {
        self.idle.len() + usize::from(self.waking)
    }

    pub(super) fn is_short_handed(&self) -> bool {
        self.crew < self.crew_limit && self.waiting() >= self.free_hands()
    }

    pub(super) fn admit(&mut self, task: T) -> Result<Woken, NotTaken<T>> {
        if !self.open {
            return Err(NotTaken::Closed(task));
        }
        if self.waiting() >= self.capacity {
            return Err(NotTaken::Full(task));
        }
        Ok(self.push(task))
    }

    /// Takes a task in. Who is to be woken for it now.
    #[inline]
    pub(super) fn push(&mut self, task: T) -> Woken {
        let steady = self.rhythm.push(thread::current(), clock::now);
        self.tasks.push_back(task);
        self.rouse();
        let worker = self.wake_one()?;
        if !steady || !worker.grant_quietly() {
            return Some(worker);
        }
        self.quiet = Some(worker);
        None
    }

    /// Nothing is left to who pushed any more.
    #[inline]
    pub(super) fn rouse(&mut self) {
        if let Some(worker) = self.quiet.take() {
            worker.rouse();
        }
    }

    /// One wake in flight: wakes an idle worker if there is work and none is on its way.
    #[inline]
    pub(super) fn wake_one(&mut self) -> Woken {
        if self.waking || self.tasks.is_empty() {
            return None;
        }
        let worker = self.idle.pop()?;
        self.waking = true;
        Some(worker)
    }

    #[inline]
    pub(super) fn take(&mut self) -> Option<Found<T>> {
        match self.tasks.pop_front() {
            Some(task) => {
                let pusher = self.pusher();
                Some(Found { next: Next::Task(task), wake: self.wake_one(), pusher })
            }
            None if self.summoned => Some(Found { next: Next::Summoned, wake: None, pusher: None }),
            None => None,
        }
    }

    /// Somebody who waits for room, if there is some.
    #[inline]
    pub(super) fn pusher(&mut self) -> Woken {
        if self.pushers.is_empty() || self.waiting() >= self.capacity { None } else { self.pushers.pop() }
    }
}
