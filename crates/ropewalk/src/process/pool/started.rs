//! How a worker is started, and how a program sees that it was.
//!
//! A worker is this very program, started anew through `/proc/self/exe`: also if its file has been replaced meanwhile.
//! It inherits the two queues, the flight and a lifeline. An environment variable tells their numbers, and which file the first is:
//! programs that a task starts have the variable too, but not the descriptors.

use crate::process::flight::Recorder;
use crate::process::{Crew, Worker};
use ropewalk_os::child;
use ropewalk_os::lifeline::{self, End};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, Stdio, exit};

const HANDS: &str = "ROPEWALK_WORKER";

/// Makes changes to the command that starts a worker.
pub(super) type Change = Box<dyn Fn(&mut Command) + Send + Sync>;

/// Starts one more worker of a crew.
pub(super) fn start<T>(crew: &Crew<T>, change: Option<&Change>) -> io::Result<Child> {
    let mut command = Command::new("/proc/self/exe");
    if let Some(name) = std::env::args_os().next() {
        command.arg0(name);
    }
    command.stdin(Stdio::null());
    if let Some(change) = change {
        catch_unwind(AssertUnwindSafe(|| change(&mut command)))
            .map_err(|_| io::Error::other("the program's change of the command panicked"))?;
    }
    let tasks = child::inherit(&mut command, crew.tasks())?;
    let answers = child::inherit(&mut command, crew.answers())?;
    // None is told as the descriptor that is the input, which is nobody's flight.
    let flight = crew.flight().map_or(Ok(0), |flight| child::inherit(&mut command, &flight))?;
    let line = child::inherit(&mut command, &lifeline::lease()?)?;
    let (device, inode) = file(crew.tasks().as_fd().try_clone_to_owned()?)?;
    // Last: without it a worker would take itself for the program.
    command.env(HANDS, format!("{tasks} {answers} {flight} {line} {device} {inode}"));
    command.spawn()
}

/// What this process has in its hands, if it was started as a worker. From here on it ends with its pool's process.
pub(super) fn as_worker() -> Option<Worker> {
    let [tasks, answers, flight, line, device, inode] = parse(&std::env::var_os(HANDS)?)?;
    let numbers = [tasks, answers, flight, line].map(|number| RawFd::try_from(number).unwrap_or(-1));
    if file(child::inherited(numbers[0]).ok()?).ok()? != (device, inode) {
        return None; // some worker's child
    }
    match take(numbers) {
        Ok(worker) => Some(worker),
        Err(error) => {
            eprintln!("ropewalk: this worker process can not begin: {error}");
            exit(1)
        }
    }
}

fn take([tasks, answers, flight, line]: [RawFd; 4]) -> Result<Worker, Box<dyn std::error::Error>> {
    lifeline::hold(&child::inherited(line)?, End::AtOnce)?;
    let mut worker = Worker::from_fds(child::inherited(tasks)?, child::inherited(answers)?)?;
    if flight != 0
        && let Ok(Some(recorder)) = Recorder::start(child::inherited(flight)?)
    {
        worker.record(recorder);
    }
    for number in [tasks, answers, flight, line].into_iter().filter(|&number| number != 0) {
        child::close_on_exec(number)?;
    }
    // The kernel calls it "exe", after the link. A name is all that is lost if this fails.
    if let Some(name) = std::env::current_exe().ok().as_deref().and_then(|path| path.file_name()) {
        let _ = std::fs::write("/proc/self/comm", name.as_encoded_bytes());
    }
    Ok(worker)
}

fn parse(told: &OsStr) -> Option<[u64; 6]> {
    let numbers: Vec<u64> = told.to_str()?.split(' ').map_while(|number| number.parse().ok()).collect();
    numbers.try_into().ok()
}

/// Which file a descriptor is: device and number.
fn file(fd: OwnedFd) -> io::Result<(u64, u64)> {
    let found = File::from(fd).metadata()?;
    Ok((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Queue;

    #[test]
    fn what_a_worker_was_told_is_read_and_nothing_else() {
        assert_eq!(parse("7 8 9 10 1 4242".as_ref()), Some([7, 8, 9, 10, 1, 4242]));
        for told in ["", "7", "7 8 9 1 4242", "7 8 9 10 1 x", "7 8 9 10 1 4242 1", "-7 8 9 10 1 4242"] {
            assert_eq!(parse(told.as_ref()), None, "{told:?}");
        }
    }

    #[test]
    fn a_process_that_was_told_of_another_file_is_no_worker() {
        let queue = Queue::unbounded().expect("memory");
        let here = || queue.as_fd().try_clone_to_owned().expect("descriptors");
        assert_eq!(file(here()).expect("open"), file(here()).expect("open"));
        let other = Queue::unbounded().expect("memory").as_fd().try_clone_to_owned().expect("descriptors");
        assert_ne!(file(here()).expect("open"), file(other).expect("open"));
    }
}
