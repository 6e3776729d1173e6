//! A number of permits.
//!
//! The word holds twice the number of free permits, plus one if threads may stand in line. The last bit changes
//! only under the line's mutex.

use crate::park::{Halted, Line, Rest, Sleeper, sleep};
use crate::primitive::{Arc, AtomicBool, AtomicU64, Mutex, Ordering};
use crate::wait_graph::{Kind, Reason};
use ropewalk_os::{Block, Deadline};
use std::fmt;

const SLEEPERS: u64 = 1;
const PERMIT: u64 = 2;

/// Permits that threads take and give back; who finds none waits.
///
/// ```
/// use ropewalk::{Deadline, Plain, sync::Semaphore};
/// let permits = Semaphore::new(1);
/// assert!(permits.acquire(&mut Plain, Deadline::NEVER)?);
/// assert!(!permits.try_acquire());
/// permits.release(2).unwrap();
/// assert_eq!(permits.permits(), 2);
/// # Ok::<(), ropewalk::Halted<std::convert::Infallible>>(())
/// ```
#[derive(Debug)]
pub struct Semaphore {
    word: AtomicU64,
    line: Mutex<Line>,
    /// Nobody sleeps here any more. Changes only under the line's mutex.
    retired: AtomicBool,
}

/// More permits than the semaphore's bound, or than can be counted.
///
/// ```
/// use ropewalk::sync::{Semaphore, TooManyPermits};
/// let permits = Semaphore::new(Semaphore::MAX);
/// assert_eq!(permits.release(1), Err(TooManyPermits));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyPermits;

impl fmt::Display for TooManyPermits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Semaphore released too many times")
    }
}

impl std::error::Error for TooManyPermits {}

impl Semaphore {
    /// The most permits that a semaphore can hold.
    ///
    /// ```
    /// use ropewalk::sync::Semaphore;
    /// assert_eq!(Semaphore::new(u64::MAX).permits(), Semaphore::MAX);
    /// ```
    pub const MAX: u64 = u64::MAX >> 2;

    /// A semaphore with `permits` free, at most [`Semaphore::MAX`].
    ///
    /// ```
    /// assert_eq!(ropewalk::sync::Semaphore::new(3).permits(), 3);
    /// ```
    pub fn new(permits: u64) -> Semaphore {
        let permits = permits.min(Semaphore::MAX);
        Semaphore {
            word: AtomicU64::new(permits * PERMIT),
            line: Mutex::new(Line::default()),
            retired: AtomicBool::new(false),
        }
    }

    /// Takes a permit if one is free.
    ///
    /// ```
    /// let permits = ropewalk::sync::Semaphore::new(1);
    /// assert!(permits.try_acquire());
    /// assert!(!permits.try_acquire());
    /// ```
    #[inline]
    pub fn try_acquire(&self) -> bool {
        let mut word = self.word.load(Ordering::Relaxed);
        while word >= PERMIT {
            match self.word.compare_exchange_weak(word, word - PERMIT, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// Takes a permit, waiting for one until `deadline`; `Ok(false)` if the deadline came first.
    ///
    /// # Errors
    /// [`Halted`] if the wait was interrupted or would have closed a deadlock; no permit was taken.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, sync::Semaphore};
    /// let permits = Semaphore::new(1);
    /// assert!(permits.acquire(&mut Plain, Deadline::NEVER).unwrap());
    /// assert!(!permits.acquire(&mut Plain, Deadline::NOW).unwrap());
    /// ```
    #[inline]
    pub fn acquire<B: Block>(&self, block: &mut B, deadline: Deadline) -> Result<bool, Halted<B::Interrupt>> {
        if self.try_acquire() {
            return Ok(true);
        }
        if deadline.is_now() {
            return Ok(false);
        }
        self.acquire_slow(block, deadline)
    }

    #[cold]
    fn acquire_slow<B: Block>(
        &self,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<bool, Halted<B::Interrupt>> {
        let sleeper = Sleeper::new(None);
        let reason = Reason::new(Kind::Semaphore, self);
        let mut overtaken = false;
        loop {
            {
                let mut line = self.line.lock();
                if self.retired.load(Ordering::Relaxed) {
                    return Err(Halted::Retired); // woken before, and overtaken by the end
                }
                if self.try_acquire_or_mark() {
                    return Ok(true);
                }
                sleeper.rearm();
                if overtaken { line.push_front(&sleeper) } else { line.push_back(&sleeper) }
            }
            match sleep(&sleeper, block, deadline, &reason, || self.try_acquire()) {
                Ok(Rest::Taken) => return Ok(true),
                Ok(Rest::Overtaken) => overtaken = true,
                Ok(Rest::TimedOut) => return Ok(self.withdraw(&sleeper)),
                Err(halted) => {
                    if self.withdraw(&sleeper) {
                        let _ = self.add(1, Semaphore::MAX); // our own permit: it was counted before
                    }
                    return Err(halted);
                }
            }
        }
    }

    /// Under the line's mutex: a permit, or the mark that threads stand in line, in one step.
    fn try_acquire_or_mark(&self) -> bool {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let new = if word >= PERMIT { word - PERMIT } else { word | SLEEPERS };
            match self.word.compare_exchange_weak(word, new, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return word >= PERMIT,
                Err(now) => word = now,
            }
        }
    }

    /// Leaves the line without a permit (`false`), or with one that came at the last moment (`true`).
    fn withdraw(&self, sleeper: &Arc<Sleeper>) -> bool {
        let mut line = self.line.lock();
        if line.remove(sleeper) {
            if line.is_empty() {
                self.word.fetch_and(!SLEEPERS, Ordering::Relaxed);
            }
            return false;
        }
        drop(line);
        sleeper.is_granted() || self.try_acquire()
    }

    /// Gives back `count` permits and wakes as many sleepers.
    ///
    /// # Errors
    /// [`TooManyPermits`] if there would be more than [`Semaphore::MAX`].
    ///
    /// ```
    /// let permits = ropewalk::sync::Semaphore::new(1);
    /// permits.release(2).unwrap();
    /// assert_eq!(permits.permits(), 3);
    /// ```
    #[inline]
    pub fn release(&self, count: u64) -> Result<(), TooManyPermits> {
        self.release_below(count, Semaphore::MAX)
    }

    /// Gives back `count` permits, unless more than `bound` would be free.
    ///
    /// # Errors
    /// [`TooManyPermits`]; nothing was given back.
    ///
    /// ```
    /// let permits = ropewalk::sync::Semaphore::new(1);
    /// assert!(permits.release_below(1, 1).is_err());
    /// assert_eq!(permits.permits(), 1);
    /// ```
    #[inline]
    pub fn release_below(&self, count: u64, bound: u64) -> Result<(), TooManyPermits> {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if (word / PERMIT).checked_add(count).is_none_or(|sum| sum > bound.min(Semaphore::MAX)) {
                return Err(TooManyPermits);
            }
            if word & SLEEPERS != 0 {
                return self.add(count, bound);
            }
            match self.word.compare_exchange_weak(
                word,
                word + count * PERMIT,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(()),
                Err(now) => word = now,
            }
        }
    }

    /// Gives permits while threads stand in line: one wake for each permit, by hand for the impatient.
    #[cold]
    fn add(&self, count: u64, bound: u64) -> Result<(), TooManyPermits> {
        let mut line = self.line.lock();
        if self.permits().checked_add(count).is_none_or(|sum| sum > bound.min(Semaphore::MAX)) {
            return Err(TooManyPermits);
        }
        let mut wakes = Vec::new();
        let mut free = count;
        while (wakes.len() as u64) < count {
            let Some(next) = line.pop() else { break };
            let grant = next.is_impatient();
            free -= u64::from(grant);
            if grant {
                next.award();
            }
            wakes.push((next, grant));
        }
        if line.is_empty() {
            self.word.fetch_and(!SLEEPERS, Ordering::Relaxed);
        }
        self.word.fetch_add(free * PERMIT, Ordering::Release);
        drop(line);
        for (sleeper, grant) in wakes {
            if grant { sleeper.rouse() } else { sleeper.wake() }
        }
        Ok(())
    }

    /// Free permits now.
    ///
    /// ```
    /// let permits = ropewalk::sync::Semaphore::new(2);
    /// assert!(permits.try_acquire());
    /// assert_eq!(permits.permits(), 1);
    /// ```
    #[inline]
    pub fn permits(&self) -> u64 {
        self.word.load(Ordering::Relaxed) / PERMIT
    }

    /// Makes `permits` free, whatever was free before, and wakes as many sleepers.
    ///
    /// ```
    /// let permits = ropewalk::sync::Semaphore::new(1);
    /// permits.set(5);
    /// assert_eq!(permits.permits(), 5);
    /// ```
    pub fn set(&self, permits: u64) {
        let mut line = self.line.lock();
        let sleepers = if line.is_empty() { 0 } else { SLEEPERS };
        self.word.store((permits.min(Semaphore::MAX) * PERMIT) | sleepers, Ordering::Release);
        let woken: Vec<_> =
            std::iter::from_fn(|| line.pop()).take(permits.try_into().unwrap_or(usize::MAX)).collect();
        if line.is_empty() {
            self.word.fetch_and(!SLEEPERS, Ordering::Relaxed);
        }
        drop(line);
        for sleeper in woken {
            sleeper.wake();
        }
    }

    /// Something else stands in the place of this semaphore from now on: takes the free permits, and sends away with
    /// [`Halted::Retired`] who sleeps here, and who would.
    ///
    /// ```
    /// use ropewalk::{Deadline, Halted, Plain, sync::Semaphore};
    /// let permits = Semaphore::new(3);
    /// assert_eq!(permits.retire(), 3);
    /// assert!(matches!(permits.acquire(&mut Plain, Deadline::NEVER), Err(Halted::Retired)));
    /// ```
    pub fn retire(&self) -> u64 {
        let mut line = self.line.lock();
        self.retired.store(true, Ordering::Relaxed);
        line.retire();
        self.word.swap(0, Ordering::Acquire) / PERMIT
    }

    /// Whether it was retired.
    ///
    /// ```
    /// let permits = ropewalk::sync::Semaphore::new(1);
    /// permits.retire();
    /// assert!(permits.is_retired());
    /// ```
    #[inline]
    pub fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    /// Sets the free permits and forgets who waits: for the child of a fork.
    ///
    /// ```
    /// let permits = ropewalk::sync::Semaphore::new(2);
    /// assert!(permits.try_acquire());
    /// permits.reset(5);
    /// assert_eq!(permits.permits(), 5);
    /// ```
    pub fn reset(&self, permits: u64) {
        let mut line = self.line.lock();
        line.clear();
        self.word.store(permits.min(Semaphore::MAX) * PERMIT, Ordering::Release);
    }
}
