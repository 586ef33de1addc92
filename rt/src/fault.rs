//! What a fault means: a trap of Wasm code, a signal handler of the host that needs room, or nothing of ours.
//!
//! The rule: a frame of the host is never resumed over. A fault in a memory or at the end of a Wasm stack
//! is classified by its address, not by the code that touched it (LLVM turns loops into calls of libc); but
//! it is Wasm's only if the thread runs Wasm code on that stack and no handler of the host came on top.

use w2n_abi::{TRAP_HAS_ADDRESS, TrapCode};

use crate::activation::{Activation, TrapRecord};
use crate::stack::Stack;
use crate::sys::{self, Context, Fault, Registers};
use crate::{code, registry, thread};

/// Larger than any signal frame: with less room than this the kernel may have failed to make one.
const MAX_SIGNAL_FRAME_BYTES: usize = 32 << 10;

unsafe extern "C" {
    /// Where an activation ends: `(activation, code)`. It is in the assembly of `enter.rs`.
    fn w2n_resume();
}

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
pub fn handle(fault: &Fault, context: &mut Context) -> bool {
    let Some((_, activation)) = thread::running() else { return false };
    let registers = sys::registers(context);
    let Some(who) = interrupted(activation, &registers) else { return false };
    let &Fault { address, is_without_address } = fault;
    if let Some(stack) = activation.stack() {
        if is_without_address && registers.sp < stack.lowest_open() + MAX_SIGNAL_FRAME_BYTES {
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
    let memory = memory.get();
    activation.record.set(TrapRecord {
        flags: TRAP_HAS_ADDRESS,
        fault_address: (address as u64).wrapping_sub(memory.base as u64),
        memory_length: memory.length_bytes,
        ..activation.record.get()
    });
    stop(activation, context, TrapCode::MemoryOutOfBounds)
}

/// Ends the activation with a trap. Only for Wasm code that was interrupted.
pub fn stop(activation: &Activation, context: &mut Context, code: TrapCode) -> bool {
    let Registers { pc, fp, sp } = sys::registers(context);
    activation.record.set(TrapRecord { pc, fp, sp, is_fault: true, ..activation.record.get() });
    let resume = w2n_resume as *const () as usize;
    sys::resume_at(context, resume, core::ptr::from_ref(activation) as usize, code as u32);
    true
}

/// Whether Wasm code was interrupted, on its stack and with no handler of the host on top.
pub fn is_wasm(activation: &Activation, registers: &Registers) -> bool {
    interrupted(activation, registers) == Some(Interrupted::Wasm)
}

/// Who was interrupted, if it was on the activation's stack.
fn interrupted(activation: &Activation, registers: &Registers) -> Option<Interrupted> {
    let lowest = activation.stack().map_or(usize::MAX, |stack| stack.below().start);
    if registers.sp < lowest || registers.sp > activation.entry_sp.get() {
        return None;
    }
    let open = activation.stack().map_or(usize::MAX, Stack::lowest_open);
    let start = registers.sp.max(open).next_multiple_of(size_of::<usize>());
    let end = activation.entry_sp.get();
    // No handler of the host runs compiled code: the API refuses that. Nor does one leave the address of
    // compiled code on top of its stack, as a call of a leaf function of libc does.
    // SAFETY: the stack is accessible from there to its end.
    let on_top = || start < end && code::contains(unsafe { *(start as *const usize) });
    if code::contains(registers.pc) || on_top() {
        return Some(Interrupted::Wasm);
    }
    // SAFETY: as above.
    let is_below_handler =
        (start..end).step_by(size_of::<usize>()).any(|address| unsafe { sys::is_signal_frame(address, end) });
    Some(if is_below_handler { Interrupted::HostHandler } else { Interrupted::Wasm })
}

/// The kernel found no room on the Wasm stack for a signal of the host whose handler has no SA_ONSTACK. The
/// signal is gone, and nobody says which one it was.
fn handle_lost_signal(activation: &Activation, who: Interrupted, context: &mut Context) -> bool {
    let is_opened = activation.stack().is_some_and(Stack::open_reserve);
    // Where only one can have been it, it comes again, now that there is room.
    if is_opened && sys::send_lost_signal_again(context) {
        return true;
    }
    match who {
        Interrupted::Wasm => stop(activation, context, TrapCode::StackOverflow),
        Interrupted::HostHandler => is_opened,
    }
}
