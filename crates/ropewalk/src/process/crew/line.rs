//! The tasks that wait: by priority, then in their order.

use super::kept::Kept;
use super::{Limit, Terms};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// A task in line.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    pub(super) id: u64,
    pub(super) priority: i64,
    pub(super) ticket: T,
    pub(super) record: Kept,
    pub(super) limit: Limit,
    /// Buffers beside the record, kept for it until there is room.
    pub(super) parts: Box<[Kept]>,
    /// Its owner knows that it was handed out, though there was no room in the end: it is not withdrawn any more.
    pub(super) handed: bool,
}

impl<T> Waiting<T> {
    pub(super) fn new(id: u64, ticket: T, record: Kept, parts: Box<[Kept]>, terms: &Terms) -> Waiting<T> {
        let Terms { priority, limit, again, .. } = *terms;
        Waiting { id, priority, ticket, record, limit, parts, handed: again }
    }
}

/// Tasks of the ordinary priority stand in a plain queue, for there may be millions; the few others in a tree.
#[derive(Debug)]
pub(super) struct Line<T> {
    plain: VecDeque<Option<Waiting<T>>>,
    /// How many of the plain queue were taken out of its middle.
    holes: usize,
    /// By what goes first: the greatest priority, then the smallest number.
    ranked: BTreeMap<(std::cmp::Reverse<i64>, u64), Waiting<T>>,
    /// The priority of each that is ranked.
    ranks: HashMap<u64, i64>,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Line { plain: VecDeque::new(), holes: 0, ranked: BTreeMap::new(), ranks: HashMap::new() }
    }
}

impl<T> Line<T> {
    /// Behind all of its priority. Numbers grow from task to task.
    pub(super) fn push(&mut self, waiting: Waiting<T>) {
        if waiting.priority == 0 {
            self.plain.push_back(Some(waiting));
        } else {
            self.rank(waiting);
        }
    }

    /// Back to where it was: before all others of its priority.
    pub(super) fn push_again(&mut self, waiting: Waiting<T>) {
        if waiting.priority == 0 {
            self.plain.push_front(Some(waiting));
        } else {
            self.rank(waiting);
        }
    }

    fn rank(&mut self, waiting: Waiting<T>) {
        self.ranks.insert(waiting.id, waiting.priority);
        self.ranked.insert((std::cmp::Reverse(waiting.priority), waiting.id), waiting);
    }

    /// The first in line.
    pub(super) fn pop(&mut self) -> Option<Waiting<T>> {
        let urgent = self.ranked.first_key_value().is_some_and(|(_, first)| first.priority > 0);
        if !urgent {
            while let Some(first) = self.plain.pop_front() {
                match first {
                    Some(waiting) => return Some(waiting),
                    None => self.holes -= 1,
                }
            }
        }
        let (_, waiting) = self.ranked.pop_first()?;
        self.ranks.remove(&waiting.id);
        Some(waiting)
    }

    /// Out of the middle, by its number, unless it was handed out.
    pub(super) fn remove(&mut self, id: u64) -> Option<T> {
        let handed = match self.ranks.get(&id) {
            Some(&priority) => self.ranked.get(&(std::cmp::Reverse(priority), id))?.handed,
            None => self.plain[self.place(id)?].as_ref()?.handed,
        };
        if handed { None } else { self.take_out(id) }
    }

    /// Out of the middle, by its number.
    pub(super) fn take_out(&mut self, id: u64) -> Option<T> {
        if let Some(priority) = self.ranks.remove(&id) {
            return self.ranked.remove(&(std::cmp::Reverse(priority), id)).map(|waiting| waiting.ticket);
        }
        let place = self.place(id)?;
        let waiting = self.plain[place].take()?;
        self.holes += 1;
        if self.holes > 32 && self.holes > self.plain.len() / 2 {
            self.plain.retain(Option::is_some);
            self.holes = 0;
        }
        Some(waiting.ticket)
    }

    /// Where in the plain queue, which is in the order of the numbers.
    fn place(&self, id: u64) -> Option<usize> {
        let (mut low, mut high) = (0, self.plain.len());
        while low < high {
            let middle = low + (high - low) / 2;
            // A hole says nothing: the next one that is none does.
            let Some((at, found)) =
                (middle..high).find_map(|at| self.plain[at].as_ref().map(|it| (at, it.id)))
            else {
                high = middle;
                continue;
            };
            match found.cmp(&id) {
                std::cmp::Ordering::Equal => return Some(at),
                std::cmp::Ordering::Less => low = at + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// The number of the first whose ticket is like this. It looks at all of them.
    pub(super) fn find(&self, like: impl Fn(&T) -> bool) -> Option<u64> {
        let all = self.plain.iter().flatten().chain(self.ranked.values());
        all.into_iter().find(|waiting| like(&waiting.ticket)).map(|waiting| waiting.id)
    }

    pub(super) fn len(&self) -> usize {
        self.plain.len() - self.holes + self.ranked.len()
    }

    /// All, the first in line first.
    pub(super) fn into_waiting(mut self) -> impl Iterator<Item = Waiting<T>> {
        std::iter::from_fn(move || self.pop())
    }

    /// All tickets, the first in line first.
    pub(super) fn into_tickets(self) -> Vec<T> {
        self.into_waiting().map(|waiting| waiting.ticket).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(priorities: &[i64]) -> Line<u64> {
        let mut line = Line::default();
        for (id, &priority) in (1..).zip(priorities) {
            line.push(Waiting {
                id,
                priority,
                ticket: id,
                record: Kept::of(&[]),
                limit: Limit::default(),
                parts: Box::default(),
                handed: false,
            });
        }
        line
    }

    #[test]
    fn higher_priorities_go_first_and_equals_in_their_order() {
        assert_eq!(line(&[0, 5, -1, 0, 5, 9]).into_tickets(), [6, 2, 5, 1, 4, 3]);
    }

    #[test]
    fn one_taken_out_of_the_middle_is_missed_by_nobody() {
        for priorities in [[0; 100], [3; 100]] {
            let mut line = line(&priorities);
            for id in (1..=100).filter(|id| id % 3 != 0) {
                assert_eq!(line.remove(id), Some(id));
                assert_eq!(line.remove(id), None);
            }
            assert_eq!(line.len(), 33);
            assert_eq!(line.remove(101), None);
            assert_eq!(line.into_tickets(), (1..=33).map(|it| it * 3).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_did_not_go_through_stands_first_again() {
        for priority in [0, 3] {
            let mut line = line(&[priority; 3]);
            let first = line.pop().unwrap();
            line.push_again(first);
            assert_eq!(line.into_tickets(), [1, 2, 3]);
        }
    }
}
