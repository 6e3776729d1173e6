//! Wait, with a lock given back meanwhile, until notified.
//!
//! A notified thread is not woken: it is moved to the line of the lock, which the notifier still holds, and the
//! lock's release wakes it ("wait morphing"). So each notification costs one wake, not a wake and a collision.

use super::lock::Place;
use super::{Lock, NotOwner, ReentrantLock};
use crate::park::{Halted, Line, Rest, Sleeper, sleep};
use crate::primitive::{Arc, Mutex};
use crate::wait_graph::{Kind, Reason};
use ropewalk_os::{Block, Deadline};

/// A thread that must not come back without a lock: it keeps an interrupt until it has the lock.
struct Patient<'a, B: Block> {
    block: &'a mut B,
    keeps: bool,
    kept: Option<B::Interrupt>,
}

impl<B: Block> Block for Patient<'_, B> {
    type Interrupt = B::Interrupt;

    #[inline]
    fn detached<R: Send>(&mut self, sleep: impl FnOnce() -> R + Send) -> R {
        self.block.detached(sleep)
    }

    fn interrupted(&mut self) -> Result<(), B::Interrupt> {
        match self.block.interrupted() {
            Err(interrupt) if self.keeps => {
                self.kept.get_or_insert(interrupt);
                Ok(())
            }
            result => result,
        }
    }
}

/// A line of threads that wait to be notified.
///
/// The lock is passed to each call, and must be the same one for all threads that use the condition together.
///
/// ```
/// use ropewalk::{Deadline, Plain, sync::{Condition, Lock}};
/// let (lock, ready) = (Lock::new(), Condition::new());
/// std::thread::scope(|scope| {
///     lock.acquire(&mut Plain, Deadline::NEVER).unwrap();
///     scope.spawn(|| {
///         lock.acquire(&mut Plain, Deadline::NEVER).unwrap();
///         ready.notify(1, &lock);
///         lock.release();
///     });
///     assert!(ready.wait(&lock, &mut Plain, Deadline::NEVER).unwrap());
///     lock.release();
/// });
/// ```
#[derive(Debug, Default)]
pub struct Condition {
    line: Mutex<Line>,
}

impl Condition {
    /// A condition that nobody waits for.
    ///
    /// ```
    /// assert_eq!(ropewalk::sync::Condition::new().waiting(), 0);
    /// ```
    pub fn new() -> Condition {
        Condition { line: Mutex::new(Line::default()) }
    }

    /// Releases `lock`, waits to be notified, takes `lock` again; `Ok(false)` if the deadline came first.
    ///
    /// The calling thread must hold `lock`.
    ///
    /// # Errors
    /// [`Halted`] if the wait was interrupted or would have closed a deadlock. The lock is held again, unless
    /// that happened while waiting for the lock itself: an interrupt, or a deadlock of which nobody else can be
    /// told (all other threads in it take a condition's lock again, or sleep outside the engine).
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, sync::{Condition, Lock}};
    /// let (lock, ready) = (Lock::new(), Condition::new());
    /// assert!(lock.try_acquire());
    /// assert!(!ready.wait(&lock, &mut Plain, Deadline::NOW).unwrap()); // nobody has notified
    /// assert!(lock.is_locked());
    /// ```
    #[track_caller]
    pub fn wait<B: Block>(
        &self,
        lock: &Lock,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<bool, Halted<B::Interrupt>> {
        self.wait_for(lock, Kind::Lock, block, deadline)
    }

    /// As [`Condition::wait`], with a lock that may be held several times: it is released altogether, and held
    /// as often as before afterwards.
    ///
    /// # Errors
    /// `Ok(Err(NotOwner))` if the calling thread does not hold `lock`; else as [`Condition::wait`], but for one
    /// thing: an interrupt that comes while waiting for the lock itself is kept until the lock is held.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, sync::{Condition, NotOwner, ReentrantLock}};
    /// let (lock, ready) = (ReentrantLock::new(), Condition::new());
    /// assert_eq!(ready.wait_reentrant(&lock, &mut Plain, Deadline::NEVER).unwrap(), Err(NotOwner));
    /// assert!(lock.try_acquire() && lock.try_acquire());
    /// assert_eq!(ready.wait_reentrant(&lock, &mut Plain, Deadline::NOW).unwrap(), Ok(false));
    /// assert_eq!(lock.depth(), 2);
    /// ```
    #[track_caller]
    pub fn wait_reentrant<B: Block>(
        &self,
        lock: &ReentrantLock,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<Result<bool, NotOwner>, Halted<B::Interrupt>> {
        if !lock.is_owned() {
            return Ok(Err(NotOwner));
        }
        let saved = lock.save_depth();
        let result = self.wait_for(lock.lock(), Kind::ReentrantLock, block, deadline);
        if lock.is_owned() {
            lock.set_depth(saved);
        }
        result.map(Ok)
    }

    #[track_caller]
    pub(super) fn wait_for<B: Block>(
        &self,
        lock: &Lock,
        kind: Kind,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<bool, Halted<B::Interrupt>> {
        let sleeper = Sleeper::new(None);
        self.line.lock().push_back(&sleeper);
        lock.release();
        lock.about_to_acquire();
        let mut patient = Patient { block, keeps: false, kept: None };
        let result = self.sleep_and_acquire(&sleeper, lock, kind, &mut patient, deadline);
        if lock.owner() == Some(sleeper.thread()) {
            lock.acquired(true);
        }
        match (result, patient.kept) {
            (Ok(_), Some(interrupt)) => Err(Halted::Interrupted(interrupt)),
            (result, _) => result,
        }
    }

    fn sleep_and_acquire<B: Block>(
        &self,
        sleeper: &Arc<Sleeper>,
        lock: &Lock,
        kind: Kind,
        block: &mut Patient<'_, B>,
        deadline: Deadline,
    ) -> Result<bool, Halted<B::Interrupt>> {
        let thread = sleeper.thread();
        let reason = Reason::notice(self, kind, lock, lock.owner_word());
        if deadline.is_now() {
            block.keeps = kind == Kind::ReentrantLock;
            return self.give_up(sleeper, lock, kind, block);
        }
        let rest = sleep(sleeper, block, deadline, &reason, || lock.try_acquire_for(thread));
        block.keeps = kind == Kind::ReentrantLock;
        match rest {
            Ok(Rest::Taken) => Ok(true),
            Ok(Rest::Overtaken) => lock.retake(sleeper, Place::Front, block, kind).map(|()| true),
            Ok(Rest::TimedOut) => self.give_up(sleeper, lock, kind, block),
            Err(halted) => {
                let held = if self.line.lock().remove(sleeper) { false } else { lock.withdraw(sleeper) };
                if !held {
                    // Another sleeper: whoever took this one out of its line may be about to wake it still.
                    lock.retake(&Sleeper::new(None), Place::Back, block, kind)?;
                }
                Err(halted)
            }
        }
    }

    /// The deadline came: leave without a notification, unless one came first, and take the lock.
    fn give_up<B: Block>(
        &self,
        sleeper: &Arc<Sleeper>,
        lock: &Lock,
        kind: Kind,
        block: &mut B,
    ) -> Result<bool, Halted<B::Interrupt>> {
        if self.line.lock().remove(sleeper) {
            return lock.retake(sleeper, Place::Back, block, kind).map(|()| false);
        }
        sleeper.retake();
        lock.sleep_in_line(sleeper, block, Deadline::NEVER, kind).map(|_| true)
    }

    /// Notifies at most `count` waiting threads, first come first served. Says how many.
    ///
    /// They wake when `lock` is released. The caller should hold it; if nobody does, they wake now.
    ///
    /// ```
    /// use ropewalk::sync::{Condition, Lock};
    /// assert_eq!(Condition::new().notify(1, &Lock::new()), 0); // nobody waits
    /// ```
    #[inline]
    pub fn notify(&self, count: usize, lock: &Lock) -> usize {
        let mut line = self.line.lock();
        if line.is_empty() {
            return 0;
        }
        // Moved under the mutex of this line: a sleeper that gives up is in one of the two lines or has been woken,
        // and leaves nothing behind.
        for moved in 0..count {
            let Some(sleeper) = line.pop() else { return moved };
            lock.adopt(&sleeper);
        }
        count
    }

    /// As [`Condition::notify`], with a reentrant lock.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, sync::{Condition, ReentrantLock}};
    /// let (lock, ready) = (ReentrantLock::new(), Condition::new());
    /// std::thread::scope(|scope| {
    ///     assert!(lock.try_acquire());
    ///     scope.spawn(|| {
    ///         lock.acquire(&mut Plain, Deadline::NEVER).unwrap();
    ///         assert_eq!(ready.notify_reentrant(1, &lock), 1);
    ///         lock.release().unwrap();
    ///     });
    ///     assert_eq!(ready.wait_reentrant(&lock, &mut Plain, Deadline::NEVER).unwrap(), Ok(true));
    ///     lock.release().unwrap();
    /// });
    /// ```
    #[inline]
    pub fn notify_reentrant(&self, count: usize, lock: &ReentrantLock) -> usize {
        self.notify(count, lock.lock())
    }

    /// How many threads wait now.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, sync::{Condition, Lock}};
    /// let (lock, ready) = (Lock::new(), Condition::new());
    /// std::thread::scope(|scope| {
    ///     assert!(lock.try_acquire());
    ///     scope.spawn(|| {
    ///         lock.acquire(&mut Plain, Deadline::NEVER).unwrap(); // free while the other waits
    ///         assert_eq!(ready.waiting(), 1);
    ///         ready.notify(1, &lock);
    ///         lock.release();
    ///     });
    ///     assert!(ready.wait(&lock, &mut Plain, Deadline::NEVER).unwrap());
    /// });
    /// ```
    pub fn waiting(&self) -> usize {
        self.line.lock().len()
    }

    /// Forgets who waits: for the child of a fork.
    ///
    /// ```
    /// use ropewalk::sync::{Condition, Lock};
    /// let ready = Condition::new();
    /// ready.reset();
    /// assert_eq!(ready.notify(1, &Lock::new()), 0);
    /// ```
    pub fn reset(&self) {
        self.line.lock().clear();
    }
}
