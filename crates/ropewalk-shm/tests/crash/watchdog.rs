//! Ends a test that hangs, and says where. Once a second a signal comes; too many of them without a beat are a hang.
//!
//! # Contract of the unsafe code
//!
//! 1. The handler stores to and loads from atomics, writes to a descriptor and exits: all of it may be done in a handler.
//! 2. What the system reads is a value on our stack or a static, of the type and length that the call is documented to take.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering::Relaxed};

/// Seconds that anything may take before it counts as hung.
pub const PATIENCE: u32 = 600;

/// What the process is at, for the handler: it can not ask for memory.
static PLACE: [AtomicU8; 200] = [const { AtomicU8::new(0) }; 200];
static LEN: AtomicUsize = AtomicUsize::new(0);
static TICKS: AtomicU32 = AtomicU32::new(0);

/// From now on the process ends when it hangs. Its forked children have no watchdog: they are waited for.
pub fn start() {
    extern "C" fn tick(_: libc::c_int) {
        if TICKS.fetch_add(1, Relaxed) + 1 < PATIENCE {
            return;
        }
        let mut text = [0_u8; 200];
        let place = text.iter_mut().zip(&PLACE).take(LEN.load(Relaxed));
        place.for_each(|(byte, from)| *byte = from.load(Relaxed));
        for part in [b"crash: it hangs: ".as_slice(), &text[..LEN.load(Relaxed)], b"\n"] {
            // SAFETY: rules 1 and 2.
            unsafe { libc::write(2, part.as_ptr().cast(), part.len()) };
        }
        // SAFETY: rule 1.
        unsafe { libc::_exit(101) };
    }
    let second = libc::timeval { tv_sec: 1, tv_usec: 0 };
    let timer = libc::itimerval { it_interval: second, it_value: second };
    // SAFETY: rules 1 and 2; waits that can be taken up again are.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = tick as extern "C" fn(libc::c_int) as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(libc::SIGALRM, &action, std::ptr::null_mut());
        libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut());
    }
}

/// Something new begins; the words are what a hang is called by.
pub fn at(place: &str) {
    let len = place.len().min(PLACE.len());
    LEN.store(0, Relaxed);
    PLACE.iter().zip(place.bytes()).for_each(|(byte, to)| byte.store(to, Relaxed));
    LEN.store(len, Relaxed);
    beat();
}

/// It goes on.
pub fn beat() {
    TICKS.store(0, Relaxed);
}
