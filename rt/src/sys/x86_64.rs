//! x86-64: the word of each thread, and the registers of an interrupted one as Linux keeps them.
//!
//! The rule: all of it may be called in a signal handler.

use core::arch::{asm, global_asm};
use core::ffi::c_void;
use core::mem::size_of;

use super::Context;

global_asm!(
    // The one thread-local word.
    ".pushsection .tbss.w2n_thread,\"awT\",@nobits",
    ".p2align 3",
    ".globl w2n_thread",
    ".hidden w2n_thread",
    ".type w2n_thread,@object",
    ".size w2n_thread,8",
    "w2n_thread:",
    ".zero 8",
    ".popsection",
);

/// The calling thread's state; null before it has any. Async-signal-safe.
pub fn thread_word() -> *mut c_void {
    let thread;
    // SAFETY: reads the thread-local word that is defined above.
    unsafe {
        asm!(
            "mov {0}, qword ptr [rip + w2n_thread@GOTTPOFF]",
            "mov {0}, qword ptr fs:[{0}]",
            out(reg) thread,
            options(nostack, preserves_flags, readonly),
        );
    }
    thread
}

/// Sets what [`thread_word`] answers.
pub fn set_thread_word(thread: *mut c_void) {
    // SAFETY: writes the thread-local word that is defined above.
    unsafe {
        asm!(
            "mov {offset}, qword ptr [rip + w2n_thread@GOTTPOFF]",
            "mov qword ptr fs:[{offset}], {thread}",
            offset = out(reg) _,
            thread = in(reg) thread,
            options(nostack, preserves_flags),
        );
    }
}

/// What of an interrupted thread's registers a trap record holds.
pub struct Registers {
    /// Address of the instruction.
    pub pc: usize,
    /// Frame pointer.
    pub fp: usize,
    /// Stack pointer.
    pub sp: usize,
}

/// The registers of the thread that a signal interrupted.
pub fn registers(context: &Context) -> Registers {
    let register = |number: i32| context.uc_mcontext.gregs[number as usize] as usize;
    Registers { pc: register(libc::REG_RIP), fp: register(libc::REG_RBP), sp: register(libc::REG_RSP) }
}

/// Makes the interrupted thread go on in `code(first, second)`, which never returns and needs no stack.
pub fn resume_at(context: &mut Context, code: usize, first: usize, second: u32) {
    let registers = &mut context.uc_mcontext.gregs;
    registers[libc::REG_RIP as usize] = code as i64;
    registers[libc::REG_RDI as usize] = first as i64;
    registers[libc::REG_RSI as usize] = i64::from(second);
}

/// A number that grows with time, in far less time than a system call takes.
pub fn timestamp() -> u64 {
    // SAFETY: every x86-64 processor has the instruction.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Selector of 64-bit code of user space.
const USER_CODE_SEGMENT: i64 = 0x33;

/// Bytes from a signal frame's start, the address that its handler returns to, to the interrupted context.
const SIGNAL_CONTEXT_OFFSET: usize = 8;

/// Whether the kernel made a signal frame at `address`: a signal handler that has not returned runs below
/// it. No guest can forge one without knowing where its stack is. Async-signal-safe.
///
/// # Safety
/// Everything from `address` to `stack_end` can be read, and `address` is a multiple of 8.
pub unsafe fn is_signal_frame(address: usize, stack_end: usize) -> bool {
    let end = address + SIGNAL_CONTEXT_OFFSET + size_of::<Context>();
    let context = (address + SIGNAL_CONTEXT_OFFSET) as *const Context;
    if end > stack_end || !context.is_aligned() {
        return false;
    }
    // SAFETY: all of the context can be read, and any bytes make one.
    let context = unsafe { &*context };
    const KNOWN_FLAGS: u64 = 0xf;
    let registers = &context.uc_mcontext.gregs;
    let sp = registers[libc::REG_RSP as usize] as usize;
    let float_state = context.uc_mcontext.fpregs as usize;
    context.uc_flags <= KNOWN_FLAGS
        && context.uc_link.is_null()
        && registers[libc::REG_CSGSFS as usize] & 0xffff == USER_CODE_SEGMENT
        && (address + 1..=stack_end).contains(&sp)
        && (address + SIGNAL_CONTEXT_OFFSET..sp).contains(&float_state)
        && float_state.is_multiple_of(16)
}
