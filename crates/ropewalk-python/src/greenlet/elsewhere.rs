//! The greenlets of another process, read from here. That process is not asked, and may hang; it only has to run the same files.
//!
//! What is read may change meanwhile, and nothing of it is trusted: a greenlet that makes no sense is left out. One that is
//! suspended while it is read is told of as it stands.

use super::interpreter::{self, Forked};
use super::object::{Greenlet, Stage, State};
use super::roll::{self, STATES, Slab};
use super::thread::Thread;
use crate::processes::stack::Elsewhere;
use pyo3::exceptions::{PyOSError, PyPermissionError, PyProcessLookupError};
use pyo3::prelude::*;
use ropewalk_os::other_memory;
use std::io;
use std::mem::offset_of;

/// Frames of a greenlet that are told.
const FRAMES: usize = 40;
/// Slabs that are read: a chain that leads in a circle has no end.
const SLABS: usize = 1 << 17;

/// A greenlet: its address, its parent's (0: none), what its type is called, the number of its thread and whether that is the first
/// one, whether it is the one that the thread began with, whether it runs, and its frames.
type Told = (usize, usize, String, u64, bool, bool, bool, Vec<String>);

/// The greenlets of a process that have begun and not ended.
#[pyfunction]
#[pyo3(signature = (pid, /))]
pub(super) fn process_greenlets(py: Python<'_>, pid: u32) -> PyResult<Vec<Told>> {
    let unseen = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => PyProcessLookupError::new_err(error.to_string()),
        io::ErrorKind::PermissionDenied => PyPermissionError::new_err(REFUSED),
        _ if error.raw_os_error() == Some(3) => PyProcessLookupError::new_err(error.to_string()),
        _ => error.into(),
    };
    let distance = other_memory::distance(pid, roll::place()).map_err(unseen)?;
    let interpreter = Elsewhere::find(py, pid).map_err(unseen)?;
    let (Some(distance), Some(interpreter)) = (distance, interpreter) else {
        return Err(PyOSError::new_err(OTHER));
    };
    let at = |place: usize| place.wrapping_add_signed(distance);
    let mut word = [0; 8];
    other_memory::read(pid, at(roll::place()), &mut word).map_err(unseen)?;
    let Some(forked) = forked(pid, at(interpreter::place_of_forked())) else { return Ok(Vec::new()) };
    Ok(Reader { pid, interpreter, forked, frame: interpreter::frame_place() }.all(usize::from_ne_bytes(word)))
}

const REFUSED: &str = "the kernel lets nobody but root, and whoever may trace it, read that process's memory \
                       (kernel.yama.ptrace_scope): look as root; kill -QUIT makes it print its greenlets itself";
const OTHER: &str = "it runs another build of Python or of ropewalk than the one that looks: look with its own \
                     (its python -m ropewalk doctor)";

fn forked(pid: u32, place: usize) -> Option<Forked> {
    let mut words = [[0; 8]; 2];
    other_memory::read(pid, place, words.as_flattened_mut()).ok()?;
    let [thread, times] = words.map(usize::from_ne_bytes);
    Some(Forked { thread: std::ptr::without_provenance_mut(thread), times: times as _ })
}

struct Reader {
    pid: u32,
    interpreter: Elsewhere,
    forked: Forked,
    frame: (usize, Option<usize>),
}

impl Reader {
    fn all(&self, first: usize) -> Vec<Told> {
        let mut found = Vec::new();
        let mut slab = first;
        let mut bytes = vec![0; size_of::<Slab>()];
        for _ in 0..SLABS {
            if slab == 0 || other_memory::read(self.pid, slab, &mut bytes).is_err() {
                break;
            }
            let states = &bytes[offset_of!(Slab, states)..][..STATES * size_of::<State>()];
            found.extend(states.chunks_exact(size_of::<State>()).filter_map(|state| self.told(state)));
            slab = word(&bytes, offset_of!(Slab, next));
        }
        found
    }

    fn told(&self, state: &[u8]) -> Option<Told> {
        let greenlet = word(state, offset_of!(State, greenlet));
        let stage = state[offset_of!(State, stage)];
        let runs = stage == Stage::Running as u8;
        if greenlet == 0 || !(runs || stage == Stage::Suspended as u8) {
            return None;
        }
        let thread = self.thread(word(state, offset_of!(State, main)))?;
        let frames = if runs { Vec::new() } else { self.frames(state) };
        Some((
            greenlet,
            word(state, offset_of!(State, parent)),
            self.interpreter.type_name(greenlet)?,
            thread.0,
            thread.1,
            state[offset_of!(State, is_main)] != 0,
            runs,
            frames,
        ))
    }

    /// The number of the thread whose main greenlet this is, and whether it is the first; `None` if it has ended, or was the
    /// parent's.
    fn thread(&self, main: usize) -> Option<(u64, bool)> {
        let read = |address: usize, offset: usize| self.interpreter.word(address.checked_add(offset)?);
        let state = read(main, offset_of!(Greenlet, state))?;
        let thread = read(state, offset_of!(State, thread)).filter(|thread| *thread != 0)?;
        let mut bytes = [0; size_of::<Thread>()];
        other_memory::read(self.pid, thread, &mut bytes).ok()?;
        let survived = self.forked.thread.addr() == thread;
        if !survived && word(&bytes, Thread::PLACE_OF_FORKS) as u64 != self.forked.times {
            return None;
        }
        Some((
            word(&bytes, offset_of!(Thread, ident)) as u64,
            survived || bytes[offset_of!(Thread, is_first)] != 0,
        ))
    }

    fn frames(&self, state: &[u8]) -> Vec<String> {
        let saved = offset_of!(State, saved) + self.frame.0;
        let pointer = word(state, saved);
        let innermost = match self.frame.1 {
            None => Some(pointer),
            Some(then) => self.interpreter.word(pointer.wrapping_add(then)),
        };
        self.interpreter.frames(innermost.unwrap_or(0), FRAMES)
    }
}

fn word(bytes: &[u8], at: usize) -> usize {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |word| usize::from_ne_bytes(*word))
}
