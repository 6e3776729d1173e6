//! The last look, when the process gets a signal by which it dies.
//!
//! What ended the process before ends it still: our handler looks, and passes the signal on to whoever had it before, or
//! gives it back its default. So exit codes and core files are as they were.
//!
//! A handler that was there before ours is left alone: an engine of another language may use faults for its own ends. Only
//! that of a *friend* is taken before: code in the same file as an address that the program names. The Python
//! interpreter's own handlers, which print where it crashed, are such.
#![allow(unsafe_code)] // Contract: see `mod`.

use super::{Cause, handler_of, is_watched, keeping_errno, look};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

/// Signals by which a process dies of its own doing.
const FATAL: [libc::c_int; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGABRT];

/// What was done about them before: handlers, and their flags.
static BEFORE: [(AtomicUsize, AtomicI32); FATAL.len()] =
    [const { (AtomicUsize::new(libc::SIG_DFL), AtomicI32::new(0)) }; FATAL.len()];

/// Bytes of a stack for handlers, for a thread that has none: where its own has overrun there is no room for them.
const STACK: usize = 64 << 10;

/// Takes those signals that nobody handles but the default, or a friend.
pub(super) fn install(friend: usize) {
    have_a_stack();
    let ours =
        crashed as extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) as libc::sighandler_t;
    for (&signal, before) in FATAL.iter().zip(&BEFORE) {
        let Some((handler, flags)) = handler_of(signal) else { continue };
        if handler == ours || (handler != libc::SIG_DFL && !in_one_file(handler, friend)) {
            continue;
        }
        before.0.store(handler, Ordering::Relaxed);
        before.1.store(flags, Ordering::Release);
        // SAFETY: rules 1 and 2; the structure is valid when zero.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = ours;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}

/// Whether two addresses of code are in one loaded file.
fn in_one_file(one: usize, other: usize) -> bool {
    if one == libc::SIG_IGN || other == 0 {
        return false;
    }
    // SAFETY: rule 1; an address that is in no file is an answer.
    let file = |address: usize| unsafe {
        let mut found: libc::Dl_info = std::mem::zeroed();
        let known = libc::dladdr(std::ptr::without_provenance(address), &raw mut found);
        (known != 0).then(|| found.dli_fbase.addr())
    };
    file(one).is_some_and(|one| file(other) == Some(one))
}

/// Gives the calling thread a stack for handlers, if it has none.
fn have_a_stack() {
    // SAFETY: rule 1; the memory is new, and never given back.
    unsafe {
        let mut now: libc::stack_t = std::mem::zeroed();
        if libc::sigaltstack(std::ptr::null(), &raw mut now) != 0 || now.ss_flags & libc::SS_DISABLE == 0 {
            return;
        }
        let start = libc::mmap(
            std::ptr::null_mut(),
            STACK,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        if start != libc::MAP_FAILED {
            let stack = libc::stack_t { ss_sp: start, ss_flags: 0, ss_size: STACK };
            libc::sigaltstack(&raw const stack, std::ptr::null_mut());
        }
    }
}

extern "C" fn crashed(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    keeping_errno(|| {
        if is_watched() {
            look(Cause::Crash(signal));
        }
    });
    pass_on(signal, info, context);
}

fn pass_on(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    type Plain = extern "C" fn(libc::c_int);
    type Detailed = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
    let Some(place) = FATAL.iter().position(|&it| it == signal) else { return };
    let flags = BEFORE[place].1.load(Ordering::Acquire);
    let handler = BEFORE[place].0.load(Ordering::Relaxed);
    // SAFETY: rules 1 and 2. The handler is one that sigaction(2) gave us, called as its flags say; what the kernel gave us
    // is passed on.
    unsafe {
        if handler != libc::SIG_DFL {
            if flags & libc::SA_SIGINFO != 0 {
                std::mem::transmute::<usize, Detailed>(handler)(signal, info, context);
            } else {
                std::mem::transmute::<usize, Plain>(handler)(signal);
            }
            return;
        }
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = libc::SIG_DFL;
        libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        // What the processor reports happens again when we return, and a core file then tells where; what was
        // sent (not a positive code) does not.
        if info.is_null() || (*info).si_code <= 0 {
            libc::raise(signal); // it waits until we return
        }
    }
}
