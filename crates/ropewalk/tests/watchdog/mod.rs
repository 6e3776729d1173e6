//! What every test that can hang has: an end by force, and chance that repeats itself.
#![allow(dead_code, reason = "each test file uses its part")]

use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Only a hang gets there: a machine under load may need a hundred times what a quiet one does.
const LIMIT: Duration = Duration::from_secs(600);

/// While this lives, the process is aborted after [`LIMIT`], with every wait of the engine on standard error.
pub struct Watch(#[allow(dead_code, reason = "its end is the message")] Sender<()>);

/// Begins to watch the calling test.
pub fn watch() -> Watch {
    let (end, ended) = channel();
    let test = std::thread::current().name().unwrap_or("?").to_owned();
    std::thread::spawn(move || {
        if ended.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            // Not eprintln: the test's output is captured, and would die with the process.
            let _ = writeln!(std::io::stderr(), "{test} hangs: {:#?}", ropewalk::wait_graph::waits());
            std::process::abort();
        }
    });
    Watch(end)
}

/// Watches `test`.
pub fn watched<R>(test: impl FnOnce() -> R) -> R {
    let _watch = watch();
    test()
}

/// A small generator of numbers (xorshift, Marsaglia 2003) that repeats itself for the same seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for place in (1..items.len()).rev() {
            items.swap(place, self.below(place + 1));
        }
    }
}
