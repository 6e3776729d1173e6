//! Crates and modules use only what stands below them, and only the lowest crate knows which system it runs on.
//!
//! Cargo keeps crates from using each other in circles; that the arrows go the way of ARCHITECTURE.md, that nothing
//! below the binding has heard of Python, and that modules inside a crate have an order too, is kept here.

use crate::Findings;
use crate::source::{self, File};
use std::io;
use std::path::Path;
use std::process::Command;

/// Our crates from the lowest to the highest, and which of ours each may use.
const CRATES: [(&str, &[&str]); 4] = [
    ("ropewalk-os", &[]),
    ("ropewalk-shm", &["ropewalk-os"]),
    ("ropewalk", &["ropewalk-os", "ropewalk-shm"]),
    ("ropewalk-python", &["ropewalk-os", "ropewalk-shm", "ropewalk"]),
];

/// The crate that alone may know Python.
const BINDING: &str = "ropewalk-python";

/// The crate that alone may know the system.
const SYSTEM: &str = "ropewalk-os";

/// Modules of a crate from the lowest rung to the highest. A module uses what stands on its own rung or below.
type Ladder = &'static [&'static [&'static str]];

const LADDERS: [(&str, Ladder); 3] = [
    (
        "ropewalk-shm",
        &[
            &["segment", "lock", "participants"],
            &["line", "spin", "flight"],
            &["ring"],
            &["slab", "sync"],
            &["board", "roster"],
        ],
    ),
    (
        "ropewalk",
        &[
            &["primitive", "per_process", "model", "fiber"],
            &["signal"],
            &["park", "wait_graph", "lock_order", "host"],
            &["sync"],
            &["queue"],
            &["future", "thread_pool"],
            &["process"],
        ],
    ),
    (
        "ropewalk-python",
        &[
            &["arguments", "build_class", "detach", "doctor", "error", "graft", "once", "original", "weak"],
            &["codec", "greenlet"],
            &["threading"],
            &["queue"],
            &["futures"],
            &["processes"],
            &["multiprocessing"],
        ],
    ),
];

pub fn check(root: &Path) -> io::Result<Findings> {
    let mut findings = Vec::new();
    for (name, may_use) in CRATES {
        crates(name, may_use, &tree(root, name, false)?, &mut findings);
        if name != BINDING {
            python(name, &tree(root, name, true)?, &mut findings);
        }
    }
    for file in source::files(root, &[".rs"])? {
        system(&file, &mut findings);
        for (name, ladder) in LADDERS {
            modules(&file, name, ladder, &mut findings);
        }
    }
    Ok(findings)
}

/// What a crate is built from, one name a line; all of it or what it names itself.
fn tree(root: &Path, name: &str, whole: bool) -> io::Result<String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["tree", "--locked", "--prefix", "none", "--format", "{p}"]);
    cargo.args(["--edges", "normal,build", "--package", name]);
    if !whole {
        cargo.args(["--depth", "1"]);
    }
    let output = cargo.output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn names(tree: &str) -> impl Iterator<Item = &str> {
    tree.lines().skip(1).filter_map(|line| line.split_whitespace().next())
}

fn crates(name: &str, may_use: &[&str], tree: &str, findings: &mut Findings) {
    for used in names(tree) {
        if CRATES.iter().any(|(ours, _)| *ours == used) && !may_use.contains(&used) {
            findings.push(format!("{name} uses {used}, which does not stand below it"));
        }
    }
}

fn python(name: &str, tree: &str, findings: &mut Findings) {
    for used in names(tree).filter(|used| used.starts_with("pyo3") || *used == BINDING) {
        findings.push(format!("{name} is built with {used}: nothing below {BINDING} has heard of Python"));
    }
}

fn system(file: &File, findings: &mut Findings) {
    if !file.path.starts_with("crates/") || file.path.starts_with(&format!("crates/{SYSTEM}/")) {
        return;
    }
    let code = source::code_only(&file.text);
    for word in ["target_os", "target_family", "target_vendor"] {
        for place in source::words(&code, word) {
            let line = source::line_of(&code, place);
            findings.push(format!("{}:{line}: {word} outside of {SYSTEM}", file.path));
        }
    }
}

fn rung(ladder: Ladder, module: &str) -> Option<usize> {
    ladder.iter().position(|rung| rung.contains(&module))
}

/// The module of a file, as its crate's `lib.rs` names it; `None` for `lib.rs` itself and for other crates.
fn module<'a>(path: &'a str, name: &str) -> Option<&'a str> {
    let inside = path.strip_prefix("crates/")?.strip_prefix(name)?.strip_prefix("/src/")?;
    let first = inside.split('/').next()?;
    let first = first.strip_suffix(".rs").unwrap_or(first);
    (first != "lib").then_some(first)
}

/// The modules that `code` names by `crate::`, with their places.
fn used(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (place, word) in code.match_indices("crate::") {
        if source::words(&code[place.saturating_sub(1)..], "crate").next() != Some(usize::from(place > 0)) {
            continue; // `$crate::` is fine too, `ropewalk_crate::` is not ours
        }
        let rest = &code[place + word.len()..];
        let names = match rest.strip_prefix('{') {
            Some(list) => heads(&list[..closing(list)]),
            None => vec![rest],
        };
        for name in names {
            let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
            if !name[..end].is_empty() {
                found.push((place, &name[..end]));
            }
        }
    }
    found
}

/// Where the brace that stands open closes.
fn closing(list: &str) -> usize {
    let mut depth = 1;
    for (place, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return place;
        }
    }
    list.len()
}

/// The members of a list of imports, inner lists skipped.
fn heads(list: &str) -> Vec<&str> {
    let mut depth = 0;
    let mut members = Vec::new();
    let mut start = 0;
    for (place, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(list[start..place].trim());
                start = place + 1;
            }
            _ => {}
        }
    }
    members.push(list[start..].trim());
    members
}

/// The code above the file's tests, which may use what stands above the module they test.
fn without_tests(code: &str) -> &str {
    let tests = code.match_indices("#[cfg(").map(|(place, _)| place).find(|&place| {
        let (condition, rest) = code[place..].split_once('\n').unwrap_or((&code[place..], ""));
        source::words(condition, "test").next().is_some() && rest.trim_start().starts_with("mod ")
    });
    &code[..tests.unwrap_or(code.len())]
}

fn modules(file: &File, name: &str, ladder: Ladder, findings: &mut Findings) {
    let Some(own) = module(&file.path, name) else { return };
    let Some(height) = rung(ladder, own) else {
        findings
            .push(format!("{}: module {own} stands on no rung: say in xtask/src/layers.rs which", file.path));
        return;
    };
    let code = source::code_only(&file.text);
    let code = without_tests(&code);
    for (place, other) in used(code) {
        // A name that is no module is an item of lib.rs, which stands above all.
        if rung(ladder, other).is_some_and(|other| other <= height) {
            continue;
        }
        let line = source::line_of(code, place);
        findings.push(format!("{}:{line}: {own} uses {other}, which does not stand below it", file.path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.into() }
    }

    #[test]
    fn a_crate_that_uses_one_above_it_is_found() {
        let mut findings = Vec::new();
        crates("ropewalk-os", &[], "ropewalk-os v0.1.0\nlibc v0.2.1\nropewalk v0.1.0 (/x)\n", &mut findings);
        assert_eq!(findings, ["ropewalk-os uses ropewalk, which does not stand below it"]);
    }

    #[test]
    fn python_below_the_binding_is_found() {
        let mut findings = Vec::new();
        python("ropewalk", "ropewalk v0.1.0\nlibc v0.2.1\npyo3-ffi v0.30.1\n", &mut findings);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].contains("pyo3-ffi"));
    }

    #[test]
    fn the_system_is_asked_for_in_one_crate_only() {
        let text = "// target_os\n#[cfg(target_os = \"linux\")]\nfn f() {}";
        let mut findings = Vec::new();
        system(&file("crates/ropewalk-os/src/futex.rs", text), &mut findings);
        assert!(findings.is_empty());
        system(&file("crates/ropewalk/src/park.rs", text), &mut findings);
        assert_eq!(findings, ["crates/ropewalk/src/park.rs:2: target_os outside of ropewalk-os"]);
    }

    const LADDER: Ladder = &[&["ground"], &["park", "graph"], &["sync"]];

    #[test]
    fn a_module_uses_its_own_rung_and_those_below() {
        let mut findings = Vec::new();
        let text = "use crate::ground::A;\nuse crate::graph::{self, B};\nfn f() { crate::park::g(); }";
        modules(&file("crates/ropewalk/src/park.rs", text), "ropewalk", LADDER, &mut findings);
        modules(&file("crates/ropewalk/src/sync/lock.rs", text), "ropewalk", LADDER, &mut findings);
        assert_eq!(findings, Vec::<String>::new());
    }

    #[test]
    fn a_module_that_uses_one_above_it_is_found() {
        let mut findings = Vec::new();
        let text = "use crate::{ground::{A, sync}, sync::Lock};\nuse crate::Halted;";
        modules(&file("crates/ropewalk/src/park.rs", text), "ropewalk", LADDER, &mut findings);
        assert_eq!(
            findings,
            [
                "crates/ropewalk/src/park.rs:1: park uses sync, which does not stand below it",
                "crates/ropewalk/src/park.rs:2: park uses Halted, which does not stand below it",
            ]
        );
    }

    #[test]
    fn tests_may_use_what_stands_above() {
        let mut findings = Vec::new();
        let text = "#[cfg(test)]\nuse crate::ground::A;\n#[cfg(all(test, loom))]\nmod tests { use crate::sync::Lock; }";
        modules(&file("crates/ropewalk/src/park.rs", text), "ropewalk", LADDER, &mut findings);
        assert_eq!(findings, Vec::<String>::new());
    }

    #[test]
    fn a_module_without_a_rung_is_found() {
        let mut findings = Vec::new();
        modules(&file("crates/ropewalk/src/new/mod.rs", ""), "ropewalk", LADDER, &mut findings);
        modules(&file("crates/ropewalk-python/src/new.rs", ""), "ropewalk", LADDER, &mut findings);
        modules(
            &file("crates/ropewalk/src/lib.rs", "use crate::sync::X;"),
            "ropewalk",
            LADDER,
            &mut findings,
        );
        assert_eq!(findings.len(), 1);
    }
}
