//! Items one after the other, until the queue is shut down.

use super::{Queue, Store};
use ropewalk_os::{Deadline, Plain};

/// Takes items out as long as there will be any: ends when the queue is shut down and empty.
///
/// For plain threads; made by [`Queue::iter`].
///
/// ```
/// let queue = ropewalk::queue::Queue::unbounded();
/// queue.try_push('a').unwrap();
/// queue.try_push('b').unwrap();
/// queue.shutdown();
/// assert_eq!(queue.iter().collect::<String>(), "ab");
/// ```
#[derive(Debug)]
pub struct Iter<'a, T, S>(&'a Queue<T, S>);

impl<T: Send, S: Store<T>> Queue<T, S> {
    /// The items, each taken out when it is asked for; waits for the next one as long as it takes.
    ///
    /// ```
    /// use ropewalk::queue::Queue;
    /// let queue = Queue::unbounded();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         (1..=4).for_each(|item| queue.try_push(item).unwrap());
    ///         queue.shutdown();
    ///     });
    ///     assert_eq!(queue.iter().sum::<i32>(), 10);
    /// });
    /// ```
    pub fn iter(&self) -> Iter<'_, T, S> {
        Iter(self)
    }
}

impl<T: Send, S: Store<T>> Iterator for Iter<'_, T, S> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.pop(&mut Plain, Deadline::NEVER).ok()
    }
}

impl<'a, T: Send, S: Store<T>> IntoIterator for &'a Queue<T, S> {
    type Item = T;
    type IntoIter = Iter<'a, T, S>;

    fn into_iter(self) -> Iter<'a, T, S> {
        self.iter()
    }
}
