//! How a pool is to be.

use super::Pool;
use super::functions::Program;
use super::shared::Shared;
use super::staff::{Phase, Staff};
use super::started::Change;
use crate::primitive::{Arc, Mutex};
use crate::process::Crew;
use crate::sync::{Event, Semaphore};
use ropewalk_os::{cgroup, fork};
use std::fmt;
use std::io;
use std::process::Command;
use std::thread;

/// How a [`Pool`] is to be.
///
/// ```
/// use ropewalk::process::{Functions, Pool};
/// let program = Functions::new().with("echo", |it: &[u8]| Ok::<_, String>(it.to_vec())).enter();
/// let pool = Pool::builder(&program).workers(2).max_unfinished(100).build()?;
/// assert_eq!(pool.call("echo", b"rope").unwrap(), b"rope");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct PoolBuilder {
    program: Program,
    workers: usize,
    max_unfinished: Option<usize>,
    change: Option<Change>,
}

impl PoolBuilder {
    pub(super) fn new(program: &Program) -> PoolBuilder {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        PoolBuilder { program: program.clone(), workers, max_unfinished: None, change: None }
    }

    /// How many worker processes, at least one. Without this, as many as the machine or the container runs at once.
    ///
    /// ```
    /// use ropewalk::process::{Functions, Pool};
    /// let pool = Pool::builder(&Functions::new().enter()).workers(3).build()?;
    /// assert_eq!(pool.workers().len(), 3);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn workers(mut self, workers: usize) -> PoolBuilder {
        self.workers = workers.max(1);
        self
    }

    /// The number of unfinished tasks at which [`Pool::submit`] waits until one is done. Callbacks of futures do not
    /// wait: the pool itself calls them.
    ///
    /// ```
    /// use ropewalk::process::{Functions, Pool};
    /// let program = Functions::new().with("echo", |it: &[u8]| Ok::<_, String>(it.to_vec())).enter();
    /// let pool = Pool::builder(&program).workers(1).max_unfinished(2).build()?;
    /// for task in 0..100u8 {
    ///     pool.submit("echo", &[task]).unwrap();
    ///     assert!(pool.unfinished() <= 2);
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn max_unfinished(mut self, tasks: usize) -> PoolBuilder {
        self.max_unfinished = Some(tasks.max(1));
        self
    }

    /// Changes the command by which each worker is started: arguments, environment, working directory, output. Its
    /// standard input is empty, all else is the program's own. It is the same program in any case.
    ///
    /// A pool in a `#[test]` needs it: there the program is the one that runs all tests, and a worker is to run one
    /// that enters.
    ///
    /// ```no_run
    /// use ropewalk::process::{Functions, Pool, Program};
    ///
    /// fn enter() -> Program {
    ///     Functions::new().with("echo", |it: &[u8]| Ok::<_, String>(it.to_vec())).enter()
    /// }
    ///
    /// #[test]
    /// fn as_a_worker() {
    ///     enter();
    /// }
    ///
    /// #[test]
    /// fn the_pool_echoes() {
    ///     let worker = |command: &mut std::process::Command| {
    ///         command.args(["--exact", "as_a_worker", "--nocapture"]).stdout(std::process::Stdio::null());
    ///     };
    ///     let pool = Pool::builder(&enter()).command(worker).build().unwrap();
    ///     assert_eq!(pool.call("echo", b"rope").unwrap(), b"rope");
    /// }
    /// ```
    #[must_use]
    pub fn command(mut self, change: impl Fn(&mut Command) + Send + Sync + 'static) -> PoolBuilder {
        self.change = Some(Box::new(change));
        self
    }

    /// The pool, its workers started.
    ///
    /// # Errors
    /// What the system reports: no more processes, threads, descriptors or memory; no `/proc`. Or the
    /// [change](PoolBuilder::command) of the command panicked.
    ///
    /// ```
    /// use ropewalk::process::{Functions, Pool};
    /// let pool = Pool::builder(&Functions::new().enter()).build()?;
    /// assert!(!pool.workers().is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn build(self) -> io::Result<Pool> {
        fork::watch();
        let shared = Arc::new(Shared {
            program: self.program,
            crew: Arc::new(Crew::new()?),
            staff: Mutex::new(Staff::new()),
            size: self.workers,
            room: self.max_unfinished.map(|tasks| Arc::new(Semaphore::new(tasks as u64))),
            change: self.change,
            gone: Event::new(),
            out_of_memory: Mutex::new(cgroup::out_of_memory_kills()),
        });
        let collector = thread::Builder::new().name("ropewalk-pool".to_owned());
        let collecting = Arc::clone(&shared);
        let started = shared.hire().and_then(|()| collector.spawn(move || collecting.collect()));
        if started.is_err() {
            let mut staff = shared.staff.lock();
            staff.phase = Phase::Killed;
            staff.kill();
            staff.bury_all();
        }
        started.map(|collector| Pool { shared, collector: Some(collector), epoch: fork::epoch() })
    }
}

impl fmt::Debug for PoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolBuilder")
            .field("program", &self.program)
            .field("workers", &self.workers)
            .field("max_unfinished", &self.max_unfinished)
            .finish_non_exhaustive()
    }
}
