//! The system call behind `futex` and `shared_futex`, and what its answers mean.
//!
//! # Contract of the unsafe code
//!
//! 1. The caller's address is that of a live, aligned word where the kernel reads it: for a sleep. For a wake it is a key.
//! 2. The time passed is a timespec on our stack, or null.
#![allow(unsafe_code)]

use crate::clock::Deadline;
use crate::futex::Slept;
use std::sync::atomic::AtomicU32;

/// Who can sleep on a word and wake it.
#[derive(Clone, Copy)]
#[repr(i32)]
pub(crate) enum Scope {
    /// Threads of this process: the kernel finds them by the address.
    Process = libc::FUTEX_PRIVATE_FLAG,
    /// Whoever maps the memory.
    Everybody = 0,
}

/// Sleeps while `*word == expected`, until woken, the deadline or a signal.
pub(crate) fn wait(word: &AtomicU32, expected: u32, deadline: Deadline, scope: Scope) -> Slept {
    let time = deadline.nanos().map(|nanos| libc::timespec {
        tv_sec: (nanos / 1_000_000_000) as libc::time_t,
        tv_nsec: (nanos % 1_000_000_000) as libc::c_long,
    });
    let time = time.as_ref().map_or(std::ptr::null(), |time| time as *const libc::timespec);
    // SAFETY: rules 1 and 2: a reference proves the first. FUTEX_WAIT_BITSET takes an absolute time on CLOCK_MONOTONIC.
    let result = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT_BITSET | scope as libc::c_int,
            expected,
            time,
            std::ptr::null::<u32>(),
            libc::FUTEX_BITSET_MATCH_ANY,
        )
    };
    if result == 0 {
        return Slept::Woken;
    }
    match std::io::Error::last_os_error().raw_os_error() {
        Some(libc::ETIMEDOUT) => Slept::TimedOut,
        Some(libc::EINTR) => Slept::Interrupted,
        _ => Slept::Changed,
    }
}

/// Wakes at most `count` threads that sleep on the word at this address; says how many.
pub(crate) fn wake(word: *const u32, count: u32, scope: Scope) -> u32 {
    // SAFETY: rule 1; a wake on an address that is gone finds nobody.
    let woken = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word,
            libc::FUTEX_WAKE | scope as libc::c_int,
            count.min(i32::MAX as u32),
        )
    };
    u32::try_from(woken).unwrap_or(0)
}
