//! From one wait along its helpers: is everybody on the way asleep?
//!
//! A wait is hopeless if all who could end it are asleep and wait hopelessly themselves. A lock has one owner; a
//! task in a pool's line may be run by any worker, and is lost only if all are. In both cases *everybody* that can
//! be reached must be asleep, so one walk over all of them decides it: the first who is awake, timed, or waits for
//! nobody in particular ends it. That is the usual case, and found at the first step.

use super::declared::Claim;
use super::reason::Kind;
use super::registry::{Glance, Needs, Registry};
use super::report::{Cycle, Wait};
use ropewalk_os::thread::ThreadId;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Threads that wait for each other, as they were at one moment under the registry's mutex.
pub(super) struct Circle {
    pub(super) cycle: Cycle,
    /// Joins on the way: each holds only if its thread is alive.
    pub(super) claims: Vec<Claim>,
    /// The same for the same waits.
    pub(super) key: u64,
}

/// The circle that `start` closes with its wait, if it does.
pub(super) fn circle(registry: &Registry, start: ThreadId) -> Option<Circle> {
    let first = Stop::at(registry, start)?;
    if let Needs::Thread(helper) = first.glance.needs {
        registry.glance(helper)?; // the usual case: it runs
    }
    let mut way = vec![first];
    let mut next = 0;
    let (mut certain, mut closed) = (true, false);
    while next < way.len() {
        let (thread, kind) = (way[next].thread, way[next].glance.kind);
        certain &= kind.is_certain();
        for helper in way[next].helpers() {
            let named = matches!(way[next].glance.needs, Needs::Thread(_));
            if helper == thread && named && !matches!(kind, Kind::Lock | Kind::Future) {
                return None; // it has what it waits for, and is on its way
            }
            closed |= helper == start;
            if !way.iter().any(|stop| stop.thread == helper) {
                way.push(Stop::at(registry, helper)?);
            }
        }
        next += 1;
    }
    if !closed {
        return None; // it waits for a circle of others, which they have seen
    }
    let waits: Vec<Wait> = way.iter().filter_map(|stop| registry.describe(stop.thread)).collect();
    let claims = way.iter().filter_map(|stop| registry.claim(stop.thread)).collect();
    let key = key(&waits);
    Some(Circle { cycle: Cycle { certain, waits }, claims, key })
}

struct Stop {
    thread: ThreadId,
    glance: Glance,
}

impl Stop {
    /// `None` if there is hope here.
    fn at(registry: &Registry, thread: ThreadId) -> Option<Stop> {
        let glance = registry.glance(thread)?;
        let hope = glance.awake || glance.timed || matches!(glance.needs, Needs::Anyone);
        if hope { None } else { Some(Stop { thread, glance }) }
    }

    fn helpers(&self) -> Vec<ThreadId> {
        match &self.glance.needs {
            Needs::Anyone => Vec::new(),
            Needs::Thread(thread) => vec![*thread],
            Needs::Any(crew) => crew.clone(),
        }
    }
}

/// Names a set of waits: the same as long as none of them has ended.
pub(super) fn key(waits: &[Wait]) -> u64 {
    let mut marks: Vec<_> = waits.iter().map(|wait| (wait.thread, wait.address, wait.since)).collect();
    marks.sort_unstable();
    let mut hasher = DefaultHasher::new();
    marks.hash(&mut hasher);
    hasher.finish()
}

/// Whether all of the host's `threads` sleep for ever, as far as the registry can tell.
pub(super) fn is_everyone(registry: &Registry, threads: usize) -> bool {
    threads > 0 && registry.untimed() >= threads && registry.all_sleep_for_ever()
}
