//! The workers of one pool, any of whom could end a wait for a task in the pool's line.

use crate::primitive::{AtomicBool, Mutex, Ordering};
use ropewalk_os::thread::ThreadId;

/// The workers of one pool, as far as the wait graph must know them.
///
/// A thread that waits for a task in the pool's line waits in vain only if every worker does: each of them inside
/// a task, none idle, none to come.
///
/// ```
/// use ropewalk::wait_graph::Crew;
/// let crew = Crew::new();
/// crew.join(ropewalk_os::thread::current());
/// crew.close();
/// assert_eq!(crew.len(), 1);
/// ```
#[derive(Debug)]
pub struct Crew {
    members: Mutex<Vec<ThreadId>>,
    open: AtomicBool,
}

impl Default for Crew {
    fn default() -> Crew {
        Crew::new()
    }
}

impl Crew {
    /// Nobody yet, and more to come.
    ///
    /// ```
    /// let crew = ropewalk::wait_graph::Crew::new();
    /// assert!(crew.is_empty());
    /// ```
    pub fn new() -> Crew {
        Crew { members: Mutex::new(Vec::new()), open: AtomicBool::new(true) }
    }

    /// A worker begins.
    ///
    /// ```
    /// let crew = ropewalk::wait_graph::Crew::new();
    /// crew.join(ropewalk_os::thread::current());
    /// assert_eq!(crew.len(), 1);
    /// ```
    pub fn join(&self, worker: ThreadId) {
        self.members.lock().push(worker);
    }

    /// A worker ends.
    ///
    /// ```
    /// use ropewalk_os::thread::current;
    /// let crew = ropewalk::wait_graph::Crew::new();
    /// crew.join(current());
    /// crew.leave(current());
    /// assert!(crew.is_empty());
    /// ```
    pub fn leave(&self, worker: ThreadId) {
        let mut members = self.members.lock();
        if let Some(place) = members.iter().position(|&member| member == worker) {
            members.swap_remove(place);
        }
    }

    /// No more workers will come than have joined.
    ///
    /// ```
    /// use ropewalk::{Deadline, Halted, Plain, future::Slot, wait_graph::Crew};
    /// let (crew, task) = (Crew::new(), Slot::<&str, i32, fn()>::with_work("in line"));
    /// crew.join(ropewalk_os::thread::current());
    /// crew.close();
    /// // The only worker waits for a task that nobody else will ever do.
    /// let waited = task.wait(Some(&crew), &mut Plain, Deadline::NEVER);
    /// assert!(matches!(waited, Err(Halted::Deadlock(_))));
    /// ```
    pub fn close(&self) {
        self.open.store(false, Ordering::Release);
    }

    /// More workers may come again.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, future::{Slot, Waited}, wait_graph::{Crew, waits}};
    /// let (crew, task) = (Crew::new(), Slot::<(), i32, fn()>::new());
    /// crew.join(ropewalk_os::thread::current());
    /// crew.close();
    /// crew.reopen();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         while waits().is_empty() {
    ///             std::thread::yield_now();
    ///         }
    ///         task.finish(1, false).unwrap().wakes.wake(); // one more worker came
    ///     });
    ///     assert_eq!(task.wait(Some(&crew), &mut Plain, Deadline::NEVER).unwrap(), Waited::Done);
    /// });
    /// ```
    pub fn reopen(&self) {
        self.open.store(true, Ordering::Release);
    }

    /// How many workers there are.
    ///
    /// ```
    /// let crew = ropewalk::wait_graph::Crew::new();
    /// crew.join(ropewalk_os::thread::current());
    /// assert_eq!(crew.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.members.lock().len()
    }

    /// Whether there are none.
    ///
    /// ```
    /// let crew = ropewalk::wait_graph::Crew::new();
    /// assert!(crew.is_empty());
    /// crew.join(ropewalk_os::thread::current());
    /// assert!(!crew.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// For the child of a fork, where the workers are gone and new ones may come.
    ///
    /// ```
    /// let crew = ropewalk::wait_graph::Crew::new();
    /// crew.join(ropewalk_os::thread::current());
    /// crew.reset();
    /// assert!(crew.is_empty());
    /// ```
    pub fn reset(&self) {
        self.members.lock().clear();
        self.open.store(true, Ordering::Release);
    }

    /// All of them, if no more can come.
    pub(super) fn everyone(&self) -> Option<Vec<ThreadId>> {
        if self.open.load(Ordering::Acquire) {
            return None;
        }
        Some(self.members.lock().clone())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::park::{Halted, Rest, Sleeper, sleep};
    use crate::primitive::{Arc, AtomicU64};
    use crate::sync::ReentrantLock;
    use crate::wait_graph::{Kind, Reason, waits};
    use ropewalk_os::thread::current;
    use ropewalk_os::{Deadline, Plain};
    use std::convert::Infallible;
    use std::thread;

    /// A task in a pool's line, as far as a waiting thread can tell.
    struct Task {
        runner: AtomicU64,
        sleeper: Mutex<Option<Arc<Sleeper>>>,
    }

    impl Task {
        fn queued() -> Task {
            Task { runner: AtomicU64::new(0), sleeper: Mutex::new(None) }
        }

        fn wait(&self, crew: &Crew) -> Result<Rest, Halted<Infallible>> {
            let sleeper = Sleeper::new(None);
            *self.sleeper.lock() = Some(Arc::clone(&sleeper));
            let reason = Reason::task(self, &self.runner, crew);
            sleep(&sleeper, &mut Plain, Deadline::NEVER, &reason, || false)
        }

        fn finish(&self) {
            let sleeper = self.sleeper.lock().take();
            sleeper.expect("somebody waits").grant();
        }
    }

    fn until_waited_for<T>(thing: &T) {
        while !waits().iter().any(|wait| wait.address == std::ptr::from_ref(thing).addr()) {
            thread::yield_now();
        }
    }

    /// The calling thread holds a lock that the only worker wants, and waits for a task. What happens?
    fn wait_with_a_busy_worker(crew: &Crew, task: &Task, meanwhile: impl FnOnce() + Send) -> bool {
        let lock = ReentrantLock::new();
        lock.acquire(&mut Plain, Deadline::NEVER).expect("free");
        thread::scope(|scope| {
            scope.spawn(|| {
                crew.join(current());
                lock.acquire(&mut Plain, Deadline::NEVER).expect("it does not close the circle");
                lock.release().expect("held");
                crew.leave(current());
            });
            until_waited_for(&lock);
            scope.spawn(meanwhile);
            let rest = task.wait(crew);
            lock.release().expect("held");
            match rest {
                Ok(_) => false,
                Err(Halted::Deadlock(cycle)) => cycle.is_certain(),
                Err(other) => panic!("{other:?}"),
            }
        })
    }

    #[test]
    fn a_task_in_the_line_of_a_pool_whose_workers_all_wait_is_refused() {
        let (crew, task) = (Crew::new(), Task::queued());
        crew.close();
        assert!(wait_with_a_busy_worker(&crew, &task, || {}));
        assert!(crew.is_empty());
    }

    #[test]
    fn the_only_worker_of_a_pool_waits_for_its_own_pool_in_vain() {
        let (crew, task) = (Crew::new(), Task::queued());
        crew.join(current());
        crew.close();
        let Err(Halted::Deadlock(cycle)) = task.wait(&crew) else { panic!("a deadlock") };
        assert!(cycle.is_certain());
        assert_eq!(cycle.waits()[0].owners, [current()]);
        crew.leave(current());
    }

    #[test]
    fn a_task_is_not_lost_while_more_workers_may_come() {
        let (crew, task) = (Crew::new(), Task::queued());
        let finish = || {
            until_waited_for(&task);
            task.finish();
        };
        assert!(!wait_with_a_busy_worker(&crew, &task, finish));
    }

    #[test]
    fn a_task_is_not_lost_while_a_worker_is_idle() {
        let (crew, task) = (Crew::new(), Task::queued());
        crew.close();
        let line = Task::queued();
        thread::scope(|scope| {
            scope.spawn(|| {
                crew.join(current());
                let idle = Sleeper::new(None);
                *line.sleeper.lock() = Some(Arc::clone(&idle));
                let reason = Reason::new(Kind::Work, &line);
                sleep(&idle, &mut Plain, Deadline::NEVER, &reason, || false).expect("not refused");
            });
            until_waited_for(&line);
            let finish = || {
                until_waited_for(&task);
                task.finish();
            };
            assert!(!wait_with_a_busy_worker(&crew, &task, finish));
            line.finish();
        });
    }

    #[test]
    fn a_running_task_is_its_runners_affair() {
        let (crew, task) = (Crew::new(), Task::queued());
        task.runner.store(current().0, crate::primitive::Ordering::Relaxed);
        thread::scope(|scope| {
            // Waits for the task that this thread runs.
            let waiter = scope.spawn(|| task.wait(&crew).expect("this thread is awake"));
            until_waited_for(&task);
            let here = std::ptr::from_ref(&task).addr(); // other tests of this process wait too
            let wait = waits().into_iter().find(|wait| wait.address == here).expect("above");
            assert_eq!((wait.kind, &wait.owners[..]), (Kind::Future, &[current()][..]));
            task.finish();
            waiter.join().expect("no panic");
        });
    }
}
