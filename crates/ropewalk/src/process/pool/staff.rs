//! The worker processes of a pool: hired, watched, sent home, killed.
//!
//! A thread for each worker sleeps until that ends. It says so behind the answers that the worker gave, and leaves the
//! rest to the collector: only that waits for the process, after it has asked which task fell. So the number of a dead
//! worker is not used again before it means nothing any more.

use super::call::notice;
use super::error::TaskError;
use super::ticket::Ticket;
use crate::primitive::Arc;
use crate::process::{Crew, PushError};
use ropewalk_os::child::wait_for_end;
use std::collections::HashMap;
use std::io;
use std::process::{Child, ExitStatus};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Bytes for the stack of a thread that only waits.
const STACK: usize = 128 << 10;

/// What becomes of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It takes tasks.
    Open,
    /// It does those that it has.
    Closed,
    /// It does nothing more: its workers end.
    Killed,
    /// The same, because it can not go on.
    Broken(String),
}

impl Phase {
    /// Whether workers are wanted.
    pub(super) fn works(&self) -> bool {
        matches!(self, Phase::Open | Phase::Closed)
    }

    /// How tasks end that are not done, if they will not be.
    pub(super) fn end(&self) -> Option<TaskError> {
        match self {
            Phase::Open | Phase::Closed => None,
            Phase::Killed => Some(TaskError::Abandoned),
            Phase::Broken(why) => Some(TaskError::Broken(why.clone())),
        }
    }
}

#[derive(Debug)]
pub(super) struct Staff {
    pub(super) phase: Phase,
    members: HashMap<u32, Member>,
    /// Workers in a row that ended before they had begun.
    pub(super) stillborn: usize,
    /// Whether the workers have been told to go home when there is nothing more to do.
    pub(super) dismissed: bool,
    pub(super) tasks: u64,
}

#[derive(Debug)]
struct Member {
    child: Child,
    watch: JoinHandle<()>,
    ready: bool,
}

/// A worker that has ended.
#[derive(Debug)]
pub(super) struct Leaver {
    pub(super) status: Option<ExitStatus>,
    /// Whether it had begun.
    pub(super) ready: bool,
}

impl Staff {
    pub(super) fn new() -> Staff {
        Staff { phase: Phase::Open, members: HashMap::new(), stillborn: 0, dismissed: false, tasks: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn pids(&self) -> Vec<u32> {
        let mut pids: Vec<_> = self.members.keys().copied().collect();
        pids.sort_unstable();
        pids
    }

    /// Takes a worker in that was started and is watched. It may be too late for it.
    pub(super) fn welcome(&mut self, mut child: Child, watch: JoinHandle<()>) {
        if !self.phase.works() {
            let _ = child.kill(); // it fails if it has ended
        }
        self.members.insert(child.id(), Member { child, watch, ready: false });
    }

    /// A worker has begun.
    pub(super) fn ready(&mut self, pid: u32) {
        if let Some(member) = self.members.get_mut(&pid) {
            member.ready = true;
            self.stillborn = 0;
        }
    }

    /// A worker has ended: waits for it, so that nothing of it is left.
    pub(super) fn farewell(&mut self, pid: u32) -> Option<Leaver> {
        let Member { mut child, watch, ready } = self.members.remove(&pid)?;
        let status = child.wait().ok();
        let _ = watch.join(); // it has sent its notice, and does nothing more
        Some(Leaver { status, ready })
    }

    /// Waits for all, which have been killed and whose notices nobody reads.
    pub(super) fn bury_all(&mut self) {
        for (_, mut member) in self.members.drain() {
            let _ = member.child.wait();
        }
    }

    /// Ends all workers at once. They are members until they have ended.
    pub(super) fn kill(&mut self) {
        for member in self.members.values_mut() {
            let _ = member.child.kill(); // it fails if it has ended
        }
    }
}

/// Watches a worker: its end becomes a notice. A worker that can not be watched is ended.
pub(super) fn watch(crew: &Arc<Crew<Ticket>>, mut child: Child) -> io::Result<(Child, JoinHandle<()>)> {
    let pid = child.id();
    let crew = Arc::clone(crew);
    let thread = thread::Builder::new().name(format!("worker {pid}")).stack_size(STACK);
    let watch = thread.spawn(move || {
        wait_for_end(pid);
        // Full: of answers that are being read.
        while crew.notify(notice::GONE, &pid.to_le_bytes()) == Err(PushError::Full) {
            thread::sleep(Duration::from_millis(10));
        }
    });
    match watch {
        Ok(watch) => Ok((child, watch)),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    }
}
