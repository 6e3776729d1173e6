//! From one wait along its holders, through as many processes as need be: does it lead back?
//!
//! A lock has one holder, and a process that is joined ends with its first thread: so the way has no forks. A queue may be
//! filled by whoever has it; there everybody must be asleep that can be reached.

use super::note::{FAILS, FIRST, LOOKS, THREADS};
use super::peek::{Peek, who_has};
use super::report::{Holder, ProcessCycle, ProcessWait};
use crate::wait_graph::Kind;
use ropewalk_os::identity::Identity;
use ropewalk_os::thread::ThreadId;
use ropewalk_shm::board::Posting;
use ropewalk_shm::sync::owner::Owner;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;

/// Longer circles are not followed, nor groups of more processes.
const LONGEST: usize = 1000;

/// What a search has found.
pub(super) struct Found {
    pub(super) cycle: ProcessCycle,
    /// Process and number of the entry whose thread is to do something about it.
    pub(super) judge: (u32, usize),
    /// Whether that wait fails.
    pub(super) fails: bool,
    /// The same for the same waits.
    pub(super) key: u64,
}

/// One wait on the way.
#[derive(Clone, Debug, PartialEq)]
struct Stop {
    pid: u32,
    number: usize,
    turn: u64,
    posting: Posting,
}

/// Who could end a wait.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Helper {
    Thread(Owner, ThreadId),
    First(u32),
}

impl Stop {
    fn kind(&self) -> Kind {
        Kind::from_number(self.posting.kind)
    }

    fn is_timed(&self) -> bool {
        self.posting.until != u64::MAX
    }

    fn helper(&self, peek: &mut Peek) -> Option<Helper> {
        match self.kind() {
            Kind::Lock | Kind::ReentrantLock => {
                let (owner, thread) = peek.lock(self.pid, self.posting.memory, self.posting.number)?;
                Some(Helper::Thread(owner, thread?))
            }
            Kind::Process => Some(Helper::First(u32::try_from(self.posting.number).ok()?)),
            _ => None,
        }
    }

    fn describe(&self, peek: &mut Peek) -> ProcessWait {
        ProcessWait::of(self.pid, &self.posting, holder(peek, self))
    }
}

fn stops(peek: &mut Peek, pid: u32) -> Vec<Stop> {
    let standing = peek.standing(pid).into_iter();
    standing.map(|(number, turn, posting)| Stop { pid, number, turn, posting }).collect()
}

/// The wait in which a helper stands.
fn wait_of(peek: &mut Peek, helper: Helper) -> Option<Stop> {
    let pid = match helper {
        Helper::Thread(owner, _) => {
            let board = peek.board(owner.pid())?;
            if Owner::of(board.owner()) != owner {
                return None; // another process has its number now
            }
            owner.pid()
        }
        Helper::First(pid) => pid,
    };
    stops(peek, pid).into_iter().find(|stop| match helper {
        Helper::Thread(_, thread) => stop.posting.thread == thread.0,
        Helper::First(_) => stop.posting.flags & FIRST != 0,
    })
}

fn holder(peek: &mut Peek, stop: &Stop) -> Option<Holder> {
    match stop.kind() {
        Kind::Lock | Kind::ReentrantLock => {
            let (owner, thread) = peek.lock(stop.pid, stop.posting.memory, stop.posting.number)?;
            Some(Holder { pid: owner.pid(), thread, lives: !owner.is_dead() })
        }
        Kind::Process => {
            let pid = u32::try_from(stop.posting.number).ok()?;
            let lives = Identity::of(pid).is_ok_and(Identity::is_alive);
            Some(Holder { pid, thread: None, lives })
        }
        _ => None,
    }
}

/// The circle in which this entry of a process stands, if all of it was true at one moment.
pub(super) fn circle(pid: u32, number: usize) -> Option<Found> {
    let mut peek = Peek::default();
    let start = stops(&mut peek, pid).into_iter().find(|stop| stop.number == number)?;
    circle_from(&mut peek, start)
}

fn circle_from(peek: &mut Peek, start: Stop) -> Option<Found> {
    let mut helpers = Vec::new();
    let mut way = vec![start];
    loop {
        let last = &way[way.len() - 1];
        if last.is_timed() || way.len() > LONGEST {
            return None;
        }
        let helper = last.helper(peek)?;
        helpers.push(helper);
        let next = wait_of(peek, helper)?;
        if next == way[0] {
            break;
        }
        if way.iter().any(|stop| (stop.pid, stop.number) == (next.pid, next.number)) {
            return None; // a circle of others, or one that changes
        }
        way.push(next);
    }
    // Once more, the locks before the entries: what stands in between was true at once.
    if way.iter().zip(helpers).any(|(stop, helper)| stop.helper(peek) != Some(helper)) {
        return None;
    }
    if way.iter().any(|stop| !peek.is_still(stop.pid, stop.number, stop.turn)) {
        return None;
    }
    let certain = way.iter().all(|stop| stop.kind().is_certain());
    found(peek, &way, certain, true)
}

/// Everybody who could end this wait for a queue, if they all wait without a deadline.
pub(super) fn nobody_left(pid: u32, number: usize) -> Option<Found> {
    let mut peek = Peek::default();
    let start = stops(&mut peek, pid).into_iter().find(|stop| stop.number == number)?;
    group_of(&mut peek, &start, None)
}

/// But for one process, which only looks.
fn group_of(peek: &mut Peek, start: &Stop, but: Option<u32>) -> Option<Found> {
    let mut group = vec![start.pid];
    let mut asked: Vec<u64> = Vec::new();
    let mut way: Vec<Stop> = Vec::new();
    let mut next = 0;
    while next < group.len() {
        let here = stops(peek, group[next]);
        let threads = here.iter().map(|stop| stop.posting.flags >> THREADS).max()?;
        if threads == 0 || here.len() < threads as usize || here.iter().any(Stop::is_timed) {
            return None;
        }
        for stop in &here {
            let memory = stop.posting.memory;
            let others = match stop.kind() {
                Kind::Process => vec![u32::try_from(stop.posting.number).ok()?],
                _ if asked.contains(&memory) => Vec::new(),
                _ => who_has(memory, group[next])?,
            };
            asked.push(memory);
            for other in others {
                if Some(other) != but && !group.contains(&other) {
                    group.push(other);
                }
            }
        }
        if group.len() > LONGEST {
            return None;
        }
        way.extend(here);
        next += 1;
    }
    let unchanged = way.iter().all(|stop| peek.is_still(stop.pid, stop.number, stop.turn));
    if unchanged { found(peek, &way, false, false) } else { None }
}

/// Who is to do something: the wait that began last, of those that can.
fn found(peek: &mut Peek, way: &[Stop], certain: bool, closed: bool) -> Option<Found> {
    let is_queue = |stop: &&Stop| matches!(stop.kind(), Kind::QueueGet | Kind::QueuePut | Kind::QueueJoin);
    let last = |flag: u32| {
        let can = way.iter().filter(|stop| stop.posting.flags & flag != 0);
        let can = can.filter(|stop| closed || is_queue(stop));
        can.max_by_key(|stop| (stop.posting.since, stop.pid, stop.number))
    };
    let failing = if certain { last(FAILS) } else { None };
    let judge = failing.or_else(|| last(LOOKS));
    let mut hasher = DefaultHasher::new();
    let mut marks: Vec<_> = way.iter().map(|stop| (stop.pid, stop.number, stop.posting.since)).collect();
    marks.sort_unstable();
    marks.hash(&mut hasher);
    let waits = way.iter().map(|stop| stop.describe(peek)).collect();
    Some(Found {
        cycle: ProcessCycle { certain, closed, waits },
        judge: judge.map_or((0, 0), |stop| (stop.pid, stop.number)),
        fails: failing.is_some(),
        key: hasher.finish(),
    })
}

/// Every wait of a process on something that processes share, that has lasted for more than a moment (10 ms).
///
/// # Errors
/// If there is no such process, or none that this user may look into.
///
/// ```
/// use ropewalk::{Deadline, Plain, process::Event, wait_graph::{Kind, process_waits}};
/// let event = Event::new()?;
/// std::thread::scope(|scope| {
///     scope.spawn(|| event.wait(&mut Plain, Deadline::NEVER));
///     let me = std::process::id();
///     while process_waits(me).unwrap().is_empty() {
///         std::thread::yield_now();
///     }
///     assert_eq!(process_waits(me).unwrap()[0].kind, Kind::Event);
///     event.set();
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn process_waits(pid: u32) -> io::Result<Vec<ProcessWait>> {
    ropewalk_os::descriptors::memories(pid, "ropewalk")?;
    let mut peek = Peek::default();
    let mut found = stops(&mut peek, pid);
    found.sort_by_key(|stop| (stop.posting.thread, stop.posting.since));
    Ok(found.iter().map(|stop| stop.describe(&mut peek)).collect())
}

/// The circles in which threads of these processes stand, each once, and the groups that wait for a queue with nobody
/// left to go on.
///
/// # Errors
/// If none of the processes can be looked into.
///
/// ```
/// use ropewalk::wait_graph::process_cycles;
/// assert!(process_cycles(&[std::process::id()])?.is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn process_cycles(pids: &[u32]) -> io::Result<Vec<ProcessCycle>> {
    let mut found: Vec<Found> = Vec::new();
    let mut failed = None;
    let but = Some(std::process::id()).filter(|me| !pids.contains(me));
    for &pid in pids {
        if let Err(error) = ropewalk_os::descriptors::memories(pid, "ropewalk") {
            failed = Some(error);
            continue;
        }
        let mut peek = Peek::default();
        for stop in stops(&mut peek, pid) {
            let queue = matches!(stop.kind(), Kind::QueueGet | Kind::QueuePut | Kind::QueueJoin);
            let new = match circle_from(&mut peek, stop.clone()) {
                None if queue => group_of(&mut peek, &stop, but),
                circle => circle,
            };
            found.extend(new.filter(|new| found.iter().all(|old| old.key != new.key)));
        }
    }
    match failed {
        Some(error) if found.is_empty() && pids.len() == 1 => Err(error),
        _ => Ok(found.into_iter().map(|found| found.cycle).collect()),
    }
}
