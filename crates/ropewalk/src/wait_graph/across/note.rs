//! One wait on something that processes share: posted once it has lasted a while, looked around from now and then.

use super::report::ProcessCycle;
use super::search::{self, Found};
use crate::host;
use crate::per_process::PerProcess;
use crate::wait_graph::registry::registry;
use crate::wait_graph::{Kind, Mode, Report, hesitation, mode};
use ropewalk_os::thread;
use ropewalk_os::{Deadline, clock, descriptors, fork};
use ropewalk_shm::board::{Board, Entry, Posting};
use std::os::fd::BorrowedFd;
use std::sync::OnceLock;

/// The thread is the first of its process, the one that a process ends with.
pub(super) const FIRST: u32 = 1;
/// The wait would fail if it were found to be in vain.
pub(super) const FAILS: u32 = 2;
/// Its thread looks around now and then.
pub(super) const LOOKS: u32 = 4;
/// From this bit on: how many threads its process has that could wake others.
pub(super) const THREADS: u32 = 16;

/// What a thread has slept about when it first looks up.
const STEP: u64 = 10_000_000;

/// When a wait looks around for the first time, in nanoseconds; then when twice the time has passed, at most
/// [`RAREST`] later.
const FIRST_LOOK: u64 = 100_000_000;
const RAREST: u64 = 5_000_000_000;
/// When it asks for the first time whether anybody is left. That may look into every process: then four times later.
const FIRST_CALL: u64 = 1_500_000_000;

static BOARD: PerProcess<OnceLock<Option<Board>>> = PerProcess::new(OnceLock::new);

/// This process's board, if it has begun one.
pub(super) fn board() -> Option<&'static Board> {
    BOARD.get().get()?.as_ref()
}

/// One wait of the calling thread. It is over when this is dropped. Nothing is done for one that is short.
pub(crate) struct Note<'a> {
    kind: Kind,
    fails: bool,
    memory: Option<BorrowedFd<'a>>,
    number: u64,
    deadline: Deadline,
    begun: Option<Box<Begun>>,
    has_told: bool,
}

/// What there is of a wait that has lasted a while.
struct Begun {
    since: u64,
    flags: u32,
    /// None while the mode is off, or if there was no room.
    standing: Option<Standing>,
    /// How long it must have lasted for the next look, and for the next call.
    look: u64,
    call: u64,
}

struct Standing {
    entry: &'static Entry,
    number: usize,
    /// A child that is forked meanwhile has the entry too, and must not touch it.
    epoch: u32,
}

impl Standing {
    fn is_mine(&self) -> bool {
        self.epoch == fork::epoch()
    }
}

impl<'a> Note<'a> {
    /// A wait for the object that has this number in a memory, until a deadline.
    #[inline]
    pub(crate) fn new(kind: Kind, memory: BorrowedFd<'a>, number: u32, deadline: Deadline) -> Note<'a> {
        let (memory, number) = (Some(memory), u64::from(number));
        Note { kind, fails: false, memory, number, deadline, begun: None, has_told: false }
    }

    /// A wait for the end of a process.
    pub(super) fn of_process(pid: u32) -> Note<'static> {
        let (kind, number, deadline) = (Kind::Process, u64::from(pid), Deadline::NEVER);
        Note { kind, fails: true, memory: None, number, deadline, begun: None, has_told: false }
    }

    /// The wait may fail.
    #[inline]
    pub(crate) fn failing(mut self) -> Note<'a> {
        self.fails = true;
        self
    }

    /// Until [`Note::stand`] the wait does not count: foreign code will run.
    pub(crate) fn stand_aside(&mut self) {
        if let Some(standing) = self.standing() {
            standing.entry.withdraw();
        }
    }

    /// The thread will sleep on. The first time this writes down who and where it is.
    pub(crate) fn stand(&mut self) {
        match self.standing() {
            Some(standing) => standing.entry.stand_again(),
            None if mode() == Mode::Off => {}
            None => self.post(),
        }
    }

    fn standing(&self) -> Option<&Standing> {
        self.begun.as_ref()?.standing.as_ref().filter(|standing| standing.is_mine())
    }

    fn post(&mut self) {
        let raises = self.fails && mode() == Mode::Raise;
        let begun = self.begun.get_or_insert_with(|| {
            let slept = if self.memory.is_some() { STEP } else { 0 };
            let since = clock::now().saturating_sub(slept);
            let flags = if raises { FAILS | LOOKS } else { LOOKS };
            Box::new(Begun { since, flags, standing: None, look: FIRST_LOOK, call: FIRST_CALL })
        });
        let (since, flags) = (begun.since, begun.flags);
        let Some(posting) = self.posting(since, flags) else { return };
        let Some(board) = BOARD.get().get_or_init(|| Board::create().ok()) else { return };
        let Some((number, entry)) = board.take() else { return };
        entry.post(&posting);
        if let Some(begun) = &mut self.begun {
            begun.standing = Some(Standing { entry, number, epoch: fork::epoch() });
        }
    }

    fn posting(&self, since: u64, flags: u32) -> Option<Posting> {
        let threads = host::get().threads().min(0xffff) as u32;
        let first = if thread::is_first() { FIRST } else { 0 };
        Some(Posting {
            kind: self.kind.number(),
            flags: flags | first | threads << THREADS,
            thread: thread::current().0,
            memory: self.memory.as_ref().map_or(Ok(0), descriptors::number).ok()?,
            number: self.number,
            since,
            until: self.deadline.nanos().unwrap_or(u64::MAX),
            text: host::get().standing(),
        })
    }

    /// The thread will sleep where nobody can call it: it neither looks around nor fails from now on.
    pub(super) fn leave_it_at_that(&mut self) {
        let posting = self.begun.as_ref().and_then(|begun| self.posting(begun.since, 0));
        if let (Some(standing), Some(posting)) = (self.standing(), posting) {
            standing.entry.post(&posting);
        }
    }

    /// Looks around, if it is time: the circle with which the wait must fail.
    pub(crate) fn look_around(&mut self) -> Option<Box<ProcessCycle>> {
        let begun = self.begun.as_mut().filter(|_| self.deadline.is_never())?;
        let lasted = clock::now().saturating_sub(begun.since);
        if lasted < begun.look {
            return None;
        }
        begun.look = lasted + lasted.min(RAREST);
        self.look_now(lasted)
    }

    /// Whether it has reported something since this was last asked: meanwhile signals may have come.
    pub(super) fn has_told(&mut self) -> bool {
        std::mem::take(&mut self.has_told)
    }

    pub(super) fn look_now(&mut self, lasted: u64) -> Option<Box<ProcessCycle>> {
        let (pid, number) = (std::process::id(), self.standing()?.number);
        match search::circle(pid, number) {
            Some(circle) if circle.judge == (pid, number) => return self.judge(circle, lasted),
            Some(_) => return None,
            None => {}
        }
        let queue = matches!(self.kind, Kind::QueueGet | Kind::QueuePut | Kind::QueueJoin);
        let begun = self.begun.as_mut().filter(|begun| queue && lasted >= begun.call)?;
        begun.call = lasted * 4;
        self.ask_who_is_left(pid, number);
        None
    }

    fn judge(&mut self, circle: Found, lasted: u64) -> Option<Box<ProcessCycle>> {
        if circle.fails {
            return Some(Box::new(circle.cycle));
        }
        if circle.cycle.is_certain() || u128::from(lasted) >= hesitation().as_nanos() {
            self.report(&circle);
        }
        None
    }

    fn ask_who_is_left(&mut self, pid: u32, number: usize) {
        let Some(found) = search::nobody_left(pid, number).filter(|found| found.judge == (pid, number))
        else {
            return;
        };
        let mine = found.cycle.waits.iter().filter(|wait| wait.pid == pid).map(|wait| wait.thread);
        let mine: Vec<_> = mine.collect();
        self.stand_aside();
        let everyone = host::get().is_everyone(&mine);
        self.stand();
        if everyone {
            self.report(&found);
        }
    }

    /// Once for the same waits. The thread is on no board meanwhile, for foreign code runs.
    fn report(&mut self, found: &Found) {
        if registry().lock().remember(found.key) {
            self.stand_aside();
            host::get().report(&Report::Processes(&found.cycle));
            self.has_told = true;
            self.stand();
        }
    }
}

impl Drop for Note<'_> {
    fn drop(&mut self) {
        if let Some(standing) = self.standing() {
            standing.entry.leave();
        }
    }
}
