//! What whoever gets the lock after a killed holder does first.
//!
//! The state needs nothing: the killed process has committed or it has not. What is healed are the hints around it:
//! who waits, and which processes there are. Every structure of a ring's memory has its line here:
//!
//! | structure | after a death |
//! |---|---|
//! | states, `active` | true as they are (law 1) |
//! | bytes of segments, `ends` | behind the tail or not in the chain: garbage, written anew |
//! | `touched` | noted before the pages are written: not too low |
//! | `cold`, `puncher` | a claim of a slot: void when its process is dead, see `growth` |
//! | entries of blocks | each says itself what it is, given the state and who is dead: see `arena` |
//! | bits and sums of the arena | taken anew from the entries |
//! | slots | the dead are buried, but for what they had in hand |
//! | records in hand | what was taken up and not committed is put down |
//! | the bell | set right |
//! | lines | everybody looks for itself, the counts are taken anew |

use super::layout::Store;
use super::state::State;
use crate::participants::LINES;
use ropewalk_os::robust::Guard;

impl Store {
    /// Heals what a killed holder of the lock may have left half-done; can begin on its own half-done work.
    pub fn recover(&self, held: &Guard<'_>) {
        if let Ok(state) = State::load(self.header(), self.largest()) {
            self.table().put_down_from(held, state.popped);
            self.set_bell_right(&state);
        }
        // If the state is not whole nothing is: every operation says so.
        let _ = self.bury(held);
        for number in 0..LINES {
            self.header().lines[number].heal(held, self.table(), number);
        }
    }
}
