//! What this thread holds, and which orders it knows already.

use super::graph::{self, Edge};
use super::watch::{Watch, Watching, watching};
use ropewalk_os::thread::{self, ThreadId};
use std::cell::Cell;
use std::panic::Location;

/// Slots of the cache of known orders; a power of two.
const SLOTS: usize = 64;

/// Locks that a thread holds beyond so many at once are not looked at.
///
/// A list that never grows needs no destructor, and a thread-local without one is reached in a step.
const MOST: usize = 64;

#[derive(Clone, Copy)]
struct Taken {
    watch: Watch,
    /// Whether its order was looked at when it was taken; what lies below it in the list is then known to come
    /// before it.
    looked: bool,
}

/// All in cells: nothing here calls out, so nobody meets it half-changed, and no borrow need be counted.
struct Held {
    list: [Cell<Taken>; MOST],
    count: Cell<usize>,
    known: [Cell<u64>; SLOTS],
    /// The host is being asked: what it takes meanwhile is its own affair.
    asking: Cell<bool>,
}

thread_local! {
    static HELD: Held = const {
        const NOTHING: Taken = Taken { watch: Watch { class: 0, number: 0 }, looked: false };
        Held {
            list: [const { Cell::new(NOTHING) }; MOST],
            count: Cell::new(0),
            known: [const { Cell::new(0) }; SLOTS],
            asking: Cell::new(false),
        }
    };
}

/// Runs `work` on what this thread holds.
#[inline]
fn with<R>(work: impl FnOnce(&Held) -> R) -> R {
    HELD.with(work)
}

impl Held {
    /// Whether taking the second while holding the first is nothing new.
    #[inline]
    fn knows(&self, edge: Edge) -> bool {
        edge.is_none() || self.known[edge.slot(SLOTS)].get() == edge.bits()
    }

    /// The locks held that come directly before one taken now: back to the last whose order was looked at.
    #[inline]
    fn before(&self) -> impl Iterator<Item = Watch> + '_ {
        let mut last = false;
        self.list[..self.count.get()].iter().rev().map(Cell::get).map_while(move |taken| {
            let before = !last;
            last |= taken.looked;
            before.then_some(taken.watch)
        })
    }

    /// Whether taking `watch` now shows no order that this thread does not know.
    #[inline]
    fn knows_all(&self, watch: Watch) -> bool {
        // Nearly always nothing is held, or its last was looked at: that one alone counts.
        let Some(last) = self.list.get(self.count.get().wrapping_sub(1)).map(Cell::get) else { return true };
        if last.looked && self.knows(Edge::between(last.watch, watch)) {
            return true;
        }
        self.asking.get() || self.before().all(|first| self.knows(Edge::between(first, watch)))
    }

    /// The orders that this thread does not know.
    #[cold]
    fn news(&self, watch: Watch) -> Vec<(Edge, Watch)> {
        let edges = self.before().map(|first| (Edge::between(first, watch), first));
        edges.filter(|&(edge, _)| !self.knows(edge)).collect()
    }

    #[inline]
    fn push(&self, taken: Taken) {
        let count = self.count.get();
        if let Some(place) = self.list.get(count) {
            place.set(taken);
            self.count.set(count + 1);
        }
    }

    #[inline]
    fn remove(&self, number: u32) -> bool {
        let last = self.count.get().wrapping_sub(1);
        if self.list.get(last).is_some_and(|taken| taken.get().watch.number == number) {
            self.count.set(last);
            return true;
        }
        self.remove_below(number)
    }

    #[cold]
    fn remove_below(&self, number: u32) -> bool {
        let list = &self.list[..self.count.get()];
        let Some(place) = list.iter().rposition(|taken| taken.get().watch.number == number) else {
            return false;
        };
        for (gap, next) in list[place..].iter().zip(&list[place + 1..]) {
            gap.set(next.get());
        }
        self.count.set(list.len() - 1);
        true
    }
}

/// If the lock of `watch` shows no new order and `take` takes it: that it is held, and was looked at. The short way.
#[inline]
pub(crate) fn take_in_known_order(watch: Watch, take: impl FnOnce() -> bool) -> bool {
    with(|held| {
        let taken = held.knows_all(watch) && take();
        if taken {
            held.push(Taken { watch, looked: true });
        }
        taken
    })
}

/// The calling thread is about to wait for the lock of `watch` for as long as it takes.
#[inline]
pub(crate) fn about_to_take(watch: Watch, source: &'static Location<'static>) {
    let news = with(|held| if held.knows_all(watch) { None } else { Some(held.news(watch)) });
    if let Some(news) = news {
        learn(news, watch, source);
    }
}

/// As [`about_to_take`] and [`taken`] in one: it has taken the lock without a wait, but would have waited for as
/// long as it takes if `look`.
#[inline]
pub(crate) fn taken_at_once(watch: Watch, look: bool, source: &'static Location<'static>) {
    let news = with(|held| {
        let news = if !look || held.knows_all(watch) { None } else { Some(held.news(watch)) };
        held.push(Taken { watch, looked: look });
        news
    });
    if let Some(news) = news {
        learn(news, watch, source);
    }
}

/// The calling thread has taken the lock of `watch`, after [`about_to_take`] if `looked`.
#[inline]
pub(crate) fn taken(watch: Watch, looked: bool) {
    with(|held| held.push(Taken { watch, looked }));
}

/// The calling thread has released the lock of `watch`, which `holder` had taken.
#[inline]
pub(crate) fn released(watch: Watch, holder: Option<ThreadId>) {
    if !with(|held| held.remove(watch.number)) {
        released_elsewhere(watch, holder);
    }
}

#[cold]
fn released_elsewhere(watch: Watch, holder: Option<ThreadId>) {
    if let Some(holder) = holder.filter(|&holder| holder != thread::current()) {
        graph::give_away(holder, watch.number);
    }
}

#[cold]
fn learn(news: Vec<(Edge, Watch)>, watch: Watch, source: &'static Location<'static>) {
    if watching() == Watching::Off {
        return;
    }
    with(|held| held.asking.set(true));
    let me = thread::current();
    for (edge, first) in news {
        if graph::was_given_away(me, first.number) {
            with(|held| held.remove(first.number));
            continue;
        }
        graph::see(edge, first, watch, source);
        with(|held| held.known[edge.slot(SLOTS)].set(edge.bits()));
    }
    with(|held| held.asking.set(false));
}
