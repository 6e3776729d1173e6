//! The house rules, as programs: `cargo xtask check` runs them all, each prints what it found and where.
//!
//! | file | rule |
//! |---|---|
//! | `layers` | crates and modules use only what stands below them; only the lowest knows the system |
//! | `unsafe_map` | unsafe code stands in listed files, under a numbered contract that every block cites |
//! | `names` | no file is named after nothing, none has grown two ideas |
//! | `examples` | every public item of the engine has an example that runs |
//! | `stubs` | what Python users read, the stub, says something about every name |
//! | `pythons` | no rule: finds the Pythons of this machine for the Makefile |
//! | `section` | no rule: the parts of documents that programs write |
//! | `source` | the files of the repository, and Rust text without its comments and strings |

mod examples;
mod layers;
mod names;
mod pythons;
mod readme;
mod section;
mod source;
mod stubs;
mod unsafe_map;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What a rule found wrong, one sentence each, with its place.
type Findings = Vec<String>;

/// A rule: it looks at the repository and says what it found.
type Rule = fn(&Path) -> std::io::Result<Findings>;

const RULES: [(&str, Rule); 5] = [
    ("layers", layers::check),
    ("unsafe-map", unsafe_map::check),
    ("names", names::check),
    ("examples", examples::check),
    ("stubs", stubs::check),
];

const USAGE: &str = "\
usage: cargo xtask check                  every rule
       cargo xtask layers|unsafe-map|names|examples|stubs
       cargo xtask unsafe-map --write     the table in docs/reference/unsafe.md anew
       cargo xtask readme FILE...         puts tables of benches/compare.py --markdown into README.md and docs/reference/speed.md
       cargo xtask pythons X.Y...         which of these versions are here, one line each";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = root();
    let result = match words.as_slice() {
        ["check"] => run(&root, &RULES),
        ["unsafe-map", "--write"] => unsafe_map::write(&root).map(|()| true),
        ["readme", files @ ..] if !files.is_empty() => readme::fill(&root, files).map(|()| true),
        ["pythons", versions @ ..] if !versions.is_empty() => {
            pythons::print(versions);
            Ok(true)
        }
        [name] if RULES.iter().any(|(rule, _)| rule == name) => {
            run(&root, RULES.iter().filter(|(rule, _)| rule == name))
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run<'a>(root: &Path, rules: impl IntoIterator<Item = &'a (&'a str, Rule)>) -> std::io::Result<bool> {
    let mut clean = true;
    for (name, rule) in rules {
        let findings = rule(root)?;
        clean &= findings.is_empty();
        match findings.len() {
            0 => println!("xtask {name}: clean"),
            count => eprintln!("xtask {name}: {count} found"),
        }
        for finding in findings {
            eprintln!("  {finding}");
        }
    }
    Ok(clean)
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}
