//! What the engine asks of the program it lives in, and tells it.
//!
//! A Rust program needs none of this: reports go to standard error. An interpreter knows more than the engine,
//! such as how many threads it has and which line of which program each stands at, so it installs a [`Host`].
//!
//! ```
//! use ropewalk::host::{self, Host};
//! /// A program whose places are lines of a script.
//! struct Script;
//! impl Host for Script {
//!     fn place(&self) -> Option<std::sync::Arc<str>> {
//!         Some("bank.py:31".into())
//!     }
//! }
//! assert!(host::install(Script));
//! ```

use crate::lock_order::Inversion;
use crate::wait_graph::Report;
use ropewalk_os::thread::ThreadId;
use std::sync::{Arc, OnceLock};

/// The program around the engine. Every method is called by a thread that holds nothing of the engine.
///
/// ```
/// use ropewalk::host::Host;
/// /// A program that knows how many threads it has.
/// struct Two;
/// impl Host for Two {
///     fn threads(&self) -> usize {
///         2
///     }
/// }
/// assert_eq!(Two.threads(), 2);
/// assert!(Two.place().is_none());
/// ```
pub trait Host: Send + Sync {
    /// A deadlock that is not raised as an error: certain while the mode is to report, possible, or everybody's.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, host, sync::Lock, wait_graph::Report};
    /// use std::sync::LazyLock;
    /// static LOCK: LazyLock<Lock> = LazyLock::new(Lock::new);
    /// struct Helpful;
    /// impl host::Host for Helpful {
    ///     fn report(&self, report: &Report<'_>) {
    ///         assert!(report.to_string().contains("a thread waits for itself"));
    ///         LOCK.release(); // a plain lock: any thread may
    ///     }
    /// }
    /// host::install(Helpful);
    /// assert!(LOCK.try_acquire());
    /// assert!(LOCK.acquire(&mut Plain, Deadline::NEVER).unwrap()); // it would hang here
    /// ```
    fn report(&self, report: &Report<'_>) {
        eprintln!("{report}");
    }

    /// Two places take the same locks in different orders.
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
    /// set_watching(Watching::BySite);
    /// let (a, b) = (Mutex::new(1), Mutex::new(2));
    /// drop((a.lock(), b.lock()));
    /// drop((b.lock(), a.lock()));
    /// assert_eq!(FOUND.load(Ordering::Relaxed), 1);
    /// ```
    fn inversion(&self, inversion: &Inversion) {
        eprintln!("{inversion}");
    }

    /// How many threads could wake another one, roughly and quickly; zero if the host does not know.
    ///
    /// Asked before every untimed sleep. If as many sleep, [`Host::is_everyone`] is asked a while later.
    ///
    /// ```
    /// use ropewalk::host::Host;
    /// struct Unknowing;
    /// impl Host for Unknowing {}
    /// assert_eq!(Unknowing.threads(), 0);
    /// ```
    fn threads(&self) -> usize {
        0
    }

    /// Whether `asleep` are all threads that could wake one of them, and no signal or other world will.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, host, sync::Event, wait_graph::Report};
    /// use ropewalk_os::thread::ThreadId;
    /// use std::sync::LazyLock;
    /// static NEWS: LazyLock<Event> = LazyLock::new(Event::new);
    /// /// A program with one thread.
    /// struct Alone;
    /// impl host::Host for Alone {
    ///     fn threads(&self) -> usize {
    ///         1
    ///     }
    ///     fn is_everyone(&self, asleep: &[ThreadId]) -> bool {
    ///         asleep.len() == 1
    ///     }
    ///     fn report(&self, report: &Report<'_>) {
    ///         assert!(matches!(report, Report::Everyone(_)));
    ///         NEWS.set();
    ///     }
    /// }
    /// host::install(Alone);
    /// assert!(NEWS.wait(&mut Plain, Deadline::NEVER).unwrap()); // nobody else is there to set it
    /// ```
    fn is_everyone(&self, asleep: &[ThreadId]) -> bool {
        let _ = asleep;
        false
    }

    /// Where in the program the calling thread stands; `None` to let the engine use the Rust source's line.
    ///
    /// ```
    /// use ropewalk::host::Host;
    /// struct Script;
    /// impl Host for Script {
    ///     fn place(&self) -> Option<std::sync::Arc<str>> {
    ///         Some("bank.py:31".into())
    ///     }
    /// }
    /// assert_eq!(Script.place().as_deref(), Some("bank.py:31"));
    /// ```
    fn place(&self) -> Option<Arc<str>> {
        None
    }

    /// What the calling thread is called (behind a tab, what its process is), and below it the places where it stands, the innermost first, a line each: for
    /// other processes to read, of a wait that has lasted a while. Some hundred bytes are kept of it.
    ///
    /// ```
    /// use ropewalk::host::Host;
    /// struct Script;
    /// impl Host for Script {
    ///     fn standing(&self) -> String {
    ///         "main\nbank.py:31 in move\nbank.py:40 in main".into()
    ///     }
    /// }
    /// assert!(Script.standing().starts_with("main\n"));
    /// ```
    fn standing(&self) -> String {
        std::thread::current().name().unwrap_or_default().to_owned()
    }
}

struct Bare;

impl Host for Bare {}

static HOST: OnceLock<Box<dyn Host>> = OnceLock::new();

/// Installs the host; `false` if there is one already.
///
/// ```
/// use ropewalk::host::{self, Host};
/// struct Quiet;
/// impl Host for Quiet {
///     fn report(&self, _: &ropewalk::wait_graph::Report<'_>) {}
/// }
/// assert!(host::install(Quiet));
/// assert!(!host::install(Quiet));
/// ```
pub fn install(host: impl Host + 'static) -> bool {
    HOST.set(Box::new(host)).is_ok()
}

/// The host, or one that knows nothing and reports to standard error.
pub(crate) fn get() -> &'static dyn Host {
    HOST.get().map_or(&Bare, |host| &**host)
}
