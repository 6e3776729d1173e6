//! Memory that several processes write, and die while writing.
//!
//! What a process leaves behind when it is killed at any instruction must be either invisible or whole. This
//! crate holds the structures that keep that promise; the queues and locks across processes stand on it.
//!
//! # The laws
//!
//! 1. One store commits an operation. Before it everything is garbage to others; after it everything is a hint
//!    that recovery can heal.
//! 2. A process is its number and its start time together: a number alone may be reused.
//! 3. No names and no daemon: a segment is an anonymous memfd, and ends with the last process that has it.
//! 4. What comes from another process is checked before it is believed.
//!
//! | module | what it is |
//! |---|---|
//! | [`segment`] | one mapping with a checked header |
//! | `participants` | which processes use a structure, and which of them are dead |
//! | `lock` | the lock of a structure, healed after a dead holder |
//! | `spin` | how long to look before sleeping |
//! | `line` | who sleeps until something happens, and how that finds them |
//! | [`ring`] | records from process to process |
//! | [`slab`] | small objects side by side in one segment |
//! | [`flight`] | what each worker is doing, to be read after it was killed |
//! | [`sync`] | locks, semaphores, events, conditions and barriers in it |
//! | [`board`] | what the threads of a process wait for, for others to read |

pub mod board;
pub mod flight;
mod line;
mod lock;
mod participants;
pub mod ring;
pub mod segment;
pub mod slab;
mod spin;
pub mod sync;
