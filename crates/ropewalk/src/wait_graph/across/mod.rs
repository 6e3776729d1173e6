//! Waits that end in another process: written on the board of their process, and searched by those who wait.
//!
//! | file | what it is |
//! |---|---|
//! | `note` | one wait from beginning to end: post it, look around now and then |
//! | `watched` | a thread's way to sleep, with its note kept on the side |
//! | `joined` | the wait for the end of a process |
//! | `peek` | boards, and locks, of other processes |
//! | `search` | from one wait along its holders, through as many processes as need be |
//! | `report` | what was found, as data and as a drawing |
//!
//! A wait on something that processes share is in no registry: who could end it is in another process, and no mutex
//! is held by all. So each process has a board (`ropewalk_shm::board`) on which a thread writes what it waits for once
//! it has slept for 10 ms; a shorter wait never meets any of this. A lock's words say which process has it and which
//! thread. When a wait has lasted 100 ms, and then ever more rarely, its thread follows those names from board to board.
//! If that leads back to itself it looks a second time: an entry that has not changed between the two was true all
//! the while, and a thread that sleeps gives nothing back. So what both looks have seen was true at once at the moment
//! between them, as if somebody had held a mutex over all.
//!
//! Everybody in a circle finds it. What is to be done about it does one of them: the one whose wait began last, of those
//! that can.
//!
//! | what is found | verdict | what it does |
//! |---|---|---|
//! | a circle of reentrant locks and joins, nobody timed | certain | its wait fails |
//! | a circle with a plain lock, which any process may release | possible | reports it once, if it has lasted a while |
//! | a wait for a queue that nobody else has, or only those who wait too | nobody is left | the same |
//! | a timed wait on the way, a thread that is not on a board, a process that cannot be looked into | none | nothing |

mod joined;
mod note;
mod peek;
mod report;
mod search;
mod watched;

pub use joined::Joining;
pub(crate) use note::Note;
pub use report::{Holder, ProcessCycle, ProcessWait};
pub use search::{process_cycles, process_waits};
pub use watched::Stopped;
pub(crate) use watched::{Failing, Noted};
