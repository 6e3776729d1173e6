//! What becomes of rings and of locks when processes that use them are killed.
//!
//! | file | what it is |
//! |---|---|
//! | `table` | operation, situation, who sleeps meanwhile |
//! | `scenes` | what a scene is made of |
//! | `stepper` | a kill after each instruction of each scene |
//! | `way` | the instructions of an operation, and short cuts to one of them |
//! | `objects` | the same for locks, semaphores, events, conditions and barriers |
//! | `boards` | the same for the boards on which waits stand |
//! | `acts` | what processes do with those |
//! | `flights` | the same for what workers write down about themselves |
//! | `soak` | kills at random moments, every record accounted for |
//! | `living` | forks, zombies and signals: what is not a kill |
//! | `process` | children that are stepped, stopped and killed |
//! | `ledger` | what was seen of each record |
//! | `watchdog` | ends what hangs, and says where |
//!
//! The short form takes some moments of each scene, as many as two seconds allow; with ROPEWALK_TEST_FULL=1 all are
//! taken, and the soaks are long.
//! This is a program of its own, without the test harness, because it forks: it has one thread.

mod acts;
mod boards;
mod flights;
mod ledger;
mod living;
mod objects;
mod process;
mod scenes;
mod soak;
mod stepper;
mod table;
mod watchdog;
mod way;

use std::time::Instant;
use stepper::Wake;

fn main() {
    let filter: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if std::env::args().any(|word| word == "--list") {
        return;
    }
    let full = std::env::var_os("ROPEWALK_TEST_FULL").is_some_and(|value| !value.is_empty());
    let wanted = |name: &str| filter.is_empty() || filter.iter().any(|word| name.contains(word.as_str()));
    let report = |name: &str, test: &mut dyn FnMut() -> String| {
        if wanted(name) {
            let begun = Instant::now();
            watchdog::at(name);
            let seen = test();
            println!("crash: {name}: {seen} ({:.1} s)", begun.elapsed().as_secs_f64());
        }
    };

    watchdog::start();
    let can_step = stepper::is_permitted();
    for (name, traces, test) in living::TESTS {
        report(name, &mut || {
            if *traces && !can_step {
                return "not done: it needs to trace".into();
            }
            test();
            "ok".into()
        });
    }
    let soaks = match (full, can_step) {
        (true, _) => 2000,
        (false, true) => 150,
        (false, false) => 400,
    };
    for plan in soak::PLANS {
        report(&format!("soak of {}", plan.name), &mut || {
            let tally = soak::run(plan, soaks, 0x005e_ed0f_0fa5_0ad5);
            format!(
                "{} kills, {} of consumers; {} records, {} lost in the hands of the killed",
                tally.kills, tally.killed_consumers, tally.pushed, tally.lost
            )
        });
    }
    if !can_step {
        println!(
            "crash: this system does not let a process trace its child: no instruction was stepped through"
        );
        return;
    }
    process::stay_on_one_processor();
    living::sleep_once(&living::ring()); // what a process asks the system once, it has asked
    let told = |tally: stepper::Tally| {
        format!(
            "killed at {} of {} instructions, {} of them on another way: {} times it had happened, {} sleepers looked for \
             themselves",
            tally.moments, tally.instructions, tally.way.strayed, tally.happened, tally.rescued
        )
    };
    report("a getter that comes too late for its own sleep", &mut || {
        stepper::run_late();
        "ok".into()
    });
    for scene in table::SCENES {
        report(scene.name, &mut || told(stepper::run(scene, full)));
    }
    for scene in objects::SCENES {
        report(scene.name, &mut || told(objects::run(scene, full)));
    }
    for scene in objects::WOKEN {
        report(scene.name, &mut || told(objects::run_woken(scene, full)));
    }
    report(flights::NAME, &mut || told(flights::run(full)));
    report(boards::NAME, &mut || told(boards::run(full)));
    for behind in 0..3 {
        let name = format!("a woken getter with {behind} behind it");
        report(&name, &mut || told(stepper::run_woken(Wake::Record, behind, full)));
    }
    for behind in 0..2 {
        let name = format!("a getter that gives up with {behind} behind it");
        report(&name, &mut || told(stepper::run_woken(Wake::Deadline, behind, full)));
    }
}
