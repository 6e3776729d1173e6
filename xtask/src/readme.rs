//! The figures of `make bench`: all of them in docs/reference/speed.md, in the README those with a bar of their own.

use crate::section::replaced;
use std::io;
use std::path::Path;

/// From this ratio on a bar is one case's own, not the one that nothing may fall below.
const OWN_BAR: f64 = 1.5;

/// Puts the tables in `files`, written by benches/compare.py --markdown, into both documents.
///
/// # Errors
/// If a file cannot be read or written, or a document has no section for it.
pub fn fill(root: &Path, files: &[&str]) -> io::Result<()> {
    let mut tables = Vec::new();
    for file in files {
        tables.push(std::fs::read_to_string(file)?.trim().to_owned());
    }
    write(&root.join("docs/reference/speed.md"), &tables.join("\n\n"))?;
    write(&root.join("README.md"), &brief(&tables))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let document = replaced(&std::fs::read_to_string(path)?, "bench", text)?;
    std::fs::write(path, document)
}

/// The ratios of the cases with a bar of their own: one row a case, one column a table.
fn brief(tables: &[String]) -> String {
    let rows: Vec<Vec<Row<'_>>> =
        tables.iter().map(|table| table.lines().filter_map(Row::read).collect()).collect();
    let mut lines = vec![cells(std::iter::once("case").chain(tables.iter().map(|table| title(table))))];
    lines.push(cells(std::iter::repeat_n("---", tables.len() + 1)));
    for row in rows.first().into_iter().flatten().filter(|row| row.has_own_bar()) {
        let ratios = rows.iter().map(|rows| rows.iter().find(|other| other.case == row.case));
        let ratios = ratios.map(|row| row.map_or("", |row| row.ratio));
        lines.push(cells(std::iter::once(row.case).chain(ratios)));
    }
    lines.join("\n")
}

fn cells<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    cells.fold("|".to_owned(), |line, cell| format!("{line} {cell} |"))
}

/// What was measured: the first words of the line above a table.
fn title(table: &str) -> &str {
    table.split(';').next().unwrap_or_default().trim()
}

struct Row<'a> {
    case: &'a str,
    ratio: &'a str,
    bar: &'a str,
}

impl<'a> Row<'a> {
    fn read(line: &'a str) -> Option<Row<'a>> {
        let cells: Vec<&str> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
        match cells[..] {
            [case, _, _, ratio, _, bar, ..] => Some(Row { case, ratio, bar }),
            _ => None,
        }
    }

    fn has_own_bar(&self) -> bool {
        let bar = self.bar.strip_prefix(">= ").and_then(|bar| bar.parse::<f64>().ok());
        bar.is_some_and(|bar| bar >= OWN_BAR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_the_cases_with_a_bar_of_their_own_from_all_tables() {
        let table = |python: &str, ratio: &str| {
            format!(
                "CPython {python}; a machine\n\n| case | stdlib | ropewalk | ratio | quartiles | bar | verdict |\n\
                 |---|---|---|---|---|---|---|\n| Lock | 2 ns | 1 ns | {ratio} | 1-2 | >= 2 | held |\n\
                 | Timer | 1 s | 1 s | 1.00 | 1-1 | >= 0.95 | held |\n| import |  | 1 ms |  |  | <= 15 ms | held |"
            )
        };
        let text = brief(&[table("3.11", "2.00"), table("3.13", "3.00")]);
        assert_eq!(
            text,
            "| case | CPython 3.11 | CPython 3.13 |\n| --- | --- | --- |\n| Lock | 2.00 | 3.00 |"
        );
    }
}
