//! What a line of tasks answers to who brings one and to who wants one.

/// Why a task was not taken in. It comes back.
///
/// ```
/// use ropewalk::thread_pool::{Injector, NotTaken};
/// let line = Injector::new(1, 1);
/// assert!(matches!(line.offer("task"), Err(NotTaken::ShortHanded("task"))));
/// line.hire();
/// assert!(line.offer("task").is_ok());
/// assert!(matches!(line.offer("another"), Err(NotTaken::Full("another"))));
/// line.close();
/// assert!(matches!(line.offer("another"), Err(NotTaken::Closed("another"))));
/// ```
#[derive(Debug)]
pub enum NotTaken<T> {
    /// No more tasks are taken in.
    Closed(T),
    /// As many tasks are in line as there may be.
    Full(T),
    /// Look first whether there are workers for it, because all are busy and there may be more, or because they
    /// have been summoned; then push with [`Injector::push`](super::Injector::push).
    ShortHanded(T),
}

/// What a worker gets.
///
/// ```
/// use ropewalk::thread_pool::{Injector, Next};
/// use ropewalk::{Plain, future::Wakes};
/// let line: Injector<&str> = Injector::new(1, usize::MAX);
/// line.summon();
/// assert!(matches!(line.next(Wakes::default(), &mut Plain), Ok(Next::Summoned)));
/// ```
#[derive(Debug)]
pub enum Next<T> {
    /// Something to do.
    Task(T),
    /// Nothing is in line, and somebody wants the workers to look whether they should stop.
    Summoned,
}
