//! No file is named after nothing, and none has grown two ideas.

use crate::Findings;
use crate::source::{self, File};
use std::io;
use std::path::Path;

/// Names that say nothing about what is inside.
const EMPTY: [&str; 8] = ["utils", "util", "common", "helpers", "helper", "misc", "stuff", "tools"];

/// Files that are named after modules of the standard library.
const THEIRS: [&str; 1] = ["python/ropewalk/multiprocessing/util.py"];

/// Lines at which a file must be split, or be listed in [`LONG`].
const LIMIT: usize = 500;

/// Files that may be longer, each with its reason.
const LONG: &[(&str, &str)] =
    &[("python/ropewalk/_ropewalk/__init__.pyi", "one stub for one extension module")];

pub fn check(root: &Path) -> io::Result<Findings> {
    let mut findings = Vec::new();
    let files = source::files(root, &[".rs", ".py", ".pyi", ".c", ".h"])?;
    for file in &files {
        name(file, &mut findings);
        length(file, LONG, &mut findings);
    }
    for (path, _) in LONG {
        if !files.iter().any(|file| file.path == *path) {
            findings.push(format!("{path} is listed as long in xtask/src/names.rs, and is not there"));
        }
    }
    Ok(findings)
}

fn name(file: &File, findings: &mut Findings) {
    if THEIRS.contains(&file.path.as_str()) {
        return;
    }
    for part in file.path.split('/') {
        let stem = part.split('.').next().unwrap_or(part).trim_start_matches('_');
        if EMPTY.contains(&stem) {
            findings.push(format!("{}: {stem:?} says nothing: name it after what it is for", file.path));
        }
    }
}

fn length(file: &File, long: &[(&str, &str)], findings: &mut Findings) {
    let lines = file.text.lines().count();
    if lines > LIMIT && !long.iter().any(|(path, _)| *path == file.path) {
        findings.push(format!("{}: {lines} lines, more than {LIMIT}: look for the second idea", file.path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_names_are_found_in_files_and_folders() {
        let mut findings = Vec::new();
        for path in ["a/utils.rs", "helpers/b.py", "a/_common.pyi", "a/park.rs", "a/commons/mod.rs"] {
            name(&File { path: path.into(), text: String::new() }, &mut findings);
        }
        assert_eq!(findings.len(), 3);
    }

    #[test]
    fn long_files_are_found_unless_listed() {
        let file = |lines: usize| File { path: "a.rs".into(), text: "x\n".repeat(lines) };
        let mut findings = Vec::new();
        length(&file(500), &[], &mut findings);
        length(&file(501), &[("a.rs", "a table")], &mut findings);
        assert!(findings.is_empty());
        length(&file(501), &[], &mut findings);
        assert_eq!(findings, ["a.rs: 501 lines, more than 500: look for the second idea"]);
    }
}
