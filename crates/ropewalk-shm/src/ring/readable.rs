//! A descriptor that is readable while records wait: for select(2), and for event loops.
//!
//! A ring has it from birth or not at all, since it can not be given to processes that have the ring already. It is
//! *armed* by the first who asks for it; until then no process pays for it. From then on the bell rings whenever a record is inside
//! or the ring is closed, as every process sees to under the lock: it is rung before the commit that fills an empty
//! ring, and silenced after the commit that empties it. So a process that is killed in between leaves it ringing
//! for nothing, and never silent over a record; whoever takes the lock next sets it right.
//!
//! Who is told that it is readable may find that another was faster, or that it rang for nothing: try, do not wait.

use super::Ring;
use super::layout::Store;
use super::state::State;
use ropewalk_os::bell::Bell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering::Relaxed;

impl Store {
    #[inline]
    fn armed_bell(&self) -> Option<&Bell> {
        self.bell.as_ref().filter(|_| self.header().armed.load(Relaxed) != 0)
    }

    /// Before the commit that puts something into an empty ring, or closes it.
    #[inline]
    pub fn ring_bell(&self) {
        if let Some(bell) = self.armed_bell() {
            bell.ring();
        }
    }

    /// After a commit, if nothing is inside now.
    #[inline]
    pub fn silence_bell(&self, state: &State) {
        if state.is_empty()
            && !state.closed
            && let Some(bell) = self.armed_bell()
        {
            bell.silence();
        }
    }

    /// Rings if and only if it should.
    pub fn set_bell_right(&self, state: &State) {
        if state.is_empty() && !state.closed {
            self.silence_bell(state);
        } else {
            self.ring_bell();
        }
    }
}

impl Ring {
    /// The descriptor that is readable while a record is inside, and when the ring is closed. To be waited for, not to be
    /// read; then try to take a record, which may be gone.
    ///
    /// # Errors
    /// `Unsupported` if the ring was made without ([`Options::readable`](super::Options)); `InvalidInput` if the descriptor that
    /// came with it is another's; a [`Fault`](super::Fault) as `Other`.
    ///
    /// ```
    /// use ropewalk_shm::ring::{Options, Ring};
    /// use std::os::fd::AsFd;
    /// let ring = Ring::create(&Options { readable: true, ..Options::default() })?;
    /// let [memory, bell] = [ring.as_fd(), ring.bell().unwrap()].map(|fd| fd.try_clone_to_owned().unwrap());
    /// let other = Ring::from_fds(memory, bell).unwrap(); // as another process would
    /// let readable = ring.readable_fd()?; // for select(), or an event loop
    /// other.try_push(b"now it is").unwrap();
    /// # let _ = readable;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn readable_fd(&self) -> io::Result<BorrowedFd<'_>> {
        let Some(bell) = &self.store.bell else {
            let why = "the queue was made without a descriptor for select()";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        };
        let header = self.store.header();
        let number = bell.number();
        let _held = self.lock().map_err(io::Error::other)?;
        let state = self.store.state().map_err(io::Error::other)?;
        let known = header.bell.load(Relaxed);
        if known != 0 && number != 0 && known != number {
            let why = "the descriptor for select() that came with the queue is another's";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        header.bell.store(number, Relaxed);
        if header.armed.swap(1, Relaxed) == 0 {
            self.store.set_bell_right(&state);
        }
        Ok(bell.as_fd())
    }

    /// The same descriptor, to be passed on with that of the ring's memory; none if the ring has none. As long as nobody
    /// has called [`Ring::readable_fd`], it says nothing.
    pub fn bell(&self) -> Option<BorrowedFd<'_>> {
        self.store.bell.as_ref().map(Bell::as_fd)
    }
}
