//! The looks at tasks that are with the workers: whose time is over, whose memory is beyond the limit.
//!
//! Nobody tells when a worker begins a task; it writes that on the [`Roster`]. A task is looked at when its time would be
//! over had it begun at once. If it has begun later, the look is put off until its time is over; if it has not begun at
//! all, by its whole time: it can not end sooner. So no look comes late, and there are few that come in vain.
//!
//! The host of the crew looks, between two answers; it sleeps no longer than until the next look. Who posts a task whose
//! look comes sooner wakes it.
//!
//! What must stay true: a worker is killed only when it was condemned with the very task that is to end, and a worker
//! that is condemned takes no other (see [`Roster`]). So no task dies for another one.

use super::Crew;
use super::limit::Why;
use super::posted::{Posted, Table};
use super::reading::Reading;
use crate::primitive::{Arc, AtomicU64, Ordering};
use ropewalk_os::{Deadline, clock, signal, unshared_memory};
use ropewalk_shm::roster::{Holder, Roster};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;
use std::time::Duration;

/// How often the memory of workers that have tasks in hand is looked at.
const MEMORY_LOOK: Duration = Duration::from_millis(100);
/// When it is tried again to recall a task, of which too many are recalled.
const AGAIN: u64 = 10_000_000;
const NEVER: u64 = u64::MAX;

#[derive(Debug)]
pub(super) struct Overtime {
    roster: OnceLock<Arc<Roster>>,
    /// The next look, or `NEVER`.
    next: AtomicU64,
    /// Until when the host sleeps; 0 while it does not.
    asleep: AtomicU64,
    /// Bytes that a worker may have; 0: no limit.
    memory: AtomicU64,
}

impl Default for Overtime {
    fn default() -> Overtime {
        Overtime {
            roster: OnceLock::new(),
            next: AtomicU64::new(NEVER),
            asleep: AtomicU64::new(0),
            memory: AtomicU64::new(0),
        }
    }
}

impl Overtime {
    /// A task has been posted.
    pub(super) fn posted<T>(
        &self,
        table: &mut Table<T>,
        id: u64,
        reading: &Reading<T>,
        look_up: impl FnOnce(),
    ) {
        if self.roster.get().is_none() {
            return;
        }
        let mut dues = false;
        if let Some(posted) = table.get(id)
            && let Some(time) = posted.limit.time
        {
            let due = later(posted.since, time);
            table.set_due(id, due);
            dues = due.is_some();
        }
        if self.memory.load(Ordering::Relaxed) > 0 && !table.looks_at_all() {
            table.set_due(0, later(clock::now(), MEMORY_LOOK));
            dues = true;
        }
        if dues {
            self.changed(table, reading, look_up);
        }
    }

    /// The next look may come sooner than the host knows.
    pub(super) fn changed<T>(&self, table: &Table<T>, reading: &Reading<T>, look_up: impl FnOnce()) {
        let next = table.first_due().map_or(NEVER, |(when, _)| when);
        self.next.store(next, Ordering::SeqCst);
        if next < self.asleep.load(Ordering::SeqCst) {
            self.asleep.store(next, Ordering::SeqCst);
            look_up();
        } else if next != NEVER {
            reading.call();
        }
    }

    /// Whether there is anything to look at.
    pub(super) fn is_looking(&self) -> bool {
        self.next.load(Ordering::SeqCst) != NEVER
    }

    /// The host sleeps no more.
    pub(super) fn awake(&self) {
        self.asleep.store(0, Ordering::Relaxed);
    }

    /// Asks for a task to be stopped. `false` if that can not be asked.
    pub(super) fn stop<T>(&self, table: &mut Table<T>, id: u64, why: Why) -> bool {
        let (Some(roster), Some(posted)) = (self.roster.get(), table.get(id)) else { return false };
        if posted.asked.is_some() {
            return true;
        }
        posted.asked = Some(why);
        let due = tell(roster, posted, id, why, clock::now());
        table.set_due(id, due);
        true
    }

    /// A task that was recalled is done.
    pub(super) fn forget(&self, id: u64) {
        if let Some(roster) = self.roster.get() {
            roster.forget(id);
        }
    }

    /// A process has ended.
    pub(super) fn gone(&self, pid: u32) {
        if let Some(roster) = self.roster.get() {
            roster.vacate(pid);
        }
    }

    fn look<T>(&self, roster: &Roster, table: &mut Table<T>, id: u64, now: u64) {
        if id == 0 {
            return self.look_at_memory(roster, table, now);
        }
        let holder = roster.holder(id);
        let Some(posted) = table.get(id) else { return };
        let due = match (posted.asked, holder) {
            (None, None) => {
                later(now, posted.limit.time.unwrap_or_default().max(Duration::from_nanos(AGAIN)))
            }
            (None, Some(holder)) => match later(holder.since, posted.limit.time.unwrap_or_default()) {
                Some(end) if end > now => Some(end),
                _ => {
                    posted.told = ask(roster, holder, Why::Timeout);
                    posted.asked = posted.told.then_some(Why::Timeout);
                    posted.asked.and_then(|_| later(now, posted.limit.grace))
                }
            },
            (Some(why), _) if !posted.told => tell(roster, posted, id, why, now),
            (Some(_), None) => later(now, posted.limit.grace.max(Duration::from_nanos(AGAIN))),
            (Some(why), Some(holder)) => match later(holder.since, posted.limit.grace) {
                Some(end) if end > now => Some(end), // it was begun after it was asked
                _ => {
                    posted.condemned = condemn(roster, holder).then_some(why);
                    None
                }
            },
        };
        table.set_due(id, due);
    }

    fn look_at_memory<T>(&self, roster: &Roster, table: &mut Table<T>, now: u64) {
        let limit = self.memory.load(Ordering::Relaxed);
        for holder in roster.holders() {
            let beyond = unshared_memory::bytes_of(holder.who.pid).is_some_and(|own| own > limit);
            if beyond
                && let Some(posted) = table.get(holder.task)
                && condemn(roster, holder)
            {
                posted.condemned = Some(Why::Memory);
            }
        }
        table.set_due(0, if table.len() > 0 { later(now, MEMORY_LOOK) } else { None });
    }
}

fn later(moment: u64, by: Duration) -> Option<u64> {
    u64::try_from(by.as_nanos()).ok().and_then(|by| moment.checked_add(by))
}

/// Says to a worker that a task shall stop, now or when it begins it; the next look.
fn tell<T>(roster: &Roster, posted: &mut Posted<T>, id: u64, why: Why, now: u64) -> Option<u64> {
    // First, so that one who begins it now and is not seen sees this.
    posted.told = roster.recall(id, why as u8);
    if let Some(holder) = roster.holder(id) {
        posted.told = true;
        ask(roster, holder, why);
    }
    if posted.told { later(now, posted.limit.grace) } else { now.checked_add(AGAIN) }
}

fn ask(roster: &Roster, holder: Holder, why: Why) -> bool {
    // If it can not be sent, the grace is waited for.
    roster.ask(holder, why as u8) && signal::send(holder.who, signal::ask()).is_ok()
}

fn condemn(roster: &Roster, holder: Holder) -> bool {
    roster.condemn(holder) && signal::send(holder.who, signal::KILL).is_ok()
}

impl<T> Crew<T> {
    /// From now on the crew looks after tasks that have limits, and can ask for tasks to be stopped. Workers take their
    /// seats on this roster ([`Worker::sit`](super::Worker::sit)); tasks of those that do not have no limits.
    ///
    /// # Errors
    /// No descriptors or no memory left.
    ///
    /// ```
    /// let crew = ropewalk::process::Crew::<u32>::new()?;
    /// let roster = crew.look_after()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn look_after(&self) -> io::Result<BorrowedFd<'_>> {
        if self.overtime.roster.get().is_none() {
            let _ = self.overtime.roster.set(Arc::new(Roster::create()?));
        }
        self.overtime.roster.get().map(|roster| roster.as_fd()).ok_or_else(|| io::ErrorKind::Other.into())
    }

    /// A worker that has more than so many bytes of its own while it does a task is killed: see [`Why::Memory`]. 0: none is.
    ///
    /// ```
    /// ropewalk::process::Crew::<u32>::new()?.set_memory_limit(1 << 30);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_memory_limit(&self, bytes: u64) {
        self.overtime.memory.store(bytes, Ordering::Relaxed);
    }

    /// Looks at what is due, for the host, which is about to wait until `deadline`; until when it may.
    pub(super) fn look_at_posted(&self, deadline: Deadline) -> Deadline {
        let it = &self.overtime;
        if deadline.is_now() {
            return deadline;
        }
        // Before the look: who posts now sees a host that sleeps for ever.
        it.asleep.store(NEVER, Ordering::SeqCst);
        if !it.is_looking() {
            return deadline;
        }
        let Some(roster) = it.roster.get() else { return deadline };
        let mut inside = self.inside.lock();
        let now = clock::now();
        while let Some((when, id)) = inside.posted.first_due()
            && when <= now
        {
            it.look(roster, &mut inside.posted, id, now);
        }
        let next = inside.posted.first_due().map_or(NEVER, |(when, _)| when);
        it.next.store(next, Ordering::SeqCst);
        it.asleep.store(next, Ordering::SeqCst);
        if next == NEVER {
            deadline
        } else {
            Deadline::after(Duration::from_nanos(next - now)).earlier(deadline)
        }
    }
}
