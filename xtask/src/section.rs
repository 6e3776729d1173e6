//! Parts of documents that programs write: what stands between `<!-- name: begin … -->` and `<!-- name: end -->`.

use std::io;

/// The document with new text in its section `name`.
///
/// # Errors
/// If the section does not begin and end exactly once.
pub fn replaced(document: &str, name: &str, text: &str) -> io::Result<String> {
    let (start, end) = bounds(document, name)?;
    Ok(format!("{}\n{}\n{}", &document[..start], text.trim(), &document[end..]))
}

/// What the section `name` holds now.
pub fn held<'a>(document: &'a str, name: &str) -> io::Result<&'a str> {
    let (start, end) = bounds(document, name)?;
    Ok(document[start..end].trim())
}

fn bounds(document: &str, name: &str) -> io::Result<(usize, usize)> {
    let wrong = || io::Error::other(format!("there is not exactly one section {name:?}"));
    let (begin, end) = (format!("<!-- {name}: begin"), format!("<!-- {name}: end -->"));
    if document.matches(&begin).count() != 1 || document.matches(&end).count() != 1 {
        return Err(wrong());
    }
    let at = document.find(&begin).ok_or_else(wrong)?;
    let start = at + document[at..].find("-->").ok_or_else(wrong)? + "-->".len();
    let end = document.find(&end).filter(|&end| end >= start).ok_or_else(wrong)?;
    Ok((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "a\n<!-- t: begin, made by x -->\nold\n<!-- t: end -->\nb\n";

    #[test]
    fn only_the_section_changes() {
        let new = replaced(DOCUMENT, "t", "new\n").unwrap();
        assert_eq!(new, DOCUMENT.replace("old", "new"));
        assert_eq!(held(&new, "t").unwrap(), "new");
    }

    #[test]
    fn a_document_without_the_section_is_an_error() {
        assert!(replaced("a", "t", "x").is_err());
        assert!(replaced(&DOCUMENT.repeat(2), "t", "x").is_err());
        assert!(replaced(DOCUMENT, "u", "x").is_err());
    }
}
