//! Which hosts asked for /robots.txt? A web log, searched in pieces by a pool of threads.
//!
//!     cargo run --release --example log_map_reduce -- [lines]
//!
//! The log is made up, in the combined format, the same for the same number of lines.

use ropewalk::thread_pool::ThreadPool;
use ropewalk::{Deadline, Plain};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

type Counts = BTreeMap<String, u64>;

fn main() {
    let lines = std::env::args().nth(1).map_or(500_000, |text| text.parse().expect("a number of lines"));
    let log: Arc<str> = made_up_log(lines).into();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let begin = Instant::now();
    let hosts = count_in_pool(&ThreadPool::new(threads), &log, 4 * threads);
    let took = begin.elapsed().as_secs_f64();
    let mut most: Vec<_> = hosts.iter().collect();
    most.sort_by_key(|&(host, count)| (std::cmp::Reverse(count), host));
    println!("{} hosts asked for /robots.txt; {threads} threads found them in {took:.3} s", hosts.len());
    for (host, count) in most.into_iter().take(5) {
        println!("{count:6}  {host}");
    }
}

/// Maps pieces of the log to counts, in the pool, and reduces the counts to one.
fn count_in_pool(pool: &ThreadPool, log: &Arc<str>, pieces: usize) -> Counts {
    let parts: Vec<_> = cuts(log, pieces)
        .map(|(begin, end)| {
            let log = Arc::clone(log);
            pool.spawn(move || count(&log[begin..end])).expect("the pool is open")
        })
        .collect();
    let mut all = Counts::new();
    for part in parts {
        for (host, count) in part.result(&mut Plain, Deadline::NEVER).expect("no panic") {
            *all.entry(host).or_default() += count;
        }
    }
    all
}

/// The log in about `pieces` pieces of whole lines.
fn cuts(log: &str, pieces: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut begin = 0;
    std::iter::from_fn(move || {
        let goal = (begin + log.len() / pieces).min(log.len());
        let end = log[goal..].find('\n').map_or(log.len(), |newline| goal + newline + 1);
        let piece = (begin, end);
        begin = end;
        (piece.0 < piece.1).then_some(piece)
    })
}

/// How often each host asked for /robots.txt.
fn count(log: &str) -> Counts {
    let mut counts = Counts::new();
    for line in log.lines() {
        let Some((host, rest)) = line.split_once(' ') else { continue };
        let Some(request) = rest.split('"').nth(1) else { continue };
        if request.split(' ').nth(1) == Some("/robots.txt") {
            match counts.get_mut(host) {
                Some(count) => *count += 1,
                None => drop(counts.insert(host.to_owned(), 1)),
            }
        }
    }
    counts
}

/// A log of `lines` lines in the combined format.
fn made_up_log(lines: usize) -> String {
    const PAGES: [&str; 4] = ["/", "/index.html", "/about/robots.txt.html", "/images/rope.png"];
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |end: u64| {
        seed ^= seed << 13; // xorshift, Marsaglia 2003
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % end
    };
    let mut log = String::new();
    for number in 0..lines {
        let host = below(400);
        let page = if below(20) == 0 { "/robots.txt" } else { PAGES[below(4) as usize] };
        let (minute, second) = (number / 60 % 60, number % 60);
        writeln!(
            log,
            "10.0.{}.{} - - [21/Nov/2026:02:{minute:02}:{second:02} +0000] \"GET {page} HTTP/1.1\" 200 {} \"-\" \"a browser\"",
            host / 100,
            host % 100,
            below(5_000),
        )
        .expect("memory is enough");
    }
    log
}

#[test]
fn the_pool_counts_what_one_thread_counts() {
    let log: Arc<str> = made_up_log(5_000).into();
    let alone = count(&log);
    assert!(!alone.is_empty());
    for pieces in [1, 3, 64] {
        assert_eq!(count_in_pool(&ThreadPool::new(3), &log, pieces), alone);
    }
}

#[test]
fn the_pieces_are_the_log() {
    let log = made_up_log(100);
    let pieces: Vec<&str> = cuts(&log, 7).map(|(begin, end)| &log[begin..end]).collect();
    assert_eq!(pieces.concat(), log);
    assert!(pieces.iter().all(|piece| piece.ends_with('\n')));
}

#[test]
fn only_the_file_itself_counts() {
    let log = "a - - [x] \"GET /robots.txt HTTP/1.1\" 200 1\nb - - [x] \"GET /about/robots.txt.html HTTP/1.1\" 200 1\n";
    assert_eq!(count(log), Counts::from([("a".to_owned(), 1)]));
}
