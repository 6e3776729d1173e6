//! Where in the program something happened.

use crate::host;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// A line of Rust source, or whatever the [`Host`](host::Host) calls a place.
///
/// ```
/// use ropewalk::lock_order::Place;
/// assert_eq!(Place::from("bank.py:31").to_string(), "bank.py:31");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A line of Rust source.
    Source(&'static Location<'static>),
    /// In the host's words.
    Host(Arc<str>),
}

impl Place {
    /// Where the calling thread stands: asks the host, so nothing of the engine may be held.
    pub(crate) fn here(source: &'static Location<'static>) -> Place {
        host::get().place().map_or(Place::Source(source), Place::Host)
    }
}

impl From<&str> for Place {
    fn from(place: &str) -> Place {
        Place::Host(place.into())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Source(source) => write!(f, "{}:{}", source.file(), source.line()),
            Place::Host(place) => f.write_str(place),
        }
    }
}
