//! What a task may take, and tasks that are asked to stop.

use super::room::EnlistError;
use super::{Crew, Waiting, record};
use std::time::Duration;

/// How long a task may take once a worker has begun it.
///
/// When `time` is over the worker is asked to stop it, by the signal [`ropewalk_os::signal::ask`]; when `grace` is over
/// too, the worker is killed.
///
/// ```
/// use ropewalk::process::Limit;
/// assert_eq!(Limit::default().time, None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// From when it was begun until it is asked to stop; `None`: never.
    pub time: Option<Duration>,
    /// From when it was asked until its worker is killed; [`Duration::MAX`]: never.
    pub grace: Duration,
}

impl Default for Limit {
    fn default() -> Limit {
        Limit { time: None, grace: Duration::from_secs(1) }
    }
}

/// On which terms a task stands in line.
///
/// ```
/// use ropewalk::process::Terms;
/// assert!(!Terms::default().bounded);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Terms {
    /// Higher goes first, equals in their order.
    pub priority: i64,
    /// What it may take.
    pub limit: Limit,
    /// Whether it is refused if the line is full: see [`Crew::set_max_pending`].
    pub bounded: bool,
    /// Whether it was handed out before, and this is another attempt: its owner is not asked, and it is not withdrawn.
    pub again: bool,
}

/// Why a task shall stop.
///
/// ```
/// use ropewalk::process::Why;
/// assert_eq!(Why::of(Why::Cancelled as u8), Some(Why::Cancelled));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Why {
    /// Its time is over.
    Timeout = 1,
    /// Its owner does not want it any more.
    Cancelled = 2,
    /// Its worker has more memory than it may have.
    Memory = 3,
}

impl Why {
    /// The reason that a worker has read.
    ///
    /// ```
    /// assert_eq!(ropewalk::process::Why::of(99), None);
    /// ```
    pub fn of(number: u8) -> Option<Why> {
        [Why::Timeout, Why::Cancelled, Why::Memory].into_iter().find(|why| *why as u8 == number)
    }
}

/// What came of [`Crew::stop`].
///
/// ```
/// use ropewalk::process::{Crew, Stopping};
/// let crew = Crew::new()?;
/// crew.enlist("the ticket", 0, b"task").unwrap();
/// assert!(matches!(crew.stop(|it| *it == "the ticket"), Stopping::Withdrawn("the ticket")));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, PartialEq, Eq)]
pub enum Stopping<T> {
    /// No worker was handed it: it is out.
    Withdrawn(T),
    /// Its worker is asked, now or when it begins it; its answer, or its worker's death, will come.
    Asked,
    /// There is no such task, or no worker can be asked.
    Unknown,
}

impl<T> Crew<T> {
    /// As [`Crew::enlist`], on such terms.
    ///
    /// # Errors
    /// [`EnlistError`].
    ///
    /// ```
    /// use ropewalk::process::{Crew, Terms};
    /// let crew = Crew::new()?;
    /// assert_eq!(crew.enlist_on('a', b"task", &Terms { priority: 5, ..Terms::default() }), Ok(1));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn enlist_on(&self, ticket: T, body: &[u8], terms: &Terms) -> Result<u64, EnlistError<T>> {
        let mut record = record::task(body);
        let mut inside = self.inside.lock();
        if inside.closed {
            return Err(EnlistError::Closed(ticket));
        }
        if terms.bounded && self.room.is_full(inside.line.len()) {
            return Err(EnlistError::Full(ticket));
        }
        let id = inside.number();
        record::give_number(&mut record, id);
        let others = inside.line.len() + inside.moving + inside.posted.len();
        inside.line.push(Waiting::new(id, ticket, record, Box::default(), terms));
        drop(inside);
        if others > 0 {
            self.reading.call();
        }
        Ok(id)
    }

    /// Stops the task with a ticket like this: takes it out of the line, or asks its worker as when its time is over. Before
    /// anything can be asked there must be a roster: [`Crew::look_after`].
    ///
    /// ```
    /// use ropewalk::process::{Crew, Handed, Stopping, Why, Worker};
    /// use ropewalk::{Deadline, Plain};
    /// let crew = Crew::new()?;
    /// let roster = crew.look_after()?;
    /// crew.enlist('a', 0, b"task").unwrap();
    /// crew.post(|_| Handed::Go, &mut Plain).unwrap();
    /// assert_eq!(crew.stop(|ticket| *ticket == 'a'), Stopping::Asked);
    ///
    /// let mut worker = Worker::open(&crew.tasks().place(), &crew.answers().place()).unwrap();
    /// let seat = worker.sit(roster.try_clone_to_owned()?).unwrap().unwrap();
    /// worker.take(&mut Plain, Deadline::NEVER).unwrap();
    /// assert_eq!(seat.asked(), Some(Why::Cancelled as u8));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stop(&self, like: impl Fn(&T) -> bool) -> Stopping<T> {
        loop {
            let mut inside = self.inside.lock();
            if let Some(id) = inside.posted.find(&like) {
                let asked = self.overtime.stop(&mut inside.posted, id, Why::Cancelled);
                self.overtime.changed(&inside.posted, &self.reading, || self.look_up());
                return if asked { Stopping::Asked } else { Stopping::Unknown };
            }
            let found = inside.line.find(&like);
            if let Some(ticket) = found.and_then(|id| inside.line.take_out(id)) {
                return Stopping::Withdrawn(ticket);
            }
            if inside.moving == 0 {
                return Stopping::Unknown;
            }
            // It may be the one that is on its way between the two.
            drop(inside);
            std::thread::yield_now();
        }
    }
}
