//! One wait from beginning to end: register, look, sleep, look again.

use super::declared::all_hold;
use super::reason::{Kind, Reason};
use super::registry::registry;
use super::report::{Cycle, Report, Wait};
use super::search::{self, Circle, key};
use super::settings::{Mode, hesitation, mode};
use crate::host;
use crate::park::Vitals;
use ropewalk_os::thread::{self, ThreadId};
use ropewalk_os::{Deadline, clock};
use std::time::Duration;

/// A registered wait. It ends when this is dropped, by the thread that waits.
pub(crate) struct Waiting<'a> {
    vitals: &'a Vitals,
    reason: &'a Reason<'a>,
    timed: bool,
    listed: bool,
    aside: bool,
    look: Option<Deadline>,
}

/// The thread of `vitals` is about to sleep for `reason` until `deadline`.
///
/// # Errors
/// The cycle, if the sleep would close a certain deadlock and the mode is [`Mode::Raise`].
#[inline]
pub(crate) fn enter<'a>(
    vitals: &'a Vitals,
    reason: &'a Reason<'a>,
    deadline: Deadline,
) -> Result<Waiting<'a>, Box<Cycle>> {
    let mut waiting =
        Waiting { vitals, reason, timed: !deadline.is_never(), listed: false, aside: false, look: None };
    // A model's mutexes live no longer than the model, the registry does.
    if !cfg!(loom) && mode() != Mode::Off {
        waiting.list()?;
    }
    Ok(waiting)
}

/// The calling thread is about to wait for `thing`, which it holds and which nobody else can give back.
///
/// The search does not see this: there, a thread that owns what it waits for has just been given it.
///
/// # Errors
/// The cycle of this one wait, if the mode is [`Mode::Raise`].
#[cold]
pub(crate) fn wait_for_itself<T>(kind: Kind, thing: &T) -> Result<(), Box<Cycle>> {
    let me = thread::current();
    let cycle = Cycle {
        certain: true,
        waits: vec![Wait {
            thread: me,
            kind,
            address: std::ptr::from_ref(thing).addr(),
            since: clock::now(),
            waited: Duration::ZERO,
            timed: false,
            owners: vec![me],
        }],
    };
    match mode() {
        Mode::Raise => return Err(Box::new(cycle)),
        Mode::Report => host::get().report(&Report::Cycle(&cycle)),
        Mode::Off => {}
    }
    Ok(())
}

impl Waiting<'_> {
    /// Until when to sleep: the wait's own `deadline`, or before it the moment to look again.
    #[inline]
    pub(crate) fn wake_up_call(&self, deadline: Deadline) -> Deadline {
        self.look.unwrap_or(deadline)
    }

    /// Another thread asks this one to look around, which cannot or must not fail itself: what is certain ends
    /// this wait at once, what is only possible is looked at after a while.
    ///
    /// # Errors
    /// As [`enter`].
    pub(crate) fn look_around(&mut self) -> Result<(), Box<Cycle>> {
        if self.listed && !self.timed {
            self.unlist();
            self.list()?;
            self.look.get_or_insert(Deadline::after(hesitation()));
        }
        Ok(())
    }

    /// The while is over: reports what is still there, and goes on waiting.
    ///
    /// # Errors
    /// As [`enter`].
    pub(crate) fn look_again(&mut self) -> Result<(), Box<Cycle>> {
        self.look = None;
        if !self.listed {
            return Ok(());
        }
        let me = self.vitals.thread();
        let threads = host::get().threads();
        let (circle, everyone) = {
            let registry = registry().lock();
            let circle = search::circle(&registry, me);
            let everyone = circle.is_none() && search::is_everyone(&registry, threads);
            (circle, everyone.then(|| registry.sleepers_for_ever()))
        };
        self.unlist();
        match (circle, everyone) {
            (Some(circle), _) => report_once(&circle),
            (None, Some(waits)) => report_everyone(me, &waits),
            (None, None) => {}
        }
        self.list()
    }

    /// A signal handler will run: until [`Waiting::go_on`] this wait does not count.
    pub(crate) fn stand_aside(&mut self) {
        if std::mem::take(&mut self.listed) {
            registry().lock().set_aside(self.vitals.thread());
            self.aside = true;
        }
    }

    /// The handler has run. It may have waited too, and changed who holds what: the wait begins anew.
    ///
    /// # Errors
    /// As [`enter`].
    pub(crate) fn go_on(&mut self) -> Result<(), Box<Cycle>> {
        if self.drop_aside() { self.list() } else { Ok(()) }
    }

    fn drop_aside(&mut self) -> bool {
        let aside = std::mem::take(&mut self.aside);
        if aside {
            registry().lock().drop_aside(self.vitals.thread());
        }
        aside
    }

    fn list(&mut self) -> Result<(), Box<Cycle>> {
        let me = self.vitals.thread();
        let threads = if self.timed { 0 } else { host::get().threads() };
        loop {
            let (circle, known, everyone) = {
                let mut registry = registry().lock();
                registry.add(self.vitals, self.reason, self.timed);
                self.listed = true;
                if self.timed {
                    return Ok(());
                }
                let circle = search::circle(&registry, me);
                let known = circle.as_ref().is_some_and(|circle| registry.is_reported(circle.key));
                let everyone = circle.is_none()
                    && search::is_everyone(&registry, threads)
                    && !registry.is_reported(key(&registry.sleepers_for_ever()));
                if let Some(circle) = circle.as_ref().filter(|circle| circle.cycle.is_certain())
                    && mode() == Mode::Raise
                    && self.vitals.is_retaking()
                    && registry.nudge_other(circle.cycle.waits())
                {
                    return Ok(());
                }
                (circle, known, everyone)
            };
            match circle {
                Some(circle) if circle.cycle.is_certain() && mode() == Mode::Raise => {
                    self.unlist();
                    if all_hold(&circle.claims) {
                        return Err(Box::new(circle.cycle));
                    }
                    // A joined thread is gone, which breaks this circle: look once more.
                }
                Some(_) if known => return Ok(()),
                Some(circle) if circle.cycle.is_certain() => {
                    self.look = Some(Deadline::NOW);
                    return Ok(());
                }
                found => {
                    if found.is_some() || everyone {
                        self.look = Some(Deadline::after(hesitation()));
                    }
                    return Ok(());
                }
            }
        }
    }

    fn unlist(&mut self) {
        if std::mem::take(&mut self.listed) {
            registry().lock().remove(self.vitals.thread());
        }
    }
}

impl Drop for Waiting<'_> {
    #[inline]
    fn drop(&mut self) {
        self.drop_aside();
        self.unlist();
    }
}

/// Reports a circle to the host, unless that has been done. The calling thread is not registered.
pub(super) fn report_once(circle: &Circle) {
    if all_hold(&circle.claims) && registry().lock().remember(circle.key) {
        host::get().report(&Report::Cycle(&circle.cycle));
    }
}

/// Reports that all threads sleep, if the host says that these are all, and the others still do.
fn report_everyone(me: ThreadId, waits: &[Wait]) {
    let threads: Vec<ThreadId> = waits.iter().map(|wait| wait.thread).collect();
    if !host::get().is_everyone(&threads) {
        return;
    }
    let others =
        |waits: Vec<Wait>| key(&waits.into_iter().filter(|wait| wait.thread != me).collect::<Vec<_>>());
    let news = {
        let mut registry = registry().lock();
        let unchanged = others(registry.sleepers_for_ever()) == others(waits.to_vec());
        unchanged && registry.remember(key(waits))
    };
    if news {
        host::get().report(&Report::Everyone(waits));
    }
}
