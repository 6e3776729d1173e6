//! What lies in memory that another process has open, for who looks at it from outside.

use crate::error;
use crate::processes::record;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use ropewalk::process::{Lock, OpenError, Queue, flight};
use std::path::PathBuf;

/// Looks, and changes nothing.
#[pyfunction]
#[pyo3(signature = (place, /))]
fn look_at_segment(py: Python<'_>, place: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let found = PyDict::new(py);
    let (counts, capacity) = match py.detach(|| Queue::look(&place)) {
        Ok(looked) => looked,
        Err(OpenError::System(error)) if error.raw_os_error().is_some() => {
            return Err(error::system(py, &error));
        }
        // Workers' records, locks and the like have layouts of their own; so have other versions.
        Err(why @ OpenError::Layout { .. }) => {
            if let Ok(flight) = flight::open(&place) {
                found.set_item("kind", "workers")?;
                let workers: PyResult<Vec<_>> =
                    flight.records().iter().map(|record| record::told(py, record)).collect();
                found.set_item("workers", workers?)?;
                return Ok(found);
            }
            match py.detach(|| Lock::look(&place)) {
                Ok(held) => {
                    found.set_item("kind", "objects")?;
                    found.set_item("held", held)?;
                }
                Err(_) => {
                    found.set_item("kind", "unreadable")?;
                    found.set_item("error", why.to_string())?;
                }
            }
            return Ok(found);
        }
        Err(why) => {
            found.set_item("kind", "unreadable")?;
            found.set_item("error", why.to_string())?;
            return Ok(found);
        }
    };
    found.set_item("kind", "queue")?;
    match counts {
        Some(counts) => {
            found.set_item("waiting", counts.waiting())?;
            found.set_item("put", counts.pushed)?;
            found.set_item("taken", counts.popped)?;
            found.set_item("unfinished", counts.unfinished)?;
        }
        None => found.set_item("error", "it changes all the time")?,
    }
    found.set_item("capacity", Some(capacity).filter(|&capacity| capacity != u64::MAX))?;
    Ok(found)
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(look_at_segment, module)?)
}
