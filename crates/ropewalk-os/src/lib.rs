//! What ropewalk asks of the operating system, and nothing else does.
//!
//! Everything that differs between systems lives here, under the same function names; no other crate of the
//! project has a `cfg(target_os)`. Linux is the only system served today.
//!
//! | module | what it answers |
//! |---|---|
//! | [`clock`] | what time is it, on a clock that never jumps; when must a wait end |
//! | [`futex`] | sleep until a word changes; wake who sleeps on it |
//! | [`shared_futex`] | the same between processes; move sleepers from word to word |
//! | [`robust`] | a lock between processes whose owner may die |
//! | [`thread`] | which thread is this |
//! | [`fork`] | is this still the process that it was |
//! | [`lifeline`] | end when the process that started this one does |
//! | [`children`] | what this process keeps for its children; what a forked one does first |
//! | [`child`] | descriptors for one child; its end, before anybody has waited for it |
//! | [`signal`] | signals for one process, and for no later one of its number |
//! | [`unshared_memory`] | how much memory has a process that it shares with no other |
//! | [`identity`] | which process is this, even after its number is reused |
//! | [`memory`] | anonymous memory that other processes can map |
//! | [`descriptors`] | which shared memory a process has open, seen from outside |
//! | [`fork_copy`] | part of it that becomes a copy when this process forks |
//! | [`cgroup`] | how much memory and how many processors may this container use |
//! | [`watcher`] | the same by a thread, for who has no line to hold on to |
//! | [`shared_words`] | words that forked processes share |
//! | [`stream`] | pipes and sockets by their descriptors |
//! | [`bell`] | a descriptor that is readable when somebody says so |
//! | [`block`] | what a thread must give back before it sleeps |
//! | [`context`] | stop a computation, go on with another on its own stack |
//! | [`stack`] | memory for such a stack, with a guard |
//! | [`checker`] | which memory is a stack, for a memory checker |
//! | [`lookout`] | how long a thread sleeps at once that has to see signals |
//! | [`sampler`] | somebody who looks at this process now and then, and when it crashes |
//! | [`own_memory`] | this process's memory: read without trust, and how much there is |
//!
//! ```
//! use ropewalk_os::{Deadline, futex, thread};
//! use std::sync::atomic::{AtomicU32, Ordering};
//! let (word, sleeper) = (AtomicU32::new(0), thread::current());
//! std::thread::scope(|scope| {
//!     scope.spawn(|| {
//!         assert_ne!(thread::current(), sleeper);
//!         word.store(1, Ordering::Release);
//!         futex::wake(&word, 1);
//!     });
//!     while word.load(Ordering::Acquire) == 0 {
//!         futex::wait(&word, 0, Deadline::NEVER);
//!     }
//! });
//! ```

pub mod bell;
pub mod block;
pub mod cgroup;
pub mod checker;
pub mod child;
pub mod children;
pub mod clock;
pub mod context;
pub mod descriptors;
pub mod fork;
pub mod fork_copy;
pub mod futex;
mod futex_call;
pub mod identity;
pub mod lifeline;
pub mod lookout;
pub mod memory;
pub mod own_memory;
pub mod robust;
pub mod sampler;
pub mod shared_futex;
pub mod shared_words;
pub mod signal;
pub mod stack;
pub mod stream;
pub mod thread;
pub mod unshared_memory;
pub mod watcher;

pub use block::{Block, Plain};
pub use clock::Deadline;
