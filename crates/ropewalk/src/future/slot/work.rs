//! The work that makes a result: who has it, and who does it.

use super::super::answer::{Refused, Start, Wakes};
use super::super::state::{CLAIMED, State};
use super::{Content, Slot};
use crate::park::Line;
use crate::primitive::Ordering;
use ropewalk_os::thread::ThreadId;

impl<W, T, C> Slot<W, T, C> {
    /// Gives a pending future its work; the work comes back if it is no longer pending.
    ///
    /// # Errors
    /// [`Refused`] unless it is pending.
    ///
    /// ```
    /// let slot = ropewalk::future::Slot::<&str, i32, fn()>::new();
    /// assert_eq!(slot.set_work("one"), Ok(None));
    /// assert_eq!(slot.set_work("another"), Ok(Some("one")));
    /// slot.start().unwrap();
    /// assert_eq!(slot.set_work("late").unwrap_err().value, "late");
    /// ```
    pub fn set_work(&self, work: W) -> Result<Option<W>, Refused<W>> {
        let mut inner = self.inner.lock();
        if self.state() != State::Pending {
            return Err(self.refuse(work));
        }
        match std::mem::replace(&mut inner.content, Content::Work(work)) {
            Content::Work(old) => Ok(Some(old)),
            Content::Nothing | Content::Result(_) => Ok(None),
        }
    }

    /// Pending becomes running, with the calling thread named as the one to wait for; cancelled becomes
    /// cancelled and notified.
    ///
    /// # Errors
    /// [`Refused`] in every other state.
    ///
    /// ```
    /// use ropewalk::future::{Slot, Start};
    /// let slot = Slot::<&str, i32, fn()>::with_work("work");
    /// assert!(matches!(slot.start(), Ok(Start::Go(Some("work")))));
    /// assert!(slot.start().is_err());
    /// ```
    #[inline]
    pub fn start(&self) -> Result<Start<W>, Refused<()>> {
        let mut inner = self.inner.lock();
        match self.state() {
            State::Pending => {
                self.word.store(State::Running.word(), Ordering::Release);
                Ok(Start::Go(inner.take_work()))
            }
            State::Cancelled => {
                self.word.store(State::CancelledNotified.word(), Ordering::Release);
                let mut wakes = Line::default();
                if let Some(audience) = &mut inner.audience {
                    audience.report(false, &mut wakes);
                }
                Ok(Start::Cancelled(Wakes(wakes)))
            }
            _ => Err(self.refuse(())),
        }
    }

    /// Takes the work of a pending future, to do it here and now: it becomes running, and is never given to
    /// anyone else. `None` if `choose` says no, if it is not pending, or if its work is not kept here.
    ///
    /// ```
    /// let slot = ropewalk::future::Slot::<&str, i32, fn()>::with_work("mine");
    /// assert_eq!(slot.claim(|work| *work == "yours"), None);
    /// assert_eq!(slot.claim(|work| *work == "mine"), Some("mine"));
    /// assert!(slot.start().unwrap_err().claimed); // nobody else gets it
    /// ```
    #[inline]
    pub fn claim(&self, choose: impl FnOnce(&W) -> bool) -> Option<W> {
        let mut inner = self.inner.lock();
        match &inner.content {
            Content::Work(work) if self.state() == State::Pending && choose(work) => {}
            _ => return None,
        }
        self.word.store(State::Running.word() | CLAIMED, Ordering::Release);
        inner.take_work()
    }

    /// Takes the work of a pending future away, so that somebody else can do it; the state stays.
    ///
    /// ```
    /// use ropewalk::future::{Slot, State};
    /// let slot = Slot::<&str, i32, fn()>::with_work("work");
    /// assert_eq!((slot.take_work(), slot.take_work()), (Some("work"), None));
    /// assert_eq!(slot.state(), State::Pending);
    /// ```
    pub fn take_work(&self) -> Option<W> {
        self.inner.lock().take_work()
    }

    /// Looks at the work of a pending future. `look` must not use this future.
    ///
    /// ```
    /// let slot = ropewalk::future::Slot::<&str, i32, fn()>::with_work("work");
    /// assert_eq!(slot.look_at_work(|work| work.len()), Some(4));
    /// ```
    pub fn look_at_work<R>(&self, look: impl FnOnce(&W) -> R) -> Option<R> {
        match &self.inner.lock().content {
            Content::Work(work) => Some(look(work)),
            Content::Nothing | Content::Result(_) => None,
        }
    }

    /// Names the thread that works on it, and that alone can finish it: a wait for it by that thread, or by one
    /// that the thread waits for, is a deadlock.
    ///
    /// ```
    /// use ropewalk::{Deadline, Halted, Plain, future::Slot};
    /// let slot = Slot::<(), i32, fn()>::new();
    /// slot.set_runner(ropewalk_os::thread::current());
    /// let waited = slot.wait(None, &mut Plain, Deadline::NEVER); // for what this thread should make
    /// assert!(matches!(waited, Err(Halted::Deadlock(_))));
    /// ```
    #[inline]
    pub fn set_runner(&self, thread: ThreadId) {
        self.runner.store(thread.0, Ordering::Relaxed);
    }

    /// The thread that works on it, if one was named.
    ///
    /// ```
    /// use ropewalk_os::thread::current;
    /// let slot = ropewalk::future::Slot::<(), i32, fn()>::new();
    /// slot.set_runner(current());
    /// assert_eq!(slot.runner(), Some(current()));
    /// slot.finish(1, false).unwrap().wakes.wake();
    /// assert_eq!(slot.runner(), None);
    /// ```
    pub fn runner(&self) -> Option<ThreadId> {
        match self.runner.load(Ordering::Relaxed) {
            0 => None,
            thread => Some(ThreadId(thread)),
        }
    }
}
