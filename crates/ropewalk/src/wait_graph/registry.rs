//! Every wait of this process, under one mutex.
//!
//! A thread is among the sleepers only from just before it sleeps until just after. While it asks the host or
//! reports it is nowhere; while it runs a signal handler its wait is set aside, to be shown but not searched. So a
//! thread has at most one sleep that counts at any time.
//!
//! # Contract of the unsafe code
//!
//! 1. An [`Entry`] points to what its sleeping thread has borrowed for the length of the sleep: its vitals, and
//!    the words and crew of its reason. The entry is in a map only between [`Registry::add`] and
//!    [`Registry::remove`] or [`Registry::drop_aside`], all called by that thread while the borrow lasts
//!    (`Waiting` carries its lifetime, is private to the crate, lives on the sleeping function's stack and is never
//!    leaked).
//! 2. An entry's pointers are followed only through a guard of the registry's mutex, so never after the removal.
//! 3. The registry is this process's own ([`PerProcess`]): entries of threads that vanished in a fork are not in
//!    the child's.
#![allow(unsafe_code)]

use super::crew::Crew;
use super::declared::Declaration;
use super::reason::{Helper, Kind, Reason};
use super::report::Wait;
use super::search;
use crate::park::Vitals;
use crate::per_process::PerProcess;
use crate::primitive::{AtomicU64, Mutex, Ordering};
use ropewalk_os::clock;
use ropewalk_os::thread::ThreadId;
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::ptr::NonNull;
use std::time::Duration;

/// Reports remembered, so that each is made once.
const REMEMBERED: usize = 1024;

static REGISTRY: PerProcess<Mutex<Registry>> = PerProcess::new(|| Mutex::new(Registry::default()));

/// The registry of this process.
#[inline]
pub(super) fn registry() -> &'static Mutex<Registry> {
    REGISTRY.get()
}

/// Thread numbers are addresses: their middle bits tell them apart.
#[derive(Default)]
pub(super) struct ByThread(u64);

impl Hasher for ByThread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(self.0.rotate_left(8) ^ u64::from(byte));
        }
    }

    fn write_u64(&mut self, thread: u64) {
        self.0 = thread.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }
}

type Threads<T> = HashMap<ThreadId, T, BuildHasherDefault<ByThread>>;

#[derive(Default)]
pub(super) struct Registry {
    asleep: Threads<Entry>,
    aside: Threads<Vec<Entry>>,
    declared: Threads<Vec<Declaration>>,
    untimed: usize,
    reported: BTreeSet<u64>,
}

/// One sleep. Its pointers are good by rules 1 and 2.
struct Entry {
    vitals: NonNull<Vitals>,
    kind: Kind,
    address: usize,
    helper: Pointers,
    timed: bool,
}

/// [`Helper`] without its lifetime.
enum Pointers {
    Anyone,
    Owner(NonNull<AtomicU64>),
    Notifier { kind: Kind, address: usize, owner: NonNull<AtomicU64> },
    Runner { runner: NonNull<AtomicU64>, crew: NonNull<Crew> },
}

// SAFETY: rule 2: what is pointed to is `Sync`, and is followed under the mutex only.
unsafe impl Send for Entry {}

/// What a wait looks like at this moment.
pub(super) struct Glance {
    pub(super) kind: Kind,
    pub(super) address: usize,
    pub(super) since: u64,
    pub(super) timed: bool,
    pub(super) awake: bool,
    pub(super) needs: Needs,
}

impl Glance {
    fn describe(self, thread: ThreadId) -> Wait {
        Wait {
            thread,
            kind: self.kind,
            address: self.address,
            since: self.since,
            waited: Duration::from_nanos(clock::now().saturating_sub(self.since)),
            timed: self.timed,
            owners: match self.needs {
                Needs::Anyone => Vec::new(),
                Needs::Thread(owner) => vec![owner],
                Needs::Any(crew) => crew,
            },
        }
    }
}

/// Who could end a wait, at this moment.
pub(super) enum Needs {
    Anyone,
    Thread(ThreadId),
    Any(Vec<ThreadId>),
}

impl Registry {
    /// The thread of `vitals` will sleep for `reason`. It must call [`Registry::remove`] before either is gone.
    pub(super) fn add(&mut self, vitals: &Vitals, reason: &Reason<'_>, timed: bool) {
        let helper = match reason.helper {
            Helper::Anyone => Pointers::Anyone,
            Helper::Owner(owner) => Pointers::Owner(NonNull::from(owner)),
            Helper::Notifier { kind, address, owner } => {
                Pointers::Notifier { kind, address, owner: NonNull::from(owner) }
            }
            Helper::Runner { runner, crew } => {
                Pointers::Runner { runner: NonNull::from(runner), crew: NonNull::from(crew) }
            }
        };
        let vitals_of = NonNull::from(vitals);
        let entry = Entry { vitals: vitals_of, kind: reason.kind, address: reason.address, helper, timed };
        self.untimed += usize::from(!timed);
        let before = self.asleep.insert(vitals.thread(), entry);
        debug_assert!(before.is_none(), "a thread sleeps once at a time");
    }

    pub(super) fn remove(&mut self, thread: ThreadId) {
        if let Some(entry) = self.asleep.remove(&thread) {
            self.untimed -= usize::from(!entry.timed);
        }
    }

    /// The wait of `thread` does not count until [`Registry::drop_aside`] and [`Registry::add`]: a signal handler runs.
    pub(super) fn set_aside(&mut self, thread: ThreadId) {
        if let Some(entry) = self.asleep.remove(&thread) {
            self.untimed -= usize::from(!entry.timed);
            self.aside.entry(thread).or_default().push(entry);
        }
    }

    /// Forgets what `thread` has set aside last.
    pub(super) fn drop_aside(&mut self, thread: ThreadId) {
        if let Some(aside) = self.aside.get_mut(&thread) {
            aside.pop();
            if aside.is_empty() {
                self.aside.remove(&thread);
            }
        }
    }

    /// What `thread` waits for now; `None` if it does not wait.
    pub(super) fn glance(&self, thread: ThreadId) -> Option<Glance> {
        match self.asleep.get(&thread) {
            Some(entry) => Some(entry.glance()),
            None => self.declaration(thread).map(Declaration::glance),
        }
    }

    /// All threads that wait, asleep or declared.
    pub(super) fn threads(&self) -> impl Iterator<Item = ThreadId> + '_ {
        let declared = self.declared.keys().filter(|thread| !self.asleep.contains_key(thread));
        self.asleep.keys().chain(declared).copied()
    }

    /// How many threads wait without a deadline; some of them may have been woken already.
    pub(super) fn untimed(&self) -> usize {
        self.untimed + self.declared.len()
    }

    /// The waits without a deadline of threads that nobody has woken, in order of thread number.
    pub(super) fn sleepers_for_ever(&self) -> Vec<Wait> {
        let lost = |&thread: &ThreadId| self.glance(thread).is_some_and(|wait| !wait.awake && !wait.timed);
        let mut waits: Vec<Wait> =
            self.threads().filter(lost).filter_map(|thread| self.describe(thread)).collect();
        waits.sort_unstable_by_key(|wait| wait.thread);
        waits
    }

    /// Whether every waiting thread sleeps without a deadline and has not been woken.
    pub(super) fn all_sleep_for_ever(&self) -> bool {
        self.threads().all(|thread| self.glance(thread).is_some_and(|wait| !wait.awake && !wait.timed))
    }

    pub(super) fn declared(&mut self) -> &mut Threads<Vec<Declaration>> {
        &mut self.declared
    }

    /// The join that `thread` has declared last, if it sleeps in that.
    pub(super) fn declaration(&self, thread: ThreadId) -> Option<&Declaration> {
        if self.asleep.contains_key(&thread) { None } else { self.declared.get(&thread)?.last() }
    }

    pub(super) fn is_reported(&self, key: u64) -> bool {
        self.reported.contains(&key)
    }

    /// Remembers a report; `false` if it has been made before.
    pub(super) fn remember(&mut self, key: u64) -> bool {
        if self.reported.len() >= REMEMBERED {
            self.reported.clear();
        }
        self.reported.insert(key)
    }

    pub(super) fn describe(&self, thread: ThreadId) -> Option<Wait> {
        self.glance(thread).map(|glance| glance.describe(thread))
    }

    /// Asks the first of `threads` that sleeps in the engine without a deadline to look around.
    pub(super) fn nudge_any(&self, threads: impl Iterator<Item = ThreadId>) {
        if let Some(entry) = threads.filter_map(|thread| self.asleep.get(&thread)).find(|entry| !entry.timed)
        {
            entry.vitals().nudge();
        }
    }

    /// Asks the first of `waits` that may fail to look around; `false` if none may.
    ///
    /// A thread that takes a condition's lock again must not fail, one that sleeps outside the engine cannot.
    pub(super) fn nudge_other(&self, waits: &[Wait]) -> bool {
        let mut entries = waits.iter().filter_map(|wait| self.asleep.get(&wait.thread));
        let found = entries.find(|entry| !entry.timed && !entry.vitals().is_retaking());
        found.inspect(|entry| entry.vitals().nudge()).is_some()
    }

    /// Asks any sleeping thread to look around.
    pub(super) fn nudge_one(&self) {
        self.nudge_any(self.asleep.keys().copied());
    }
}

impl Entry {
    /// Called, as all that follows a pointer, through a guard of the registry's mutex.
    fn vitals(&self) -> &Vitals {
        // SAFETY: rules 1 and 2.
        unsafe { self.vitals.as_ref() }
    }

    fn glance(&self) -> Glance {
        let vitals = self.vitals();
        let (mut kind, mut address) = (self.kind, self.address);
        let needs = match &self.helper {
            Pointers::Anyone => Needs::Anyone,
            // SAFETY: rules 1 and 2.
            Pointers::Owner(owner) => Needs::named(unsafe { owner.as_ref() }),
            Pointers::Notifier { kind: lock_kind, address: lock, owner } if vitals.is_retaking() => {
                (kind, address) = (*lock_kind, *lock);
                // SAFETY: rules 1 and 2.
                Needs::named(unsafe { owner.as_ref() })
            }
            Pointers::Notifier { .. } => Needs::Anyone,
            Pointers::Runner { runner, crew } => {
                // SAFETY: rules 1 and 2.
                let (runner, crew) = unsafe { (runner.as_ref(), crew.as_ref()) };
                match (Needs::named(runner), crew.everyone()) {
                    (Needs::Anyone, Some(crew)) => Needs::Any(crew),
                    (needs, _) => needs,
                }
            }
        };
        // Read last: who has been woken may have written its name where it is read above.
        let awake = !vitals.is_asleep();
        Glance { kind, address, since: vitals.since(), timed: self.timed, awake, needs }
    }
}

impl Needs {
    fn named(owner: &AtomicU64) -> Needs {
        match owner.load(Ordering::Relaxed) {
            0 => Needs::Anyone,
            thread => Needs::Thread(ThreadId(thread)),
        }
    }
}

/// Every wait of this process now, in order of thread number. Empty while the mode is
/// [`Off`](super::Mode::Off).
///
/// ```
/// use ropewalk::{Deadline, Plain, sync::Event, wait_graph::{Kind, waits}};
/// let event = Event::new();
/// std::thread::scope(|scope| {
///     scope.spawn(|| event.wait(&mut Plain, Deadline::NEVER));
///     while waits().is_empty() {
///         std::thread::yield_now();
///     }
///     assert_eq!(waits()[0].kind, Kind::Event);
///     event.set();
/// });
/// ```
pub fn waits() -> Vec<Wait> {
    let registry = registry().lock();
    let mut waits: Vec<Wait> = registry.threads().filter_map(|thread| registry.describe(thread)).collect();
    for (&thread, aside) in &registry.aside {
        waits.extend(aside.iter().map(|entry| entry.glance().describe(thread)));
    }
    waits.sort_by_key(|wait| wait.thread);
    waits
}

/// A thread that might have woken others has ended: if all the rest are asleep now, one of them looks around.
///
/// For a [`Host`](crate::host::Host) that says how many threads it has; called by the ending thread when it is
/// no longer counted.
///
/// ```
/// use ropewalk::wait_graph::{Report, thread_ended, waits};
/// use ropewalk::{Deadline, Plain, host, sync::Event};
/// use ropewalk_os::thread::ThreadId;
/// use std::sync::{LazyLock, atomic::{AtomicUsize, Ordering}};
/// static NEWS: LazyLock<Event> = LazyLock::new(Event::new);
/// static THREADS: AtomicUsize = AtomicUsize::new(2);
/// struct Counting;
/// impl host::Host for Counting {
///     fn threads(&self) -> usize {
///         THREADS.load(Ordering::Acquire)
///     }
///     fn is_everyone(&self, asleep: &[ThreadId]) -> bool {
///         asleep.len() == self.threads()
///     }
///     fn report(&self, _: &Report<'_>) {
///         NEWS.set();
///     }
/// }
/// host::install(Counting);
/// std::thread::spawn(|| {
///     while waits().is_empty() {
///         std::thread::yield_now();
///     }
///     THREADS.store(1, Ordering::Release);
///     thread_ended(); // the other one may now sleep for ever
/// });
/// assert!(NEWS.wait(&mut Plain, Deadline::NEVER).unwrap());
/// ```
pub fn thread_ended() {
    let threads = crate::host::get().threads();
    if threads == 0 {
        return;
    }
    let registry = registry().lock();
    if search::is_everyone(&registry, threads) {
        registry.nudge_one();
    }
}
