//! Many tasks in one thread: a line of those that can go on, and a direct switch from one to the next.
//!
//! A task goes on until it ends, yields or parks; then the first in line goes on, on its own stack, without a
//! scheduler in between. When nobody stands in line, whoever called [`Hub::run`] does.
//!
//! # Contract of the unsafe code
//!
//! 1. A task's stack is put back by who runs after its end, never by itself; a task that has not ended keeps its own.
//! 2. The place that an ending task returns is that of the hub's root, or of a task which `current` keeps alive from then
//!    on.
#![allow(unsafe_code)]

use super::place::Place;
use super::stacks::Stacks;
use super::task::{Core, Handle, Task};
use super::{Cancelled, unwind};
use ropewalk_os::stack::Stack;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

thread_local! {
    /// The hub that runs in this thread.
    static RUNNING: RefCell<Option<Rc<Inner>>> = const { RefCell::new(None) };
}

/// Tasks of one thread.
///
/// ```
/// use ropewalk::fiber::{Hub, yield_now};
/// use std::{cell::RefCell, rc::Rc};
///
/// let hub = Hub::new();
/// let said = Rc::new(RefCell::new(String::new()));
/// for word in ["tick", "tock"] {
///     let said = Rc::clone(&said);
///     hub.spawn(move || {
///         for _ in 0..2 {
///             *said.borrow_mut() += word;
///             yield_now();
///         }
///     });
/// }
/// assert_eq!(hub.run(), 0);
/// assert_eq!(*said.borrow(), "ticktockticktock");
/// ```
///
/// A hub stays in its thread:
///
/// ```compile_fail,E0277
/// let hub = ropewalk::fiber::Hub::new();
/// std::thread::spawn(move || hub.run());
/// ```
#[derive(Default)]
pub struct Hub(Rc<Inner>);

#[derive(Default)]
pub(super) struct Inner {
    root: Root,
    line: RefCell<VecDeque<Rc<Core>>>,
    current: RefCell<Option<Rc<Core>>>,
    /// All that have not ended, by their numbers.
    tasks: RefCell<std::collections::BTreeMap<usize, Rc<Core>>>,
    stacks: RefCell<Stacks>,
    /// That of who has just ended.
    left: Cell<Option<Stack>>,
    last_number: Cell<usize>,
    /// Whose end the caller of `run` waits for, by number; 0: nobody's.
    awaited: Cell<usize>,
    closing: Cell<bool>,
}

struct Root(Place);

impl Default for Root {
    fn default() -> Self {
        Root(Place::empty())
    }
}

impl Hub {
    /// A hub without tasks, whose stacks have the usual size.
    ///
    /// ```
    /// assert_eq!(ropewalk::fiber::Hub::new().run(), 0);
    /// ```
    pub fn new() -> Hub {
        Hub::default()
    }

    /// A hub with these stacks.
    ///
    /// ```
    /// use ropewalk::fiber::{Hub, Stacks};
    /// let hub = Hub::with_stacks(Stacks::new(64 << 10));
    /// assert_eq!(hub.spawn(|| 1).join(), 1);
    /// ```
    pub fn with_stacks(stacks: Stacks) -> Hub {
        Hub(Rc::new(Inner { stacks: RefCell::new(stacks), ..Inner::default() }))
    }

    /// Makes a task of a function; it stands in line.
    ///
    /// # Panics
    /// If there is no memory for a stack, or no guard for it ([`Stacks::without_guards_beyond_the_limit`]).
    ///
    /// ```
    /// let hub = ropewalk::fiber::Hub::new();
    /// assert_eq!(hub.spawn(|| "done").join(), "done");
    /// ```
    pub fn spawn<T: 'static>(&self, function: impl FnOnce() -> T + 'static) -> Task<T> {
        self.0.spawn(function)
    }

    /// Lets the tasks go on until nobody stands in line. How many are left: they are parked, and only
    /// [`Handle::unpark`] lets them go on.
    ///
    /// # Panics
    /// In a task: the hub of this thread runs already.
    ///
    /// ```
    /// use ropewalk::fiber::{Hub, park};
    /// let hub = Hub::new();
    /// let task = hub.spawn(park);
    /// assert_eq!(hub.run(), 1);
    /// task.handle().unpark();
    /// assert_eq!(hub.run(), 0);
    /// ```
    pub fn run(&self) -> usize {
        self.0.run_until_end_of(0);
        self.0.tasks.borrow().len()
    }
}

impl Drop for Hub {
    /// Unwinds what has not ended, so that destructors run.
    fn drop(&mut self) {
        let hub = &self.0;
        hub.closing.set(true);
        if RUNNING.with_borrow(Option::is_some) {
            return; // dropped by one of its tasks: `run` sees to the rest
        }
        hub.close();
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, tasks) = (self.0.line.borrow().len(), self.0.tasks.borrow().len());
        f.debug_struct("Hub").field("in_line", &line).field("tasks", &tasks).finish()
    }
}

impl Inner {
    fn spawn<T: 'static>(self: &Rc<Self>, function: impl FnOnce() -> T + 'static) -> Task<T> {
        let stack = self.stacks.borrow_mut().take().expect("memory for a stack");
        let number = self.last_number.get() + 1;
        self.last_number.set(number);
        let core = Rc::new(Core {
            number,
            hub: Rc::downgrade(self),
            place: OnceCell::new(),
            stack: Cell::new(None),
            parked: Cell::new(false),
            woken: Cell::new(false),
            ended: Cell::new(false),
            joining: RefCell::default(),
        });
        let result = Rc::new(Cell::new(None));
        let (hub, mine, out) = (Rc::clone(self), Rc::clone(&core), Rc::clone(&result));
        let body = move || {
            hub.put_back();
            let outcome =
                catch_unwind(AssertUnwindSafe(|| if hub.closing.get() { unwind() } else { function() }));
            if !matches!(&outcome, Err(panic) if panic.is::<Cancelled>()) {
                out.set(Some(outcome));
            }
            hub.end(&mine)
        };
        // SAFETY: rules 1 and 2.
        let place = unsafe { Place::fresh(&stack, body) };
        let _ = core.place.set(place);
        core.stack.set(Some(stack));
        self.tasks.borrow_mut().insert(number, Rc::clone(&core));
        self.stand_in_line(Rc::clone(&core));
        Task { core, result }
    }

    pub(super) fn stand_in_line(&self, core: Rc<Core>) {
        self.line.borrow_mut().push_back(core);
    }

    /// The first thing that a task does when it goes on.
    fn put_back(&self) {
        if let Some(stack) = self.left.take() {
            self.stacks.borrow_mut().put(stack);
        }
    }

    /// Where the next one stands, who is `current` from now on.
    fn next(&self) -> *const Place {
        let next = self.line.borrow_mut().pop_front();
        let place = match next.as_ref().and_then(|core| core.place.get()) {
            Some(place) => &raw const *place,
            None => &raw const self.root.0,
        };
        *self.current.borrow_mut() = next;
        place
    }

    /// Lets the next one go on, and returns when `me` does.
    fn leave(&self, me: &Rc<Core>) {
        let next = self.next();
        if let Some(mine) = me.place.get()
            && !std::ptr::eq(mine, next)
        {
            // SAFETY: rule 2.
            mine.switch_to(unsafe { &*next });
        }
        self.put_back();
        if self.closing.get() {
            unwind();
        }
    }

    /// The last thing that a task does; where the next one stands.
    fn end(&self, me: &Rc<Core>) -> *const Place {
        me.ended.set(true);
        self.left.set(me.stack.take());
        self.tasks.borrow_mut().remove(&me.number);
        for waiting in me.joining.take() {
            Handle(waiting).unpark();
        }
        if self.awaited.get() == me.number {
            self.awaited.set(usize::MAX);
            *self.current.borrow_mut() = None;
            return &raw const self.root.0;
        }
        self.next()
    }

    fn run_until_end_of(self: &Rc<Self>, number: usize) {
        let inside = RUNNING.with_borrow_mut(|running| running.replace(Rc::clone(self)));
        assert!(inside.is_none(), "a hub is run by nobody who is in one: yield or park there");
        self.awaited.set(number);
        while self.awaited.get() == number && !self.line.borrow().is_empty() {
            let next = self.next();
            // SAFETY: rule 2.
            self.root.0.switch_to(unsafe { &*next });
            self.put_back();
        }
        RUNNING.with_borrow_mut(Option::take);
        if self.closing.get() {
            self.close();
        }
    }

    /// Unwinds all that have not ended.
    fn close(self: &Rc<Self>) {
        while !self.tasks.borrow().is_empty() {
            let left: Vec<Rc<Core>> = self.tasks.borrow().values().cloned().collect();
            for core in left {
                Handle(core).unpark();
            }
            let before = RUNNING.with_borrow_mut(|running| running.replace(Rc::clone(self)));
            while !self.line.borrow().is_empty() {
                let next = self.next();
                // SAFETY: rule 2.
                self.root.0.switch_to(unsafe { &*next });
            }
            RUNNING.with_borrow_mut(|running| *running = before);
        }
        self.left.take();
    }

    /// Returns when the task has ended.
    pub(super) fn wait_for(self: &Rc<Self>, core: &Rc<Core>) {
        let me = RUNNING.with_borrow(|running| running.as_ref().is_some_and(|it| Rc::ptr_eq(it, self)));
        match me.then(|| self.current.borrow().clone()).flatten() {
            Some(me) => {
                assert!(!Rc::ptr_eq(&me, core), "a task that waits for its own end never ends");
                core.joining.borrow_mut().push(Rc::clone(&me));
                while !core.ended.get() {
                    self.park(&me);
                }
            }
            None => {
                self.run_until_end_of(core.number);
                assert!(core.ended.get(), "the task can never end: all that are left in the hub are parked");
            }
        }
    }

    fn park(&self, me: &Rc<Core>) {
        if me.woken.replace(false) {
            return;
        }
        me.parked.set(true);
        self.leave(me);
    }
}

fn here() -> Option<(Rc<Inner>, Rc<Core>)> {
    let hub = RUNNING.with_borrow(Clone::clone)?;
    let me = hub.current.borrow().clone()?;
    Some((hub, me))
}

/// Makes one more task of the hub that the calling task is in; it stands in line.
///
/// # Panics
/// Outside of a hub; and as [`Hub::spawn`].
///
/// ```
/// use ropewalk::fiber::{Hub, spawn};
/// assert_eq!(Hub::new().spawn(|| spawn(|| 3).join()).join(), 3);
/// ```
pub fn spawn<T: 'static>(function: impl FnOnce() -> T + 'static) -> Task<T> {
    here().expect("only a task of a hub has one to spawn in: use Hub::spawn").0.spawn(function)
}

/// The calling task; `None` outside of a hub.
///
/// ```
/// use ropewalk::fiber::{Hub, current};
/// assert!(current().is_none());
/// assert_eq!(Hub::new().spawn(|| current().unwrap().number()).join(), 1);
/// ```
pub fn current() -> Option<Handle> {
    here().map(|(_, me)| Handle(me))
}

/// Lets all others in line go on first. Outside of a hub, nothing.
///
/// ```
/// use ropewalk::fiber::{Hub, yield_now};
/// let hub = Hub::new();
/// let (first, second) = (hub.spawn(yield_now), hub.spawn(|| ()));
/// second.join();
/// assert!(!first.is_ended());
/// ```
pub fn yield_now() {
    if let Some((hub, me)) = here() {
        hub.stand_in_line(Rc::clone(&me));
        hub.leave(&me);
    }
}

/// Lets others go on until somebody calls [`Handle::unpark`]; returns at once if that was done since the last time.
///
/// # Panics
/// Outside of a hub: there is nobody else.
///
/// ```
/// use ropewalk::fiber::{Hub, current, park};
/// use std::{cell::Cell, rc::Rc};
/// let hub = Hub::new();
/// let bell = Rc::new(Cell::new(None));
/// let rung = Rc::clone(&bell);
/// let sleeper = hub.spawn(move || {
///     rung.set(current());
///     park();
/// });
/// hub.run();
/// bell.take().unwrap().unpark();
/// sleeper.join();
/// ```
pub fn park() {
    let (hub, me) = here().expect("only a task of a hub can park");
    hub.park(&me);
}
