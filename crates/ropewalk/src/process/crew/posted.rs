//! The tasks that are with the workers, and when to look at which.

use super::{Limit, Why};
use ropewalk_os::clock;
use std::collections::{BTreeSet, HashMap};

/// A task in the shared queue or in a worker's hand.
#[derive(Debug)]
pub(super) struct Posted<T> {
    pub(super) ticket: T,
    /// The number of its record in the queue.
    sequence: u64,
    pub(super) len: usize,
    /// When it was posted, on the system's clock.
    pub(super) since: u64,
    pub(super) limit: Limit,
    /// Why it shall stop, if it shall.
    pub(super) asked: Option<Why>,
    /// Whether that was said where its worker sees it.
    pub(super) told: bool,
    /// Whether its worker was condemned with it.
    pub(super) condemned: Option<Why>,
    due: Option<u64>,
}

impl<T> Posted<T> {
    pub(super) fn new(ticket: T, sequence: u64, len: usize, limit: Limit) -> Posted<T> {
        let since = clock::now();
        Posted { ticket, sequence, len, since, limit, asked: None, told: false, condemned: None, due: None }
    }
}

/// Tasks by their numbers, and the moments at which they are to be looked at. The number 0 stands for all of them.
#[derive(Debug)]
pub(super) struct Table<T> {
    tasks: HashMap<u64, Posted<T>>,
    due: BTreeSet<(u64, u64)>,
    /// When all are looked at.
    all_due: Option<u64>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { tasks: HashMap::new(), due: BTreeSet::new(), all_due: None }
    }
}

impl<T> Table<T> {
    pub(super) fn insert(&mut self, id: u64, posted: Posted<T>) {
        self.tasks.insert(id, posted);
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Posted<T>> {
        let posted = self.tasks.remove(&id)?;
        if let Some(due) = posted.due {
            self.due.remove(&(due, id));
        }
        Some(posted)
    }

    pub(super) fn get(&mut self, id: u64) -> Option<&mut Posted<T>> {
        self.tasks.get_mut(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// The number of the task whose record has this number.
    pub(super) fn of_record(&self, sequence: u64) -> Option<u64> {
        self.tasks.iter().find(|(_, posted)| posted.sequence == sequence).map(|(id, _)| *id)
    }

    /// The number of one whose ticket is like this.
    pub(super) fn find(&self, like: impl Fn(&T) -> bool) -> Option<u64> {
        self.tasks.iter().find(|(_, posted)| like(&posted.ticket)).map(|(id, _)| *id)
    }

    /// Looks at a task at this moment, and at no other.
    pub(super) fn set_due(&mut self, id: u64, when: Option<u64>) {
        let place = match id {
            0 => Some(&mut self.all_due),
            _ => self.tasks.get_mut(&id).map(|posted| &mut posted.due),
        };
        let Some(place) = place else { return };
        if let Some(before) = std::mem::replace(place, when) {
            self.due.remove(&(before, id));
        }
        if let Some(when) = when {
            self.due.insert((when, id));
        }
    }

    /// Whether there is a look at all of them to come.
    pub(super) fn looks_at_all(&self) -> bool {
        self.all_due.is_some()
    }

    /// The next look: when, and at which.
    pub(super) fn first_due(&self) -> Option<(u64, u64)> {
        self.due.first().copied()
    }

    /// All tickets, in the order of the numbers.
    pub(super) fn into_tickets(self) -> Vec<T> {
        let mut tasks: Vec<_> = self.tasks.into_iter().collect();
        tasks.sort_unstable_by_key(|(id, _)| *id);
        tasks.into_iter().map(|(_, posted)| posted.ticket).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_is_gone_is_not_looked_at() {
        let mut table = Table::default();
        for id in 1..=3 {
            table.insert(id, Posted::new(id, 100 + id, 0, Limit::default()));
            table.set_due(id, Some(10 - id));
        }
        assert_eq!(table.first_due(), Some((7, 3)));
        table.set_due(3, Some(20));
        assert_eq!(table.first_due(), Some((8, 2)));
        table.remove(2);
        table.set_due(2, Some(1));
        assert_eq!(table.first_due(), Some((9, 1)));
        assert_eq!(table.of_record(103), Some(3));
        assert_eq!(table.into_tickets(), [1, 3]);
    }
}
