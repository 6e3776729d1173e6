//! Items from thread to thread.
//!
//! | file | what it is |
//! |---|---|
//! | `store` | the orders in which items leave: first in, last in, smallest |
//! | `error` | why an item did not go in or come out |
//! | `state` | what the mutex protects: items, and who waits for which side |
//! | `inside` | what is inside now, and changes from outside |
//! | `iter` | items one after the other, until the queue is shut down |
//! | this | the queue: bounded or not, with unfinished-task count and shutdown |
//!
//! A put that finds a sleeping getter gives it the item; a get that frees room takes in the item of a sleeping
//! putter. A woken thread thus holds its result already and locks nothing (rule 2 of the park).
//!
//! ```
//! use ropewalk::queue::Queue;
//! let queue = Queue::unbounded();
//! std::thread::scope(|scope| {
//!     scope.spawn(|| {
//!         (1..=4).for_each(|item| queue.try_push(item).unwrap());
//!         queue.shutdown();
//!     });
//!     assert_eq!(queue.iter().collect::<Vec<_>>(), [1, 2, 3, 4]);
//! });
//! ```

mod error;
mod inside;
mod iter;
mod state;
mod store;

pub use error::{PopError, PushError, TooManyDone};
pub use iter::Iter;
pub use store::{Fifo, Lifo, Smallest, Store};

use crate::park::{Halted, Rest, Sleeper, sleep};
use crate::primitive::Mutex;
use crate::wait_graph::{Kind, Reason};
use ropewalk_os::{Block, Deadline};
use state::{Door, State};

/// Items from any thread to any thread, in the order of its [`Store`].
///
/// ```
/// use ropewalk::{Deadline, Plain, queue::{PopError, Queue}};
/// let queue = Queue::bounded(1);
/// assert!(queue.try_push(1).is_ok());
/// assert!(queue.try_push(2).is_err());
/// queue.shutdown();
/// assert_eq!(queue.pop(&mut Plain, Deadline::NEVER).unwrap(), 1);
/// assert!(matches!(queue.pop(&mut Plain, Deadline::NEVER), Err(PopError::ShutDown)));
/// ```
#[derive(Debug)]
pub struct Queue<T, S = Fifo<T>> {
    state: Mutex<State<T, S>>,
}

impl<T: Send> Queue<T> {
    /// First in, first out; never full.
    ///
    /// ```
    /// let queue = ropewalk::queue::Queue::unbounded();
    /// queue.try_push(1).unwrap();
    /// assert!(!queue.is_full());
    /// ```
    pub fn unbounded() -> Queue<T> {
        Queue::new(Fifo::default(), usize::MAX)
    }

    /// First in, first out; full with `capacity` items.
    ///
    /// ```
    /// let queue = ropewalk::queue::Queue::bounded(1);
    /// queue.try_push(1).unwrap();
    /// assert!(queue.is_full());
    /// ```
    pub fn bounded(capacity: usize) -> Queue<T> {
        Queue::new(Fifo::default(), capacity)
    }
}

impl<T: Send, S: Store<T>> Queue<T, S> {
    /// A queue over `store`, full with `capacity` items.
    ///
    /// ```
    /// use ropewalk::queue::{Queue, Smallest};
    /// let queue = Queue::new(Smallest::default(), usize::MAX);
    /// for item in [3, 1, 2] {
    ///     queue.try_push(item).unwrap();
    /// }
    /// assert_eq!(queue.drain(), [1, 2, 3]);
    /// ```
    pub fn new(store: S, capacity: usize) -> Queue<T, S> {
        Queue { state: Mutex::new(State::new(store, capacity)) }
    }

    /// Puts an item in if there is room now. O(1), or the store's cost.
    ///
    /// # Errors
    /// [`PushError::Full`] or [`PushError::ShutDown`], with the item.
    ///
    /// ```
    /// use ropewalk::queue::{PushError, Queue};
    /// let queue = Queue::bounded(1);
    /// assert!(queue.try_push('a').is_ok());
    /// assert!(matches!(queue.try_push('b'), Err(PushError::Full('b'))));
    /// ```
    #[inline]
    pub fn try_push(&self, item: T) -> Result<(), PushError<T>> {
        let mut state = self.state.lock();
        let getter = state.put(item)?;
        drop(state);
        if let Some(getter) = getter {
            getter.grant();
        }
        Ok(())
    }

    /// Puts an item in, waiting for room until `deadline`.
    ///
    /// # Errors
    /// [`PushError`], with the item.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, queue::Queue};
    /// let queue = Queue::bounded(1);
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| assert_eq!(queue.iter().take(2).sum::<i32>(), 3));
    ///     queue.push(1, &mut Plain, Deadline::NEVER).unwrap();
    ///     queue.push(2, &mut Plain, Deadline::NEVER).unwrap();
    /// });
    /// ```
    #[inline]
    pub fn push<B: Block>(
        &self,
        item: T,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<(), PushError<T, B::Interrupt>> {
        match self.try_push(item) {
            Ok(()) => Ok(()),
            Err(PushError::Full(item)) if !deadline.is_now() => self.push_slow(item, block, deadline),
            Err(error) => Err(error.widen()),
        }
    }

    #[cold]
    fn push_slow<B: Block>(
        &self,
        item: T,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<(), PushError<T, B::Interrupt>> {
        let sleeper = {
            let mut state = self.state.lock();
            match state.put(item) {
                Ok(getter) => {
                    drop(state);
                    if let Some(getter) = getter {
                        getter.grant();
                    }
                    return Ok(());
                }
                Err(PushError::Full(item)) => {
                    let sleeper = Sleeper::new(Some(item));
                    state.putters.push_back(&sleeper);
                    sleeper
                }
                Err(error) => return Err(error.widen()),
            }
        };
        let rest = sleep(&sleeper, block, deadline, &Reason::new(Kind::QueuePut, self), || false);
        if matches!(rest, Ok(Rest::Taken)) {
            return Ok(());
        }
        self.state.lock().putters.remove(&sleeper);
        // Whoever takes the item in takes it out of the sleeper: no item, and it is in.
        let Some(item) = sleeper.take() else { return Ok(()) };
        match rest {
            Ok(Rest::TimedOut) => Err(PushError::Full(item)),
            Ok(_) => Err(PushError::ShutDown(item)),
            Err(halted) => Err(PushError::Halted(halted, item)),
        }
    }

    /// Takes an item out if there is one now. O(1), or the store's cost.
    ///
    /// # Errors
    /// [`PopError::Empty`] or [`PopError::ShutDown`].
    ///
    /// ```
    /// use ropewalk::queue::{PopError, Queue};
    /// let queue = Queue::unbounded();
    /// assert!(matches!(queue.try_pop(), Err(PopError::Empty)));
    /// queue.try_push(1).unwrap();
    /// assert_eq!(queue.try_pop().unwrap(), 1);
    /// ```
    #[inline]
    pub fn try_pop(&self) -> Result<T, PopError> {
        let mut state = self.state.lock();
        let (item, putter) = state.get()?;
        drop(state);
        if let Some(putter) = putter {
            putter.grant();
        }
        Ok(item)
    }

    /// Takes an item out, waiting for one until `deadline`.
    ///
    /// # Errors
    /// [`PopError`].
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, queue::Queue};
    /// let queue = Queue::unbounded();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| queue.try_push(7).unwrap());
    ///     assert_eq!(queue.pop(&mut Plain, Deadline::NEVER).unwrap(), 7);
    /// });
    /// ```
    #[inline]
    pub fn pop<B: Block>(&self, block: &mut B, deadline: Deadline) -> Result<T, PopError<B::Interrupt>> {
        match self.try_pop() {
            Ok(item) => Ok(item),
            Err(PopError::Empty) if !deadline.is_now() => self.pop_slow(block, deadline),
            Err(error) => Err(error.widen()),
        }
    }

    #[cold]
    fn pop_slow<B: Block>(&self, block: &mut B, deadline: Deadline) -> Result<T, PopError<B::Interrupt>> {
        let sleeper = {
            let mut state = self.state.lock();
            match state.get() {
                Ok((item, putter)) => {
                    drop(state);
                    if let Some(putter) = putter {
                        putter.grant();
                    }
                    return Ok(item);
                }
                Err(PopError::Empty) => {
                    let sleeper = Sleeper::new(None);
                    state.getters.push_back(&sleeper);
                    sleeper
                }
                Err(error) => return Err(error.widen()),
            }
        };
        let rest = sleep(&sleeper, block, deadline, &Reason::new(Kind::QueueGet, self), || false);
        if !matches!(rest, Ok(Rest::Taken)) {
            self.state.lock().getters.remove(&sleeper);
        }
        match (sleeper.take(), rest) {
            (Some(item), Ok(_)) => Ok(item),
            (Some(item), Err(halted)) => {
                self.unpop(item);
                Err(PopError::Halted(halted))
            }
            (None, Ok(Rest::TimedOut)) => Err(PopError::Empty),
            (None, Ok(_)) => Err(PopError::ShutDown),
            (None, Err(halted)) => Err(PopError::Halted(halted)),
        }
    }

    /// Puts back an item that was just taken out: a waiting getter has it, or it leaves next. Never full.
    ///
    /// ```
    /// let queue = ropewalk::queue::Queue::bounded(2);
    /// queue.try_push(1).unwrap();
    /// queue.try_push(2).unwrap();
    /// let first = queue.try_pop().unwrap();
    /// queue.unpop(first);
    /// assert_eq!(queue.drain(), [1, 2]);
    /// ```
    pub fn unpop(&self, item: T) {
        let mut state = self.state.lock();
        if let Some(getter) = state.put_back(item) {
            drop(state);
            getter.grant();
        }
    }

    /// Says that an item taken out has been dealt with.
    ///
    /// # Errors
    /// [`TooManyDone`] if it was said more often than items were put in.
    ///
    /// ```
    /// let queue = ropewalk::queue::Queue::unbounded();
    /// queue.try_push(1).unwrap();
    /// queue.try_pop().unwrap();
    /// assert!(queue.task_done().is_ok());
    /// assert!(queue.task_done().is_err());
    /// ```
    #[inline]
    pub fn task_done(&self) -> Result<(), TooManyDone> {
        let mut state = self.state.lock();
        state.unfinished = state.unfinished.checked_sub(1).ok_or(TooManyDone)?;
        if state.unfinished == 0 && !state.joiners.is_empty() {
            let joiners = state.take_joiners();
            drop(state);
            for joiner in joiners {
                joiner.grant();
            }
        }
        Ok(())
    }

    /// Waits until every item put in has been dealt with; `Ok(false)` if the deadline came first.
    ///
    /// # Errors
    /// [`Halted`] if the wait was interrupted or would have closed a deadlock.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, queue::Queue};
    /// let queue = Queue::unbounded();
    /// queue.try_push(1).unwrap();
    /// assert!(!queue.join(&mut Plain, Deadline::NOW).unwrap());
    /// queue.try_pop().unwrap();
    /// queue.task_done().unwrap();
    /// assert!(queue.join(&mut Plain, Deadline::NEVER).unwrap());
    /// ```
    pub fn join<B: Block>(&self, block: &mut B, deadline: Deadline) -> Result<bool, Halted<B::Interrupt>> {
        let sleeper = {
            let mut state = self.state.lock();
            if state.door == Door::Retired {
                return Err(Halted::Retired);
            }
            if state.unfinished == 0 {
                return Ok(true);
            }
            if deadline.is_now() {
                return Ok(false);
            }
            let sleeper = Sleeper::new(None);
            state.joiners.push_back(&sleeper);
            sleeper
        };
        let rest = sleep(&sleeper, block, deadline, &Reason::new(Kind::QueueJoin, self), || true);
        let removed =
            matches!(rest, Ok(Rest::TimedOut) | Err(_)) && self.state.lock().joiners.remove(&sleeper);
        rest.map(|_| !removed)
    }

    /// No more items go in; those inside can still be taken out. Threads that wait in vain are woken.
    ///
    /// ```
    /// let queue = ropewalk::queue::Queue::unbounded();
    /// queue.try_push(1).unwrap();
    /// queue.shutdown();
    /// assert!(queue.try_push(2).is_err());
    /// assert_eq!(queue.iter().count(), 1);
    /// ```
    pub fn shutdown(&self) {
        let mut state = self.state.lock();
        state.shut();
        let wakes = state.everyone_in_vain();
        drop(state);
        wakes.wake();
    }

    /// As [`Queue::shutdown`], and the items inside are taken out and counted as dealt with.
    ///
    /// ```
    /// let queue = ropewalk::queue::Queue::unbounded();
    /// queue.try_push(1).unwrap();
    /// assert_eq!(queue.shutdown_now(), [1]);
    /// assert_eq!(queue.iter().count(), 0);
    /// ```
    pub fn shutdown_now(&self) -> Vec<T> {
        let mut state = self.state.lock();
        state.shut();
        let mut items = Vec::with_capacity(state.store.len());
        while let Some(item) = state.store.pop() {
            items.push(item);
        }
        state.unfinished = state.unfinished.saturating_sub(items.len());
        let wakes = state.everyone_in_vain();
        drop(state);
        wakes.wake();
        items
    }
}
