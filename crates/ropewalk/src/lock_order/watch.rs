//! The switch, and what a watched lock knows of itself.

use super::graph;
use super::place::Place;
use std::panic::Location;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// Which locks are taken for the same.
///
/// ```
/// use ropewalk::lock_order::{Inversion, Watching, set_watching};
/// use ropewalk::{host, sync::Mutex};
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// static FOUND: AtomicUsize = AtomicUsize::new(0);
/// struct Counting;
/// impl host::Host for Counting {
///     fn inversion(&self, _: &Inversion) {
///         FOUND.fetch_add(1, Ordering::Relaxed);
///     }
/// }
/// host::install(Counting);
/// for (watching, found) in [(Watching::ByInstance, 0), (Watching::BySite, 1)] {
///     set_watching(watching);
///     let [one, other] = [1, 2].map(|number| (Mutex::new(number), Mutex::new("name")));
///     drop((one.0.lock(), one.1.lock()));
///     drop((other.1.lock(), other.0.lock())); // other locks, of the same two classes
///     assert_eq!(FOUND.load(Ordering::Relaxed), found);
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watching {
    /// Locks are not watched.
    Off,
    /// Locks made at the same place are one class, as the locks of all accounts of a bank. An order between two
    /// classes holds for all their locks; two locks of one class are told apart.
    BySite,
    /// Every lock is its own. Sees less and keeps more: for programs whose classes are too coarse.
    ByInstance,
}

static WATCHING: AtomicU8 = AtomicU8::new(Watching::Off as u8);
static NEXT: AtomicU32 = AtomicU32::new(1);

/// How locks made now will be watched.
///
/// ```
/// use ropewalk::lock_order::{Watching, set_watching, watching};
/// assert_eq!(watching(), Watching::Off);
/// set_watching(Watching::ByInstance);
/// assert_eq!(watching(), Watching::ByInstance);
/// ```
#[inline]
pub fn watching() -> Watching {
    match WATCHING.load(Ordering::Relaxed) {
        0 => Watching::Off,
        1 => Watching::BySite,
        _ => Watching::ByInstance,
    }
}

/// Watches locks made from now on, or no longer.
///
/// ```
/// use ropewalk::lock_order::{Watching, set_watching, watching};
/// assert_eq!(watching(), Watching::Off);
/// set_watching(Watching::BySite);
/// assert_eq!(watching(), Watching::BySite);
/// ```
pub fn set_watching(watching: Watching) {
    WATCHING.store(watching as u8, Ordering::Relaxed);
}

/// What a lock knows of itself: all zero if it is not watched.
///
/// Classes and single locks are numbered by the same counter, so that both can be nodes of one graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watch {
    pub(super) class: u32,
    pub(super) number: u32,
}

impl Watch {
    /// For a lock that is being made.
    #[inline]
    pub(crate) fn begin(source: &'static Location<'static>) -> Watch {
        match watching() {
            Watching::Off => Watch { class: 0, number: 0 },
            watching => Watch::of_class(watching, source),
        }
    }

    #[cold]
    fn of_class(watching: Watching, source: &'static Location<'static>) -> Watch {
        let (place, number) = (Place::here(source), next());
        let class =
            graph::class_of(place, if watching == Watching::ByInstance { Some(number) } else { None });
        Watch { class, number }
    }

    #[inline]
    pub(crate) fn is_on(self) -> bool {
        self.class != 0
    }
}

/// A new number for a class or a lock; never zero.
pub(super) fn next() -> u32 {
    loop {
        match NEXT.fetch_add(1, Ordering::Relaxed) {
            0 => {}
            number => return number,
        }
    }
}
