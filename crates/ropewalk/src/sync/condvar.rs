//! A condition over a [`Mutex`]: wait, with the value given back meanwhile, until notified.

use super::mutex::{Mutex, MutexGuard, deadlock};
use super::{Condition, Lock};
use crate::primitive::{AtomicUsize, Ordering};
use crate::wait_graph::{Cycle, Kind};
use ropewalk_os::{Deadline, Plain};

/// A line of threads that wait for a change of a [`Mutex`]'s value.
///
/// The notifier shows its guard: whom it notifies is moved to the line of the mutex and wakes when the guard is
/// dropped, not before. A condition variable belongs to the first mutex that it is used with.
///
/// ```
/// use ropewalk::sync::{Condvar, Mutex};
/// let (shelf, filled) = (Mutex::new(Vec::new()), Condvar::new());
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         let mut shelf = shelf.lock();
///         shelf.push("bread");
///         filled.notify_one(&shelf);
///     });
///     let mut shelf = filled.wait_while(shelf.lock(), |shelf| shelf.is_empty());
///     assert_eq!(shelf.pop(), Some("bread"));
/// });
/// ```
#[derive(Debug, Default)]
pub struct Condvar {
    condition: Condition,
    /// The address of the lock of its only mutex; zero before the first use.
    belongs_to: AtomicUsize,
}

impl Condvar {
    /// A condition variable that nobody waits for.
    ///
    /// ```
    /// use ropewalk::sync::{Condvar, Mutex};
    /// let (ready, value) = (Condvar::new(), Mutex::new(0));
    /// assert!(!ready.notify_one(&value.lock())); // nobody waits
    /// ```
    pub fn new() -> Condvar {
        Condvar { condition: Condition::new(), belongs_to: AtomicUsize::new(0) }
    }

    /// Gives the value back, waits to be notified, takes the value again.
    ///
    /// # Panics
    /// If the wait would close a certain deadlock, or if it was used with another mutex before.
    ///
    /// ```
    /// use ropewalk::sync::{Condvar, Mutex};
    /// let (ready, value) = (Condvar::new(), Mutex::new(0));
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         let mut value = value.lock();
    ///         *value = 7;
    ///         ready.notify_one(&value);
    ///     });
    ///     let mut seen = value.lock();
    ///     while *seen == 0 {
    ///         seen = ready.wait(seen);
    ///     }
    ///     assert_eq!(*seen, 7);
    /// });
    /// ```
    #[track_caller]
    pub fn wait<'a, T: ?Sized>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        match self.wait_until(guard, Deadline::NEVER) {
            Ok((guard, _)) => guard,
            Err(cycle) => panic!("the wait would never end\n{cycle}"),
        }
    }

    /// Waits as long as `condition` says of the value.
    ///
    /// # Panics
    /// As [`Condvar::wait`].
    ///
    /// ```
    /// use ropewalk::sync::{Condvar, Mutex};
    /// let (ready, value) = (Condvar::new(), Mutex::new(0));
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         let mut value = value.lock();
    ///         *value = 7;
    ///         ready.notify_all(&value);
    ///     });
    ///     assert_eq!(*ready.wait_while(value.lock(), |value| *value == 0), 7);
    /// });
    /// ```
    #[track_caller]
    pub fn wait_while<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        while condition(&mut guard) {
            guard = self.wait(guard);
        }
        guard
    }

    /// As [`Condvar::wait`], until `deadline`; `false` beside the guard if the deadline came first.
    ///
    /// # Errors
    /// The circle that the wait would have closed; the value is given back then.
    ///
    /// # Panics
    /// If it was used with another mutex before.
    ///
    /// ```
    /// use ropewalk::{Deadline, sync::{Condvar, Mutex}};
    /// let (mutex, never) = (Mutex::new(1), Condvar::new());
    /// let (guard, notified) = never.wait_until(mutex.lock(), Deadline::NOW).unwrap();
    /// assert!(!notified && *guard == 1);
    /// ```
    #[track_caller]
    pub fn wait_until<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Deadline,
    ) -> Result<(MutexGuard<'a, T>, bool), Box<Cycle>> {
        self.claim(guard.lock());
        let mutex: &'a Mutex<T> = guard.dissolve();
        let result = self.condition.wait_for(mutex.raw(), Kind::Mutex, &mut Plain, deadline);
        match (result, mutex.guard_again()) {
            (Ok(notified), Some(guard)) => Ok((guard, notified)),
            (Ok(_), None) => unreachable!("the lock is held again after a wait that was not halted"),
            (Err(halted), _) => Err(deadlock(halted)),
        }
    }

    /// Notifies the thread that waits longest. Says whether there was one.
    ///
    /// # Panics
    /// If it was used with another mutex before.
    ///
    /// ```
    /// use ropewalk::sync::{Condvar, Mutex};
    /// assert!(!Condvar::new().notify_one(&Mutex::new(()).lock())); // nobody waits
    /// ```
    #[track_caller]
    pub fn notify_one<T: ?Sized>(&self, guard: &MutexGuard<'_, T>) -> bool {
        self.claim(guard.lock());
        self.condition.notify(1, guard.lock()) == 1
    }

    /// Notifies every thread that waits. Says how many.
    ///
    /// # Panics
    /// If it was used with another mutex before.
    ///
    /// ```
    /// use ropewalk::sync::{Condvar, Mutex};
    /// assert_eq!(Condvar::new().notify_all(&Mutex::new(()).lock()), 0); // nobody waits
    /// ```
    #[track_caller]
    pub fn notify_all<T: ?Sized>(&self, guard: &MutexGuard<'_, T>) -> usize {
        self.claim(guard.lock());
        self.condition.notify(usize::MAX, guard.lock())
    }

    /// A sleeper moved to the line of another mutex would be handed the wrong lock: there is only one, for ever.
    #[track_caller]
    fn claim(&self, lock: &Lock) {
        let address = std::ptr::from_ref(lock).addr();
        let claim = self.belongs_to.compare_exchange(0, address, Ordering::Relaxed, Ordering::Relaxed);
        assert!(
            claim.is_ok() || claim == Err(address),
            "a condition variable belongs to the first mutex that it is used with"
        );
    }
}
