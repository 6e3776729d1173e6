//! Every public item of the engine has an example that runs.
//!
//! Public is what a user can name: through `pub mod` from the crate's root, or through `pub use` of the module
//! above. The rule reads files as rustfmt leaves them: an item of a module starts its line, one of an `impl` or a
//! trait is four spaces in. That an example compiles and is true is for `cargo test --doc` to say.

use crate::Findings;
use crate::source::{self, File};
use std::collections::HashSet;
use std::io;
use std::path::Path;

/// The crates whose items Rust programs use.
const CRATES: [&str; 2] = ["ropewalk-os", "ropewalk"];

/// What begins a public item that has documentation of its own; a `pub use` and a `pub mod` show what they name.
const ITEMS: [&str; 7] = ["fn", "struct", "enum", "trait", "type", "const", "static"];

pub fn check(root: &Path) -> io::Result<Findings> {
    let mut findings = Vec::new();
    for name in CRATES {
        let folder = root.join("crates").join(name).join("src");
        let mut files = source::files(&folder, &[".rs"])?;
        let modules = public_modules(&files);
        let names: Vec<HashSet<String>> =
            files.iter().map(|file| public_names(file, &files, &modules)).collect();
        let everywhere: HashSet<String> = names.iter().flatten().cloned().collect();
        for (file, names) in files.iter_mut().zip(&names) {
            let short = std::mem::take(&mut file.path);
            file.path = format!("crates/{name}/src/{short}");
            without_example(file, names, &everywhere, &mut findings);
        }
    }
    Ok(findings)
}

/// The module that a file is, `a::b`; the root is empty.
fn module_of(path: &str) -> String {
    let path = path.trim_end_matches(".rs");
    let path = path.strip_suffix("mod").map_or(path, |folder| folder.trim_end_matches('/'));
    if path == "lib" { String::new() } else { path.replace('/', "::") }
}

fn within(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

/// The modules that `pub mod` leads to from the root; not those that only a `cfg` of the tests compiles.
fn public_modules(files: &[File]) -> HashSet<String> {
    let mut public = HashSet::from([String::new()]);
    loop {
        let before = public.len();
        for file in files {
            let module = module_of(&file.path);
            if !public.contains(&module) {
                continue;
            }
            let lines: Vec<&str> = file.text.lines().collect();
            for (number, line) in lines.iter().enumerate() {
                let child = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';'));
                if let Some(child) = child.filter(|_| !is_hidden(&lines[..number])) {
                    public.insert(within(&module, child));
                }
            }
        }
        if public.len() == before {
            return public;
        }
    }
}

/// The names that `file` defines and users can name.
fn public_names(file: &File, files: &[File], modules: &HashSet<String>) -> HashSet<String> {
    let module = module_of(&file.path);
    let defined = file.text.lines().filter_map(|line| item(line.strip_prefix("pub ")?)).map(|(_, name)| name);
    if modules.contains(&module) {
        return defined.map(str::to_owned).collect();
    }
    let (parent, stem) = module.rsplit_once("::").unwrap_or(("", &module));
    let shown = files
        .iter()
        .find(|above| module_of(&above.path) == parent && modules.contains(parent))
        .map(|above| shown_by(&above.text, stem))
        .unwrap_or_default();
    defined.filter(|name| shown.contains(*name) || shown.contains("*")).map(str::to_owned).collect()
}

/// The names that the `pub use module::…;` of a text show.
fn shown_by(text: &str, module: &str) -> HashSet<String> {
    let mut names = HashSet::new();
    for statement in source::code_only(text).split(';') {
        let Some(path) = statement.trim().strip_prefix("pub use ") else { continue };
        let Some(rest) = path.strip_prefix(module).and_then(|rest| rest.strip_prefix("::")) else { continue };
        let parts = rest.trim_matches(['{', '}']).split(',');
        names.extend(parts.filter_map(|part| part.split_whitespace().next()).map(str::to_owned));
    }
    names
}

/// The kind and the name of an item whose line, after `pub` or in a trait, is `line`.
fn item(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    let mut kind = words.next()?;
    let mut name = words.next()?;
    // `const fn`, `unsafe fn`, `extern "C" fn`: the kind is the last of these words.
    while ["const", "unsafe", "async", "extern", "C"].contains(&kind)
        && ["unsafe", "async", "extern", "C", "fn", "trait"].contains(&name)
    {
        kind = name;
        name = words.next()?;
    }
    ITEMS.contains(&kind).then_some((kind, name))
}

/// What the items four spaces in belong to.
enum Around {
    /// A public type's own `impl`: `pub` items of this type.
    Type(String),
    /// A public trait: its functions.
    Trait(String),
    /// Nothing a user can name, or what a trait documents.
    Nothing,
}

fn without_example(
    file: &File,
    here: &HashSet<String>,
    everywhere: &HashSet<String>,
    findings: &mut Findings,
) {
    let code = source::code_only(&file.text);
    let code: Vec<&str> = code.lines().collect();
    let text: Vec<&str> = file.text.lines().collect();
    let mine: HashSet<&str> = code.iter().filter_map(|line| item(line)).map(|(_, name)| name).collect();
    let is_public = |name: &str| here.contains(name) || everywhere.contains(name) && !mine.contains(name);
    let mut around = Around::Nothing;
    for (number, line) in code.iter().enumerate() {
        let found = if let Some(inner) = line.strip_prefix("    ") {
            match &around {
                Around::Type(name) => {
                    inner.strip_prefix("pub ").and_then(item).map(|(_, item)| within(name, item))
                }
                Around::Trait(name) => {
                    item(inner).filter(|(kind, _)| *kind == "fn").map(|(_, f)| within(name, f))
                }
                Around::Nothing => None,
            }
        } else {
            if let Some(implemented) = implemented(&code[number..]) {
                around = if is_public(implemented) {
                    Around::Type(implemented.to_owned())
                } else {
                    Around::Nothing
                };
            } else if line.starts_with('}') || line.starts_with("impl") {
                around = Around::Nothing;
            }
            let found = line.strip_prefix("pub ").and_then(item).filter(|(_, name)| here.contains(*name));
            if let Some(("trait", name)) = found {
                around = Around::Trait(name.to_owned());
            }
            found.map(|(_, name)| name.to_owned())
        };
        let Some(name) = found else { continue };
        if !is_hidden(&text[..number]) && !has_example(&text[..number]) {
            findings.push(format!("{}:{}: {name} has no example that runs", file.path, number + 1));
        }
    }
}

/// The type whose own `impl` starts with these lines.
fn implemented<'a>(lines: &[&'a str]) -> Option<&'a str> {
    let after = lines.first()?.strip_prefix("impl").filter(|rest| rest.starts_with([' ', '<']))?;
    let heading = lines.iter().take_while(|line| **line != "where").position(|line| line.ends_with('{'))?;
    if lines[..=heading].iter().any(|line| line.contains(" for ") || line.trim().starts_with("for ")) {
        return None;
    }
    let mut depth = 0_u32;
    let end = after.find(|c| {
        depth = depth + u32::from(c == '<') - u32::from(c == '>' && depth > 0);
        depth == 0
    })?;
    let path = if after.starts_with('<') { &after[end + 1..] } else { after };
    path.trim().split(['<', ' ', '{']).next()?.rsplit("::").next()
}

/// The lines of documentation and attributes that stand directly above an item, the lowest first.
fn above<'a>(lines: &'a [&str]) -> impl Iterator<Item = &'a str> {
    let mut inside = false; // an attribute of several lines
    lines.iter().rev().map(|line| line.trim()).take_while(move |line| {
        inside = (inside || *line == ")]") && !line.starts_with("#[");
        inside || line.starts_with("///") || line.starts_with("//") || line.starts_with("#[")
    })
}

fn is_hidden(lines: &[&str]) -> bool {
    above(lines).any(|line| ["#[doc(hidden)]", "#[cfg(loom)]", "#[cfg(test)]"].contains(&line))
}

/// Whether a fence above opens Rust that is run.
fn has_example(lines: &[&str]) -> bool {
    let fences = above(lines).filter_map(|line| line.strip_prefix("///")?.trim().strip_prefix("```"));
    let mut fences: Vec<&str> = fences.collect();
    fences.reverse();
    fences.chunks(2).any(|pair| ["", "rust", "should_panic"].contains(&pair[0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.into() }
    }

    fn found(text: &str, names: &[&str]) -> Vec<String> {
        let names: HashSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut findings = Vec::new();
        without_example(&file("a.rs", text), &names, &names, &mut findings);
        findings.iter().map(|finding| finding.split(' ').nth(1).unwrap().to_owned()).collect()
    }

    #[test]
    fn items_without_an_example_are_found() {
        let text = "\
/// Said.
///
/// ```
/// assert!(true);
/// ```
#[derive(Debug)]
pub struct Shown;
/// Said.
pub struct Told;
/// ```text
/// a drawing
/// ```
pub const fn drawn() {}
impl<T: Into<u8>> Told<T> {
    pub fn new() {}
    fn private() {}
    pub(crate) fn inner() {}
}
impl fmt::Display for Told {
    pub fn fmt() {}
}
pub trait Way {
    fn go();
}
";
        let names = ["Shown", "Told", "drawn", "Way"];
        assert_eq!(found(text, &names), ["Told", "drawn", "Told::new", "Way", "Way::go"]);
    }

    #[test]
    fn what_no_user_can_name_needs_no_example() {
        assert_eq!(found("pub struct Inner;\nimpl Inner {\n    pub fn new() {}\n}\n", &["Other"]), [""; 0]);
        assert_eq!(found("#[doc(hidden)]\npub fn hidden() {}\n", &["hidden"]), [""; 0]);
        assert_eq!(found("struct Other;\nimpl Other {\n    pub fn new() {}\n}\n", &[]), [""; 0]);
    }

    #[test]
    fn names_are_public_through_modules_and_uses() {
        let files = [
            file("lib.rs", "pub mod open;\nmod shut;\n#[cfg(loom)]\npub mod model;\npub use shut::Halted;\n"),
            file("open/mod.rs", "mod inner;\npub use inner::{\n    A, b\n};\npub(crate) use inner::C;\n"),
            file("open/inner.rs", "pub struct A;\npub fn b() {}\npub struct C;\n"),
            file("shut.rs", "pub enum Halted {}\npub enum Rest {}\n"),
            file("model.rs", "pub fn check() {}\n"),
        ];
        let modules = public_modules(&files);
        let mut names: Vec<String> =
            files.iter().flat_map(|file| public_names(file, &files, &modules)).collect();
        names.sort();
        assert_eq!(names, ["A", "Halted", "b"]);
    }
}
