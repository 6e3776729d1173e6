//! The engine beside std, parking_lot, crossbeam-channel, rayon and corosensei.
//!
//!     cargo bench -p ropewalk
//!
//! Compare medians of one group, and of several runs: only ratios mean anything.
#![allow(clippy::unwrap_used, reason = "a bench")]

mod fiber;
mod lock;
mod pool;
mod process;
mod process_pool;
mod queue;
mod semaphore;

fn main() {
    if process::was_started_by_a_bench() {
        return;
    }
    process_pool::enter();
    divan::main();
}
