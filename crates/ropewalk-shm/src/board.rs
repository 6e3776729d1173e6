//! What the threads of one process wait for, written down by them for other processes to read.
//!
//! ```text
//! 0        header of the segment: magic, layout, and whose board it is
//! 64       how many entries were ever used
//! 1024     entries of 1 KiB, up to 1 MiB
//! ```
//!
//! A process writes its own board alone, and only when a wait has lasted a while; others find it among the descriptors
//! of that process, by its name, and read it when they look for circles. It ends with its process. A child that was
//! forked has its parent's board in memory too; the header says that it is not the child's.
//!
//! What must stay true: an entry is true while its `turn` is odd. What it says is written before the store that makes it
//! so, and not touched until the store that ends it. So a reader that finds the same odd turn before and after has read
//! what was true all the while, and a process killed at any instruction leaves an entry that is whole or is none.
//!
//! # Contract of the unsafe code
//!
//! 1. The mapping has `LEN` bytes, starts at a page and lives as long as the `Board`; header and entries lie inside, each
//!    at a multiple of its alignment.
//! 2. They are made of atomics alone, for which any bytes are a value.
#![allow(unsafe_code)]

use crate::segment::{HEADER, OpenError, Segment};
use ropewalk_os::identity::Identity;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
    fence,
};

/// The version of everything in this file.
const LAYOUT: u32 = 4 << 16 | 1;

/// As what boards stand among the descriptors of their processes.
pub const NAME: &std::ffi::CStr = c"ropewalk-board";

const LEN: usize = 1 << 20;
const USED_AT: usize = 64;
const ENTRIES_AT: usize = 1024;
const ENTRIES: usize = (LEN - ENTRIES_AT) / size_of::<Entry>();

const FIELDS: usize = 6;
const WORDS: usize = 120;

/// Bytes of text that an entry has room for.
pub const TEXT: usize = WORDS * size_of::<u64>();

const _: () = assert!(size_of::<Entry>() == 1024 && USED_AT == HEADER);

/// One wait, as its thread tells it. What the numbers mean is for who writes and reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Posting {
    /// For what kind of thing.
    pub kind: u32,
    /// What is to be known of it besides.
    pub flags: u32,
    /// The thread, as its process names it.
    pub thread: u64,
    /// The memory that the thing lies in, and its number there.
    pub memory: u64,
    /// As above.
    pub number: u64,
    /// When the wait began, and when it ends by itself: on the monotonic clock, in nanoseconds.
    pub since: u64,
    /// As above; the largest number for never.
    pub until: u64,
    /// Who the thread is and where it stands; what is longer than [`TEXT`] is cut off.
    pub text: String,
}

/// A place for one posting, in shared memory.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Entry {
    /// Whether a thread of the board's own process has it.
    taken: AtomicU32,
    /// Bytes of text.
    len: AtomicU32,
    turn: AtomicU64,
    fields: [AtomicU64; FIELDS],
    text: [AtomicU64; WORDS],
}

impl Entry {
    /// Writes what is true from now on.
    pub fn post(&self, posting: &Posting) {
        self.withdraw();
        fence(Release); // what follows is not seen before the turn has ended
        let Posting { kind, flags, thread, memory, number, since, until, text } = posting;
        let both = u64::from(*kind) << 32 | u64::from(*flags);
        for (field, value) in self.fields.iter().zip([both, *thread, *memory, *number, *since, *until]) {
            field.store(value, Relaxed);
        }
        let end = (0..=TEXT.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
        let text = &text.as_bytes()[..end.unwrap_or(0)];
        for (word, bytes) in self.text.iter().zip(text.chunks(size_of::<u64>())) {
            let mut whole = [0; size_of::<u64>()];
            whole[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_ne_bytes(whole), Relaxed);
        }
        self.len.store(text.len() as u32, Relaxed);
        self.stand_again();
    }

    /// It is not true for now; what it says stays there.
    pub fn withdraw(&self) {
        let turn = self.turn.load(Relaxed);
        self.turn.store(turn + (turn & 1), Release);
    }

    /// It is true again.
    pub fn stand_again(&self) {
        self.turn.store(self.turn.load(Relaxed) | 1, Release); // the commit
    }

    /// It is not true any more, and another thread may have the place.
    pub fn leave(&self) {
        self.withdraw();
        self.taken.store(0, Release);
    }

    /// What it says and the turn in which it does, if that is true.
    pub fn read(&self) -> Option<(u64, Posting)> {
        let turn = self.turn.load(Acquire);
        if turn & 1 == 0 {
            return None;
        }
        let [both, thread, memory, number, since, until] =
            std::array::from_fn(|field| self.fields[field].load(Relaxed));
        let len = TEXT.min(self.len.load(Relaxed) as usize);
        let words = &self.text[..len.div_ceil(size_of::<u64>())];
        let mut text: Vec<u8> = words.iter().flat_map(|word| word.load(Relaxed).to_ne_bytes()).collect();
        text.truncate(len);
        if !self.is_still(turn) {
            return None;
        }
        let (kind, flags) = ((both >> 32) as u32, both as u32);
        let text = String::from_utf8_lossy(&text).into_owned();
        Some((turn, Posting { kind, flags, thread, memory, number, since, until, text }))
    }

    /// Whether what was read in this turn has been true ever since.
    pub fn is_still(&self, turn: u64) -> bool {
        fence(Acquire); // what was read before was read in that turn
        self.turn.load(Relaxed) == turn
    }
}

/// The waits of one process.
#[derive(Debug)]
pub struct Board {
    segment: Segment,
}

impl Board {
    /// That of the calling process, empty.
    ///
    /// # Errors
    /// What the system reports: no descriptors or no address space left, no `/proc`.
    pub fn create() -> io::Result<Board> {
        let segment = Segment::create_named(NAME, LEN - HEADER, LAYOUT, |_| Ok(()))?;
        Ok(Board { segment })
    }

    /// That of another process, to be read.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(fd: OwnedFd) -> Result<Board, OpenError> {
        let segment = Segment::open(fd, LAYOUT)?;
        if segment.mapping().len() != LEN {
            return Err(OpenError::Corrupt);
        }
        Ok(Board { segment })
    }

    /// Whose it is.
    pub fn owner(&self) -> Identity {
        self.segment.maker()
    }

    fn used(&self) -> &AtomicU32 {
        // SAFETY: rules 1 and 2.
        unsafe { AtomicU32::from_ptr(self.segment.mapping().start().add(USED_AT).as_ptr().cast()) }
    }

    fn all(&self) -> &[Entry; ENTRIES] {
        // SAFETY: rules 1 and 2.
        unsafe { self.segment.mapping().start().add(ENTRIES_AT).cast::<[Entry; ENTRIES]>().as_ref() }
    }

    /// The entries that were ever used.
    pub fn entries(&self) -> &[Entry] {
        &self.all()[..ENTRIES.min(self.used().load(Acquire) as usize)]
    }

    /// An entry for a wait of this process, with its number; it is given back by [`Entry::leave`]. `None` if there are as
    /// many waits as entries.
    pub fn take(&self) -> Option<(usize, &Entry)> {
        let (number, entry) = self.all().iter().enumerate().find(|(_, entry)| {
            entry.taken.load(Relaxed) == 0 && entry.taken.compare_exchange(0, 1, AcqRel, Relaxed).is_ok()
        })?;
        self.used().fetch_max(number as u32 + 1, AcqRel);
        Some((number, entry))
    }
}

impl AsFd for Board {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.segment.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posting(number: u64) -> Posting {
        let text = format!("thread {number}\n{}", "é".repeat(number as usize % 40));
        Posting { kind: 3, flags: 1, thread: number, number, until: u64::MAX, text, ..Posting::default() }
    }

    #[test]
    fn what_is_posted_is_read_by_who_opens_the_board_until_it_is_withdrawn() {
        let mine = Board::create().expect("memfd");
        let theirs = Board::open(mine.as_fd().try_clone_to_owned().expect("dup")).expect("a board");
        assert_eq!(theirs.owner(), Identity::current().expect("proc"));
        assert!(theirs.entries().is_empty());
        let (_, entry) = mine.take().expect("room");
        assert!(theirs.entries()[0].read().is_none());
        entry.post(&posting(7));
        let (turn, read) = theirs.entries()[0].read().expect("it stands");
        assert_eq!(read, posting(7));
        assert!(theirs.entries()[0].is_still(turn));
        entry.withdraw();
        assert!(theirs.entries()[0].read().is_none() && !theirs.entries()[0].is_still(turn));
        entry.stand_again();
        let (later, again) = theirs.entries()[0].read().expect("it stands");
        assert!(later != turn && again == read);
        entry.leave();
        assert!(theirs.entries()[0].read().is_none());
        assert!(std::ptr::eq(mine.take().expect("room").1, entry));
    }

    #[test]
    fn text_that_is_too_long_is_cut_between_characters() {
        let board = Board::create().expect("memfd");
        let (_, entry) = board.take().expect("room");
        entry.post(&Posting { text: "x".to_owned() + &"é".repeat(TEXT), ..Posting::default() });
        let (_, read) = entry.read().expect("it stands");
        assert_eq!(read.text.len(), TEXT - 1);
        assert!(read.text.ends_with('é'));
    }

    #[test]
    fn there_are_as_many_entries_as_fit() {
        let board = Board::create().expect("memfd");
        assert_eq!(std::iter::from_fn(|| board.take()).count(), ENTRIES);
        board.entries()[5].leave();
        assert_eq!(board.take().expect("room").0, 5);
    }

    #[test]
    fn a_reader_never_sees_half_of_what_is_written() {
        let board = Board::create().expect("memfd");
        let (_, entry) = board.take().expect("room");
        std::thread::scope(|scope| {
            scope.spawn(|| (1..20_000).for_each(|number| entry.post(&posting(number))));
            let mut seen = 0;
            while seen < 19_999 {
                if let Some((_, read)) = entry.read() {
                    assert_eq!(read, posting(read.number));
                    seen = read.number;
                }
            }
        });
    }

    #[test]
    fn other_memory_is_no_board() {
        let slab = crate::slab::Slab::create().expect("memfd");
        let fd = slab.as_fd().try_clone_to_owned().expect("dup");
        assert!(matches!(Board::open(fd), Err(OpenError::Layout { .. })));
        let short = Segment::create(64, LAYOUT).expect("memfd");
        let fd = short.as_fd().try_clone_to_owned().expect("dup");
        assert!(matches!(Board::open(fd), Err(OpenError::Corrupt)));
    }
}
