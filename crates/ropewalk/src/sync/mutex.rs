//! A value and the lock that guards it.
//!
//! The lock is [`Lock`], so the doctor and the watch over lock order see it. What it adds is a guard, which
//! cannot leave its thread: so only the holder can release the lock, and a circle of mutexes is a certain
//! deadlock, refused by the thread that would close it.
//!
//! There is no poisoning, as in parking_lot: a panic while the guard lives releases the lock, and the value may
//! be half-changed. Who must know keeps a flag beside the value.
//!
//! # Contract of the unsafe code
//!
//! 1. The value is touched only through a guard, or through `&mut Mutex`, or by value.
//! 2. A guard exists only while its thread holds the lock: it is made after the lock was taken, and dropping or
//!    dissolving it is what releases the lock. It is neither `Send` nor `Clone`.
//! 3. The lock has one holder at a time, takes with acquire and releases with release. Nothing outside the crate
//!    can reach it, and inside only this file and the condition variable do.
//! 4. `T: Send` is all that sharing needs: one thread after the other has the value. A shared guard gives `&T`
//!    to several threads at once, so it needs `T: Sync`.
#![allow(unsafe_code)]

use super::Lock;
use crate::park::Halted;
use crate::primitive::thread;
use crate::wait_graph::{self, Cycle, Kind};
use ropewalk_os::{Deadline, Plain};
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// A value that one thread at a time can use.
///
/// ```
/// use ropewalk::sync::Mutex;
/// let total = Mutex::new(0);
/// std::thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| (0..1_000).for_each(|_| *total.lock() += 1));
///     }
/// });
/// assert_eq!(total.into_inner(), 4_000);
/// ```
///
/// The mutex can be shared only if its value may go from thread to thread:
///
/// ```compile_fail,E0277
/// fn shared<T: Sync>(_: T) {}
/// shared(ropewalk::sync::Mutex::new(std::rc::Rc::new(1)));
/// ```
pub struct Mutex<T: ?Sized> {
    lock: Lock,
    value: UnsafeCell<T>,
}

// SAFETY: rules 1 and 4.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: rules 2 to 4.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

/// The value of a [`Mutex`], for as long as this lives.
///
/// It stays in its thread:
///
/// ```compile_fail,E0277
/// let mutex = ropewalk::sync::Mutex::new(1);
/// let guard = mutex.lock();
/// std::thread::scope(|scope| {
///     scope.spawn(move || drop(guard));
/// });
/// ```
///
/// It can be lent to other threads only if its value can:
///
/// ```compile_fail,E0277
/// let mutex = ropewalk::sync::Mutex::new(std::cell::Cell::new(1));
/// let guard = mutex.lock();
/// std::thread::scope(|scope| {
///     scope.spawn(|| guard.set(2));
/// });
/// ```
///
/// ```
/// let mutex = ropewalk::sync::Mutex::new(1);
/// let mut guard = mutex.lock();
/// *guard += 1;
/// drop(guard);
/// assert_eq!(*mutex.lock(), 2);
/// ```
#[must_use = "the lock is released when this is dropped"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    stays: PhantomData<*mut ()>,
}

// SAFETY: rule 4.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

/// Why a lock was not taken.
///
/// ```
/// use ropewalk::sync::{Mutex, NotLocked};
/// use ropewalk::{Deadline, wait_graph::Kind};
/// let mutex = Mutex::new(());
/// let _held = mutex.lock();
/// match mutex.lock_until(Deadline::NEVER) {
///     Err(NotLocked::Deadlock(cycle)) => assert_eq!(cycle.waits()[0].kind, Kind::Mutex),
///     other => unreachable!("this thread would wait for itself: {other:?}"),
/// }
/// ```
#[derive(Debug)]
pub enum NotLocked {
    /// The deadline came first.
    TimedOut,
    /// Waiting would have closed a circle of waits that can never end.
    Deadlock(Box<Cycle>),
}

impl<T> Mutex<T> {
    /// A value that nobody uses yet.
    ///
    /// ```
    /// assert_eq!(*ropewalk::sync::Mutex::new(7).lock(), 7);
    /// ```
    #[track_caller]
    pub fn new(value: T) -> Mutex<T> {
        Mutex { lock: Lock::new(), value: UnsafeCell::new(value) }
    }

    /// The value, for good.
    ///
    /// ```
    /// assert_eq!(ropewalk::sync::Mutex::new(7).into_inner(), 7);
    /// ```
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits for the value, as long as it takes.
    ///
    /// # Panics
    /// If the wait would close a certain deadlock, with a drawing of it. [`Mutex::lock_until`] gives an error
    /// instead.
    ///
    /// ```should_panic
    /// let mutex = ropewalk::sync::Mutex::new(());
    /// let _held = mutex.lock();
    /// let _never = mutex.lock(); // where other mutexes hang
    /// ```
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        if !self.lock.try_acquire_short(thread::current()) {
            self.lock_long();
        }
        self.guard()
    }

    #[cold]
    #[track_caller]
    fn lock_long(&self) {
        if let Err(refused) = self.acquire_long(Deadline::NEVER) {
            panic!("{refused}");
        }
    }

    /// Takes the value if nobody uses it now.
    ///
    /// ```
    /// let mutex = ropewalk::sync::Mutex::new(7);
    /// let held = mutex.try_lock().unwrap();
    /// assert_eq!(*held, 7);
    /// assert!(mutex.try_lock().is_none());
    /// ```
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.lock.try_acquire().then(|| self.guard())
    }

    /// Waits for the value until `deadline`.
    ///
    /// # Errors
    /// [`NotLocked`].
    ///
    /// ```
    /// use ropewalk::{Deadline, sync::{Mutex, NotLocked}};
    /// use std::time::Duration;
    /// let mutex = Mutex::new(7);
    /// let held = mutex.lock_until(Deadline::NEVER).unwrap();
    /// let late = mutex.lock_until(Deadline::after(Duration::from_millis(1)));
    /// assert!(matches!(late, Err(NotLocked::TimedOut)));
    /// ```
    #[inline]
    #[track_caller]
    pub fn lock_until(&self, deadline: Deadline) -> Result<MutexGuard<'_, T>, NotLocked> {
        if !self.lock.try_acquire_short(thread::current()) {
            self.acquire_long(deadline)?;
        }
        Ok(self.guard())
    }

    #[track_caller]
    fn acquire_long(&self, deadline: Deadline) -> Result<(), NotLocked> {
        if deadline.is_never() && self.lock.owner() == Some(thread::current()) {
            wait_graph::wait_for_itself(Kind::Mutex, &self.lock).map_err(NotLocked::Deadlock)?;
        }
        match self.lock.acquire_long(&mut Plain, deadline, Kind::Mutex) {
            Ok(true) => Ok(()),
            Ok(false) => Err(NotLocked::TimedOut),
            Err(halted) => Err(NotLocked::Deadlock(deadlock(halted))),
        }
    }

    /// Only after the calling thread has taken the lock.
    #[inline]
    fn guard(&self) -> MutexGuard<'_, T> {
        MutexGuard { mutex: self, stays: PhantomData }
    }

    /// The value, without locking: nobody else can have it now.
    ///
    /// ```
    /// let mut value = ropewalk::sync::Mutex::new(6);
    /// *value.get_mut() += 1;
    /// assert_eq!(value.into_inner(), 7);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Whether somebody uses the value now. A hint: it may have changed already.
    ///
    /// ```
    /// let value = ropewalk::sync::Mutex::new(7);
    /// let used = value.lock();
    /// assert!(value.is_locked());
    /// drop(used);
    /// assert!(!value.is_locked());
    /// ```
    pub fn is_locked(&self) -> bool {
        self.lock.is_locked()
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// Gives up the guard but not the lock: for a wait that releases the lock itself.
    pub(super) fn dissolve(self) -> &'a Mutex<T> {
        let mutex = self.mutex;
        std::mem::forget(self);
        mutex
    }

    pub(super) fn lock(&self) -> &'a Lock {
        &self.mutex.lock
    }
}

impl<T: ?Sized> Mutex<T> {
    pub(super) fn raw(&self) -> &Lock {
        &self.lock
    }

    /// The guard of a lock whose guard was dissolved, if the calling thread holds it again.
    pub(super) fn guard_again(&self) -> Option<MutexGuard<'_, T>> {
        (self.lock.owner() == Some(thread::current())).then(|| self.guard())
    }
}

/// A plain thread's wait can be halted by a deadlock only.
pub(super) fn deadlock(halted: Halted<std::convert::Infallible>) -> Box<Cycle> {
    match halted {
        Halted::Deadlock(cycle) => cycle,
        Halted::Interrupted(never) => match never {},
        Halted::Retired => unreachable!("locks are not retired"),
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: rules 2 and 3: this thread holds the lock, and the guard is only lent.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: rules 2 and 3, and the guard is lent to nobody else.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.lock.release();
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Mutex<T> {
        Mutex::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_lock() {
            Some(value) => f.debug_tuple("Mutex").field(&&*value).finish(),
            None => f.write_str("Mutex(<locked>)"),
        }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl fmt::Display for NotLocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotLocked::TimedOut => f.write_str("the lock was not free before the deadline"),
            NotLocked::Deadlock(cycle) => write!(f, "the wait would never end\n{cycle}"),
        }
    }
}

impl std::error::Error for NotLocked {}
