//! Threads that do tasks from one line.
//!
//! | file | what it is |
//! |---|---|
//! | `injector` | the line of tasks, the idle workers, one wake in flight |
//! | `state` | what the line knows, and what each change of it owes to whom |
//! | `staff` | the workers: how many there may be, which threads they are |
//! | `answer` | what the line answers to who brings a task and to who wants one |
//! | `rhythm` | whether each task is waited for at once, so that its worker can be woken by the wait |
//! | `owing` | wakes that are sent once the interpreter was left |
//! | `pool` | the pool for Rust programs: spawn, futures, shutdown, work helping |
//!
//! ```
//! use ropewalk::{Deadline, Plain, thread_pool::ThreadPool};
//! let pool = ThreadPool::new(2);
//! let answer = pool.spawn(|| 6 * 7).unwrap();
//! assert_eq!(answer.result(&mut Plain, Deadline::NEVER).unwrap(), 42);
//! ```

mod answer;
mod injector;
mod owing;
mod pool;
mod rhythm;
mod staff;
mod state;

pub use answer::{Next, NotTaken};
pub use injector::Injector;
pub(crate) use pool::Shared;
pub use pool::{Builder, SpawnError, ThreadPool};
