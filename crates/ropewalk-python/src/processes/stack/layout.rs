//! Where each version of CPython keeps what is read here: offsets in bytes, on machines of 64 bits.
//!
//! They are what the headers of each version say for a usual build. For another build, or a later version, they may be
//! wrong: then `proof` finds out.

use ropewalk_os::{other_memory, own_memory};

/// How a frame says which instruction it is at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Instruction {
    /// An `int`, which counts in steps of two bytes.
    Number,
    /// A pointer into the code object, whose instructions begin at this offset.
    Pointer(usize),
}

/// How lines are told for instructions.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lines {
    /// Pairs of steps: in instructions, in lines (PEP 626).
    Pairs,
    /// Entries of one to nine bytes (PEP 657).
    Entries,
}

/// From the state of a thread to its innermost frame.
#[derive(Clone, Copy, Debug)]
pub(super) enum First {
    /// A pointer at this offset.
    Direct(usize),
    /// A pointer at the first offset, to something with a pointer at the second.
    Through(usize, usize),
    /// A pointer at an offset that differs: to be found.
    Unknown,
}

/// Where things are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) first: First,
    /// In a frame; and how much of it is read.
    pub(super) frame_len: usize,
    pub(super) code: usize,
    pub(super) previous: usize,
    pub(super) at: usize,
    pub(super) instruction: Instruction,
    /// Who owns the frame: 3 and more are no frames of Python code, 1 is a generator.
    pub(super) owner: Option<usize>,
    /// In front of a code's instructions: the number of the first that is the program's. A frame that is before it is one
    /// of the interpreter's own, or has not begun, unless it is a generator's.
    pub(super) begins: usize,
    /// In a code object.
    pub(super) first_line: usize,
    pub(super) file: usize,
    pub(super) name: usize,
    pub(super) table: usize,
    pub(super) lines: Lines,
    /// Bytes before the text of a string of ASCII, and of any other.
    pub(super) ascii: usize,
    pub(super) compact: usize,
    /// Addresses of the types `code`, `str` and `bytes`: what is of another type is not believed. Known when it runs.
    pub(super) types: [usize; 3],
    /// The process whose memory is read; 0 for this one.
    pub(super) process: u32,
}

impl Layout {
    /// Copies what stands at an address; `false` if not all of that can be read. Of this process a signal's handler may
    /// call it.
    pub(super) fn peek(&self, address: usize, into: &mut [u8]) -> bool {
        match self.process {
            0 => own_memory::peek(address, into),
            other => other_memory::read(other, address, into).is_ok(),
        }
    }

    /// The same interpreter in another process, where it lies `distance` bytes further on.
    pub(super) fn in_process(mut self, process: u32, distance: isize) -> Layout {
        self.process = process;
        self.types = self.types.map(|address| address.wrapping_add_signed(distance));
        self
    }
}

/// Bytes of a frame that are read at most.
pub(super) const FRAME: usize = 104;

const V3_10: Layout = Layout {
    first: First::Direct(24),
    frame_len: 100,
    code: 32,
    previous: 24,
    at: 96,
    instruction: Instruction::Number,
    owner: None,
    begins: 0,
    first_line: 40,
    file: 104,
    name: 112,
    table: 120,
    lines: Lines::Pairs,
    ascii: 48,
    compact: 72,
    types: [0; 3],
    process: 0,
};

const V3_11: Layout = Layout {
    first: First::Through(56, 8),
    frame_len: 72,
    code: 32,
    previous: 48,
    at: 56,
    instruction: Instruction::Pointer(184),
    owner: Some(69),
    begins: 16,
    first_line: 72,
    file: 112,
    name: 128,
    table: 136,
    lines: Lines::Entries,
    ..V3_10
};

const V3_12: Layout = Layout {
    first: First::Through(56, 0),
    code: 0,
    previous: 8,
    instruction: Instruction::Pointer(192),
    owner: Some(70),
    first_line: 68,
    ascii: 40,
    compact: 56,
    ..V3_11
};

const V3_13: Layout = Layout { first: First::Unknown, instruction: Instruction::Pointer(200), ..V3_12 };

const V3_14: Layout =
    Layout { frame_len: 76, instruction: Instruction::Pointer(208), owner: Some(74), ..V3_13 };

/// That of a version, or the last one known.
pub(super) fn of(minor: u8) -> Option<Layout> {
    match minor {
        _ if size_of::<usize>() != 8 => None,
        ..10 => None,
        10 => Some(V3_10),
        11 => Some(V3_11),
        12 => Some(V3_12),
        13 => Some(V3_13),
        14.. => Some(V3_14),
    }
}
