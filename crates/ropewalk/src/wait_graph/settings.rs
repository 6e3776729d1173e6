//! Raise, report or off; how long to hesitate.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

/// What the wait graph does when it has found a deadlock.
///
/// ```
/// use ropewalk::wait_graph::{Mode, declare_end, set_mode, waits};
/// let declared = declare_end();
/// assert_eq!(waits().len(), 1);
/// drop(declared);
/// set_mode(Mode::Off);
/// let _declared = declare_end();
/// assert!(waits().is_empty()); // nothing is registered
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A wait that closes a certain deadlock fails; possible ones are reported.
    Raise,
    /// Certain and possible ones are reported, and waited for.
    Report,
    /// Nothing is registered.
    Off,
}

static MODE: AtomicU8 = AtomicU8::new(Mode::Raise as u8);
static HESITATION: AtomicU64 = AtomicU64::new(200_000_000);

/// What the wait graph does now; [`Mode::Raise`] at first.
///
/// ```
/// use ropewalk::wait_graph::{Mode, mode};
/// assert_eq!(mode(), Mode::Raise);
/// ```
#[inline]
pub fn mode() -> Mode {
    match MODE.load(Ordering::Relaxed) {
        0 => Mode::Raise,
        1 => Mode::Report,
        _ => Mode::Off,
    }
}

/// Changes what it does, for waits that begin from now on.
///
/// ```
/// use ropewalk::wait_graph::{Mode, mode, set_mode};
/// set_mode(Mode::Report);
/// assert_eq!(mode(), Mode::Report);
/// ```
pub fn set_mode(mode: Mode) {
    MODE.store(mode as u8, Ordering::Relaxed);
}

/// How long a possible deadlock must last before it is reported; 0.2 s at first.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(ropewalk::wait_graph::hesitation(), Duration::from_millis(200));
/// ```
pub fn hesitation() -> Duration {
    Duration::from_nanos(HESITATION.load(Ordering::Relaxed))
}

/// Changes how long a possible deadlock must last before it is reported.
///
/// ```
/// use std::time::Duration;
/// ropewalk::wait_graph::set_hesitation(Duration::from_millis(50));
/// assert_eq!(ropewalk::wait_graph::hesitation(), Duration::from_millis(50));
/// ```
pub fn set_hesitation(time: Duration) {
    HESITATION.store(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
}
