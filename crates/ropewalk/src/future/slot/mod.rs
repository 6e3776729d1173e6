//! The place where one result will stand: state, work, result, and everybody who is interested.
//!
//! The word and the content change together, under the mutex; the word alone is read without it. User code never
//! runs here: callbacks are handed back to the caller, who runs them when nothing is locked and where it is safe.
//! Work and results that are replaced are handed back too, because dropping them may run user code.
//!
//! | file | what it is |
//! |---|---|
//! | `work` | the work that makes the result |
//! | `wait` | who waits for it |
//! | this | the place itself: result, callbacks, cancelling |

mod wait;
mod work;

use super::answer::{Aftermath, Refused, Wakes};
use super::gather::Gathering;
use super::state::{CLAIMED, FAILED, State};
use crate::park::Line;
use crate::primitive::{Arc, AtomicU32, AtomicU64, Mutex, Ordering};

#[derive(Debug)]
enum Content<W, T> {
    Nothing,
    Work(W),
    Result(T),
}

/// Everybody who is interested in the result. Most futures never have one of these.
#[derive(Debug)]
struct Audience<C> {
    sleepers: Line,
    callbacks: Vec<C>,
    gatherings: Vec<(Arc<Gathering>, usize)>,
}

#[derive(Debug)]
struct Inner<W, T, C> {
    content: Content<W, T>,
    audience: Option<Box<Audience<C>>>,
}

/// One result to come: `W` is the work that makes it, `T` the result, `C` what to call when it is there.
///
/// This is what [`Future`](super::Future) and an interpreter's futures are made of; a Rust program mostly wants
/// the former.
///
/// ```
/// use ropewalk::future::{Slot, State};
/// let slot = Slot::<(), i32, fn()>::new();
/// assert!(slot.start().is_ok());
/// slot.finish(42, false).unwrap().wakes.wake();
/// assert_eq!(slot.state(), State::Finished);
/// assert_eq!(slot.look(|result| result.copied()), Some(42));
/// ```
#[derive(Debug)]
pub struct Slot<W, T, C> {
    word: AtomicU32,
    runner: AtomicU64,
    inner: Mutex<Inner<W, T, C>>,
}

impl<W, T, C> Default for Slot<W, T, C> {
    fn default() -> Self {
        Slot::new()
    }
}

impl<W, T, C> Slot<W, T, C> {
    /// Pending, its work known to somebody else.
    ///
    /// ```
    /// use ropewalk::future::{Slot, State};
    /// let slot = Slot::<(), i32, fn()>::new();
    /// assert_eq!(slot.state(), State::Pending);
    /// ```
    pub fn new() -> Slot<W, T, C> {
        Slot::with(Content::Nothing)
    }

    /// Pending, with the work that will make the result.
    ///
    /// ```
    /// let slot = ropewalk::future::Slot::<&str, i32, fn()>::with_work("work");
    /// assert_eq!(slot.take_work(), Some("work"));
    /// ```
    pub fn with_work(work: W) -> Slot<W, T, C> {
        Slot::with(Content::Work(work))
    }

    fn with(content: Content<W, T>) -> Slot<W, T, C> {
        Slot {
            word: AtomicU32::new(0),
            runner: AtomicU64::new(0),
            inner: Mutex::new(Inner { content, audience: None }),
        }
    }

    /// Where it stands. The result of a finished one is visible to the caller.
    ///
    /// ```
    /// use ropewalk::future::{Slot, State};
    /// let slot = Slot::<(), i32, fn()>::new();
    /// slot.start().unwrap();
    /// assert_eq!(slot.state(), State::Running);
    /// ```
    #[inline]
    pub fn state(&self) -> State {
        State::of(self.word.load(Ordering::Acquire))
    }

    /// Whether it finished with a failure.
    ///
    /// ```
    /// let slot = ropewalk::future::Slot::<(), Result<i32, &str>, fn()>::new();
    /// slot.finish(Err("no"), true).unwrap().wakes.wake();
    /// assert!(slot.has_failed());
    /// ```
    #[inline]
    pub fn has_failed(&self) -> bool {
        self.word.load(Ordering::Acquire) & FAILED != 0
    }

    /// Whether its work was claimed by a thread that waited for it.
    ///
    /// ```
    /// let slot = ropewalk::future::Slot::<&str, i32, fn()>::with_work("work");
    /// assert!(!slot.is_claimed());
    /// slot.claim(|_| true);
    /// assert!(slot.is_claimed());
    /// ```
    pub fn is_claimed(&self) -> bool {
        self.word.load(Ordering::Relaxed) & CLAIMED != 0
    }

    /// Cancels a pending future. `Ok(None)` if it was cancelled before.
    ///
    /// # Errors
    /// [`Refused`] if it is running or finished.
    ///
    /// ```
    /// let slot = ropewalk::future::Slot::<&str, i32, fn()>::with_work("work");
    /// let aftermath = slot.cancel().unwrap().expect("it was pending");
    /// aftermath.wakes.wake();
    /// assert_eq!(aftermath.leftover, Some("work"));
    /// assert!(slot.cancel().unwrap().is_none());
    /// ```
    pub fn cancel(&self) -> Result<Option<Aftermath<W, C>>, Refused<()>> {
        let mut inner = self.inner.lock();
        match self.state() {
            State::Pending => {
                self.word.store(State::Cancelled.word(), Ordering::Release);
                let leftover = inner.take_work();
                Ok(Some(inner.dissolve(leftover, None)))
            }
            State::Cancelled | State::CancelledNotified => Ok(None),
            State::Running | State::Finished => Err(self.refuse(())),
        }
    }

    /// Stores the result; `failed` says of which kind it is.
    ///
    /// # Errors
    /// [`Refused`], with the result, if it has one already or was cancelled.
    ///
    /// ```
    /// let slot = ropewalk::future::Slot::<(), i32, fn()>::new();
    /// slot.finish(1, false).unwrap().wakes.wake();
    /// assert_eq!(slot.finish(2, false).unwrap_err().value, 2);
    /// assert_eq!(slot.take(), Some(1));
    /// ```
    #[inline]
    pub fn finish(&self, result: T, failed: bool) -> Result<Aftermath<W, C>, Refused<T>> {
        let mut inner = self.inner.lock();
        let word = self.word.load(Ordering::Relaxed);
        if State::of(word).is_done() {
            return Err(self.refuse(result));
        }
        let leftover = match std::mem::replace(&mut inner.content, Content::Result(result)) {
            Content::Work(work) => Some(work),
            Content::Nothing | Content::Result(_) => None,
        };
        let flags = (word & CLAIMED) | if failed { FAILED } else { 0 };
        self.runner.store(0, Ordering::Relaxed);
        self.word.store(State::Finished.word() | flags, Ordering::Release);
        Ok(inner.dissolve(leftover, Some(failed)))
    }

    /// Cancels a future that is running, or still pending: for who has seen to it that nobody works on it any more.
    ///
    /// # Errors
    /// [`Refused`] if it is finished, or was cancelled.
    ///
    /// ```
    /// use ropewalk::future::{Slot, State};
    /// let slot = Slot::<(), i32, fn()>::new();
    /// slot.start().unwrap();
    /// slot.stop().unwrap().wakes.wake();
    /// assert_eq!(slot.state(), State::CancelledNotified);
    /// assert!(slot.stop().is_err());
    /// ```
    pub fn stop(&self) -> Result<Aftermath<W, C>, Refused<()>> {
        let mut inner = self.inner.lock();
        if self.state().is_done() {
            return Err(self.refuse(()));
        }
        self.runner.store(0, Ordering::Relaxed);
        self.word.store(State::CancelledNotified.word(), Ordering::Release);
        let leftover = inner.take_work();
        Ok(inner.dissolve(leftover, Some(false)))
    }

    /// Adds a callback, or gives it back because the time to call it has come already.
    ///
    /// ```
    /// let slot = ropewalk::future::Slot::<(), i32, &str>::new();
    /// assert_eq!(slot.add_callback("early"), None);
    /// let aftermath = slot.finish(1, false).unwrap();
    /// aftermath.wakes.wake();
    /// assert_eq!(aftermath.callbacks, ["early"]);
    /// assert_eq!(slot.add_callback("late"), Some("late"));
    /// ```
    #[inline]
    pub fn add_callback(&self, callback: C) -> Option<C> {
        let mut inner = self.inner.lock();
        if self.state().is_done() {
            return Some(callback);
        }
        inner.audience().callbacks.push(callback);
        None
    }

    /// Takes all callbacks out.
    ///
    /// ```
    /// let slot = ropewalk::future::Slot::<(), i32, &str>::new();
    /// slot.add_callback("call");
    /// assert_eq!(slot.take_callbacks(), ["call"]);
    /// assert!(slot.finish(1, false).unwrap().callbacks.is_empty());
    /// ```
    pub fn take_callbacks(&self) -> Vec<C> {
        let mut inner = self.inner.lock();
        inner.audience.as_mut().map(|audience| std::mem::take(&mut audience.callbacks)).unwrap_or_default()
    }

    /// Looks at the result, if there is one. `look` must not use this future.
    ///
    /// ```
    /// let slot = ropewalk::future::Slot::<(), i32, fn()>::new();
    /// assert!(slot.look(|result| result.is_none()));
    /// slot.finish(1, false).unwrap().wakes.wake();
    /// assert_eq!(slot.look(|result| result.copied()), Some(1));
    /// ```
    #[inline]
    pub fn look<R>(&self, look: impl FnOnce(Option<&T>) -> R) -> R {
        match &self.inner.lock().content {
            Content::Result(result) => look(Some(result)),
            Content::Nothing | Content::Work(_) => look(None),
        }
    }

    /// Takes the result out.
    ///
    /// ```
    /// let slot = ropewalk::future::Slot::<(), i32, fn()>::new();
    /// slot.finish(1, false).unwrap().wakes.wake();
    /// assert_eq!((slot.take(), slot.take()), (Some(1), None));
    /// ```
    pub fn take(&self) -> Option<T> {
        let mut inner = self.inner.lock();
        match std::mem::replace(&mut inner.content, Content::Nothing) {
            Content::Result(result) => Some(result),
            other => {
                inner.content = other;
                None
            }
        }
    }

    /// Puts it in any state whatever, with any result: for hosts whose programs may write such things.
    ///
    /// Callbacks stay; a settled state is reported, and every sleeper looks again. The old result comes back.
    ///
    /// ```
    /// use ropewalk::future::{Slot, State};
    /// let slot = Slot::<(), i32, fn()>::new();
    /// slot.finish(1, false).unwrap().wakes.wake();
    /// assert_eq!(slot.overwrite(State::Pending, None, false), Some(1));
    /// assert_eq!(slot.state(), State::Pending);
    /// ```
    pub fn overwrite(&self, state: State, result: Option<T>, failed: bool) -> Option<T> {
        let mut inner = self.inner.lock();
        let content = match result {
            Some(result) => Content::Result(result),
            None => Content::Nothing,
        };
        let old = std::mem::replace(&mut inner.content, content);
        let failed = failed && state == State::Finished;
        self.word.store(state.word() | if failed { FAILED } else { 0 }, Ordering::Release);
        let mut wakes = Line::default();
        let mut sleepers = Line::default();
        if let Some(audience) = &mut inner.audience {
            sleepers = std::mem::take(&mut audience.sleepers);
            if state.is_settled() {
                audience.report(failed, &mut wakes);
            }
        }
        drop(inner);
        while let Some(sleeper) = sleepers.pop() {
            sleeper.wake();
        }
        Wakes(wakes).wake();
        match old {
            Content::Result(old) => Some(old),
            Content::Nothing | Content::Work(_) => None,
        }
    }

    /// Shows work, result and callbacks without taking them, if nobody uses the future at this very moment.
    ///
    /// ```
    /// let slot = ropewalk::future::Slot::<&str, &str, &str>::with_work("work");
    /// slot.add_callback("call");
    /// let seen = std::cell::RefCell::new(Vec::new());
    /// let note = |it: &&'static str| seen.borrow_mut().push(*it);
    /// assert!(slot.try_for_each(note, note, note));
    /// assert_eq!(*seen.borrow(), ["work", "call"]);
    /// ```
    pub fn try_for_each(
        &self,
        work: impl FnOnce(&W),
        result: impl FnOnce(&T),
        callback: impl FnMut(&C),
    ) -> bool {
        let Some(inner) = self.inner.try_lock() else { return false };
        match &inner.content {
            Content::Work(it) => work(it),
            Content::Result(it) => result(it),
            Content::Nothing => {}
        }
        if let Some(audience) = &inner.audience {
            audience.callbacks.iter().for_each(callback);
        }
        true
    }

    /// Takes work, result and callbacks out, for the caller to drop; the state stays.
    ///
    /// ```
    /// let slot = ropewalk::future::Slot::<&str, i32, &str>::with_work("work");
    /// slot.add_callback("call");
    /// assert_eq!(slot.clear(), (Some("work"), None, vec!["call"]));
    /// ```
    pub fn clear(&self) -> (Option<W>, Option<T>, Vec<C>) {
        let mut inner = self.inner.lock();
        let callbacks = inner
            .audience
            .as_mut()
            .map(|audience| std::mem::take(&mut audience.callbacks))
            .unwrap_or_default();
        match std::mem::replace(&mut inner.content, Content::Nothing) {
            Content::Work(work) => (Some(work), None, callbacks),
            Content::Result(result) => (None, Some(result), callbacks),
            Content::Nothing => (None, None, callbacks),
        }
    }

    fn refuse<V>(&self, value: V) -> Refused<V> {
        let word = self.word.load(Ordering::Relaxed);
        Refused { state: State::of(word), claimed: word & CLAIMED != 0, value }
    }
}

impl<W, T, C> Inner<W, T, C> {
    fn take_work(&mut self) -> Option<W> {
        match std::mem::replace(&mut self.content, Content::Nothing) {
            Content::Work(work) => Some(work),
            other => {
                self.content = other;
                None
            }
        }
    }

    fn audience(&mut self) -> &mut Audience<C> {
        self.audience.get_or_insert_with(|| {
            Box::new(Audience { sleepers: Line::default(), callbacks: Vec::new(), gatherings: Vec::new() })
        })
    }

    /// The end: everybody goes. `settled` tells whether it failed, or `None` if gatherings must wait on.
    #[inline]
    fn dissolve(&mut self, leftover: Option<W>, settled: Option<bool>) -> Aftermath<W, C> {
        let Some(audience) = &mut self.audience else {
            return Aftermath { callbacks: Vec::new(), wakes: Wakes::default(), leftover };
        };
        let mut wakes = std::mem::take(&mut audience.sleepers);
        let callbacks = std::mem::take(&mut audience.callbacks);
        if let Some(failed) = settled {
            audience.report(failed, &mut wakes);
        }
        if audience.gatherings.is_empty() {
            self.audience = None;
        }
        Aftermath { callbacks, wakes: Wakes(wakes), leftover }
    }
}

impl<C> Audience<C> {
    fn report(&mut self, failed: bool, wakes: &mut Line) {
        for (gathering, key) in self.gatherings.drain(..) {
            gathering.report(key, failed, wakes);
        }
    }
}
