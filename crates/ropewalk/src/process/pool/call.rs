//! How a call and its answer are written.
//!
//! ```text
//! call      len:u32 | name of the function | input
//! answer    returned: the result; failed: a text; panicked: len:u32 | where | a text; unknown: nothing
//! ```

/// Kinds of answers of a worker.
pub(super) mod answer {
    pub(in super::super) const RETURNED: u8 = 0;
    pub(in super::super) const FAILED: u8 = 1;
    pub(in super::super) const PANICKED: u8 = 2;
    pub(in super::super) const UNKNOWN: u8 = 3;
}

/// Kinds of notices. The crew has 0 for itself.
pub(super) mod notice {
    /// Of a worker: it has begun. Its process number.
    pub(in super::super) const READY: u8 = 1;
    /// A worker has ended. Its process number.
    pub(in super::super) const GONE: u8 = 2;
    /// Nothing but a reason to look.
    pub(in super::super) const LOOK: u8 = 3;
}

/// Two texts or bytes as one.
pub(super) fn join(first: &str, second: &[u8]) -> Vec<u8> {
    let len = u32::try_from(first.len()).unwrap_or(0); // nobody has a name of 4 GiB
    let mut joined = Vec::with_capacity(4 + first.len() + second.len());
    joined.extend_from_slice(&len.to_le_bytes());
    joined.extend_from_slice(&first.as_bytes()[..len as usize]);
    joined.extend_from_slice(second);
    joined
}

/// The same, taken apart.
pub(super) fn part(joined: &[u8]) -> Option<(&str, &[u8])> {
    let (len, rest) = joined.split_first_chunk()?;
    let (first, second) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
    Some((std::str::from_utf8(first).ok()?, second))
}

/// A process number, as it stands in a notice.
pub(super) fn pid(body: &[u8]) -> Option<u32> {
    body.try_into().ok().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_joined_comes_apart() {
        for (first, second) in [("resize", &b"a.png"[..]), ("", b""), ("gr\u{f6}\u{df}e", b"\0\xff")] {
            assert_eq!(part(&join(first, second)), Some((first, second)));
        }
    }

    #[test]
    fn nonsense_is_none() {
        for nonsense in [&b""[..], b"abc", b"\x05\0\0\0abcd", b"\x01\0\0\0\xff"] {
            assert_eq!(part(nonsense), None);
        }
        assert_eq!((pid(&7u32.to_le_bytes()), pid(b"abc")), (Some(7), None));
    }
}
