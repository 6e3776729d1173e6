//! One holder at a time.
//!
//! # States of the word
//!
//! | `LOCKED` | `SLEEPERS` | meaning |
//! |---|---|---|
//! | 0 | 0 | free |
//! | 1 | 0 | held; its release is one atomic step |
//! | 1 | 1 | held, and threads stand in line: its release wakes one |
//! | 0 | 1 | free; one thread is on its way, more stand in line |
//!
//! `WATCHED` never changes. It keeps a lock out of the short ways, which ask for a word without it, so that a
//! lock whose order is not looked at pays nothing for those whose order is.
//!
//! `SLEEPERS` changes only under the line's mutex. The owner's name is written after the lock is taken and wiped
//! before it is released; it is a hint for reports and for re-entry, never the truth about `LOCKED`.

use crate::lock_order::{self, Watch};
use crate::park::{Halted, Line, Rest, Sleeper, sleep};
use crate::primitive::thread::{self, ThreadId};
use crate::primitive::{Arc, AtomicU32, AtomicU64, Mutex, Ordering};
use crate::wait_graph::{Kind, Reason};
use ropewalk_os::{Block, Deadline};
use std::panic::Location;

/// Held by somebody.
const LOCKED: u32 = 1;
/// The line may not be empty.
const SLEEPERS: u32 = 2;
/// The order in which it is taken is looked at.
const WATCHED: u32 = 4;

/// A lock without a value: what is under it is the caller's affair, and any thread may release it.
///
/// It knows which thread took it, so that a deadlock can be told instead of waited for. It is the engine beneath
/// Python's `threading.Lock`; a Rust program that guards a value wants
/// [`Mutex`](super::Mutex).
///
/// ```
/// use ropewalk::{Deadline, Plain, sync::Lock};
/// let lock = Lock::new();
/// assert!(lock.acquire(&mut Plain, Deadline::NEVER)?);
/// assert!(!lock.try_acquire());
/// assert!(lock.release());
/// assert!(!lock.release());
/// # Ok::<(), ropewalk::Halted<std::convert::Infallible>>(())
/// ```
#[derive(Debug)]
pub struct Lock {
    word: AtomicU32,
    owner: AtomicU64,
    line: Mutex<Line>,
    watch: Watch,
}

impl Default for Lock {
    #[track_caller]
    fn default() -> Lock {
        Lock::new()
    }
}

impl Lock {
    /// A free lock.
    ///
    /// ```
    /// assert!(!ropewalk::sync::Lock::new().is_locked());
    /// ```
    #[track_caller]
    pub fn new() -> Lock {
        let watch = Watch::begin(Location::caller());
        let word = if watch.is_on() { WATCHED } else { 0 };
        let (word, owner) = (AtomicU32::new(word), AtomicU64::new(0));
        Lock { word, owner, line: Mutex::new(Line::default()), watch }
    }

    /// Takes the lock if it is free.
    ///
    /// ```
    /// let lock = ropewalk::sync::Lock::new();
    /// assert!(lock.try_acquire());
    /// assert!(!lock.try_acquire());
    /// ```
    #[inline]
    pub fn try_acquire(&self) -> bool {
        let me = thread::current();
        self.try_acquire_short(me) || self.try_acquire_watched(me)
    }

    /// The first step of [`Lock::acquire`]: takes a lock that is free, unless its order is to be looked at and is new.
    ///
    /// For callers who want that step without any preparation for a wait; `false` means:
    /// [`Lock::acquire_otherwise`].
    ///
    /// ```
    /// let lock = ropewalk::sync::Lock::new();
    /// assert!(lock.acquire_at_once());
    /// assert!(!lock.acquire_at_once());
    /// ```
    #[inline]
    pub fn acquire_at_once(&self) -> bool {
        let me = thread::current();
        self.try_acquire_short(me) || self.acquire_in_known_order(me)
    }

    /// Takes a watched lock that is free, if that shows no new order.
    #[inline(never)]
    pub(crate) fn acquire_in_known_order(&self, thread: ThreadId) -> bool {
        self.watch.is_on() && lock_order::take_in_known_order(self.watch, || self.try_acquire_for(thread))
    }

    #[inline]
    pub(crate) fn try_acquire_short(&self, thread: ThreadId) -> bool {
        self.try_acquire_without(LOCKED | WATCHED, thread)
    }

    /// Takes a lock that is free. Its order is not looked at: the caller sees to that.
    #[inline]
    pub(crate) fn try_acquire_for(&self, thread: ThreadId) -> bool {
        self.try_acquire_without(LOCKED, thread)
    }

    #[inline]
    fn try_acquire_without(&self, bits: u32, thread: ThreadId) -> bool {
        let mut word = self.word.load(Ordering::Relaxed);
        while word & bits == 0 {
            match self.word.compare_exchange_weak(word, word | LOCKED, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => {
                    self.owner.store(thread.0, Ordering::Relaxed);
                    return true;
                }
                Err(now) => word = now,
            }
        }
        false
    }

    /// The rest of an attempt that did not succeed the short way.
    pub(crate) fn try_acquire_watched(&self, thread: ThreadId) -> bool {
        if !self.watch.is_on() || !self.try_acquire_for(thread) {
            return false;
        }
        lock_order::taken(self.watch, false);
        true
    }

    /// Takes the lock, waiting for it until `deadline`; `Ok(false)` if the deadline came first.
    ///
    /// # Errors
    /// [`Halted`] if the wait was interrupted, or would have closed a deadlock. The lock is not held then.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, sync::Lock};
    /// let lock = Lock::new();
    /// assert!(lock.acquire(&mut Plain, Deadline::NEVER).unwrap());
    /// assert!(!lock.acquire(&mut Plain, Deadline::NOW).unwrap());
    /// ```
    #[inline]
    #[track_caller]
    pub fn acquire<B: Block>(&self, block: &mut B, deadline: Deadline) -> Result<bool, Halted<B::Interrupt>> {
        if self.try_acquire_short(thread::current()) {
            return Ok(true);
        }
        self.acquire_long(block, deadline, Kind::Lock)
    }

    /// The rest of [`Lock::acquire`], after [`Lock::acquire_at_once`] has not taken it.
    ///
    /// # Errors
    /// As [`Lock::acquire`].
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, sync::Lock};
    /// let lock = Lock::new();
    /// let taken = lock.acquire_at_once() || lock.acquire_otherwise(&mut Plain, Deadline::NEVER).unwrap();
    /// assert!(taken && lock.is_locked());
    /// ```
    #[inline]
    #[track_caller]
    pub fn acquire_otherwise<B: Block>(
        &self,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<bool, Halted<B::Interrupt>> {
        self.acquire_long(block, deadline, Kind::Lock)
    }

    /// The rest of an acquire that did not succeed the short way: the lock is held by another, or watched.
    #[inline(never)]
    #[track_caller]
    pub(crate) fn acquire_long<B: Block>(
        &self,
        block: &mut B,
        deadline: Deadline,
        kind: Kind,
    ) -> Result<bool, Halted<B::Interrupt>> {
        let look = deadline.is_never();
        if self.watch.is_on() && self.try_acquire_for(thread::current()) {
            lock_order::taken_at_once(self.watch, look, Location::caller());
            return Ok(true);
        }
        if deadline.is_now() {
            return Ok(false);
        }
        if look {
            self.about_to_acquire();
        }
        let taken = self.acquire_slow(block, deadline, kind)?;
        if taken {
            self.acquired(look);
        }
        Ok(taken)
    }

    /// For the order in which locks are taken: the calling thread will wait for this one, however long.
    #[inline]
    #[track_caller]
    pub(crate) fn about_to_acquire(&self) {
        if self.watch.is_on() {
            lock_order::about_to_take(self.watch, Location::caller());
        }
    }

    /// For the order in which locks are taken: the calling thread has taken it, after
    /// [`Lock::about_to_acquire`] if `looked`.
    #[inline]
    pub(crate) fn acquired(&self, looked: bool) {
        if self.watch.is_on() {
            lock_order::taken(self.watch, looked);
        }
    }

    /// Waits for it in line. Its order is not looked at: the caller sees to that.
    pub(crate) fn acquire_slow<B: Block>(
        &self,
        block: &mut B,
        deadline: Deadline,
        kind: Kind,
    ) -> Result<bool, Halted<B::Interrupt>> {
        let sleeper = Sleeper::new(None);
        if self.stand_in_line(&sleeper, Place::Back) {
            return Ok(true);
        }
        self.sleep_in_line(&sleeper, block, deadline, kind)
    }

    /// The rest of an acquire by a sleeper that stands in line.
    pub(crate) fn sleep_in_line<B: Block>(
        &self,
        sleeper: &Arc<Sleeper>,
        block: &mut B,
        deadline: Deadline,
        kind: Kind,
    ) -> Result<bool, Halted<B::Interrupt>> {
        let reason = Reason::owned(kind, self, &self.owner);
        loop {
            match sleep(sleeper, block, deadline, &reason, || self.try_acquire_for(sleeper.thread())) {
                Ok(Rest::Taken) => return Ok(true),
                Ok(Rest::Overtaken) => {
                    if self.stand_in_line(sleeper, Place::Front) {
                        return Ok(true);
                    }
                }
                Ok(Rest::TimedOut) => return Ok(self.withdraw(sleeper)),
                Err(halted) => {
                    if self.withdraw(sleeper) {
                        self.release();
                    }
                    return Err(halted);
                }
            }
        }
    }

    /// Takes the lock if it is free now (`true`), else joins the line.
    fn stand_in_line(&self, sleeper: &Arc<Sleeper>, place: Place) -> bool {
        let mut line = self.line.lock();
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let new = if word & LOCKED == 0 { word | LOCKED } else { word | SLEEPERS };
            match self.word.compare_exchange_weak(word, new, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) if word & LOCKED == 0 => {
                    self.owner.store(sleeper.thread().0, Ordering::Relaxed);
                    return true;
                }
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        sleeper.rearm();
        match place {
            Place::Back => line.push_back(sleeper),
            Place::Front => line.push_front(sleeper),
        }
        false
    }

    /// Leaves the line without the lock (`false`), or with it if it came at the last moment (`true`).
    pub(crate) fn withdraw(&self, sleeper: &Arc<Sleeper>) -> bool {
        let mut line = self.line.lock();
        if line.remove(sleeper) {
            if line.is_empty() {
                self.word.fetch_and(!SLEEPERS, Ordering::Relaxed);
            }
            return false;
        }
        drop(line);
        // A waker took us out. If it only woke us, its wake must not be lost: take the lock, or know that its
        // present holder will wake the next.
        sleeper.is_granted() || self.try_acquire_for(sleeper.thread())
    }

    /// Releases the lock, from any thread; `false` if nobody held it.
    ///
    /// ```
    /// let lock = ropewalk::sync::Lock::new();
    /// assert!(!lock.release());
    /// assert!(lock.try_acquire() && lock.release());
    /// ```
    #[inline]
    pub fn release(&self) -> bool {
        if self.word.load(Ordering::Relaxed) != LOCKED {
            return self.release_long();
        }
        self.owner.store(0, Ordering::Relaxed);
        if self.word.compare_exchange(LOCKED, 0, Ordering::Release, Ordering::Relaxed).is_err() {
            self.release_slow();
        }
        true
    }

    /// Releases a lock that is not simply held: nobody holds it, or threads stand in line, or it is watched.
    #[inline(never)]
    fn release_long(&self) -> bool {
        if self.word.load(Ordering::Relaxed) & LOCKED == 0 {
            return false;
        }
        if self.watch.is_on() {
            lock_order::released(self.watch, self.owner());
        }
        self.owner.store(0, Ordering::Relaxed);
        let watched = LOCKED | WATCHED;
        if self.word.compare_exchange(watched, WATCHED, Ordering::Release, Ordering::Relaxed).is_err() {
            self.release_slow();
        }
        true
    }

    #[cold]
    fn release_slow(&self) {
        let mut line = self.line.lock();
        let next = line.pop();
        let watched = self.word.load(Ordering::Relaxed) & WATCHED;
        let sleepers = watched | if line.is_empty() { 0 } else { SLEEPERS };
        match next {
            Some(next) if next.is_impatient() => {
                self.owner.store(next.thread().0, Ordering::Relaxed);
                self.word.store(LOCKED | sleepers, Ordering::Relaxed);
                next.award();
                drop(line);
                next.rouse();
            }
            next => {
                self.word.store(sleepers, Ordering::Release);
                drop(line);
                if let Some(next) = next {
                    next.wake();
                }
            }
        }
    }

    /// Takes the lock again for a condition's sleeper that is in no line.
    pub(crate) fn retake<B: Block>(
        &self,
        sleeper: &Arc<Sleeper>,
        place: Place,
        block: &mut B,
        kind: Kind,
    ) -> Result<(), Halted<B::Interrupt>> {
        sleeper.retake();
        if !self.stand_in_line(sleeper, place) {
            self.sleep_in_line(sleeper, block, Deadline::NEVER, kind)?;
        }
        Ok(())
    }

    /// Takes over a sleeper from a condition: it will be woken when the lock is released.
    pub(crate) fn adopt(&self, sleeper: &Arc<Sleeper>) {
        let mut line = self.line.lock();
        let mut word = self.word.load(Ordering::Relaxed);
        while word & LOCKED != 0 {
            match self.word.compare_exchange_weak(word, word | SLEEPERS, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => {
                    sleeper.retake();
                    line.push_back(sleeper);
                    return;
                }
                Err(now) => word = now,
            }
        }
        drop(line);
        sleeper.wake();
    }

    /// Whether somebody holds it now.
    ///
    /// ```
    /// let lock = ropewalk::sync::Lock::new();
    /// lock.try_acquire();
    /// assert!(lock.is_locked());
    /// ```
    #[inline]
    pub fn is_locked(&self) -> bool {
        self.word.load(Ordering::Relaxed) & LOCKED != 0
    }

    /// The thread that took it, if it is held. A hint when another thread asks.
    ///
    /// ```
    /// let lock = ropewalk::sync::Lock::new();
    /// assert!(lock.owner().is_none());
    /// lock.try_acquire();
    /// assert!(lock.owner().is_some());
    /// ```
    #[inline]
    pub fn owner(&self) -> Option<ThreadId> {
        match self.owner.load(Ordering::Relaxed) {
            0 => None,
            thread => Some(ThreadId(thread)),
        }
    }

    /// Where the owner's name stands, for the wait graph.
    pub(crate) fn owner_word(&self) -> &AtomicU64 {
        &self.owner
    }

    /// Makes it free and forgets who waits: for the child of a fork, where those threads are gone.
    ///
    /// ```
    /// let lock = ropewalk::sync::Lock::new();
    /// lock.try_acquire();
    /// lock.reset();
    /// assert!(!lock.is_locked());
    /// ```
    pub fn reset(&self) {
        let mut line = self.line.lock();
        line.clear();
        self.owner.store(0, Ordering::Relaxed);
        self.word.fetch_and(WATCHED, Ordering::Release);
    }
}

/// Where to join the line.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Back,
    /// For who was woken, and found another faster.
    Front,
}
