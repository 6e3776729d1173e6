//! The two ends of a result for Rust programs.

use super::answer::{Aftermath, Start, Waited};
use super::gather::{Gathering, Until};
use super::slot::Slot;
use super::state::State;
use crate::park::Halted;
use crate::primitive::Arc;
use crate::thread_pool::Shared;
use ropewalk_os::{Block, Deadline, thread};
use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Why there is no result and never will be.
///
/// ```
/// let (answer, question) = ropewalk::future::promise::<i32>();
/// drop(answer);
/// let failure = question.take().unwrap().unwrap_err();
/// assert_eq!(failure.to_string(), "the promise was dropped, or its pool was shut down first");
/// ```
pub enum Failure {
    /// It was cancelled before anybody began.
    Cancelled,
    /// The promise was dropped unfulfilled, or the pool was shut down first.
    Abandoned,
    /// The task panicked; this is what it panicked with.
    Panicked(Box<dyn Any + Send>),
}

/// Why a wait brought no result. It gives the future back where waiting again can help.
///
/// ```
/// use ropewalk::future::{NoResult, promise};
/// use ropewalk::{Deadline, Plain};
/// let (answer, question) = promise();
/// let Err(NoResult::TimedOut(question)) = question.result(&mut Plain, Deadline::NOW) else { panic!() };
/// answer.fulfil(1).unwrap();
/// assert_eq!(question.result(&mut Plain, Deadline::NOW).unwrap(), 1);
/// ```
pub enum NoResult<T, I = Infallible> {
    /// The deadline came first.
    TimedOut(Future<T>),
    /// There will be none.
    Failed(Failure),
    /// The wait was halted.
    Halted(Halted<I>, Future<T>),
}

/// Runs when the future is done.
pub(crate) type Callback = Box<dyn FnOnce() + Send>;

/// The task of a pool's future, and the pool in whose line it stands.
pub(crate) struct Work<T> {
    pool: Arc<Shared>,
    task: Box<dyn FnOnce() -> T + Send>,
}

type Place<T> = Slot<Work<T>, Result<T, Failure>, Callback>;

/// The end that makes the result.
///
/// Dropped without one, it leaves [`Failure::Abandoned`].
///
/// ```
/// use ropewalk::future::{Failure, NoResult, promise};
/// use ropewalk::{Deadline, Plain};
/// let (answer, question) = promise::<i32>();
/// drop(answer);
/// let outcome = question.result(&mut Plain, Deadline::NEVER);
/// assert!(matches!(outcome, Err(NoResult::Failed(Failure::Abandoned))));
/// ```
pub struct Promise<T>(Option<Arc<Place<T>>>);

/// The end that waits for the result.
///
/// ```
/// use ropewalk::{Deadline, Plain, future::promise};
/// let (answer, question) = promise();
/// assert!(!question.is_done());
/// answer.fulfil("there").unwrap();
/// assert_eq!(question.result(&mut Plain, Deadline::NOW).unwrap(), "there");
/// ```
pub struct Future<T>(Arc<Place<T>>);

/// A promise and its future.
///
/// ```
/// let (answer, question) = ropewalk::future::promise();
/// answer.fulfil(1).unwrap();
/// assert_eq!(question.take().unwrap().unwrap(), 1);
/// ```
pub fn promise<T>() -> (Promise<T>, Future<T>) {
    let slot = Arc::new(Slot::new());
    (Promise(Some(Arc::clone(&slot))), Future(slot))
}

impl<T> Promise<T> {
    /// Gives the result.
    ///
    /// # Errors
    /// The value, if the future was cancelled meanwhile.
    ///
    /// ```
    /// let (answer, question) = ropewalk::future::promise();
    /// assert!(question.cancel());
    /// assert_eq!(answer.fulfil(1), Err(1));
    /// ```
    pub fn fulfil(mut self, value: T) -> Result<(), T> {
        match self.0.take() {
            Some(slot) => settle(&slot, Ok(value)).map_err(|result| match result {
                Ok(value) => value,
                Err(_) => unreachable!("the value that was refused is the one that was given"),
            }),
            None => Err(value),
        }
    }

    /// Says that work has begun: from now on the future cannot be cancelled. `false` if it was.
    ///
    /// ```
    /// let (answer, question) = ropewalk::future::promise::<i32>();
    /// assert!(answer.begin());
    /// assert!(!question.cancel());
    /// ```
    pub fn begin(&self) -> bool {
        let Some(slot) = &self.0 else { return false };
        match slot.start() {
            Ok(Start::Go(_)) => true,
            Ok(Start::Cancelled(wakes)) => {
                wakes.wake();
                false
            }
            Err(refused) => refused.state == State::Running,
        }
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(slot) = self.0.take() {
            let _ = settle(&slot, Err(Failure::Abandoned));
        }
    }
}

/// Stores a result and does what follows from it; gives it back if the future was cancelled.
fn settle<T>(slot: &Place<T>, result: Result<T, Failure>) -> Result<(), Result<T, Failure>> {
    let failed = result.is_err();
    match slot.finish(result, failed) {
        Ok(aftermath) => {
            run(aftermath);
            Ok(())
        }
        Err(refused) => {
            if let Ok(Start::Cancelled(wakes)) = slot.start() {
                wakes.wake();
            }
            Err(refused.value)
        }
    }
}

fn run<T>(aftermath: Aftermath<Work<T>, Callback>) {
    aftermath.wakes.wake();
    for callback in aftermath.callbacks {
        callback();
    }
    drop(aftermath.leftover);
}

/// Runs the task of a future that has just been started or claimed; a panic becomes its failure.
fn perform<T>(slot: &Place<T>, task: Box<dyn FnOnce() -> T + Send>) {
    slot.set_runner(thread::current());
    let result = catch_unwind(AssertUnwindSafe(task)).map_err(Failure::Panicked);
    let _ = settle(slot, result);
}

impl<T: Send + 'static> Future<T> {
    /// A future with its task, and the side of it that a pool's worker calls.
    pub(crate) fn of_task(
        pool: Arc<Shared>,
        task: Box<dyn FnOnce() -> T + Send>,
    ) -> (Future<T>, Arc<dyn Runnable>) {
        let slot = Arc::new(Slot::with_work(Work { pool, task }));
        (Future(Arc::clone(&slot)), slot)
    }
}

/// What a worker does with what it finds in line.
pub(crate) trait Runnable: Send + Sync {
    /// Runs the task, unless it was cancelled, or claimed by a thread that waited for it (`false`).
    fn run(&self) -> bool;
    /// Gives up the task: its pool is gone.
    fn abandon(&self);
}

impl<T: Send + 'static> Runnable for Place<T> {
    fn run(&self) -> bool {
        match self.start() {
            Ok(Start::Go(Some(work))) => perform(self, work.task),
            Ok(Start::Go(None)) => {}
            Ok(Start::Cancelled(wakes)) => wakes.wake(),
            Err(refused) => return !refused.claimed,
        }
        true
    }

    fn abandon(&self) {
        let _ = settle(self, Err(Failure::Abandoned));
    }
}

impl<T> Future<T> {
    /// Where it stands.
    ///
    /// ```
    /// use ropewalk::future::{State, promise};
    /// let (answer, question) = promise();
    /// assert_eq!(question.state(), State::Pending);
    /// assert!(answer.begin());
    /// assert_eq!(question.state(), State::Running);
    /// answer.fulfil(1).unwrap();
    /// assert_eq!(question.state(), State::Finished);
    /// ```
    pub fn state(&self) -> State {
        self.0.state()
    }

    /// Whether there is a result, or never will be one.
    ///
    /// ```
    /// let (answer, question) = ropewalk::future::promise::<i32>();
    /// assert!(!question.is_done());
    /// drop(answer);
    /// assert!(question.is_done()); // there never will be one
    /// ```
    pub fn is_done(&self) -> bool {
        self.state().is_done()
    }

    /// Cancels it, unless somebody has begun to work on it; `false` then.
    ///
    /// ```
    /// use ropewalk::future::{State, promise};
    /// let (_answer, question) = promise::<i32>();
    /// assert!(question.cancel());
    /// assert_eq!(question.state(), State::CancelledNotified);
    /// ```
    pub fn cancel(&self) -> bool {
        match self.0.cancel() {
            Ok(aftermath) => {
                if let Ok(Start::Cancelled(wakes)) = self.0.start() {
                    wakes.wake();
                }
                if let Some(aftermath) = aftermath {
                    run(aftermath);
                }
                true
            }
            Err(_) => false,
        }
    }

    /// Calls `callback` once when it is done: in the thread that finishes it, or here if it is done already.
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    /// let (answer, question) = ropewalk::future::promise();
    /// let (said, heard) = channel();
    /// question.on_done(move || said.send("done").unwrap());
    /// answer.fulfil(()).unwrap();
    /// assert_eq!(heard.recv().unwrap(), "done");
    /// ```
    pub fn on_done(&self, callback: impl FnOnce() + Send + 'static) {
        if let Some(callback) = self.0.add_callback(Box::new(callback)) {
            callback();
        }
    }

    /// Waits until it is done; `Ok(false)` if the deadline came first.
    ///
    /// A worker that waits without a deadline for a task still in line at its own pool does that task itself:
    /// so a pool whose workers all wait for tasks of the same pool cannot hang.
    ///
    /// # Errors
    /// [`Halted`] if the wait was interrupted or would have closed a deadlock.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, future::promise};
    /// let (answer, question) = promise();
    /// assert!(!question.wait(&mut Plain, Deadline::NOW).unwrap());
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| answer.fulfil(1));
    ///     assert!(question.wait(&mut Plain, Deadline::NEVER).unwrap());
    /// });
    /// ```
    pub fn wait<B: Block>(&self, block: &mut B, deadline: Deadline) -> Result<bool, Halted<B::Interrupt>> {
        if self.is_done() {
            return Ok(true);
        }
        if deadline.is_never()
            && let Some(work) = self.0.claim(|work| work.pool.is_here())
        {
            work.pool.withdraw(Arc::as_ptr(&self.0).addr());
            perform(&self.0, work.task);
        }
        let pool = self.0.look_at_work(|work| Arc::clone(&work.pool));
        let crew = pool.as_ref().map(|pool| pool.crew());
        self.0.wait(crew, block, deadline).map(|waited| waited == Waited::Done)
    }

    /// Takes the result out if it is there. It can be taken once.
    ///
    /// ```
    /// let (answer, question) = ropewalk::future::promise();
    /// assert!(question.take().is_none());
    /// answer.fulfil(1).unwrap();
    /// assert_eq!(question.take().unwrap().unwrap(), 1);
    /// assert!(question.take().is_none());
    /// ```
    pub fn take(&self) -> Option<Result<T, Failure>> {
        if self.state().is_cancelled() { Some(Err(Failure::Cancelled)) } else { self.0.take() }
    }

    /// Waits for the result, as [`Future::wait`] does.
    ///
    /// # Errors
    /// [`NoResult`]; it holds the future where waiting again can help.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, future::promise};
    /// let (answer, question) = promise();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| answer.fulfil("there"));
    ///     assert_eq!(question.result(&mut Plain, Deadline::NEVER).unwrap(), "there");
    /// });
    /// ```
    pub fn result<B: Block>(self, block: &mut B, deadline: Deadline) -> Result<T, NoResult<T, B::Interrupt>> {
        match self.wait(block, deadline) {
            Ok(true) => self.take().unwrap_or(Err(Failure::Abandoned)).map_err(NoResult::Failed),
            Ok(false) => Err(NoResult::TimedOut(self)),
            Err(halted) => Err(NoResult::Halted(halted, self)),
        }
    }
}

/// Waits for many futures; returns the places of those that are done, in the order in which they came to be.
///
/// # Errors
/// [`Halted`] if the wait was interrupted or would have closed a deadlock.
///
/// ```
/// use ropewalk::future::{Until, promise, wait};
/// use ropewalk::{Deadline, Plain};
/// let (a, first) = promise();
/// let (b, second) = promise();
/// b.fulfil(2).unwrap();
/// a.fulfil(1).unwrap();
/// let done = wait([&first, &second], Until::AllSettled, &mut Plain, Deadline::NEVER).unwrap();
/// assert_eq!(done.len(), 2);
/// ```
pub fn wait<'a, T: 'a, B: Block>(
    futures: impl IntoIterator<Item = &'a Future<T>>,
    until: Until,
    block: &mut B,
    deadline: Deadline,
) -> Result<Vec<usize>, Halted<B::Interrupt>> {
    let gathering = Arc::new(Gathering::new(until));
    let futures: Vec<_> = futures.into_iter().collect();
    for (place, future) in futures.iter().enumerate() {
        future.0.report_to(&gathering, place);
    }
    let waited = gathering.wait(block, deadline);
    for future in futures {
        future.0.forget(&gathering);
    }
    waited.map(|_| gathering.take())
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Cancelled => f.write_str("Cancelled"),
            Failure::Abandoned => f.write_str("Abandoned"),
            Failure::Panicked(_) => f.write_str("Panicked"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Cancelled => f.write_str("the task was cancelled"),
            Failure::Abandoned => f.write_str("the promise was dropped, or its pool was shut down first"),
            Failure::Panicked(payload) => {
                let text = payload.downcast_ref::<&str>().copied();
                let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
                write!(f, "the task panicked: {}", text.unwrap_or("with something that is not a text"))
            }
        }
    }
}

impl std::error::Error for Failure {}

impl<T> fmt::Debug for Work<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Future<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Future").field(&self.state()).finish()
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Promise").field(&self.0.as_ref().map(|slot| slot.state())).finish()
    }
}

impl<T, I: fmt::Debug> fmt::Debug for NoResult<T, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoResult::TimedOut(future) => f.debug_tuple("TimedOut").field(future).finish(),
            NoResult::Failed(failure) => f.debug_tuple("Failed").field(failure).finish(),
            NoResult::Halted(halted, future) => f.debug_tuple("Halted").field(halted).field(future).finish(),
        }
    }
}

impl<T, I> fmt::Display for NoResult<T, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoResult::TimedOut(_) => f.write_str("the deadline came before the result"),
            NoResult::Failed(failure) => failure.fmt(f),
            NoResult::Halted(..) => f.write_str("the wait for the result was halted"),
        }
    }
}

impl<T, I: fmt::Debug> std::error::Error for NoResult<T, I> {}
