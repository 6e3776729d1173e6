//! Tells a memory checker that runs the program (valgrind) which memory is a stack.
//!
//! Without it a switch to a stack nearby looks like a very large frame that was entered or left, and all between the two
//! for memory that nobody has. The requests are sequences of instructions that do nothing on a processor and mean
//! something to valgrind (`valgrind/valgrind.h`, "client requests"); a few nanoseconds for each stack made.
//!
//! # Contract of the unsafe code
//!
//! 1. The sequence changes no register but the one it gives its answer in, and reads the words of the request only.
#![allow(unsafe_code)]

const REGISTER: usize = 0x1501;
const DEREGISTER: usize = 0x1502;

/// Says that these addresses are a stack; a number to take it back by.
///
/// ```
/// let number = ropewalk_os::checker::stack_begins(0x1000, 0x2000);
/// ropewalk_os::checker::stack_ends(number);
/// ```
pub fn stack_begins(lowest: usize, end: usize) -> usize {
    request([REGISTER, lowest, end, 0, 0, 0])
}

/// Says that it is none any more.
///
/// See [`stack_begins`].
///
/// ```
/// ropewalk_os::checker::stack_ends(ropewalk_os::checker::stack_begins(0x1000, 0x2000));
/// ```
pub fn stack_ends(number: usize) {
    request([DEREGISTER, number, 0, 0, 0, 0]);
}

#[cfg(target_arch = "x86_64")]
fn request(words: [usize; 6]) -> usize {
    let answer: usize;
    // SAFETY: rule 1.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") words.as_ptr(),
            inlateout("rdx") 0_usize => answer,
        );
    }
    answer
}

#[cfg(target_arch = "aarch64")]
fn request(words: [usize; 6]) -> usize {
    let answer: usize;
    // SAFETY: rule 1.
    unsafe {
        std::arch::asm!(
            "ror x12, x12, #3",
            "ror x12, x12, #13",
            "ror x12, x12, #51",
            "ror x12, x12, #61",
            "orr x10, x10, x10",
            in("x4") words.as_ptr(),
            inlateout("x3") 0_usize => answer,
        );
    }
    answer
}
