//! From frame to frame.

use super::layout::{FRAME, First, Instruction, Layout};
use super::lines;
use super::object::{self, Out, Type};
use ropewalk::process::flight::Text;

/// Frames that are told.
pub(super) const MOST: usize = 128;
/// The owner of a frame that is a generator's.
const GENERATOR: u8 = 1;
/// Frames that are passed over: those of no Python code.
const PASSED: usize = 1024;

impl Out for Text<'_> {
    fn push(&mut self, bytes: &[u8]) -> bool {
        Text::push(self, bytes)
    }
}

/// A frame of Python code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) code: usize,
    /// The instruction it is at, in bytes from the first.
    pub(super) at: isize,
}

/// The frames of a thread, the innermost first.
pub(super) struct Frames<'a> {
    layout: &'a Layout,
    next: usize,
    left: usize,
}

impl<'a> Frames<'a> {
    pub(super) fn of(layout: &'a Layout, thread: usize) -> Frames<'a> {
        let first = match layout.first {
            First::Direct(at) => object::word(layout, thread + at),
            First::Through(at, then) => {
                object::word(layout, thread + at).and_then(|it| object::word(layout, it.wrapping_add(then)))
            }
            First::Unknown => None,
        };
        Frames::from(layout, first.unwrap_or(0))
    }

    /// The frame at an address, and those behind it.
    pub(super) fn from(layout: &'a Layout, innermost: usize) -> Frames<'a> {
        Frames { layout, next: innermost, left: PASSED }
    }
}

/// What is read of a frame.
pub(super) fn read(layout: &Layout, address: usize) -> Option<[u8; FRAME]> {
    let mut frame = [0; FRAME];
    let plausible = address != 0 && address.is_multiple_of(8);
    (plausible && layout.peek(address, &mut frame[..layout.frame_len])).then_some(frame)
}

impl Iterator for Frames<'_> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        let layout = self.layout;
        loop {
            self.left = self.left.checked_sub(1)?;
            let frame = read(layout, self.next)?;
            self.next = object::word_in(&frame, layout.previous);
            if layout.owner.is_some_and(|at| frame[at] >= 3) {
                continue;
            }
            let code = code_of(layout, &frame);
            if !object::is(layout, code, Type::Code) {
                return None;
            }
            let at = match layout.instruction {
                Instruction::Number => object::int_in(&frame, layout.at) as isize * 2,
                Instruction::Pointer(first) => {
                    let begin = code.wrapping_add(first);
                    let at = object::word_in(&frame, layout.at).wrapping_sub(begin).cast_signed();
                    if layout.owner.is_some_and(|owner| frame[owner] != GENERATOR)
                        && at < 2 * first_of_program(layout, begin.wrapping_sub(layout.begins))
                    {
                        continue;
                    }
                    at
                }
            };
            return Some(Frame { code, at });
        }
    }
}

/// The number of an instruction, as it stands in a code object.
fn first_of_program(layout: &Layout, address: usize) -> isize {
    let mut number = [0; 4];
    if layout.peek(address, &mut number) { i32::from_ne_bytes(number) as isize } else { 0 }
}

/// The code object of a frame: the lowest bits of the pointer say how it is held.
pub(super) fn code_of(layout: &Layout, frame: &[u8]) -> usize {
    object::word_in(frame, layout.code) & !3
}

/// Writes the frames of a thread.
pub(super) fn write(layout: &Layout, thread: usize, text: &mut Text<'_>) {
    for (number, frame) in Frames::of(layout, thread).enumerate() {
        let before = text.len();
        if number == MOST || !push(layout, frame, text) {
            text.cut(before);
            text.push(b"...\n");
            return;
        }
    }
}

/// Writes a frame; whether there was room.
pub(super) fn push(layout: &Layout, frame: Frame, out: &mut impl Out) -> bool {
    let pointer = |at: usize| object::word(layout, frame.code + at).unwrap_or(0);
    let mut first = [0; 4];
    let first =
        if layout.peek(frame.code + layout.first_line, &mut first) { i32::from_ne_bytes(first) } else { 0 };
    object::push_number(lines::find(layout, pointer(layout.table), first, frame.at), out)
        && out.push(b"\t")
        && object::push_text(layout, pointer(layout.name), out)
        && out.push(b"\t")
        && object::push_text(layout, pointer(layout.file), out)
        && out.push(b"\n")
}
