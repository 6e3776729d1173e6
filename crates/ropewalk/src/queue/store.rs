//! The orders in which items leave a queue.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Where a queue keeps its items, and which leaves next.
///
/// Its methods run under the queue's mutex: they must not use the queue.
///
/// ```
/// use ropewalk::queue::{Queue, Store};
/// /// Only the newest item counts.
/// #[derive(Default)]
/// struct Latest(Option<i32>);
/// impl Store<i32> for Latest {
///     fn push(&mut self, item: i32) {
///         self.0 = Some(item);
///     }
///     fn pop(&mut self) -> Option<i32> {
///         self.0.take()
///     }
///     fn unpop(&mut self, item: i32) {
///         self.0.get_or_insert(item);
///     }
///     fn len(&self) -> usize {
///         usize::from(self.0.is_some())
///     }
///     fn for_each(&self, look: impl FnMut(&i32)) {
///         self.0.iter().for_each(look);
///     }
/// }
/// let queue = Queue::new(Latest::default(), usize::MAX);
/// (1..=3).for_each(|item| queue.try_push(item).unwrap());
/// assert_eq!(queue.drain(), [3]);
/// ```
pub trait Store<T> {
    /// Puts an item in.
    ///
    /// ```
    /// use ropewalk::queue::{Fifo, Store};
    /// let mut store = Fifo::default();
    /// store.push('a');
    /// assert_eq!(store.len(), 1);
    /// ```
    fn push(&mut self, item: T);
    /// Takes the next item out.
    ///
    /// ```
    /// use ropewalk::queue::{Lifo, Store};
    /// let mut store = Lifo::default();
    /// store.push('a');
    /// assert_eq!((store.pop(), store.pop()), (Some('a'), None));
    /// ```
    fn pop(&mut self) -> Option<T>;
    /// Puts back an item that [`Store::pop`] has just given, as the next to leave.
    ///
    /// ```
    /// use ropewalk::queue::{Fifo, Store};
    /// let mut store = Fifo::default();
    /// ['a', 'b'].into_iter().for_each(|item| store.push(item));
    /// let first = store.pop().unwrap();
    /// store.unpop(first);
    /// assert_eq!(store.pop(), Some('a'));
    /// ```
    fn unpop(&mut self, item: T);
    /// Items inside.
    ///
    /// ```
    /// use ropewalk::queue::{Smallest, Store};
    /// let mut store = Smallest::default();
    /// [2, 1].into_iter().for_each(|item| store.push(item));
    /// assert_eq!(store.len(), 2);
    /// ```
    fn len(&self) -> usize;
    /// Whether there is nothing inside.
    ///
    /// ```
    /// use ropewalk::queue::{Fifo, Store};
    /// let mut store = Fifo::default();
    /// assert!(store.is_empty());
    /// store.push(1);
    /// assert!(!store.is_empty());
    /// ```
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Shows every item, in no particular order.
    ///
    /// ```
    /// use ropewalk::queue::{Smallest, Store};
    /// let mut store = Smallest::default();
    /// [3, 1, 2].into_iter().for_each(|item| store.push(item));
    /// let mut sum = 0;
    /// store.for_each(|item| sum += item);
    /// assert_eq!((sum, store.len()), (6, 3));
    /// ```
    fn for_each(&self, look: impl FnMut(&T));
}

/// First in, first out. All O(1).
///
/// ```
/// use ropewalk::queue::{Fifo, Store};
/// let mut store = Fifo::default();
/// [2, 1, 3].into_iter().for_each(|item| store.push(item));
/// assert_eq!(store.pop(), Some(2));
/// ```
#[derive(Debug)]
pub struct Fifo<T>(VecDeque<T>);

/// Last in, first out. All O(1).
///
/// ```
/// use ropewalk::queue::{Lifo, Store};
/// let mut store = Lifo::default();
/// [2, 1, 3].into_iter().for_each(|item| store.push(item));
/// assert_eq!(store.pop(), Some(3));
/// ```
#[derive(Debug)]
pub struct Lifo<T>(Vec<T>);

/// The smallest first; equal ones in no particular order. O(log n).
///
/// ```
/// use ropewalk::queue::{Smallest, Store};
/// let mut store = Smallest::default();
/// [2, 1, 3].into_iter().for_each(|item| store.push(item));
/// assert_eq!(store.pop(), Some(1));
/// ```
#[derive(Debug)]
pub struct Smallest<T>(BinaryHeap<Reverse<T>>);

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Fifo(VecDeque::new())
    }
}

impl<T> Default for Lifo<T> {
    fn default() -> Self {
        Lifo(Vec::new())
    }
}

impl<T: Ord> Default for Smallest<T> {
    fn default() -> Self {
        Smallest(BinaryHeap::new())
    }
}

impl<T> Store<T> for Fifo<T> {
    #[inline]
    fn push(&mut self, item: T) {
        self.0.push_back(item);
    }

    #[inline]
    fn pop(&mut self) -> Option<T> {
        self.0.pop_front()
    }

    fn unpop(&mut self, item: T) {
        self.0.push_front(item);
    }

    #[inline]
    fn len(&self) -> usize {
        self.0.len()
    }

    fn for_each(&self, look: impl FnMut(&T)) {
        self.0.iter().for_each(look);
    }
}

impl<T> Store<T> for Lifo<T> {
    #[inline]
    fn push(&mut self, item: T) {
        self.0.push(item);
    }

    #[inline]
    fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }

    fn unpop(&mut self, item: T) {
        self.0.push(item);
    }

    #[inline]
    fn len(&self) -> usize {
        self.0.len()
    }

    fn for_each(&self, look: impl FnMut(&T)) {
        self.0.iter().for_each(look);
    }
}

impl<T: Ord> Store<T> for Smallest<T> {
    fn push(&mut self, item: T) {
        self.0.push(Reverse(item));
    }

    fn pop(&mut self) -> Option<T> {
        self.0.pop().map(|Reverse(item)| item)
    }

    fn unpop(&mut self, item: T) {
        self.push(item);
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn for_each(&self, mut look: impl FnMut(&T)) {
        self.0.iter().for_each(|Reverse(item)| look(item));
    }
}
