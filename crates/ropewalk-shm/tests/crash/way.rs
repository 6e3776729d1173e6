//! The way of an operation through its instructions, learned once, and short cuts along it.
//!
//! To be killed after so many instructions a process must come there. Stepped, that takes as many stops each time, and
//! all moments of an operation take the square of its length. So the first run, which is stepped to its end, is written
//! down; each later one runs to a breakpoint shortly before its moment, and is stepped from there.
//!
//! Where each run stops is compared with what was written down. One that has gone another way, because a clock has, is
//! killed where it is: that is a moment too. Its moment is then come to once more, by steps alone. How many did is told.

use crate::process::{Child, Traced};
use std::collections::HashMap;

/// How far before a moment a breakpoint is looked for.
const NEAR: usize = 64;
/// No scene has so many instructions: who takes more goes round in a circle.
const ENDLESS: usize = 1_000_000;

/// What a traced process does at its sleep in a line of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtSleep {
    /// Its steps have come to their end.
    End,
    /// It is waited for.
    Wait,
}

/// An instruction of the way: where it stands, and how often it was come to, this time included.
#[derive(Clone, Copy, Debug)]
struct Instruction {
    address: u64,
    times: usize,
}

/// What the first run went through.
#[derive(Debug, Default)]
pub struct Way {
    instructions: Vec<Instruction>,
    /// How many later runs have gone another way.
    pub strayed: usize,
    /// Whether no short cuts are taken now.
    pub is_stepped: bool,
}

impl Way {
    /// Takes a victim so many instructions further, or to its end; says how many, and where it stands. The first time
    /// the way is learned.
    pub fn follow(&mut self, victim: &mut Child, moment: usize, at_sleep: AtSleep) -> (usize, Traced) {
        if self.instructions.is_empty() {
            return self.learn(victim, moment, at_sleep);
        }
        let mut steps = 0;
        if let Some((number, mark)) = self.mark_before(moment)
            && !self.is_stepped
            && victim.can_break_at(mark.address)
        {
            let stands = victim.run_to(mark.address, mark.times, at_sleep);
            if stands != Traced::Stopped {
                self.strayed += 1;
                return (number, stands);
            }
            steps = number;
        }
        while steps < moment {
            match step(victim, at_sleep) {
                Traced::Stopped => steps += 1,
                end => return (steps, end),
            }
        }
        let expected = self.instructions.get(moment).map(|instruction| instruction.address);
        self.strayed += usize::from(!self.is_stepped && expected != Some(victim.address()));
        (steps, Traced::Stopped)
    }

    fn learn(&mut self, victim: &mut Child, moment: usize, at_sleep: AtSleep) -> (usize, Traced) {
        let mut times: HashMap<u64, usize> = HashMap::new();
        for steps in 0..moment {
            assert!(steps < ENDLESS, "it comes to no end");
            let address = victim.address();
            let times = times.entry(address).and_modify(|times| *times += 1).or_insert(1);
            self.instructions.push(Instruction { address, times: *times });
            let stands = step(victim, at_sleep);
            if stands != Traced::Stopped {
                return (steps, stands);
            }
        }
        (moment, Traced::Stopped)
    }

    /// The cheapest instruction to run to: a breakpoint stops as often as it was come to, and the rest is stepped.
    fn mark_before(&self, moment: usize) -> Option<(usize, Instruction)> {
        let near = moment.saturating_sub(NEAR)..moment.min(self.instructions.len().checked_sub(1)?) + 1;
        let mark = near.min_by_key(|&number| self.instructions[number].times + (moment - number))?;
        let instruction = self.instructions[mark];
        (mark > 0 && instruction.times < mark).then_some((mark, instruction))
    }
}

fn step(victim: &mut Child, at_sleep: AtSleep) -> Traced {
    match at_sleep {
        AtSleep::End => victim.step_or_sleep(),
        AtSleep::Wait => victim.step(),
    }
}
