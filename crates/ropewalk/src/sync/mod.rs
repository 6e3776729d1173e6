//! Locks and signals between threads.
//!
//! | file | what it is |
//! |---|---|
//! | `lock` | one holder at a time; knows its owner; released by anybody |
//! | `reentrant` | a lock that its holder may take again |
//! | `condition` | wait, with a lock given back meanwhile, until notified |
//! | `semaphore` | a number of permits |
//! | `ordered` | many locks at once, in one order |
//! | `event` | a flag that threads wait for |
//! | `barrier` | a meeting of a fixed number of threads |
//! | `mutex` | a value and the lock that guards it |
//! | `reentrant_mutex` | a value whose holder may take it again |
//! | `condvar` | a condition over a mutex |
//!
//! A Rust program mostly wants [`Mutex`] and [`Condvar`], which guard a value. [`Lock`], [`ReentrantLock`] and
//! [`Condition`] are what they are made of, and what an interpreter's locks are made of.
//!
//! ```
//! use ropewalk::sync::{Event, Mutex};
//! use ropewalk::{Deadline, Plain};
//! let (account, paid) = (Mutex::new(10), Event::new());
//! std::thread::scope(|scope| {
//!     scope.spawn(|| {
//!         *account.lock() += 5;
//!         paid.set();
//!     });
//!     paid.wait(&mut Plain, Deadline::NEVER).unwrap();
//!     assert_eq!(*account.lock(), 15);
//! });
//! ```

mod barrier;
mod condition;
mod condvar;
mod event;
mod lock;
mod mutex;
mod ordered;
mod reentrant;
mod reentrant_mutex;
mod semaphore;

pub use barrier::{Arrival, Barrier, BarrierError, Leader};
pub use condition::Condition;
pub use condvar::Condvar;
pub use event::Event;
pub use lock::Lock;
pub use mutex::{Mutex, MutexGuard, NotLocked};
pub use ordered::{InOrder, Member, Refused, take_in_order};
pub use reentrant::{NotOwner, ReentrantLock, Saved};
pub use reentrant_mutex::{ReentrantMutex, ReentrantMutexGuard};
pub use semaphore::{Semaphore, TooManyPermits};
