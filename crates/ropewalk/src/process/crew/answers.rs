//! What came back: the end of the queue of answers that the first process has.

use super::record::{self, Answered};
use super::{Crew, Loan};
use crate::process::{PopError, PushError};
use ropewalk_os::{Block, Deadline};
use std::time::Duration;

/// The kind of a notice that means nothing but that.
pub(super) const LOOK_UP: u8 = 0;
/// How often the host looks whether there is room for a task, when nothing else would call it.
const STUCK: Duration = Duration::from_millis(10);

/// What came back.
///
/// ```
/// use ropewalk::process::{Arrival, Crew};
/// use ropewalk::{Deadline, Plain};
/// let crew = Crew::<u32>::new()?;
/// crew.notify(7, b"news").unwrap();
/// match crew.next(&mut Plain, Deadline::NEVER).unwrap() {
///     Arrival::Answer { ticket, body, .. } => println!("{ticket}: {} bytes", body.len()),
///     Arrival::Notice { kind, .. } => assert_eq!(kind, 7),
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub enum Arrival<T> {
    /// A worker answered a task.
    Answer {
        /// The number that [`Crew::enlist`] gave.
        id: u64,
        /// What was enlisted with the task.
        ticket: T,
        /// What the worker called its answer.
        kind: u8,
        /// How long the worker had it in hand.
        took: Duration,
        /// The answer.
        body: Vec<u8>,
        /// The buffers that came with it.
        loans: Vec<Loan>,
    },
    /// A notice of some process.
    Notice {
        /// What it is about.
        kind: u8,
        /// The rest of it.
        body: Vec<u8>,
    },
}

impl<T> Crew<T> {
    /// The next answer or notice, waiting until `deadline`. An answer to a task that has come out already is dropped.
    /// For one thread at a time, the host of the crew. It [posts](Crew::post) after each, and after `Empty`, which may come
    /// before the deadline.
    ///
    /// # Errors
    /// [`PopError`].
    ///
    /// ```
    /// use ropewalk::process::{Crew, PopError};
    /// use ropewalk::{Deadline, Plain};
    /// let crew = Crew::<u32>::new()?;
    /// assert!(matches!(crew.next(&mut Plain, Deadline::NOW), Err(PopError::Empty)));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn next<B: Block>(
        &self,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<Arrival<T>, PopError<B::Interrupt>>
    where
        T: Send,
    {
        loop {
            if let Some(arrival) = self.reading.take_aside() {
                return Ok(arrival);
            }
            if deadline.remaining().is_none() && self.reading.is_rhythmic() {
                block.detached(|| {
                    self.reading.stay_away();
                    if self.reading.has_guest() && self.notify(LOOK_UP, b"").is_ok() {
                        self.reading.wait_alone();
                    }
                });
                continue;
            }
            let until = if self.is_stuck() { deadline.earlier(Deadline::after(STUCK)) } else { deadline };
            if let Some(arrival) = self.read(block, until)? {
                return Ok(arrival);
            }
        }
    }

    fn read<B: Block>(
        &self,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<Option<Arrival<T>>, PopError<B::Interrupt>> {
        let (mut record, mut loans) = (Vec::new(), Vec::new());
        self.answers.pop_parts(&mut record, &mut loans, block, deadline)?;
        Ok(self.arrived(record, loans))
    }

    /// A thread that is about to wait for the answer to a task may read it itself, if nobody else waits for anything.
    /// `mine` says of a ticket whether it is the one, `done` whether the answer is known already. `None`: let it be told by
    /// the host.
    ///
    /// # Errors
    /// [`PopError`], of the wait.
    ///
    /// ```
    /// use ropewalk::process::Crew;
    /// use ropewalk::{Deadline, Plain};
    /// let crew = Crew::new()?;
    /// crew.enlist('a', 0, b"task").unwrap();
    /// // The host is there:
    /// assert!(crew.visit(|ticket| *ticket == 'a', || false, &mut Plain, Deadline::NEVER).unwrap().is_none());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn visit<B: Block>(
        &self,
        mine: impl Fn(&T) -> bool,
        done: impl Fn() -> bool,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<Option<Arrival<T>>, PopError<B::Interrupt>> {
        if !self.reading.enter(self.only_one_is_out()) {
            return Ok(None);
        }
        // The host may have dealt with it just before it went.
        if done() {
            self.reading.leave(true);
            return Ok(None);
        }
        match self.read(block, deadline) {
            // The host asks for its seat.
            Ok(None) => {
                self.reading.leave(false);
                Ok(None)
            }
            Ok(Some(arrival)) => {
                if matches!(&arrival, Arrival::Answer { ticket, .. } if mine(ticket)) {
                    self.reading.leave(true);
                    return Ok(Some(arrival));
                }
                self.reading.put_aside(arrival);
                self.reading.leave(false);
                Ok(None)
            }
            Err(error) => {
                self.reading.leave(false);
                Err(error)
            }
        }
    }

    fn arrived(&self, mut record: Vec<u8>, loans: Vec<Loan>) -> Option<Arrival<T>> {
        let Answered { id, kind, took } = record::read(&record)?;
        record.drain(..record::HEAD);
        if id == 0 && kind == LOOK_UP {
            return None;
        }
        if id == 0 {
            return Some(Arrival::Notice { kind, body: record });
        }
        let mut inside = self.inside.lock();
        let posted = inside.posted.remove(&id)?;
        inside.window.answered(posted.len, took);
        Some(Arrival::Answer { id, ticket: posted.ticket, kind, took, body: record, loans })
    }

    /// Puts a notice behind all answers that came so far.
    ///
    /// # Errors
    /// [`PushError`].
    ///
    /// ```
    /// use ropewalk::process::{Arrival, Crew};
    /// use ropewalk::{Deadline, Plain};
    /// let crew = Crew::<u32>::new()?;
    /// crew.notify(7, b"gone").unwrap();
    /// assert!(matches!(crew.next(&mut Plain, Deadline::NOW), Ok(Arrival::Notice { kind: 7, .. })));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn notify(&self, kind: u8, body: &[u8]) -> Result<(), PushError> {
        // Read by the host: a guest would have to call it.
        self.reading.call();
        self.answers.try_push(&record::answer(0, kind, Duration::ZERO, body)).map(drop)
    }
}
