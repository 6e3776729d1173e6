//! Whose task it is: what stays in the first process while the task is out.

use super::error::{Answer, TaskError, WorkerDied};
use crate::future::Promise;
use crate::primitive::Arc;
use crate::process::flight::Phase;
use crate::sync::Semaphore;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitStatus;
use std::time::Duration;

/// A task, seen from the process that has it done.
#[derive(Debug)]
pub(super) struct Ticket {
    promise: Promise<Answer>,
    pub(super) function: Arc<str>,
    pub(super) task: u64,
    input: Vec<u8>,
    room: Option<Room>,
}

/// A place among the tasks that may be unfinished at once.
#[derive(Debug)]
pub(super) struct Room(pub(super) Arc<Semaphore>);

impl Drop for Room {
    fn drop(&mut self) {
        let _ = self.0.release(1); // it was acquired: there can not be too many
    }
}

impl Ticket {
    pub(super) fn new(
        promise: Promise<Answer>,
        function: Arc<str>,
        task: u64,
        input: &[u8],
        room: Option<Room>,
    ) -> Ticket {
        let input = input[..input.len().min(WorkerDied::SHOWN)].to_vec();
        Ticket { promise, function, task, input, room }
    }

    /// Whether it may go to the workers: from then on it can not be cancelled.
    pub(super) fn begin(&self) -> bool {
        self.promise.begin()
    }

    /// Gives the answer to whoever waits. Runs callbacks of the program: under no lock.
    pub(super) fn settle(self, answer: Answer) {
        let Ticket { promise, room, .. } = self;
        drop(room);
        // A panic of a callback has been told by the panic hook; the thread that collects answers must go on.
        let _ = catch_unwind(AssertUnwindSafe(|| promise.fulfil(answer)));
    }

    /// It went down with its worker.
    pub(super) fn die(
        mut self,
        pid: u32,
        status: Option<ExitStatus>,
        after: Duration,
        phase: Option<Phase>,
        out_of_memory: bool,
    ) {
        let death = WorkerDied {
            pid,
            status,
            function: Arc::clone(&self.function),
            input: std::mem::take(&mut self.input),
            task: self.task,
            after,
            phase,
            out_of_memory,
        };
        self.settle(Err(TaskError::WorkerDied(death)));
    }
}
