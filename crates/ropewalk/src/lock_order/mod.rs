//! In which order locks are taken: a deadlock found before it happens.
//!
//! | file | what it is |
//! |---|---|
//! | `watch` | the switch, and what a watched lock knows of itself |
//! | `held` | what this thread holds, and which orders it knows already |
//! | `graph` | every order ever seen, and whether a new one closes a circle |
//! | `place` | where in the program something happened |
//! | `report` | two places that take the same locks in different orders |
//! | `admission` | leave to take many locks at once, in the one order that nobody can get wrong |
//!
//! Two threads that take the same two locks in different orders will hang one day, on an unlucky day. To know it,
//! no thread need hang and no two threads need even meet: it is enough that both orders were ever seen. The idea
//! and the classes are those of the Linux kernel's lockdep.
//!
//! It is off at first, and a lock made while it is off is never watched. A lock's word has one bit more when it
//! is watched, and every short way through a lock asks for a word without it: not being watched costs nothing.
//! A watched lock costs a look at a list of what the thread holds and at a small cache of known orders; only a
//! new order meets the graph, and only then is it asked where in the program this happens.
//!
//! What it does not look at: timed and unsuccessful attempts, for they cannot hang.
//!
//! ```
//! use ropewalk::lock_order::{Watching, set_watching};
//! use ropewalk::{Deadline, Plain, host, sync::Lock, wait_graph::Report};
//! use std::sync::atomic::{AtomicUsize, Ordering};
//! static FOUND: AtomicUsize = AtomicUsize::new(0);
//! struct Counting;
//! impl host::Host for Counting {
//!     fn inversion(&self, inversion: &ropewalk::lock_order::Inversion) {
//!         assert_eq!(inversion.links().len(), 2);
//!         FOUND.fetch_add(1, Ordering::Relaxed);
//!     }
//! }
//! host::install(Counting);
//! set_watching(Watching::BySite);
//! let a = Lock::new();
//! let b = Lock::new();
//! for (first, second) in [(&a, &b), (&b, &a), (&a, &b)] {
//!     first.acquire(&mut Plain, Deadline::NEVER)?;
//!     second.acquire(&mut Plain, Deadline::NEVER)?;
//!     second.release();
//!     first.release();
//! }
//! assert_eq!(FOUND.load(Ordering::Relaxed), 1); // in one thread, without a hang, once
//! # Ok::<(), ropewalk::Halted<std::convert::Infallible>>(())
//! ```

mod admission;
mod graph;
mod held;
mod place;
mod report;
mod watch;

pub use admission::{Admission, Asked, Violation, admit};
pub(crate) use held::{about_to_take, released, take_in_known_order, taken, taken_at_once};
pub use place::Place;
pub use report::{Inversion, Link};
pub(crate) use watch::Watch;
pub use watch::{Watching, set_watching, watching};
