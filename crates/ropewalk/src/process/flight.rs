//! What each worker of a crew is doing, written down so that it can be told when the worker was killed.
//!
//! A crew has a [`Flight`], a piece of shared memory with a seat for each worker. A worker that [records](Recorder) writes
//! there which task it has in hand and since when, at the price of a few stores; and while one task goes on, a signal's
//! handler looks now and then where the worker is ([`Recorder::watch`]). A worker that was killed at any
//! instruction has left all that behind; [`Crew::fell`](super::Crew::fell) reads it.
//!
//! A task is looked at when it is 50 ms old, at 100, at 200 and so on, and then every second. Tasks that are done before cost
//! no system call: the timer is set when a task begins and none is set, and whoever it finds in a task that is
//! younger sets it for the rest of the time.
//!
//! What must stay true: a process records for one worker at most, in the thread that takes its tasks. What the handler
//! reads was written by the thread that it interrupts.

use crate::primitive::{AtomicU64, Ordering::Relaxed};
use ropewalk_os::clock;
pub use ropewalk_os::sampler::Cause;
use ropewalk_os::sampler::{self, Observer};
use ropewalk_shm::flight::Seat;
pub use ropewalk_shm::flight::{Event, Flight, Phase, Record, Sample, Task, Text, What};
use ropewalk_shm::segment::OpenError;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

/// How old a task is when it is first looked at.
const FIRST: Duration = Duration::from_millis(50);
/// How long nobody looks at most.
const MOST: Duration = Duration::from_secs(1);

/// Writes where the program is. Called by a signal's handler: see [`Observer`] for what it may do.
///
/// ```
/// use ropewalk::process::flight::{Cause, Text, Write};
/// let nowhere: Write = |_: Cause, text: &mut Text<'_>| {
///     text.push(b"somewhere");
/// };
/// # let _ = nowhere;
/// ```
pub type Write = fn(Cause, &mut Text<'_>);

/// Opens what another process made, by its path, to be looked at.
///
/// # Errors
/// [`OpenError`].
///
/// ```
/// use ropewalk::process::flight;
/// assert!(flight::open("/nowhere".as_ref()).is_err());
/// ```
pub fn open(place: &Path) -> Result<Flight, OpenError> {
    let file = File::options().read(true).write(true).open(place)?;
    Flight::open(file.into())
}

/// The records of one worker process, as it makes them.
///
/// ```
/// use ropewalk::process::{Crew, Handed, Worker, flight::{Phase, Recorder}};
/// use ropewalk::{Deadline, Plain};
/// let crew = Crew::new()?;
/// crew.enlist((), 0, b"task").unwrap();
/// crew.post(|_| Handed::Go).unwrap();
///
/// let mut worker = Worker::open(&crew.tasks().place(), &crew.answers().place()).unwrap();
/// worker.record(Recorder::start(crew.flight().unwrap().try_clone_to_owned()?).unwrap().unwrap());
/// worker.take(&mut Plain, Deadline::NEVER).unwrap();
/// worker.running();
///
/// let record = crew.records().pop().unwrap();
/// assert_eq!(record.who.pid, std::process::id());
/// assert_eq!(record.task.unwrap().phase, Phase::Running);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Recorder {
    seat: Seat,
    write: OnceLock<Write>,
    /// When the task began that was last found in hand, and how long to wait before it is looked at again, in nanoseconds.
    found: AtomicU64,
    pause: AtomicU64,
}

impl Recorder {
    /// The calling process records in this memory from now on. It is starting, until it takes a task or
    /// [rests](Recorder::rest). `None` if there is no room for it. It is never given back: a handler of a signal may
    /// use it at any time.
    ///
    /// # Errors
    /// [`OpenError`].
    ///
    /// ```
    /// use ropewalk::process::{Crew, flight::{Phase, Recorder}};
    /// let crew = Crew::<u32>::new()?;
    /// let recorder = Recorder::start(crew.flight().unwrap().try_clone_to_owned()?).unwrap().unwrap();
    /// assert_eq!(recorder.read().unwrap().task.unwrap().phase, Phase::Starting);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn start(memory: std::os::fd::OwnedFd) -> Result<Option<&'static Recorder>, OpenError> {
        let Some(seat) = Seat::take(Flight::open(memory)?)? else { return Ok(None) };
        seat.begin(0, Phase::Starting, clock::now());
        Ok(Some(Box::leak(Box::new(Recorder {
            seat,
            write: OnceLock::new(),
            found: AtomicU64::new(0),
            pause: AtomicU64::new(0),
        }))))
    }

    /// The calling thread is looked at from now on while it has a task in hand, and when it crashes; `write` says where it
    /// is. Handlers that the program has for crashes are kept; those of a *friend* see the crash after us, which is
    /// code in the same file as the address `friend`.
    ///
    /// # Errors
    /// As [`sampler::start`]; then tasks are recorded, and nobody looks.
    ///
    /// ```
    /// use ropewalk::process::{Crew, flight::Recorder};
    /// let crew = Crew::<u32>::new()?;
    /// let recorder = Recorder::start(crew.flight().unwrap().try_clone_to_owned()?).unwrap().unwrap();
    /// recorder.watch(|_, text| drop(text.push(b"here")), 0)?;
    /// while recorder.read().unwrap().sample.is_none() {} // for it is starting
    /// assert_eq!(recorder.read().unwrap().sample.unwrap().text, b"here");
    /// recorder.stop();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn watch(&'static self, write: Write, friend: usize) -> io::Result<()> {
        if self.write.set(write).is_ok() {
            sampler::start(self, friend)?;
            sampler::arm(FIRST);
        }
        Ok(())
    }

    /// The process is ready for tasks, and has none.
    ///
    /// ```
    /// use ropewalk::process::{Crew, flight::Recorder};
    /// let crew = Crew::<u32>::new()?;
    /// let recorder = Recorder::start(crew.flight().unwrap().try_clone_to_owned()?).unwrap().unwrap();
    /// recorder.rest();
    /// assert_eq!(recorder.read().unwrap().task, None);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn rest(&self) {
        self.seat.rest();
    }

    /// What others would read.
    ///
    /// ```
    /// use ropewalk::process::{Crew, flight::Recorder};
    /// let crew = Crew::<u32>::new()?;
    /// let recorder = Recorder::start(crew.flight().unwrap().try_clone_to_owned()?).unwrap().unwrap();
    /// assert_eq!(recorder.read().unwrap().who.pid, std::process::id());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn read(&self) -> Option<Record> {
        self.seat.read()
    }

    /// Nobody looks any more, and the seat is free unless a task is in hand.
    ///
    /// ```
    /// use ropewalk::process::{Crew, flight::Recorder};
    /// let crew = Crew::<u32>::new()?;
    /// let recorder = Recorder::start(crew.flight().unwrap().try_clone_to_owned()?).unwrap().unwrap();
    /// recorder.rest();
    /// recorder.stop();
    /// assert!(crew.records().is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stop(&self) {
        if self.write.get().is_some() {
            sampler::stop();
        }
        self.seat.leave();
    }

    #[inline]
    pub(super) fn begin(&self, number: u64, now: u64) {
        self.seat.begin(number, Phase::Reading, now);
        sampler::arm(FIRST);
    }

    #[inline]
    pub(super) fn call(&self, name: &[u8]) {
        self.seat.call(name);
    }

    #[inline]
    pub(super) fn run(&self) {
        self.seat.turn_to(Phase::Running);
    }

    #[inline]
    pub(super) fn answer(&self) {
        self.seat.turn_to(Phase::Answering);
    }

    #[inline]
    pub(super) fn end(&self, kind: u8, now: u64) {
        self.seat.end(kind, now);
    }

    fn take_down(&self, task: Task, now: u64, cause: Cause) {
        let signal = match cause {
            Cause::Time => 0,
            Cause::Crash(signal) => signal.unsigned_abs(),
        };
        self.seat.sample(task, now, signal, |text| {
            if let Some(write) = self.write.get() {
                write(cause, text);
            }
        });
    }
}

impl Observer for Recorder {
    fn look(&self, cause: Cause) -> Option<Duration> {
        let task = self.seat.in_hand()?;
        let now = clock::now();
        if cause != Cause::Time {
            self.take_down(task, now, cause);
            return None;
        }
        if self.found.swap(task.since, Relaxed) != task.since {
            self.pause.store(nanos(FIRST), Relaxed);
        }
        let age = now.saturating_sub(task.since);
        if age < nanos(FIRST) {
            return Some(Duration::from_nanos(nanos(FIRST) - age));
        }
        self.take_down(task, now, cause);
        let pause = self.pause.load(Relaxed);
        self.pause.store((pause * 2).min(nanos(MOST)), Relaxed);
        Some(Duration::from_nanos(pause))
    }
}

const fn nanos(time: Duration) -> u64 {
    time.as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    /// A recorder that nothing wakes: its looks are called.
    fn recorder() -> &'static Recorder {
        let flight = Flight::create().expect("memory");
        let fd = flight.as_fd().try_clone_to_owned().expect("dup");
        let recorder = Recorder::start(fd).expect("a flight").expect("room");
        recorder.rest();
        recorder
    }

    #[test]
    fn a_task_that_is_young_is_looked_at_when_it_is_old_enough() {
        let recorder = recorder();
        assert_eq!(recorder.look(Cause::Time), None, "nothing is in hand");
        recorder.begin(1, clock::now());
        let rest = recorder.look(Cause::Time).expect("later");
        assert!(rest > Duration::ZERO && rest <= FIRST);
        assert_eq!(recorder.read().expect("ours").sample, None);
    }

    #[test]
    fn an_old_task_is_looked_at_less_and_less_often_and_a_new_one_from_the_beginning() {
        let recorder = recorder();
        let long_ago = 1; // when the machine started
        recorder.begin(1, long_ago);
        recorder.call(b"resize");
        let pauses: Vec<_> = (0..7).map(|_| recorder.look(Cause::Time).expect("again").as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1000, 1000]);
        let sample = recorder.read().expect("ours").sample.expect("made");
        assert_eq!((sample.task.number, &sample.name[..], sample.signal), (1, &b"resize"[..], 0));
        recorder.end(0, clock::now());
        recorder.begin(2, long_ago + 1);
        assert_eq!(recorder.look(Cause::Time), Some(FIRST));
    }

    #[test]
    fn a_crash_is_taken_down_however_young_the_task_is() {
        let recorder = recorder();
        assert_eq!(recorder.look(Cause::Crash(11)), None);
        assert_eq!(recorder.read().expect("ours").sample, None, "it was in no task");
        recorder.begin(1, clock::now());
        assert_eq!(recorder.look(Cause::Crash(11)), None);
        assert_eq!(recorder.read().expect("ours").sample.expect("made").signal, 11);
    }
}
