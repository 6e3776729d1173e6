//! Stop a computation where it stands, on a stack of its own, and go on with another one.
//!
//! A [`Context`] is a stopped computation: the place on its stack where it left what it needs to go on. [`switch`]
//! stops the calling computation, makes a context of it, and goes on with another. What the calling convention lets a
//! function change is not kept: a switch looks like a call to the compiler, so that is 6 to 20 words.
//!
//! This is the lowest floor: it knows neither who made the stacks nor who runs when. `ropewalk::fiber` is made of it.
//!
//! | file | what it is |
//! |---|---|
//! | `x86_64` | the same for x86-64, System V |
//! | `aarch64` | the same for 64-bit ARM, AAPCS64 |
//!
//! Required of each: `WORDS`, what a fresh context has on its stack; `lay`, which writes that; `switch`; and unwind
//! information, with which debuggers, profilers and exceptions go through a switch, up to the trampoline at which every
//! stack begins.
//!
//! What must stay true: nothing but assembly stands between the entry function and the end of the stack, so that
//! an unwind that is not caught below ends there and reaches no Rust frame that it has not begun in.
//!
//! # Contract of the unsafe code
//!
//! 1. A context is gone on with once: [`switch`] uses it up, and gives another to whoever comes next.
//! 2. It is gone on with by the thread that made it, or that stopped it: compilers keep addresses of thread-local
//!    variables across calls.
//! 3. Its stack stays mapped and untouched until it has been gone on with for the last time.
//! 4. The memory at a fresh stack's top is writable, [`NEEDS`] bytes of it at least, and nobody else's.
//! 5. A context is, to the convention of calls, the pointer that it holds.
#![allow(unsafe_code)]

#[cfg(target_arch = "aarch64")]
#[path = "aarch64.rs"]
mod processor;
#[cfg(target_arch = "x86_64")]
#[path = "x86_64.rs"]
mod processor;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("a switch of stacks needs assembly: add a file for this processor beside x86_64.rs");

use std::ptr;

/// The bytes of a stack that a fresh context takes, at its top.
///
/// ```
/// assert!(ropewalk_os::context::NEEDS <= 256);
/// ```
pub const NEEDS: usize = size_of::<usize>() * processor::WORDS;

/// What a fresh context begins with: `argument` from [`Context::new`], `message` from the first [`switch`] to it. It does
/// not return; its last act is a switch to somebody else.
///
/// ```
/// unsafe extern "C" fn end(_: *mut (), _: usize) -> ! {
///     std::process::exit(0)
/// }
/// let _: ropewalk_os::context::Entry = end;
/// ```
pub type Entry = unsafe extern "C" fn(argument: *mut (), message: usize) -> !;

/// A stopped computation: its stack pointer.
///
/// ```
/// use ropewalk_os::context::Context;
/// assert!(Context::NONE.is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Context(*mut usize);

impl Context {
    /// No computation.
    ///
    /// ```
    /// use ropewalk_os::context::Context;
    /// assert_eq!(Context::NONE, Context::NONE);
    /// ```
    pub const NONE: Context = Context(ptr::null_mut());

    /// Whether this is no computation.
    ///
    /// ```
    /// assert!(ropewalk_os::context::Context::NONE.is_none());
    /// ```
    pub fn is_none(self) -> bool {
        self.0.is_null()
    }

    /// Where it has stopped: the bytes below are nobody's, but for the few that the processor's conventions lend to whoever
    /// stands there.
    ///
    /// ```
    /// assert!(ropewalk_os::context::Context::NONE.place().is_null());
    /// ```
    pub fn place(self) -> *mut u8 {
        self.0.cast()
    }

    /// A computation that begins with `entry(argument, message)` on the stack that ends at `top`, rounded down to what the
    /// processor wants.
    ///
    /// # Safety
    /// Rules 3 and 4 of the [module](self), for the stack.
    ///
    /// ```
    /// use ropewalk_os::context::{Context, switch};
    ///
    /// struct Pair {
    ///     main: Context,
    ///     other: Context,
    /// }
    ///
    /// unsafe extern "C" fn double(pair: *mut (), mut number: usize) -> ! {
    ///     let pair = pair.cast::<Pair>();
    ///     loop {
    ///         number = unsafe { switch(&raw mut (*pair).other, (*pair).main, number * 2) };
    ///     }
    /// }
    ///
    /// let mut stack = vec![0_u128; 4096];
    /// let top = stack.as_mut_ptr_range().end.cast::<u8>();
    /// let mut pair = Pair { main: Context::NONE, other: Context::NONE };
    /// let place = &raw mut pair;
    /// unsafe {
    ///     (*place).other = Context::new(top, double, place.cast());
    ///     assert_eq!(switch(&raw mut (*place).main, (*place).other, 21), 42);
    ///     assert_eq!(switch(&raw mut (*place).main, (*place).other, 4), 8);
    /// }
    /// ```
    pub unsafe fn new(top: *mut u8, entry: Entry, argument: *mut ()) -> Context {
        let top = top.map_addr(|top| top & !15).cast::<usize>();
        // SAFETY: rule 4.
        Context(unsafe { processor::lay(top, entry, argument) })
    }
}

/// Stops here, and goes on with `to`, which gets `message`. The calling computation is written to `from` as a context,
/// before the other one goes on; what this returns is the message of whoever goes on with it.
///
/// # Safety
/// Rules 1, 2 and 3 of the [module](self), for `to`; `from` is writable.
///
/// ```
/// // See `Context::new`, whose computation switches back and forth.
/// use ropewalk_os::context::{Context, switch};
/// let _: unsafe fn(*mut Context, Context, usize) -> usize = switch;
/// ```
#[inline]
pub unsafe fn switch(from: *mut Context, to: Context, message: usize) -> usize {
    debug_assert!(!to.is_none(), "a switch to no computation");
    // SAFETY: rules 1 to 3: the caller's; a context is the pointer that this function or `lay` has left.
    unsafe { processor::switch(from.cast(), to.0, message) }
}

/// [`switch`] as code in C calls it: for a caller above which no frame but C's may stand.
///
/// ```
/// use ropewalk_os::context::{Context, Switch, switch_for_c};
/// let _: Switch = switch_for_c();
/// ```
pub fn switch_for_c() -> Switch {
    // SAFETY: rule 5.
    unsafe { std::mem::transmute::<RawSwitch, Switch>(processor::switch) }
}

type RawSwitch = unsafe extern "C" fn(*mut *mut usize, *mut usize, usize) -> usize;

/// What [`switch_for_c`] returns. Its conditions are those of [`switch`].
///
/// ```
/// let _: ropewalk_os::context::Switch = ropewalk_os::context::switch_for_c();
/// ```
pub type Switch = unsafe extern "C" fn(from: *mut Context, to: Context, message: usize) -> usize;

#[cfg(test)]
mod tests {
    use super::*;

    struct Pair {
        main: Context,
        other: Context,
        seen: Vec<usize>,
    }

    unsafe extern "C" fn note(pair: *mut (), mut message: usize) -> ! {
        let pair = pair.cast::<Pair>();
        loop {
            // SAFETY: rules 1 to 3; the test waits in `main`, and touches the pair only while this waits.
            unsafe {
                (*pair).seen.push(message);
                message = switch(&raw mut (*pair).other, (*pair).main, message + 1);
            }
        }
    }

    #[test]
    fn a_thousand_switches_bring_their_messages_both_ways() {
        let mut stack = vec![0_u128; 4096];
        let top = stack.as_mut_ptr_range().end.cast::<u8>();
        let pair =
            Box::into_raw(Box::new(Pair { main: Context::NONE, other: Context::NONE, seen: Vec::new() }));
        // SAFETY: rules 1 to 4; the stack is this test's, and outlives the last switch.
        let seen = unsafe {
            (*pair).other = Context::new(top, note, pair.cast());
            for message in 0..1000 {
                assert_eq!(switch(&raw mut (*pair).main, (*pair).other, message), message + 1);
            }
            Box::from_raw(pair).seen
        };
        assert_eq!(seen, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn a_fresh_context_takes_what_is_said_of_the_top_and_no_more() {
        let mut stack = vec![0_u128; 64];
        let range = stack.as_mut_ptr_range();
        // SAFETY: rule 4; it is never gone on with.
        let context = unsafe { Context::new(range.end.cast(), note, ptr::null_mut()) };
        assert_eq!(range.end.addr() - context.0.addr(), NEEDS);
        let untouched = (range.end.addr() - range.start.addr() - NEEDS) / 16;
        assert!(stack[..untouched].iter().all(|word| *word == 0));
    }
}
