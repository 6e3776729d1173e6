//! 64-bit ARM, AAPCS64: what the callee keeps, and the control register of the floating-point unit.
//!
//! ```text
//! a stopped computation                             a fresh one
//!   sp + 0    x19, x20                                entry, argument
//!      + 16   x21 to x28                              0
//!      + 80   x29, x30: where it goes on              0, trampoline
//!      + 96   d8 to d15                               0
//!      + 160  fpcr, unused                            that of its maker
//!      + 176  its frame                               the top
//! ```
//!
//! The control register is written only if it differs: a write waits for all that is under way.
#![allow(unsafe_code)] // Contract: see `mod`.

use super::Entry;
use std::arch::{asm, naked_asm};

/// Words of a fresh context.
pub(super) const WORDS: usize = 22;

/// Writes a fresh context below `top`.
pub(super) unsafe fn lay(top: *mut usize, entry: Entry, argument: *mut ()) -> *mut usize {
    let control: usize;
    // SAFETY: rule 4; the instruction reads a register.
    unsafe {
        asm!("mrs {}, fpcr", out(reg) control, options(nomem, nostack, preserves_flags));
        let mut words = [0; WORDS];
        words[0] = entry as *const () as usize;
        words[1] = argument as usize;
        words[11] = trampoline as *const () as usize;
        words[20] = control;
        let place = top.sub(WORDS);
        place.cast::<[usize; WORDS]>().write(words);
        place
    }
}

/// See [`super::switch`].
#[unsafe(naked)]
pub(super) unsafe extern "C" fn switch(from: *mut *mut usize, to: *mut usize, message: usize) -> usize {
    naked_asm!(
        ".cfi_startproc",
        "hint #34", // bti c
        "sub sp, sp, #176",
        ".cfi_def_cfa_offset 176",
        "stp x19, x20, [sp, #0]",
        "stp x21, x22, [sp, #16]",
        "stp x23, x24, [sp, #32]",
        "stp x25, x26, [sp, #48]",
        "stp x27, x28, [sp, #64]",
        "stp x29, x30, [sp, #80]",
        "stp d8, d9, [sp, #96]",
        "stp d10, d11, [sp, #112]",
        "stp d12, d13, [sp, #128]",
        "stp d14, d15, [sp, #144]",
        ".cfi_offset x19, -176",
        ".cfi_offset x20, -168",
        ".cfi_offset x21, -160",
        ".cfi_offset x22, -152",
        ".cfi_offset x23, -144",
        ".cfi_offset x24, -136",
        ".cfi_offset x25, -128",
        ".cfi_offset x26, -120",
        ".cfi_offset x27, -112",
        ".cfi_offset x28, -104",
        ".cfi_offset x29, -96",
        ".cfi_offset x30, -88",
        "mrs x9, fpcr",
        "str x9, [sp, #160]",
        "mov x10, sp",
        "str x10, [x0]",
        // From here on another computation, whose frame looks the same.
        "mov sp, x1",
        "ldr x10, [sp, #160]",
        "cmp x9, x10",
        "b.eq 2f",
        "msr fpcr, x10",
        "2:",
        "ldp d14, d15, [sp, #144]",
        "ldp d12, d13, [sp, #128]",
        "ldp d10, d11, [sp, #112]",
        "ldp d8, d9, [sp, #96]",
        "ldp x29, x30, [sp, #80]",
        "ldp x27, x28, [sp, #64]",
        "ldp x25, x26, [sp, #48]",
        "ldp x23, x24, [sp, #32]",
        "ldp x21, x22, [sp, #16]",
        "ldp x19, x20, [sp, #0]",
        "add sp, sp, #176",
        ".cfi_def_cfa_offset 0",
        ".cfi_restore x29",
        ".cfi_restore x30",
        "mov x0, x2",
        "ret",
        ".cfi_endproc",
    )
}

/// Where every stack begins. The caller's address is undefined: an unwind ends here.
#[unsafe(naked)]
unsafe extern "C" fn trampoline() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined x30",
        "mov x1, x0",
        "mov x0, x20",
        "blr x19",
        "brk #1",
        ".cfi_endproc",
    )
}
