//! Locks, semaphores, events, conditions and barriers between processes, whoever is killed while at it.
//!
//! | file | what it is |
//! |---|---|
//! | `owner` | a process as one word |
//! | `wait` | try, sleep, try again |
//! | `lock` | one holder at a time; after a dead one, the next |
//! | `semaphore` | a number of permits |
//! | `event` | a flag that is waited for |
//! | `waiters` | entries of those who wait for something of their own |
//! | `condition` | waiting until one is notified |
//! | `barrier` | waiting until all are there |
//!
//! Each is one slot of a slab. What must stay true in all of them:
//!
//! 1. One store commits. The store that frees or sets what others sleep for wakes them in the same system call
//!    (`change_and_wake`), so a process that is killed has done both or neither.
//! 2. Who takes something writes its name in the same step.
//! 3. A sleeper that was woken and killed before it took what it was woken for would strand it. So of several
//!    sleepers all but one look again every [`wait::SLICE`].
//! 4. A count or flag that says "somebody sleeps" may say it in vain, never fail to.

pub mod barrier;
pub mod condition;
pub mod event;
pub mod lock;
pub mod owner;
pub mod semaphore;
pub mod wait;
pub mod waiters;

pub use wait::Slice;
