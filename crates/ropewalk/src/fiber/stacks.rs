//! Stacks that are used again: the last one put back is the first to be taken, for its pages are warm.

use ropewalk_os::stack::{Guarding, Stack};
use std::io;

/// Bytes of a stack, unless another size is asked for. Deep recursion must find the limit of its language before the end
/// of the stack: an interpreter's thousand calls through C take 5 MiB. Only address space is used before it is touched.
///
/// ```
/// assert_eq!(ropewalk::fiber::Stacks::default().size(), ropewalk::fiber::DEFAULT_SIZE);
/// ```
pub const DEFAULT_SIZE: usize = 8 << 20;

/// The smallest stack that is tried where there is no address space for larger ones.
const LEAST_SIZE: usize = 256 << 10;
/// Stacks that are kept with all the memory that they took.
const WARM: usize = 64;
/// Stacks that are kept at all.
const MOST: usize = 1024;
/// Bytes at the top that a stack keeps when it is not among the warm ones.
const KEPT: usize = 16 << 10;

/// Stacks for the fibers of one thread.
///
/// ```
/// use ropewalk::fiber::{Hub, Stacks};
/// let hub = Hub::with_stacks(Stacks::new(1 << 20));
/// # drop(hub);
/// ```
#[derive(Debug)]
pub struct Stacks {
    free: Vec<Stack>,
    size: usize,
    guarding: Guarding,
}

impl Default for Stacks {
    /// Of the [`DEFAULT_SIZE`].
    fn default() -> Self {
        Stacks::new(DEFAULT_SIZE)
    }
}

impl Stacks {
    /// Stacks of `size` bytes.
    ///
    /// ```
    /// use ropewalk::fiber::{DEFAULT_SIZE, Stacks};
    /// assert!(Stacks::new(DEFAULT_SIZE / 2).size() < DEFAULT_SIZE);
    /// ```
    pub fn new(size: usize) -> Stacks {
        Stacks { free: Vec::new(), size, guarding: Guarding::Always }
    }

    /// Stacks go without a guard where no further one can be had: before Linux 6.13, beyond 16,000 of them. Who runs over the
    /// end of such a stack writes over something else.
    ///
    /// ```
    /// use ropewalk::fiber::{Hub, Stacks};
    /// let hub = Hub::with_stacks(Stacks::default().without_guards_beyond_the_limit());
    /// # drop(hub);
    /// ```
    #[must_use]
    pub fn without_guards_beyond_the_limit(mut self) -> Stacks {
        self.guarding = Guarding::WherePossible;
        self
    }

    /// Bytes of a stack. It becomes less where the process has no address space for as much.
    ///
    /// ```
    /// assert_eq!(ropewalk::fiber::Stacks::new(1 << 20).size(), 1 << 20);
    /// ```
    pub fn size(&self) -> usize {
        self.size
    }

    /// A stack that nobody stands on.
    ///
    /// # Errors
    /// What [`Stack::new`] reports, for the smallest size that is tried.
    pub(super) fn take(&mut self) -> io::Result<Stack> {
        if let Some(stack) = self.free.pop() {
            return Ok(stack);
        }
        loop {
            match Stack::new(self.size, self.guarding) {
                Err(error) if error.kind() == io::ErrorKind::OutOfMemory && self.size > LEAST_SIZE => {
                    self.size = (self.size / 2).max(LEAST_SIZE);
                }
                made => return made,
            }
        }
    }

    /// Takes a stack back, if it is one that [`take`](Stacks::take) may give.
    pub(super) fn put(&mut self, mut stack: Stack) {
        let fits = self.size <= stack.len() && stack.len() / 2 < self.size;
        if !fits || self.free.len() >= MOST {
            return;
        }
        if self.free.len() >= WARM {
            stack.give_back(KEPT);
        }
        self.free.push(stack);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_stack_put_back_is_taken_first() {
        let mut stacks = Stacks::new(1 << 16);
        let (first, second) = (stacks.take().expect("a stack"), stacks.take().expect("a stack"));
        let (top, other) = (first.top(), second.top());
        stacks.put(second);
        stacks.put(first);
        assert_eq!(stacks.take().expect("a stack").top(), top);
        assert_eq!(stacks.take().expect("a stack").top(), other);
    }

    #[test]
    fn a_stack_of_another_size_is_not_given_to_the_next() {
        let (mut small, mut large) = (Stacks::new(1 << 16), Stacks::new(1 << 20));
        large.put(small.take().expect("a stack"));
        assert!(large.take().expect("a stack").len() >= 1 << 20);
        small.put(large.take().expect("a stack"));
        assert!(small.take().expect("a stack").len() < 1 << 20);
    }

    #[test]
    fn no_more_than_a_thousand_are_kept() {
        let mut stacks = Stacks::new(1 << 16);
        let taken: Vec<Stack> = (0..MOST + 10).map(|_| stacks.take().expect("a stack")).collect();
        for stack in taken {
            stacks.put(stack);
        }
        assert_eq!(stacks.free.len(), MOST);
    }

    #[test]
    fn a_size_that_cannot_be_had_is_halved_until_it_can() {
        let mut stacks = Stacks::new(1 << 60);
        let stack = stacks.take().expect("a smaller one");
        assert!(stack.len() < 1 << 60);
        assert!(stacks.size() <= stack.len());
    }
}
