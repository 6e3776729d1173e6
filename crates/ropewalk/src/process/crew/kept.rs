//! The bytes of a task in line.
//!
//! Who submits keeps them, and another thread lets go of them when it has copied them into the shared queue, while it asks
//! for as much memory for what the tasks return. Allocators keep memory by thread: of a long line the program would have
//! all twice. Pages of a task's own go back at once, but cost a fault each when they are new. So a line is in ordinary memory
//! up to [`WARM`] bytes, and what comes beyond that has pages of its own.

use ropewalk_os::own_memory::Pages;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};

/// With fewer bytes, the rest of the last page and two calls of the system are worth more.
const LARGE: usize = 12 << 10;
/// Bytes of large tasks in ordinary memory, in all lines of the process.
const WARM: usize = 32 << 20;

/// How many there are. In a forked child also those of its parent: it has their memory, too.
static WARM_NOW: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug)]
pub(super) enum Kept {
    Small(Box<[u8]>),
    Warm(Box<[u8]>),
    Pages(Pages),
}

impl Kept {
    /// These, one after the other.
    pub(super) fn of(parts: &[&[u8]]) -> Kept {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        if len < LARGE {
            return Kept::Small(parts.concat().into());
        }
        if WARM_NOW.load(Ordering::Relaxed).saturating_add(len) > WARM
            && let Some(pages) = Pages::of(parts)
        {
            return Kept::Pages(pages);
        }
        WARM_NOW.fetch_add(len, Ordering::Relaxed);
        Kept::Warm(parts.concat().into())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Kept::Warm(bytes) = self {
            WARM_NOW.fetch_sub(bytes.len(), Ordering::Relaxed);
        }
    }
}

impl Deref for Kept {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Kept::Small(bytes) | Kept::Warm(bytes) => bytes,
            Kept::Pages(pages) => pages,
        }
    }
}

impl DerefMut for Kept {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Kept::Small(bytes) | Kept::Warm(bytes) => bytes,
            Kept::Pages(pages) => pages,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_was_given_and_little_of_a_long_line_is_in_ordinary_memory() {
        for len in [0, 1, LARGE - 5, LARGE - 4, LARGE, 5 * LARGE, WARM] {
            let bytes = vec![7; len];
            let kept = Kept::of(&[b"rope", &bytes]);
            assert_eq!(matches!(kept, Kept::Small(_)), len + 4 < LARGE);
            assert_eq!(matches!(kept, Kept::Pages(_)), len + 4 > WARM);
            assert_eq!(kept[..4], *b"rope");
            assert_eq!(kept[4..], bytes);
        }
        let part = vec![7; 1 << 20];
        let line: Vec<Kept> = (0..100).map(|_| Kept::of(&[&part])).collect();
        assert!(line.iter().filter(|kept| matches!(kept, Kept::Warm(_))).count() <= 32);
        drop(line);
        assert!(matches!(Kept::of(&[&part]), Kept::Warm(_)), "its memory is there again");
    }
}
