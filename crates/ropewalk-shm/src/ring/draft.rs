//! Large parts on their way in.
//!
//! First blocks are taken for them, under the lock and not before the ring has room for the record; then they are
//! filled, without the lock and outside of the caller's world; then the record goes in, and they with it. Given up on
//! the way, they are returned.
//!
//! Warm memory first, as in `growth`: if all blocks that were ever touched are in use and some records wait already, the
//! producer gives the consumers a moment, longer for more memory, before it touches fresh memory. A part
//! for which there is no block goes through the ring like a small one. So a backlog is never an error.

use super::arena::{Arena, Taken, granules};
use super::enter::is_due;
use super::error::{Fault, PushError};
use super::growth::Patience;
use super::idle::KEEP;
use super::layout::{Store, size};
use super::record::{Place, Record, need, words};
use super::wait::{Operation, Step, Stop};
use super::{NOT_FULL, Ring};
use ropewalk_os::robust::Guard;
use ropewalk_os::{Block, Deadline, Plain};
use std::time::Duration;

/// How long the consumers get for each granule that would be touched for the first time; and at least and at most.
const MOMENT: Duration = Duration::from_micros(8);
const MOMENTS: (Duration, Duration) = (Duration::from_micros(100), Duration::from_millis(5));
/// Records that must wait before a producer gives consumers a moment: they have something to do in it.
const AHEAD: u64 = 3;
/// How often dead processes are looked for by those who find no block.
const LOOK: Duration = Duration::from_millis(100);

/// The parts of one record: the body, then the buffers.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    pub body: &'a [u8],
    pub buffers: &'a [&'a [u8]],
}

impl<'a> Parts<'a> {
    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        std::iter::once(self.body).chain(self.buffers.iter().copied())
    }
}

/// Where each part of a record goes; what it has in blocks is returned when it is dropped.
#[derive(Debug)]
struct Draft<'a> {
    store: &'a Store,
    places: Vec<Place>,
}

impl Draft<'_> {
    /// Copies the parts that have blocks into them.
    fn fill(&self, parts: Parts<'_>) {
        for (place, part) in self.places.iter().zip(parts.iter()) {
            if let Place::Block(Taken { granule, fresh }) = *place {
                if fresh {
                    let (start, _) = self.store.granules_at(&(granule..granule));
                    self.store.segment.mapping().populate(start, part.len());
                }
                self.store.fill_block(granule, part);
            }
        }
    }

    fn return_all(&mut self) {
        for place in &mut self.places {
            if let Place::Block(Taken { granule, .. }) = std::mem::replace(place, Place::Inline) {
                self.store.arena().give_back(granule);
            }
        }
    }

    /// They belong to the record now.
    fn keep(mut self) {
        self.places.clear();
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        self.return_all();
    }
}

struct Reserve<'a, 'b> {
    draft: &'b mut Draft<'a>,
    parts: Parts<'b>,
    /// None if it must not wait.
    patience: Option<Patience>,
}

enum Reserved {
    Ready,
    Closed,
}

/// What came of looking for a block.
enum Found {
    Block(Taken),
    None,
    Nap(Duration),
}

impl Reserve<'_, '_> {
    fn find(&mut self, ring: &Ring, held: &Guard<'_>, arena: Arena<'_>, len: usize) -> Result<Found, Fault> {
        let slot = ring.store.slot(held)?;
        if let Some(taken) = arena.take(held, slot, len, false) {
            return Ok(Found::Block(taken));
        }
        let state = ring.state()?;
        if state.len() >= AHEAD
            && arena.in_use() >= KEEP
            && let Some(patience) = &mut self.patience
            && patience.nap(&state, &ring.haste_for_blocks).is_some()
        {
            let moment = MOMENT * granules(len) as u32;
            return Ok(Found::Nap(moment.clamp(MOMENTS.0, MOMENTS.1)));
        }
        let mut taken = arena.take(held, slot, len, true);
        if taken.is_none() && is_due(&ring.store.header().looked, LOOK) {
            ring.store.bury(held)?;
            taken = arena.take(held, slot, len, true);
        }
        Ok(taken.map_or(Found::None, Found::Block))
    }
}

impl Operation for Reserve<'_, '_> {
    type Done = Reserved;
    const LINE: usize = NOT_FULL;

    fn attempt(&mut self, ring: &Ring, held: &Guard<'_>, slept: bool) -> Result<Step<Reserved>, Fault> {
        let state = ring.state()?;
        if state.closed {
            return Ok(Step::Done(Reserved::Closed));
        }
        if state.len() >= ring.max_records() {
            return Ok(Step::Wait);
        }
        let arena = ring.store.arena();
        arena.collect(held);
        let mut inline = words(self.parts.buffers.len());
        for (number, part) in self.parts.iter().enumerate() {
            let found = match part.len() >= ring.store.block_from() {
                true => self.find(ring, held, arena, part.len())?,
                false => Found::None,
            };
            match found {
                Found::Block(taken) => self.draft.places[number] = Place::Block(taken),
                Found::None => inline = inline.saturating_add(part.len()),
                Found::Nap(time) => {
                    self.draft.return_all();
                    return Ok(Step::Nap(time));
                }
            }
        }
        if need(inline) > size(ring.store.largest()) {
            self.draft.return_all();
            return Ok(Step::Starved);
        }
        if let Some(patience) = &self.patience {
            patience.paid_off(&ring.haste_for_blocks);
        }
        if slept {
            // The room is not taken before the record is in: who waits for it too may be faster.
            ring.store.header().lines[NOT_FULL].call(held, 1);
        }
        Ok(Step::Done(Reserved::Ready))
    }

    fn others_can(&self, ring: &Ring) -> Result<bool, Fault> {
        let state = ring.state()?;
        Ok(state.closed || state.len() < ring.max_records())
    }
}

/// A record whose large parts are in blocks already; they are returned if it does not go in.
#[derive(Debug)]
pub struct Prepared<'a> {
    ring: &'a Ring,
    parts: Parts<'a>,
    draft: Draft<'a>,
}

impl Prepared<'_> {
    fn push<B: Block>(self, block: &mut B, deadline: Deadline) -> Result<u64, PushError<B::Interrupt>> {
        let record = Record::in_parts(self.parts, &self.draft.places);
        let number = self.ring.push_record(record, block, deadline)?;
        self.draft.keep();
        Ok(number)
    }

    /// Puts it in if there is room now. Says the record's number.
    ///
    /// # Errors
    /// [`PushError`].
    pub fn try_push(self) -> Result<u64, PushError> {
        self.push(&mut Plain, Deadline::NOW)
    }
}

impl Ring {
    /// Puts in a record of which some part is large.
    #[cold]
    pub(super) fn push_large<B: Block>(
        &self,
        parts: Parts<'_>,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<u64, PushError<B::Interrupt>> {
        self.draft(parts, block, deadline)?.push(block, deadline)
    }

    /// The first half of [`Ring::push_parts`]: large parts are copied into blocks, waiting for them until `deadline`; nothing
    /// is inside before [`Prepared::try_push`].
    ///
    /// # Errors
    /// [`PushError`].
    ///
    /// ```
    /// use ropewalk_os::{Deadline, Plain};
    /// use ropewalk_shm::ring::{Options, Ring};
    /// let ring = Ring::create(&Options::default())?;
    /// let image = vec![7; 100_000];
    /// let buffers = [image.as_slice()];
    /// let prepared = ring.prepare_parts(b"an image", &buffers, &mut Plain, Deadline::NEVER).unwrap();
    /// assert_eq!(ring.counts().unwrap().waiting(), 0);
    /// prepared.try_push().unwrap();
    /// assert_eq!(ring.counts().unwrap().waiting(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn prepare_parts<'a, B: Block>(
        &'a self,
        body: &'a [u8],
        buffers: &'a [&'a [u8]],
        block: &mut B,
        deadline: Deadline,
    ) -> Result<Prepared<'a>, PushError<B::Interrupt>> {
        let parts = Parts { body, buffers };
        if parts.iter().any(|part| part.len() >= self.store.block_from()) {
            return self.draft(parts, block, deadline);
        }
        Ok(Prepared { ring: self, parts, draft: Draft { store: &self.store, places: Vec::new() } })
    }

    fn draft<'a, B: Block>(
        &'a self,
        parts: Parts<'a>,
        block: &mut B,
        deadline: Deadline,
    ) -> Result<Prepared<'a>, PushError<B::Interrupt>> {
        if !self.could_fit(parts) {
            return Err(PushError::TooLong { most: self.longest_record() });
        }
        let places = vec![Place::Inline; 1 + parts.buffers.len()];
        let mut draft = Draft { store: &self.store, places };
        let patience = (!deadline.is_now()).then(Patience::default);
        match self.run(&mut Reserve { draft: &mut draft, parts, patience }, block, deadline) {
            Ok(Reserved::Ready) => {}
            Ok(Reserved::Closed) => return Err(PushError::ShutDown),
            Err(Stop::TimedOut) => return Err(PushError::Full),
            Err(Stop::Interrupted(interrupt)) => return Err(PushError::Interrupted(interrupt)),
            Err(Stop::Fault(fault)) => return Err(PushError::Fault(fault)),
        }
        block.detached(|| draft.fill(parts));
        Ok(Prepared { ring: self, parts, draft })
    }

    /// Whether there would be room for it in an empty ring, with no block in use.
    fn could_fit(&self, parts: Parts<'_>) -> bool {
        let mut left = self.store.granules();
        let mut inline = words(parts.buffers.len());
        for part in parts.iter() {
            if part.len() >= self.store.block_from() && granules(part.len()) <= left {
                left -= granules(part.len());
            } else {
                inline = inline.saturating_add(part.len());
            }
        }
        need(inline) <= size(self.store.largest())
    }
}
