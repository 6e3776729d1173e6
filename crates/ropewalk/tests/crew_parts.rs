//! Tasks with large buffers: from their caller into blocks, or into line first, to a worker, and back.

mod watchdog;

use ropewalk::process::{Arrival, Blocks, Crew, Handed, Options, Worker};
use ropewalk::{Deadline, Plain};

const MIB: usize = 1 << 20;

fn crew(workers: usize, options: Options) -> (Crew<usize>, Worker) {
    let crew = Crew::with(&options).expect("memfd");
    crew.set_workers(workers);
    let worker = Worker::open(&crew.tasks().place(), &crew.answers().place()).expect("the same version");
    (crew, worker)
}

fn enlist(crew: &Crew<usize>, ticket: usize, parts: &[&[u8]]) -> u64 {
    let body = ticket.to_le_bytes();
    let id = crew.enlist_parts(ticket, 0, &body, parts, |_| Handed::Go, &mut Plain).expect("open");
    post(crew);
    id
}

fn post(crew: &Crew<usize>) {
    crew.post(|_| Handed::Go, &mut Plain).expect("nothing is too large");
}

fn blocks(crew: &Crew<usize>) -> (usize, usize, usize) {
    let Blocks { writing, queued, reading, .. } = crew.tasks().blocks().expect("whole");
    (writing, queued, reading)
}

fn answer(crew: &Crew<usize>, worker: &mut Worker) -> usize {
    let task = worker.take(&mut Plain, Deadline::NEVER).expect("a task");
    let ticket = usize::from_le_bytes(worker.body().try_into().expect("its number"));
    let loans = worker.take_loans();
    assert!(loans.iter().all(|loan| loan.iter().all(|&byte| byte == ticket as u8)));
    drop(loans);
    worker.answer(&task, 0, b"", &[], &mut Plain, Deadline::NEVER).expect("room");
    match crew.next(&mut Plain, Deadline::NEVER) {
        Ok(Arrival::Answer { ticket: answered, .. }) => assert_eq!(answered, ticket),
        other => panic!("{other:?}"),
    }
    post(crew);
    ticket
}

#[test]
fn a_large_buffer_comes_to_the_worker_in_a_block_that_is_free_after_the_task() {
    let _watch = watchdog::watch();
    let (crew, mut worker) = crew(1, Options::default());
    enlist(&crew, 7, &[&vec![7; MIB], b"\x07\x07"]);
    assert_eq!(blocks(&crew), (0, 1, 0));
    assert_eq!(answer(&crew, &mut worker), 7);
    assert_eq!(blocks(&crew), (0, 0, 0));
    assert!(crew.is_idle());
}

#[test]
fn tasks_in_line_have_their_bytes_in_private_memory_and_go_in_their_order() {
    let _watch = watchdog::watch();
    let (crew, mut worker) = crew(1, Options::default());
    for ticket in 0..20 {
        enlist(&crew, ticket, &[&vec![ticket as u8; 3 * MIB]]);
    }
    let (writing, queued, reading) = blocks(&crew);
    assert!(queued < 4 && writing + reading == 0, "{queued}");
    assert_eq!(crew.in_line() + queued, 20);
    assert!((0..20).map(|_| answer(&crew, &mut worker)).eq(0..20));
    assert!(crew.is_idle());
    assert_eq!(blocks(&crew), (0, 0, 0));
}

#[test]
fn a_large_task_is_withdrawn_from_the_line_and_holds_no_block() {
    let _watch = watchdog::watch();
    let (crew, mut worker) = crew(1, Options::default());
    let ids: Vec<u64> = (0..6).map(|ticket| enlist(&crew, ticket, &[&vec![ticket as u8; MIB]])).collect();
    let out = 6 - crew.in_line();
    assert_eq!(crew.withdraw(ids[0]), None, "it is handed out");
    assert_eq!(crew.withdraw(ids[5]), Some(5));
    assert_eq!(crew.withdraw_all(), (out..5).collect::<Vec<_>>());
    assert!((0..out).map(|_| answer(&crew, &mut worker)).eq(0..out));
    assert_eq!(blocks(&crew), (0, 0, 0));
}

#[test]
fn a_task_that_its_owner_drops_leaves_no_block() {
    let _watch = watchdog::watch();
    let (crew, _worker) = crew(1, Options::default());
    let parts = [&*vec![7; MIB]];
    crew.enlist_parts(7, 0, b"task", &parts, |_| Handed::Drop, &mut Plain).expect("open");
    assert!(crew.is_idle());
    assert_eq!(blocks(&crew), (0, 0, 0));
}

#[test]
fn a_task_for_which_workers_hold_the_memory_goes_when_they_give_it_back() {
    let _watch = watchdog::watch();
    let options = Options { max_bytes: 1, max_block_bytes: MIB, ..Options::default() };
    let (crew, mut worker) = crew(1, options);
    let large = vec![1; MIB / 2];
    enlist(&crew, 1, &[&large]);
    let task = worker.take(&mut Plain, Deadline::NEVER).expect("a task");
    let kept = worker.take_loans();
    worker.answer(&task, 0, b"", &[], &mut Plain, Deadline::NEVER).expect("room");
    assert!(matches!(crew.next(&mut Plain, Deadline::NEVER), Ok(Arrival::Answer { ticket: 1, .. })));
    let mut asked = 0;
    let hand = |_: &usize| {
        asked += 1;
        Handed::Go
    };
    let longer = vec![2; MIB / 2 + 1];
    crew.enlist_parts(2, 0, &2_usize.to_le_bytes(), &[&longer], hand, &mut Plain).expect("open");
    post(&crew);
    assert_eq!((asked, crew.in_line()), (0, 1), "it is in line, and may be withdrawn");
    // Nothing will be answered, and still the wait ends, so that the task is tried again.
    assert!(crew.next(&mut Plain, Deadline::NEVER).is_err());
    post(&crew);
    assert_eq!(crew.in_line(), 1);
    drop(kept);
    while crew.in_line() > 0 {
        assert!(crew.next(&mut Plain, Deadline::NEVER).is_err());
        post(&crew);
    }
    assert_eq!(answer(&crew, &mut worker), 2);
}

#[test]
fn tasks_of_several_threads_stay_in_the_order_of_each() {
    let _watch = watchdog::watch();
    const EACH: usize = 60;
    let (crew, mut worker) = crew(2, Options::default());
    let mut seen = Vec::new();
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let crew = &crew;
            scope.spawn(move || {
                for number in 0..EACH {
                    let ticket = thread * EACH + number;
                    let large = vec![ticket as u8; if number % 3 == 0 { MIB } else { 10 }];
                    enlist(crew, ticket, &[&large]);
                }
            });
        }
        seen.extend((0..2 * EACH).map(|_| answer(&crew, &mut worker)));
    });
    for thread in 0..2 {
        let own = seen.iter().filter(|&&ticket| ticket / EACH == thread);
        assert!(own.copied().eq(thread * EACH..(thread + 1) * EACH), "{seen:?}");
    }
    assert!(crew.is_idle());
    assert_eq!(blocks(&crew), (0, 0, 0));
}

#[test]
fn nothing_is_taken_after_all_was_given_up() {
    let (crew, _worker) = crew(1, Options::default());
    enlist(&crew, 1, &[&vec![1; MIB]]);
    assert_eq!(crew.give_up(), [1]);
    let late = crew.enlist_parts(2, 0, b"", &[&vec![2; MIB]], |_| Handed::Go, &mut Plain);
    assert_eq!(late, Err(2));
    assert!(crew.is_idle());
}
