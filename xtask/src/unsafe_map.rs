//! Unsafe code stands in listed files only, under a numbered contract that every block cites.
//!
//! A file with unsafe code has in its module documentation a heading that begins `# Contract of the unsafe code`, and
//! below it rules, `1.`, `2.` and so on; or it says ``Contract: see `raw` `` and shares that of `raw.rs` beside it. Each
//! block and impl says above itself `// SAFETY: rule 2` or `rules 1 and 3`, and what is special there.
//! `docs/reference/unsafe.md` holds the map.

use crate::source::{self, File};
use crate::{Findings, section};
use std::io;
use std::path::Path;

/// The files that may have unsafe code, each with the reason why safe code cannot do it.
const ALLOWED: &[(&str, &str)] = &[
    (
        "crates/ropewalk-python/src/processes/stack/thread.rs",
        "the interpreter's state of a thread, asked for by a signal's handler",
    ),
    (
        "crates/ropewalk-python/src/futures/birth.rs",
        "a pool's future made without going through its class's call",
    ),
    (
        "crates/ropewalk-python/src/codec/buffer.rs",
        "buffers lent and borrowed through the interpreter's protocol",
    ),
    (
        "crates/ropewalk-python/src/codec/decode.rs",
        "new containers filled in place, as the interpreter's own readers do",
    ),
    (
        "crates/ropewalk-python/src/codec/encode.rs",
        "builtins read as what they are: a checked call for each costs more",
    ),
    ("crates/ropewalk-python/src/codec/keys.rs", "a table of names that the GIL guards, read without a lock"),
    ("crates/ropewalk-python/src/greenlet/attributes.rs", "slots of a raw type"),
    (
        "crates/ropewalk-python/src/greenlet/body.rs",
        "called from C on a new stack; what it leaves is never returned to",
    ),
    ("crates/ropewalk-python/src/greenlet/broken.rs", "a raw type, for tests"),
    ("crates/ropewalk-python/src/greenlet/capsule.rs", "greenlet's C API: functions and types as addresses"),
    (
        "crates/ropewalk-python/src/greenlet/carry.rs",
        "references that go from one stack to another: nothing may be dropped by itself",
    ),
    (
        "crates/ropewalk-python/src/greenlet/class.rs",
        "a static type in the layout of greenlet's header, which extension modules compile in",
    ),
    ("crates/ropewalk-python/src/greenlet/collect.rs", "slots of a raw type"),
    (
        "crates/ropewalk-python/src/greenlet/dealloc.rs",
        "an object that is killed while its last reference goes, and may come back to life",
    ),
    (
        "crates/ropewalk-python/src/greenlet/functions.rs",
        "addresses of a static type, and records that the GIL guards",
    ),
    (
        "crates/ropewalk-python/src/greenlet/graveyard.rs",
        "records of threads that have ended, without the GIL",
    ),
    (
        "crates/ropewalk-python/src/greenlet/interpreter.rs",
        "functions in C, and under an ABI that may unwind",
    ),
    ("crates/ropewalk-python/src/greenlet/object.rs", "an object and its state in a layout of C"),
    (
        "crates/ropewalk-python/src/greenlet/switching.rs",
        "another stack: no safe function returns somewhere else",
    ),
    (
        "crates/ropewalk-python/src/greenlet/thread.rs",
        "records that the GIL guards, found by a thread-local variable of C",
    ),
    ("crates/ropewalk-python/src/greenlet/throw.rs", "exceptions put aside and thrown on another stack"),
    ("crates/ropewalk-python/src/greenlet/trace.rs", "called between two stacks"),
    ("crates/ropewalk-python/src/graft.rs", "method descriptors of one class made from those of another"),
    (
        "crates/ropewalk-python/src/build_class.rs",
        "the class statement, called without a Rust frame that would stop an unwind",
    ),
    ("crates/ropewalk-os/src/bell.rs", "eventfd: std has none"),
    ("crates/ropewalk-os/src/checker.rs", "assembly"),
    (
        "crates/ropewalk-os/src/child.rs",
        "pre_exec, waitid: std has neither inherited descriptors nor a wait that leaves the process",
    ),
    ("crates/ropewalk-os/src/children.rs", "pthread_atfork: std does not know about fork"),
    ("crates/ropewalk-os/src/clock.rs", "clock_gettime: std's Instant has no absolute time to sleep until"),
    ("crates/ropewalk-os/src/context/mod.rs", "another stack: no safe function returns somewhere else"),
    ("crates/ropewalk-os/src/context/x86_64.rs", "assembly"),
    ("crates/ropewalk-os/src/context/aarch64.rs", "assembly"),
    ("crates/ropewalk-os/src/stack.rs", "mmap, madvise: std makes stacks for threads only"),
    ("crates/ropewalk-os/src/fork.rs", "pthread_atfork: std does not know about fork"),
    ("crates/ropewalk-os/src/fork_copy.rs", "mmap over part of a mapping before a fork: std does neither"),
    ("crates/ropewalk-os/src/futex_call.rs", "futex: std's own is private"),
    (
        "crates/ropewalk-os/src/lifeline.rs",
        "a signal at the end of another process: std has no fcntl, no timers",
    ),
    ("crates/ropewalk-os/src/memory.rs", "memfd_create, mmap: std has no shared memory"),
    (
        "crates/ropewalk-os/src/own_memory.rs",
        "process_vm_readv, mmap: std reads only memory that is there, and has no pages",
    ),
    ("crates/ropewalk-os/src/unshared_memory.rs", "sysconf: std does not say how long a page is"),
    ("crates/ropewalk-os/src/robust.rs", "robust mutexes: std's has no way to survive its owner"),
    ("crates/ropewalk-os/src/sampler/mod.rs", "timers and handlers of signals: std has neither"),
    ("crates/ropewalk-os/src/sampler/crash.rs", "handlers of signals, passed on to those before them"),
    ("crates/ropewalk-os/src/sampler/tests.rs", "children that crash: std forks nothing"),
    ("crates/ropewalk-os/src/shared_futex.rs", "futex between processes, with requeue: std has neither"),
    ("crates/ropewalk-os/src/shared_words.rs", "anonymous shared mmap: std has none"),
    ("crates/ropewalk-os/src/signal.rs", "pidfd_send_signal: std only kills, and only children"),
    (
        "crates/ropewalk-os/src/stream.rs",
        "descriptors that belong to a program of Python: std would close them",
    ),
    ("crates/ropewalk-os/src/thread.rs", "pthread_self: std's ThreadId is not the number that Python shows"),
    ("crates/ropewalk-python/src/multiprocessing/descriptor.rs", "descriptors come from Python as numbers"),
    ("crates/ropewalk-os/src/watcher.rs", "pidfd_open, and a thread that takes no signals: std has neither"),
    (
        "crates/ropewalk-python/src/multiprocessing/sharedctypes/number.rs",
        "numbers in the memory of a ctypes object, which other processes write",
    ),
    (
        "crates/ropewalk-python/src/multiprocessing/lent.rs",
        "buffers of any format, and `bytes` written without being cleared first",
    ),
    (
        "crates/ropewalk-python/src/multiprocessing/synchronize/arguments.rs",
        "arguments as the interpreter passes them to raw types",
    ),
    (
        "crates/ropewalk-python/src/multiprocessing/synchronize/sem_lock.rs",
        "a raw type: PyO3's cost is the whole margin of a lock",
    ),
    ("crates/ropewalk-python/src/multiprocessing/synchronize/sem_lock_type.rs", "a raw type, as above"),
    (
        "crates/ropewalk-python/src/threading/acquire.rs",
        "arguments as the interpreter passes them to raw types",
    ),
    (
        "crates/ropewalk-python/src/threading/factory.rs",
        "a raw type: no function of the interpreter's can say that it is ours",
    ),
    ("crates/ropewalk-python/src/threading/lock.rs", "a raw type: PyO3's cost is the whole margin of a lock"),
    (
        "crates/ropewalk-python/src/threading/raw.rs",
        "types made by hand, in the image of the interpreter's own",
    ),
    ("crates/ropewalk-python/src/threading/reentrant.rs", "a raw type, as for the plain lock"),
    (
        "crates/ropewalk-python/src/threading/with_method.rs",
        "a raw type: binding the two methods of `with` costs more than the lock itself",
    ),
    (
        "crates/ropewalk-shm/src/ring/layout.rs",
        "atomics, a lock and bytes at fixed places in memory that other processes write",
    ),
    ("crates/ropewalk-shm/src/flight/mod.rs", "seats in shared memory, seen as structures of atomics"),
    ("crates/ropewalk-shm/src/flight/tests.rs", "scribbles into it"),
    ("crates/ropewalk-shm/src/ring/loan.rs", "bytes in shared memory that one process has for itself"),
    ("crates/ropewalk-shm/src/board.rs", "atomics at fixed places in memory that other processes read"),
    ("crates/ropewalk-shm/src/segment.rs", "words in memory that other processes write"),
    ("crates/ropewalk-shm/src/slab.rs", "atomics at fixed places in memory that other processes write"),
    ("crates/ropewalk-shm/tests/crash/ledger.rs", "counters that killed processes leave behind"),
    ("crates/ropewalk-shm/tests/crash/process.rs", "fork, ptrace and signals: std starts programs only"),
    ("crates/ropewalk-shm/tests/crash/watchdog.rs", "a timer and its signal's handler"),
    ("crates/ropewalk/src/fiber/place.rs", "computations begun, stopped and gone on with"),
    ("crates/ropewalk/src/fiber/coroutine.rs", "a stack that outlives what stands on it"),
    ("crates/ropewalk/src/fiber/hub.rs", "stacks that outlive what stands on them"),
    (
        "crates/ropewalk/src/per_process.rs",
        "a forked child may not touch, nor free, what its parent had locked",
    ),
    ("crates/ropewalk/src/sync/mutex.rs", "a value that whoever holds the lock may change"),
    ("crates/ropewalk/src/sync/reentrant_mutex.rs", "a value that whoever holds the lock may look at"),
    (
        "crates/ropewalk/src/wait_graph/registry.rs",
        "sleeping threads lend their stack: an entry costs no allocation",
    ),
];

const HEADING: &str = "# Contract of the unsafe code";
const MAP: &str = "docs/reference/unsafe.md";

/// What a file with unsafe code has.
#[derive(Debug, PartialEq)]
struct Entry {
    blocks: usize,
    rules: usize,
}

pub fn check(root: &Path) -> io::Result<Findings> {
    let (map, mut findings) = look(root)?;
    let document = std::fs::read_to_string(root.join(MAP))?;
    if section::held(&document, "map")? != map.trim() {
        findings.push(format!("{MAP} is not true any more: cargo xtask unsafe-map --write"));
    }
    println!("{}", map.trim());
    Ok(findings)
}

/// Writes the map anew, whatever the findings.
pub fn write(root: &Path) -> io::Result<()> {
    let (map, _) = look(root)?;
    let path = root.join(MAP);
    let document = std::fs::read_to_string(&path)?;
    std::fs::write(path, section::replaced(&document, "map", &map)?)
}

fn look(root: &Path) -> io::Result<(String, Findings)> {
    let mut findings = Vec::new();
    let mut map = String::from("| file | unsafe places | rules | why not safe code |\n|---|---|---|---|\n");
    let mut seen = Vec::new();
    for file in source::files(root, &[".rs"])? {
        let contract = match shared(&file) {
            Some(path) => std::fs::read_to_string(root.join(path))?,
            None => file.text.clone(),
        };
        let Some(entry) = examine(&file, rules(&contract), &mut findings) else { continue };
        let Some((_, reason)) = ALLOWED.iter().find(|(path, _)| *path == file.path) else {
            findings.push(format!(
                "{}: unsafe code in a file that is not listed in xtask/src/unsafe_map.rs",
                file.path
            ));
            continue;
        };
        map.push_str(&format!("| `{}` | {} | {} | {reason} |\n", file.path, entry.blocks, entry.rules));
        seen.push(file.path);
    }
    for (path, _) in ALLOWED {
        if !seen.iter().any(|file| file == path) {
            findings.push(format!("{path} is listed in xtask/src/unsafe_map.rs and has no unsafe code"));
        }
    }
    Ok((map, findings))
}

/// Counts the unsafe places of a file and checks each; `None` if it has none.
fn examine(file: &File, rules: usize, findings: &mut Findings) -> Option<Entry> {
    let code = source::code_only(&file.text);
    let places: Vec<usize> = source::words(&code, "unsafe").filter(|&place| acts(&code[place..])).collect();
    if places.is_empty() {
        return None;
    }
    if rules == 0 {
        findings
            .push(format!("{}: no numbered rules under {HEADING:?} in its module documentation", file.path));
    }
    for &place in &places {
        let line = source::line_of(&code, place);
        match cited(&file.text, line) {
            None => findings
                .push(format!("{}:{line}: no `SAFETY:` comment above it that cites a rule", file.path)),
            Some(numbers) => {
                for number in numbers.iter().filter(|&&number| number == 0 || number > rules) {
                    findings.push(format!("{}:{line}: there is no rule {number} in this file", file.path));
                }
            }
        }
    }
    Some(Entry { blocks: places.len(), rules })
}

/// Whether this `unsafe` does something, as blocks and impls do; `unsafe fn` only passes the duty on.
fn acts(code: &str) -> bool {
    let rest = code["unsafe".len()..].trim_start();
    rest.starts_with('{') || rest.starts_with("impl") || rest.starts_with("extern {") || {
        let brace = rest.find('{').unwrap_or(rest.len());
        rest.starts_with("extern") && rest.find("fn").is_none_or(|function| brace < function)
    }
}

/// The file beside this one whose contract it shares.
fn shared(file: &File) -> Option<String> {
    let line = file.text.lines().find(|line| line.starts_with("#![allow(unsafe_code)]"))?;
    let (_, rest) = line.split_once("Contract: see `")?;
    let (name, _) = rest.split_once('`')?;
    let (folder, _) = file.path.rsplit_once('/')?;
    Some(format!("{folder}/{name}.rs"))
}

/// The last number of the contract in the module's documentation.
fn rules(text: &str) -> usize {
    let documentation = text.lines().filter_map(|line| line.trim_start().strip_prefix("//!"));
    let contract = documentation.skip_while(|line| !line.trim().starts_with(HEADING)).skip(1);
    let mut last = 0;
    for line in contract.take_while(|line| !line.trim_start().starts_with('#')) {
        if line.trim().starts_with(&format!("{}. ", last + 1)) {
            last += 1;
        }
    }
    last
}

/// The rules that the comment above `line` cites. It stands above the statement, which may have begun earlier.
fn cited(text: &str, line: usize) -> Option<Vec<usize>> {
    let lines: Vec<&str> = text.lines().take(line).collect();
    let from = lines.iter().rposition(|line| line.contains("SAFETY:"))?;
    let between = &lines[from + 1..line - 1];
    let code_between = between.iter().filter(|line| !line.trim_start().starts_with("//")).count();
    // Only the head of one statement may stand between: no line that ends another.
    if code_between > 4 || between.iter().any(|line| line.trim_end().ends_with([';', '}'])) {
        return None;
    }
    let comment =
        lines[from..].iter().map(|line| line.trim_start()).take_while(|line| line.starts_with("//"));
    let comment: Vec<&str> = comment.map(|line| line.trim_start_matches('/').trim()).collect();
    let numbers = numbers(&comment.join(" "));
    (!numbers.is_empty()).then_some(numbers)
}

/// The numbers behind each `rule` or `rules`: `rule 1`, `rules 1, 2 and 3`.
fn numbers(comment: &str) -> Vec<usize> {
    let mut numbers = Vec::new();
    let mut listing = false;
    for word in comment.split_whitespace() {
        let digits = word.trim_end_matches(|c: char| !c.is_ascii_digit());
        match (word, digits.parse()) {
            ("rule" | "rules", _) => listing = true,
            ("and", _) => {}
            (_, Ok(number)) if listing => {
                numbers.push(number);
                listing = digits == word || word == format!("{digits},");
            }
            _ => listing = false,
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examined(text: &str) -> (Option<Entry>, Findings) {
        let mut findings = Vec::new();
        let entry = examine(&File { path: "a.rs".into(), text: text.into() }, rules(text), &mut findings);
        (entry, findings)
    }

    const CONTRACT: &str =
        "//! A.\n//!\n//! # Contract of the unsafe code\n//!\n//! 1. One,\n//!    told.\n//! 2. Two.\n";

    #[test]
    fn safe_files_have_no_entry() {
        let text = "// unsafe {\n#![deny(unsafe_code)]\nconst A: &str = \"unsafe {\";\ntype F = unsafe fn();\ntype G = unsafe extern \"C\" fn();";
        assert_eq!(examined(text), (None, vec![]));
    }

    #[test]
    fn blocks_that_cite_their_rules_are_fine() {
        let body = "fn f() {\n    // SAFETY: rules 1 and 2; and 7 more.\n    let a =\n        unsafe { g() };\n}\n\
                    // SAFETY: rule 2.\nunsafe impl Send for A {}\n";
        let (entry, findings) = examined(&format!("{CONTRACT}{body}"));
        assert_eq!(findings, Vec::<String>::new());
        assert_eq!(entry, Some(Entry { blocks: 2, rules: 2 }));
    }

    #[test]
    fn a_block_without_a_rule_is_found() {
        for body in [
            "fn f() { unsafe { g() } }",
            "// SAFETY: it is fine.\nunsafe impl Send for A {}",
            "// SAFETY: rule 1.\nlet a = unsafe { g() };\nlet b = unsafe { g() };",
        ] {
            let (_, findings) = examined(&format!("{CONTRACT}{body}\n"));
            assert_eq!(findings.len(), 1, "{body}: {findings:?}");
        }
    }

    #[test]
    fn a_rule_that_is_not_there_is_found() {
        let (_, findings) = examined(&format!("{CONTRACT}// SAFETY: rule 3.\nunsafe impl Send for A {{}}\n"));
        assert_eq!(findings, ["a.rs:9: there is no rule 3 in this file"]);
    }

    #[test]
    fn rules_are_cited_alone_or_in_a_list() {
        assert_eq!(numbers("rule 2."), [2]);
        assert_eq!(numbers("rules 1, 2 and 3; 4 more"), [1, 2, 3]);
        assert_eq!(numbers("ours: rule 1: as `2`; rule 4, and 5 words"), [1, 4, 5]);
        assert_eq!(numbers("it is fine, 1"), [0; 0]);
    }

    #[test]
    fn a_contract_may_stand_in_the_file_beside() {
        let file = |text: &str| File { path: "a/b/lock.rs".into(), text: text.into() };
        assert_eq!(
            shared(&file("#![allow(unsafe_code)] // Contract: see `raw`.")),
            Some("a/b/raw.rs".into())
        );
        assert_eq!(shared(&file(CONTRACT)), None);
    }

    #[test]
    fn unsafe_code_without_a_contract_is_found() {
        let (_, findings) = examined("// SAFETY: rule 1.\nunsafe impl Send for A {}\n");
        assert_eq!(findings.len(), 2);
    }
}
