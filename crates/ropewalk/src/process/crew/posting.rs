//! Tasks on their way from the line to the shared queue.
//!
//! A task in line is in memory of this process, with its buffers. When the window lets it through, its large parts are
//! copied into blocks of the queue first, with no lock held and outside of the caller's world; then its owner is asked; then
//! it goes in. A task with buffers that need not stand in line goes into its blocks straight from where its caller has
//! them.
//!
//! What must stay true: one thread at a time moves tasks, so that they stay in their order; who comes meanwhile leaves it
//! to that one, which looks at the line once more before it says that it has stopped, under the same lock.

use super::answers::LOOK_UP;
use super::kept::Kept;
use super::line::Waiting;
use super::record;
use super::{Crew, EnlistError, Handed, Inside, Posted, Refused, Terms};
use crate::process::{Prepared, PushError};
use ropewalk_os::{Block, Deadline};

/// A task of so many bytes is large: its parts are copied before the lock is taken.
const LARGE: usize = 16 << 10;

/// What came of moving a task.
enum Moved<T> {
    /// It is inside, or was dropped.
    Gone,
    /// There is no room for it: it is in line again.
    Full,
    Refused(Refused<T>),
}

impl<T> Inside<T> {
    fn has_room(&self) -> bool {
        self.posted.len() + self.moving < self.window.limit()
    }

    fn first(&mut self) -> Option<Waiting<T>> {
        if !self.has_room() {
            return None;
        }
        let first = self.line.pop()?;
        self.moving += 1;
        Some(first)
    }
}

impl<T> Crew<T> {
    /// Hands tasks to the workers, as many as the window lets through. `hand` is asked about each ticket first, with no
    /// lock held. If another thread is at it already, that one does the rest too.
    ///
    /// # Errors
    /// [`Refused`]: a task that the queue can never take, with its ticket; the others are handed on by the next call.
    ///
    /// ```
    /// use ropewalk::Plain;
    /// use ropewalk::process::{Crew, Handed};
    /// let crew = Crew::new()?;
    /// crew.enlist('a', 0, b"task").unwrap();
    /// crew.post(|_| Handed::Drop, &mut Plain).unwrap();
    /// assert!(crew.is_idle());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn post<B: Block>(
        &self,
        mut hand: impl FnMut(&T) -> Handed,
        block: &mut B,
    ) -> Result<(), Refused<T>> {
        let mut mine = false;
        loop {
            let waiting = {
                let mut inside = self.inside.lock();
                if inside.posting != mine {
                    return Ok(());
                }
                let first = inside.first();
                mine = first.is_some();
                inside.posting = mine;
                self.room.look(inside.line.len());
                let Some(first) = first else { return Ok(()) };
                first
            };
            match self.send(waiting, &mut hand, block) {
                Moved::Gone => {}
                Moved::Full => return Ok(()),
                Moved::Refused(refused) => return Err(refused),
            }
        }
    }

    fn send<B: Block>(
        &self,
        waiting: Waiting<T>,
        hand: &mut impl FnMut(&T) -> Handed,
        block: &mut B,
    ) -> Moved<T> {
        let len = waiting.len();
        let Waiting { id, priority, ticket, record, limit, parts, handed } = waiting;
        let slices: Vec<&[u8]> = parts.iter().map(|part| &**part).collect();
        let (prepared, why) = if slices.is_empty() && record.len() < LARGE {
            (None, None)
        } else {
            match self.tasks.prepare_parts(&record, &slices, block, Deadline::NOW) {
                Ok(prepared) => (Some(prepared), None),
                Err(why) => (None, Some(without_interrupt(why))),
            }
        };
        if let Some(why) = why {
            drop(prepared);
            return self.came_back(Waiting { id, priority, ticket, record, limit, parts, handed }, why);
        }
        if !handed && hand(&ticket) == Handed::Drop {
            self.inside.lock().moving -= 1;
            return Moved::Gone;
        }
        let mut inside = self.inside.lock();
        // Under the lock: who asks for a record by its number must find it.
        let pushed = if inside.closed {
            drop(prepared);
            Err(PushError::ShutDown)
        } else {
            prepared.map_or_else(|| self.tasks.try_push(&record), Prepared::try_push)
        };
        match pushed {
            Ok(sequence) => {
                inside.moving -= 1;
                self.is_out(&mut inside, id, Posted::new(ticket, sequence, len, limit));
                drop(inside); // before the memory goes
                Moved::Gone
            }
            Err(why) => {
                drop(inside);
                self.came_back(Waiting { id, priority, ticket, record, limit, parts, handed: true }, why)
            }
        }
    }

    /// A task that was not taken goes back to where it was, or to its owner. This thread moves no more.
    fn came_back(&self, waiting: Waiting<T>, why: PushError) -> Moved<T> {
        let mut inside = self.inside.lock();
        inside.moving -= 1;
        inside.posting = false;
        if why != PushError::Full {
            return Moved::Refused(Refused { ticket: waiting.ticket, why });
        }
        inside.line.push_again(waiting);
        let call = inside.posted.len() == 0 && !std::mem::replace(&mut inside.stuck, true);
        drop(inside);
        if call {
            let _ = self.notify(LOOK_UP, b""); // full: then the host is awake
        }
        Moved::Full
    }

    /// As [`Crew::enlist`], for a task with buffers beside its body: the worker finds them in
    /// [`Worker::take_loans`](super::Worker::take_loans). If there is room for it at once it is handed out at once, and they are
    /// copied once. [`Crew::post`] follows.
    ///
    /// # Errors
    /// [`EnlistError`].
    ///
    /// ```
    /// use ropewalk::process::{Crew, Handed, Terms, Worker};
    /// use ropewalk::{Deadline, Plain};
    /// let crew = Crew::new()?;
    /// crew.set_workers(1);
    /// let image = vec![7; 100_000];
    /// let terms = Terms::default();
    /// crew.enlist_parts("the ticket", b"task", &[&image], &terms, |_| Handed::Go, &mut Plain).unwrap();
    /// crew.post(|_| Handed::Go, &mut Plain).unwrap();
    /// let mut worker = Worker::open(&crew.tasks().place(), &crew.answers().place()).unwrap();
    /// worker.take(&mut Plain, Deadline::NEVER).unwrap();
    /// assert_eq!(worker.body(), b"task");
    /// assert_eq!(worker.take_loans()[0].len(), 100_000);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn enlist_parts<B: Block>(
        &self,
        ticket: T,
        body: &[u8],
        parts: &[&[u8]],
        terms: &Terms,
        mut hand: impl FnMut(&T) -> Handed,
        block: &mut B,
    ) -> Result<u64, EnlistError<T>> {
        let begun = {
            let mut inside = self.inside.lock();
            if inside.closed {
                return Err(EnlistError::Closed(ticket));
            }
            if terms.bounded && self.room.is_full(inside.line.len()) {
                return Err(EnlistError::Full(ticket));
            }
            let at_once = !inside.posting && inside.line.len() == 0 && inside.has_room();
            at_once.then(|| {
                inside.posting = true;
                inside.moving += 1;
                inside.number()
            })
        };
        let (mut ticket, mut terms) = (ticket, *terms);
        let mut record = record::task(body);
        if let Some(id) = begun {
            record::give_number(&mut record, id);
            let prepared = self.tasks.prepare_parts(&record, parts, block, Deadline::NOW).ok();
            if let Some(prepared) = prepared {
                match self.send_at_once(id, ticket, prepared, parts, &terms, &mut hand) {
                    None => return Ok(id),
                    Some(back) => (ticket, terms.again) = (back, true),
                }
            }
        }
        let parts = block.detached(|| parts.iter().map(|part| Kept::of(&[part])).collect());
        let mut inside = self.inside.lock();
        if let Some(id) = begun {
            inside.moving -= 1;
            inside.posting = false;
            if inside.closed {
                return Err(EnlistError::Closed(ticket));
            }
            // Nobody has moved meanwhile: it is before all that came.
            inside.line.push_again(Waiting::new(id, ticket, record, parts, &terms));
            return Ok(id);
        }
        if inside.closed {
            return Err(EnlistError::Closed(ticket));
        }
        let id = inside.number();
        record::give_number(&mut record, id);
        inside.line.push(Waiting::new(id, ticket, record, parts, &terms));
        drop(inside);
        self.reading.call();
        Ok(id)
    }

    /// A task whose blocks are filled; its ticket if there is no room for it after all.
    fn send_at_once(
        &self,
        id: u64,
        ticket: T,
        prepared: Prepared<'_>,
        parts: &[&[u8]],
        terms: &Terms,
        hand: &mut impl FnMut(&T) -> Handed,
    ) -> Option<T> {
        let handed = if terms.again { Handed::Go } else { hand(&ticket) };
        let mut inside = self.inside.lock();
        if handed == Handed::Go {
            if inside.closed {
                return Some(ticket);
            }
            let Ok(sequence) = prepared.try_push() else { return Some(ticket) };
            let others = inside.posted.len() + inside.line.len();
            let len = parts.iter().map(|part| part.len()).sum();
            inside.moving -= 1;
            inside.posting = false;
            self.is_out(&mut inside, id, Posted::new(ticket, sequence, len, terms.limit));
            drop(inside);
            if others > 0 {
                self.reading.call();
            }
            return None;
        }
        inside.moving -= 1;
        inside.posting = false;
        drop(inside);
        drop(ticket);
        None
    }

    fn is_out(&self, inside: &mut Inside<T>, id: u64, posted: Posted<T>) {
        inside.window.posted(posted.len);
        inside.stuck = false;
        inside.posted.insert(id, posted);
        self.overtime.posted(&mut inside.posted, id, &self.reading, || self.look_up());
    }

    /// Whether nothing is in the queue, and still there is no room in it for the first in line. Workers give back without a
    /// call what they hold of it.
    pub(super) fn is_stuck(&self) -> bool {
        let mut inside = self.inside.lock();
        inside.stuck = inside.stuck && inside.posted.len() == 0 && inside.line.len() > 0;
        inside.stuck
    }

    /// Whether there is one task, and a worker has it or will take it.
    pub(super) fn only_one_is_out(&self) -> bool {
        let inside = self.inside.lock();
        inside.posted.len() == 1 && inside.moving == 0 && inside.line.len() == 0
    }
}

impl<T> Inside<T> {
    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
}

impl<T> Waiting<T> {
    fn len(&self) -> usize {
        self.record.len() + self.parts.iter().map(|part| part.len()).sum::<usize>()
    }
}

/// Who moves tasks is not interrupted: a signal is for its next wait.
fn without_interrupt<I>(why: PushError<I>) -> PushError {
    match why {
        PushError::Full | PushError::Interrupted(_) => PushError::Full,
        PushError::ShutDown => PushError::ShutDown,
        PushError::TooLong { most } => PushError::TooLong { most },
        PushError::Fault(fault) => PushError::Fault(fault),
    }
}
