//! A value whose holder may take it again.
//!
//! # Contract of the unsafe code
//!
//! 1. The value is touched only through a guard, or through `&mut ReentrantMutex`, or by value.
//! 2. A guard exists only while its thread holds the lock once for it. It is neither `Send` nor `Clone`, and it
//!    gives only `&T`: one thread may have several.
//! 3. The lock has one holding thread at a time, takes with acquire and releases with release, and nothing else
//!    can reach it. So `T: Send` is all that sharing needs; a shared guard needs `T: Sync`.
#![allow(unsafe_code)]

use super::ReentrantLock;
use super::mutex::{NotLocked, deadlock};
use ropewalk_os::{Deadline, Plain};
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

/// A value that one thread at a time can use, as often as it likes; shared within the thread, so change it
/// through a [`Cell`](std::cell::Cell) or [`RefCell`](std::cell::RefCell).
///
/// ```
/// use ropewalk::sync::ReentrantMutex;
/// use std::cell::Cell;
/// let steps = ReentrantMutex::new(Cell::new(0));
/// fn climb(steps: &ReentrantMutex<Cell<u32>>, height: u32) {
///     let held = steps.lock();
///     held.set(held.get() + 1);
///     if held.get() < height {
///         climb(steps, height);
///     }
/// }
/// climb(&steps, 5);
/// assert_eq!(steps.into_inner().get(), 5);
/// ```
///
/// ```compile_fail,E0277
/// fn shared<T: Sync>(_: T) {}
/// shared(ropewalk::sync::ReentrantMutex::new(std::rc::Rc::new(1)));
/// ```
pub struct ReentrantMutex<T: ?Sized> {
    lock: ReentrantLock,
    value: UnsafeCell<T>,
}

// SAFETY: rules 1 and 3.
unsafe impl<T: ?Sized + Send> Send for ReentrantMutex<T> {}
// SAFETY: rules 2 and 3.
unsafe impl<T: ?Sized + Send> Sync for ReentrantMutex<T> {}

/// The value of a [`ReentrantMutex`], for as long as this lives.
///
/// It stays in its thread, which alone can release the lock:
///
/// ```compile_fail,E0277
/// let mutex = ropewalk::sync::ReentrantMutex::new(1);
/// let guard = mutex.lock();
/// std::thread::scope(|scope| {
///     scope.spawn(move || drop(guard));
/// });
/// ```
///
/// ```
/// let mutex = ropewalk::sync::ReentrantMutex::new(std::cell::Cell::new(1));
/// let outer = mutex.lock();
/// mutex.lock().set(2); // the inner guard ends here, and the lock stays with the outer one
/// assert_eq!(outer.get(), 2);
/// ```
#[must_use = "the lock is released when this is dropped"]
pub struct ReentrantMutexGuard<'a, T: ?Sized> {
    mutex: &'a ReentrantMutex<T>,
    stays: PhantomData<*mut ()>,
}

// SAFETY: rule 3.
unsafe impl<T: ?Sized + Sync> Sync for ReentrantMutexGuard<'_, T> {}

impl<T> ReentrantMutex<T> {
    /// A value that nobody uses yet.
    ///
    /// ```
    /// assert!(ropewalk::sync::ReentrantMutex::new(1).try_lock().is_some());
    /// ```
    #[track_caller]
    pub fn new(value: T) -> ReentrantMutex<T> {
        ReentrantMutex { lock: ReentrantLock::new(), value: UnsafeCell::new(value) }
    }

    /// The value, for good.
    ///
    /// ```
    /// assert_eq!(ropewalk::sync::ReentrantMutex::new(1).into_inner(), 1);
    /// ```
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> ReentrantMutex<T> {
    /// Waits for the value, as long as it takes.
    ///
    /// # Panics
    /// If the wait would close a certain deadlock, with a drawing of it.
    ///
    /// ```
    /// let mutex = ropewalk::sync::ReentrantMutex::new(7);
    /// let (once, twice) = (mutex.lock(), mutex.lock());
    /// assert_eq!((*once, *twice), (7, 7));
    /// ```
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> ReentrantMutexGuard<'_, T> {
        match self.lock_until(Deadline::NEVER) {
            Ok(guard) => guard,
            Err(refused) => panic!("{refused}"),
        }
    }

    /// Takes the value if no other thread uses it now.
    ///
    /// ```
    /// let mutex = ropewalk::sync::ReentrantMutex::new(7);
    /// let (_once, twice) = (mutex.lock(), mutex.try_lock());
    /// assert_eq!(*twice.unwrap(), 7);
    /// std::thread::scope(|scope| {
    ///     assert!(scope.spawn(|| mutex.try_lock().is_none()).join().unwrap());
    /// });
    /// ```
    #[inline]
    pub fn try_lock(&self) -> Option<ReentrantMutexGuard<'_, T>> {
        self.lock.try_acquire().then(|| ReentrantMutexGuard { mutex: self, stays: PhantomData })
    }

    /// Waits for the value until `deadline`.
    ///
    /// # Errors
    /// [`NotLocked`].
    ///
    /// ```
    /// use ropewalk::{Deadline, sync::{NotLocked, ReentrantMutex}};
    /// let mutex = ReentrantMutex::new(7);
    /// let _held = mutex.lock();
    /// assert!(mutex.lock_until(Deadline::NOW).is_ok()); // the same thread
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| assert!(matches!(mutex.lock_until(Deadline::NOW), Err(NotLocked::TimedOut))));
    /// });
    /// ```
    #[inline]
    #[track_caller]
    pub fn lock_until(&self, deadline: Deadline) -> Result<ReentrantMutexGuard<'_, T>, NotLocked> {
        match self.lock.acquire(&mut Plain, deadline) {
            Ok(true) => Ok(ReentrantMutexGuard { mutex: self, stays: PhantomData }),
            Ok(false) => Err(NotLocked::TimedOut),
            Err(halted) => Err(NotLocked::Deadlock(deadlock(halted))),
        }
    }

    /// The value, without locking: nobody else can have it now.
    ///
    /// ```
    /// let mut mutex = ropewalk::sync::ReentrantMutex::new(1);
    /// *mutex.get_mut() = 2;
    /// assert_eq!(*mutex.lock(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: ?Sized> Deref for ReentrantMutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: rules 2 and 3: this thread holds the lock, and nobody has `&mut T`.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> Drop for ReentrantMutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let released = self.mutex.lock.release();
        debug_assert!(released.is_ok(), "a guard stays in the thread that holds the lock");
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for ReentrantMutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Default> Default for ReentrantMutex<T> {
    #[track_caller]
    fn default() -> ReentrantMutex<T> {
        ReentrantMutex::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for ReentrantMutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_lock() {
            Some(value) => f.debug_tuple("ReentrantMutex").field(&&*value).finish(),
            None => f.write_str("ReentrantMutex(<locked>)"),
        }
    }
}
