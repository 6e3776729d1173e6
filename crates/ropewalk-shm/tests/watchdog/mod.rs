//! An end by force for every test that can hang.

use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// While this lives, the process is aborted after two minutes.
pub struct Watch(#[allow(dead_code, reason = "its end is the message")] Sender<()>);

/// Begins to watch the calling test.
pub fn watch() -> Watch {
    let (end, ended) = channel();
    let test = std::thread::current().name().unwrap_or("?").to_owned();
    std::thread::spawn(move || {
        if ended.recv_timeout(Duration::from_secs(120)) == Err(RecvTimeoutError::Timeout) {
            // Not eprintln: the test's output is captured, and would die with the process.
            let _ = writeln!(std::io::stderr(), "{test} hangs");
            std::process::abort();
        }
    });
    Watch(end)
}
