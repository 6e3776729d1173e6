//! Which process is this, even after its number is reused: pid and start time.

use crate::fork;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU64, Ordering};

/// A process that no other can be mistaken for while the machine runs.
///
/// The kernel reuses process numbers; the pair of number and start time (in clock ticks since boot, field 22 of
/// proc(5)'s `stat`) is not reused.
///
/// ```
/// use ropewalk_os::identity::Identity;
/// let me = Identity::current()?;
/// assert_eq!(me.pid, std::process::id());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The process number.
    pub pid: u32,
    /// Clock ticks between the machine's start and the process's.
    pub start: u64,
}

impl Identity {
    /// The calling process. Asks the system once in each process.
    ///
    /// # Errors
    /// As [`Identity::of`].
    ///
    /// ```
    /// let me = ropewalk_os::identity::Identity::current()?;
    /// assert!(me.is_alive());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn current() -> io::Result<Identity> {
        /// Process number and fork epoch, so that a child does not take its parent's start for its own.
        static KEY: AtomicU64 = AtomicU64::new(0);
        static START: AtomicU64 = AtomicU64::new(0);
        fork::watch();
        let pid = std::process::id();
        let key = u64::from(pid) << 32 | u64::from(fork::epoch());
        if KEY.load(Ordering::Acquire) == key {
            return Ok(Identity { pid, start: START.load(Ordering::Relaxed) });
        }
        let me = Identity::of(pid)?;
        START.store(me.start, Ordering::Relaxed);
        KEY.store(key, Ordering::Release); // after START: whoever sees the key sees its start
        Ok(me)
    }

    /// The process that has number `pid` now.
    ///
    /// # Errors
    /// `NotFound` if there is none; `InvalidData` if `/proc` is not proc(5).
    ///
    /// ```
    /// use ropewalk_os::identity::Identity;
    /// assert_eq!(Identity::of(std::process::id())?, Identity::current()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn of(pid: u32) -> io::Result<Identity> {
        stat(pid).map(|stat| Identity { pid, start: stat.start })
    }

    /// Whether this very process still runs. A process that has ended is dead even if nobody has waited for it
    /// yet; if `/proc` can not be read it passes for alive.
    ///
    /// ```
    /// use ropewalk_os::identity::Identity;
    /// let me = Identity::current()?;
    /// let earlier = Identity { start: me.start - 1, ..me };
    /// assert!(me.is_alive() && !earlier.is_alive()); // same number, another process
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_alive(self) -> bool {
        match stat(self.pid) {
            Ok(stat) => stat.start == self.start && !stat.ended,
            // ESRCH: it ended between open and read.
            Err(error) => {
                error.kind() != io::ErrorKind::NotFound && error.raw_os_error() != Some(libc::ESRCH)
            }
        }
    }
}

/// The pid namespace of the calling process, asked for once in each: process numbers mean something only among those of the same one.
///
/// # Errors
/// What reading `/proc/self/ns/pid` reports.
///
/// ```
/// assert_eq!(ropewalk_os::identity::pid_namespace()?, ropewalk_os::identity::pid_namespace()?);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn pid_namespace() -> io::Result<u64> {
    /// Fork epoch plus one: a process stays in its namespace, a child may be born into another.
    static KEY: AtomicU64 = AtomicU64::new(0);
    static INODE: AtomicU64 = AtomicU64::new(0);
    fork::watch();
    let key = u64::from(fork::epoch()) + 1;
    if KEY.load(Ordering::Acquire) == key {
        return Ok(INODE.load(Ordering::Relaxed));
    }
    let inode = std::fs::metadata("/proc/self/ns/pid")?.ino();
    INODE.store(inode, Ordering::Relaxed);
    KEY.store(key, Ordering::Release); // after INODE, as above
    Ok(inode)
}

/// What proc(5) says of a process.
#[derive(Debug, PartialEq)]
struct Stat {
    start: u64,
    ended: bool,
}

fn stat(pid: u32) -> io::Result<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    parse(&text).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/stat is not in the form of proc(5)"))
    })
}

/// Fields 3 (state), 20 (threads) and 22 (start). The command name (field 2) may hold spaces and parentheses, so
/// count from the last one. A zombie with other threads is a process whose first thread has ended.
fn parse(stat: &str) -> Option<Stat> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    let threads: u64 = fields.nth(16)?.parse().ok()?;
    let start = fields.nth(1)?.parse().ok()?;
    Some(Stat { start, ended: matches!(state, "Z" | "X" | "x") && threads <= 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        let stat = "7 (a) b) c) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 99";
        assert_eq!(parse(stat), Some(Stat { start: 4242, ended: false }));
        assert_eq!(parse("nonsense"), None);
    }

    #[test]
    fn the_same_number_with_another_start_is_not_alive() {
        let me = Identity::current().expect("proc is mounted");
        assert!(!Identity { start: me.start + 1, ..me }.is_alive());
    }

    #[test]
    fn a_zombie_is_dead_unless_other_threads_of_it_live() {
        let zombie = |threads: u32| {
            parse(&format!("7 (a) Z 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 {threads} 0 4242 99"))
                .expect("a stat")
        };
        assert!(zombie(1).ended);
        assert!(!zombie(2).ended);
    }

    #[test]
    fn a_child_that_nobody_has_waited_for_is_dead() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().expect("sleep");
        let identity = Identity::of(child.id()).expect("it runs");
        assert!(identity.is_alive());
        child.kill().expect("ours");
        while identity.is_alive() {
            std::thread::yield_now();
        }
        assert_eq!(Identity::of(child.id()).expect("not waited for: its entry is there"), identity);
        child.wait().expect("ours");
        assert!(!identity.is_alive());
    }
}
