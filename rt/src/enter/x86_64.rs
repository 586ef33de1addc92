//! x86-64 System V: the assembly under `enter.rs`, and the registers of an interrupted thread.
//!
//! The rule: `w2n_enter` leaves the host's stack pointer 16-byte aligned in the activation, right
//! above nothing that is needed, so host functions and trap recording run just below it. Whoever was
//! interrupted on a Wasm stack finds `in_host` 0: it is 1 only where the stack is the host's.

use core::arch::{asm, global_asm};
use core::mem::size_of;

use super::*;

global_asm!(
    // The one thread-local word: *mut Thread.
    ".pushsection .tbss.w2n_thread,\"awT\",@nobits",
    ".p2align 3",
    ".globl w2n_thread",
    ".hidden w2n_thread",
    ".type w2n_thread,@object",
    ".size w2n_thread,8",
    "w2n_thread:",
    ".zero 8",
    ".popsection",
    ".text",
    // u32 w2n_enter(activation rdi, entry rsi, code rdx, instance rcx, slots r8, stack_top r9)
    ".globl w2n_enter",
    ".hidden w2n_enter",
    ".type w2n_enter,@function",
    "w2n_enter:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbp, -16",
    "mov rbp, rsp",
    ".cfi_def_cfa_register rbp",
    "push rbx",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "sub rsp, 8",
    "mov [rdi + {host_sp}], rsp",
    "stmxcsr [rdi + {host_mxcsr}]",
    "mov eax, [rdi + {host_mxcsr}]",
    "and eax, {mxcsr_control}",
    "cmp eax, {wasm_mxcsr}",
    "jne 5f",
    "4:",
    "mov rbx, rdi",
    "mov rax, rsi",
    "mov rdi, rdx",
    "mov rsi, rcx",
    "mov rdx, r8",
    "mov rsp, r9",
    "call rax",
    "mov rdi, rbx",
    "xor esi, esi",
    "jmp w2n_resume",
    "5:",
    "ldmxcsr [rip + w2n_wasm_mxcsr]",
    "jmp 4b",
    ".cfi_endproc",
    ".size w2n_enter, .-w2n_enter",
    ".pushsection .rodata.w2n_wasm_mxcsr,\"a\",@progbits",
    ".p2align 2",
    "w2n_wasm_mxcsr:",
    ".long {wasm_mxcsr}",
    ".popsection",
    // w2n_host_mxcsr(activation rdi): the host's control bits with all flags that were raised. Leaves all
    // registers but ecx alone.
    ".type w2n_host_mxcsr,@function",
    "w2n_host_mxcsr:",
    "stmxcsr [rdi + {mxcsr}]",
    "mov ecx, [rdi + {mxcsr}]",
    "and ecx, {mxcsr_flags}",
    "or ecx, [rdi + {host_mxcsr}]",
    "mov [rdi + {mxcsr}], ecx",
    "ldmxcsr [rdi + {mxcsr}]",
    "ret",
    ".size w2n_host_mxcsr, .-w2n_host_mxcsr",
    // w2n_resume(activation rdi, code esi)
    ".globl w2n_resume",
    ".hidden w2n_resume",
    ".type w2n_resume,@function",
    "w2n_resume:",
    "mov rsp, [rdi + {host_sp}]",
    "mov eax, esi",
    "mov ecx, [rdi + {host_mxcsr}]",
    "and ecx, {mxcsr_control}",
    "cmp ecx, {wasm_mxcsr}",
    "jne 7f",
    "6:",
    // A fault inside a string instruction of libc may leave the direction flag set.
    "cld",
    "add rsp, 8",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "pop rbp",
    "ret",
    "7:",
    "call w2n_host_mxcsr",
    "jmp 6b",
    ".size w2n_resume, .-w2n_resume",
    // noreturn w2n_trap(instance rdi, code esi)
    ".globl w2n_trap",
    ".type w2n_trap,@function",
    "w2n_trap:",
    "mov rdx, [rsp]",
    "mov rcx, rbp",
    "mov rax, [rip + w2n_thread@GOTTPOFF]",
    "mov rax, fs:[rax]",
    "mov rbx, [rax + {activation}]",
    // raise: activation rbx, code esi, pc rdx, fp rcx
    "2:",
    "mov [rbx + {pc}], rdx",
    "mov [rbx + {fp}], rcx",
    "mov rsp, [rbx + {host_sp}]",
    "mov rdi, rbx",
    "call {record_trap}",
    "mov rdi, rbx",
    "mov esi, eax",
    "jmp w2n_resume",
    ".size w2n_trap, .-w2n_trap",
    // noreturn w2n_trap_memory(instance rdi, memory esi, address rdx, length rcx)
    ".globl w2n_trap_memory",
    ".type w2n_trap_memory,@function",
    "w2n_trap_memory:",
    "mov rax, [rip + w2n_thread@GOTTPOFF]",
    "mov rax, fs:[rax]",
    "mov rbx, [rax + {activation}]",
    "mov rax, [rsp]",
    "mov [rbx + {pc}], rax",
    "mov [rbx + {fp}], rbp",
    "mov rsp, [rbx + {host_sp}]",
    "mov r8, rcx",
    "mov rcx, rdx",
    "mov edx, esi",
    "mov rsi, rdi",
    "mov rdi, rbx",
    "call {record_memory_trap}",
    "mov rdi, rbx",
    "mov esi, eax",
    "jmp w2n_resume",
    ".size w2n_trap_memory, .-w2n_trap_memory",
    // w2n_host_call(VmHostFunc rdi, slots rsi)
    ".globl w2n_host_call",
    ".type w2n_host_call,@function",
    "w2n_host_call:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbp, -16",
    "mov rbp, rsp",
    ".cfi_def_cfa_register rbp",
    "push rbx",
    "sub rsp, 8",
    "mov rax, [rip + w2n_thread@GOTTPOFF]",
    "mov rax, fs:[rax]",
    "mov rbx, [rax + {activation}]",
    "mov [rbx + {wasm_sp}], rsp",
    "mov [rbx + {wasm_fp}], rbp",
    "mov rdx, rsi",
    "mov r8, [rdi + {callback}]",
    "mov rsi, [rdi + {caller}]",
    "mov r9, [rdi + {env}]",
    "mov rsp, [rbx + {host_sp}]",
    "mov ecx, [rbx + {host_mxcsr}]",
    "and ecx, {mxcsr_control}",
    "cmp ecx, {wasm_mxcsr}",
    "jne 8f",
    "4:",
    "mov rdi, r9",
    "mov dword ptr [rax + {in_host}], 1",
    "call r8",
    // The host may have run on coroutines: what is known of before is rbx alone.
    "mov rcx, [rip + w2n_thread@GOTTPOFF]",
    "mov rcx, fs:[rcx]",
    "cmp rcx, [rbx + {thread}]",
    "jne 9f",
    "5:",
    "mov [rcx + {activation}], rbx",
    "mov dword ptr [rcx + {in_host}], 0",
    "6:",
    "inc qword ptr [rbx + {epoch}]",
    "stmxcsr [rbx + {host_mxcsr}]",
    "mov ecx, [rbx + {host_mxcsr}]",
    "and ecx, {mxcsr_control}",
    "cmp ecx, {wasm_mxcsr}",
    "jne 22f",
    "7:",
    "mov rsp, [rbx + {wasm_sp}]",
    "test eax, eax",
    "jne 3f",
    "add rsp, 8",
    "pop rbx",
    "pop rbp",
    "ret",
    "8:",
    "mov rdi, rbx",
    "call w2n_host_mxcsr",
    "jmp 4b",
    "22:",
    "ldmxcsr [rip + w2n_wasm_mxcsr]",
    "jmp 7b",
    // On another thread: code eax, which becomes that of `adopt` unless there is one already.
    "9:",
    "sub rsp, 16",
    "mov [rsp], eax",
    "mov rdi, rbx",
    "call {adopt}",
    "mov ecx, [rsp]",
    "add rsp, 16",
    "test ecx, ecx",
    "cmovne eax, ecx",
    "mov rcx, [rip + w2n_thread@GOTTPOFF]",
    "mov rcx, fs:[rcx]",
    "test rcx, rcx",
    "jne 5b",
    "jmp 6b",
    "3:",
    "mov esi, eax",
    "mov rdx, [rbp + 8]",
    "mov rcx, [rbp]",
    "jmp 2b",
    ".cfi_endproc",
    ".size w2n_host_call, .-w2n_host_call",
    activation = const ACTIVATION_OFFSET,
    host_sp = const HOST_SP_OFFSET,
    wasm_sp = const WASM_SP_OFFSET,
    wasm_fp = const WASM_FP_OFFSET,
    in_host = const IN_HOST_OFFSET,
    pc = const RECORD_PC_OFFSET,
    fp = const RECORD_FP_OFFSET,
    callback = const CALLBACK_OFFSET,
    env = const ENV_OFFSET,
    caller = const CALLER_OFFSET,
    thread = const THREAD_OFFSET,
    epoch = const EPOCH_OFFSET,
    host_mxcsr = const HOST_MXCSR_OFFSET,
    mxcsr = const MXCSR_OFFSET,
    wasm_mxcsr = const WASM_MXCSR,
    mxcsr_flags = const MXCSR_FLAGS,
    mxcsr_control = const !(MXCSR_FLAGS as i32),
    adopt = sym adopt,
    record_trap = sym record_trap,
    record_memory_trap = sym record_memory_trap,
);

unsafe extern "C" {
    fn w2n_resume();
}

/// The calling thread's state; null before it has any. Async-signal-safe.
pub fn thread_word() -> *mut Thread {
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
pub fn set_thread_word(thread: *mut Thread) {
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
pub fn registers(context: &libc::ucontext_t) -> Registers {
    let register = |number: i32| context.uc_mcontext.gregs[number as usize] as usize;
    Registers { pc: register(libc::REG_RIP), fp: register(libc::REG_RBP), sp: register(libc::REG_RSP) }
}

/// Makes the interrupted thread go on in `w2n_resume(activation, code)`.
pub fn resume_at(context: &mut libc::ucontext_t, activation: *mut Activation, code: u32) {
    let registers = &mut context.uc_mcontext.gregs;
    registers[libc::REG_RIP as usize] = w2n_resume as *const () as i64;
    registers[libc::REG_RDI as usize] = activation as i64;
    registers[libc::REG_RSI as usize] = i64::from(code);
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
    let end = address + SIGNAL_CONTEXT_OFFSET + size_of::<libc::ucontext_t>();
    let context = (address + SIGNAL_CONTEXT_OFFSET) as *const libc::ucontext_t;
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
