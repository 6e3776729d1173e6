//! What was found across processes, as data and as a drawing.

use crate::wait_graph::Kind;
use ropewalk_os::clock;
use ropewalk_os::thread::ThreadId;
use ropewalk_shm::board::Posting;
use std::fmt;
use std::time::Duration;

/// Who has what is waited for.
///
/// ```
/// use ropewalk::wait_graph::process_waits;
/// for wait in process_waits(std::process::id())? {
///     println!("{:?} is held by {:?}", wait.object, wait.holder);
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// The thread, as its process names it, if that is known.
    pub thread: Option<ThreadId>,
    /// Whether the process lives.
    pub lives: bool,
}

/// One thread's wait on something that processes share, as it was at one moment.
///
/// ```
/// use ropewalk::wait_graph::process_waits;
/// for wait in process_waits(std::process::id())? {
///     println!("{:?} of process {} waits for {}", wait.thread, wait.pid, wait.kind);
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessWait {
    /// The process that waits.
    pub pid: u32,
    /// Its thread, as it names it.
    pub thread: ThreadId,
    /// For what kind of thing.
    pub kind: Kind,
    /// Which one: the number of its memory, the same for all who have it, and its number there. Of a process that is
    /// waited for, zero and its number.
    pub object: (u64, u64),
    /// Nanoseconds on the monotonic clock at which the wait began.
    pub since: u64,
    /// How long it had waited.
    pub waited: Duration,
    /// Whether the wait ends by itself at a deadline.
    pub timed: bool,
    /// Who has it, of a lock; which process is waited for.
    pub holder: Option<Holder>,
    /// What the thread is called, maybe with more about its process behind a tab; and where it stands, the innermost place
    /// first.
    pub name: String,
    /// As above.
    pub places: Vec<String>,
}

impl ProcessWait {
    pub(super) fn of(pid: u32, posting: &Posting, holder: Option<Holder>) -> ProcessWait {
        let mut lines = posting.text.lines().map(str::to_owned);
        ProcessWait {
            pid,
            thread: ThreadId(posting.thread),
            kind: Kind::from_number(posting.kind),
            object: (posting.memory, posting.number),
            since: posting.since,
            waited: Duration::from_nanos(clock::now().saturating_sub(posting.since)),
            timed: posting.until != u64::MAX,
            holder,
            name: lines.next().unwrap_or_default(),
            places: lines.collect(),
        }
    }

    /// The thread in as few words as tell it from others.
    fn who(&self) -> String {
        if self.name.is_empty() {
            format!("thread {:#x} of process {}", self.thread.0, self.pid)
        } else {
            format!("{} of process {}", self.name, self.pid)
        }
    }
}

impl fmt::Display for ProcessWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} waits for {}", self.who(), self.kind)?;
        match self.object {
            (0, process) => write!(f, " {process}")?,
            (memory, number) => write!(f, " {memory}:{number}")?,
        }
        if let Some(holder) = self.holder.filter(|_| self.kind != Kind::Process) {
            write!(f, " held by process {}", holder.pid)?;
        }
        write!(f, " ({:.1} s)", self.waited.as_secs_f64())?;
        self.places.first().map_or(Ok(()), |place| write!(f, " at {place}"))
    }
}

/// Threads of several processes, or of one, that wait for each other over what processes share.
///
/// ```
/// use ropewalk::wait_graph::process_cycles;
/// assert!(process_cycles(&[std::process::id()])?.is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessCycle {
    pub(super) certain: bool,
    pub(super) closed: bool,
    pub(super) waits: Vec<ProcessWait>,
}

impl ProcessCycle {
    /// Whether nothing can end it: there is no plain lock in it, which another process might release.
    ///
    /// ```
    /// use ropewalk::wait_graph::process_cycles;
    /// let certain = process_cycles(&[std::process::id()])?.iter().any(|cycle| cycle.is_certain());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_certain(&self) -> bool {
        self.certain
    }

    /// Whether it is a circle. Else all who have a queue wait, and nobody is left to go on.
    ///
    /// ```
    /// use ropewalk::wait_graph::process_cycles;
    /// let circles = process_cycles(&[std::process::id()])?.iter().filter(|cycle| cycle.is_circle()).count();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_circle(&self) -> bool {
        self.closed
    }

    /// The waits. Of a circle each is held up by the next, the last by the first.
    ///
    /// ```
    /// use ropewalk::wait_graph::process_cycles;
    /// for cycle in process_cycles(&[std::process::id()])? {
    ///     println!("{} threads", cycle.waits().len());
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn waits(&self) -> &[ProcessWait] {
        &self.waits
    }
}

impl fmt::Display for ProcessCycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match (self.certain, self.closed) {
            (true, _) => "certain",
            (false, true) => "possible: another process may release a plain lock",
            (false, false) => "possible: nobody is left who has this queue and does not wait",
        };
        let who = match self.waits.len() {
            1 => "a thread waits for itself, or for nobody".to_owned(),
            count => format!("{count} threads of processes wait for each other"),
        };
        writeln!(f, "DEADLOCK ({verdict}): {who}")?;
        self.waits.iter().try_for_each(|wait| writeln!(f, "    {wait}"))?;
        write!(f, "Fix: take the locks in one order everywhere, or wait with a deadline.")
    }
}
