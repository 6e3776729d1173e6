//! What the pool and the thread that collects its answers share.
//!
//! The collector reads the queue of answers: results, and news of deaths, which stand there behind what the dead had
//! answered. So when it reads of a death, the task that this worker had in hand, if any, has no answer, and is the only
//! one that is lost.

use super::call::{self, answer, notice};
use super::error::{Answer, TaskError, ended};
use super::functions::Program;
use super::staff::{Leaver, Phase, Staff, watch};
use super::started::{self, Change};
use super::ticket::Ticket;
use crate::future::Future;
use crate::primitive::{Arc, Mutex};
use crate::process::{Arrival, Crew, Fallen, Handed, PopError, Refused};
use crate::sync::{Event, Semaphore};
use ropewalk_os::{Deadline, Plain, cgroup};
use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitStatus;

/// Workers in a row that may end before they have begun, beside one each for those that there should be.
const STILLBORN: usize = 3;

pub(super) struct Shared {
    pub(super) program: Program,
    pub(super) crew: Arc<Crew<Ticket>>,
    pub(super) staff: Mutex<Staff>,
    /// How many workers there should be.
    pub(super) size: usize,
    /// How many tasks may still be unfinished, if that is limited.
    pub(super) room: Option<Arc<Semaphore>>,
    pub(super) change: Option<Change>,
    /// Set when no worker is left after a shutdown.
    pub(super) gone: Event,
    /// Deaths for want of memory that are known of.
    pub(super) out_of_memory: Mutex<u64>,
}

impl Shared {
    /// Starts workers until there are as many as there should be.
    pub(super) fn hire(&self) -> io::Result<()> {
        loop {
            {
                let staff = self.staff.lock();
                if !staff.phase.works() || staff.len() >= self.size {
                    return Ok(());
                }
            }
            let (child, watch) = watch(&self.crew, started::start(&self.crew, self.change.as_ref())?)?;
            let mut staff = self.staff.lock();
            staff.welcome(child, watch);
            self.crew.set_workers(staff.len());
        }
    }

    /// Hands out what may go.
    pub(super) fn post(&self) {
        let hand = |ticket: &Ticket| if ticket.begin() { Handed::Go } else { Handed::Drop };
        while let Err(Refused { ticket, why }) = self.crew.post(hand, &mut Plain) {
            ticket.settle(Err(TaskError::NotSent(why.to_string())));
        }
        // A task that was on its way while the pool was ended is found by who sent it.
        let end = self.staff.lock().phase.end();
        if let Some(error) = end {
            self.give_up(&error);
        }
    }

    fn give_up(&self, error: &TaskError) {
        for ticket in self.crew.give_up() {
            ticket.settle(Err(error.clone()));
        }
    }

    /// The collector looks whether it is over.
    pub(super) fn look(&self) {
        let _ = self.crew.notify(notice::LOOK, b""); // full: then it is awake
    }

    /// Ends all workers and all tasks.
    pub(super) fn end(&self, phase: Phase) {
        {
            let mut staff = self.staff.lock();
            if staff.phase.works() {
                staff.phase = phase;
            }
        }
        // First, so that no task seems to have gone down with its worker. They are told when all is over.
        let unfinished = self.crew.give_up();
        let end = {
            let mut staff = self.staff.lock();
            staff.kill();
            staff.phase.end()
        };
        self.look();
        for ticket in unfinished {
            ticket.settle(Err(end.clone().unwrap_or(TaskError::Abandoned)));
        }
    }

    fn break_down(&self, why: String) {
        self.end(Phase::Broken(why));
    }

    /// What the collector does until no worker is left after a shutdown.
    pub(super) fn collect(&self) {
        if catch_unwind(AssertUnwindSafe(|| self.arrivals())).is_err() {
            self.break_down("the thread that collects answers panicked".to_owned());
            self.staff.lock().bury_all();
        }
        self.gone.set();
    }

    fn arrivals(&self) {
        while !self.is_over() {
            match self.crew.next(&mut Plain, Deadline::NEVER) {
                Ok(Arrival::Answer { ticket, kind, body, .. }) => settle(ticket, kind, body),
                Ok(Arrival::Notice { kind, body }) => match (kind, call::pid(&body)) {
                    (notice::READY, Some(pid)) => self.staff.lock().ready(pid),
                    (notice::GONE, Some(pid)) => self.gone(pid),
                    _ => {}
                },
                Err(PopError::Empty) => {} // to post again
                Err(error) => {
                    self.break_down(error.to_string());
                    return self.staff.lock().bury_all();
                }
            }
            self.post();
        }
    }

    /// Waits for a task by reading its answer here, if nobody else has anything to wait for: that saves a switch of threads.
    pub(super) fn visit(&self, task: u64, future: &Future<Answer>) {
        let mine = |ticket: &Ticket| ticket.task == task;
        if let Ok(Some(Arrival::Answer { ticket, kind, body, .. })) =
            self.crew.visit(mine, || future.is_done(), &mut Plain, Deadline::NEVER)
        {
            settle(ticket, kind, body);
            self.post();
        }
    }

    fn is_over(&self) -> bool {
        let mut staff = self.staff.lock();
        if staff.phase.works() {
            if staff.phase == Phase::Open {
                return false;
            }
            if !staff.dismissed {
                match self.crew.dismiss_if_idle() {
                    Ok(false) => return false,
                    Ok(true) => {}
                    Err(_) => staff.kill(), // they could not be told
                }
                staff.dismissed = true;
            }
        }
        staff.len() == 0
    }

    /// A worker has ended: its task is told, and another worker comes.
    fn gone(&self, pid: u32) {
        let fell = self.crew.fell(pid); // before anybody waits for it: the number is still its own
        let leaver = {
            let mut staff = self.staff.lock();
            let leaver = staff.farewell(pid);
            self.crew.set_workers(staff.len());
            leaver
        };
        let Some(Leaver { status, ready }) = leaver else { return };
        let fell = match fell {
            Ok(fell) => fell,
            Err(fault) => return self.break_down(fault.to_string()),
        };
        self.replace(pid, status, ready || fell.is_some());
        if let Some(Fallen { ticket, ran, record, .. }) = fell {
            let out_of_memory = self.was_memory(status);
            let phase = record.and_then(|record| record.task).map(|task| task.phase);
            ticket.die(pid, status, ran, phase, out_of_memory);
        }
    }

    fn replace(&self, pid: u32, status: Option<ExitStatus>, had_begun: bool) {
        {
            let mut staff = self.staff.lock();
            if !staff.phase.works() || staff.dismissed {
                return;
            }
            if !had_begun {
                staff.stillborn += 1;
                // It ends by itself, so it always will; signals may have come from anywhere.
                let exits = status.is_some_and(|status| status.code().is_some());
                if exits || staff.stillborn >= STILLBORN + self.size {
                    drop(staff);
                    return self.break_down(format!(
                        "worker process {pid} {} before it had begun: is Functions::enter the first thing that main does?",
                        ended(status)
                    ));
                }
            }
        }
        if let Err(error) = self.hire()
            && self.staff.lock().len() == 0
        {
            self.break_down(format!("no worker process can be started: {error}"));
        }
    }

    /// Whether the kernel has killed somebody for want of memory since this was last asked.
    fn was_memory(&self, status: Option<ExitStatus>) -> bool {
        if status.and_then(|status| status.signal()) != Some(9) {
            return false;
        }
        let now = cgroup::out_of_memory_kills();
        std::mem::replace(&mut *self.out_of_memory.lock(), now) < now
    }
}

/// Gives the answer of a worker to whoever waits.
fn settle(ticket: Ticket, kind: u8, body: Vec<u8>) {
    let answer = read(&ticket, kind, body);
    ticket.settle(answer);
}

fn read(ticket: &Ticket, kind: u8, body: Vec<u8>) -> Answer {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let function = Arc::clone(&ticket.function);
    match kind {
        answer::RETURNED => Ok(body),
        answer::FAILED => Err(TaskError::Failed { function, message: text(&body) }),
        answer::PANICKED => {
            let (place, message) = call::part(&body).unwrap_or(("", b"nobody knows what"));
            Err(TaskError::Panicked { function, message: text(message), place: place.to_owned() })
        }
        _ => Err(TaskError::NotSent(format!(
            "the worker has no function {function:?}: Functions must be the same in every run of the program"
        ))),
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let staff = self.staff.lock();
        f.debug_struct("Pool")
            .field("phase", &staff.phase)
            .field("workers", &staff.pids())
            .field("unfinished", &self.crew.unfinished())
            .finish()
    }
}
