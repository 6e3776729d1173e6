//! What the two ends of a pipe know of each other without asking the system: has something been sent?
//!
//! A read(2) that finds nothing puts the thread to sleep, and the other end has to wake it: that is most of the time of
//! a short question and answer. So both ends count in memory that forked processes share, and who is about to read looks
//! there for a moment first.
//!
//! The counts are hints. The pipe alone says what there is: an end that does not count (another program, a connection
//! that was sent to another process), or one that counts elsewhere, costs a look in vain, of which the next looks
//! learn.

use ropewalk_os::{fork, shared_words};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

/// Words for one pipe: two directions, each in a cache line of its own.
const WORDS: usize = 32;
const DIRECTION: usize = 16;
/// Pipes that share a page.
const PIPES: usize = 32;

/// One end's view of a pipe.
///
/// ```
/// let (left, right) = ropewalk::process::Traffic::pair().expect("a page of memory");
/// left.sent();
/// right.look(); // returns at once
/// right.taken();
/// ```
#[derive(Debug)]
pub struct Traffic {
    place: Arc<Place>,
    /// Where the words of our direction begin, and those of the other's.
    out: usize,
    patience: Patience,
}

impl Traffic {
    /// The two ends of a new pipe; `None` if there is no memory for them now, and then a pipe does without.
    ///
    /// ```
    /// assert!(ropewalk::process::Traffic::pair().is_some());
    /// ```
    pub fn pair() -> Option<(Traffic, Traffic)> {
        let place = Arc::new(Place::take()?);
        let end = |out| Traffic { place: Arc::clone(&place), out, patience: Patience::default() };
        Some((end(0), end(DIRECTION)))
    }

    /// This end has sent a message.
    ///
    /// ```
    /// let (left, _right) = ropewalk::process::Traffic::pair().expect("a page of memory");
    /// left.sent();
    /// ```
    #[inline]
    pub fn sent(&self) {
        self.place.words[self.out].fetch_add(1, Relaxed);
    }

    /// This end has taken a message.
    ///
    /// ```
    /// let (left, right) = ropewalk::process::Traffic::pair().expect("a page of memory");
    /// left.sent();
    /// right.taken();
    /// ```
    #[inline]
    pub fn taken(&self) {
        self.place.words[(self.out ^ DIRECTION) + 1].fetch_add(1, Relaxed);
    }

    /// Looks for a moment whether the other end sends something; returns sooner if it has, or seems to have.
    ///
    /// ```
    /// let (left, _right) = ropewalk::process::Traffic::pair().expect("a page of memory");
    /// left.look(); // in vain
    /// ```
    #[inline]
    pub fn look(&self) {
        let from = self.out ^ DIRECTION;
        let taken = self.place.words[from + 1].load(Relaxed);
        self.patience.look(|| self.place.words[from].load(Relaxed) != taken);
    }
}

/// How long one end looks, as it has learned.
///
/// Two ends that both look do not sleep at all, and answer each other within microseconds. But to get there one has to
/// outlast the other's sleep and wake; on an idle machine that may be longer than all that follows. So now and then
/// one looks long, and then as long as it took.
#[derive(Debug)]
struct Patience {
    looks: AtomicU32,
    waits: AtomicU32,
}

/// Looks of a long one: some sleeps and wakes.
const LONG: u32 = 2000;
/// Looks at most of any other.
const MOST: u32 = 400;
/// Looks beyond what the last one took.
const SPARE: u32 = 30;
/// How often one is long.
const TRIAL: u32 = 64;

impl Default for Patience {
    fn default() -> Patience {
        Patience { looks: AtomicU32::new(0), waits: AtomicU32::new(0) }
    }
}

impl Patience {
    #[inline]
    fn look(&self, is_there: impl Fn() -> bool) {
        let waits = self.waits.load(Relaxed);
        self.waits.store(waits.wrapping_add(1), Relaxed);
        let known = self.looks.load(Relaxed);
        let looks = if waits % TRIAL == TRIAL - 1 && several_processors() { LONG } else { known };
        for look in 0..looks {
            if is_there() {
                self.looks.store((known / 2 + look + SPARE).min(MOST), Relaxed);
                return;
            }
            std::hint::spin_loop();
        }
        self.looks.store(known / 2, Relaxed);
    }
}

/// Whether somebody else can move while we look.
fn several_processors() -> bool {
    /// Zero: not asked yet. Not a OnceLock: a forked child must not wait for a thread that it has not.
    static PROCESSORS: AtomicU32 = AtomicU32::new(0);
    if PROCESSORS.load(Relaxed) == 0 {
        let count = std::thread::available_parallelism().map_or(1, |count| count.get().min(2) as u32);
        PROCESSORS.store(count, Relaxed);
    }
    PROCESSORS.load(Relaxed) > 1
}

/// Words in a page of several pipes, given back when the last end here has gone.
#[derive(Debug)]
struct Place {
    words: &'static [AtomicU32],
    epoch: u32,
}

/// Places that nobody has, and the fork epoch in which they were made: a child makes its own.
static FREE: Mutex<(u32, Vec<&'static [AtomicU32]>)> = Mutex::new((0, Vec::new()));

impl Place {
    /// A lock that cannot be had at once is not waited for: a forked child may have it locked for ever.
    fn take() -> Option<Place> {
        let mut free = FREE.try_lock().ok()?;
        let epoch = fork::epoch();
        if free.0 != epoch {
            *free = (epoch, Vec::new());
        }
        if free.1.is_empty() {
            free.1.extend(shared_words::new(WORDS * PIPES).ok()?.chunks_exact(WORDS));
        }
        let words = free.1.pop()?;
        words.iter().for_each(|word| word.store(0, Relaxed));
        Some(Place { words, epoch })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Ok(mut free) = FREE.try_lock()
            && free.0 == self.epoch
            && fork::epoch() == self.epoch
        {
            free.1.push(self.words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_in_vain_is_given_up_and_tried_again_now_and_then() {
        let (patience, tried) = (Patience::default(), AtomicU32::new(0));
        for _ in 0..TRIAL - 1 {
            patience.look(|| tried.fetch_add(1, Relaxed) > u32::MAX - 1);
        }
        assert_eq!(tried.load(Relaxed), 0);
        patience.look(|| true);
        assert_eq!(patience.looks.load(Relaxed) > 0, several_processors(), "that was the trial");
        for _ in 0..TRIAL {
            patience.look(|| false);
        }
        assert_eq!(patience.looks.load(Relaxed), 0);
    }

    #[test]
    fn what_one_end_sends_the_other_sees() {
        let (left, right) = Traffic::pair().expect("memory");
        left.sent();
        let [sent, taken] = [&right.place.words[0], &right.place.words[1]];
        assert_eq!((sent.load(Relaxed), taken.load(Relaxed)), (1, 0));
        right.taken();
        assert_eq!((sent.load(Relaxed), taken.load(Relaxed)), (1, 1));
        right.sent();
        assert_eq!(left.place.words[DIRECTION].load(Relaxed), 1);
    }
}
