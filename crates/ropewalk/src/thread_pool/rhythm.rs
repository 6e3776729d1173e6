//! Whether a pool is used call by call: each time a thread pushes one task and waits for it at once.
//!
//! In an interpreter with one lock for all, a worker that is woken by such a push runs into that lock, which the
//! pushing thread holds until it waits. So where this rhythm is steady the worker is granted its task by the
//! push and woken by the wait, just after the lock was given back. A wrong guess costs one task a short delay
//! (the worker dozes, and looks by itself); then it is long before the next guess.

use ropewalk_os::thread::ThreadId;

/// So many calls in the rhythm before it is believed.
const STEADY: i32 = 8;
/// From so many calls on the time between push and wait is looked at.
const TIMED: i32 = 4;
/// Nanoseconds between the push and the wait of one call, at most.
const PROMPT: u64 = 20_000;
/// So many calls are not guessed at after a wrong guess.
const DISTRUST: i32 = 1_000;

/// What has been seen of the last calls.
#[derive(Debug, Default)]
pub(super) struct Rhythm {
    calls: i32,
    /// Who pushed last, if it has not waited yet.
    pusher: Option<ThreadId>,
    pushed: u64,
}

impl Rhythm {
    /// Whether the next push will very likely be followed by a wait at once.
    #[inline]
    pub(super) fn is_steady(&self) -> bool {
        #[cfg(loom)]
        return crate::model::is_in_rhythm();
        #[cfg(not(loom))]
        return self.calls >= STEADY;
    }

    /// `thread` pushes a task; `now` is asked only if it matters. Whether it will very likely wait at once.
    #[inline]
    pub(super) fn push(&mut self, thread: ThreadId, now: impl Fn() -> u64) -> bool {
        if self.pusher.replace(thread).is_some() {
            self.calls = self.calls.min(0);
        }
        if self.calls >= TIMED {
            self.pushed = now();
        }
        self.is_steady()
    }

    /// `thread` is about to wait for a task in line. Whether it is the one that pushed last.
    #[inline]
    pub(super) fn wait(&mut self, thread: ThreadId, now: impl Fn() -> u64) -> bool {
        let its_own = self.pusher.take() == Some(thread);
        if !its_own {
            self.calls = self.calls.min(0);
        } else if self.calls < TIMED || now().saturating_sub(self.pushed) <= PROMPT {
            self.calls = STEADY.min(self.calls + 1);
        } else {
            self.calls = -DISTRUST;
        }
        its_own
    }

    /// It was steady, and yet nobody waited.
    pub(super) fn miss(&mut self) {
        self.calls = -DISTRUST;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const ME: ThreadId = ThreadId(1);
    const ANOTHER: ThreadId = ThreadId(2);

    /// Calls that take `pause` nanoseconds from push to wait. Whether the last was pushed in a steady rhythm.
    fn calls(rhythm: &mut Rhythm, count: i32, pause: u64) -> bool {
        let mut steady = false;
        for call in 0..count as u64 {
            steady = rhythm.push(ME, || call * 1_000_000);
            rhythm.wait(ME, || call * 1_000_000 + pause);
        }
        steady
    }

    #[test]
    fn it_is_steady_after_some_prompt_calls() {
        let mut rhythm = Rhythm::default();
        assert!(!calls(&mut rhythm, STEADY, PROMPT));
        assert!(calls(&mut rhythm, 1, PROMPT));
    }

    #[test]
    fn who_does_something_else_before_it_waits_is_out_of_rhythm() {
        let mut rhythm = Rhythm::default();
        assert!(!calls(&mut rhythm, DISTRUST, PROMPT + 1));
        calls(&mut rhythm, DISTRUST + STEADY, 0);
        assert!(rhythm.is_steady());
        calls(&mut rhythm, 1, PROMPT + 1);
        assert!(!calls(&mut rhythm, DISTRUST, 0));
    }

    #[test]
    fn two_tasks_at_once_end_it() {
        let mut rhythm = Rhythm::default();
        calls(&mut rhythm, STEADY, 0);
        assert!(rhythm.push(ME, || 0));
        assert!(!rhythm.push(ME, || 0));
    }

    #[test]
    fn a_wait_by_another_thread_ends_it() {
        let mut rhythm = Rhythm::default();
        calls(&mut rhythm, STEADY, 0);
        assert!(rhythm.push(ME, || 0));
        assert!(!rhythm.wait(ANOTHER, || 0));
        assert!(!rhythm.is_steady());
    }

    #[test]
    fn a_wrong_guess_is_not_made_again_soon() {
        let mut rhythm = Rhythm::default();
        calls(&mut rhythm, STEADY, 0);
        rhythm.miss();
        assert!(!calls(&mut rhythm, DISTRUST, 0));
    }
}
