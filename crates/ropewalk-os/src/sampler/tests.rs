//! One process has one observer: each test has a child of its own.

#![allow(unsafe_code)] // Contract: see `mod`.

use super::*;
use std::sync::atomic::AtomicU32;

/// How a child ended that did this.
fn fate(in_child: impl FnOnce() -> i32) -> libc::c_int {
    // SAFETY: rule 1; the child ends without a destructor.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            libc::alarm(60); // nothing hangs
            let code = in_child();
            libc::_exit(code);
        }
        let mut status = 0;
        while libc::waitpid(child, &raw mut status, 0) < 0 {}
        status
    }
}

fn exits_well(in_child: impl FnOnce()) {
    let status = fate(|| {
        in_child();
        0
    });
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "{status:x}");
}

/// Counts its looks, and wants so many.
struct Counting {
    looks: AtomicU32,
    crashes: AtomicI32,
    wanted: u32,
}

impl Observer for Counting {
    fn look(&self, cause: Cause) -> Option<Duration> {
        if let Cause::Crash(signal) = cause {
            self.crashes.store(signal, Ordering::Relaxed);
            return None;
        }
        let looks = self.looks.fetch_add(1, Ordering::Relaxed) + 1;
        (looks < self.wanted).then_some(Duration::from_millis(1))
    }
}

fn counting(wanted: u32) -> &'static Counting {
    Box::leak(Box::new(Counting { looks: AtomicU32::new(0), crashes: AtomicI32::new(0), wanted }))
}

fn wait_for(condition: impl Fn() -> bool) {
    while !condition() {
        std::hint::spin_loop();
    }
}

#[test]
fn it_looks_as_often_as_it_wants_and_then_when_it_is_asked() {
    exits_well(|| {
        let observer = counting(3);
        start(observer, 0).expect("a timer");
        arm(Duration::from_millis(1));
        wait_for(|| observer.looks.load(Ordering::Relaxed) == 3 && !ARMED.load(Ordering::Relaxed));
        arm(Duration::from_millis(1));
        wait_for(|| observer.looks.load(Ordering::Relaxed) == 4);
        stop();
        arm(Duration::from_millis(1));
        assert!(!ARMED.load(Ordering::Relaxed));
    });
}

#[test]
fn a_child_of_the_process_is_not_looked_at_until_it_asks_for_it() {
    exits_well(|| {
        let observer = counting(u32::MAX);
        start(observer, 0).expect("a timer");
        arm(Duration::from_secs(600));
        exits_well(|| {
            // SAFETY: rule 1; the signal is ours.
            unsafe { libc::raise(libc::SIGURG) };
            assert_eq!(observer.looks.load(Ordering::Relaxed), 0);
            start(observer, 0).expect("a timer");
            arm(Duration::from_millis(1));
            wait_for(|| observer.looks.load(Ordering::Relaxed) > 1);
        });
        assert_eq!(observer.looks.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn who_sets_all_signals_back_is_looked_at_no_more_and_lives() {
    exits_well(|| {
        let observer = counting(u32::MAX);
        start(observer, 0).expect("a timer");
        arm(Duration::from_millis(1));
        wait_for(|| observer.looks.load(Ordering::Relaxed) > 1);
        // SAFETY: rule 1.
        unsafe { libc::signal(libc::SIGURG, libc::SIG_DFL) };
        let seen = observer.looks.load(Ordering::Relaxed);
        // SAFETY: rule 1; as the timer does.
        unsafe { libc::raise(libc::SIGURG) };
        assert_eq!(observer.looks.load(Ordering::Relaxed), seen);
    });
}

#[test]
fn a_program_that_has_a_handler_for_the_signal_keeps_it() {
    extern "C" fn theirs(_: libc::c_int) {}
    exits_well(|| {
        let handler = theirs as extern "C" fn(libc::c_int) as libc::sighandler_t;
        // SAFETY: rule 1.
        unsafe { libc::signal(libc::SIGURG, handler) };
        let observer = counting(2);
        start(observer, 0).expect("another signal");
        arm(Duration::from_millis(1));
        wait_for(|| observer.looks.load(Ordering::Relaxed) == 2);
        assert_eq!(handler_of(libc::SIGURG).map(|(handler, _)| handler), Some(handler));
    });
}

#[test]
fn a_crash_is_seen_and_ends_the_process_as_it_would_have() {
    // SAFETY: rule 1; words for the child to tell us.
    let seen = crate::shared_words::new(1).expect("memory");
    struct Telling(&'static std::sync::atomic::AtomicU32);
    impl Observer for Telling {
        fn look(&self, cause: Cause) -> Option<Duration> {
            if let Cause::Crash(signal) = cause {
                self.0.store(signal.cast_unsigned(), Ordering::Relaxed);
            }
            None
        }
    }
    let sent = |signal: libc::c_int| {
        move || {
            // SAFETY: rule 1.
            unsafe { libc::raise(signal) };
        }
    };
    let fault = || {
        // SAFETY: not at all, and that is meant: rule 1 is for what lives on.
        unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) };
    };
    let ways: [(libc::c_int, Box<dyn Fn()>); 4] = [
        (libc::SIGSEGV, Box::new(fault)),
        (libc::SIGSEGV, Box::new(sent(libc::SIGSEGV))),
        (libc::SIGABRT, Box::new(|| std::process::abort())),
        (libc::SIGFPE, Box::new(sent(libc::SIGFPE))),
    ];
    for (signal, crash) in ways {
        seen[0].store(0, Ordering::Relaxed);
        let status = fate(|| {
            // SAFETY: rule 1; as in a program that std has not prepared.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
            start(Box::leak(Box::new(Telling(&seen[0]))), 0).expect("a timer");
            crash();
            0
        });
        assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == signal, "{signal}: {status:x}");
        assert_eq!(seen[0].load(Ordering::Relaxed), signal.cast_unsigned());
    }
}

#[test]
fn a_handler_of_a_crash_that_is_no_friend_is_left_alone() {
    extern "C" fn theirs(_: libc::c_int) {
        // SAFETY: rule 1.
        unsafe { libc::_exit(42) };
    }
    let handler = theirs as extern "C" fn(libc::c_int) as libc::sighandler_t;
    let with_friend = |friend: usize| {
        fate(|| {
            // SAFETY: rule 1.
            unsafe { libc::signal(libc::SIGSEGV, handler) };
            let observer = counting(1);
            start(observer, friend).expect("a timer");
            let is_theirs = handler_of(libc::SIGSEGV).is_some_and(|(it, _)| it == handler);
            if is_theirs != (friend == 0) {
                return 1;
            }
            // SAFETY: rule 1.
            unsafe { libc::raise(libc::SIGSEGV) };
            2
        })
    };
    for friend in [0, handler] {
        let status = with_friend(friend);
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 42, "{friend}: {status:x}");
    }
}
