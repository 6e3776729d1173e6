//! Tasks in line, and the workers that have nothing to do.
//!
//! What must stay true between any two operations: while a worker is idle and no wake is in flight, no task is in
//! line. A task pushed wakes one idle worker only if no other wake is in flight; the worker that arrives takes a
//! task and, if it sees more, wakes the next. So a thousand tasks pushed in a row cost one wake, not a thousand.

use super::answer::{Next, NotTaken};
use super::owing::Owing;
use super::rhythm::Rhythm;
use super::state::{Found, State, grant};
use crate::future::Wakes;
use crate::park::{Halted, Line, Rest, Sleeper, sleep};
use crate::primitive::Mutex;
use crate::wait_graph::{Crew, Kind, Reason};
use ropewalk_os::{Block, Deadline, clock, thread};
use std::collections::VecDeque;

/// The line of tasks of one thread pool, whoever its workers are.
///
/// [`ThreadPool`](super::ThreadPool) stands on it, and so does the pool of an interpreter, whose workers must be
/// the interpreter's own threads. A worker is any thread that calls [`Injector::next`].
///
/// ```
/// use ropewalk::thread_pool::{Injector, Next};
/// use ropewalk::{Plain, future::Wakes};
/// let line = Injector::new(1, usize::MAX);
/// line.push("task").unwrap();
/// assert!(matches!(line.next(Wakes::default(), &mut Plain), Ok(Next::Task("task"))));
/// line.summon();
/// assert!(matches!(line.next(Wakes::default(), &mut Plain), Ok(Next::Summoned)));
/// ```
#[derive(Debug)]
pub struct Injector<T> {
    pub(super) state: Mutex<State<T>>,
    pub(super) crew: Crew,
}

impl<T> Injector<T> {
    /// An empty, open line for at most `crew_limit` workers and at most `capacity` tasks that wait.
    ///
    /// ```
    /// let line = ropewalk::thread_pool::Injector::<&str>::new(2, 100);
    /// assert!(line.is_open() && line.is_empty());
    /// ```
    pub fn new(crew_limit: usize, capacity: usize) -> Injector<T> {
        Injector {
            state: Mutex::new(State {
                tasks: VecDeque::new(),
                husks: 0,
                idle: Line::default(),
                waking: false,
                quiet: None,
                rhythm: Rhythm::default(),
                open: true,
                summoned: false,
                crew: 0,
                crew_limit,
                capacity,
                pushers: Line::default(),
            }),
            crew: Crew::new(),
        }
    }

    /// Takes a task in, unless a worker should be hired first.
    ///
    /// # Errors
    /// [`NotTaken`], with the task.
    ///
    /// ```
    /// use ropewalk::thread_pool::{Injector, NotTaken};
    /// let line = Injector::new(1, usize::MAX);
    /// assert!(matches!(line.offer("task"), Err(NotTaken::ShortHanded("task"))));
    /// line.hire();
    /// assert!(line.offer("task").is_ok());
    /// ```
    #[inline]
    pub fn offer(&self, task: T) -> Result<(), NotTaken<T>> {
        let mut state = self.state.lock();
        if state.open && (state.summoned || state.is_short_handed()) {
            return Err(NotTaken::ShortHanded(task));
        }
        state.admit(task).map(|wake| {
            drop(state);
            grant(wake);
        })
    }

    /// Takes a task in, however many workers there are.
    ///
    /// # Errors
    /// [`NotTaken::Closed`] or [`NotTaken::Full`], with the task.
    ///
    /// ```
    /// use ropewalk::thread_pool::{Injector, NotTaken};
    /// let line = Injector::new(1, 1);
    /// assert!(line.push("task").is_ok());
    /// assert!(matches!(line.push("another"), Err(NotTaken::Full("another"))));
    /// ```
    pub fn push(&self, task: T) -> Result<(), NotTaken<T>> {
        let mut state = self.state.lock();
        state.admit(task).map(|wake| {
            drop(state);
            grant(wake);
        })
    }

    /// Takes a task in even if the line is closed or full: for what must be seen by a worker.
    ///
    /// ```
    /// let line = ropewalk::thread_pool::Injector::new(1, 1);
    /// line.close();
    /// assert!(line.push("task").is_err());
    /// line.force("task");
    /// assert_eq!(line.len(), 1);
    /// ```
    pub fn force(&self, task: T) {
        let mut state = self.state.lock();
        let wake = state.push(task);
        drop(state);
        grant(wake);
    }

    /// The calling thread is about to sleep until a task in line is done.
    ///
    /// Not needed, but a pool that is used call by call gets quicker by it: see the module `rhythm`.
    ///
    /// ```
    /// let line = ropewalk::thread_pool::Injector::new(1, 1);
    /// line.push("task").unwrap();
    /// line.expect();
    /// assert_eq!(line.try_pop(), Some("task")); // it stays where it is
    /// ```
    pub fn expect(&self) {
        let mut state = self.state.lock();
        if state.rhythm.wait(thread::current(), clock::now) {
            state.quiet = None; // its sleep wakes the worker
        } else {
            state.rouse();
        }
    }

    /// Waits until there is room for a task; `Ok(false)` if the deadline came first. A closed line has room:
    /// the push will say that it is closed.
    ///
    /// # Errors
    /// [`Halted`] if the wait was interrupted or would have closed a deadlock.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, thread_pool::Injector};
    /// let line = Injector::new(1, 1);
    /// line.push("task").unwrap();
    /// assert!(!line.wait_room(&mut Plain, Deadline::NOW).unwrap());
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| line.try_pop());
    ///     assert!(line.wait_room(&mut Plain, Deadline::NEVER).unwrap());
    /// });
    /// ```
    pub fn wait_room<B: Block>(
        &self,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<bool, Halted<B::Interrupt>> {
        let sleeper = {
            let mut state = self.state.lock();
            if !state.open || state.waiting() < state.capacity {
                return Ok(true);
            }
            if deadline.is_now() {
                return Ok(false);
            }
            let sleeper = Sleeper::new(None);
            state.pushers.push_back(&sleeper);
            sleeper
        };
        let rest = sleep(&sleeper, block, deadline, &Reason::new(Kind::QueuePut, self), || true);
        if matches!(rest, Ok(Rest::Taken)) {
            return Ok(true);
        }
        let mut state = self.state.lock();
        if state.pushers.remove(&sleeper) {
            return rest.map(|_| false);
        }
        // A wake came too late for this one: it belongs to the next.
        let next = if rest.is_err() { state.pusher() } else { None };
        drop(state);
        grant(next);
        rest.map(|_| true)
    }

    /// The next task, for the calling worker; sleeps while there is none.
    ///
    /// `before` are wakes that the worker owes from its last task: they are sent when it has left its
    /// interpreter to sleep, or at once if there is more to do.
    ///
    /// # Errors
    /// [`Halted`] if the wait was interrupted or would have closed a deadlock.
    ///
    /// ```
    /// use ropewalk::{Plain, future::Wakes, thread_pool::{Injector, Next}};
    /// let line = Injector::new(1, usize::MAX);
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| assert!(matches!(line.next(Wakes::default(), &mut Plain), Ok(Next::Task(7)))));
    ///     line.push(7).unwrap();
    /// });
    /// ```
    #[inline]
    pub fn next<B: Block>(&self, before: Wakes, block: &mut B) -> Result<Next<T>, Halted<B::Interrupt>> {
        let mut before = before;
        loop {
            let sleeper = {
                let mut state = self.state.lock();
                if let Some(found) = state.take() {
                    let Found { next, wake, pusher } = found;
                    drop(state);
                    before.wake();
                    grant(wake);
                    grant(pusher);
                    return Ok(next);
                }
                let sleeper = Sleeper::dozing(state.rhythm.is_steady());
                state.idle.push_front(&sleeper);
                sleeper
            };
            let owed = Some(std::mem::take(&mut before));
            let reason = Reason::new(Kind::Work, self);
            let rest = sleep(&sleeper, &mut Owing { block, owed }, Deadline::NEVER, &reason, || true);
            let mut state = self.state.lock();
            if !state.idle.remove(&sleeper) {
                state.waking = false;
                if state.quiet.take().is_some() {
                    state.rhythm.miss();
                }
            }
            if let Err(halted) = rest {
                let wake = state.wake_one();
                drop(state);
                grant(wake);
                return Err(halted);
            }
        }
    }

    /// Takes the first task out without sleeping, as if there were no workers.
    ///
    /// ```
    /// let line = ropewalk::thread_pool::Injector::new(1, usize::MAX);
    /// line.push("task").unwrap();
    /// assert_eq!((line.try_pop(), line.try_pop()), (Some("task"), None));
    /// ```
    pub fn try_pop(&self) -> Option<T> {
        let mut state = self.state.lock();
        let task = state.tasks.pop_front()?;
        let pusher = state.pusher();
        drop(state);
        grant(pusher);
        Some(task)
    }

    /// Takes every task out.
    ///
    /// ```
    /// let line = ropewalk::thread_pool::Injector::new(1, usize::MAX);
    /// [1, 2].map(|task| line.push(task).unwrap());
    /// assert_eq!(line.drain(), [1, 2]);
    /// assert!(line.is_empty());
    /// ```
    pub fn drain(&self) -> VecDeque<T> {
        let mut state = self.state.lock();
        state.husks = 0;
        let tasks = std::mem::take(&mut state.tasks);
        let mut pushers = std::mem::take(&mut state.pushers);
        drop(state);
        while let Some(pusher) = pushers.pop() {
            pusher.grant();
        }
        tasks
    }

    /// A task in line was claimed: takes its husk out if it stands at either end, else counts it.
    ///
    /// ```
    /// let line = ropewalk::thread_pool::Injector::new(1, usize::MAX);
    /// [1, 2, 3].map(|task| line.push(task).unwrap());
    /// assert_eq!(line.withdraw(|task| *task == 2), None); // counted, and still there
    /// assert_eq!(line.len(), 2);
    /// assert_eq!(line.withdraw(|task| *task == 3), Some(3));
    /// assert_eq!(line.len(), 1);
    /// ```
    pub fn withdraw(&self, is_it: impl Fn(&T) -> bool) -> Option<T> {
        let mut state = self.state.lock();
        let husk = if state.tasks.back().is_some_and(&is_it) {
            state.tasks.pop_back()
        } else if state.tasks.front().is_some_and(&is_it) {
            state.tasks.pop_front()
        } else {
            state.husks += 1;
            None
        };
        let pusher = state.pusher();
        drop(state);
        grant(pusher);
        husk
    }

    /// A worker was given a husk.
    ///
    /// ```
    /// let line = ropewalk::thread_pool::Injector::new(1, usize::MAX);
    /// [1, 2, 3].map(|task| line.push(task).unwrap());
    /// line.withdraw(|task| *task == 2);
    /// assert_eq!((line.try_pop(), line.try_pop()), (Some(1), Some(2)));
    /// line.husk_gone(); // that was the 2
    /// assert_eq!(line.len(), 1);
    /// ```
    pub fn husk_gone(&self) {
        let mut state = self.state.lock();
        state.husks = state.husks.saturating_sub(1);
    }

    /// No more tasks are taken in; those in line will be done.
    ///
    /// ```
    /// use ropewalk::thread_pool::{Injector, NotTaken};
    /// let line = Injector::new(1, usize::MAX);
    /// line.push("task").unwrap();
    /// line.close();
    /// assert!(matches!(line.push("another"), Err(NotTaken::Closed("another"))));
    /// assert_eq!(line.len(), 1);
    /// ```
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.open = false;
        let mut pushers = std::mem::take(&mut state.pushers);
        drop(state);
        while let Some(pusher) = pushers.pop() {
            pusher.grant();
        }
    }

    /// Whether tasks are taken in.
    ///
    /// ```
    /// let line = ropewalk::thread_pool::Injector::<&str>::new(1, usize::MAX);
    /// assert!(line.is_open());
    /// line.close();
    /// assert!(!line.is_open());
    /// ```
    pub fn is_open(&self) -> bool {
        self.state.lock().open
    }

    /// Tasks in line.
    ///
    /// ```
    /// let line = ropewalk::thread_pool::Injector::new(1, usize::MAX);
    /// line.push("task").unwrap();
    /// assert_eq!(line.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.state.lock().waiting()
    }

    /// Whether no task is in line.
    ///
    /// ```
    /// let line = ropewalk::thread_pool::Injector::new(1, usize::MAX);
    /// assert!(line.is_empty());
    /// line.push("task").unwrap();
    /// assert!(!line.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// In the child of a fork: no workers, nothing summoned; the tasks in line come back.
    ///
    /// ```
    /// let line = ropewalk::thread_pool::Injector::new(1, usize::MAX);
    /// line.push("task").unwrap();
    /// line.join();
    /// assert_eq!(line.reset(), ["task"]);
    /// assert!(line.is_empty() && line.crew().is_empty());
    /// ```
    pub fn reset(&self) -> VecDeque<T> {
        self.crew.reset();
        let mut state = self.state.lock();
        state.idle.clear();
        state.pushers.clear();
        state.waking = false;
        state.quiet = None;
        state.crew = 0;
        state.husks = 0;
        std::mem::take(&mut state.tasks)
    }

    /// Looks at every task in line, if the line is not in use at this very moment.
    ///
    /// ```
    /// let line = ropewalk::thread_pool::Injector::new(1, usize::MAX);
    /// [1, 2].map(|task| line.push(task).unwrap());
    /// let mut sum = 0;
    /// assert!(line.try_for_each(|task| sum += task));
    /// assert_eq!((sum, line.len()), (3, 2));
    /// ```
    pub fn try_for_each(&self, look: impl FnMut(&T)) -> bool {
        match self.state.try_lock() {
            Some(state) => {
                state.tasks.iter().for_each(look);
                true
            }
            None => false,
        }
    }
}
