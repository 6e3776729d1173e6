//! What is noted of a wait for a queue.

use super::Queue;
use crate::wait_graph::{Kind, Note};
use ropewalk_os::Deadline;
use std::os::fd::AsFd;

impl Queue {
    /// It brings tasks to workers, or their answers back.
    pub(super) fn of_crew(self) -> Queue {
        Queue { of_crew: true, ..self }
    }

    #[inline]
    pub(super) fn note(&self, kind: Kind, deadline: Deadline) -> Note<'_> {
        Note::new(if self.of_crew { Kind::Work } else { kind }, self.ring.as_fd(), 0, deadline)
    }
}
