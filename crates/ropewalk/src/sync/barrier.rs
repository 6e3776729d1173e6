//! A place where a number of threads meet before any of them goes on.
//!
//! Threads arrive one by one; the last of a generation is its leader. While the leader does what it has to do,
//! the others sleep, and who arrives then belongs to the next generation. A generation that is complete can be
//! broken by its leader only.

use crate::park::{Halted, Line, Rest, Sleeper, sleep};
use crate::primitive::{Arc, Mutex};
use crate::wait_graph::{Kind, Reason};
use ropewalk_os::{Block, Deadline};
use std::convert::Infallible;
use std::{fmt, mem, thread};

/// A meeting of a fixed number of threads, again and again.
///
/// ```
/// use ropewalk::sync::{Arrival, Barrier};
/// use ropewalk::{Deadline, Plain};
/// use std::sync::atomic::{AtomicU32, Ordering};
/// let (meeting, photos) = (Barrier::new(3), AtomicU32::new(0));
/// std::thread::scope(|scope| {
///     for _ in 0..3 {
///         scope.spawn(|| {
///             match meeting.arrive(&mut Plain, Deadline::NEVER).unwrap() {
///                 Arrival::Leader(others) => {
///                     photos.fetch_add(1, Ordering::Relaxed); // all are here, and stand still
///                     others.release();
///                 }
///                 Arrival::Other(_) => {}
///             }
///             assert_eq!(photos.load(Ordering::Relaxed), 1);
///         });
///     }
/// });
/// ```
#[derive(Debug)]
pub struct Barrier {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    parties: usize,
    broken: bool,
    /// The arrivals of this generation so far. Each is given its number, or `None` if it does not get through.
    line: Line<Option<usize>>,
}

/// What a thread that arrived is.
///
/// ```
/// use ropewalk::{Deadline, Plain, sync::{Arrival, Barrier}};
/// let barrier = Barrier::new(2);
/// std::thread::scope(|scope| {
///     let other = scope.spawn(|| barrier.arrive(&mut Plain, Deadline::NEVER).unwrap().index());
///     let mine = barrier.arrive(&mut Plain, Deadline::NEVER).unwrap().index();
///     assert_eq!(mine + other.join().unwrap(), 1);
/// });
/// ```
#[derive(Debug)]
pub enum Arrival<'a> {
    /// The last of its generation: the others wait for it.
    Leader(Leader<'a>),
    /// One of the others: its number in the order of arrival. The leader has let it go.
    Other(usize),
}

impl Arrival<'_> {
    /// The number in the order of arrival: from zero to one less than the parties, the leader's. Lets the others
    /// go.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, sync::Barrier};
    /// assert_eq!(Barrier::new(1).arrive(&mut Plain, Deadline::NEVER).unwrap().index(), 0);
    /// ```
    pub fn index(self) -> usize {
        match self {
            Arrival::Leader(leader) => leader.others.len(),
            Arrival::Other(index) => index,
        }
    }
}

/// Why the others did not come.
///
/// ```
/// use ropewalk::{Deadline, Plain, sync::Barrier};
/// let barrier = Barrier::new(2);
/// barrier.abort();
/// let error = barrier.arrive(&mut Plain, Deadline::NEVER).unwrap_err();
/// assert_eq!(error.to_string(), "the barrier is broken");
/// ```
#[derive(Debug)]
pub enum BarrierError<I = Infallible> {
    /// The barrier was aborted or reset, or another party gave up.
    Broken,
    /// The deadline of this party came first. That breaks the barrier for the others.
    TimedOut,
    /// The wait was halted. The barrier goes on, one party short.
    Halted(Halted<I>),
}

/// The last of a generation. The others sleep until this is dropped.
///
/// Dropped by a panic it breaks the barrier, as [`Leader::abort`] does.
///
/// ```
/// use ropewalk::{Deadline, Plain, sync::{Arrival, Barrier}};
/// let barrier = Barrier::new(1);
/// match barrier.arrive(&mut Plain, Deadline::NEVER).unwrap() {
///     Arrival::Leader(others) => others.release(),
///     Arrival::Other(_) => unreachable!("there is only one party"),
/// }
/// ```
#[derive(Debug)]
#[must_use = "the others wait until this is dropped"]
pub struct Leader<'a> {
    barrier: &'a Barrier,
    others: Line<Option<usize>>,
}

impl Leader<'_> {
    /// Lets the others go.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, sync::{Arrival, Barrier}};
    /// let barrier = Barrier::new(2);
    /// std::thread::scope(|scope| {
    ///     for _ in 0..2 {
    ///         scope.spawn(|| match barrier.arrive(&mut Plain, Deadline::NEVER).unwrap() {
    ///             Arrival::Leader(other) => other.release(),
    ///             Arrival::Other(index) => assert_eq!(index, 0), // only now
    ///         });
    ///     }
    /// });
    /// ```
    pub fn release(self) {}

    /// Breaks the barrier: the others do not get through.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, sync::{Arrival, Barrier}};
    /// let barrier = Barrier::new(1);
    /// if let Arrival::Leader(leader) = barrier.arrive(&mut Plain, Deadline::NEVER).unwrap() {
    ///     leader.abort();
    /// }
    /// assert!(barrier.is_broken());
    /// ```
    pub fn abort(mut self) {
        self.fail();
    }

    fn fail(&mut self) {
        self.barrier.abort();
        dismiss(mem::take(&mut self.others), false);
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.fail();
        }
        dismiss(mem::take(&mut self.others), true);
    }
}

/// Wakes all of a line, which is out of every mutex, and tells them whether they get through.
fn dismiss(mut line: Line<Option<usize>>, through: bool) {
    for index in 0.. {
        let Some(sleeper) = line.pop() else { break };
        sleeper.give(through.then_some(index));
        sleeper.grant();
    }
}

impl Barrier {
    /// A barrier for `parties` threads, at least one.
    ///
    /// ```
    /// let barrier = ropewalk::sync::Barrier::new(3);
    /// assert_eq!(barrier.parties(), 3);
    /// ```
    pub fn new(parties: usize) -> Barrier {
        let state = State { parties: parties.max(1), broken: false, line: Line::default() };
        Barrier { state: Mutex::new(state) }
    }

    /// Arrives, and waits for the others until `deadline`.
    ///
    /// # Errors
    /// [`BarrierError`].
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, sync::{Barrier, BarrierError}};
    /// let barrier = Barrier::new(2);
    /// assert!(matches!(barrier.arrive(&mut Plain, Deadline::NOW), Err(BarrierError::TimedOut)));
    /// assert!(matches!(barrier.arrive(&mut Plain, Deadline::NEVER), Err(BarrierError::Broken)));
    /// ```
    pub fn arrive<B: Block>(
        &self,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<Arrival<'_>, BarrierError<B::Interrupt>> {
        let sleeper = {
            let mut state = self.state.lock();
            if state.broken {
                return Err(BarrierError::Broken);
            }
            if state.line.len() + 1 >= state.parties {
                let others = mem::take(&mut state.line);
                return Ok(Arrival::Leader(Leader { barrier: self, others }));
            }
            let sleeper = Sleeper::new(None);
            state.line.push_back(&sleeper);
            sleeper
        };
        let reason = Reason::new(Kind::Barrier, self);
        let mut rest = sleep(&sleeper, block, deadline, &reason, || false);
        if matches!(rest, Ok(Rest::TimedOut)) {
            if self.give_up(&sleeper) {
                return Err(BarrierError::TimedOut);
            }
            // All have arrived, and the leader will say how it went.
            rest = sleep(&sleeper, block, Deadline::NEVER, &reason, || false);
        }
        if let Err(halted) = rest {
            self.state.lock().line.remove(&sleeper);
            return Err(BarrierError::Halted(halted));
        }
        sleeper.take().flatten().map(Arrival::Other).ok_or(BarrierError::Broken)
    }

    /// A deadline came: breaks the barrier, unless all have arrived (`false`).
    fn give_up(&self, sleeper: &Arc<Sleeper<Option<usize>>>) -> bool {
        let mut state = self.state.lock();
        if !state.line.remove(sleeper) {
            return false;
        }
        state.broken = true;
        let others = mem::take(&mut state.line);
        drop(state);
        dismiss(others, false);
        true
    }

    /// Breaks the barrier: who waits, and who arrives before a [`Barrier::reset`], gets [`BarrierError::Broken`].
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, sync::{Barrier, BarrierError}};
    /// let barrier = Barrier::new(2);
    /// std::thread::scope(|scope| {
    ///     let early = scope.spawn(|| barrier.arrive(&mut Plain, Deadline::NEVER).map(|_| ()));
    ///     barrier.abort();
    ///     assert!(matches!(early.join().unwrap(), Err(BarrierError::Broken)));
    /// });
    /// barrier.reset();
    /// assert!(!barrier.is_broken());
    /// ```
    pub fn abort(&self) {
        self.send_away(true);
    }

    /// Makes it as new. Who waits gets [`BarrierError::Broken`].
    ///
    /// ```
    /// let barrier = ropewalk::sync::Barrier::new(2);
    /// barrier.abort();
    /// barrier.reset();
    /// assert!(!barrier.is_broken());
    /// ```
    pub fn reset(&self) {
        self.send_away(false);
    }

    fn send_away(&self, broken: bool) {
        let mut state = self.state.lock();
        state.broken = broken;
        let line = mem::take(&mut state.line);
        drop(state);
        dismiss(line, false);
    }

    /// Whether it is broken: only [`Barrier::reset`] mends it.
    ///
    /// ```
    /// let barrier = ropewalk::sync::Barrier::new(2);
    /// barrier.abort();
    /// assert!(barrier.is_broken());
    /// ```
    pub fn is_broken(&self) -> bool {
        self.state.lock().broken
    }

    /// How many threads meet here.
    ///
    /// ```
    /// assert_eq!(ropewalk::sync::Barrier::new(2).parties(), 2);
    /// ```
    pub fn parties(&self) -> usize {
        self.state.lock().parties
    }

    /// From now on it is for `parties` threads, at least one. Those that wait already wait for the next to come.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, sync::Barrier};
    /// let barrier = Barrier::new(2);
    /// barrier.set_parties(1);
    /// assert_eq!(barrier.arrive(&mut Plain, Deadline::NEVER).unwrap().index(), 0);
    /// ```
    pub fn set_parties(&self, parties: usize) {
        self.state.lock().parties = parties.max(1);
    }

    /// Sends away who waits: they get [`Halted::Retired`], and should meet elsewhere.
    ///
    /// ```
    /// use ropewalk::{Deadline, Halted, Plain, sync::{Barrier, BarrierError}};
    /// let barrier = Barrier::new(2);
    /// std::thread::scope(|scope| {
    ///     let early = scope.spawn(|| barrier.arrive(&mut Plain, Deadline::NEVER).map(|_| ()));
    ///     while !early.is_finished() {
    ///         barrier.retire();
    ///     }
    ///     assert!(matches!(early.join().unwrap(), Err(BarrierError::Halted(Halted::Retired))));
    /// });
    /// ```
    pub fn retire(&self) {
        self.state.lock().line.retire();
    }

    /// How many have arrived and wait for the rest.
    ///
    /// ```
    /// assert_eq!(ropewalk::sync::Barrier::new(2).waiting(), 0);
    /// ```
    pub fn waiting(&self) -> usize {
        self.state.lock().line.len()
    }
}

impl<I> fmt::Display for BarrierError<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BarrierError::Broken => "the barrier is broken",
            BarrierError::TimedOut => "the other parties did not come before the deadline",
            BarrierError::Halted(_) => "the wait for the other parties was halted",
        })
    }
}

impl<I: fmt::Debug> std::error::Error for BarrierError<I> {}
