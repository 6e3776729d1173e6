//! Waits that happen outside the engine: a thread that joins another sleeps where its system or interpreter lets
//! it sleep, and says so here before.

use super::reason::Kind;
use super::registry::{Glance, Needs, Registry, registry};
use super::report::Cycle;
use super::search;
use super::settings::{Mode, mode};
use super::waiting::report_once;
use crate::host;
use ropewalk_os::clock;
use ropewalk_os::thread::{self, ThreadId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Tells whether a thread that is joined is still alive. Asked by any thread, with nothing of the engine held.
///
/// A thread's number may be used again as soon as it has ended, maybe before the thread that joins it has noticed.
/// So a circle with a join in it is believed only if the joined thread is alive after the circle was seen.
///
/// ```
/// use ropewalk::wait_graph::Alive;
/// use std::sync::mpsc::channel;
/// struct Joined(std::thread::JoinHandle<()>);
/// impl Alive for Joined {
///     fn is_alive(&self) -> bool {
///         !self.0.is_finished()
///     }
/// }
/// let (go, wait) = channel::<()>();
/// let thread = Joined(std::thread::spawn(move || wait.recv().unwrap()));
/// assert!(thread.is_alive());
/// go.send(()).unwrap();
/// while thread.is_alive() {}
/// ```
pub trait Alive: Send + Sync {
    /// Whether the thread has not ended yet.
    ///
    /// ```
    /// use ropewalk::wait_graph::Alive;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    /// struct Ended(AtomicBool);
    /// impl Alive for Ended {
    ///     fn is_alive(&self) -> bool {
    ///         !self.0.load(Ordering::Acquire)
    ///     }
    /// }
    /// assert!(Ended(AtomicBool::new(false)).is_alive());
    /// ```
    fn is_alive(&self) -> bool;
}

/// Numbers of declarations. A forked child counts on: it may still drop what its parent declared.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// A wait as its thread has declared it.
pub(super) struct Declaration {
    number: u64,
    address: usize,
    target: Option<Target>,
    since: u64,
    lapsed: bool,
}

#[derive(Clone)]
struct Target {
    thread: ThreadId,
    alive: Arc<dyn Alive>,
}

impl Declaration {
    pub(super) fn glance(&self) -> Glance {
        Glance {
            kind: Kind::Join,
            address: self.address,
            since: self.since,
            timed: false,
            awake: self.lapsed,
            needs: self.target.as_ref().map_or(Needs::Anyone, |target| Needs::Thread(target.thread)),
        }
    }
}

/// A join in a circle, to be checked when the mutex is free.
pub(super) struct Claim {
    joiner: ThreadId,
    number: u64,
    alive: Arc<dyn Alive>,
}

impl Registry {
    fn begin(&mut self, thread: ThreadId, declaration: Declaration) {
        self.declared().entry(thread).or_default().push(declaration);
    }

    fn end(&mut self, thread: ThreadId, number: u64) -> Option<Declaration> {
        let declared = self.declared().get_mut(&thread)?;
        let place = declared.iter().position(|one| one.number == number)?;
        let ended = declared.remove(place);
        if declared.is_empty() {
            self.declared().remove(&thread);
        }
        Some(ended)
    }

    /// The join that `thread` sleeps in, if it does.
    pub(super) fn claim(&self, thread: ThreadId) -> Option<Claim> {
        let declaration = self.declaration(thread)?;
        let alive = Arc::clone(&declaration.target.as_ref()?.alive);
        Some(Claim { joiner: thread, number: declaration.number, alive })
    }
}

impl Claim {
    /// Whether the joined thread is alive. If not, its joiner is as good as awake from now on.
    fn holds(&self) -> bool {
        if self.alive.is_alive() {
            return true;
        }
        let mut registry = registry().lock();
        if let Some(declared) = registry.declared().get_mut(&self.joiner) {
            declared.iter_mut().filter(|one| one.number == self.number).for_each(|one| one.lapsed = true);
        }
        false
    }
}

/// Whether every join among them is of a thread still alive. Runs foreign code.
pub(super) fn all_hold(claims: &[Claim]) -> bool {
    claims.iter().all(Claim::holds)
}

/// A declared wait. It is over when this is dropped, which any thread may do.
///
/// ```
/// use ropewalk::wait_graph::{Declared, declare_end, waits};
/// let declared: Declared = declare_end();
/// assert_eq!(waits().len(), 1);
/// drop(declared);
/// assert!(waits().is_empty());
/// ```
#[derive(Debug)]
#[must_use = "the wait is over when this is dropped"]
pub struct Declared {
    thread: ThreadId,
    number: u64,
}

impl Drop for Declared {
    fn drop(&mut self) {
        if self.number == 0 {
            return;
        }
        let mut registry = registry().lock();
        let ended = registry.end(self.thread, self.number);
        drop(registry); // first: what has ended may run foreign code when it is dropped
        drop(ended);
    }
}

/// The calling thread is about to wait, without a deadline, for the end of the thread `target`.
///
/// `address` names the thread in reports.
///
/// # Errors
/// The cycle, if this wait would close a certain deadlock and the mode is [`Mode::Raise`].
///
/// ```
/// use ropewalk::wait_graph::{Alive, Kind, declare_join, waits};
/// use std::sync::{Arc, mpsc::channel};
/// struct Yes;
/// impl Alive for Yes {
///     fn is_alive(&self) -> bool {
///         true
///     }
/// }
/// let (go, wait) = channel::<()>();
/// let (number, told) = channel();
/// let thread = std::thread::spawn(move || {
///     number.send(ropewalk_os::thread::current()).unwrap();
///     wait.recv()
/// });
/// let declared = declare_join(told.recv().unwrap(), 0, Arc::new(Yes)).unwrap();
/// assert_eq!(waits()[0].kind, Kind::Join);
/// go.send(()).unwrap();
/// thread.join().unwrap().unwrap();
/// drop(declared);
/// assert!(waits().is_empty());
/// ```
pub fn declare_join(target: ThreadId, address: usize, alive: Arc<dyn Alive>) -> Result<Declared, Box<Cycle>> {
    declare(address, Some(Target { thread: target, alive }))
}

/// The calling thread is about to wait, without a deadline, for the end of all others, as a program does at its end.
///
/// ```
/// let declared = ropewalk::wait_graph::declare_end();
/// assert!(ropewalk::wait_graph::waits()[0].owners.is_empty());
/// drop(declared);
/// ```
pub fn declare_end() -> Declared {
    match declare(0, None) {
        Ok(declared) => declared,
        Err(_) => unreachable!("who waits for nobody in particular closes no circle"),
    }
}

fn declare(address: usize, target: Option<Target>) -> Result<Declared, Box<Cycle>> {
    let thread = thread::current();
    if mode() == Mode::Off {
        return Ok(Declared { thread, number: 0 });
    }
    let (threads, since) = (host::get().threads(), clock::now());
    loop {
        let (declared, found) = {
            let mut registry = registry().lock();
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let target = target.clone();
            registry.begin(thread, Declaration { number, address, target, since, lapsed: false });
            let found = search::circle(&registry, thread);
            match &found {
                // The others have looked already, and this thread cannot while it sleeps elsewhere.
                Some(circle) if !circle.cycle.is_certain() => {
                    registry.nudge_any(circle.cycle.waits().iter().map(|wait| wait.thread))
                }
                Some(_) => {}
                None if search::is_everyone(&registry, threads) => registry.nudge_one(),
                None => {}
            }
            (Declared { thread, number }, found)
        };
        let Some(circle) = found.filter(|circle| circle.cycle.is_certain()) else { return Ok(declared) };
        if mode() == Mode::Report {
            report_once(&circle);
            return Ok(declared);
        }
        drop(declared);
        if all_hold(&circle.claims) {
            return Err(Box::new(circle.cycle));
        }
        // A thread that somebody on the way has joined is gone, which breaks this circle: look once more.
    }
}
