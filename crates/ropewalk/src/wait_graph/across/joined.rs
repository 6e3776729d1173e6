//! The wait for the end of a process, which sleeps where the system lets it sleep.

use super::note::Note;
use super::report::ProcessCycle;

/// A declared wait for the end of a process. It is over when this is dropped.
///
/// ```
/// use ropewalk::wait_graph::{Joining, Kind, process_waits};
/// let mut child = std::process::Command::new("sleep").arg("1000").spawn()?;
/// let joining = Joining::begin(child.id()).unwrap();
/// let waits = process_waits(std::process::id())?;
/// assert_eq!((waits[0].kind, waits[0].holder.unwrap().pid), (Kind::Process, child.id()));
/// child.kill()?;
/// child.wait()?;
/// drop(joining);
/// assert!(process_waits(std::process::id())?.is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "the wait is over when this is dropped"]
pub struct Joining(#[allow(dead_code, reason = "it is kept until the wait is over")] Note<'static>);

impl Joining {
    /// The calling thread is about to wait, without a deadline, for the end of a process.
    ///
    /// # Errors
    /// The circle, if this wait would close a certain deadlock and the mode is
    /// [`Mode::Raise`](crate::wait_graph::Mode::Raise).
    ///
    /// ```
    /// use ropewalk::wait_graph::Joining;
    /// assert!(Joining::begin(1).is_ok()); // it waits for nothing of ours
    /// ```
    pub fn begin(pid: u32) -> Result<Joining, Box<ProcessCycle>> {
        let mut note = Note::of_process(pid);
        note.stand();
        if let Some(cycle) = note.look_now(0) {
            return Err(cycle);
        }
        note.leave_it_at_that();
        Ok(Joining(note))
    }
}

impl std::fmt::Debug for Joining {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Joining")
    }
}
