//! What Python users read, the stub, says something about every public name.
//!
//! That the stub is true of the built module is for stubtest to say (`make check`).

use crate::Findings;
use crate::source::{self, File};
use std::io;
use std::path::Path;

pub fn check(root: &Path) -> io::Result<Findings> {
    let mut findings = Vec::new();
    let stubs = source::files(&root.join("python"), &[".pyi"])?;
    if stubs.is_empty() {
        findings.push("python/ropewalk has no stub of the extension module".into());
    }
    for file in &stubs {
        documented(file, &mut findings);
    }
    Ok(findings)
}

/// Every class and every public function or method has a docstring, or a decorator that makes it an overload or a
/// setter of one that has.
fn documented(file: &File, findings: &mut Findings) {
    let lines: Vec<&str> = file.text.lines().collect();
    for (number, line) in lines.iter().enumerate() {
        let Some(name) = defined(line.trim()) else { continue };
        let above = number.checked_sub(1).map_or("", |above| lines[above].trim());
        let excused = name.starts_with('_') || above == "@overload" || above.ends_with(".setter");
        if !excused && !has_docstring(&lines[number..]) {
            findings.push(format!("{}:{}: {name} has no docstring", file.path, number + 1));
        }
    }
}

fn defined(line: &str) -> Option<&str> {
    let rest = ["def ", "class ", "async def "].iter().find_map(|word| line.strip_prefix(word))?;
    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

/// Whether the first line after a heading, which may be several lines long, starts a string.
fn has_docstring(lines: &[&str]) -> bool {
    let heading =
        lines.iter().position(|line| line.trim_end().ends_with(':') || line.trim_end().ends_with("..."));
    heading.is_some_and(|end| {
        lines[end].trim_end().ends_with(':')
            && lines.get(end + 1).is_some_and(|next| next.trim().starts_with("\"\"\""))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_docstrings_are_found() {
        let text = "\
class A:
    \"\"\"A.\"\"\"
    def told(
        self, x: int
    ) -> None:
        \"\"\"Told.\"\"\"
    def untold(self) -> None: ...
    def _private(self) -> None: ...
    @x.setter
    def x(self, value: int) -> None: ...
class B: ...
";
        let mut findings = Vec::new();
        documented(&File { path: "s.pyi".into(), text: text.into() }, &mut findings);
        assert_eq!(findings, ["s.pyi:7: untold has no docstring", "s.pyi:11: B has no docstring"]);
    }
}
