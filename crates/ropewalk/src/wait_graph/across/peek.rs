//! Boards, and locks, of other processes: opened when they are asked for, and kept for one search.

use super::note;
use ropewalk_os::descriptors;
use ropewalk_os::identity::Identity;
use ropewalk_os::thread::ThreadId;
use ropewalk_shm::board::{Board, Entry, NAME, Posting};
use ropewalk_shm::slab::{Kind, Place, Slab};
use ropewalk_shm::sync::lock;
use ropewalk_shm::sync::owner::Owner;
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

/// What this search has opened so far. What could not be opened is not tried again.
#[derive(Default)]
pub(super) struct Peek {
    boards: HashMap<u32, Option<Found>>,
    slabs: HashMap<u64, Option<Arc<Slab>>>,
}

enum Found {
    Mine(&'static Board),
    Theirs(Board),
}

impl Deref for Found {
    type Target = Board;

    fn deref(&self) -> &Board {
        match self {
            Found::Mine(board) => board,
            Found::Theirs(board) => board,
        }
    }
}

impl Peek {
    /// The board of the process that has this number now, if it has one.
    pub(super) fn board(&mut self, pid: u32) -> Option<&Board> {
        self.boards.entry(pid).or_insert_with(|| board(pid)).as_deref()
    }

    /// The entries of a process that stand, with their numbers and turns.
    pub(super) fn standing(&mut self, pid: u32) -> Vec<(usize, u64, Posting)> {
        let read = |(number, entry): (usize, &Entry)| entry.read().map(|(turn, read)| (number, turn, read));
        let entries = self.board(pid).map(|board| board.entries().iter().enumerate());
        entries.map_or(Vec::new(), |entries| entries.filter_map(read).collect())
    }

    /// Whether an entry has stood ever since it was read in this turn.
    pub(super) fn is_still(&mut self, pid: u32, number: usize, turn: u64) -> bool {
        self.board(pid)
            .and_then(|board| board.entries().get(number))
            .is_some_and(|entry| entry.is_still(turn))
    }

    /// Who has the lock that a process waits for: the process, and the thread if that is known.
    pub(super) fn lock(&mut self, pid: u32, memory: u64, number: u64) -> Option<(Owner, Option<ThreadId>)> {
        let slab = self.slabs.entry(memory).or_insert_with(|| slab(pid, memory)).as_ref()?;
        let place = Place::open(slab, u32::try_from(number).ok()?, Kind::Lock).ok()?;
        match lock::holder(&place) {
            Some((owner, thread)) => Some((owner, Some(thread))),
            None => lock::owner(&place).map(|owner| (owner, None)),
        }
    }
}

fn board(pid: u32) -> Option<Found> {
    if pid == std::process::id() {
        return note::board().map(Found::Mine);
    }
    let name = NAME.to_str().ok()?;
    // A forked child has its parent's board open too.
    let is_theirs = |board: &Board| Identity::of(pid).is_ok_and(|process| process == board.owner());
    let found = descriptors::memories(pid, name).ok()?.into_iter().find_map(|(place, _)| {
        let board = Board::open(descriptors::open(&place).ok()?).ok()?;
        is_theirs(&board).then_some(board)
    });
    found.map(Found::Theirs)
}

/// The slab with this number that a process has open.
fn slab(pid: u32, memory: u64) -> Option<Arc<Slab>> {
    let places = descriptors::memories(pid, "ropewalk").ok()?;
    let (place, _) = places.iter().find(|(place, _)| descriptors::number_at(place).ok() == Some(memory))?;
    Slab::open(descriptors::open(place).ok()?).ok().map(Arc::new)
}

/// The processes that have the memory with this number open, but for `but`; none if that cannot be known.
pub(super) fn who_has(memory: u64, but: u32) -> Option<Vec<u32>> {
    let mut found = Vec::new();
    for pid in descriptors::processes().ok()?.into_iter().filter(|pid| *pid != but) {
        let places = match descriptors::memories(pid, "ropewalk") {
            Ok(places) => places,
            // Another user's, whose memory this is not; or it has ended.
            Err(_) => continue,
        };
        if places.iter().any(|(place, _)| descriptors::number_at(place).ok() == Some(memory)) {
            found.push(pid);
        }
    }
    Some(found)
}
