//! The workers of a line of tasks: how many there may be, which threads they are, and calling them all in.

use super::injector::Injector;
use crate::wait_graph::Crew;
use ropewalk_os::thread;

impl<T> Injector<T> {
    /// The workers, for whoever waits for a task in this line.
    ///
    /// ```
    /// let line = ropewalk::thread_pool::Injector::<&str>::new(1, usize::MAX);
    /// assert!(line.crew().is_empty());
    /// line.join();
    /// assert_eq!(line.crew().len(), 1);
    /// ```
    pub fn crew(&self) -> &Crew {
        &self.crew
    }

    /// The calling thread becomes a worker, before its first `next`.
    ///
    /// ```
    /// let line = ropewalk::thread_pool::Injector::<&str>::new(1, usize::MAX);
    /// std::thread::scope(|scope| scope.spawn(|| line.join()).join().unwrap());
    /// assert_eq!(line.crew().len(), 1);
    /// ```
    pub fn join(&self) {
        self.crew.join(thread::current());
        if self.crew.len() >= self.crew_limit() {
            self.crew.close();
        }
    }

    /// The calling thread is no worker any more.
    ///
    /// ```
    /// let line = ropewalk::thread_pool::Injector::<&str>::new(1, usize::MAX);
    /// line.join();
    /// line.part();
    /// assert!(line.crew().is_empty());
    /// ```
    pub fn part(&self) {
        self.crew.leave(thread::current());
    }

    /// A worker was hired. Returns how many there were before.
    ///
    /// ```
    /// let line = ropewalk::thread_pool::Injector::<&str>::new(2, usize::MAX);
    /// assert_eq!([line.hire(), line.hire()], [0, 1]);
    /// ```
    pub fn hire(&self) -> usize {
        let mut state = self.state.lock();
        state.crew += 1;
        state.crew - 1
    }

    /// A worker that was hired is gone, or never came; another may be hired.
    ///
    /// ```
    /// let line = ropewalk::thread_pool::Injector::<&str>::new(1, usize::MAX);
    /// line.hire();
    /// line.leave();
    /// assert_eq!(line.hire(), 0);
    /// ```
    pub fn leave(&self) {
        let mut state = self.state.lock();
        state.crew = state.crew.saturating_sub(1);
        drop(state);
        self.crew.reopen();
    }

    /// How many workers there may be.
    ///
    /// ```
    /// let line = ropewalk::thread_pool::Injector::<&str>::new(2, usize::MAX);
    /// assert_eq!(line.crew_limit(), 2);
    /// ```
    pub fn crew_limit(&self) -> usize {
        self.state.lock().crew_limit
    }

    /// Changes how many workers there may be. Those that are there stay.
    ///
    /// ```
    /// let line = ropewalk::thread_pool::Injector::new(1, usize::MAX);
    /// line.push("task").unwrap();
    /// line.set_crew_limit(0);
    /// assert!(!line.is_short_of_workers());
    /// ```
    pub fn set_crew_limit(&self, limit: usize) {
        self.state.lock().crew_limit = limit;
        if limit > self.crew.len() {
            self.crew.reopen();
        }
    }

    /// Whether the tasks in line outnumber the idle workers and there may be more workers.
    ///
    /// ```
    /// let line = ropewalk::thread_pool::Injector::new(1, usize::MAX);
    /// line.push("task").unwrap();
    /// assert!(line.is_short_of_workers());
    /// line.hire();
    /// assert!(!line.is_short_of_workers()); // there may not be more
    /// ```
    pub fn is_short_of_workers(&self) -> bool {
        let state = self.state.lock();
        state.crew < state.crew_limit && state.waiting() > state.free_hands()
    }

    /// Idle workers that no task in line is waiting for.
    ///
    /// ```
    /// use ropewalk::{Plain, future::Wakes, thread_pool::Injector};
    /// let line = Injector::new(1, usize::MAX);
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| line.next(Wakes::default(), &mut Plain));
    ///     while line.idle() == 0 {
    ///         std::thread::yield_now();
    ///     }
    ///     line.push("task").unwrap();
    ///     assert_eq!(line.idle(), 0);
    /// });
    /// ```
    pub fn idle(&self) -> usize {
        let state = self.state.lock();
        state.free_hands().saturating_sub(state.waiting())
    }

    /// Every worker that finds nothing in line gets [`Next::Summoned`](super::Next::Summoned), until [`Injector::dismiss`].
    ///
    /// ```
    /// use ropewalk::{Plain, future::Wakes, thread_pool::{Injector, Next}};
    /// let line = Injector::<&str>::new(1, usize::MAX);
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| assert!(matches!(line.next(Wakes::default(), &mut Plain), Ok(Next::Summoned))));
    ///     line.summon();
    /// });
    /// ```
    pub fn summon(&self) {
        let mut state = self.state.lock();
        state.summoned = true;
        let mut idle = std::mem::take(&mut state.idle);
        state.rouse();
        drop(state);
        while let Some(worker) = idle.pop() {
            worker.grant();
        }
    }

    /// Ends a [`Injector::summon`].
    ///
    /// ```
    /// let line = ropewalk::thread_pool::Injector::<&str>::new(1, usize::MAX);
    /// line.summon();
    /// line.dismiss();
    /// assert!(!line.is_summoned());
    /// ```
    pub fn dismiss(&self) {
        self.state.lock().summoned = false;
    }

    /// Whether workers have been summoned.
    ///
    /// ```
    /// let line = ropewalk::thread_pool::Injector::<&str>::new(1, usize::MAX);
    /// assert!(!line.is_summoned());
    /// line.summon();
    /// assert!(line.is_summoned());
    /// ```
    pub fn is_summoned(&self) -> bool {
        self.state.lock().summoned
    }
}
