//! Wakes that are sent once the interpreter was left.

use crate::future::Wakes;
use ropewalk_os::Block;

/// A worker that leaves its interpreter to sleep, and sends the wakes it owes when it is out.
pub(super) struct Owing<'a, B> {
    pub(super) block: &'a mut B,
    pub(super) owed: Option<Wakes>,
}

impl<B: Block> Block for Owing<'_, B> {
    type Interrupt = B::Interrupt;

    fn detached<R: Send>(&mut self, sleep: impl FnOnce() -> R + Send) -> R {
        let owed = self.owed.take();
        self.block.detached(move || {
            if let Some(owed) = owed {
                owed.wake();
            }
            sleep()
        })
    }

    fn interrupted(&mut self) -> Result<(), B::Interrupt> {
        self.block.interrupted()
    }
}
