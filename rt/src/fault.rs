//! What a fault means: a trap of Wasm code, a signal handler of the host that needs room, or nothing of ours.
//!
//! The rule: a frame of the host is never resumed over. A fault in a memory or at the end of a Wasm stack
//! is classified by its address, not by the code that touched it (LLVM turns loops into calls of libc); but
//! it is Wasm's only if the thread runs Wasm code on that stack and no handler of the host came on top.

use core::ffi::c_int;
use core::mem::zeroed;
use core::ptr::null;

use w2n_abi::{TRAP_HAS_ADDRESS, TrapCode};

use crate::activation::Activation;
use crate::enter::{self, Registers};
use crate::stack::Stack;
use crate::{code, registry};

/// Larger than any signal frame: with less room than this the kernel may have failed to make one.
const MAX_SIGNAL_FRAME_BYTES: usize = 32 << 10;

/// `si_code` of a fault that the kernel reports without an address.
const SI_KERNEL: c_int = 0x80;

/// The highest number of a signal.
const LAST_SIGNAL: c_int = 64;

/// Who was interrupted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Interrupted {
    /// Wasm code, or a function of the runtime or of libc that it called.
    Wasm,
    /// A signal handler of the host that interrupted Wasm code and runs on its stack.
    HostHandler,
}

/// Deals with a fault if it is ours; the interrupted thread then goes on as the context says.
/// Async-signal-safe.
pub fn handle(info: &libc::siginfo_t, context: &mut libc::ucontext_t) -> bool {
    if info.si_code <= 0 {
        return false;
    }
    let Some((_, activation)) = enter::running() else { return false };
    // SAFETY: memory of activations is never used for anything else, and this thread's innermost one is
    // used by nobody else while its Wasm code, or a handler that interrupted that, is interrupted.
    let activation = unsafe { &mut *activation };
    let registers = enter::registers(context);
    let Some(who) = interrupted(activation, &registers) else { return false };
    // SAFETY: SIGSEGV and SIGBUS come with an address.
    let address = unsafe { info.si_addr() } as usize;
    if let Some(stack) = activation.stack.as_mut() {
        if info.si_code == SI_KERNEL && registers.sp < stack.lowest_open() + MAX_SIGNAL_FRAME_BYTES {
            return handle_lost_signal(activation, who, context);
        }
        if stack.below().contains(&address) {
            return match who {
                Interrupted::Wasm => stop(activation, context, TrapCode::StackOverflow),
                Interrupted::HostHandler => address < stack.lowest_open() && stack.open_reserve(),
            };
        }
    }
    // The host's own fault, even if it is in a guest's memory.
    if who == Interrupted::HostHandler {
        return false;
    }
    let Some(memory) = registry::find(address) else { return false };
    // SAFETY: the thread was just using this memory, so it exists.
    let memory = unsafe { &*memory };
    let record = &mut activation.record;
    record.flags = TRAP_HAS_ADDRESS;
    record.fault_address = (address as u64).wrapping_sub(memory.base as u64);
    record.memory_length = memory.length_bytes;
    stop(activation, context, TrapCode::MemoryOutOfBounds)
}

/// Ends the activation with a trap. Only for Wasm code that was interrupted.
pub fn stop(activation: &mut Activation, context: &mut libc::ucontext_t, code: TrapCode) -> bool {
    let registers = enter::registers(context);
    let record = &mut activation.record;
    (record.pc, record.fp, record.sp) = (registers.pc, registers.fp, registers.sp);
    record.is_fault = true;
    enter::resume_at(context, activation, code as u32);
    true
}

/// Whether Wasm code was interrupted, on its stack and with no handler of the host on top.
pub fn is_wasm(activation: &Activation, registers: &Registers) -> bool {
    interrupted(activation, registers) == Some(Interrupted::Wasm)
}

/// Who was interrupted, if it was on the activation's stack.
fn interrupted(activation: &Activation, registers: &Registers) -> Option<Interrupted> {
    let lowest = activation.stack.as_ref().map_or(usize::MAX, |stack| stack.below().start);
    if registers.sp < lowest || registers.sp > activation.entry_sp {
        return None;
    }
    let open = activation.stack.as_ref().map_or(usize::MAX, Stack::lowest_open);
    let start = registers.sp.max(open).next_multiple_of(size_of::<usize>());
    let end = activation.entry_sp;
    // No handler of the host runs compiled code: the API refuses that. Nor does one leave the address of
    // compiled code on top of its stack, as a call of a leaf function of libc does.
    // SAFETY: the stack is accessible from there to its end.
    let on_top = || start < end && code::contains(unsafe { *(start as *const usize) });
    if code::contains(registers.pc) || on_top() {
        return Some(Interrupted::Wasm);
    }
    // SAFETY: as above.
    let is_below_handler = (start..end)
        .step_by(size_of::<usize>())
        .any(|address| unsafe { enter::is_signal_frame(address, end) });
    Some(if is_below_handler { Interrupted::HostHandler } else { Interrupted::Wasm })
}

/// The kernel found no room on the Wasm stack for a signal of the host whose handler has no SA_ONSTACK. The
/// signal is gone, and nobody says which one it was.
fn handle_lost_signal(activation: &mut Activation, who: Interrupted, context: &mut libc::ucontext_t) -> bool {
    let is_opened = activation.stack.as_mut().is_some_and(Stack::open_reserve);
    // Where only one can have been it, it comes again, now that there is room.
    if is_opened && only_signal_without_stack(&context.uc_sigmask).is_some_and(send_again) {
        return true;
    }
    match who {
        Interrupted::Wasm => stop(activation, context, TrapCode::StackOverflow),
        Interrupted::HostHandler => is_opened,
    }
}

/// The signal that a handler without SA_ONSTACK gets, if there is just one that is not blocked.
fn only_signal_without_stack(blocked: &libc::sigset_t) -> Option<c_int> {
    let is_candidate = |signal: &c_int| {
        // SAFETY: `sigaction` only writes what is passed, for which zeros are valid.
        let action: libc::sigaction = unsafe {
            let mut action = zeroed();
            if libc::sigismember(blocked, *signal) != 0 || libc::sigaction(*signal, null(), &mut action) != 0
            {
                return false;
            }
            action
        };
        action.sa_flags & libc::SA_ONSTACK == 0
            && ![libc::SIG_DFL, libc::SIG_IGN].contains(&action.sa_sigaction)
    };
    let mut candidates = (1..=LAST_SIGNAL).filter(is_candidate);
    candidates.next().filter(|_| candidates.next().is_none())
}

/// Sends the signal to the calling thread, for when the handler that calls this has returned.
fn send_again(signal: c_int) -> bool {
    // The function of the C library for this is newer than the oldest glibc that programs start on.
    // SAFETY: plain system calls. All signals are blocked in our handler (`signal.rs`), and those of the
    // interrupted thread are not when it has returned.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), libc::syscall(libc::SYS_gettid), signal) == 0 }
}
