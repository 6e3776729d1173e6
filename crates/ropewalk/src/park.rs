//! The one place where threads sleep: a sleeper, a line of sleepers, and the sleep itself.
//!
//! Every lock, event and queue keeps its sleeping threads in a [`Line`]. Four rules hold everywhere:
//!
//! 1. **The waker removes the sleeper.** A thread that is woken is already out of the line, so nobody wakes it
//!    twice, and nobody pays for a wake while it is on its way.
//! 2. **A woken thread first takes what it came for, then comes back to its interpreter.** What it takes is one
//!    atomic step or lies already in its own [`Sleeper`]; it locks nothing before it is attached again. In an
//!    interpreter with one lock for all, no engine mutex is therefore ever held when another thread forks.
//! 3. **Sleepers of a vanished process are skipped.** Each carries the fork epoch of its birth.
//! 4. **Nobody waits for ever behind luck.** A thread may overtake a sleeper that has been woken but has not
//!    arrived, which keeps hot locks hot; a sleeper that has waited for [`PATIENCE`] is handed the thing itself.
//!    (The rule of WebKit's WTF::Lock and of CPython's PyMutex.)

use crate::primitive::thread::{self, ThreadId};
use crate::primitive::{Arc, AtomicBool, AtomicU32, AtomicU64, Mutex, Ordering};
use crate::signal::Signal;
use crate::wait_graph::{self, Cycle, Reason};
use ropewalk_os::futex::Slept;
use ropewalk_os::lookout::Lookout;
use ropewalk_os::{Block, Deadline, clock, fork};
use std::cell::Cell;
use std::collections::VecDeque;

/// Nanoseconds after which a sleeper is handed the thing itself instead of a chance to race for it.
#[cfg(not(loom))]
pub(crate) const PATIENCE: u64 = 1_000_000;

const ASLEEP: u32 = 0;
/// Try again: what you wait for may be there.
const WOKEN: u32 = 1;
/// It is yours.
const GRANTED: u32 = 2;
/// What you wait for has been replaced.
const RETIRED: u32 = 3;
/// Still asleep, but look around: who might have woken you may be gone.
const NUDGED: u32 = 4;

/// Why a wait ended without what it waited for and without its deadline.
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
#[derive(Debug)]
#[non_exhaustive]
pub enum Halted<I> {
    /// A signal handler of the interpreter asked for it; the value is its exception.
    Interrupted(I),
    /// This wait would have closed a cycle of waits that can never end.
    Deadlock(Box<Cycle>),
    /// What was waited for has been replaced by something else: wait for that. Only after a `retire` method.
    Retired,
}

impl Halted<std::convert::Infallible> {
    /// What halted a wait that cannot be interrupted, among the reasons of one that can.
    ///
    /// ```
    /// use ropewalk::Halted;
    /// let halted: Halted<std::io::Error> = Halted::Retired.widen();
    /// assert!(matches!(halted, Halted::Retired));
    /// ```
    pub fn widen<I>(self) -> Halted<I> {
        match self {
            Halted::Interrupted(never) => match never {},
            Halted::Deadlock(cycle) => Halted::Deadlock(cycle),
            Halted::Retired => Halted::Retired,
        }
    }
}

/// What the wait graph may read of a sleeper while it sleeps.
#[derive(Debug)]
pub(crate) struct Vitals {
    signal: Signal,
    thread: ThreadId,
    since: AtomicU64,
    retaking: AtomicBool,
    /// Dozes before it sleeps.
    dozes: bool,
}

impl Vitals {
    pub(crate) fn thread(&self) -> ThreadId {
        self.thread
    }

    /// Nanoseconds on the monotonic clock at which it joined its line.
    pub(crate) fn since(&self) -> u64 {
        self.since.load(Ordering::Relaxed)
    }

    /// Whether nobody has woken it yet.
    pub(crate) fn is_asleep(&self) -> bool {
        matches!(self.signal.get(), ASLEEP | NUDGED)
    }

    /// Whether it waits to take a condition's lock again: its thread must not go on without that lock.
    pub(crate) fn is_retaking(&self) -> bool {
        self.retaking.load(Ordering::Relaxed)
    }

    /// Asks it to look around, if it is asleep.
    pub(crate) fn nudge(&self) {
        self.signal.nudge(NUDGED);
    }

    /// Whether it was asked to look around; it is simply asleep afterwards.
    fn settle(&self) -> bool {
        self.signal.settle(NUDGED)
    }
}

/// One wait of one thread. `G` is what can be handed over with the wake.
#[derive(Debug)]
pub(crate) struct Sleeper<G = ()> {
    vitals: Vitals,
    epoch: AtomicU32,
    gift: Mutex<Option<G>>,
}

impl<G> Sleeper<G> {
    /// A sleeper for the calling thread, holding `gift`.
    pub(crate) fn new(gift: Option<G>) -> Arc<Sleeper<G>> {
        Sleeper::make(gift, false)
    }

    fn make(gift: Option<G>, dozes: bool) -> Arc<Sleeper<G>> {
        Arc::new(Sleeper {
            vitals: Vitals {
                signal: Signal::new(),
                thread: thread::current(),
                since: AtomicU64::new(clock::now()),
                retaking: AtomicBool::new(false),
                dozes,
            },
            epoch: AtomicU32::new(fork::epoch()),
            gift: Mutex::new(gift),
        })
    }

    pub(crate) fn thread(&self) -> ThreadId {
        self.vitals.thread
    }

    /// A signal handler has run: if it has forked, this is the one thread that goes on in the child.
    fn survive(&self) {
        self.epoch.store(fork::epoch(), Ordering::Relaxed);
    }

    /// Whether it has waited so long that it must not be overtaken again.
    pub(crate) fn is_impatient(&self) -> bool {
        #[cfg(loom)]
        return crate::model::is_everyone_impatient();
        #[cfg(not(loom))]
        return self.has_waited_longer_than(PATIENCE);
    }

    #[cfg(not(loom))]
    fn has_waited_longer_than(&self, nanos: u64) -> bool {
        clock::now().saturating_sub(self.vitals.since.load(Ordering::Relaxed)) > nanos
    }

    /// Its patience starts anew: it has been moved to another line.
    pub(crate) fn restart(&self) {
        self.vitals.since.store(clock::now(), Ordering::Relaxed);
    }

    /// It has waited for a condition, and from now on waits to take the lock again: its notifier puts it in the
    /// lock's line, or it goes there itself.
    pub(crate) fn retake(&self) {
        self.vitals.retaking.store(true, Ordering::Relaxed);
        self.restart();
    }

    /// Before it joins a line again.
    pub(crate) fn rearm(&self) {
        self.vitals.signal.rearm();
    }

    /// Wakes it to try again. It must have been taken out of its line.
    pub(crate) fn wake(&self) {
        self.vitals.signal.send(WOKEN);
    }

    /// Wakes it: what it waits for is its own. It must have been taken out of its line.
    pub(crate) fn grant(&self) {
        self.vitals.signal.send(GRANTED);
    }

    /// Says that what it waits for is its own; [`Sleeper::rouse`] must follow. It must have been taken out of its
    /// line, and the line's mutex is still held: so a sleeper that gives up finds itself in line or finds this.
    pub(crate) fn award(&self) {
        self.vitals.signal.put(GRANTED);
    }

    /// Wakes it after [`Sleeper::award`].
    pub(crate) fn rouse(&self) {
        self.vitals.signal.rouse();
    }

    /// Wakes it: what it waits for will never come from here. It must have been taken out of its line.
    fn retire(&self) {
        self.vitals.signal.send(RETIRED);
    }

    pub(crate) fn give(&self, gift: G) {
        *self.gift.lock() = Some(gift);
    }

    pub(crate) fn take(&self) -> Option<G> {
        self.gift.lock().take()
    }

    pub(crate) fn is_granted(&self) -> bool {
        self.vitals.signal.get() == GRANTED
    }
}

impl Sleeper {
    /// A sleeper that dozes first, if `dozes`: see [`Sleeper::grant_quietly`].
    pub(crate) fn dozing(dozes: bool) -> Arc<Sleeper> {
        Sleeper::make(None, dozes)
    }

    /// As [`Sleeper::grant`], but a dozing one is woken only when the calling thread goes to sleep itself, or by the
    /// end of its doze: `true`. For a thread that is about to sleep, and whose interpreter lets the other one do
    /// nothing before.
    pub(crate) fn grant_quietly(self: &Arc<Sleeper>) -> bool {
        let quietly = self.vitals.signal.send_quietly(GRANTED);
        if quietly {
            let before = OWED.try_with(|owed| owed.replace(Some(Arc::clone(self))));
            if let Ok(Some(other)) = before {
                other.rouse();
            }
        }
        quietly
    }
}

// Whom the calling thread has granted something quietly.
#[cfg(not(loom))]
thread_local!(static OWED: Cell<Option<Arc<Sleeper>>> = const { Cell::new(None) });
#[cfg(loom)]
loom::thread_local!(static OWED: Cell<Option<Arc<Sleeper>>> = Cell::new(None));

/// Sleepers in the order in which they came. Lives inside the mutex of whatever they wait for.
#[derive(Debug)]
pub(crate) struct Line<G = ()>(VecDeque<Arc<Sleeper<G>>>);

impl<G> Default for Line<G> {
    fn default() -> Self {
        Line(VecDeque::new())
    }
}

impl<G> Line<G> {
    pub(crate) fn push_back(&mut self, sleeper: &Arc<Sleeper<G>>) {
        self.0.push_back(Arc::clone(sleeper));
    }

    pub(crate) fn push_front(&mut self, sleeper: &Arc<Sleeper<G>>) {
        self.0.push_front(Arc::clone(sleeper));
    }

    /// The next sleeper of this process; those of a parent process are dropped on the way.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Arc<Sleeper<G>>> {
        let epoch = fork::epoch();
        while let Some(sleeper) = self.0.pop_front() {
            if sleeper.epoch.load(Ordering::Relaxed) == epoch {
                return Some(sleeper);
            }
        }
        None
    }

    /// Takes `sleeper` out; `false` if a waker has done so already. O(n) in the length of the line.
    pub(crate) fn remove(&mut self, sleeper: &Arc<Sleeper<G>>) -> bool {
        match self.0.iter().position(|other| Arc::ptr_eq(other, sleeper)) {
            Some(place) => self.0.remove(place).is_some(),
            None => false,
        }
    }

    /// Sends everybody away: what they wait for has been replaced.
    pub(crate) fn retire(&mut self) {
        while let Some(sleeper) = self.pop() {
            sleeper.retire();
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// How a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// What it waited for has been taken, or was handed over.
    Taken,
    /// Woken, but another was faster: join the line again, in front.
    Overtaken,
    /// The deadline came; the sleeper may have been taken out of its line meanwhile: look.
    TimedOut,
}

/// Sleeps until `sleeper` is woken, the deadline, an interrupt or a deadlock.
///
/// `take` runs in the woken thread before it is attached again (rule 2): one atomic attempt, no lock.
pub(crate) fn sleep<G: Send, B: Block>(
    sleeper: &Sleeper<G>,
    block: &mut B,
    deadline: Deadline,
    reason: &Reason<'_>,
    take: impl Fn() -> bool + Sync,
) -> Result<Rest, Halted<B::Interrupt>> {
    let vitals = &sleeper.vitals;
    let mut waiting = wait_graph::enter(vitals, reason, deadline).map_err(Halted::Deadlock)?;
    let mut owed = OWED.try_with(Cell::take).ok().flatten();
    // A signal that comes when this thread has last looked for one, and does not sleep yet, ends no sleep.
    let mut lookout = Lookout::new(block.heeds_signals());
    loop {
        let call = waiting.wake_up_call(deadline);
        let until = lookout.until(call);
        let owed = owed.take();
        let (slept, rest) = block.detached(|| {
            if let Some(other) = owed {
                other.rouse();
            }
            let slept = if vitals.dozes { vitals.signal.doze(until) } else { vitals.signal.wait(until) };
            let rest = match vitals.signal.get() {
                GRANTED => Some(Ok(Rest::Taken)),
                WOKEN if take() => Some(Ok(Rest::Taken)),
                ASLEEP | NUDGED => None,
                RETIRED => Some(Err(())),
                _ => Some(Ok(Rest::Overtaken)),
            };
            (slept, rest)
        });
        if let Some(rest) = rest {
            return rest.map_err(|()| Halted::Retired);
        }
        match slept {
            Slept::TimedOut if until == deadline => return Ok(Rest::TimedOut),
            Slept::TimedOut | Slept::Interrupted => {
                if slept == Slept::TimedOut && until == call {
                    // What it reports may take a while, in which signals come.
                    waiting.look_again().map_err(Halted::Deadlock)?;
                }
                waiting.stand_aside();
                let interrupted = block.interrupted();
                sleeper.survive();
                interrupted.map_err(Halted::Interrupted)?;
                waiting.go_on().map_err(Halted::Deadlock)?;
            }
            Slept::Woken | Slept::Changed => {
                if vitals.settle() {
                    waiting.look_around().map_err(Halted::Deadlock)?;
                }
            }
        }
    }
}
