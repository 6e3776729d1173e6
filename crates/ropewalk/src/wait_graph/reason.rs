//! What a thread is about to wait for, and who could end that wait.

use super::crew::Crew;
use crate::primitive::AtomicU64;
use std::fmt;

/// What kind of thing is waited for.
///
/// ```
/// assert_eq!(ropewalk::wait_graph::Kind::ReentrantLock.to_string(), "reentrant lock");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A plain lock: any thread may release it.
    Lock,
    /// A lock that only its owner can release.
    ReentrantLock,
    /// A value that only the holder of its guard can give back.
    Mutex,
    /// A condition's notification.
    Condition,
    /// A semaphore's permit.
    Semaphore,
    /// An event to be set.
    Event,
    /// The other parties of a barrier.
    Barrier,
    /// An item to come.
    QueueGet,
    /// Room for an item.
    QueuePut,
    /// All items to be done.
    QueueJoin,
    /// A result.
    Future,
    /// A thread's end.
    Join,
    /// A task for an idle worker of a pool.
    Work,
    /// The end of a process.
    Process,
}

/// Kinds in the order of their numbers on boards, which other processes read: from one on.
const NUMBERED: [Kind; 14] = [
    Kind::Lock,
    Kind::ReentrantLock,
    Kind::Mutex,
    Kind::Condition,
    Kind::Semaphore,
    Kind::Event,
    Kind::Barrier,
    Kind::QueueGet,
    Kind::QueuePut,
    Kind::QueueJoin,
    Kind::Future,
    Kind::Join,
    Kind::Work,
    Kind::Process,
];

impl Kind {
    /// Whether only the owner, if there is one, can end such a wait.
    pub(super) fn is_certain(self) -> bool {
        matches!(self, Kind::ReentrantLock | Kind::Mutex | Kind::Future | Kind::Join | Kind::Process)
    }

    /// Its number on a board.
    pub(super) fn number(self) -> u32 {
        NUMBERED.iter().position(|kind| *kind == self).map_or(0, |place| place as u32 + 1)
    }

    /// The kind that has a number; what nobody knows is a kind whose waits anybody could end.
    pub(super) fn from_number(number: u32) -> Kind {
        *NUMBERED.get((number as usize).wrapping_sub(1)).unwrap_or(&Kind::Work)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Lock => "lock",
            Kind::ReentrantLock => "reentrant lock",
            Kind::Mutex => "mutex",
            Kind::Condition => "condition",
            Kind::Semaphore => "semaphore",
            Kind::Event => "event",
            Kind::Barrier => "barrier",
            Kind::QueueGet => "item of queue",
            Kind::QueuePut => "room in queue",
            Kind::QueueJoin => "end of queue",
            Kind::Future => "future",
            Kind::Join => "end of thread",
            Kind::Work => "work for pool",
            Kind::Process => "end of process",
        })
    }
}

/// Who could end a wait.
#[derive(Clone, Copy, Debug)]
pub(super) enum Helper<'a> {
    /// Nobody in particular.
    Anyone,
    /// The thread named in the word; nobody in particular while it is zero.
    Owner(&'a AtomicU64),
    /// Anyone, until a notifier has moved the sleeper to the line of a lock; then that lock's owner.
    Notifier { kind: Kind, address: usize, owner: &'a AtomicU64 },
    /// The thread that runs the task, or while it is not running, any worker of the pool.
    Runner { runner: &'a AtomicU64, crew: &'a Crew },
}

/// What a thread is about to wait for.
///
/// ```
/// use ropewalk::wait_graph::{Kind, Reason};
/// let door = 7;
/// let reason = Reason::new(Kind::Event, &door);
/// assert_eq!((reason.kind, reason.address), (Kind::Event, std::ptr::from_ref(&door).addr()));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Reason<'a> {
    /// The kind of thing.
    pub kind: Kind,
    /// Its address, which names it in reports.
    pub address: usize,
    pub(super) helper: Helper<'a>,
}

impl<'a> Reason<'a> {
    /// Waits for `thing`, which anybody may provide.
    ///
    /// ```
    /// use ropewalk::wait_graph::{Kind, Reason};
    /// let door = 7;
    /// assert_eq!(Reason::new(Kind::Event, &door).kind, Kind::Event);
    /// ```
    pub fn new<T>(kind: Kind, thing: &'a T) -> Reason<'a> {
        Reason { kind, address: address(thing), helper: Helper::Anyone }
    }

    /// Waits for `thing`, which the thread named in `owner` holds.
    ///
    /// The name is written by that thread after it has taken the thing, and wiped before it gives it up.
    pub(crate) fn owned<T>(kind: Kind, thing: &'a T, owner: &'a AtomicU64) -> Reason<'a> {
        Reason { kind, address: address(thing), helper: Helper::Owner(owner) }
    }

    /// Waits for the notification `thing`, and after it for `lock`, of `kind`.
    pub(crate) fn notice<T, L>(thing: &'a T, kind: Kind, lock: &'a L, owner: &'a AtomicU64) -> Reason<'a> {
        let helper = Helper::Notifier { kind, address: address(lock), owner };
        Reason { kind: Kind::Condition, address: address(thing), helper }
    }

    /// Waits for the result `thing` of a task that `crew` has in its line, or that `runner` is running.
    pub(crate) fn task<T>(thing: &'a T, runner: &'a AtomicU64, crew: &'a Crew) -> Reason<'a> {
        Reason { kind: Kind::Future, address: address(thing), helper: Helper::Runner { runner, crew } }
    }
}

fn address<T>(thing: &T) -> usize {
    std::ptr::from_ref(thing).addr()
}
