//! Records of a queue that come with buffers beside their body.

use super::{Loan, PopError, Prepared, PushError, Queue};
use crate::wait_graph::{Kind, Noted};
use ropewalk_os::{Block, Deadline};

impl Queue {
    /// Puts a record in that has buffers beside its body. Who takes it out by [`Queue::pop_parts`] gets each buffer as a
    /// [`Loan`]; who takes it out otherwise gets all of it in one piece. As [`Queue::push`] else.
    ///
    /// # Errors
    /// [`PushError`]; the record is then not inside.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, process::Queue};
    /// let queue = Queue::unbounded()?;
    /// queue.push_parts(b"an image", &[&[7; 100_000]], &mut Plain, Deadline::NEVER).unwrap();
    /// let (mut body, mut loans) = (Vec::new(), Vec::new());
    /// queue.pop_parts(&mut body, &mut loans, &mut Plain, Deadline::NEVER).unwrap();
    /// assert_eq!((body.as_slice(), loans[0].len()), (b"an image".as_slice(), 100_000));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn push_parts<B: Block>(
        &self,
        body: &[u8],
        buffers: &[&[u8]],
        block: &mut B,
        deadline: Deadline,
    ) -> Result<u64, PushError<B::Interrupt>> {
        let note = self.note(Kind::QueuePut, deadline);
        self.ring.push_parts(body, buffers, &mut Noted { block, note }, deadline)
    }

    /// The first half of [`Queue::push_parts`]: its large parts are copied, waiting for memory until `deadline`. Nothing is
    /// inside before [`Prepared::try_push`].
    ///
    /// # Errors
    /// [`PushError`].
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, process::Queue};
    /// let queue = Queue::unbounded()?;
    /// let image = vec![7; 100_000];
    /// let buffers = [image.as_slice()];
    /// let prepared = queue.prepare_parts(b"an image", &buffers, &mut Plain, Deadline::NEVER).unwrap();
    /// assert_eq!(queue.len().unwrap(), 0);
    /// prepared.try_push().unwrap();
    /// assert_eq!(queue.len().unwrap(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn prepare_parts<'a, B: Block>(
        &'a self,
        body: &'a [u8],
        buffers: &'a [&'a [u8]],
        block: &mut B,
        deadline: Deadline,
    ) -> Result<Prepared<'a>, PushError<B::Interrupt>> {
        let note = self.note(Kind::QueuePut, deadline);
        self.ring.prepare_parts(body, buffers, &mut Noted { block, note }, deadline)
    }

    /// As [`Queue::pop_into`], but the buffers that came with the record become `loans`, and `body` is its body alone.
    ///
    /// # Errors
    /// [`PopError`]; `body` and `loans` then hold anything.
    ///
    /// ```
    /// use ropewalk::{Deadline, Plain, process::Queue};
    /// let queue = Queue::unbounded()?;
    /// queue.push_parts(b"body", &[b"buffer"], &mut Plain, Deadline::NEVER).unwrap();
    /// let (mut body, mut loans) = (Vec::new(), Vec::new());
    /// queue.pop_parts(&mut body, &mut loans, &mut Plain, Deadline::NEVER).unwrap();
    /// assert_eq!(body, b"body");
    /// loans[0][0] = b'B'; // it is ours
    /// assert_eq!(&*loans[0], b"Buffer");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn pop_parts<B: Block>(
        &self,
        body: &mut Vec<u8>,
        loans: &mut Vec<Loan>,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<u64, PopError<B::Interrupt>> {
        let note = self.note(Kind::QueueGet, deadline);
        self.ring.pop_parts(body, loans, &mut Noted { block, note }, deadline)
    }
}
