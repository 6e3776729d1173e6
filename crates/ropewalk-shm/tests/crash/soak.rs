//! Producers and consumers killed at random moments, again and again, and every record accounted for.

use crate::ledger::Ledger;
use crate::process::Child;
use crate::watchdog;
use ropewalk_os::{Deadline, Plain};
use ropewalk_shm::ring::{Counts, Options, PopError, Ring};
use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

const PRODUCERS: usize = 3;
const CONSUMERS: usize = 2;
const RECORDS: usize = 1 << 23;

/// Cells of the ledger before those of the records.
const NEXT: usize = 0;
const STOP: usize = 1;
const FIRST: usize = 2;

/// How one soak is to be.
pub struct Plan {
    pub name: &'static str,
    pub options: Options,
    /// Bytes of the longest record.
    pub longest: usize,
    /// Whether all but its head goes in as a buffer, and comes out on loan.
    pub in_parts: bool,
}

pub const PLANS: &[Plan] = &[
    Plan {
        name: "a ring that is never full",
        options: Options { max_records: u64::MAX, max_bytes: 1 << 28, track: false, ..Options::LARGEST },
        longest: 3000,
        in_parts: false,
    },
    Plan {
        name: "a ring for one record",
        options: Options { max_records: 1, max_bytes: 1 << 20, track: true, ..Options::LARGEST },
        longest: 100,
        in_parts: false,
    },
    Plan {
        name: "a ring of 128 KiB",
        options: Options { max_records: u64::MAX, max_bytes: 128 << 10, track: true, ..Options::LARGEST },
        longest: 9000,
        in_parts: false,
    },
    Plan {
        name: "a ring of records in blocks",
        options: Options { max_block_bytes: 8 << 20, block_from: 1000, track: true, ..Options::LARGEST },
        longest: 3000,
        in_parts: true,
    },
    Plan {
        name: "a ring of large records",
        options: Options { max_records: 30, max_block_bytes: 4 << 20, ..Options::LARGEST },
        longest: 300_000,
        in_parts: true,
    },
];

#[derive(Debug, Default)]
pub struct Tally {
    pub kills: usize,
    pub pushed: u64,
    pub lost: u64,
    pub killed_consumers: u64,
}

/// Numbers that repeat themselves for the same seed (xorshift, Marsaglia 2003).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// A record: ticket, producer and its life, then bytes that follow from the ticket.
fn record(ticket: u32, producer: u32, longest: usize, into: &mut Vec<u8>) {
    let len = 8 + (ticket as usize).wrapping_mul(2_654_435_761) % longest;
    into.clear();
    into.extend(ticket.to_le_bytes());
    into.extend(producer.to_le_bytes());
    into.extend((8..len).map(|at| (ticket as usize + at) as u8));
}

fn number(record: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(record[at..at + 4].try_into().expect("four bytes"))
}

fn produce(ring: &Ring, ledger: &Ledger, producer: u32, plan: &Plan) -> u8 {
    let mut bytes = Vec::new();
    while ledger.cells()[STOP].load(Relaxed) == 0 {
        let ticket = ledger.cells()[NEXT].fetch_add(1, Relaxed);
        assert!((ticket as usize) < RECORDS, "the ledger is too small");
        record(ticket, producer, plan.longest, &mut bytes);
        if plan.in_parts {
            let (head, rest) = bytes.split_at(8);
            ring.push_parts(head, &[rest], &mut Plain, Deadline::NEVER).expect("push");
        } else {
            ring.push(&bytes, &mut Plain, Deadline::NEVER).expect("push");
        }
        // Far ahead is not the point here: what is inside stays below a few MiB.
        while ring.counts().expect("whole").waiting() > 2000 && ledger.cells()[STOP].load(Relaxed) == 0 {
            std::thread::yield_now();
        }
    }
    0
}

fn consume(ring: &Ring, ledger: &Ledger, plan: &Plan) -> u8 {
    let (mut bytes, mut expected) = (Vec::new(), Vec::new());
    let (mut loans, mut kept) = (Vec::new(), Vec::new());
    let mut last = std::collections::HashMap::new();
    loop {
        let popped = match plan.in_parts {
            true => ring.pop_parts(&mut bytes, &mut loans, &mut Plain, Deadline::NEVER),
            false => ring.pop(&mut bytes, &mut Plain, Deadline::NEVER),
        };
        let place = match popped {
            Ok(place) => place,
            Err(PopError::ShutDown) => return 0,
            Err(error) => panic!("{error}"),
        };
        let (ticket, producer) = (number(&bytes, 0), number(&bytes, 4));
        record(ticket, producer, plan.longest, &mut expected);
        let (head, rest) = expected.split_at(bytes.len());
        assert!(bytes == head && loans.first().is_none_or(|loan| **loan == *rest), "record {ticket} is torn");
        assert_eq!(loans.len(), usize::from(plan.in_parts));
        kept.append(&mut loans);
        kept.drain(..kept.len().saturating_sub(2)); // whoever is killed has some in its hands
        let before = last.insert(producer, ticket);
        assert!(before.is_none_or(|before| before < ticket), "{ticket} of {producer} after {before:?}");
        ledger.cells()[FIRST + ticket as usize].fetch_add(1, Relaxed);
        ledger.cells()[FIRST + RECORDS + place as usize].fetch_add(1, Relaxed);
    }
}

/// Kills so many processes, in rounds, each with a ring of its own.
pub fn run(plan: &Plan, kills: usize, seed: u64) -> Tally {
    let mut whole = Tally::default();
    let mut chance = Chance(seed | 1);
    while whole.kills < kills {
        let tally = round(plan, kills - whole.kills, &mut chance);
        whole.kills += tally.kills;
        whole.pushed += tally.pushed;
        whole.lost += tally.lost;
        whole.killed_consumers += tally.killed_consumers;
    }
    whole
}

/// Kills at most so many processes, each replaced at once, until half of the tickets are gone; then lets all end,
/// and counts.
fn round(plan: &Plan, kills: usize, chance: &mut Chance) -> Tally {
    let ring = Ring::create(&plan.options).expect("memfd");
    let ledger = Ledger::new(FIRST + 2 * RECORDS);
    let mut lives = 0_u32;
    let mut start = |place: usize| {
        lives += 1;
        let life = lives;
        if place < PRODUCERS {
            Child::spawn(|| produce(&ring, &ledger, life, plan))
        } else {
            Child::spawn(|| consume(&ring, &ledger, plan))
        }
    };
    let mut children: Vec<Child> = (0..PRODUCERS + CONSUMERS).map(&mut start).collect();
    let mut tally = Tally::default();
    while tally.kills < kills && (ledger.cells()[NEXT].load(Relaxed) as usize) < RECORDS / 2 {
        go_on(&ring, &ledger, plan);
        std::thread::sleep(Duration::from_micros(chance.below(1500) as u64)); // the moment is what chance decides
        let place = chance.below(children.len());
        let replaced = std::mem::replace(&mut children[place], start(place));
        replaced.kill();
        tally.kills += 1;
        tally.killed_consumers += u64::from(place >= PRODUCERS);
    }
    ledger.cells()[STOP].store(1, Relaxed);
    let consumers = children.split_off(PRODUCERS);
    for producer in children {
        assert_eq!(producer.code(), Some(0), "{}: a producer hangs", plan.name);
    }
    ring.close().expect("whole");
    for consumer in consumers {
        assert_eq!(consumer.code(), Some(0), "{}: a consumer hangs", plan.name);
    }

    let Counts { pushed, popped, .. } = ring.counts().expect("whole");
    assert_eq!(pushed, popped, "{}", plan.name);
    let blocks = ring.blocks().expect("whole");
    assert_eq!((blocks.writing, blocks.queued, blocks.reading), (0, 0, 0), "{}", plan.name);
    let mut seen = 0;
    let (tickets, places) = ledger.cells()[FIRST..].split_at(RECORDS);
    for (ticket, cell) in tickets.iter().enumerate() {
        let count = cell.load(Relaxed);
        assert!(count <= 1, "{}: record {ticket} came {count} times", plan.name);
        seen += u64::from(count);
    }
    tally.pushed = pushed;
    tally.lost = popped - seen;
    assert!(tally.lost <= tally.killed_consumers, "{}: {tally:?}", plan.name);
    if plan.options.track {
        // Each that was lost is told; so are those that were in the hand of who died after it had noted them.
        let told: HashSet<u64> =
            ring.take_lost().expect("whole").into_iter().map(|(_, place)| place).collect();
        let lost = (0..popped).filter(|&place| places[place as usize].load(Relaxed) == 0);
        for place in lost {
            assert!(told.contains(&place), "{}: record {place} was lost, and only {told:?} told", plan.name);
        }
    }
    tally
}

/// Waits until one more record went through: whoever was killed, the rest do not hang.
fn go_on(ring: &Ring, ledger: &Ledger, plan: &Plan) {
    let before = ring.counts().expect("whole").popped;
    let begun = Instant::now();
    watchdog::beat();
    while ring.counts().expect("whole").popped == before {
        assert!(
            begun.elapsed() < Duration::from_secs(u64::from(watchdog::PATIENCE) - 10),
            "{}: all hang: {:?}, {} tickets taken, asleep {:?}",
            plan.name,
            ring.counts(),
            ledger.cells()[NEXT].load(Relaxed),
            ring.sleepers()
        );
        std::thread::yield_now();
    }
}
