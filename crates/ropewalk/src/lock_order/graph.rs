//! Every order ever seen, and whether a new one closes a circle.

use super::place::Place;
use super::report::{Inversion, Link};
use super::watch::{Watch, next};
use crate::host;
use crate::primitive::Mutex;
use ropewalk_os::thread::ThreadId;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::panic::Location;
use std::sync::LazyLock;

static GRAPH: LazyLock<Mutex<Graph>> = LazyLock::new(Mutex::default);

/// One lock taken while another was held: the numbers of the two classes, or of the two locks of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Edge {
    from: u32,
    to: u32,
}

impl Edge {
    #[inline]
    pub(super) fn between(first: Watch, second: Watch) -> Edge {
        if first.class == second.class {
            Edge { from: first.number, to: second.number }
        } else {
            Edge { from: first.class, to: second.class }
        }
    }

    /// Whether it leads from a lock to itself: a matter of the wait graph, not of order.
    #[inline]
    pub(super) fn is_none(self) -> bool {
        self.from == self.to
    }

    #[inline]
    pub(super) fn bits(self) -> u64 {
        u64::from(self.from) << 32 | u64::from(self.to)
    }

    #[inline]
    pub(super) fn slot(self, slots: usize) -> usize {
        (self.bits().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize % slots
    }
}

#[derive(Default)]
struct Graph {
    classes: HashMap<Place, u32>,
    /// Where the locks of a class, or one of two locks of the same class, were made.
    made: HashMap<u32, Place>,
    seen: HashMap<Edge, Place>,
    after: HashMap<u32, Vec<u32>>,
    reported: BTreeSet<(u32, u32)>,
    given_away: HashSet<(ThreadId, u32)>,
}

/// The class of a lock made at `place`: its own `number` if it has one to itself.
pub(super) fn class_of(place: Place, number: Option<u32>) -> u32 {
    let mut graph = GRAPH.lock();
    if let Some(number) = number {
        graph.made.insert(number, place);
        return number;
    }
    if let Some(&class) = graph.classes.get(&place) {
        return class;
    }
    let class = next();
    graph.classes.insert(place.clone(), class);
    graph.made.insert(class, place);
    class
}

/// `second` is taken while `first` is held. Reports it if it was ever seen the other way round.
pub(super) fn see(edge: Edge, first: Watch, second: Watch, source: &'static Location<'static>) {
    if GRAPH.lock().seen.contains_key(&edge) {
        return;
    }
    let place = Place::here(source);
    let inversion = GRAPH.lock().add(edge, first, second, place);
    if let Some(inversion) = inversion {
        host::get().inversion(&inversion);
    }
}

/// A thread has released a lock that `holder` took, who does not know it yet.
pub(super) fn give_away(holder: ThreadId, number: u32) {
    GRAPH.lock().given_away.insert((holder, number));
}

/// Whether another thread has released what `holder` took. Says so once.
pub(super) fn was_given_away(holder: ThreadId, number: u32) -> bool {
    let mut graph = GRAPH.lock();
    !graph.given_away.is_empty() && graph.given_away.remove(&(holder, number))
}

impl Graph {
    fn add(&mut self, edge: Edge, first: Watch, second: Watch, place: Place) -> Option<Inversion> {
        if self.seen.insert(edge, place).is_some() {
            return None; // another thread was faster
        }
        for (node, class) in [(edge.from, first.class), (edge.to, second.class)] {
            if let (false, Some(made)) = (self.made.contains_key(&node), self.made.get(&class).cloned()) {
                self.made.insert(node, made);
            }
        }
        self.after.entry(edge.from).or_default().push(edge.to);
        let way = self.way(edge.to, edge.from)?;
        if !self.reported.insert((edge.from.min(edge.to), edge.from.max(edge.to))) {
            return None;
        }
        let edges =
            std::iter::once(edge).chain(way.windows(2).map(|pair| Edge { from: pair[0], to: pair[1] }));
        Some(Inversion { links: edges.filter_map(|edge| self.link(edge)).collect() })
    }

    /// A way along known orders, with both ends in it. Depth first.
    fn way(&self, from: u32, to: u32) -> Option<Vec<u32>> {
        let mut came: HashMap<u32, u32> = HashMap::new();
        let mut open = vec![from];
        while let Some(node) = open.pop() {
            if node == to {
                let mut way = vec![to];
                while let Some(&before) =
                    way.last().filter(|&&last| last != from).and_then(|last| came.get(last))
                {
                    way.push(before);
                }
                way.reverse();
                return Some(way);
            }
            for &next in self.after.get(&node).into_iter().flatten() {
                if next != from && !came.contains_key(&next) {
                    came.insert(next, node);
                    open.push(next);
                }
            }
        }
        None
    }

    fn link(&self, edge: Edge) -> Option<Link> {
        let place = self.seen.get(&edge)?.clone();
        let (held, taken) = (self.made.get(&edge.from)?.clone(), self.made.get(&edge.to)?.clone());
        Some(Link { held, held_number: edge.from, taken, taken_number: edge.to, place })
    }
}
