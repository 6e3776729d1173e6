//! Items from process to process, and locks between them, whoever of them is killed.
//!
//! | file | what it is |
//! |---|---|
//! | `queue` | byte records, first in, first out; bounded or not; with shutdown and a count of the unfinished |
//! | `parts` | records that come with buffers beside their body |
//! | `hand` | which record each process has taken out, and which were lost |
//! | `flight` | what each worker of a crew is doing, to be told when it was killed |
//! | `crew` | tasks for worker processes, and their answers |
//! | `pool` | worker processes that do functions of this program |
//! | `message` | messages over a pipe or a socket, as `multiprocessing.connection` sends them |
//! | `traffic` | whether the other end of a pipe has sent something, without asking the system |
//! | `readable` | its descriptor for select(2) |
//! | `look` | queues and locks of other processes, from outside |
//! | `noted` | what is noted of a wait for a queue |
//! | `iter` | records one after the other, until the queue is shut down |
//! | `lock` | one holder at a time; after a dead one, the next |
//! | `semaphore` | a number of permits |
//! | `event` | a flag that is waited for |
//! | `condition` | waiting until one is notified |
//! | `barrier` | waiting until all are there |
//! | `object` | where those lie, and how another process gets at them |
//!
//! What is shared lies in anonymous memory that goes from process to process as a descriptor. It has no name that
//! could be left behind, and ends with the last process that has it, also when all are killed. A process that is
//! killed at any instruction has done an operation or has not; nobody else hangs, and nothing is torn. What it had
//! taken out for itself is gone with it, at most one record for each thread; a queue that tracks tells which.
//!
//! These waits do not stand in the registry of the wait graph, for the other end is in another process, but on a board that
//! those can read: see [`process_waits`](crate::wait_graph::process_waits).

mod barrier;
mod condition;
mod crew;
mod event;
pub mod flight;
mod hand;
mod iter;
mod lock;
mod look;
pub mod message;
mod noted;
pub(crate) mod object;
mod parts;
mod pool;
mod queue;
mod readable;
mod semaphore;
mod traffic;

pub use barrier::{Barrier, Came, Early, Last, NotPassed};
pub use condition::{Condition, Waiting};
pub use crew::{Arrival, Crew, Fallen, Handed, Refused, TakeError, Task, Worker};
pub use event::Event;
pub use iter::Iter;
pub use lock::{Lock, Taken};
#[doc(hidden)]
pub use object::Memory;
pub use object::Passed;
pub use pool::{Answer, Functions, Pool, PoolBuilder, Program, SubmitError, TaskError, WorkerDied};
pub use queue::Queue;
pub use ropewalk_os::identity::Identity;
pub use ropewalk_shm::ring::{
    Blocks, Counts, DoneError, Fault, JoinError, Loan, Options, PopError, Prepared, PushError,
};
pub use ropewalk_shm::segment::OpenError;
pub use semaphore::Semaphore;
pub use traffic::Traffic;
