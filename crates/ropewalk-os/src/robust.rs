//! A lock in shared memory whose owner may die: the kernel gives it to the next, and says so.
//!
//! It is POSIX's process-shared robust mutex. The C library keeps a list of what each thread holds; when a thread
//! ends, at whatever instruction, the kernel marks the locks on its list and wakes one sleeper of each. See
//! pthread_mutexattr_setrobust(3) and the kernel's `robust-futexes.rst`.
//!
//! The lock's word is shown ([`RobustMutex::word`]), because sleepers of other words are moved to it before they
//! have to learn of something: then the kernel's own care for the lock wakes them too.
//!
//! # Contract of the unsafe code
//!
//! 1. A `RobustMutex` is made by [`RobustMutex::init`] only, in memory that is zero, aligned, shared by every
//!    process that uses it and seen by nobody else yet.
//! 2. It is used by reference only, so it is mapped while a call is on its way: the C library's note of the call
//!    in progress never names memory that is gone. (Unlocking, it still knows the address after others may take
//!    the lock; a mapping that is unmapped by then would let the kernel write into its successor.)
//! 3. It is unlocked, and made consistent, by the thread that holds it.
//! 4. The word is the first of the mutex; [`RobustMutex::init`] proves it for the C library at hand.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::io;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A process-shared robust mutex. It lives in shared memory and is never moved.
///
/// ```
/// use ropewalk_os::{memory::Mapping, robust::{RobustMutex, Taken}};
/// let memory = Mapping::create(c"example", 4096)?;
/// let place = memory.start().as_ptr().cast::<RobustMutex>();
/// // SAFETY: fresh memory, zero, page-aligned, and ours alone; it outlives the reference.
/// let mutex = unsafe {
///     RobustMutex::init(place)?;
///     &*place
/// };
/// // A thread that ends with the lock in its hand: the next is told so.
/// std::thread::scope(|scope| {
///     scope.spawn(|| std::mem::forget(mutex.try_lock()));
/// });
/// let healed = loop {
///     match mutex.lock_within(std::time::Duration::from_secs(1)) {
///         Taken::OwnerDied(wreck) => break wreck.healed(),
///         Taken::Busy => {} // it has not quite ended
///         other => panic!("{other:?}"),
///     }
/// };
/// drop(healed);
/// assert!(matches!(mutex.try_lock(), Taken::Held(_)));
/// # Ok::<(), std::io::Error>(())
/// ```
#[repr(C, align(64))]
pub struct RobustMutex {
    raw: UnsafeCell<libc::pthread_mutex_t>,
}

// SAFETY: rule 2; that is what a mutex is for.
unsafe impl Sync for RobustMutex {}

/// What came of an attempt to take the lock.
///
/// ```
/// # use ropewalk_os::{memory::Mapping, robust::{RobustMutex, Taken}};
/// # let memory = Mapping::create(c"example", 4096)?;
/// # let place = memory.start().as_ptr().cast::<RobustMutex>();
/// # // SAFETY: fresh memory, zero, page-aligned, and ours alone; it outlives the reference.
/// # let mutex = unsafe { RobustMutex::init(place)?; &*place };
/// let first = mutex.try_lock();
/// assert!(matches!(first, Taken::Held(_)));
/// std::thread::scope(|scope| scope.spawn(|| assert!(matches!(mutex.try_lock(), Taken::Busy))).join()).unwrap();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub enum Taken<'a> {
    /// It is ours.
    Held(Guard<'a>),
    /// It is ours, and its last owner died with it: what it protects may be half-done.
    OwnerDied(Wreck<'a>),
    /// Somebody else has it.
    Busy,
    /// It can not be taken any more: its memory was written by something that is not the lock.
    Broken,
}

/// The lock, held; dropped, it is given back, and one sleeper of its word woken if any was announced.
///
/// ```
/// # use ropewalk_os::{memory::Mapping, robust::{RobustMutex, Taken}};
/// # let memory = Mapping::create(c"example", 4096)?;
/// # let place = memory.start().as_ptr().cast::<RobustMutex>();
/// # // SAFETY: fresh memory, zero, page-aligned, and ours alone; it outlives the reference.
/// # let mutex = unsafe { RobustMutex::init(place)?; &*place };
/// let Taken::Held(guard) = mutex.try_lock() else { panic!("it is free") };
/// drop(guard);
/// assert!(matches!(mutex.try_lock(), Taken::Held(_)));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Guard<'a> {
    mutex: &'a RobustMutex,
    /// A lock belongs to its thread.
    _here: PhantomData<*const ()>,
}

/// The lock, held, and what it protects not yet healed. Dropped like this it breaks the lock for ever.
///
/// ```
/// # use ropewalk_os::{memory::Mapping, robust::{RobustMutex, Taken}};
/// # let memory = Mapping::create(c"example", 4096)?;
/// # let place = memory.start().as_ptr().cast::<RobustMutex>();
/// # // SAFETY: fresh memory, zero, page-aligned, and ours alone; it outlives the reference.
/// # let mutex = unsafe { RobustMutex::init(place)?; &*place };
/// # std::thread::scope(|scope| { scope.spawn(|| std::mem::forget(mutex.try_lock())); });
/// # let wreck = loop {
/// #     if let Taken::OwnerDied(wreck) = mutex.lock_within(std::time::Duration::from_secs(1)) { break wreck }
/// # };
/// drop(wreck); // not healed
/// assert!(matches!(mutex.try_lock(), Taken::Broken));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "heal what the lock protects, then say so"]
pub struct Wreck<'a>(Guard<'a>);

impl<'a> Wreck<'a> {
    /// The lock, to heal what it protects with.
    ///
    /// ```
    /// # use ropewalk_os::{memory::Mapping, robust::{RobustMutex, Taken}};
    /// # let memory = Mapping::create(c"example", 4096)?;
    /// # let place = memory.start().as_ptr().cast::<RobustMutex>();
    /// # // SAFETY: fresh memory, zero, page-aligned, and ours alone; it outlives the reference.
    /// # let mutex = unsafe { RobustMutex::init(place)?; &*place };
    /// # std::thread::scope(|scope| { scope.spawn(|| std::mem::forget(mutex.try_lock())); });
    /// # let wreck = loop {
    /// #     if let Taken::OwnerDied(wreck) = mutex.lock_within(std::time::Duration::from_secs(1)) { break wreck }
    /// # };
    /// assert_ne!(wreck.guard().word().load(std::sync::atomic::Ordering::Relaxed), 0);
    /// drop(wreck.healed());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn guard(&self) -> &Guard<'a> {
        &self.0
    }

    /// Says that what the dead owner left is healed.
    ///
    /// ```
    /// # use ropewalk_os::{memory::Mapping, robust::{RobustMutex, Taken}};
    /// # let memory = Mapping::create(c"example", 4096)?;
    /// # let place = memory.start().as_ptr().cast::<RobustMutex>();
    /// # // SAFETY: fresh memory, zero, page-aligned, and ours alone; it outlives the reference.
    /// # let mutex = unsafe { RobustMutex::init(place)?; &*place };
    /// # std::thread::scope(|scope| { scope.spawn(|| std::mem::forget(mutex.try_lock())); });
    /// # let wreck = loop {
    /// #     if let Taken::OwnerDied(wreck) = mutex.lock_within(std::time::Duration::from_secs(1)) { break wreck }
    /// # };
    /// drop(wreck.healed());
    /// assert!(matches!(mutex.try_lock(), Taken::Held(_)));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn healed(self) -> Guard<'a> {
        // SAFETY: rules 2 and 3: the guard is this thread's.
        unsafe { libc::pthread_mutex_consistent(self.0.mutex.raw.get()) };
        self.0
    }
}

impl Guard<'_> {
    /// Makes whoever unlocks, or dies, wake a sleeper of the lock's word.
    ///
    /// ```
    /// # use ropewalk_os::{memory::Mapping, robust::{RobustMutex, Taken}};
    /// # let memory = Mapping::create(c"example", 4096)?;
    /// # let place = memory.start().as_ptr().cast::<RobustMutex>();
    /// # // SAFETY: fresh memory, zero, page-aligned, and ours alone; it outlives the reference.
    /// # let mutex = unsafe { RobustMutex::init(place)?; &*place };
    /// let Taken::Held(guard) = mutex.try_lock() else { panic!("it is free") };
    /// let before = guard.word().load(std::sync::atomic::Ordering::Relaxed);
    /// guard.announce_waiters();
    /// assert_ne!(guard.word().load(std::sync::atomic::Ordering::Relaxed), before);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn announce_waiters(&self) {
        self.mutex.word().fetch_or(WAITERS, Ordering::Relaxed);
    }

    /// The lock's word, to move sleepers to.
    ///
    /// ```
    /// # use ropewalk_os::{memory::Mapping, robust::{RobustMutex, Taken}};
    /// # let memory = Mapping::create(c"example", 4096)?;
    /// # let place = memory.start().as_ptr().cast::<RobustMutex>();
    /// # // SAFETY: fresh memory, zero, page-aligned, and ours alone; it outlives the reference.
    /// # let mutex = unsafe { RobustMutex::init(place)?; &*place };
    /// let Taken::Held(guard) = mutex.try_lock() else { panic!("it is free") };
    /// assert_ne!(guard.word().load(std::sync::atomic::Ordering::Relaxed), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn word(&self) -> &AtomicU32 {
        self.mutex.word()
    }
}

impl Drop for Guard<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: rules 2 and 3: the guard is this thread's.
        unsafe { libc::pthread_mutex_unlock(self.mutex.raw.get()) };
    }
}

/// Somebody sleeps on the lock's word: whoever unlocks must wake one.
const WAITERS: u32 = 0x8000_0000;
/// The number of the thread that has it; none after that has died.
const OWNER: u32 = 0x3fff_ffff;

impl RobustMutex {
    /// Makes a free lock at `place`.
    ///
    /// # Errors
    /// What the C library reports; `Unsupported` if its mutex does not begin with the word that the kernel knows.
    ///
    /// # Safety
    /// Rule 1 of this module.
    ///
    /// ```
    /// use ropewalk_os::{memory::Mapping, robust::{RobustMutex, Taken}};
    /// let memory = Mapping::create(c"example", 4096)?;
    /// let place = memory.start().as_ptr().cast::<RobustMutex>();
    /// // SAFETY: fresh memory, zero, page-aligned, and ours alone; it outlives the reference.
    /// let mutex = unsafe { RobustMutex::init(place)?; &*place };
    /// assert!(matches!(mutex.try_lock(), Taken::Held(_)));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub unsafe fn init(place: *mut RobustMutex) -> io::Result<()> {
        let mut attributes = std::mem::MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
        let attributes = attributes.as_mut_ptr();
        // SAFETY: rule 1; the attributes are ours, made first and destroyed last.
        let made = unsafe {
            checked(libc::pthread_mutexattr_init(attributes))?;
            let made = checked(libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED))
                .and_then(|()| {
                    checked(libc::pthread_mutexattr_setrobust(attributes, libc::PTHREAD_MUTEX_ROBUST))
                })
                .and_then(|()| checked(libc::pthread_mutex_init((&raw mut (*place).raw).cast(), attributes)));
            libc::pthread_mutexattr_destroy(attributes);
            made
        };
        made?;
        // SAFETY: rule 1; it has just been made, and lives as long as its memory.
        let mutex = unsafe { &*place };
        let held = mutex.try_lock();
        // SAFETY: rule 4 is proved here; a system call without arguments.
        let me = unsafe { libc::syscall(libc::SYS_gettid) };
        let word = i64::from(mutex.word().load(Ordering::Relaxed));
        drop(held);
        if word != me {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this C library keeps the owner of a robust mutex in another place than its first word",
            ));
        }
        Ok(())
    }

    /// Takes the lock if it is free.
    ///
    /// ```
    /// # use ropewalk_os::{memory::Mapping, robust::{RobustMutex, Taken}};
    /// # let memory = Mapping::create(c"example", 4096)?;
    /// # let place = memory.start().as_ptr().cast::<RobustMutex>();
    /// # // SAFETY: fresh memory, zero, page-aligned, and ours alone; it outlives the reference.
    /// # let mutex = unsafe { RobustMutex::init(place)?; &*place };
    /// assert!(matches!(mutex.try_lock(), Taken::Held(_)));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn try_lock(&self) -> Taken<'_> {
        // SAFETY: rule 2.
        self.taken(unsafe { libc::pthread_mutex_trylock(self.raw.get()) })
    }

    /// Whether a thread has it. A look, which takes the lock's memory from no other processor.
    ///
    /// ```
    /// # use ropewalk_os::{memory::Mapping, robust::{RobustMutex, Taken}};
    /// # let memory = Mapping::create(c"example", 4096)?;
    /// # let place = memory.start().as_ptr().cast::<RobustMutex>();
    /// # // SAFETY: fresh memory, zero, page-aligned, and ours alone; it outlives the reference.
    /// # let mutex = unsafe { RobustMutex::init(place)?; &*place };
    /// assert!(!mutex.has_owner());
    /// let held = mutex.try_lock();
    /// assert!(mutex.has_owner());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn has_owner(&self) -> bool {
        self.word().load(Ordering::Relaxed) & OWNER != 0
    }

    /// Takes the lock, sleeping at most about `patience`.
    ///
    /// ```
    /// # use ropewalk_os::{memory::Mapping, robust::{RobustMutex, Taken}};
    /// # let memory = Mapping::create(c"example", 4096)?;
    /// # let place = memory.start().as_ptr().cast::<RobustMutex>();
    /// # // SAFETY: fresh memory, zero, page-aligned, and ours alone; it outlives the reference.
    /// # let mutex = unsafe { RobustMutex::init(place)?; &*place };
    /// let held = mutex.lock_within(std::time::Duration::from_secs(1));
    /// assert!(matches!(held, Taken::Held(_)));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn lock_within(&self, patience: Duration) -> Taken<'_> {
        let mut end = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: rule 2; the time is on our stack. The call takes the moment on this clock only.
        self.taken(unsafe {
            libc::clock_gettime(libc::CLOCK_REALTIME, &mut end);
            let nanos = end.tv_nsec as u64 + u64::from(patience.subsec_nanos());
            end.tv_sec += patience.as_secs() as libc::time_t + (nanos / 1_000_000_000) as libc::time_t;
            end.tv_nsec = (nanos % 1_000_000_000) as libc::c_long;
            libc::pthread_mutex_timedlock(self.raw.get(), &end)
        })
    }

    #[inline]
    fn taken(&self, code: libc::c_int) -> Taken<'_> {
        let guard = || Guard { mutex: self, _here: PhantomData };
        match code {
            0 => Taken::Held(guard()),
            libc::EOWNERDEAD => Taken::OwnerDied(Wreck(guard())),
            libc::EBUSY | libc::ETIMEDOUT => Taken::Busy,
            _ => Taken::Broken,
        }
    }

    /// The word that the kernel knows: the owner's thread number and two flags.
    ///
    /// ```
    /// # use ropewalk_os::{memory::Mapping, robust::{RobustMutex, Taken}};
    /// # let memory = Mapping::create(c"example", 4096)?;
    /// # let place = memory.start().as_ptr().cast::<RobustMutex>();
    /// # // SAFETY: fresh memory, zero, page-aligned, and ours alone; it outlives the reference.
    /// # let mutex = unsafe { RobustMutex::init(place)?; &*place };
    /// assert_eq!(mutex.word().load(std::sync::atomic::Ordering::Relaxed), 0); // free
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn word(&self) -> &AtomicU32 {
        // SAFETY: rules 2 and 4.
        unsafe { AtomicU32::from_ptr(self.raw.get().cast()) }
    }
}

impl std::fmt::Debug for RobustMutex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RobustMutex({:#x})", self.word().load(Ordering::Relaxed))
    }
}

fn checked(code: libc::c_int) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Mapping;

    fn with_mutex(test: impl FnOnce(&RobustMutex)) {
        let mapping = Mapping::create(c"test", 4096).expect("memfd");
        let place = mapping.start().as_ptr().cast::<RobustMutex>();
        // SAFETY: rule 1.
        unsafe { RobustMutex::init(place).expect("init") };
        // SAFETY: rule 2; the mapping lives to the end of this function.
        test(unsafe { &*place });
    }

    fn die_with(mutex: &RobustMutex) -> Wreck<'_> {
        std::thread::scope(|scope| {
            scope.spawn(|| std::mem::forget(mutex.try_lock()));
        });
        // The scope waits for the closure; the kernel's mark comes when the thread is gone.
        loop {
            match mutex.lock_within(Duration::from_millis(100)) {
                Taken::OwnerDied(wreck) => return wreck,
                Taken::Busy => {}
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_held_lock_is_busy_for_others() {
        with_mutex(|mutex| {
            let Taken::Held(guard) = mutex.try_lock() else { panic!("it is free") };
            let other = || assert!(matches!(mutex.lock_within(Duration::from_millis(1)), Taken::Busy));
            std::thread::scope(|scope| scope.spawn(other).join()).expect("no panic");
            drop(guard);
            assert!(matches!(mutex.try_lock(), Taken::Held(_)));
        });
    }

    #[test]
    fn a_thread_that_ends_with_the_lock_leaves_it_to_the_next() {
        with_mutex(|mutex| {
            drop(die_with(mutex).healed());
            assert!(matches!(mutex.try_lock(), Taken::Held(_)));
        });
    }

    #[test]
    fn a_lock_that_was_never_healed_is_broken() {
        with_mutex(|mutex| {
            drop(die_with(mutex));
            assert!(matches!(mutex.try_lock(), Taken::Broken));
        });
    }

    #[test]
    fn a_sleeper_moved_to_the_lock_is_woken_when_it_is_given_back() {
        with_mutex(|mutex| {
            let word = AtomicU32::new(0);
            std::thread::scope(|scope| {
                let Taken::Held(guard) = mutex.try_lock() else { panic!("it is free") };
                let sleeper = scope.spawn(|| crate::shared_futex::wait(&word, 0, crate::Deadline::NEVER));
                guard.announce_waiters();
                while crate::shared_futex::requeue(&word, 0, guard.word(), 1) != Some(1) {
                    std::thread::yield_now();
                }
                drop(guard);
                assert_eq!(sleeper.join().expect("no panic"), crate::futex::Slept::Woken);
            });
        });
    }
}
