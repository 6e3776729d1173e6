//! Why a task was not taken, and why it has no result.

use crate::process::flight::Phase;
use std::fmt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

/// What comes of a task: what its function returned, or why there is nothing.
pub type Answer = Result<Vec<u8>, TaskError>;

/// Why a pool did not take a task.
///
/// ```
/// use ropewalk::process::{Functions, Pool, SubmitError};
/// let pool = Pool::new(&Functions::new().enter(), 1)?;
/// let refused = pool.submit("square", b"7").unwrap_err();
/// assert_eq!(refused, SubmitError::NoSuchFunction("square".to_owned()));
/// assert!(refused.to_string().contains("Functions::with"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubmitError {
    /// The program has no function of this name.
    NoSuchFunction(String),
    /// The pool was shut down.
    ShutDown,
    /// The pool can not go on, for this reason.
    Broken(String),
    /// This process is a fork of the one that made the pool.
    Forked,
}

/// Why a task has no result. The pool goes on.
///
/// ```
/// use ropewalk::process::{Functions, Pool, TaskError};
///
/// fn strict(input: &[u8]) -> Result<Vec<u8>, String> {
///     match input {
///         b"die" => std::process::abort(),
///         b"panic" => panic!("oh no"),
///         _ => Err(format!("{} bytes are not enough", input.len())),
///     }
/// }
///
/// let pool = Pool::new(&Functions::new().with("strict", strict).enter(), 1)?;
/// let error = |input: &[u8]| pool.call("strict", input).unwrap_err();
/// assert_eq!(error(b"good").to_string(), "strict failed: 4 bytes are not enough");
/// assert!(error(b"panic").to_string().starts_with("strict panicked: oh no ("));
/// let TaskError::WorkerDied(death) = error(b"die") else { panic!() };
/// assert_eq!(death.signal(), Some(6)); // abort(3) is a signal
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskError {
    /// Its function returned an error.
    Failed {
        /// The function.
        function: Arc<str>,
        /// The error's text, and those of its sources.
        message: String,
    },
    /// Its function panicked.
    Panicked {
        /// The function.
        function: Arc<str>,
        /// What it panicked with.
        message: String,
        /// File, line and column, or nothing.
        place: String,
    },
    /// The worker process ended while it had the task in hand.
    WorkerDied(WorkerDied),
    /// It could not be handed to any worker: why.
    NotSent(String),
    /// The pool could not go on: why.
    Broken(String),
    /// The pool was shut down before the task was done.
    Abandoned,
}

/// The end of a worker process, and the task that went down with it.
///
/// ```
/// use ropewalk::process::{Functions, Pool, TaskError};
/// let pool = Pool::new(&Functions::new().with("end", end).enter(), 1)?;
/// fn end(_: &[u8]) -> Result<Vec<u8>, String> {
///     std::process::exit(3)
/// }
/// let Err(TaskError::WorkerDied(death)) = pool.call("end", b"now") else { panic!() };
/// assert_eq!((death.code(), &*death.function, &death.input[..]), (Some(3), "end", &b"now"[..]));
/// println!("{death}");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// prints `worker process 4121 ended with exit code 3 while doing end(b"now"), task 1, after 0.2 ms`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerDied {
    /// The process that ended.
    pub pid: u32,
    /// How it ended; `None` if something else in this program has waited for it.
    pub status: Option<ExitStatus>,
    /// The task's function.
    pub function: Arc<str>,
    /// The beginning of the task's input, at most [`WorkerDied::SHOWN`] bytes.
    pub input: Vec<u8>,
    /// Which task of the pool it was, from 1.
    pub task: u64,
    /// How long the worker had it in hand, about.
    pub after: Duration,
    /// What the worker was doing with it, if that is known.
    pub phase: Option<Phase>,
    /// Whether the kernel has killed a process of this container for want of memory at about that time.
    pub out_of_memory: bool,
}

impl WorkerDied {
    /// Bytes of a task's input that are kept for reports.
    pub const SHOWN: usize = 64;

    /// The signal that ended it, if one did.
    ///
    /// ```
    /// use ropewalk::process::{Functions, Pool, TaskError};
    /// fn end(_: &[u8]) -> Result<Vec<u8>, String> {
    ///     std::process::abort()
    /// }
    /// let pool = Pool::new(&Functions::new().with("end", end).enter(), 1)?;
    /// let Err(TaskError::WorkerDied(death)) = pool.call("end", b"") else { panic!() };
    /// assert_eq!((death.signal(), death.code()), (Some(6), None));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn signal(&self) -> Option<i32> {
        use std::os::unix::process::ExitStatusExt;
        self.status?.signal()
    }

    /// Its exit code, if it had one.
    ///
    /// ```
    /// use ropewalk::process::{Functions, Pool, TaskError};
    /// fn end(_: &[u8]) -> Result<Vec<u8>, String> {
    ///     std::process::exit(0)
    /// }
    /// let pool = Pool::new(&Functions::new().with("end", end).enter(), 1)?;
    /// let Err(TaskError::WorkerDied(death)) = pool.call("end", b"") else { panic!() };
    /// assert_eq!((death.signal(), death.code()), (None, Some(0)));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn code(&self) -> Option<i32> {
        self.status?.code()
    }
}

/// How a process ended, in words.
pub(super) fn ended(status: Option<ExitStatus>) -> String {
    use std::os::unix::process::ExitStatusExt;
    match status.map(|status| (status.signal(), status.code())) {
        Some((Some(9), _)) => "was killed by SIGKILL".to_owned(),
        Some((Some(signal), _)) => format!("was killed by signal {signal}"),
        Some((None, Some(code))) => format!("ended with exit code {code}"),
        Some((None, None)) | None => "ended".to_owned(),
    }
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SubmitError::NoSuchFunction(name) => {
                write!(f, "this program has no function {name:?}: give it one with Functions::with")
            }
            SubmitError::ShutDown => f.write_str("the pool takes no more tasks: it was shut down"),
            SubmitError::Broken(why) => write!(f, "the pool can not go on: {why}"),
            SubmitError::Forked => f.write_str(
                "the pool belongs to the process that this one was forked from: make another one here",
            ),
        }
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskError::Failed { function, message } => write!(f, "{function} failed: {message}"),
            TaskError::Panicked { function, message, place } if place.is_empty() => {
                write!(f, "{function} panicked: {message}")
            }
            TaskError::Panicked { function, message, place } => {
                write!(f, "{function} panicked: {message} ({place})")
            }
            TaskError::WorkerDied(death) => death.fmt(f),
            TaskError::NotSent(why) => write!(f, "the task could not be handed to a worker: {why}"),
            TaskError::Broken(why) => write!(f, "the pool could not go on: {why}"),
            TaskError::Abandoned => f.write_str("the pool was shut down before the task was done"),
        }
    }
}

impl fmt::Display for WorkerDied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WorkerDied { pid, function, task, after, .. } = self;
        write!(f, "worker process {pid} {}", ended(self.status))?;
        if self.out_of_memory {
            f.write_str(" (the kernel was out of memory)")?;
        }
        let input = self.input.escape_ascii();
        let more = if self.input.len() == WorkerDied::SHOWN { "..." } else { "" };
        let doing = match self.phase {
            Some(Phase::Reading | Phase::Starting) => "reading the input of",
            Some(Phase::Answering) => "writing the result of",
            Some(Phase::Running) | None => "doing",
        };
        write!(f, " while {doing} {function}(b\"{input}\"{more}), task {task}, after {after:.1?}")
    }
}

impl std::error::Error for SubmitError {}

impl std::error::Error for TaskError {}

impl std::error::Error for WorkerDied {}
