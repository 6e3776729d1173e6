//! The atoms that every other module is made of: std's outside models, loom's inside them.
//!
//! Nothing else in the crate imports atomics, `Arc`, a mutex or the futex, so that `RUSTFLAGS="--cfg loom"` replaces all of
//! them at once. [`Signal`] is the one thing a thread sleeps on.

// Loom's own `Arc` holds no trait objects. Counting references is not what the models are about.
pub(crate) use std::sync::Arc;

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use ropewalk_os::Deadline;
#[cfg(not(loom))]
use ropewalk_os::futex;
use ropewalk_os::futex::Slept;

/// Which thread is this. The threads of a model all run on one thread of the system.
pub(crate) mod thread {
    pub(crate) use ropewalk_os::thread::ThreadId;
    #[cfg(not(loom))]
    pub(crate) use ropewalk_os::thread::current;

    #[cfg(loom)]
    pub(crate) fn current() -> ThreadId {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        loom::thread::current().id().hash(&mut hasher);
        ThreadId(hasher.finish() | 1)
    }
}

/// A mutex for a few instructions, never held across a sleep or foreign code.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T> {
    #[cfg(not(loom))]
    inner: parking_lot::Mutex<T>,
    #[cfg(loom)]
    inner: loom::sync::Mutex<T>,
}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Mutex<T> {
        #[cfg(not(loom))]
        return Mutex { inner: parking_lot::Mutex::new(value) };
        #[cfg(loom)]
        return Mutex { inner: loom::sync::Mutex::new(value) };
    }

    #[cfg(not(loom))]
    #[inline]
    pub(crate) fn lock(&self) -> parking_lot::MutexGuard<'_, T> {
        self.inner.lock()
    }

    #[cfg(not(loom))]
    pub(crate) fn try_lock(&self) -> Option<parking_lot::MutexGuard<'_, T>> {
        self.inner.try_lock()
    }

    #[cfg(loom)]
    pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
        self.inner.lock().expect("loom's mutexes are not poisoned")
    }

    #[cfg(loom)]
    pub(crate) fn try_lock(&self) -> Option<loom::sync::MutexGuard<'_, T>> {
        self.inner.try_lock().ok()
    }
}

/// A word that a thread can sleep on: the kernel compares and sleeps in one step.
#[derive(Debug)]
pub(crate) struct Word {
    value: AtomicU32,
    #[cfg(loom)]
    kernel: loom::sync::Mutex<()>,
    #[cfg(loom)]
    woken: loom::sync::Condvar,
}

impl std::ops::Deref for Word {
    type Target = AtomicU32;

    #[inline]
    fn deref(&self) -> &AtomicU32 {
        &self.value
    }
}

#[cfg(not(loom))]
impl Word {
    pub(crate) fn new(value: u32) -> Word {
        Word { value: AtomicU32::new(value) }
    }

    /// Sleeps while the word is `expected`, until [`Word::wake`], the deadline or a signal.
    pub(crate) fn sleep(&self, expected: u32, deadline: Deadline) -> Slept {
        futex::wait(&self.value, expected, deadline)
    }

    /// Wakes who sleeps on the word.
    pub(crate) fn wake(&self) {
        futex::wake(&self.value, 1);
    }
}

#[cfg(loom)]
impl Word {
    pub(crate) fn new(value: u32) -> Word {
        Word {
            value: AtomicU32::new(value),
            kernel: loom::sync::Mutex::new(()),
            woken: loom::sync::Condvar::new(),
        }
    }

    /// Time does not pass in a model: a timed sleep may end at once, as the worst machine would have it.
    pub(crate) fn sleep(&self, expected: u32, deadline: Deadline) -> Slept {
        let kernel = self.kernel.lock().expect("not poisoned");
        let interrupted = crate::model::take_interrupt();
        if self.value.load(Ordering::SeqCst) != expected {
            return Slept::Changed;
        }
        if interrupted || !deadline.is_never() {
            drop(kernel);
            loom::thread::yield_now();
            return if interrupted { Slept::Interrupted } else { Slept::TimedOut };
        }
        drop(self.woken.wait(kernel).expect("not poisoned"));
        Slept::Woken
    }

    pub(crate) fn wake(&self) {
        drop(self.kernel.lock().expect("not poisoned"));
        self.woken.notify_one();
    }
}
