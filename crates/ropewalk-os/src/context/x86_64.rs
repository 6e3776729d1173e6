//! x86-64, System V: what the callee keeps, and the control words of both floating-point units.
//!
//! ```text
//! a stopped computation                             a fresh one
//!   sp + 0   mxcsr:u32, x87 control word:u16, 0       those of its maker
//!      + 8   r15                                      0
//!      + 16  r14                                      0
//!      + 24  r13                                      argument
//!      + 32  r12                                      entry
//!      + 40  rbx                                      0
//!      + 48  rbp                                      0
//!      + 56  where it goes on                         trampoline
//!      + 64  its frame                                two words of zero: the top
//! ```
//!
//! The control words are loaded only if they differ: that costs as much as all the rest. The flags of mxcsr, which say
//! what has happened, are the callee's to change and are not looked at.
#![allow(unsafe_code)] // Contract: see `mod`.

use super::Entry;
use std::arch::{asm, naked_asm};

/// Words of a fresh context.
pub(super) const WORDS: usize = 10;

/// Writes a fresh context below `top`.
pub(super) unsafe fn lay(top: *mut usize, entry: Entry, argument: *mut ()) -> *mut usize {
    let mut control = [0_u32; 2];
    // SAFETY: rule 4; both instructions store into the array.
    unsafe {
        asm!("stmxcsr [{0}]", "fnstcw [{0} + 4]", in(reg) &raw mut control, options(nostack, preserves_flags));
        let place = top.sub(WORDS);
        let words = [
            control[0] as usize | (control[1] as usize & 0xffff) << 32,
            0,
            0,
            argument as usize,
            entry as *const () as usize,
            0,
            0,
            trampoline as *const () as usize,
            0,
            0,
        ];
        place.cast::<[usize; WORDS]>().write(words);
        place
    }
}

/// See [`super::switch`].
#[unsafe(naked)]
pub(super) unsafe extern "C" fn switch(from: *mut *mut usize, to: *mut usize, message: usize) -> usize {
    naked_asm!(
        ".cfi_startproc",
        "endbr64",
        "push rbp",
        ".cfi_def_cfa_offset 16",
        ".cfi_offset rbp, -16",
        "push rbx",
        ".cfi_def_cfa_offset 24",
        ".cfi_offset rbx, -24",
        "push r12",
        ".cfi_def_cfa_offset 32",
        ".cfi_offset r12, -32",
        "push r13",
        ".cfi_def_cfa_offset 40",
        ".cfi_offset r13, -40",
        "push r14",
        ".cfi_def_cfa_offset 48",
        ".cfi_offset r14, -48",
        "push r15",
        ".cfi_def_cfa_offset 56",
        ".cfi_offset r15, -56",
        "sub rsp, 8",
        ".cfi_def_cfa_offset 64",
        "stmxcsr [rsp]",
        "fnstcw [rsp + 4]",
        "mov eax, [rsp]",
        "movzx ecx, word ptr [rsp + 4]",
        "mov [rdi], rsp",
        // From here on another computation, whose frame looks the same.
        "mov rsp, rsi",
        "xor eax, [rsp]",
        "test eax, 0xffc0",
        "jne 4f",
        "2:",
        "cmp cx, [rsp + 4]",
        "jne 5f",
        "3:",
        "add rsp, 8",
        ".cfi_remember_state",
        ".cfi_def_cfa_offset 56",
        "pop r15",
        ".cfi_def_cfa_offset 48",
        ".cfi_restore r15",
        "pop r14",
        ".cfi_def_cfa_offset 40",
        ".cfi_restore r14",
        "pop r13",
        ".cfi_def_cfa_offset 32",
        ".cfi_restore r13",
        "pop r12",
        ".cfi_def_cfa_offset 24",
        ".cfi_restore r12",
        "pop rbx",
        ".cfi_def_cfa_offset 16",
        ".cfi_restore rbx",
        "pop rbp",
        ".cfi_def_cfa_offset 8",
        ".cfi_restore rbp",
        "mov rax, rdx",
        "ret",
        ".cfi_restore_state",
        "4:",
        "ldmxcsr [rsp]",
        "jmp 2b",
        "5:",
        "fldcw [rsp + 4]",
        "jmp 3b",
        ".cfi_endproc",
    )
}

/// Where every stack begins. The caller's address is undefined: an unwind ends here.
#[unsafe(naked)]
unsafe extern "C" fn trampoline() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined rip",
        "mov rdi, r13",
        "mov rsi, rax",
        "call r12",
        "ud2",
        ".cfi_endproc",
    )
}
