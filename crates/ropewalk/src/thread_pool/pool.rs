//! A thread pool for Rust programs.

use super::answer::{Next, NotTaken};
use super::injector::Injector;
use crate::future::{Future, Runnable, Wakes};
use crate::park::Halted;
use crate::primitive::{Arc, Mutex};
use crate::sync::Event;
use crate::wait_graph::Crew;
use ropewalk_os::{Block, Deadline, Plain};
use std::cell::Cell;
use std::{fmt, io};

thread_local! {
    /// The address of the pool whose worker this thread is.
    static POOL: Cell<usize> = const { Cell::new(0) };
}

/// Why a task was not taken.
///
/// ```
/// use ropewalk::thread_pool::{SpawnError, ThreadPool};
/// let pool = ThreadPool::new(1);
/// pool.shutdown();
/// assert!(matches!(pool.spawn(|| ()), Err(SpawnError::ShutDown)));
/// ```
#[derive(Debug)]
pub enum SpawnError {
    /// The pool was shut down.
    ShutDown,
    /// There is no thread, and the system gives none.
    NoThread(io::Error),
}

/// How a pool is to be.
///
/// ```
/// use ropewalk::thread_pool::Builder;
/// let pool = Builder::new(2).name("miller").max_pending(100).build();
/// let name = pool.spawn(|| std::thread::current().name().map(str::to_owned)).unwrap();
/// let name = name.result(&mut ropewalk::Plain, ropewalk::Deadline::NEVER).unwrap();
/// assert!(name.unwrap().starts_with("miller_"));
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    threads: usize,
    name: String,
    max_pending: usize,
}

impl Builder {
    /// A pool of at most `threads` threads, at least one.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, thread_pool::Builder};
    /// let pool = Builder::new(0).build(); // one thread
    /// assert_eq!(pool.spawn(|| 7).unwrap().result(&mut Plain, Deadline::NEVER).unwrap(), 7);
    /// ```
    pub fn new(threads: usize) -> Builder {
        Builder { threads: threads.max(1), name: "ropewalk".to_owned(), max_pending: usize::MAX }
    }

    /// What the threads are called; each adds its number.
    ///
    /// ```
    /// let pool = ropewalk::thread_pool::Builder::new(1).name("miller").build();
    /// assert!(format!("{pool:?}").contains("miller"));
    /// ```
    pub fn name(mut self, name: impl Into<String>) -> Builder {
        self.name = name.into();
        self
    }

    /// The number of tasks in line at which [`ThreadPool::spawn`] waits for room.
    ///
    /// ```
    /// let pool = ropewalk::thread_pool::Builder::new(1).max_pending(1).build();
    /// for task in 0..10 {
    ///     pool.spawn(move || task).unwrap();
    ///     assert!(pool.pending() <= 1);
    /// }
    /// ```
    pub fn max_pending(mut self, tasks: usize) -> Builder {
        self.max_pending = tasks.max(1);
        self
    }

    /// The pool. Threads are started when tasks come.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, thread_pool::Builder};
    /// let pool = Builder::new(4).build();
    /// pool.shutdown();
    /// assert!(pool.join(&mut Plain, Deadline::NOW).unwrap()); // no thread was ever started
    /// ```
    pub fn build(self) -> ThreadPool {
        let line = Injector::new(self.threads, self.max_pending);
        ThreadPool {
            shared: Arc::new(Shared { line, name: self.name, gone: Event::new(), alive: Mutex::new(0) }),
        }
    }
}

/// What pool, workers and tasks in line share.
pub(crate) struct Shared {
    line: Injector<Arc<dyn Runnable>>,
    name: String,
    /// Set while no worker is alive after a shutdown.
    gone: Event,
    alive: Mutex<usize>,
}

/// A number of threads that do tasks.
///
/// Dropping it is a [`ThreadPool::shutdown`]: tasks in line are still done, by threads that nobody waits for.
///
/// ```
/// use ropewalk::{Deadline, Plain, thread_pool::ThreadPool};
/// let pool = ThreadPool::new(4);
/// let squares: Vec<_> = (0..10).map(|n| pool.spawn(move || n * n).unwrap()).collect();
/// let sum: i32 = squares.into_iter().map(|f| f.result(&mut Plain, Deadline::NEVER).unwrap()).sum();
/// assert_eq!(sum, 285);
/// pool.shutdown();
/// assert!(pool.join(&mut Plain, Deadline::NEVER).unwrap());
/// ```
pub struct ThreadPool {
    shared: Arc<Shared>,
}

impl ThreadPool {
    /// A pool of at most `threads` threads, at least one.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, thread_pool::ThreadPool};
    /// let pool = ThreadPool::new(2);
    /// assert_eq!(pool.spawn(|| 7).unwrap().result(&mut Plain, Deadline::NEVER).unwrap(), 7);
    /// ```
    pub fn new(threads: usize) -> ThreadPool {
        Builder::new(threads).build()
    }

    /// Gives a task to the pool; waits for room if it was built with [`Builder::max_pending`].
    ///
    /// A panic of the task becomes [`Failure::Panicked`](crate::future::Failure::Panicked).
    ///
    /// # Errors
    /// [`SpawnError`].
    ///
    /// ```
    /// use ropewalk::future::{Failure, NoResult};
    /// use ropewalk::{Deadline, Plain, thread_pool::ThreadPool};
    /// let pool = ThreadPool::new(1);
    /// let good = pool.spawn(|| 6 * 7).unwrap();
    /// let bad = pool.spawn(|| panic!("the task's own fault")).unwrap();
    /// assert_eq!(good.result(&mut Plain, Deadline::NEVER).unwrap(), 42);
    /// let outcome: Result<(), _> = bad.result(&mut Plain, Deadline::NEVER);
    /// assert!(matches!(outcome, Err(NoResult::Failed(Failure::Panicked(_)))));
    /// ```
    pub fn spawn<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Future<T>, SpawnError> {
        let (future, job) = Future::of_task(Arc::clone(&self.shared), Box::new(task));
        let mut attempt = self.shared.line.offer(job);
        loop {
            attempt = match attempt {
                Ok(()) => return Ok(future),
                Err(NotTaken::Closed(_)) => return Err(SpawnError::ShutDown),
                Err(NotTaken::ShortHanded(job)) => {
                    self.shared.hire().map_err(SpawnError::NoThread)?;
                    self.shared.line.push(job) // the thread is on its way: no second one for this task
                }
                Err(NotTaken::Full(job)) => {
                    // A plain wait is never interrupted, and a wait for room closes no certain cycle.
                    let _ = self.shared.line.wait_room(&mut Plain, Deadline::NEVER);
                    self.shared.line.offer(job)
                }
            }
        }
    }

    /// Takes no more tasks. Those in line will be done.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, thread_pool::ThreadPool};
    /// let pool = ThreadPool::new(1);
    /// let early = pool.spawn(|| 7).unwrap();
    /// pool.shutdown();
    /// assert!(pool.spawn(|| 8).is_err());
    /// assert_eq!(early.result(&mut Plain, Deadline::NEVER).unwrap(), 7);
    /// ```
    pub fn shutdown(&self) {
        self.shared.line.close();
        self.shared.line.summon();
        if *self.shared.alive.lock() == 0 {
            self.shared.gone.set();
        }
    }

    /// As [`ThreadPool::shutdown`], and tasks in line become [`Failure::Abandoned`](crate::future::Failure).
    ///
    /// ```
    /// use ropewalk::{future::Failure, thread_pool::ThreadPool};
    /// use std::sync::mpsc::channel;
    /// let pool = ThreadPool::new(1);
    /// let (begun, begins) = channel();
    /// let (go, wait) = channel::<()>();
    /// pool.spawn(move || (begun.send(()), wait.recv())).unwrap();
    /// begins.recv().unwrap();
    /// let second = pool.spawn(|| 2).unwrap(); // in line: the only thread is busy
    /// pool.shutdown_now();
    /// assert!(matches!(second.take(), Some(Err(Failure::Abandoned))));
    /// drop(go);
    /// ```
    pub fn shutdown_now(&self) {
        self.shutdown();
        for job in self.shared.line.drain() {
            job.abandon();
        }
    }

    /// Waits until all threads have ended after a shutdown; `Ok(false)` if the deadline came first.
    ///
    /// # Errors
    /// [`Halted`] if the wait was interrupted or would have closed a deadlock.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, thread_pool::ThreadPool};
    /// let pool = ThreadPool::new(2);
    /// pool.spawn(|| 7).unwrap();
    /// assert!(!pool.join(&mut Plain, Deadline::NOW).unwrap()); // it was not shut down
    /// pool.shutdown();
    /// assert!(pool.join(&mut Plain, Deadline::NEVER).unwrap());
    /// ```
    pub fn join<B: Block>(&self, block: &mut B, deadline: Deadline) -> Result<bool, Halted<B::Interrupt>> {
        self.shared.gone.wait(block, deadline)
    }

    /// Tasks in line.
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    /// let pool = ropewalk::thread_pool::ThreadPool::new(1);
    /// let (begun, begins) = channel();
    /// let (go, wait) = channel::<()>();
    /// pool.spawn(move || (begun.send(()), wait.recv())).unwrap();
    /// begins.recv().unwrap();
    /// pool.spawn(|| 2).unwrap();
    /// assert_eq!(pool.pending(), 1); // the only thread is busy
    /// drop(go);
    /// ```
    pub fn pending(&self) -> usize {
        self.shared.line.len()
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl Shared {
    /// Whether the calling thread is a worker of this pool.
    pub(crate) fn is_here(self: &Arc<Self>) -> bool {
        POOL.get() == Arc::as_ptr(self).addr()
    }

    /// The task at this address was claimed: it need not stand in line any more.
    pub(crate) fn withdraw(&self, address: usize) {
        drop(self.line.withdraw(|job| Arc::as_ptr(job).addr() == address));
    }

    pub(crate) fn crew(&self) -> &Crew {
        self.line.crew()
    }

    /// Starts one more worker. When the system gives none, those that are there must do.
    fn hire(self: &Arc<Self>) -> io::Result<()> {
        let number = self.line.hire();
        *self.alive.lock() += 1;
        let shared = Arc::clone(self);
        let thread = std::thread::Builder::new().name(format!("{}_{number}", self.name));
        if let Err(error) = thread.spawn(move || shared.work()) {
            *self.alive.lock() -= 1;
            self.line.leave();
            if number == 0 {
                return Err(error);
            }
            self.line.set_crew_limit(number);
        }
        Ok(())
    }

    fn work(self: Arc<Self>) {
        POOL.set(Arc::as_ptr(&self).addr());
        self.line.join();
        while let Ok(Next::Task(job)) = self.line.next(Wakes::default(), &mut Plain) {
            if !job.run() {
                self.line.husk_gone();
            }
        }
        self.line.part();
        let mut alive = self.alive.lock();
        *alive -= 1;
        if *alive == 0 {
            self.gone.set();
        }
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPool")
            .field("name", &self.shared.name)
            .field("pending", &self.pending())
            .finish()
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpawnError::ShutDown => f.write_str("the pool takes no more tasks: it was shut down"),
            SpawnError::NoThread(error) => {
                write!(f, "the pool has no thread, and the system gives none: {error}")
            }
        }
    }
}

impl std::error::Error for SpawnError {}
