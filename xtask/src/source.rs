//! The files of the repository, and Rust text without its comments and strings.

use std::io;
use std::path::{Path, PathBuf};

/// Folders that hold nothing of ours.
const SKIPPED: [&str; 3] = ["target", "build", "__pycache__"];

/// A text file: its path from the root, with `/`, and what it says.
#[derive(Debug)]
pub struct File {
    pub path: String,
    pub text: String,
}

/// All files of ours that end in one of `endings`, sorted by path.
pub fn files(root: &Path, endings: &[&str]) -> io::Result<Vec<File>> {
    let mut paths = Vec::new();
    walk(root, &mut paths)?;
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(File { text: std::fs::read_to_string(&path)?, path: name });
        }
    }
    Ok(found)
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') || SKIPPED.contains(&name.as_ref()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), paths)?;
        } else {
            paths.push(entry.path());
        }
    }
    Ok(())
}

/// The same text with blanks for everything inside comments, strings and character literals, so that what is left
/// is code. Lines keep their numbers and their lengths in bytes.
pub fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => line_end(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => block_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' if !is_word(bytes, at) && raw_start(bytes, at).is_some() => raw_end(bytes, at),
            b'\'' => quote_end(bytes, at),
            _ => {
                at += 1;
                continue;
            }
        };
        for byte in &mut code[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8_lossy(&code).into_owned()
}

/// Whether the byte before `at` continues a word, so that `at` does not start one (but `br"` is a string).
fn is_word(bytes: &[u8], at: usize) -> bool {
    let before = |n: usize| at.checked_sub(n).map_or(b' ', |place| bytes[place]);
    let wordy = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    wordy(before(1)) && (before(1) != b'b' || wordy(before(2)))
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |length| at + length)
}

fn block_end(bytes: &[u8], at: usize) -> usize {
    let mut depth = 0;
    let mut place = at;
    while place < bytes.len() {
        match (bytes[place], bytes.get(place + 1)) {
            (b'/', Some(b'*')) => depth += 1,
            (b'*', Some(b'/')) => depth -= 1,
            _ => {
                place += 1;
                continue;
            }
        }
        place += 2;
        if depth == 0 {
            return place;
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut place = at + 1;
    while place < bytes.len() {
        match bytes[place] {
            b'\\' => place += 2,
            b'"' => return place + 1,
            _ => place += 1,
        }
    }
    bytes.len()
}

/// The number of hashes if a raw string starts here.
fn raw_start(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = bytes[at + 1..].iter().take_while(|&&byte| byte == b'#').count();
    (bytes.get(at + 1 + hashes) == Some(&b'"')).then_some(hashes)
}

fn raw_end(bytes: &[u8], at: usize) -> usize {
    let hashes = raw_start(bytes, at).unwrap_or(0);
    let mut end = vec![b'"'];
    end.resize(1 + hashes, b'#');
    let start = at + 2 + hashes;
    bytes[start.min(bytes.len())..]
        .windows(end.len())
        .position(|window| window == end)
        .map_or(bytes.len(), |length| start + length + end.len())
}

/// The end of a character literal, or of the quote alone if it starts a lifetime.
fn quote_end(bytes: &[u8], at: usize) -> usize {
    if bytes.get(at + 1) == Some(&b'\\') {
        let rest = &bytes[(at + 3).min(bytes.len())..];
        return rest.iter().position(|&byte| byte == b'\'').map_or(bytes.len(), |length| at + 4 + length);
    }
    let character = (2..=5).find(|&length| bytes.get(at + length) == Some(&b'\''));
    match character {
        Some(length)
            if std::str::from_utf8(&bytes[at + 1..at + length]).is_ok_and(|c| c.chars().count() == 1) =>
        {
            at + length + 1
        }
        _ => at + 1,
    }
}

/// The places at which `word` stands in `code` as a whole word.
pub fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let wordy = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).map(|(place, _)| place).filter(move |&place| {
        !code[..place].chars().next_back().is_some_and(wordy)
            && !code[place + word.len()..].chars().next().is_some_and(wordy)
    })
}

/// The line, from 1, on which the byte at `place` stands.
pub fn line_of(text: &str, place: usize) -> usize {
    text[..place].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_no_code() {
        let text = "a // unsafe\nb /* unsafe /* unsafe */ */ c \"uns\\\"afe\" d";
        let code = code_only(text);
        assert!(!code.contains("unsafe"));
        assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
        assert_eq!(code.len(), text.len());
    }

    #[test]
    fn raw_strings_end_with_their_own_hashes() {
        assert_eq!(code_only("x r#\"a\"b\"# y").split_whitespace().collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(code_only("x br\"\\\" y").split_whitespace().collect::<Vec<_>>(), ["x", "b", "y"]);
        assert_eq!(code_only("for\"a\"").trim(), "for");
    }

    #[test]
    fn lifetimes_are_code_and_characters_are_not() {
        assert_eq!(
            code_only("&'a T '\"' \"unsafe\" '\\'' x").split_whitespace().collect::<Vec<_>>(),
            ["&", "a", "T", "x"]
        );
        assert_eq!(code_only("'é' x").trim(), "x");
    }

    #[test]
    fn words_are_whole() {
        let places: Vec<usize> = words("unsafe_map unsafe {unsafe}", "unsafe").collect();
        assert_eq!(places, [11, 19]);
    }

    #[test]
    fn lines_count_from_one() {
        assert_eq!(line_of("a\nb\nc", 0), 1);
        assert_eq!(line_of("a\nb\nc", 4), 3);
    }
}
