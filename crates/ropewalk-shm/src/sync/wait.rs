//! The one way in which something is tried, slept for, and tried again.
//!
//! The attempt and the sleep are done inside [`Block::detached`]: no thread asks for its interpreter's lock between the
//! wake and the attempt.

use ropewalk_os::futex::Slept;
use ropewalk_os::{Block, Deadline, shared_futex};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

/// How long one of several sleepers sleeps before it looks for itself.
pub const SLICE: Duration = Duration::from_millis(100);

/// How long a sleeper does that nobody stands before: it bounds what is not known.
pub const LONE_SLICE: Duration = Duration::from_secs(1);

/// What came of an attempt.
pub enum Step<'a, T> {
    /// It is done.
    Done(T),
    /// Sleep while the word is this, at most so long.
    Sleep(&'a AtomicU32, u32, Slice),
}

/// How long a sleep lasts before the sleeper looks for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice(pub Duration);

/// How the last sleep of a wait ended, for the attempt after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// There was none yet.
    None,
    /// Somebody woke it, or the word had changed.
    Called,
    /// Nobody did for as long as the slice.
    Uncalled,
}

/// How often a sleeper of this process found what it waited for by looking for itself, when its slice had ended.
pub fn rescues() -> u32 {
    RESCUES.load(Relaxed)
}

static RESCUES: AtomicU32 = AtomicU32::new(0);

enum Rest<T> {
    Done(T),
    TimedOut,
    Look,
}

/// Tries until it is done, or the deadline comes: then `None`.
///
/// # Errors
/// The interrupt with which a signal ended the wait.
pub fn until_done<'a, T: Send, B: Block>(
    block: &mut B,
    deadline: Deadline,
    mut attempt: impl FnMut(Past) -> Step<'a, T> + Send,
) -> Result<Option<T>, B::Interrupt> {
    let mut past = Past::None;
    let mut lookout = block.lookout();
    loop {
        let rest = block.detached(|| {
            loop {
                let (word, expected, slice) = match attempt(past) {
                    Step::Done(done) => {
                        if past == Past::Uncalled && !deadline.passed() {
                            RESCUES.fetch_add(1, Relaxed);
                        }
                        return Rest::Done(done);
                    }
                    Step::Sleep(word, expected, Slice(time)) => (word, expected, Deadline::after(time)),
                };
                if deadline.passed() {
                    return Rest::TimedOut;
                }
                let slept = shared_futex::wait(word, expected, lookout.until(slice.earlier(deadline)));
                past = if slept == Slept::TimedOut { Past::Uncalled } else { Past::Called };
                // At the end of a slice or step too: a signal that came just before the sleep did not end it.
                if matches!(slept, Slept::Interrupted | Slept::TimedOut) && !deadline.passed() {
                    return Rest::Look;
                }
            }
        });
        match rest {
            Rest::Done(done) => return Ok(Some(done)),
            Rest::TimedOut => return Ok(None),
            Rest::Look => block.interrupted()?,
        }
    }
}
