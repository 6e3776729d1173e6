//! Is this still the process that it was: a count of the forks between the first process and this one.
//!
//! After `fork` only the calling thread lives on in the child; every other thread has vanished where it stood,
//! and what it had queued for itself will never be taken. Whoever keeps a list of sleepers writes the [`epoch`]
//! beside each, and drops those of an older one.
//!
//! # Contract of the unsafe code
//!
//! 1. A handler does one atomic addition, which is async-signal-safe, as a fork handler in a threaded process
//!    must be.
#![allow(unsafe_code)]

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

static EPOCH: AtomicU32 = AtomicU32::new(0);
static FORKS: AtomicU32 = AtomicU32::new(0);
static WATCH: Once = Once::new();

/// How many forks lie between the first process and this one, counted since the first call of [`watch`].
///
/// ```
/// ropewalk_os::fork::watch();
/// assert_eq!(ropewalk_os::fork::epoch(), ropewalk_os::fork::epoch());
/// ```
#[inline]
pub fn epoch() -> u32 {
    EPOCH.load(Ordering::Relaxed)
}

/// A number that changes with every fork of this process, before it and once more after it.
///
/// What was made when it had the value that it has now is in no other process: none was forked since.
///
/// ```
/// use ropewalk_os::fork;
/// fork::watch();
/// assert_eq!(fork::forks(), fork::forks());
/// ```
#[inline]
pub fn forks() -> u32 {
    FORKS.load(Ordering::Acquire)
}

/// Starts counting forks. Cheap to call again; the count works for every fork(2) made through the C library.
///
/// ```
/// use ropewalk_os::fork;
/// fork::watch();
/// assert_eq!(fork::epoch(), 0); // this process has not been forked
/// ```
pub fn watch() {
    extern "C" fn in_child() {
        EPOCH.fetch_add(1, Ordering::Relaxed);
    }
    extern "C" fn around() {
        FORKS.fetch_add(1, Ordering::AcqRel);
    }
    WATCH.call_once(|| {
        // SAFETY: rule 1. Failure (no memory at start-up) leaves the count at zero, as if nobody forked.
        unsafe { libc::pthread_atfork(Some(around), Some(around), Some(in_child)) };
    });
}
