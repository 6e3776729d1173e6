//! Locks, queues, futures and thread pools that say who waits for whom.
//!
//! When threads wait for each other in a circle, other locks hang. These know who holds what, so the wait that
//! would close the circle fails instead, and the error draws it:
//!
//! ```
//! use ropewalk::{Deadline, sync::{Mutex, NotLocked}};
//!
//! let (tea, biscuits) = (Mutex::new("tea"), Mutex::new("biscuits"));
//! let both_have_one = std::sync::Barrier::new(2);
//! let take_both = |first: &Mutex<&str>, second: &Mutex<&str>| {
//!     let first = first.lock();
//!     both_have_one.wait();
//!     match second.lock_until(Deadline::NEVER) {
//!         Ok(second) => format!("had {first} and {second}"),
//!         Err(NotLocked::Deadlock(circle)) => {
//!             println!("{circle}");
//!             format!("let go of {first}")
//!         }
//!         Err(NotLocked::TimedOut) => unreachable!("it would wait as long as it takes"),
//!     }
//! };
//! let mut outcomes = std::thread::scope(|scope| {
//!     let other = scope.spawn(|| take_both(&biscuits, &tea));
//!     [take_both(&tea, &biscuits), other.join().unwrap()]
//! });
//! outcomes.sort();
//! assert!(outcomes[0].starts_with("had ") && outcomes[1].starts_with("let go of "));
//! ```
//!
//! prints, in the one thread that let go:
//!
//! ```text
//! DEADLOCK (certain): 2 threads wait for each other
//!     thread 0x7feca2d596c0 waits for mutex 0x7ffeb7952570 held by thread 0x7feca2d5ae40 (0.0 s)
//!     thread 0x7feca2d5ae40 waits for mutex 0x7ffeb79525c0 held by thread 0x7feca2d596c0 (0.0 s)
//! Fix: take the locks in one order everywhere, or wait with a deadline.
//! ```
//!
//! # Where to begin
//!
//! | module | what it is | the usual choice |
//! |---|---|---|
//! | [`sync`] | locks and signals between threads | [`Mutex`](sync::Mutex), [`Condvar`](sync::Condvar), [`Semaphore`](sync::Semaphore), [`Event`](sync::Event), [`Barrier`](sync::Barrier) |
//! | [`queue`] | items from thread to thread: first in first out, last in first out, smallest first; bounded or not; with shutdown | [`Queue`](queue::Queue) |
//! | [`future`] | a result to come: wait, cancel, callbacks, many at once | [`promise`](future::promise()) |
//! | [`thread_pool`] | threads that do tasks from one line | [`ThreadPool`](thread_pool::ThreadPool) |
//! | [`fiber`] | functions that stop in the middle, many in one thread | [`Hub`](fiber::Hub), [`Fiber`](fiber::Fiber) |
//! | [`process`] | items and tasks from process to process, and locks between them, whoever of them is killed | [`Queue`](process::Queue), [`Pool`](process::Pool), [`Lock`](process::Lock) |
//! | [`wait_graph`] | the doctor: who waits for what, and which waits can never end | [`waits`](wait_graph::waits) |
//! | [`lock_order`] | orders of locks that will hang one day, found before they do | [`take_in_order`](sync::take_in_order) |
//! | [`host`] | where reports go | |
//!
//! # Waiting
//!
//! Every wait ends at a [`Deadline`]: [`Deadline::NEVER`], [`Deadline::NOW`], or [`Deadline::after`] some time. What
//! begins with `try_` never waits.
//!
//! Most waits also take a [`Block`]: how the calling thread leaves its world to sleep. A Rust thread has nothing to
//! leave and passes [`Plain`]. A thread of an interpreter gives back the interpreter's lock and minds its signals;
//! that is how the same queue serves Python. [`Mutex`](sync::Mutex), [`Condvar`](sync::Condvar) and the iterator of a
//! queue are for Rust threads only and do not ask.
//!
//! ```
//! use ropewalk::{Deadline, Plain, queue::Queue, thread_pool::ThreadPool};
//! let pool = ThreadPool::new(2);
//! let words = Queue::unbounded();
//! for word in ["a", "rope", "walk"] {
//!     words.try_push(word).unwrap();
//! }
//! words.shutdown();
//! let lengths: Vec<_> = words.iter().map(|word| pool.spawn(move || word.len()).unwrap()).collect();
//! let sum: usize = lengths.into_iter().map(|len| len.result(&mut Plain, Deadline::NEVER).unwrap()).sum();
//! assert_eq!(sum, 9);
//! ```
//!
//! # What it costs
//!
//! A lock that is free is taken in one atomic step and a note of who has it; the wait graph is met only by a
//! thread that is about to sleep. Threads sleep at once instead of spinning, because the same locks serve
//! interpreters where a spinning thread stops all others: under a fierce contest for one lock a spinning mutex is
//! faster. `cargo bench` shows both beside the engine's peers.
//!
//! There is no poisoning: a panic releases what its thread holds.

pub mod fiber;
pub mod future;
pub mod host;
pub mod lock_order;
#[cfg(loom)]
pub mod model;
mod park;
mod per_process;
mod primitive;
pub mod process;
pub mod queue;
mod signal;
pub mod sync;
pub mod thread_pool;
pub mod wait_graph;

pub use park::Halted;
pub use ropewalk_os::{Block, Deadline, Plain};
