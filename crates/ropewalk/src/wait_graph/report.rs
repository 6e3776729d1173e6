//! What was found, as data and as a drawing.

use super::across::ProcessCycle;
use super::reason::Kind;
use ropewalk_os::thread::ThreadId;
use std::fmt;
use std::time::Duration;

/// One thread's wait, as it was at one moment.
///
/// ```
/// for wait in ropewalk::wait_graph::waits() {
///     println!("{:?} waits for {} held by {:?}", wait.thread, wait.kind, wait.owners);
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Who waits.
    pub thread: ThreadId,
    /// For what kind of thing.
    pub kind: Kind,
    /// Which one.
    pub address: usize,
    /// Nanoseconds on the monotonic clock at which the wait began.
    pub since: u64,
    /// How long it had waited.
    pub waited: Duration,
    /// Whether the wait ends by itself at a deadline.
    pub timed: bool,
    /// Who could end it: the owner, or the workers of a pool. Empty if anybody could.
    pub owners: Vec<ThreadId>,
}

/// Threads that wait for each other in a circle.
///
/// Each waits for something that only the others can give; the first is the one that closed the circle.
///
/// ```
/// use ropewalk::{Deadline, sync::{Mutex, NotLocked}};
/// let mutex = Mutex::new(1);
/// let _held = mutex.lock();
/// let Err(NotLocked::Deadlock(cycle)) = mutex.lock_until(Deadline::NEVER) else { panic!("it hangs") };
/// assert!(cycle.to_string().starts_with("DEADLOCK (certain): a thread waits for itself"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    pub(super) certain: bool,
    pub(super) waits: Vec<Wait>,
}

impl Cycle {
    /// Whether nothing can end it: there is no plain lock in it, which another thread might release.
    ///
    /// ```
    /// use ropewalk::{Deadline, sync::{Mutex, NotLocked}};
    /// let mutex = Mutex::new(1);
    /// let _held = mutex.lock();
    /// let Err(NotLocked::Deadlock(cycle)) = mutex.lock_until(Deadline::NEVER) else { panic!("it hangs") };
    /// assert!(cycle.is_certain()); // only the guard, which this thread has, can end it
    /// ```
    pub fn is_certain(&self) -> bool {
        self.certain
    }

    /// The waits, each held up by one that follows, the last by the first. With a pool in it, the order is that
    /// of the search.
    ///
    /// ```
    /// use ropewalk::{Deadline, sync::{Mutex, NotLocked}, wait_graph::Kind};
    /// let mutex = Mutex::new(1);
    /// let _held = mutex.lock();
    /// let Err(NotLocked::Deadlock(cycle)) = mutex.lock_until(Deadline::NEVER) else { panic!("it hangs") };
    /// let [wait] = cycle.waits() else { panic!("one thread, one wait") };
    /// assert_eq!((wait.kind, &wait.owners[..]), (Kind::Mutex, &[wait.thread][..]));
    /// ```
    pub fn waits(&self) -> &[Wait] {
        &self.waits
    }
}

/// What is reported to the [`Host`](crate::host::Host).
///
/// ```
/// use ropewalk::{Deadline, Plain, host, sync::Lock, wait_graph::Report};
/// use std::sync::LazyLock;
/// static LOCK: LazyLock<Lock> = LazyLock::new(Lock::new);
/// struct Helpful;
/// impl host::Host for Helpful {
///     fn report(&self, report: &Report<'_>) {
///         match report {
///             Report::Cycle(cycle) => assert!(!cycle.is_certain()),
///             other => panic!("not expected here: {other}"),
///         }
///         LOCK.release(); // a plain lock: any thread may
///     }
/// }
/// host::install(Helpful);
/// assert!(LOCK.try_acquire());
/// assert!(LOCK.acquire(&mut Plain, Deadline::NEVER).unwrap()); // it would hang here
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Report<'a> {
    /// A circle.
    Cycle(&'a Cycle),
    /// Every thread sleeps, and nobody is left to wake one.
    Everyone(&'a [Wait]),
    /// Threads of several processes.
    Processes(&'a ProcessCycle),
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.waited.as_secs_f64();
        write!(f, "thread {:#x} waits for {} {:#x}", self.thread.0, self.kind, self.address)?;
        match &self.owners[..] {
            [] => {}
            [owner] if *owner == self.thread => write!(f, " that it holds itself")?,
            [owner] => write!(f, " held by thread {:#x}", owner.0)?,
            crew => write!(f, " of a pool whose {} workers all wait", crew.len())?,
        }
        write!(f, " ({seconds:.1} s)")
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict =
            if self.certain { "certain" } else { "possible: another thread may release a plain lock" };
        let who = match self.waits.len() {
            1 => "a thread waits for itself".to_owned(),
            count => format!("{count} threads wait for each other"),
        };
        writeln!(f, "DEADLOCK ({verdict}): {who}")?;
        for wait in &self.waits {
            writeln!(f, "    {wait}")?;
        }
        write!(f, "Fix: take the locks in one order everywhere, or wait with a deadline.")
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Report::Cycle(cycle) => cycle.fmt(f),
            Report::Processes(cycle) => cycle.fmt(f),
            Report::Everyone(waits) => {
                write!(
                    f,
                    "DEADLOCK: all {} threads wait, without a deadline, and nobody is left",
                    waits.len()
                )?;
                waits.iter().try_for_each(|wait| write!(f, "\n    {wait}"))
            }
        }
    }
}
