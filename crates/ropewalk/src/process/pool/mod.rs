//! Functions of this program, done in processes of their own: whichever of them is killed.
//!
//! A task is the name of a function and bytes; what the function returns, bytes too, comes back in a
//! [`Future`]. A task that aborts, overruns its stack or eats all memory ends its worker process and
//! nothing else: its future says how that ended, another worker takes its place, and every other task is done.
//!
//! | file | what it is |
//! |---|---|
//! | `functions` | what workers can do, and the door through which a program becomes one |
//! | `builder` | how a pool is to be |
//! | `started` | how a worker is started, and how a program sees that it was |
//! | `serve` | what a worker does: one task after the other |
//! | `shared` | the thread that collects answers and news of deaths, and what it works on |
//! | `staff` | the worker processes: hired, watched, sent home, killed |
//! | `ticket` | whose task it is: what stays here while the task is out |
//! | `call` | how a call and its answer are written |
//! | `error` | why a task was not taken, and why it has no result |
//!
//! Tasks and answers go through the two queues of a [`Crew`](super::Crew), whose memory says which task a dead worker had in
//! hand. A worker is this program started anew, never a fork of it, so threads and locks of the program do not matter. It
//! ends when the program does, also when that is killed.
//!
//! What must stay true: each task is settled exactly once. No lock is held while a callback of the program runs. What a
//! forked child has of a pool it leaves alone.

mod builder;
mod call;
mod error;
mod functions;
mod serve;
mod shared;
mod staff;
mod started;
mod ticket;

pub use builder::PoolBuilder;
pub use error::{Answer, SubmitError, TaskError, WorkerDied};
pub use functions::{Functions, Program};

use crate::future::{Failure, Future, NoResult, promise};
use crate::park::Halted;
use crate::primitive::Arc;
use ropewalk_os::{Block, Deadline, Plain, fork};
use shared::Shared;
use staff::Phase;
use std::fmt;
use std::io;
use std::thread::{self, JoinHandle};
use ticket::{Room, Ticket};

/// Worker processes that do functions of this program.
///
/// Dropping it ends them, whatever they do: see [`Pool::shutdown`] for a gentle end.
///
/// ```
/// use ropewalk::process::{Functions, Pool};
/// use ropewalk::{Deadline, Plain};
///
/// fn square(number: &[u8]) -> Result<[u8; 8], Box<dyn std::error::Error + Send + Sync>> {
///     let number = u64::from_le_bytes(number.try_into()?);
///     Ok(number.checked_mul(number).ok_or("too large")?.to_le_bytes())
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let program = Functions::new().with("square", square).enter(); // first of all
///     let pool = Pool::new(&program, 2)?;
///     let seven = pool.submit("square", &7u64.to_le_bytes())?;
///     let error = pool.submit("square", b"rope")?;
///     assert_eq!(seven.result(&mut Plain, Deadline::NEVER)??, 49u64.to_le_bytes());
///     assert!(error.result(&mut Plain, Deadline::NEVER)?.is_err());
///     Ok(())
/// }
/// ```
pub struct Pool {
    shared: Arc<Shared>,
    collector: Option<JoinHandle<()>>,
    /// In which process it was made.
    epoch: u32,
}

impl Pool {
    /// A pool with this many worker processes, at least one.
    ///
    /// # Errors
    /// Those of [`PoolBuilder::build`].
    ///
    /// ```
    /// use ropewalk::process::{Functions, Pool};
    /// let pool = Pool::new(&Functions::new().enter(), 2)?;
    /// assert_eq!(pool.workers().len(), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new(program: &Program, workers: usize) -> io::Result<Pool> {
        Pool::builder(program).workers(workers).build()
    }

    /// A pool made to measure.
    ///
    /// ```
    /// use ropewalk::process::{Functions, Pool};
    /// let quiet = |command: &mut std::process::Command| {
    ///     command.stderr(std::process::Stdio::null());
    /// };
    /// let pool = Pool::builder(&Functions::new().enter()).workers(1).command(quiet).build()?;
    /// # drop(pool);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn builder(program: &Program) -> PoolBuilder {
        PoolBuilder::new(program)
    }

    /// Gives a task to the pool: the function with this name, and its input, which is copied. Waits for others to be done
    /// if the pool was built with [`PoolBuilder::max_unfinished`].
    ///
    /// The future can be cancelled until the task is handed to the workers.
    ///
    /// # Errors
    /// [`SubmitError`].
    ///
    /// ```
    /// use ropewalk::future::{Until, wait};
    /// use ropewalk::process::{Functions, Pool};
    /// use ropewalk::{Deadline, Plain};
    ///
    /// let length = |text: &[u8]| Ok::<_, String>(text.len().to_string());
    /// let pool = Pool::new(&Functions::new().with("length", length).enter(), 2)?;
    /// let lengths: Vec<_> = ["a", "rope", "walk"].map(|word| pool.submit("length", word.as_bytes()).unwrap()).into();
    /// wait(&lengths, Until::AllSettled, &mut Plain, Deadline::NEVER).unwrap();
    /// let lengths: Vec<_> = lengths.into_iter().map(|it| it.take().unwrap().unwrap().unwrap()).collect();
    /// assert_eq!(lengths, [b"1", b"4", b"4"]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn submit(&self, function: &str, input: &[u8]) -> Result<Future<Answer>, SubmitError> {
        self.take(function, input).map(|(_, future)| future)
    }

    /// Gives a task to the pool and waits for it. Not for callbacks of futures: the thread that calls them is the one
    /// that reads answers.
    ///
    /// # Errors
    /// [`TaskError`]; a task that was not taken is [`TaskError::NotSent`].
    ///
    /// ```
    /// use ropewalk::process::{Functions, Pool};
    /// let length = |text: &[u8]| Ok::<_, String>(text.len().to_string());
    /// let pool = Pool::new(&Functions::new().with("length", length).enter(), 1)?;
    /// assert_eq!(pool.call("length", b"rope").unwrap(), b"4");
    /// assert!(pool.call("width", b"rope").is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn call(&self, function: &str, input: &[u8]) -> Answer {
        let taken = self.take(function, input);
        let (task, future) = taken.map_err(|error| TaskError::NotSent(error.to_string()))?;
        self.shared.visit(task, &future);
        match future.result(&mut Plain, Deadline::NEVER) {
            Ok(answer) => answer,
            Err(NoResult::Failed(Failure::Cancelled | Failure::Abandoned | Failure::Panicked(_))) => {
                Err(TaskError::Abandoned)
            }
            Err(error) => Err(TaskError::Broken(error.to_string())), // no plain wait without an end ends so
        }
    }

    /// Takes no more tasks. Those that it has will be done; then the workers go home.
    ///
    /// ```
    /// use ropewalk::process::{Functions, Pool};
    /// use ropewalk::{Deadline, Plain};
    /// let echo = |it: &[u8]| Ok::<_, String>(it.to_vec());
    /// let pool = Pool::new(&Functions::new().with("echo", echo).enter(), 1)?;
    /// let early = pool.submit("echo", b"early").unwrap();
    /// pool.shutdown();
    /// assert!(pool.submit("echo", b"late").is_err());
    /// assert!(pool.join(&mut Plain, Deadline::NEVER).unwrap());
    /// assert_eq!(early.take().unwrap().unwrap().unwrap(), b"early");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn shutdown(&self) {
        if self.is_forked() {
            return;
        }
        {
            let mut staff = self.shared.staff.lock();
            if staff.phase == Phase::Open {
                staff.phase = Phase::Closed;
            }
        }
        self.shared.look();
    }

    /// As [`Pool::shutdown`], but tasks that no worker was handed end with [`TaskError::Abandoned`].
    ///
    /// ```
    /// use ropewalk::process::{Functions, Pool, TaskError};
    /// use ropewalk::{Deadline, Plain};
    /// let echo = |it: &[u8]| Ok::<_, String>(it.to_vec());
    /// let pool = Pool::new(&Functions::new().with("echo", echo).enter(), 1)?;
    /// let tasks: Vec<_> = (0..100).map(|_| pool.submit("echo", b"rope").unwrap()).collect();
    /// pool.shutdown_now();
    /// assert!(pool.join(&mut Plain, Deadline::NEVER).unwrap());
    /// for task in tasks {
    ///     let answer = task.take().unwrap().unwrap();
    ///     assert!(answer == Ok(b"rope".to_vec()) || answer == Err(TaskError::Abandoned));
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn shutdown_now(&self) {
        self.shutdown();
        if self.is_forked() {
            return;
        }
        for ticket in self.shared.crew.withdraw_all() {
            ticket.settle(Err(TaskError::Abandoned));
        }
        self.shared.look();
    }

    /// Ends all workers, whatever they do. Tasks that are not done end with [`TaskError::Abandoned`].
    ///
    /// ```
    /// use ropewalk::process::{Functions, Pool, TaskError};
    /// use ropewalk::{Deadline, Plain};
    /// fn forever(_: &[u8]) -> Result<Vec<u8>, String> {
    ///     loop {
    ///         std::thread::park();
    ///     }
    /// }
    /// let pool = Pool::new(&Functions::new().with("forever", forever).enter(), 1)?;
    /// let task = pool.submit("forever", b"").unwrap();
    /// pool.kill();
    /// assert_eq!(task.take().unwrap().unwrap(), Err(TaskError::Abandoned));
    /// assert!(pool.join(&mut Plain, Deadline::NEVER).unwrap());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn kill(&self) {
        if !self.is_forked() {
            self.shared.end(Phase::Killed);
        }
    }

    /// Waits until no worker is left after a shutdown; `Ok(false)` if the deadline came first.
    ///
    /// # Errors
    /// [`Halted`] if the wait was interrupted.
    ///
    /// ```
    /// use ropewalk::process::{Functions, Pool};
    /// use ropewalk::{Deadline, Plain};
    /// let pool = Pool::new(&Functions::new().enter(), 1)?;
    /// assert!(!pool.join(&mut Plain, Deadline::NOW).unwrap()); // it was not shut down
    /// pool.shutdown();
    /// assert!(pool.join(&mut Plain, Deadline::NEVER).unwrap());
    /// assert!(pool.workers().is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn join<B: Block>(&self, block: &mut B, deadline: Deadline) -> Result<bool, Halted<B::Interrupt>> {
        self.shared.gone.wait(block, deadline)
    }

    /// Tasks that are not done.
    ///
    /// ```
    /// use ropewalk::process::{Functions, Pool};
    /// let pool = Pool::new(&Functions::new().enter(), 1)?;
    /// assert_eq!(pool.unfinished(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn unfinished(&self) -> usize {
        self.shared.crew.unfinished()
    }

    /// The numbers of the worker processes there are now.
    ///
    /// ```
    /// use ropewalk::process::{Functions, Pool};
    /// let pool = Pool::new(&Functions::new().enter(), 2)?;
    /// assert!(!pool.workers().contains(&std::process::id()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn workers(&self) -> Vec<u32> {
        self.shared.staff.lock().pids()
    }

    /// A task of which the pool has made a number and a future.
    fn take(&self, function: &str, input: &[u8]) -> Result<(u64, Future<Answer>), SubmitError> {
        if self.is_forked() {
            return Err(SubmitError::Forked);
        }
        let Some((function, _)) = self.shared.program.find(function) else {
            return Err(SubmitError::NoSuchFunction(function.to_owned()));
        };
        let room = self.room();
        let body = call::join(function, input);
        let (promise, future) = promise();
        let task = {
            let mut staff = self.shared.staff.lock();
            match &staff.phase {
                Phase::Open => {}
                Phase::Broken(why) => return Err(SubmitError::Broken(why.clone())),
                Phase::Closed | Phase::Killed => return Err(SubmitError::ShutDown),
            }
            staff.tasks += 1;
            let ticket = Ticket::new(promise, Arc::clone(function), staff.tasks, input, room);
            // Under the lock: who ends the pool after this finds the task.
            self.shared.crew.enlist(ticket, 0, &body).map_err(|_| SubmitError::ShutDown)?;
            staff.tasks
        };
        self.shared.post();
        Ok((task, future))
    }

    /// Room for one more task, waited for if need be.
    fn room(&self) -> Option<Room> {
        let room = self.shared.room.as_ref()?;
        // The thread that makes room would wait for itself.
        let deadline = if self.is_collector() { Deadline::NOW } else { Deadline::NEVER };
        let acquired = room.acquire(&mut Plain, deadline).is_ok_and(|acquired| acquired);
        acquired.then(|| Room(Arc::clone(room)))
    }

    fn is_collector(&self) -> bool {
        self.collector.as_ref().is_some_and(|it| it.thread().id() == thread::current().id())
    }

    fn is_forked(&self) -> bool {
        self.epoch != fork::epoch()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if self.is_forked() {
            return;
        }
        self.kill();
        if let Some(collector) = self.collector.take()
            && collector.thread().id() != thread::current().id()
        {
            let _ = collector.join(); // it does not panic
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}
