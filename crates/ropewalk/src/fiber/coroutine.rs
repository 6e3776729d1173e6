//! One function that pauses and is resumed.
//!
//! # Contract of the unsafe code
//!
//! 1. The stack is put back, and dropped, only when the function has ended or never begun.
//! 2. The body returns the place of whoever resumed it, in what the fiber shares with it and keeps while it runs.
#![allow(unsafe_code)]

use super::place::Place;
use super::stacks::Stacks;
use super::{Cancelled, unwind};
use ropewalk_os::stack::{Guarding, Stack};
use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

thread_local!(static STACKS: RefCell<Stacks> = RefCell::default());

/// What a [`Fiber`] came to when it was resumed.
///
/// ```
/// use ropewalk::fiber::{Fiber, Step};
/// let mut fiber = Fiber::new(|pause, ()| {
///     pause.with("half-way");
///     "there"
/// });
/// assert_eq!(fiber.resume(()), Step::Paused("half-way"));
/// assert_eq!(fiber.resume(()), Step::Ended("there"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<Out, End> {
    /// It has paused, and can be resumed.
    Paused(Out),
    /// It has returned.
    Ended(End),
}

/// A function on a stack of its own. It begins when it is first resumed.
///
/// ```
/// use ropewalk::fiber::{Fiber, Step};
/// let mut sum = Fiber::new(|pause, first: i32| {
///     let mut sum = first;
///     while sum < 10 {
///         sum += pause.with(sum);
///     }
///     format!("{sum} is enough")
/// });
/// assert_eq!(sum.resume(3), Step::Paused(3));
/// assert_eq!(sum.resume(4), Step::Paused(7));
/// assert_eq!(sum.resume(5), Step::Ended("12 is enough".to_owned()));
/// ```
///
/// It stays in its thread:
///
/// ```compile_fail,E0277
/// let fiber = ropewalk::fiber::Fiber::new(|pause, ()| pause.with(1));
/// std::thread::spawn(move || drop(fiber));
/// ```
pub struct Fiber<'a, In, Out, End> {
    shared: Rc<Shared<In, Out, End>>,
    stack: Option<Stack>,
    body: PhantomData<Box<dyn FnOnce(In) -> End + 'a>>,
}

struct Shared<In, Out, End> {
    pause: Pause<In, Out>,
    end: Cell<Option<std::thread::Result<End>>>,
}

/// How the function of a [`Fiber`] pauses.
///
/// ```
/// use ropewalk::fiber::{Fiber, Pause, Step};
/// fn count(pause: &Pause<(), u32>) {
///     (1..=3).for_each(|n| pause.with(n));
/// }
/// assert_eq!(Fiber::new(|pause, ()| count(pause)).resume(()), Step::Paused(1));
/// ```
pub struct Pause<In, Out> {
    outside: Place,
    inside: OnceCell<Place>,
    input: Cell<Option<In>>,
    output: Cell<Option<Out>>,
    cancelled: Cell<bool>,
}

impl<In, Out> Pause<In, Out> {
    /// Gives `out` to whoever resumed the fiber; returns what it is resumed with. If the fiber is dropped instead, this
    /// unwinds.
    ///
    /// # Panics
    /// If it is called by anybody but the fiber.
    ///
    /// ```
    /// use ropewalk::fiber::{Fiber, Step};
    /// let mut echo = Fiber::new(|pause, word: &str| pause.with(word.len()));
    /// assert_eq!(echo.resume("rope"), Step::Paused(4));
    /// assert_eq!(echo.resume("walk"), Step::Ended("walk"));
    /// ```
    pub fn with(&self, out: Out) -> In {
        if self.cancelled.get() {
            unwind();
        }
        let inside = self.inside.get().filter(|inside| !inside.is_stopped());
        let inside = inside.expect("a fiber is paused by its own function");
        self.output.set(Some(out));
        inside.switch_to(&self.outside);
        self.input.take().unwrap_or_else(|| unwind())
    }

    /// Lets the fiber go on until it pauses or ends.
    fn go_on(&self) {
        let inside = self.inside.get().filter(|inside| inside.is_stopped());
        self.outside.switch_to(inside.expect("a fiber is resumed while it is paused"));
    }
}

impl<In, Out> fmt::Debug for Pause<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pause").field("inside", &self.inside).finish_non_exhaustive()
    }
}

impl<'a, In, Out, End> Fiber<'a, In, Out, End> {
    /// A fiber of the function, on one of this thread's stacks of the usual size.
    ///
    /// # Panics
    /// If there is no memory for a stack: [`Fiber::sized`] is told.
    ///
    /// ```
    /// use ropewalk::fiber::{Fiber, Step};
    /// let mut fiber = Fiber::new(|_: &ropewalk::fiber::Pause<(), ()>, ()| 42);
    /// assert_eq!(fiber.resume(()), Step::Ended(42));
    /// ```
    pub fn new<F>(function: F) -> Self
    where
        F: FnOnce(&Pause<In, Out>, In) -> End + 'a,
    {
        let stack = STACKS.with_borrow_mut(Stacks::take);
        Fiber::begin(stack.expect("memory for a stack"), function)
    }

    /// The same on a stack of another size.
    ///
    /// # Errors
    /// If there is no memory, or no guard to be had, for a stack.
    ///
    /// ```
    /// use ropewalk::fiber::{Fiber, Step};
    /// let mut fiber = Fiber::sized(64 << 10, |pause, ()| pause.with(1))?;
    /// assert_eq!(fiber.resume(()), Step::Paused(1));
    /// assert!(Fiber::sized(usize::MAX, |pause, ()| pause.with(1)).is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn sized<F>(bytes: usize, function: F) -> io::Result<Self>
    where
        F: FnOnce(&Pause<In, Out>, In) -> End + 'a,
    {
        Ok(Fiber::begin(Stack::new(bytes, Guarding::Always)?, function))
    }

    fn begin<F>(stack: Stack, function: F) -> Self
    where
        F: FnOnce(&Pause<In, Out>, In) -> End + 'a,
    {
        let shared = Rc::new(Shared {
            pause: Pause {
                outside: Place::empty(),
                inside: OnceCell::new(),
                input: Cell::new(None),
                output: Cell::new(None),
                cancelled: Cell::new(false),
            },
            end: Cell::new(None),
        });
        let inner = Rc::clone(&shared);
        let body = move || {
            let pause = &inner.pause;
            let end = catch_unwind(AssertUnwindSafe(|| match pause.input.take() {
                Some(first) => function(pause, first),
                None => unwind(),
            }));
            inner.end.set(Some(end));
            &raw const inner.pause.outside
        };
        // SAFETY: rules 1 and 2.
        let place = unsafe { Place::fresh(&stack, body) };
        let _ = shared.pause.inside.set(place);
        Fiber { shared, stack: Some(stack), body: PhantomData }
    }

    /// Lets the function go on until it pauses or returns. `input` is its argument at first, and then what
    /// [`Pause::with`] returns.
    ///
    /// # Panics
    /// What the function panics with; and if it has ended before.
    ///
    /// ```
    /// use ropewalk::fiber::{Fiber, Step};
    /// let mut fiber = Fiber::new(|pause, n: u32| pause.with(n + 1) + 2);
    /// assert_eq!(fiber.resume(1), Step::Paused(2));
    /// assert_eq!(fiber.resume(3), Step::Ended(5));
    /// assert!(fiber.is_ended());
    /// ```
    pub fn resume(&mut self, input: In) -> Step<Out, End> {
        assert!(!self.is_ended(), "the fiber has ended");
        let Shared { pause, end } = &*self.shared;
        pause.input.set(Some(input));
        pause.go_on();
        if let Some(out) = pause.output.take() {
            return Step::Paused(out);
        }
        let end = end.take();
        self.let_stack_go();
        match end.expect("a fiber pauses or ends") {
            Ok(end) => Step::Ended(end),
            Err(panic) => resume_unwind(panic),
        }
    }

    /// Whether the function has returned or panicked.
    ///
    /// ```
    /// use ropewalk::fiber::Fiber;
    /// let fiber = Fiber::new(|pause, ()| pause.with(1));
    /// assert!(!fiber.is_ended());
    /// ```
    pub fn is_ended(&self) -> bool {
        self.stack.is_none()
    }

    fn let_stack_go(&mut self) {
        if let Some(stack) = self.stack.take() {
            // The thread may be at its end, and have no stacks any more.
            let _ = STACKS.try_with(|stacks| stacks.borrow_mut().put(stack));
        }
    }
}

impl<In, Out, End> Drop for Fiber<'_, In, Out, End> {
    /// Unwinds a function that has paused, so that its destructors run; one that has not begun is dropped.
    fn drop(&mut self) {
        if self.is_ended() {
            return;
        }
        self.shared.pause.cancelled.set(true);
        self.shared.pause.go_on();
        self.shared.pause.output.take();
        // A panic of a destructor in there is told by nobody else.
        let end = self.shared.end.take();
        self.let_stack_go();
        if let Some(Err(panic)) = end
            && !panic.is::<Cancelled>()
            && !std::thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}

impl<In, Out, End> fmt::Debug for Fiber<'_, In, Out, End> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_ended() { "ended" } else { "not ended" };
        f.debug_tuple("Fiber").field(&state).finish()
    }
}
