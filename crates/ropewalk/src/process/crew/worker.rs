//! The end of a worker: one task after the other.

use super::record;
use crate::primitive::Arc;
use crate::process::flight::Recorder;
use crate::process::{Fault, Loan, OpenError, PopError, PushError, Queue};
use ropewalk_os::{Block, Deadline, clock};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

/// A worker process's end of a [`Crew`](super::Crew).
///
/// ```
/// use ropewalk::process::{Crew, Handed, Worker};
/// use ropewalk::{Deadline, Plain};
///
/// let crew = Crew::new()?;
/// crew.enlist((), 0, b"task").unwrap();
/// crew.post(|_| Handed::Go, &mut Plain).unwrap();
/// let mut worker = Worker::open(&crew.tasks().place(), &crew.answers().place()).unwrap();
/// let task = worker.take(&mut Plain, Deadline::NEVER).unwrap();
/// assert_eq!(worker.body(), b"task");
/// worker.answer(&task, 0, b"done", &[], &mut Plain, Deadline::NEVER).unwrap();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Worker {
    tasks: Arc<Queue>,
    answers: Queue,
    /// Whether a task is in hand.
    busy: bool,
    recorder: Option<&'static Recorder>,
    /// Whether it has recorded nothing but that it starts.
    is_new: bool,
    record: Vec<u8>,
    loans: Vec<Loan>,
    answer: Vec<u8>,
}

/// A task that a worker has in hand.
#[derive(Debug)]
pub struct Task {
    id: u64,
    /// In nanoseconds of the clock.
    since: u64,
}

/// Why there is no task.
#[derive(Debug, PartialEq, Eq)]
pub enum TakeError<I = std::convert::Infallible> {
    /// None before the deadline.
    None,
    /// There will be no more.
    Dismissed,
    /// The wait was interrupted.
    Interrupted(I),
    /// The queue can not be used.
    Fault(Fault),
}

impl Worker {
    /// A worker by the places of both queues.
    ///
    /// # Errors
    /// [`OpenError`].
    ///
    /// ```
    /// use ropewalk::process::{Crew, Worker};
    /// let crew = Crew::<u32>::new()?;
    /// assert!(Worker::open(&crew.tasks().place(), &crew.answers().place()).is_ok());
    /// assert!(Worker::open("/nowhere".as_ref(), &crew.answers().place()).is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn open(tasks: &Path, answers: &Path) -> Result<Worker, OpenError> {
        Ok(Worker::new(Queue::open(tasks)?, Queue::open(answers)?))
    }

    /// A worker by descriptors of both queues.
    ///
    /// # Errors
    /// [`OpenError`].
    ///
    /// ```
    /// use ropewalk::process::{Crew, Worker};
    /// use std::os::fd::AsFd;
    /// let crew = Crew::<u32>::new()?;
    /// let tasks = crew.tasks().as_fd().try_clone_to_owned()?;
    /// let answers = crew.answers().as_fd().try_clone_to_owned()?;
    /// assert!(Worker::from_fds(tasks, answers).is_ok());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_fds(tasks: OwnedFd, answers: OwnedFd) -> Result<Worker, OpenError> {
        Ok(Worker::new(Queue::from_fd(tasks)?, Queue::from_fd(answers)?))
    }

    fn new(tasks: Queue, answers: Queue) -> Worker {
        let (tasks, answers) = (tasks.of_crew(), answers.of_crew());
        Worker {
            tasks: Arc::new(tasks),
            answers,
            busy: false,
            recorder: None,
            is_new: false,
            record: Vec::new(),
            loans: Vec::new(),
            answer: Vec::new(),
        }
    }

    /// Records what is done from now on, for who asks when this process has died. It is starting until it first asks for a
    /// task.
    ///
    /// ```
    /// use ropewalk::process::{Crew, Worker, flight::Recorder};
    /// let crew = Crew::<u32>::new()?;
    /// let mut worker = Worker::open(&crew.tasks().place(), &crew.answers().place()).unwrap();
    /// worker.record(Recorder::start(crew.flight().unwrap().try_clone_to_owned()?).unwrap().unwrap());
    /// assert_eq!(crew.records().len(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn record(&mut self, recorder: &'static Recorder) {
        self.recorder = Some(recorder);
        self.is_new = true;
    }

    /// The task in hand is called this: others see it once the task was looked at.
    ///
    /// ```
    /// use ropewalk::process::{Crew, Worker};
    /// let crew = Crew::<u32>::new()?;
    /// let worker = Worker::open(&crew.tasks().place(), &crew.answers().place()).unwrap();
    /// worker.called(b"resize"); // nobody records
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn called(&self, name: &[u8]) {
        if let Some(recorder) = self.recorder {
            recorder.call(name);
        }
    }

    /// The task in hand was read and is being done.
    ///
    /// ```
    /// use ropewalk::process::{Crew, Worker};
    /// let crew = Crew::<u32>::new()?;
    /// let worker = Worker::open(&crew.tasks().place(), &crew.answers().place()).unwrap();
    /// worker.running(); // nobody records
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn running(&self) {
        if let Some(recorder) = self.recorder {
            recorder.run();
        }
    }

    /// The task in hand was done, and its answer is being written.
    ///
    /// ```
    /// use ropewalk::process::{Crew, Worker};
    /// let crew = Crew::<u32>::new()?;
    /// let worker = Worker::open(&crew.tasks().place(), &crew.answers().place()).unwrap();
    /// worker.answering(); // nobody records
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn answering(&self) {
        if let Some(recorder) = self.recorder {
            recorder.answer();
        }
    }

    /// Takes the next task in hand; its bytes are then in [`body`](Worker::body). If this process dies before it
    /// [answers](Worker::answer), the crew knows which task it was.
    ///
    /// # Errors
    /// [`TakeError`].
    ///
    /// ```
    /// use ropewalk::process::{Crew, TakeError, Worker};
    /// use ropewalk::{Deadline, Plain};
    /// let crew = Crew::<u32>::new()?;
    /// let mut worker = Worker::open(&crew.tasks().place(), &crew.answers().place()).unwrap();
    /// assert!(matches!(worker.take(&mut Plain, Deadline::NOW), Err(TakeError::None)));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn take<B: Block>(
        &mut self,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<Task, TakeError<B::Interrupt>> {
        if std::mem::take(&mut self.is_new)
            && let Some(recorder) = self.recorder
        {
            recorder.rest();
        }
        match self.tasks.pop_parts(&mut self.record, &mut self.loans, block, deadline) {
            Ok(_) => self.busy = true,
            Err(PopError::Empty) => return Err(TakeError::None),
            Err(PopError::ShutDown) => return Err(TakeError::Dismissed),
            Err(PopError::Interrupted(interrupt)) => return Err(TakeError::Interrupted(interrupt)),
            Err(PopError::Fault(fault)) => return Err(TakeError::Fault(fault)),
        }
        let id = record::number(&self.record)
            .ok_or(TakeError::Fault(Fault::Corrupt("a task without a number")))?;
        let since = clock::now();
        if let Some(recorder) = self.recorder {
            recorder.begin(id, since);
        }
        Ok(Task { id, since })
    }

    /// The bytes of the task in hand.
    ///
    /// ```
    /// use ropewalk::process::{Crew, Worker};
    /// let crew = Crew::<u32>::new()?;
    /// let worker = Worker::open(&crew.tasks().place(), &crew.answers().place()).unwrap();
    /// assert_eq!(worker.body(), b"");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn body(&self) -> &[u8] {
        self.record.get(record::NUMBER..).unwrap_or(&[])
    }

    /// The buffers that came with the task in hand, once.
    ///
    /// ```
    /// use ropewalk::process::{Crew, Worker};
    /// let crew = Crew::<u32>::new()?;
    /// let mut worker = Worker::open(&crew.tasks().place(), &crew.answers().place()).unwrap();
    /// assert!(worker.take_loans().is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn take_loans(&mut self) -> Vec<Loan> {
        std::mem::take(&mut self.loans)
    }

    /// Answers a task by a body and buffers beside it, waiting for room until `deadline`; then nothing is in hand any more.
    ///
    /// # Errors
    /// [`PushError`]; the task is still in hand.
    ///
    /// ```
    /// use ropewalk::process::{Crew, Handed, Worker};
    /// use ropewalk::{Deadline, Plain};
    /// let crew = Crew::new()?;
    /// crew.enlist((), 0, b"task").unwrap();
    /// crew.post(|_| Handed::Go, &mut Plain).unwrap();
    /// let mut worker = Worker::open(&crew.tasks().place(), &crew.answers().place()).unwrap();
    /// let task = worker.take(&mut Plain, Deadline::NEVER).unwrap();
    /// worker.answer(&task, 0, b"done", &[], &mut Plain, Deadline::NEVER).unwrap();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn answer<B: Block>(
        &mut self,
        task: &Task,
        kind: u8,
        body: &[u8],
        parts: &[&[u8]],
        block: &mut B,
        deadline: Deadline,
    ) -> Result<(), PushError<B::Interrupt>> {
        let now = clock::now();
        let took = Duration::from_nanos(now.saturating_sub(task.since));
        record::write_answer(&mut self.answer, task.id, kind, took, body);
        if parts.is_empty() {
            self.answers.push(&self.answer, block, deadline)?;
        } else {
            self.answers.push_parts(&self.answer, parts, block, deadline)?;
        }
        if let Some(recorder) = self.recorder {
            recorder.end(kind, now);
        }
        self.tasks.put_down();
        self.loans.clear();
        self.busy = false;
        Ok(())
    }

    /// Puts a notice among the answers.
    ///
    /// # Errors
    /// [`PushError`].
    ///
    /// ```
    /// use ropewalk::process::{Crew, Worker};
    /// let crew = Crew::<u32>::new()?;
    /// let worker = Worker::open(&crew.tasks().place(), &crew.answers().place()).unwrap();
    /// worker.notify(1, b"ready").unwrap();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn notify(&self, kind: u8, body: &[u8]) -> Result<(), PushError> {
        let record = record::answer(0, kind, Duration::ZERO, body);
        self.answers.try_push(&record).map(drop)
    }
}

impl Drop for Worker {
    /// A process that lets go of the queue has nothing in hand; one that is about to end in the midst of a task must not
    /// look like that.
    fn drop(&mut self) {
        if let Some(recorder) = self.recorder {
            recorder.stop();
        }
        if self.busy {
            std::mem::forget(Arc::clone(&self.tasks));
        }
    }
}
