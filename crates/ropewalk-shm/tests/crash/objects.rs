//! Locks, semaphores, events, conditions and barriers, and a process that is killed after each instruction of what it
//! does with them.
//!
//! Whatever has happened by then, those who sleep must come to their end once what they wait for is done again by somebody who
//! lives, and the object must work. What the victim had done must have its effect without that.

use crate::acts::{Act, BROKEN, Objects};
use crate::process::{Child, Traced};
use crate::scenes::{AS_IT_SHOULD, RESCUED};
use crate::stepper::{Tally, for_moments, step_to};
use crate::way::AtSleep;
use ropewalk_os::thread;
use ropewalk_shm::sync::{barrier, condition, event, lock, semaphore};

pub struct Scene {
    pub name: &'static str,
    /// Done before all.
    prepare: &'static [Act],
    /// Who is asleep when the victim begins, in this order.
    sleepers: &'static [Act],
    victim: Act,
    /// How many of the sleepers what the victim did has set free, of what can be seen.
    freed: fn(&Objects, sleepers: usize) -> usize,
    /// What sets the other sleepers free.
    remedy: &'static [Act],
    /// Nobody needs to look by itself.
    strict: bool,
}

impl Scene {
    const fn new(name: &'static str, sleepers: &'static [Act], victim: Act) -> Scene {
        Scene { name, prepare: &[], sleepers, victim, freed: |_, _| 0, remedy: &[], strict: false }
    }

    fn goes_to_sleep(&self) -> bool {
        self.name.contains("goes to sleep")
    }
}

/// Permits that sleepers have taken or will take of those given.
fn given(objects: &Objects, sleepers: usize) -> usize {
    // Who is woken takes the permit soon; if nobody is, this hangs, and the watchdog says where.
    while sleepers > 0 && semaphore::permits(&objects.semaphore) > 0 {
        std::thread::yield_now();
    }
    0 // whether it was given is seen by who ends: the remedy gives as many as are left
}

fn notified(objects: &Objects, sleepers: usize) -> usize {
    sleepers - condition::waiting(&objects.condition) as usize
}

pub const SCENES: &[Scene] = &[
    Scene::new("lock and unlock", &[], Act::Hold),
    Scene { remedy: &[Act::Hold], ..Scene::new("lock and unlock after a dead holder", &[], Act::Hold) },
    Scene { freed: |_, all| all, ..Scene::new("unlock for a sleeper", &[Act::Hold], Act::Hold) },
    Scene {
        freed: |_, all| all,
        ..Scene::new("unlock for the first of three", &[Act::Hold, Act::Hold, Act::Hold], Act::Hold)
    },
    Scene {
        prepare: &[Act::Keep],
        remedy: &[Act::Hold],
        ..Scene::new("lock that goes to sleep", &[], Act::Hold)
    },
    Scene { prepare: &[Act::Give], ..Scene::new("a permit taken", &[], Act::Take) },
    Scene { remedy: &[Act::Give], ..Scene::new("take that goes to sleep", &[], Act::Take) },
    Scene {
        remedy: &[Act::Give],
        ..Scene::new("take that goes to sleep behind another", &[Act::Take], Act::Take)
    },
    Scene::new("a permit given", &[], Act::Give),
    Scene {
        freed: given,
        remedy: &[Act::Give],
        strict: true,
        ..Scene::new("a permit given to a sleeper", &[Act::Take], Act::Give)
    },
    Scene {
        freed: given,
        remedy: &[Act::Give, Act::Give, Act::Give],
        ..Scene::new("a permit given to the first of three", &[Act::Take, Act::Take, Act::Take], Act::Give)
    },
    Scene::new("set of an event", &[], Act::Set),
    Scene {
        freed: |objects, all| if event::is_set(&objects.event) { all } else { 0 },
        remedy: &[Act::Set],
        strict: true,
        ..Scene::new("set of an event for two sleepers", &[Act::AwaitEvent, Act::AwaitEvent], Act::Set)
    },
    Scene { prepare: &[Act::Set], ..Scene::new("clear of an event", &[], Act::Clear) },
    Scene {
        remedy: &[Act::Set],
        ..Scene::new("wait for an event that goes to sleep", &[Act::AwaitEvent], Act::AwaitEvent)
    },
    Scene::new("notify of nobody", &[], Act::Notify),
    Scene {
        freed: notified,
        remedy: &[Act::NotifyAll],
        ..Scene::new("notify of a sleeper", &[Act::AwaitNotice], Act::Notify)
    },
    Scene {
        freed: notified,
        remedy: &[Act::NotifyAll],
        ..Scene::new("notify of the first of two", &[Act::AwaitNotice, Act::AwaitNotice], Act::Notify)
    },
    Scene {
        freed: notified,
        remedy: &[Act::NotifyAll],
        ..Scene::new("notify of all", &[Act::AwaitNotice, Act::AwaitNotice, Act::AwaitNotice], Act::NotifyAll)
    },
    Scene {
        remedy: &[Act::Notify],
        ..Scene::new(
            "wait for a notice that goes to sleep behind another",
            &[Act::AwaitNotice],
            Act::AwaitNotice,
        )
    },
    Scene {
        // The one behind comes to the front when the first is dead: a single notice must reach it.
        remedy: &[Act::Notify],
        ..Scene::new("wait for a notice that goes to sleep", &[], Act::AwaitNotice)
    },
    Scene::new("the last comes to a barrier", &[Act::Meet], Act::Meet),
    Scene {
        remedy: &[Act::Reset],
        ..Scene::new("the first comes to a barrier, and goes to sleep", &[], Act::Meet)
    },
    Scene { remedy: &[Act::Abort], ..Scene::new("abort of a barrier", &[Act::Meet], Act::Abort) },
    Scene { remedy: &[Act::Reset], ..Scene::new("reset of a barrier", &[Act::Meet], Act::Reset) },
];

/// Runs the victim to its end once for each moment, and kills it there.
pub fn run(scene: &Scene, full: bool) -> Tally {
    for_moments(full, |moment, tally| kill_at(scene, moment, tally))
}

fn prepared(scene: &Scene) -> Objects {
    let objects = Objects::new();
    if scene.name.contains("after a dead holder") {
        assert_eq!(Child::spawn(|| Act::Keep.perform(&objects)).code(), Some(AS_IT_SHOULD));
    }
    scene.prepare.iter().for_each(|act| assert_eq!(act.perform(&objects), AS_IT_SHOULD));
    objects
}

fn kill_at(scene: &Scene, moment: usize, tally: &mut Tally) -> usize {
    let objects = prepared(scene);
    // Who sleeps for the lock finds it held by us until the victim begins.
    let is_for_lock = scene.sleepers.contains(&Act::Hold);
    if is_for_lock {
        objects.take();
    }
    let mut sleepers: Vec<Child> = Vec::new();
    for act in scene.sleepers {
        sleepers.push(asleep(*act, &objects));
    }
    let mut victim = Child::traced(|| {
        if is_for_lock {
            return u8::from(!lock::free(&objects.lock)); // the unlock is what is killed
        }
        scene.victim.perform(&objects)
    })
    .expect("permitted");
    let steps = if scene.goes_to_sleep() {
        step_to(&mut victim, moment, Traced::Asleep, scene.name, tally)
    } else {
        tally.way.follow(&mut victim, moment, AtSleep::Wait).0
    };
    victim.kill();

    let place = || format!("{}, killed after {steps} instructions", scene.name);
    if is_for_lock && lock::owner(&objects.lock).is_some_and(|owner| owner.pid() == std::process::id()) {
        assert!(lock::free(&objects.lock), "{}", place()); // it had not come to it
    }
    if scene.prepare == [Act::Keep] {
        objects.free();
    }
    let freed = (scene.freed)(&objects, sleepers.len());
    tally.happened += usize::from(freed > 0);
    for _ in 0..freed {
        end_one(&mut sleepers, tally, scene.strict, &place);
    }
    for act in scene.remedy {
        act.perform(&objects);
    }
    if scene.victim == Act::Meet && barrier::waiting(&objects.barrier) == 1 {
        // The victim has not come: then we do.
        let _ = Act::Meet.perform(&objects);
    }
    while !sleepers.is_empty() {
        end_one(&mut sleepers, tally, false, &place);
    }
    settle(&objects, &place);
    steps
}

/// A process that is on its way to the end of its act, and sleeps.
fn asleep(act: Act, objects: &Objects) -> Child {
    let child = Child::spawn(|| act.perform(objects));
    child.wait_asleep();
    child
}

fn end_one(sleepers: &mut Vec<Child>, tally: &mut Tally, strict: bool, place: &impl Fn() -> String) {
    match Child::first_to_end(sleepers) {
        Some(AS_IT_SHOULD | BROKEN) => {}
        Some(RESCUED) if !strict => tally.rescued += 1,
        Some(code) => panic!("{}: a sleeper ended with {code}", place()),
        None => panic!("{}: {} sleepers hang", place(), sleepers.len()),
    }
}

/// All of it works, and nobody is left.
fn settle(objects: &Objects, place: &impl Fn() -> String) {
    objects.take();
    let holder = lock::holder(&objects.lock).map(|(owner, thread)| (owner.pid(), thread));
    assert_eq!(holder, Some((std::process::id(), thread::current())), "{}", place());
    objects.free();
    assert_eq!(lock::holder(&objects.lock), None, "{}", place());
    let right = |act: Act| {
        let code = act.perform(objects);
        assert!(matches!(code, AS_IT_SHOULD | RESCUED), "{}: then {act:?} ended with {code}", place());
    };
    for act in [Act::Give, Act::Take, Act::Set, Act::AwaitEvent, Act::Clear, Act::NotifyAll, Act::Reset] {
        right(act);
    }
    assert_eq!(condition::waiting(&objects.condition), 0, "{}", place());
    let other = asleep(Act::Meet, objects);
    assert_eq!(barrier::waiting(&objects.barrier), 1, "{}", place());
    right(Act::Meet);
    assert!(matches!(other.code(), Some(AS_IT_SHOULD | RESCUED)), "{}", place());
    let other = asleep(Act::AwaitNotice, objects);
    right(Act::Notify);
    assert!(matches!(other.code(), Some(AS_IT_SHOULD | RESCUED)), "{}: a notice is lost", place());
}

/// A sleeper that was woken, killed at each instruction from there on, with another asleep behind it.
pub struct Woken {
    pub name: &'static str,
    sleeper: Act,
    wake: Act,
    /// Whether the sleeper has used up what it was woken for.
    used: fn(&Objects) -> bool,
}

pub const WOKEN: &[Woken] = &[
    Woken {
        name: "a woken taker of a permit with one behind it",
        sleeper: Act::Take,
        wake: Act::Give,
        used: |objects| semaphore::permits(&objects.semaphore) == 0,
    },
    Woken {
        name: "a notified one with one behind it",
        sleeper: Act::AwaitNotice,
        wake: Act::Notify,
        used: |_| false,
    },
];

pub fn run_woken(scene: &Woken, full: bool) -> Tally {
    for_moments(full, |moment, tally| kill_woken_at(scene, moment, tally))
}

fn kill_woken_at(scene: &Woken, moment: usize, tally: &mut Tally) -> usize {
    let objects = Objects::new();
    let mut victim = Child::traced(|| scene.sleeper.perform(&objects)).expect("permitted");
    while !(victim.run_to_system_call() == Traced::Stopped && victim.enters_sleep()) {}
    victim.begin_step();
    victim.wait_asleep();
    let mut behind = vec![asleep(scene.sleeper, &objects)];
    assert_eq!(scene.wake.perform(&objects), AS_IT_SHOULD);
    assert_eq!(victim.trace_stop(), Traced::Stopped);
    let (steps, _) = tally.way.follow(&mut victim, moment, AtSleep::Wait);
    victim.kill();

    let place = || format!("{}, killed after {steps} instructions", scene.name);
    // What it was woken for is for the one behind, unless it was used up; then there is more.
    if (scene.used)(&objects) {
        tally.happened += 1;
        scene.wake.perform(&objects);
    } else if scene.sleeper == Act::AwaitNotice {
        let left = || condition::waiting(&objects.condition) == 1 && !has_called(&objects);
        if left() {
            tally.happened += 1;
            scene.wake.perform(&objects);
        }
    }
    end_one(&mut behind, tally, false, &place);
    settle(&objects, &place);
    steps
}

/// Whether somebody was notified who has not left.
fn has_called(objects: &Objects) -> bool {
    condition::called(&objects.condition) > 0
}
