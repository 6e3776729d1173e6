//! Which of many workers has what in hand since when, and whom somebody asks to stop.
//!
//! A worker takes a *seat* and writes there which task it begins, by its number. Who has the work asks it to stop, or
//! *condemns* it: a worker that is condemned takes no other task, so that who kills it then kills no other. A task
//! that nobody has begun is *recalled*: whoever begins it finds that out.
//!
//! ```text
//! slot 0          how many seats were ever taken | how many recalls there are
//! slots 1..       seats: pid | start | hand | since | why
//! slots 513..     recalls: seven numbers each
//! ```
//!
//! | hand, lower bits | means |
//! |---|---|
//! | 0 | nothing is in hand, and no number stands above |
//! | 1 | it has begun |
//! | 2 | it is asked to stop, `why` says for what reason |
//! | 3 | its worker is condemned |
//!
//! What must stay true: `hand` alone decides. The worker takes a task out of it by one exchange, who condemns it uses
//! one too, and so one of them comes first. A recall is written before the seats are looked at, and a worker looks at
//! the recalls after it has written its seat: one of the two sees the other (both sequentially consistent). A worker
//! that dies leaves a seat that says who had it; it is freed by who knows that this process has ended.

use crate::segment::OpenError;
use crate::slab::{Kind, Place, Slab};
use ropewalk_os::identity::Identity;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};

/// Workers that find a seat, at most.
pub const SEATS: usize = 512;
/// Slots of recalls.
const RECALLS: usize = 64;
const EACH: usize = 7;

const BEGUN: u64 = 1;
const ASKED: u64 = 2;
const CONDEMNED: u64 = 3;
const STATE: u64 = 3;

/// The words of a seat.
const PID: usize = 0;
const START: usize = 1;
const HAND: usize = 2;
const SINCE: usize = 3;
const WHY: usize = 4;

/// Seats and recalls, mapped.
#[derive(Debug)]
pub struct Roster {
    slab: Arc<Slab>,
    places: Box<[Place]>,
}

/// Who has a task in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its seat.
    pub seat: usize,
    /// The worker.
    pub who: Identity,
    /// The task.
    pub task: u64,
    /// When it began, in nanoseconds of the system's clock.
    pub since: u64,
}

impl Roster {
    /// A new one, with all seats free.
    ///
    /// # Errors
    /// As [`Slab::create`].
    pub fn create() -> io::Result<Roster> {
        let slab = Arc::new(Slab::create()?);
        let places =
            (0..1 + SEATS + RECALLS).filter_map(|number| Place::fresh(&slab, number as u32, Kind::Roster));
        Ok(Roster { places: places.collect(), slab })
    }

    /// The one that another process made.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(fd: OwnedFd) -> Result<Roster, OpenError> {
        let slab = Arc::new(Slab::open(fd)?);
        let places = (0..1 + SEATS + RECALLS).map(|number| Place::open(&slab, number as u32, Kind::Roster));
        Ok(Roster { places: places.collect::<Result<_, _>>()?, slab })
    }

    fn word(&self, seat: usize, word: usize) -> &AtomicU64 {
        &self.places[1 + seat].words[word]
    }

    fn seats_used(&self) -> usize {
        (self.places[0].words[0].load(Acquire) as usize).min(SEATS)
    }

    fn recalled(&self) -> &AtomicU64 {
        &self.places[0].words[1]
    }

    fn recalls(&self) -> impl Iterator<Item = &AtomicU64> {
        self.places[1 + SEATS..].iter().flat_map(|place| &place.words[..EACH])
    }

    /// A seat for a worker. `None` if all are taken.
    pub fn sit(self: &Arc<Roster>, who: Identity) -> Option<Seat> {
        let number = (0..SEATS).find(|&seat| {
            self.word(seat, PID).compare_exchange(0, u64::from(who.pid), SeqCst, Relaxed).is_ok()
        })?;
        self.word(number, HAND).store(0, Relaxed);
        self.word(number, START).store(who.start, Release);
        self.places[0].words[0].fetch_max(number as u64 + 1, SeqCst);
        Some(Seat { roster: Arc::clone(self), number })
    }

    /// Frees the seats of this number's processes that have ended.
    pub fn vacate(&self, pid: u32) {
        for seat in 0..self.seats_used() {
            if self.word(seat, PID).load(Relaxed) == u64::from(pid) && !self.who(seat).is_alive() {
                self.word(seat, HAND).store(0, Relaxed);
                self.word(seat, PID).store(0, Release);
            }
        }
    }

    fn who(&self, seat: usize) -> Identity {
        Identity {
            pid: self.word(seat, PID).load(Relaxed) as u32,
            start: self.word(seat, START).load(Acquire),
        }
    }

    fn holder_at(&self, seat: usize) -> Option<Holder> {
        let hand = self.word(seat, HAND).load(SeqCst);
        let since = self.word(seat, SINCE).load(Acquire);
        (hand != 0 && self.word(seat, HAND).load(SeqCst) >> 2 == hand >> 2).then(|| Holder {
            seat,
            who: self.who(seat),
            task: hand >> 2,
            since,
        })
    }

    /// All who have something in hand.
    pub fn holders(&self) -> impl Iterator<Item = Holder> {
        (0..self.seats_used()).filter_map(|seat| self.holder_at(seat))
    }

    /// Who has this task in hand.
    pub fn holder(&self, task: u64) -> Option<Holder> {
        self.holders().find(|holder| holder.task == task)
    }

    /// Asks whoever has a task in hand to stop it. `false` if he has not any more.
    pub fn ask(&self, holder: Holder, why: u8) -> bool {
        self.word(holder.seat, WHY).store(u64::from(why), Relaxed);
        self.exchange(holder, BEGUN, ASKED) || self.exchange(holder, ASKED, ASKED)
    }

    /// Condemns a worker with the task that it has in hand: it will take no other. `false` if he has that no more.
    pub fn condemn(&self, holder: Holder) -> bool {
        self.exchange(holder, BEGUN, CONDEMNED) || self.exchange(holder, ASKED, CONDEMNED)
    }

    fn exchange(&self, holder: Holder, from: u64, to: u64) -> bool {
        let word = self.word(holder.seat, HAND);
        let above = holder.task << 2;
        word.compare_exchange(above | from, above | to, SeqCst, Relaxed).is_ok()
    }

    /// Whoever begins this task is asked to stop it at once. `false` if there is no room for another recall.
    pub fn recall(&self, task: u64, why: u8) -> bool {
        let entry = task << 8 | u64::from(why);
        for word in self.recalls() {
            if word.compare_exchange(0, entry, SeqCst, Relaxed).is_ok() {
                self.recalled().fetch_add(1, SeqCst);
                return true;
            }
        }
        false
    }

    /// This task is done: forgets that it was recalled.
    pub fn forget(&self, task: u64) {
        for word in self.recalls() {
            if word.load(Relaxed) >> 8 == task {
                word.store(0, Relaxed);
                self.recalled().fetch_sub(1, SeqCst);
            }
        }
    }
}

impl AsFd for Roster {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.slab.as_fd()
    }
}

/// A worker's seat. It keeps it until it ends.
#[derive(Debug)]
pub struct Seat {
    roster: Arc<Roster>,
    number: usize,
}

impl Seat {
    /// A task is in hand from now on.
    pub fn begin(&self, task: u64, now: u64) {
        let word = self.roster.word(self.number, HAND);
        self.roster.word(self.number, SINCE).store(now, Relaxed);
        word.store(task << 2 | BEGUN, SeqCst);
        if self.roster.recalled().load(SeqCst) == 0 {
            return;
        }
        let found = self.roster.recalls().map(|entry| entry.load(Relaxed)).find(|entry| entry >> 8 == task);
        if let Some(entry) = found {
            self.roster.word(self.number, WHY).store(entry & 0xff, Relaxed);
            // It may have been asked, or condemned, by now: that stands.
            let _ = word.compare_exchange(task << 2 | BEGUN, task << 2 | ASKED, SeqCst, Relaxed);
        }
    }

    /// Nothing is in hand any more. `false` if this worker is condemned and must take nothing else.
    pub fn end(&self) -> bool {
        self.roster.word(self.number, HAND).swap(0, SeqCst) & STATE != CONDEMNED
    }

    /// Why the task in hand shall be stopped; `None` if it shall not.
    pub fn asked(&self) -> Option<u8> {
        let hand = self.roster.word(self.number, HAND).load(SeqCst);
        (hand & STATE >= ASKED).then(|| self.roster.word(self.number, WHY).load(Acquire) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster() -> (Arc<Roster>, Arc<Roster>, Identity) {
        let mine = Roster::create().expect("memfd");
        let theirs = Roster::open(mine.as_fd().try_clone_to_owned().expect("dup")).expect("a roster");
        (Arc::new(mine), Arc::new(theirs), Identity::current().expect("proc"))
    }

    #[test]
    fn who_has_a_task_in_hand_is_found_until_it_is_done() {
        let (parent, worker, me) = roster();
        let seat = worker.sit(me).expect("free");
        assert_eq!(parent.holder(7), None);
        seat.begin(7, 42);
        assert_eq!(parent.holder(7), Some(Holder { seat: 0, who: me, task: 7, since: 42 }));
        assert!(seat.end());
        assert_eq!(parent.holders().count(), 0);
    }

    #[test]
    fn a_worker_is_asked_for_the_task_that_it_has_and_no_later_one() {
        let (parent, worker, me) = roster();
        let seat = worker.sit(me).expect("free");
        seat.begin(7, 0);
        let holder = parent.holder(7).expect("begun");
        assert!(parent.ask(holder, 2) && parent.ask(holder, 2));
        assert_eq!(seat.asked(), Some(2));
        assert!(seat.end());
        seat.begin(8, 0);
        assert!(!parent.ask(holder, 2) && !parent.condemn(holder));
        assert_eq!(seat.asked(), None);
    }

    #[test]
    fn a_worker_that_is_condemned_takes_nothing_else() {
        let (parent, worker, me) = roster();
        let seat = worker.sit(me).expect("free");
        seat.begin(7, 0);
        let holder = parent.holder(7).expect("begun");
        assert!(parent.ask(holder, 1) && parent.condemn(holder));
        assert!(!parent.condemn(holder));
        assert!(!seat.end());
    }

    #[test]
    fn a_task_that_was_recalled_before_it_began_is_asked_to_stop() {
        let (parent, worker, me) = roster();
        let seat = worker.sit(me).expect("free");
        assert!(parent.recall(7, 2));
        seat.begin(6, 0);
        assert_eq!(seat.asked(), None);
        seat.begin(7, 0);
        assert_eq!(seat.asked(), Some(2));
        parent.forget(7);
        seat.begin(7, 0);
        assert_eq!(seat.asked(), None);
    }

    #[test]
    fn there_is_room_for_hundreds_of_recalls_and_again_when_they_are_forgotten() {
        let (parent, ..) = roster();
        assert!((1..=(RECALLS * EACH) as u64).all(|task| parent.recall(task, 2)));
        assert!(!parent.recall(1000, 2));
        parent.forget(5);
        assert!(parent.recall(1000, 2));
    }

    #[test]
    fn the_seat_of_the_living_is_not_vacated() {
        let (parent, worker, me) = roster();
        let seat = worker.sit(me).expect("free");
        seat.begin(7, 0);
        parent.vacate(me.pid);
        assert!(parent.holder(7).is_some());
        let dead = Identity { start: me.start + 1, ..me };
        let other = worker.sit(dead).expect("free");
        other.begin(8, 0);
        parent.vacate(me.pid);
        assert!(parent.holder(8).is_none() && parent.holder(7).is_some());
        assert_eq!(worker.sit(me).expect("free").number, other.number);
    }

    #[test]
    fn other_memory_is_refused() {
        let slab = Slab::create().expect("memfd");
        let fd = slab.as_fd().try_clone_to_owned().expect("dup");
        assert!(matches!(Roster::open(fd), Err(OpenError::Corrupt)));
    }
}
