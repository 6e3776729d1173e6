//! A flag that threads wait for.
//!
//! The word holds `SET` and, changed only under the line's mutex, `SLEEPERS`.

use crate::park::{Halted, Line, Rest, Sleeper, sleep};
use crate::primitive::{AtomicU32, Mutex, Ordering};
use crate::wait_graph::{Kind, Reason};
use ropewalk_os::{Block, Deadline};

const SET: u32 = 1;
const SLEEPERS: u32 = 2;

/// A flag. Setting it lets every waiting thread go on, also when it is cleared again at once.
///
/// ```
/// use ropewalk::{Deadline, Plain, sync::Event};
/// let ready = Event::new();
/// std::thread::scope(|scope| {
///     scope.spawn(|| ready.set());
///     ready.wait(&mut Plain, Deadline::NEVER).unwrap();
/// });
/// assert!(ready.is_set());
/// ```
#[derive(Debug)]
pub struct Event {
    word: AtomicU32,
    line: Mutex<Line>,
}

impl Default for Event {
    fn default() -> Event {
        Event::new()
    }
}

impl Event {
    /// A flag that is not set.
    ///
    /// ```
    /// assert!(!ropewalk::sync::Event::new().is_set());
    /// ```
    pub fn new() -> Event {
        Event { word: AtomicU32::new(0), line: Mutex::new(Line::default()) }
    }

    /// Whether the flag is set.
    ///
    /// ```
    /// let event = ropewalk::sync::Event::new();
    /// event.set();
    /// assert!(event.is_set());
    /// ```
    #[inline]
    pub fn is_set(&self) -> bool {
        self.word.load(Ordering::Acquire) & SET != 0
    }

    /// Sets the flag and wakes every sleeper.
    ///
    /// ```
    /// let event = ropewalk::sync::Event::new();
    /// event.set();
    /// event.set();
    /// assert!(event.is_set());
    /// ```
    #[inline]
    pub fn set(&self) {
        if self.word.fetch_or(SET, Ordering::Release) & SLEEPERS != 0 {
            self.wake_all();
        }
    }

    #[cold]
    fn wake_all(&self) {
        let mut line = self.line.lock();
        let sleepers: Vec<_> = std::iter::from_fn(|| line.pop()).collect();
        self.word.fetch_and(!SLEEPERS, Ordering::Relaxed);
        drop(line);
        for sleeper in sleepers {
            sleeper.grant();
        }
    }

    /// Clears the flag.
    ///
    /// ```
    /// let event = ropewalk::sync::Event::new();
    /// event.set();
    /// event.clear();
    /// assert!(!event.is_set());
    /// ```
    #[inline]
    pub fn clear(&self) {
        self.word.fetch_and(!SET, Ordering::Relaxed);
    }

    /// Waits until the flag is set; `Ok(false)` if the deadline came first.
    ///
    /// # Errors
    /// [`Halted`] if the wait was interrupted or would have closed a deadlock.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, sync::Event};
    /// let event = Event::new();
    /// assert!(!event.wait(&mut Plain, Deadline::NOW).unwrap());
    /// event.set();
    /// assert!(event.wait(&mut Plain, Deadline::NEVER).unwrap());
    /// ```
    #[inline]
    pub fn wait<B: Block>(&self, block: &mut B, deadline: Deadline) -> Result<bool, Halted<B::Interrupt>> {
        if self.is_set() {
            return Ok(true);
        }
        if deadline.is_now() {
            return Ok(false);
        }
        self.wait_slow(block, deadline)
    }

    #[cold]
    fn wait_slow<B: Block>(&self, block: &mut B, deadline: Deadline) -> Result<bool, Halted<B::Interrupt>> {
        let sleeper = Sleeper::new(None);
        {
            let mut line = self.line.lock();
            if self.word.fetch_or(SLEEPERS, Ordering::Acquire) & SET != 0 {
                if line.is_empty() {
                    self.word.fetch_and(!SLEEPERS, Ordering::Relaxed);
                }
                return Ok(true);
            }
            line.push_back(&sleeper);
        }
        match sleep(&sleeper, block, deadline, &Reason::new(Kind::Event, self), || true) {
            Ok(Rest::TimedOut) => Ok(!self.leave(&sleeper)),
            Ok(_) => Ok(true),
            Err(halted) => {
                self.leave(&sleeper);
                Err(halted)
            }
        }
    }

    /// Leaves the line; `false` if the flag was set meanwhile.
    fn leave(&self, sleeper: &crate::primitive::Arc<Sleeper>) -> bool {
        let mut line = self.line.lock();
        let removed = line.remove(sleeper);
        if line.is_empty() {
            self.word.fetch_and(!SLEEPERS, Ordering::Relaxed);
        }
        removed
    }

    /// Sends every sleeper away with [`Halted::Retired`]: something else stands in the place of this event.
    ///
    /// ```
    /// use ropewalk::{Deadline, Halted, Plain, sync::Event};
    /// let event = Event::new();
    /// std::thread::scope(|scope| {
    ///     let waiter = scope.spawn(|| event.wait(&mut Plain, Deadline::NEVER));
    ///     while !waiter.is_finished() {
    ///         event.retire();
    ///     }
    ///     assert!(matches!(waiter.join().unwrap(), Err(Halted::Retired)));
    /// });
    /// ```
    pub fn retire(&self) {
        let mut line = self.line.lock();
        line.retire();
        self.word.fetch_and(!SLEEPERS, Ordering::Relaxed);
    }

    /// Forgets who waits, keeps the flag: for the child of a fork.
    ///
    /// ```
    /// let event = ropewalk::sync::Event::new();
    /// event.set();
    /// event.reset();
    /// assert!(event.is_set());
    /// ```
    pub fn reset(&self) {
        let mut line = self.line.lock();
        line.clear();
        self.word.fetch_and(!SLEEPERS, Ordering::Relaxed);
    }
}
