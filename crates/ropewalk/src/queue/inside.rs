//! What is inside a queue now, and changes that neither put in nor take out one item.

use super::state::Door;
use super::{Queue, Store};

impl<T: Send, S: Store<T>> Queue<T, S> {
    /// Whether it was retired.
    ///
    /// ```
    /// let queue = ropewalk::queue::Queue::<i32>::unbounded();
    /// queue.retire();
    /// assert!(queue.is_retired());
    /// ```
    pub fn is_retired(&self) -> bool {
        self.state.lock().door == Door::Retired
    }

    /// Whether it was shut down.
    ///
    /// ```
    /// let queue = ropewalk::queue::Queue::unbounded();
    /// queue.try_push(1).unwrap();
    /// assert!(!queue.is_shut_down());
    /// queue.shutdown();
    /// assert!(queue.is_shut_down());
    /// ```
    pub fn is_shut_down(&self) -> bool {
        self.state.lock().door == Door::Shut
    }

    /// Items inside now.
    ///
    /// ```
    /// let queue = ropewalk::queue::Queue::unbounded();
    /// queue.try_push(1).unwrap();
    /// assert_eq!(queue.len(), 1);
    /// ```
    #[inline]
    pub fn len(&self) -> usize {
        self.state.lock().store.len()
    }

    /// Whether nothing is inside now.
    ///
    /// ```
    /// let queue = ropewalk::queue::Queue::bounded(1);
    /// assert!(queue.is_empty());
    /// queue.try_push(1).unwrap();
    /// assert!(!queue.is_empty());
    /// ```
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is no room now.
    ///
    /// ```
    /// let queue = ropewalk::queue::Queue::bounded(1);
    /// assert!(!queue.is_full());
    /// queue.try_push(1).unwrap();
    /// assert!(queue.is_full());
    /// ```
    pub fn is_full(&self) -> bool {
        let state = self.state.lock();
        state.store.len() >= state.capacity
    }

    /// Items that were put in and not yet dealt with.
    ///
    /// ```
    /// let queue = ropewalk::queue::Queue::unbounded();
    /// queue.try_push(1).unwrap();
    /// queue.try_pop().unwrap();
    /// assert_eq!(queue.unfinished(), 1);
    /// ```
    pub fn unfinished(&self) -> usize {
        self.state.lock().unfinished
    }

    /// Corrects the count of items not yet dealt with; at zero those who join go on.
    ///
    /// ```
    /// let queue = ropewalk::queue::Queue::unbounded();
    /// queue.try_push(1).unwrap();
    /// queue.set_unfinished(0);
    /// assert!(queue.task_done().is_err());
    /// ```
    pub fn set_unfinished(&self, count: usize) {
        let mut state = self.state.lock();
        state.unfinished = count;
        let joiners = if count == 0 { state.take_joiners() } else { Vec::new() };
        drop(state);
        for joiner in joiners {
            joiner.grant();
        }
    }

    /// The number of items with which it is full.
    ///
    /// ```
    /// let queue = ropewalk::queue::Queue::bounded(3);
    /// queue.try_push(1).unwrap();
    /// assert_eq!(queue.capacity(), 3);
    /// ```
    pub fn capacity(&self) -> usize {
        self.state.lock().capacity
    }

    /// Changes the capacity. Items inside stay, also if they are more.
    ///
    /// ```
    /// let queue = ropewalk::queue::Queue::bounded(1);
    /// queue.try_push(1).unwrap();
    /// queue.set_capacity(2);
    /// queue.try_push(2).unwrap();
    /// assert!(queue.is_full());
    /// ```
    pub fn set_capacity(&self, capacity: usize) {
        let mut state = self.state.lock();
        state.capacity = capacity;
        let granted = state.take_in();
        drop(state);
        for sleeper in granted {
            sleeper.grant();
        }
    }

    /// Looks at every item without taking it, if the queue is not in use at this very moment.
    ///
    /// ```
    /// let queue = ropewalk::queue::Queue::unbounded();
    /// queue.try_push(1).unwrap();
    /// let mut sum = 0;
    /// assert!(queue.try_for_each(|item| sum += item));
    /// assert_eq!((sum, queue.len()), (1, 1));
    /// ```
    pub fn try_for_each(&self, look: impl FnMut(&T)) -> bool {
        match self.state.try_lock() {
            Some(state) => {
                state.store.for_each(look);
                true
            }
            None => false,
        }
    }

    /// Takes everything out and sends every sleeper away with [`Halted::Retired`](crate::Halted::Retired): something else stands in the
    /// place of this queue, and whoever comes later is sent there too. Gives the items and the count of
    /// unfinished ones.
    ///
    /// ```
    /// use ropewalk::{Halted, queue::{PopError, Queue}};
    /// let queue = Queue::unbounded();
    /// queue.try_push(1).unwrap();
    /// assert_eq!(queue.retire(), (vec![1], 1));
    /// assert!(matches!(queue.try_pop(), Err(PopError::Halted(Halted::Retired))));
    /// ```
    pub fn retire(&self) -> (Vec<T>, usize) {
        let mut state = self.state.lock();
        state.door = Door::Retired;
        state.getters.retire();
        state.putters.retire();
        state.joiners.retire();
        (std::iter::from_fn(|| state.store.pop()).collect(), state.unfinished)
    }

    /// Takes everything out at once. The count of unfinished items stays.
    ///
    /// ```
    /// let queue = ropewalk::queue::Queue::unbounded();
    /// queue.try_push(1).unwrap();
    /// queue.try_push(2).unwrap();
    /// assert_eq!(queue.drain(), [1, 2]);
    /// assert_eq!(queue.unfinished(), 2);
    /// ```
    pub fn drain(&self) -> Vec<T> {
        let mut state = self.state.lock();
        let items = std::iter::from_fn(|| state.store.pop()).collect();
        let granted = state.take_in();
        drop(state);
        for sleeper in granted {
            sleeper.grant();
        }
        items
    }
}
