//! How many tasks the shared queue should hold.
//!
//! A task that is there can not be withdrawn and does not mind a later one's priority; so few is better. But a worker
//! that finds nothing there sleeps until the first process has had its turn; so for tasks of a microsecond it takes
//! thousands. The window is what the workers do in [`AHEAD`], by the mean time of the last tasks, and one more.

use std::time::Duration;

/// How far ahead there is work in the queue: as long as the first process may need to have its turn.
const AHEAD: Duration = Duration::from_millis(10);
/// Tasks ahead for one worker, at most.
const MOST: u64 = 2048;
/// Bytes in the queue beyond which it is not filled further.
const BYTES: usize = 2 << 20;

#[derive(Debug)]
pub(super) struct Window {
    pub(super) workers: usize,
    /// The mean time of a task in nanoseconds; a task of now counts an eighth.
    mean: u64,
    bytes: usize,
}

impl Default for Window {
    fn default() -> Self {
        // Tasks are long until they prove to be short.
        Window { workers: 1, mean: 1_000_000_000, bytes: 0 }
    }
}

impl Window {
    pub(super) fn posted(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    pub(super) fn answered(&mut self, bytes: usize, took: Duration) {
        self.bytes = self.bytes.saturating_sub(bytes);
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).min(60_000_000_000);
        self.mean = if took < self.mean / 8 {
            // Down at once: a first guess, or the end of a run of long ones.
            self.mean / 8
        } else {
            self.mean - self.mean / 8 + took / 8
        };
    }

    pub(super) fn lost(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    pub(super) fn forget(&mut self) {
        self.bytes = 0;
    }

    /// Tasks handed out, at most.
    pub(super) fn limit(&self) -> usize {
        if self.workers == 0 {
            return 0;
        }
        if self.bytes > BYTES {
            return self.workers + 1;
        }
        let each = (AHEAD.as_nanos() as u64 / self.mean.max(1)).min(MOST);
        self.workers + 1 + self.workers * each as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_tasks_stay_in_line_where_they_can_be_withdrawn() {
        let mut window = Window { workers: 4, ..Window::default() };
        assert_eq!(window.limit(), 5);
        for _ in 0..100 {
            window.answered(0, Duration::from_millis(100));
        }
        assert_eq!(window.limit(), 5);
    }

    #[test]
    fn short_ones_go_out_by_the_thousand_unless_they_are_large() {
        let mut window = Window { workers: 2, ..Window::default() };
        for _ in 0..100 {
            window.answered(0, Duration::from_micros(2));
        }
        assert!(window.limit() > 1000);
        window.posted(BYTES + 1);
        assert_eq!(window.limit(), 3);
        window.lost(BYTES + 1);
        assert!(window.limit() > 1000);
    }

    #[test]
    fn nothing_is_handed_out_while_nobody_works() {
        assert_eq!(Window { workers: 0, ..Window::default() }.limit(), 0);
    }
}
