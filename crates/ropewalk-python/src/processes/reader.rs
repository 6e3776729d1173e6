//! What a future can ask of the crew that has its task: to read its answer here, and to stop it.

use super::crew::{STOPPED, Shared, Ticket, kind};
use crate::detach::Attached;
use crate::futures::{PyFuture, Reader, Visit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use ropewalk::Deadline;
use ropewalk::process::{PopError, Stopping};

impl Reader for Shared {
    fn visit(&self, future: &Bound<'_, PyFuture>, deadline: Deadline) -> PyResult<Visit> {
        let py = future.py();
        // What may be tried again, and what was stopped, is the host's to settle.
        let mine = |ticket: &Ticket, kind: u8| {
            kind & STOPPED == 0
                && ticket.owner.as_ptr() == future.as_ptr()
                && ticket.detail.bind(py).is_exact_instance_of::<PyTuple>()
        };
        let done = || future.get().slot.state().is_done();
        match self.crew.visit(mine, done, &mut Attached(py), deadline) {
            Ok(Some(arrival)) => match self.tell(py, arrival)? {
                None => Ok(Visit::Elsewhere),
                Some((0, owner, detail, kind, _, _)) => {
                    self.set_aside(Ticket { owner, detail }, kind, String::new());
                    self.look()?;
                    Ok(Visit::Elsewhere)
                }
                Some((_, _, detail, kind, _, parcel)) => {
                    let arguments = (kind, parcel, detail).into_pyobject(py)?.unbind();
                    Ok(Visit::Call((self.open.clone_ref(py), arguments, None)))
                }
            },
            Ok(None) | Err(PopError::ShutDown | PopError::Fault(_)) => Ok(Visit::Elsewhere),
            Err(PopError::Empty) => Ok(Visit::TimedOut),
            Err(PopError::Interrupted(error)) => Err(error),
        }
    }

    fn stop(&self, future: &Bound<'_, PyFuture>) -> PyResult<bool> {
        let address = future.as_ptr() as usize;
        // It may have to wait for a thread that wants the GIL.
        match future.py().detach(|| self.crew.stop(|ticket| ticket.owner.as_ptr() as usize == address)) {
            Stopping::Asked => Ok(true),
            Stopping::Unknown => Ok(false),
            Stopping::Withdrawn(ticket) => {
                self.set_aside(ticket, kind::WITHDRAWN, String::new());
                self.look()?;
                Ok(true)
            }
        }
    }
}
