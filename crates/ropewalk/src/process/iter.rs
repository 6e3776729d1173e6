//! Records one after the other, until the queue is shut down.

use super::{PopError, Queue};
use ropewalk_os::{Deadline, Plain};

/// Takes records out, waiting for each; ends when the queue is shut down and empty, or can not be used.
///
/// ```
/// use ropewalk::process::Queue;
/// let queue = Queue::unbounded()?;
/// queue.try_push(b"a").unwrap();
/// queue.try_push(b"b").unwrap();
/// queue.shutdown().unwrap();
/// let records: Vec<_> = queue.iter().collect::<Result<_, _>>().unwrap();
/// assert_eq!(records, [b"a", b"b"]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Iter<'a>(pub(super) &'a Queue);

impl Iterator for Iter<'_> {
    type Item = Result<Vec<u8>, PopError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.0.pop(&mut Plain, Deadline::NEVER) {
            Err(PopError::ShutDown) => None,
            other => Some(other),
        }
    }
}

impl<'a> IntoIterator for &'a Queue {
    type Item = Result<Vec<u8>, PopError>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}
