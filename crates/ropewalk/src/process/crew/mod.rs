//! Tasks for a crew of worker processes, and what comes back, whichever of them is killed.
//!
//! The process that has the work makes a [`Crew`]; each worker process opens both queues of it as a [`Worker`]. Tasks
//! wait in line in the first process, where they can be withdrawn; only as many as the workers need for the next moment
//! are in the shared queue ([`window`]). A task is a record of bytes and a *ticket*, anything by which the first process
//! knows whose task it is. The ticket never leaves.
//!
//! | file | what it is |
//! |---|---|
//! | `answers` | what came back |
//! | `kept` | the bytes of a task in line |
//! | `line` | the tasks that wait, the first in line first |
//! | `limit` | what a task may take, and tasks that are asked to stop |
//! | `posted` | the tasks that are with the workers, and when to look at which |
//! | `overtime` | the looks: whose time is over, whose memory is beyond the limit |
//! | `room` | a line that is full: who submits waits |
//! | `posting` | tasks on their way from the line to the shared queue |
//! | `window` | how many tasks the shared queue should hold |
//! | `reading` | who reads the answers: a thread for all, or the one that waits |
//! | `record` | how tasks and answers are written |
//! | `worker` | the end of a worker |
//!
//! What must stay true: a ticket comes out exactly once, as the answer of a worker, by [`Crew::withdraw`], or by
//! [`Crew::fell`] when its worker died. A worker dies with at most one task in hand, the shared memory says which, and
//! what it had answered before stands in the queue before the news of its death, if that is sent there
//! ([`Crew::notify`]) by who saw it.

mod answers;
mod kept;
mod limit;
mod line;
mod overtime;
mod posted;
mod posting;
mod reading;
mod record;
mod room;
mod window;
mod worker;

pub use answers::Arrival;
pub use limit::{Limit, Stopping, Terms, Why};
pub use room::EnlistError;
pub use worker::{TakeError, Task, Worker};

use super::flight::{Flight, Record};
use super::{Fault, Identity, Loan, Options, PushError, Queue};
use crate::primitive::Mutex;
use line::{Line, Waiting};
use overtime::Overtime;
use posted::{Posted, Table};
use reading::Reading;
use room::Room;
use ropewalk_os::clock;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;
use window::Window;

/// The work of a crew, in the process that has it.
///
/// ```
/// use ropewalk::process::{Arrival, Crew, Handed, Worker};
/// use ropewalk::{Deadline, Plain};
///
/// let crew = Crew::new()?;
/// crew.set_workers(1);
/// crew.enlist("the ticket", 0, b"task").unwrap();
/// crew.post(|_ticket| Handed::Go, &mut Plain).unwrap();
///
/// // As another process would:
/// let mut worker = Worker::open(&crew.tasks().place(), &crew.answers().place()).unwrap();
/// let task = worker.take(&mut Plain, Deadline::NEVER).unwrap();
/// assert_eq!(worker.body(), b"task");
/// worker.answer(&task, 1, b"done", &[], &mut Plain, Deadline::NEVER).unwrap();
///
/// let arrival = crew.next(&mut Plain, Deadline::NEVER).unwrap();
/// let Arrival::Answer { ticket, kind, body, .. } = arrival else { panic!() };
/// assert_eq!((ticket, kind, &body[..]), ("the ticket", 1, &b"done"[..]));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Crew<T> {
    tasks: Queue,
    answers: Queue,
    /// Missing if there was no memory for it: then less is known of the dead.
    flight: Option<Flight>,
    inside: Mutex<Inside<T>>,
    reading: Reading<T>,
    overtime: Overtime,
    room: Room,
}

#[derive(Debug)]
struct Inside<T> {
    line: Line<T>,
    /// Tasks in the shared queue or in a worker's hand.
    posted: Table<T>,
    /// Tasks between the line and the queue, while their tickets are asked.
    moving: usize,
    /// Whether a thread is moving tasks: one at a time, so that they stay in their order.
    posting: bool,
    /// Nothing is in the queue, and still it has no room for the first in line: workers hold its memory.
    stuck: bool,
    window: Window,
    /// Records that dead processes had in hand, about which nobody has asked yet.
    fallen: Vec<(Identity, u64)>,
    next: u64,
    closed: bool,
}

/// What the owner of a ticket says when its task is about to be handed to the workers.
///
/// ```
/// use ropewalk::Plain;
/// use ropewalk::process::{Crew, Handed};
/// let crew = Crew::new()?;
/// crew.enlist("wanted", 0, b"task").unwrap();
/// crew.enlist("not wanted any more", 0, b"task").unwrap();
/// crew.post(|ticket| if *ticket == "wanted" { Handed::Go } else { Handed::Drop }, &mut Plain).unwrap();
/// assert_eq!(crew.unfinished(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handed {
    /// Hand it over.
    Go,
    /// It was withdrawn meanwhile: drop it.
    Drop,
}

/// A task whose worker has died.
///
/// ```
/// use ropewalk::process::Crew;
/// let crew = Crew::<u32>::new()?;
/// if let Some(fallen) = crew.fell(4121).unwrap() {
///     println!("task {} of {} ran {:?}", fallen.id, fallen.ticket, fallen.ran);
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Fallen<T> {
    /// The number that [`Crew::enlist`] gave.
    pub id: u64,
    /// What was enlisted with the task.
    pub ticket: T,
    /// How long the worker had it in hand, about: since it was handed out, if the worker did not say when it took it.
    pub ran: Duration,
    /// Why the crew killed the worker, if it did.
    pub why: Option<Why>,
    /// What the worker had written down, if that is about this task.
    pub record: Option<Record>,
}

impl<T> Fallen<T> {
    fn new(id: u64, posted: Posted<T>, record: Option<Record>) -> Fallen<T> {
        // Killed right after it took the task, it has not yet said so.
        let record = record.filter(|record| record.task.is_some_and(|task| task.number == id));
        let since = record.as_ref().and_then(|record| record.task).map(|task| task.since);
        let ran = Duration::from_nanos(clock::now().saturating_sub(since.unwrap_or(posted.since)));
        Fallen { id, ticket: posted.ticket, ran, why: posted.condemned, record }
    }
}

impl<T> Crew<T> {
    /// A crew without workers or tasks.
    ///
    /// # Errors
    /// Those of [`Queue::unbounded`].
    ///
    /// ```
    /// assert!(ropewalk::process::Crew::<u32>::new()?.is_idle());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new() -> io::Result<Crew<T>> {
        Crew::with(&Options::default())
    }

    /// As [`Crew::new`], with queues made to measure; that of tasks tracks in any case.
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use ropewalk::process::{Crew, Options};
    /// let crew = Crew::<u32>::with(&Options { max_block_bytes: 1 << 20, ..Options::default() })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn with(options: &Options) -> io::Result<Crew<T>> {
        let inside = Inside {
            line: Line::default(),
            posted: Table::default(),
            moving: 0,
            posting: false,
            stuck: false,
            window: Window::default(),
            fallen: Vec::new(),
            next: 1,
            closed: false,
        };
        let tasks = Queue::with(&Options { track: true, ..*options })?.of_crew();
        Ok(Crew {
            tasks,
            answers: Queue::with(options)?.of_crew(),
            flight: Flight::create().ok(),
            inside: Mutex::new(inside),
            reading: Reading::new(),
            overtime: Overtime::default(),
            room: Room::default(),
        })
    }

    /// The queue from which workers take.
    ///
    /// ```
    /// let crew = ropewalk::process::Crew::<u32>::new()?;
    /// assert_eq!(crew.tasks().len().unwrap(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn tasks(&self) -> &Queue {
        &self.tasks
    }

    /// The queue into which workers answer.
    ///
    /// ```
    /// let crew = ropewalk::process::Crew::<u32>::new()?;
    /// assert_eq!(crew.answers().len().unwrap(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn answers(&self) -> &Queue {
        &self.answers
    }

    /// The memory in which workers [record](super::flight::Recorder) what they do, if there is any.
    ///
    /// ```
    /// let crew = ropewalk::process::Crew::<u32>::new()?;
    /// assert!(crew.flight().is_some());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn flight(&self) -> Option<BorrowedFd<'_>> {
        self.flight.as_ref().map(AsFd::as_fd)
    }

    /// What the workers that record are doing.
    ///
    /// ```
    /// let crew = ropewalk::process::Crew::<u32>::new()?;
    /// assert!(crew.records().is_empty()); // there are none
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn records(&self) -> Vec<Record> {
        self.flight.as_ref().map_or_else(Vec::new, Flight::records)
    }

    /// Says how many workers there are: it decides how many tasks are handed out ahead.
    ///
    /// ```
    /// let crew = ropewalk::process::Crew::<u32>::new()?;
    /// crew.set_workers(4);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_workers(&self, workers: usize) {
        self.inside.lock().window.workers = workers;
    }

    /// So many workers go home, each when it has nothing in hand and has come to the end of what was handed out before.
    ///
    /// # Errors
    /// [`PushError`].
    ///
    /// ```
    /// use ropewalk::process::{Crew, TakeError, Worker};
    /// use ropewalk::{Deadline, Plain};
    /// let crew = Crew::<u32>::new()?;
    /// crew.send_home(1).unwrap();
    /// let mut worker = Worker::open(&crew.tasks().place(), &crew.answers().place()).unwrap();
    /// assert!(matches!(worker.take(&mut Plain, Deadline::NEVER), Err(TakeError::Dismissed)));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn send_home(&self, workers: usize) -> Result<(), PushError> {
        let record = record::GO_HOME.to_le_bytes();
        (0..workers).try_for_each(|_| self.tasks.try_push(&record).map(drop))
    }

    /// Puts a task in line; higher `priority` goes first, equals in their order. Gives its number.
    ///
    /// # Errors
    /// The ticket, after [`Crew::dismiss_if_idle`].
    ///
    /// ```
    /// let crew = ropewalk::process::Crew::new()?;
    /// assert_eq!(crew.enlist('a', 0, b"task"), Ok(1));
    /// assert_eq!(crew.enlist('b', 0, b"task"), Ok(2));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn enlist(&self, ticket: T, priority: i64, body: &[u8]) -> Result<u64, T> {
        let terms = Terms { priority, ..Terms::default() };
        self.enlist_on(ticket, body, &terms).map_err(EnlistError::into_ticket)
    }

    /// Takes a task back that no worker has been handed.
    ///
    /// ```
    /// let crew = ropewalk::process::Crew::new()?;
    /// let id = crew.enlist('a', 0, b"task").unwrap();
    /// assert_eq!(crew.withdraw(id), Some('a'));
    /// assert_eq!(crew.withdraw(id), None);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn withdraw(&self, id: u64) -> Option<T> {
        self.inside.lock().line.remove(id)
    }

    /// Takes all tasks back that no worker has been handed.
    ///
    /// ```
    /// let crew = ropewalk::process::Crew::new()?;
    /// crew.enlist('a', 0, b"task").unwrap();
    /// assert_eq!(crew.withdraw_all(), ['a']);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn withdraw_all(&self) -> Vec<T> {
        let mut inside = self.inside.lock();
        let line = std::mem::take(&mut inside.line);
        let (withdrawn, handed) = line.into_waiting().partition::<Vec<_>, _>(|waiting| !waiting.handed);
        handed.into_iter().for_each(|waiting| inside.line.push(waiting));
        drop(inside);
        self.room.open();
        withdrawn.into_iter().map(|waiting| waiting.ticket).collect()
    }

    /// Takes every task back, also those that workers were handed: their answers will be dropped. None is taken any more.
    ///
    /// ```
    /// use ropewalk::Plain;
    /// use ropewalk::process::{Crew, Handed};
    /// let crew = Crew::new()?;
    /// crew.enlist('a', 0, b"task").unwrap();
    /// crew.post(|_| Handed::Go, &mut Plain).unwrap();
    /// assert_eq!(crew.give_up(), ['a']);
    /// assert!(crew.is_idle());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn give_up(&self) -> Vec<T> {
        let (line, posted) = {
            let mut inside = self.inside.lock();
            inside.window.forget();
            inside.closed = true;
            (std::mem::take(&mut inside.line), std::mem::take(&mut inside.posted))
        };
        self.room.open();
        posted.into_tickets().into_iter().chain(line.into_tickets()).collect()
    }

    /// The task that this process, which has died, had in hand. `None` if it had answered all that it took, provided that its
    /// answers were read before.
    ///
    /// # Errors
    /// [`Fault`].
    ///
    /// ```
    /// let crew = ropewalk::process::Crew::<u32>::new()?;
    /// assert!(crew.fell(std::process::id()).unwrap().is_none()); // we live
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn fell(&self, pid: u32) -> Result<Option<Fallen<T>>, Fault> {
        let record = self.flight.as_ref().and_then(|flight| flight.take(pid));
        let lost = self.tasks.take_lost()?;
        let mut inside = self.inside.lock();
        inside.fallen.extend(lost);
        let mut fallen = None;
        while let Some(place) = inside.fallen.iter().position(|(who, _)| who.pid == pid) {
            let (_, sequence) = inside.fallen.swap_remove(place);
            let id = inside.posted.of_record(sequence);
            if let Some((id, posted)) = id.and_then(|id| Some((id, self.remove(&mut inside, id)?))) {
                inside.window.lost(posted.len);
                fallen = Some((id, posted));
            }
        }
        drop(inside);
        self.overtime.gone(pid);
        Ok(fallen.map(|(id, posted)| Fallen::new(id, posted, record)))
    }

    /// Takes a task out of the table, and what was noted of it elsewhere.
    fn remove(&self, inside: &mut Inside<T>, id: u64) -> Option<Posted<T>> {
        let posted = inside.posted.remove(id)?;
        if posted.asked.is_some() {
            self.overtime.forget(id);
        }
        Some(posted)
    }

    /// The host looks what there is to do.
    fn look_up(&self) {
        self.reading.call();
        // Full: then it has enough to read.
        let _ = self.answers.try_push(&record::answer(0, answers::LOOK_UP, Duration::ZERO, b""));
    }

    /// Tasks that have not come out: in line, in the queue, in hand.
    ///
    /// ```
    /// let crew = ropewalk::process::Crew::new()?;
    /// crew.enlist('a', 0, b"task").unwrap();
    /// assert_eq!(crew.unfinished(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn unfinished(&self) -> usize {
        let inside = self.inside.lock();
        inside.line.len() + inside.moving + inside.posted.len()
    }

    /// Whether no task is taken any more.
    ///
    /// ```
    /// assert!(!ropewalk::process::Crew::<u32>::new()?.is_closed());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_closed(&self) -> bool {
        self.inside.lock().closed
    }

    /// Whether no task is left.
    ///
    /// ```
    /// assert!(ropewalk::process::Crew::<u32>::new()?.is_idle());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_idle(&self) -> bool {
        self.unfinished() == 0
    }

    /// Tasks that wait in line, handed to nobody.
    ///
    /// ```
    /// let crew = ropewalk::process::Crew::new()?;
    /// crew.enlist('a', 0, b"task").unwrap();
    /// assert_eq!(crew.in_line(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn in_line(&self) -> usize {
        self.inside.lock().line.len()
    }

    /// If no task is left, none will be taken any more, and workers that look for one go home. Whether it is so.
    ///
    /// # Errors
    /// [`Fault`].
    ///
    /// ```
    /// use ropewalk::process::{Crew, TakeError, Worker};
    /// use ropewalk::{Deadline, Plain};
    /// let crew = Crew::<u32>::new()?;
    /// let mut worker = Worker::open(&crew.tasks().place(), &crew.answers().place()).unwrap();
    /// assert!(crew.dismiss_if_idle().unwrap());
    /// assert!(matches!(worker.take(&mut Plain, Deadline::NEVER), Err(TakeError::Dismissed)));
    /// assert_eq!(crew.enlist(7, 0, b"late"), Err(7));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn dismiss_if_idle(&self) -> Result<bool, Fault> {
        {
            let mut inside = self.inside.lock();
            if inside.line.len() + inside.moving + inside.posted.len() > 0 {
                return Ok(false);
            }
            inside.closed = true;
        }
        self.room.open();
        self.tasks.shutdown()?;
        Ok(true)
    }
}

/// A task that can not be handed to any worker.
///
/// ```
/// use ropewalk::Plain;
/// use ropewalk::process::{Crew, Handed, PushError, Refused};
/// let crew = Crew::new()?;
/// crew.enlist("the ticket", 0, b"task").unwrap();
/// let posted: Result<(), Refused<&str>> = crew.post(|_| Handed::Go, &mut Plain);
/// assert!(posted.is_ok()); // it would take a task of a gibibyte
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Refused<T> {
    /// Whose task it is.
    pub ticket: T,
    /// Why the queue does not take it.
    pub why: PushError,
}
