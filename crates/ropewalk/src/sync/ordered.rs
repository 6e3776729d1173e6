//! Many locks at once, in the order of their addresses.

use super::{Lock, ReentrantLock};
use crate::lock_order::{Admission, Asked, Place, Violation, admit};
use crate::park::Halted;
use ropewalk_os::{Block, Deadline, thread};
use std::panic::Location;

/// One of many locks.
///
/// ```
/// use ropewalk::{Deadline, Plain, sync::{Lock, Member, ReentrantLock, take_in_order}};
/// let (plain, reentrant) = (Lock::new(), ReentrantLock::new());
/// let both = [Member::from(&plain), Member::from(&reentrant)];
/// let held = take_in_order(&both, &mut Plain, Deadline::NEVER).unwrap();
/// assert!(plain.is_locked() && reentrant.is_owned());
/// drop(held);
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Member<'a> {
    /// A plain lock.
    Plain(&'a Lock),
    /// A lock that its holder may take again.
    Reentrant(&'a ReentrantLock),
}

impl Member<'_> {
    fn asked(&self) -> Asked {
        let me = Some(thread::current());
        match self {
            Member::Plain(lock) => {
                Asked { rank: std::ptr::from_ref(*lock).addr(), held: lock.owner() == me, reentrant: false }
            }
            Member::Reentrant(lock) => {
                Asked { rank: std::ptr::from_ref(*lock).addr(), held: lock.is_owned(), reentrant: true }
            }
        }
    }

    fn acquire<B: Block>(&self, block: &mut B, deadline: Deadline) -> Result<bool, Halted<B::Interrupt>> {
        match self {
            Member::Plain(lock) => lock.acquire(block, deadline),
            Member::Reentrant(lock) => lock.acquire(block, deadline),
        }
    }

    fn release(&self) {
        match self {
            Member::Plain(lock) => {
                lock.release();
            }
            Member::Reentrant(lock) => {
                // Only the thread that took it can release it; another one's guard leaves it to its owner.
                let _ = lock.release();
            }
        }
    }
}

impl<'a> From<&'a Lock> for Member<'a> {
    fn from(lock: &'a Lock) -> Member<'a> {
        Member::Plain(lock)
    }
}

impl<'a> From<&'a ReentrantLock> for Member<'a> {
    fn from(lock: &'a ReentrantLock) -> Member<'a> {
        Member::Reentrant(lock)
    }
}

/// Why not all locks were taken. None is held.
///
/// ```
/// use ropewalk::{Deadline, Plain, sync::{Lock, Refused, take_in_order}};
/// let lock = Lock::new();
/// let held = take_in_order(&[(&lock).into()], &mut Plain, Deadline::NEVER).unwrap();
/// let again = take_in_order(&[(&lock).into()], &mut Plain, Deadline::NEVER);
/// assert!(matches!(again, Err(Refused::Violation(_)))); // it would wait for itself
/// drop(held);
/// ```
#[derive(Debug)]
pub enum Refused<I> {
    /// It would break the order.
    Violation(Violation),
    /// The deadline came first.
    TimedOut,
    /// The wait for one of them was halted.
    Halted(Halted<I>),
}

/// Locks that were taken in order; they are released, the last first, when this is dropped.
///
/// ```
/// use ropewalk::{Deadline, Plain, sync::{Lock, take_in_order}};
/// let locks = [Lock::new(), Lock::new()];
/// let held = take_in_order(&locks.each_ref().map(Into::into), &mut Plain, Deadline::NEVER).unwrap();
/// assert!(locks.iter().all(Lock::is_locked));
/// drop(held);
/// assert!(!locks.iter().any(Lock::is_locked));
/// ```
#[derive(Debug)]
#[must_use = "the locks are released when this is dropped"]
pub struct InOrder<'a> {
    taken: Vec<Member<'a>>,
    _admission: Admission,
}

impl Drop for InOrder<'_> {
    fn drop(&mut self) {
        while let Some(lock) = self.taken.pop() {
            lock.release();
        }
    }
}

/// Takes all of `locks`, each once, in the order of their addresses.
///
/// # Errors
/// [`Refused`]; no lock is held then that was not held before.
///
/// ```
/// use ropewalk::{Deadline, Plain, sync::{Lock, take_in_order}};
/// let (a, b) = (Lock::new(), Lock::new());
/// std::thread::scope(|scope| {
///     for locks in [[&a, &b], [&b, &a]] {
///         scope.spawn(move || {
///             for _ in 0..100 {
///                 let held = take_in_order(&locks.map(Into::into), &mut Plain, Deadline::NEVER).unwrap();
///                 assert!(locks.iter().all(|lock| lock.is_locked()));
///                 drop(held);
///             }
///         });
///     }
/// });
/// ```
#[track_caller]
pub fn take_in_order<'a, B: Block>(
    locks: &[Member<'a>],
    block: &mut B,
    deadline: Deadline,
) -> Result<InOrder<'a>, Refused<B::Interrupt>> {
    let place = Place::here(Location::caller());
    let mut asked: Vec<Asked> = locks.iter().map(Member::asked).collect();
    let admission = admit(&mut asked, place).map_err(Refused::Violation)?;
    let mut held = InOrder { taken: Vec::with_capacity(asked.len()), _admission: admission };
    for Asked { rank, .. } in asked {
        let Some(lock) = locks.iter().find(|lock| lock.asked().rank == rank) else { continue };
        match lock.acquire(block, deadline) {
            Ok(true) => held.taken.push(*lock),
            Ok(false) => return Err(Refused::TimedOut),
            Err(halted) => return Err(Refused::Halted(halted)),
        }
    }
    Ok(held)
}
