//! What a worker has written down about itself, as Python reads it.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use ropewalk::process::flight::{Phase, Record, Task, What};
use ropewalk_os::clock;

/// A bit of the kind of an answer: it is an exception.
const FAILED: u8 = 1;

/// As a dictionary. Times are in seconds before now.
pub(crate) fn told<'py>(py: Python<'py>, record: &Record) -> PyResult<Bound<'py, PyDict>> {
    let now = clock::now();
    let ago = |when: u64| now.saturating_sub(when) as f64 / 1e9;
    let told = PyDict::new(py);
    told.set_item("pid", record.who.pid)?;
    told.set_item("task", record.task.map(|task| task.number).filter(|&number| number != 0))?;
    told.set_item("phase", record.task.map_or("idle", |task| phase(task.phase)))?;
    told.set_item("seconds", record.task.map(|task| ago(task.since)))?;
    told.set_item("done", record.done)?;
    let events = record.events.iter().map(|event| {
        let what = match event.what {
            What::Begun => "begun",
            What::Answered(kind) if kind & FAILED == 0 => "done",
            What::Answered(_) => "failed",
        };
        (what, event.number, ago(event.when))
    });
    told.set_item("events", PyList::new(py, events.collect::<Vec<_>>())?)?;
    let sample = record.sample.as_ref();
    told.set_item("sampled", sample.map(|sample| ago(sample.when)))?;
    told.set_item("resident", sample.map(|sample| sample.resident).filter(|&bytes| bytes != 0))?;
    // What was seen of an earlier task says nothing about this one.
    let sample = sample.filter(|sample| record.task.is_some_and(|task| same(task, sample.task)));
    let name = sample.map(|sample| String::from_utf8_lossy(&sample.name)).filter(|name| !name.is_empty());
    told.set_item("function", name)?;
    told.set_item("signal", sample.map_or(0, |sample| sample.signal))?;
    let stack = sample.map_or_else(Vec::new, |sample| frames(&sample.text));
    told.set_item("stack", PyList::new(py, stack)?)?;
    Ok(told)
}

fn same(task: Task, other: Task) -> bool {
    (task.number, task.since) == (other.number, other.since)
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Starting => "starting",
        Phase::Reading => "reading",
        Phase::Running => "running",
        Phase::Answering => "answering",
    }
}

/// File, line and function of each frame, the innermost last.
fn frames(text: &[u8]) -> Vec<(String, u32, String)> {
    let text = String::from_utf8_lossy(text);
    let frame = |line: &str| {
        let mut parts = line.splitn(3, '\t');
        let (line, name, file) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
        Some((file.to_owned(), line, name.to_owned()))
    };
    let mut frames: Vec<_> = text.lines().filter_map(frame).collect();
    frames.reverse();
    frames
}
