//! Stacks that are used again: the last one put back is the first to be taken, for its pages are warm.

use ropewalk_os::stack::{Guarding, Stack};
use std::io;
use std::time::{Duration, Instant};

/// Bytes of a stack, unless another size is asked for. Deep recursion must find the limit of its language before the end
/// of the stack: an interpreter's thousand calls through C take 5 MiB. Only address space is used before it is touched.
///
/// ```
/// assert_eq!(ropewalk::fiber::Stacks::default().size(), ropewalk::fiber::DEFAULT_SIZE);
/// ```
pub const DEFAULT_SIZE: usize = 8 << 20;

/// The smallest stack that is tried where there is no address space for larger ones.
const LEAST_SIZE: usize = 256 << 10;
/// Stacks that are kept while they are in use now and then.
const MOST: usize = 16 << 10;
/// Stacks that are kept when they have not been in use for a while.
const MOST_AT_REST: usize = 1024;
/// Bytes on each side of the top that those keep.
const KEPT: usize = 16 << 10;
/// After as many stacks put back it is time to look at the clock.
const LOOKS: usize = 256;
/// How long a stack rests before its memory is given back.
const REST: Duration = Duration::from_secs(1);

/// Stacks for the fibers of one thread.
///
/// ```
/// use ropewalk::fiber::{Hub, Stacks};
/// let hub = Hub::with_stacks(Stacks::new(1 << 20));
/// # drop(hub);
/// ```
#[derive(Debug)]
pub struct Stacks {
    free: Vec<Resting>,
    size: usize,
    room: usize,
    guarding: Guarding,
    /// Put back so far.
    count: usize,
    /// Times that resting stacks were looked through, and when last.
    sweeps: usize,
    swept: Instant,
}

#[derive(Debug)]
struct Resting {
    stack: Stack,
    /// Sweeps before it was put back.
    sweep: usize,
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
        let guarding = Guarding::Always;
        Stacks { free: Vec::new(), size, room: 0, guarding, count: 0, sweeps: 0, swept: Instant::now() }
    }

    /// Stacks with `room` bytes above their tops, for whoever takes them: see [`Stack::with_room`].
    ///
    /// ```
    /// use ropewalk::fiber::Stacks;
    /// let mut stacks = Stacks::new(1 << 20).with_room(16 << 10);
    /// assert_eq!(stacks.take()?.room(), 16 << 10);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn with_room(mut self, room: usize) -> Stacks {
        self.room = room;
        self
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

    /// Changes it, for stacks taken from now on. Those that rest and do not fit any more go back to the system.
    ///
    /// ```
    /// use ropewalk::fiber::Stacks;
    /// let mut stacks = Stacks::new(1 << 20);
    /// stacks.set_size(256 << 10);
    /// assert!(stacks.take()?.len() < 1 << 20);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_size(&mut self, size: usize) {
        self.size = size;
        let free = std::mem::take(&mut self.free);
        self.free = free.into_iter().filter(|resting| self.fits(&resting.stack)).collect();
    }

    /// A stack that nobody stands on.
    ///
    /// # Errors
    /// What [`Stack::new`] reports, for the smallest size that is tried.
    ///
    /// ```
    /// use ropewalk::fiber::Stacks;
    /// let mut stacks = Stacks::new(1 << 20);
    /// let stack = stacks.take()?;
    /// let top = stack.top();
    /// stacks.put(stack);
    /// assert_eq!(stacks.take()?.top(), top);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn take(&mut self) -> io::Result<Stack> {
        if let Some(Resting { stack, .. }) = self.free.pop() {
            return Ok(stack);
        }
        loop {
            match Stack::with_room(self.size, self.room, self.guarding) {
                Err(error) if error.kind() == io::ErrorKind::OutOfMemory && self.size > LEAST_SIZE => {
                    self.size = (self.size / 2).max(LEAST_SIZE);
                }
                made => return made,
            }
        }
    }

    /// Takes a stack back that nobody stands on any more, if it is one that [`take`](Stacks::take) may give. Its memory is
    /// kept for whoever takes it next, and given back to the system when it has rested for about a second.
    ///
    /// ```
    /// // See `take`.
    /// let _: fn(&mut ropewalk::fiber::Stacks, ropewalk_os::stack::Stack) = ropewalk::fiber::Stacks::put;
    /// ```
    pub fn put(&mut self, stack: Stack) {
        if !self.fits(&stack) || self.free.len() >= MOST {
            return;
        }
        self.free.push(Resting { stack, sweep: self.sweeps });
        self.count = self.count.wrapping_add(1);
        if self.count.is_multiple_of(LOOKS) {
            self.sweep_if(self.swept.elapsed() > REST);
        }
    }

    fn fits(&self, stack: &Stack) -> bool {
        self.size <= stack.len() && stack.len() / 2 < self.size && stack.room() >= self.room
    }

    fn sweep_if(&mut self, is_time: bool) {
        if !is_time {
            return;
        }
        // Last in, first out: those that have rested since before the last sweep are the first ones.
        let rested = self.free.iter().take_while(|resting| resting.sweep < self.sweeps).count();
        self.free.drain(MOST_AT_REST.min(rested)..rested);
        for resting in self.free.iter_mut().take(rested.min(MOST_AT_REST)) {
            resting.stack.give_back(KEPT);
        }
        self.sweeps += 1;
        self.swept = Instant::now();
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
    fn when_the_size_changes_those_that_rest_are_not_given_any_more() {
        let mut stacks = Stacks::new(1 << 20);
        let stack = stacks.take().expect("a stack");
        stacks.put(stack);
        stacks.set_size(1 << 16);
        assert!(stacks.free.is_empty());
        assert!(stacks.take().expect("a stack").len() < 1 << 20);
    }

    #[test]
    fn those_that_rest_longest_are_no_more_than_a_thousand() {
        let mut stacks = Stacks::new(1 << 16);
        let taken: Vec<Stack> = (0..MOST_AT_REST + 10).map(|_| stacks.take().expect("a stack")).collect();
        for stack in taken {
            stacks.put(stack);
        }
        stacks.sweep_if(true);
        assert_eq!(stacks.free.len(), MOST_AT_REST + 10, "they may be in use again soon");
        let busy = stacks.take().expect("a stack");
        stacks.put(busy);
        stacks.sweep_if(true);
        assert_eq!(stacks.free.len(), MOST_AT_REST + 1, "all but the one that was in use");
    }

    #[test]
    fn a_size_that_cannot_be_had_is_halved_until_it_can() {
        let mut stacks = Stacks::new(1 << 60);
        let stack = stacks.take().expect("a smaller one");
        assert!(stack.len() < 1 << 60);
        assert!(stacks.size() <= stack.len());
    }
}
