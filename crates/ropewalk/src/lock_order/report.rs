//! Two places that take the same locks in different orders, as data and as text.

use super::place::Place;
use std::fmt;

/// One lock taken while another was held, as it was first seen.
///
/// ```
/// // One of the two links of the usual inversion: a lock held, another taken, and where.
/// fn tell(link: &ropewalk::lock_order::Link) -> String {
///     format!("{} was taken while {} was held, at {}", link.taken, link.held, link.place)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where the lock that was held was made.
    pub held: Place,
    /// Its number, or its class's: tells apart locks made at one place.
    pub held_number: u32,
    /// Where the lock that was taken was made.
    pub taken: Place,
    /// Its number, or its class's.
    pub taken_number: u32,
    /// Where it was taken.
    pub place: Place,
}

/// Locks are taken in orders that contradict each other.
///
/// ```
/// use ropewalk::lock_order::{Inversion, Link, Watching, set_watching};
/// use ropewalk::{host, sync::Mutex};
/// struct Print;
/// impl host::Host for Print {
///     fn inversion(&self, inversion: &Inversion) {
///         let links: &[Link] = inversion.links();
///         println!("{} and {} in both orders", links[0].held, links[0].taken);
///         std::process::exit(0); // seen: the example has done its work
///     }
/// }
/// host::install(Print);
/// set_watching(Watching::BySite);
/// let a = Mutex::new(1);
/// let b = Mutex::new(2);
/// drop((a.lock(), b.lock()));
/// drop((b.lock(), a.lock()));
/// unreachable!("the second order contradicts the first");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inversion {
    pub(super) links: Vec<Link>,
}

impl Inversion {
    /// The orders, each beginning with the lock that the one before took; the first is the one just seen, and
    /// begins with the lock that the last one took.
    ///
    /// ```
    /// use ropewalk::lock_order::{Inversion, Watching, set_watching};
    /// use ropewalk::{host, sync::Mutex};
    /// struct Looking;
    /// impl host::Host for Looking {
    ///     fn inversion(&self, inversion: &Inversion) {
    ///         let [last, first] = inversion.links() else { panic!("two locks, two orders") };
    ///         assert_eq!((&last.held, &last.taken), (&first.taken, &first.held));
    ///         std::process::exit(0); // seen: the example has done its work
    ///     }
    /// }
    /// host::install(Looking);
    /// set_watching(Watching::BySite);
    /// let (a, b) = (Mutex::new(1), Mutex::new(2));
    /// drop((a.lock(), b.lock()));
    /// drop((b.lock(), a.lock()));
    /// unreachable!("the second order contradicts the first");
    /// ```
    pub fn links(&self) -> &[Link] {
        &self.links
    }
}

impl fmt::Display for Inversion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "LOCK ORDER: {} locks are taken in orders that contradict each other", self.links.len())?;
        for link in &self.links {
            writeln!(
                f,
                "    at {}: lock {} (made at {}) while holding lock {} (made at {})",
                link.place, link.taken_number, link.taken, link.held_number, link.held
            )?;
        }
        write!(
            f,
            "Nothing hangs yet; it will when threads meet there. Fix: take them in one order everywhere."
        )
    }
}
