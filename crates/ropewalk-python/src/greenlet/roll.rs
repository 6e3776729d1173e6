//! Where the states of all greenlets lie: in slabs, which makes a roll of them that costs nothing to keep.
//!
//! A state of the pool is entered when its greenlet is made, and struck out when that is gone. Nothing is done at a start, a
//! switch or an end. Who asks for all greenlets walks the slabs; so can another process, that knows where the first one is.
#![allow(unsafe_code)] // Contract: see `mod`.

use super::object::{Greenlet, State};
use super::thread::Attached;
use std::ptr::null_mut;

/// States of a slab.
pub(super) const STATES: usize = 32;

/// Never freed, and never moved.
pub(super) struct Slab {
    pub(super) next: *mut Slab,
    pub(super) states: [State; STATES],
}

static FIRST: Attached<*mut Slab> = Attached::new(null_mut());
/// States that are not in use.
static FREE: Attached<*mut State> = Attached::new(null_mut());

/// Where the pointer to the first slab is.
pub(super) fn place() -> usize {
    (&raw const FIRST).addr()
}

/// A state for a greenlet that has not begun.
///
/// # Safety
/// Rules 1 and 3.
pub(super) unsafe fn enter(greenlet: *mut Greenlet) -> *mut State {
    // SAFETY: rules 1 and 3: what is free is nobody's, and holds nothing.
    unsafe {
        let free = FREE.get();
        if free.is_null() {
            *free = new_slab();
        }
        let state = *free;
        *free = (*state).next;
        state.write(State::of(greenlet));
        state
    }
}

/// Keeps the memory of one for the next greenlet. It holds nothing any more but, perhaps, a stack.
///
/// # Safety
/// Rules 1 and 3: nobody has it.
pub(super) unsafe fn strike(state: *mut State) {
    // SAFETY: rules 1 and 3.
    unsafe {
        (*state).stack = None;
        (*state).greenlet = null_mut();
        (*state).next = std::mem::replace(FREE.get(), state);
    }
}

/// The first of a slab of states, each of which leads to the next.
#[cold]
unsafe fn new_slab() -> *mut State {
    // SAFETY: rules 1 and 3: nobody knows the slab before it is whole.
    unsafe {
        let first = FIRST.get();
        let slab = Box::new(Slab { next: *first, states: [const { State::of(null_mut()) }; STATES] });
        let slab = Box::into_raw(slab);
        let states = (&raw mut (*slab).states).cast::<State>();
        for place in 1..STATES {
            (*states.add(place - 1)).next = states.add(place);
        }
        *first = slab;
        states
    }
}

/// All states that are in use.
///
/// # Safety
/// Rules 1 and 4: nothing else runs before the iterator is dropped.
pub(super) unsafe fn all() -> impl Iterator<Item = *mut State> {
    // SAFETY: rule 1: slabs stay.
    let mut slab = unsafe { *FIRST.get() };
    let slabs = std::iter::from_fn(move || {
        let this = slab;
        if this.is_null() {
            return None;
        }
        // SAFETY: rule 1.
        slab = unsafe { (*this).next };
        Some(this)
    });
    slabs
        .flat_map(|slab| (0..STATES).map(move |place| state_at(slab, place)))
        // SAFETY: rule 1: a state is valid also while it is not in use.
        .filter(|state| unsafe { !(**state).greenlet.is_null() })
}

fn state_at(slab: *mut Slab, place: usize) -> *mut State {
    // SAFETY: rule 1: the place of an array in a slab, which stays.
    unsafe { (&raw mut (*slab).states).cast::<State>().add(place) }
}
