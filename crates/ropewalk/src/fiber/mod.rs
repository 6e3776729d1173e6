//! Functions that can stop in the middle and go on later, each on a stack of its own.
//!
//! A [`Fiber`] is called again and again: it pauses, gives something out, and goes on when it is resumed. A [`Hub`] runs
//! many tasks in one thread: one goes on while others wait, and the switch from task to task is direct, without a
//! scheduler's frame in between. Both stop anywhere, also many calls deep, and code in between need not know.
//!
//! ```
//! use ropewalk::fiber::{Fiber, Step};
//! fn walk(depth: u32, pause: &ropewalk::fiber::Pause<(), u32>) {
//!     if depth > 0 {
//!         walk(depth - 1, pause);
//!         pause.with(depth); // however deep
//!         walk(depth - 1, pause);
//!     }
//! }
//! let mut ruler = Fiber::new(|pause, ()| walk(3, pause));
//! let mut marks = Vec::new();
//! while let Step::Paused(mark) = ruler.resume(()) {
//!     marks.push(mark);
//! }
//! assert_eq!(marks, [1, 2, 1, 3, 1, 2, 1]);
//! ```
//!
//! | file | what it is |
//! |---|---|
//! | `place` | where a computation stands; how it begins, stops and ends |
//! | `stacks` | stacks that are used again |
//! | `coroutine` | [`Fiber`]: one function, paused and resumed |
//! | `hub` | [`Hub`]: many tasks in one thread, and what they wait by |
//! | `task` | one of them, and its result |
//!
//! What must stay true: a fiber never leaves its thread (none of these types is `Send`), its stack outlives it, and it is
//! on one stack at a time: stacks are moved, never copied, and one that a fiber has ended on is used again only by who
//! runs after it.
//!
//! [`std::thread::panicking`] is the thread's, not the fiber's: a fiber that pauses in a destructor while it unwinds has the
//! others find that their thread panics.
//!
//! # What it costs
//!
//! A switch is about two dozen instructions. A stack is 8 MiB of address space and the pages that were touched, one or two
//! for most; it is used again warm, last in first out. A fiber that is dropped while it is paused is unwound, so its
//! destructors run.

mod coroutine;
mod hub;
mod place;
mod stacks;
mod task;

pub use coroutine::{Fiber, Pause, Step};
pub use hub::{Hub, current, park, spawn, yield_now};
pub use stacks::{DEFAULT_SIZE, Stacks};
pub use task::{Handle, Task};

/// What unwinds a fiber that is not wanted any more. It is nobody's panic: no hook is called, and nobody is told.
struct Cancelled;

/// Unwinds the calling fiber to where it began.
fn unwind() -> ! {
    std::panic::resume_unwind(Box::new(Cancelled))
}
