//! Leave to take many locks at once, in the one order that nobody can get wrong.
//!
//! A thread that holds locks taken in this way may take more of them only further up. So no two threads can ever
//! wait for each other over such locks, and a mistake is an error at its first run instead of a hang one day.
//! The taking itself is [`sync::take_in_order`](crate::sync::take_in_order).

use super::place::Place;
use crate::per_process::PerProcess;
use crate::primitive::Mutex;
use ropewalk_os::thread::{self, ThreadId};
use std::collections::HashMap;
use std::fmt;

static STANDING: PerProcess<Mutex<Standing>> = PerProcess::new(Mutex::default);

/// What each thread has taken in order. Not thread-local: what one thread took another may give back.
#[derive(Default)]
struct Standing {
    threads: HashMap<ThreadId, Vec<Step>>,
    next: u64,
}

struct Step {
    admission: u64,
    rank: usize,
    place: Place,
}

/// One lock that is asked for.
///
/// ```
/// use ropewalk::lock_order::{Asked, Place, admit};
/// let again = |reentrant| vec![Asked { rank: 7, held: true, reentrant }];
/// assert!(admit(&mut again(true), Place::from("here")).is_ok());
/// assert!(admit(&mut again(false), Place::from("here")).is_err()); // it would wait for itself
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its place in the one order of all locks: an address, or whatever is unique and does not change.
    pub rank: usize,
    /// Whether the calling thread holds it already.
    pub held: bool,
    /// Whether its holder may take it again.
    pub reentrant: bool,
}

/// Taking these locks now could hang.
///
/// ```
/// use ropewalk::lock_order::{Asked, Place, admit};
/// let ask = |rank| vec![Asked { rank, held: false, reentrant: false }];
/// let high = admit(&mut ask(2), Place::from("bank.py:30")).unwrap();
/// let violation = admit(&mut ask(1), Place::from("bank.py:31")).unwrap_err();
/// assert_eq!((violation.asked, violation.held), (1, 2));
/// assert!(violation.to_string().ends_with("which this thread holds since bank.py:30"));
/// drop(high);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The lock that is asked for.
    pub asked: usize,
    /// Where it is asked for.
    pub asked_at: Place,
    /// The lock that the thread holds already and that comes after it, or is the same.
    pub held: usize,
    /// Where that was taken; `None` if it was not taken in order.
    pub held_at: Option<Place>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { asked, asked_at, held, held_at } = self;
        if asked == held {
            write!(f, "lock {asked:#x}, asked for at {asked_at}, is already held by this thread")?;
        } else {
            write!(
                f,
                "lock order violation: lock {asked:#x}, asked for at {asked_at}, comes before {held:#x}, \
                 which this thread holds"
            )?;
        }
        match held_at {
            Some(place) => write!(f, " since {place}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Violation {}

/// The leave to take some locks; good until it is dropped, which any thread may do after they are released.
///
/// ```
/// use ropewalk::lock_order::{Asked, Place, admit};
/// let ask = |rank| vec![Asked { rank, held: false, reentrant: false }];
/// let high = admit(&mut ask(2), Place::from("here")).unwrap();
/// assert!(admit(&mut ask(1), Place::from("there")).is_err());
/// drop(high);
/// assert!(admit(&mut ask(1), Place::from("there")).is_ok());
/// ```
#[derive(Debug)]
#[must_use = "the locks count as held until this is dropped"]
pub struct Admission {
    thread: ThreadId,
    number: u64,
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut standing = STANDING.get().lock();
        if let Some(steps) = standing.threads.get_mut(&self.thread) {
            steps.retain(|step| step.admission != self.number);
            if steps.is_empty() {
                standing.threads.remove(&self.thread);
            }
        }
    }
}

/// Leave for the calling thread to take all of `asked`, lowest rank first. Sorts them, each once.
///
/// # Errors
/// [`Violation`] if one comes before a lock that the thread holds, or is held and cannot be taken again.
///
/// ```
/// use ropewalk::lock_order::{Asked, Place, admit};
/// let ask = |rank| Asked { rank, held: false, reentrant: false };
/// let mut low = vec![ask(2), ask(1)];
/// let first = admit(&mut low, Place::from("here")).unwrap();
/// assert_eq!(low, [ask(1), ask(2)]);
/// let second = admit(&mut vec![ask(3)], Place::from("there")).unwrap();
/// drop(first);
/// let violation = admit(&mut vec![ask(2)], Place::from("nowhere")).unwrap_err();
/// assert_eq!(violation.held_at, Some(Place::from("there")));
/// drop(second);
/// ```
pub fn admit(asked: &mut Vec<Asked>, place: Place) -> Result<Admission, Violation> {
    asked.sort_by_key(|one| one.rank);
    asked.dedup_by_key(|one| one.rank);
    let me = thread::current();
    let mut standing = STANDING.get().lock();
    standing.next += 1;
    let number = standing.next;
    let steps = standing.threads.entry(me).or_default();
    let is_held = |one: &Asked| one.held || steps.iter().any(|step| step.rank == one.rank);
    let stepped = steps.iter().map(|step| step.rank);
    let highest = stepped.chain(asked.iter().filter(|one| one.held).map(|one| one.rank)).max();
    for one in asked.iter() {
        let held = match (is_held(one), highest) {
            (true, _) if one.reentrant => continue,
            (true, _) => one.rank,
            (false, Some(highest)) if highest > one.rank => highest,
            (false, _) => continue,
        };
        let held_at = steps.iter().rev().find(|step| step.rank == held).map(|step| step.place.clone());
        if steps.is_empty() {
            standing.threads.remove(&me);
        }
        return Err(Violation { asked: one.rank, asked_at: place, held, held_at });
    }
    steps.extend(asked.iter().map(|one| Step { admission: number, rank: one.rank, place: place.clone() }));
    Ok(Admission { thread: me, number })
}
