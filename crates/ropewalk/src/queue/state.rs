//! What the queue's mutex protects: items, and who waits for which side.
//!
//! What must stay true between any two operations: while a getter sleeps there is no item inside; while a putter
//! sleeps there is no room.

use super::error::{PopError, PushError};
use super::store::Store;
use crate::park::{Halted, Line, Sleeper};
use crate::primitive::Arc;

/// Whether items go in and come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// Both.
    Open,
    /// Items come out only.
    Shut,
    /// Neither: something else stands in the place of this queue.
    Retired,
}

#[derive(Debug)]
pub(super) struct State<T, S> {
    pub(super) store: S,
    pub(super) capacity: usize,
    pub(super) unfinished: usize,
    pub(super) door: Door,
    pub(super) getters: Line<T>,
    pub(super) putters: Line<T>,
    pub(super) joiners: Line,
}

type Woken<T> = Option<Arc<Sleeper<T>>>;

impl<T, S: Store<T>> State<T, S> {
    pub(super) fn new(store: S, capacity: usize) -> State<T, S> {
        State {
            store,
            capacity,
            unfinished: 0,
            door: Door::Open,
            getters: Line::default(),
            putters: Line::default(),
            joiners: Line::default(),
        }
    }

    /// Puts an item in, or gives it to a getter, who must then be granted.
    #[inline]
    pub(super) fn put(&mut self, item: T) -> Result<Woken<T>, PushError<T>> {
        match self.door {
            Door::Open => {}
            Door::Shut => return Err(PushError::ShutDown(item)),
            Door::Retired => return Err(PushError::Halted(Halted::Retired, item)),
        }
        if let Some(getter) = self.getters.pop() {
            self.unfinished += 1;
            getter.give(item);
            return Ok(Some(getter));
        }
        if self.store.len() >= self.capacity {
            return Err(PushError::Full(item));
        }
        self.unfinished += 1;
        self.store.push(item);
        Ok(None)
    }

    /// Takes an item out; the item of a sleeping putter goes in, and that putter must then be granted.
    #[inline]
    pub(super) fn get(&mut self) -> Result<(T, Woken<T>), PopError> {
        match self.store.pop() {
            Some(item) => {
                let putter = if self.putters.is_empty() { None } else { self.take_in_one() };
                Ok((item, putter))
            }
            None => Err(match self.door {
                Door::Open => PopError::Empty,
                Door::Shut => PopError::ShutDown,
                Door::Retired => PopError::Halted(Halted::Retired),
            }),
        }
    }

    pub(super) fn take_joiners(&mut self) -> Vec<Arc<Sleeper>> {
        std::iter::from_fn(|| self.joiners.pop()).collect()
    }

    pub(super) fn shut(&mut self) {
        if self.door == Door::Open {
            self.door = Door::Shut;
        }
    }

    pub(super) fn put_back(&mut self, item: T) -> Woken<T> {
        match self.getters.pop() {
            Some(getter) => {
                getter.give(item);
                Some(getter)
            }
            None => {
                self.store.unpop(item);
                None
            }
        }
    }

    fn take_in_one(&mut self) -> Woken<T> {
        if self.store.len() >= self.capacity || self.door != Door::Open {
            return None;
        }
        let putter = self.putters.pop()?;
        let item = putter.take()?;
        self.unfinished += 1;
        match self.getters.pop() {
            Some(getter) => {
                getter.give(item);
                getter.grant();
            }
            None => self.store.push(item),
        }
        Some(putter)
    }

    /// Takes in as many waiting items as there is room for; their putters must be granted.
    pub(super) fn take_in(&mut self) -> Vec<Arc<Sleeper<T>>> {
        std::iter::from_fn(|| self.take_in_one()).collect()
    }

    /// After a shutdown: those who wait for what can never come.
    pub(super) fn everyone_in_vain(&mut self) -> InVain<T> {
        let mut sleepers: Vec<_> = std::iter::from_fn(|| self.putters.pop()).collect();
        sleepers.extend(std::iter::from_fn(|| self.getters.pop()));
        let joiners = if self.unfinished == 0 { self.take_joiners() } else { Vec::new() };
        InVain { sleepers, joiners }
    }
}

pub(super) struct InVain<T> {
    sleepers: Vec<Arc<Sleeper<T>>>,
    joiners: Vec<Arc<Sleeper>>,
}

impl<T> InVain<T> {
    pub(super) fn wake(self) {
        for sleeper in self.sleepers {
            sleeper.wake();
        }
        for joiner in self.joiners {
            joiner.grant();
        }
    }
}
