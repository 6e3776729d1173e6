//! A result that is still to come.
//!
//! | file | what it is |
//! |---|---|
//! | `state` | pending, running, cancelled, finished: the word and its table |
//! | `slot` | the place for one result, with its work and everybody interested in it |
//! | `answer` | what a slot answers to a change, and what the caller must do then |
//! | `gather` | waiting for many: the first, the first failure, all |
//! | `promise` | the two ends for Rust programs: one makes the result, the other waits for it |
//!
//! ```
//! use ropewalk::{Deadline, Plain, future::promise};
//! let (answer, question) = promise();
//! std::thread::scope(|scope| {
//!     scope.spawn(|| answer.fulfil(6 * 7));
//!     assert_eq!(question.result(&mut Plain, Deadline::NEVER).unwrap(), 42);
//! });
//! ```

mod answer;
mod gather;
mod promise;
mod slot;
mod state;

pub use answer::{Aftermath, Refused, Start, Waited, Wakes};
pub use gather::{Gathering, Until};
pub(crate) use promise::Runnable;
pub use promise::{Failure, Future, NoResult, Promise, promise, wait};
pub use slot::Slot;
pub use state::State;
