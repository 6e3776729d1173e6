//! What a model decides, because time does not pass in it. Only under `--cfg loom`.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Held by the one exploration of this process: what follows is one for all of its threads.
static EXPLORING: Mutex<()> = Mutex::new(());
static IMPATIENT: AtomicBool = AtomicBool::new(false);
static IN_RHYTHM: AtomicBool = AtomicBool::new(false);

loom::thread_local! {
    static INTERRUPT: Cell<bool> = Cell::new(false);
}

/// The next sleep of the calling thread is ended by a signal, unless it is woken before.
pub fn interrupt() {
    INTERRUPT.with(|interrupt| interrupt.set(true));
}

pub(crate) fn take_interrupt() -> bool {
    INTERRUPT.with(|interrupt| interrupt.replace(false))
}

/// Runs `scenario` under loom, in every order of events that it can have with at most three preemptions.
///
/// With `impatient`, every sleeper counts as having waited long: it is handed the thing itself.
pub fn explore(impatient: bool, scenario: impl Fn() + Send + Sync + 'static) {
    explore_within(3, impatient, scenario);
}

/// As [`explore`], with at most so many `preemptions`: for scenarios whose orders are too many.
pub fn explore_within(preemptions: usize, impatient: bool, scenario: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    let _alone = EXPLORING.lock().unwrap_or_else(PoisonError::into_inner);
    IMPATIENT.store(impatient, Ordering::Relaxed);
    builder.check(move || {
        IN_RHYTHM.store(false, Ordering::Relaxed);
        scenario();
    });
}

pub(crate) fn is_everyone_impatient() -> bool {
    IMPATIENT.load(Ordering::Relaxed)
}

/// For the rest of the scenario every pool takes its next task for one that is waited for at once.
pub fn in_rhythm() {
    IN_RHYTHM.store(true, Ordering::Relaxed);
}

pub(crate) fn is_in_rhythm() -> bool {
    IN_RHYTHM.load(Ordering::Relaxed)
}
