//! Who waits for whom, and the end of waits that can never end.
//!
//! | file | what it is |
//! |---|---|
//! | `reason` | what a thread is about to wait for, and who could end that wait |
//! | `crew` | the workers of one pool, any of whom could end a wait |
//! | `registry` | every wait of this process, under one mutex |
//! | `search` | from one wait along its helpers: is everybody on the way asleep? |
//! | `waiting` | one wait from beginning to end: register, look, look again |
//! | `declared` | waits that happen outside the engine |
//! | `report` | what was found, as data and as a drawing |
//! | `across` | waits that end in another process |
//! | `settings` | raise, report or off; how long to hesitate |
//!
//! A lock that is free, or that comes free soon, never meets any of this: only a thread that is about to sleep
//! registers. Registration and search happen under one mutex, so of the threads that close a circle the last one
//! always sees it whole.
//!
//! | what it finds | verdict | what it does |
//! |---|---|---|
//! | a circle of reentrant locks, mutexes, running tasks and joins, nobody timed | certain | the wait that closes it fails, at once |
//! | a circle with a plain lock, which any thread may release | possible | reports it once, if it is still there after a while |
//! | a plain lock taken again by its holder | possible | the same |
//! | every thread asleep, nobody timed | hopeless | the same |
//! | any timed wait on the way | none | nothing: it will end by itself |
//!
//! What must stay true:
//!
//! 1. **No verdict without proof.** The owner's name in a lock is a hint, but names only the owner or nobody, and
//!    all that a sleeping thread has written is seen by whoever holds the registry's mutex. A thread that has
//!    been woken counts as awake, whatever it will find; if it must sleep again it registers anew and searches.
//! 2. **No foreign code under the mutex.** Reports, and questions to the [`Host`](crate::host::Host), are put
//!    while the asking thread is not registered.
//! 3. **A forked child begins with an empty registry**, and takes no mutex of its parent's.
//!
//! ```
//! use ropewalk::{Deadline, Halted, Plain, sync::ReentrantLock};
//! let (a, b) = (ReentrantLock::new(), ReentrantLock::new());
//! let meet = std::sync::Barrier::new(2);
//! // Takes one, then the other; says whether that was refused.
//! let refused = |first: &ReentrantLock, second: &ReentrantLock| {
//!     first.acquire(&mut Plain, Deadline::NEVER).unwrap();
//!     meet.wait();
//!     let result = second.acquire(&mut Plain, Deadline::NEVER);
//!     if result.is_ok() {
//!         second.release().unwrap();
//!     }
//!     first.release().unwrap();
//!     matches!(result, Err(Halted::Deadlock(_)))
//! };
//! std::thread::scope(|scope| {
//!     let other = scope.spawn(|| refused(&b, &a));
//!     assert!(refused(&a, &b) ^ other.join().unwrap());
//! });
//! ```

mod across;
mod crew;
mod declared;
mod reason;
mod registry;
mod report;
mod search;
mod settings;
mod waiting;

pub(crate) use across::{Failing, Note, Noted};
pub use across::{Holder, Joining, ProcessCycle, ProcessWait, Stopped, process_cycles, process_waits};
pub use crew::Crew;
pub use declared::{Alive, Declared, declare_end, declare_join};
pub use reason::{Kind, Reason};
pub use registry::{thread_ended, waits};
pub use report::{Cycle, Report, Wait};
pub use settings::{Mode, hesitation, mode, set_hesitation, set_mode};
pub(crate) use waiting::{enter, wait_for_itself};
