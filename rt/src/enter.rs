//! The way into compiled code and back.
//!
//! The rule: an activation is entered by `w2n_enter` and left either by a return or by `w2n_resume`,
//! which continues where `w2n_enter` would have returned, with a trap code. Only Wasm frames and
//! runtime functions that own nothing lie between, so nothing is skipped that had to be cleaned up.
//! Wasm code runs in a floating-point environment of its own: [`WASM_MXCSR`].

use core::mem::offset_of;
use core::sync::atomic::Ordering;

use w2n_abi::{HostPointer, LinkError, TrapCode, ValueSlot, VmHostFunc, W2nTrap};

use crate::activation::{self, Activation, Refusal, TrapRecord};
use crate::thread::{self, InRuntime, Thread};
use crate::trap;

#[cfg(target_arch = "x86_64")]
#[path = "enter/x86_64.rs"]
mod arch;

pub use arch::{Registers, is_signal_frame, registers, resume_at, set_thread_word, thread_word, timestamp};

const NO_STACK: &[u8] = b"no room for a stack";

/// `fn(code, instance, slots)`: an adapter from slots to the Wasm calling convention.
pub type ArrayEntry = unsafe extern "C" fn(HostPointer, HostPointer, *mut ValueSlot);

/// Control bits of MXCSR in Wasm code: rounding to nearest, no exceptions, subnormal numbers as they are.
const WASM_MXCSR: u32 = 0x1f80;

/// Exception flags of MXCSR. What Wasm code raises stays raised for the host, as from any function it calls.
const MXCSR_FLAGS: u32 = 0x3f;

/// Offsets for the assembly.
const ACTIVATION_OFFSET: usize = offset_of!(Thread, activation);
const HOST_SP_OFFSET: usize = offset_of!(Activation, host_sp);
const WASM_SP_OFFSET: usize = offset_of!(Activation, wasm_sp);
const WASM_FP_OFFSET: usize = offset_of!(Activation, wasm_fp);
const IN_HOST_OFFSET: usize = offset_of!(Thread, in_host);
const THREAD_OFFSET: usize = offset_of!(Activation, thread);
const EPOCH_OFFSET: usize = offset_of!(Activation, epoch);
const HOST_MXCSR_OFFSET: usize = offset_of!(Activation, host_mxcsr);
const MXCSR_OFFSET: usize = offset_of!(Activation, mxcsr);
const RECORD_PC_OFFSET: usize = offset_of!(Activation, record) + offset_of!(TrapRecord, pc);
const RECORD_FP_OFFSET: usize = offset_of!(Activation, record) + offset_of!(TrapRecord, fp);
const CALLBACK_OFFSET: usize = offset_of!(VmHostFunc<HostPointer>, callback);
const ENV_OFFSET: usize = offset_of!(VmHostFunc<HostPointer>, env);
const CALLER_OFFSET: usize = offset_of!(VmHostFunc<HostPointer>, caller);

#[allow(improper_ctypes, reason = "assembly knows the offsets of the fields that it uses, see above")]
unsafe extern "C" {
    fn w2n_enter(
        activation: *mut Activation,
        entry: ArrayEntry,
        code: HostPointer,
        instance: HostPointer,
        slots: *mut ValueSlot,
        stack_top: usize,
    ) -> u32;
}

/// Runs `entry(code, instance, slots)` on the Wasm stack. 0, or a status that `report` explains.
///
/// # Safety
/// The three belong together as the descriptor of a live instance says, and `slots` has the room
/// that the function's type asks for. `report` is null or valid for writing.
pub unsafe fn enter(
    entry: ArrayEntry,
    code: HostPointer,
    instance: HostPointer,
    slots: *mut ValueSlot,
    report: *mut W2nTrap,
) -> u32 {
    // SAFETY: the state of the calling thread, which nobody else uses.
    let Some(thread) = (unsafe { thread::current().as_mut() }) else {
        return trap::report_link_error(report, LinkError::OutOfMemory, NO_STACK);
    };
    let _in_runtime = InRuntime::begin(thread);
    thread.signal_stack.check();
    let activation = match activation::begin(thread) {
        Ok(activation) => activation,
        Err(Refusal::TooDeep) => return trap::report_without_frames(report, TrapCode::StackOverflow),
        Err(Refusal::OutOfMemory) => {
            return trap::report_link_error(report, LinkError::OutOfMemory, NO_STACK);
        }
    };
    // SAFETY: the activation was just made, its stack is mapped below `entry_sp`, and the caller vouches
    // for the rest.
    let code = unsafe {
        let entry_sp = (*activation).entry_sp;
        w2n_enter(activation, entry, code, instance, slots, entry_sp)
    };
    // A coroutine may have been moved to another thread.
    let thread = thread_word();
    // SAFETY: the activation is over: assembly and signal handler are done with it. The state is that of
    // the calling thread.
    unsafe {
        let status = if code == 0 { 0 } else { trap::report(report, code, &*activation, thread.as_mut()) };
        activation::end(activation, thread);
        status
    }
}

/// Called by the assembly of `w2n_host_call`, on the host's stack, when the host function has returned on
/// another thread than it was called on. 0, or the code of the trap that the call ends with.
unsafe extern "C" fn adopt(activation: *mut Activation) -> u32 {
    let thread = thread::current();
    // SAFETY: the activation is the one that goes on here.
    unsafe { (*activation).thread.store(thread, Ordering::Relaxed) };
    // SAFETY: the state of the calling thread.
    let Some(thread) = (unsafe { thread.as_mut() }) else { return TrapCode::HostError as u32 };
    thread.signal_stack.check();
    0
}

/// Called by the assembly of `w2n_trap` and `w2n_host_call`, on the host's stack, with pc and fp
/// recorded already. The code to resume with: host functions may answer any number.
extern "C" fn record_trap(_activation: *mut Activation, code: u32) -> u32 {
    TrapCode::from_number(code).unwrap_or(TrapCode::HostError) as u32
}

/// Called by the assembly of `w2n_trap_memory`, as [`record_trap`].
unsafe extern "C" fn record_memory_trap(
    activation: *mut Activation,
    instance: HostPointer,
    memory: u32,
    address: u64,
    length: u64,
) -> u32 {
    // SAFETY: the activation is the current one; compiled code passes its own instance and an index
    // that validation has checked.
    unsafe {
        let memory = &*crate::instance::memory_at(instance.cast(), memory);
        let record = &mut (*activation).record;
        record.flags = w2n_abi::TRAP_HAS_ADDRESS | w2n_abi::TRAP_HAS_LENGTH;
        record.fault_address = address;
        record.access_length = length;
        record.memory_length = memory.length_bytes;
    }
    TrapCode::MemoryOutOfBounds as u32
}

/// The calling thread's state with the activation whose Wasm code it may be running: `None` while the host
/// runs. Async-signal-safe.
pub fn running() -> Option<(*mut Thread, *mut Activation)> {
    let word = thread_word();
    // SAFETY: the word is null or points to the calling thread's state.
    let thread = unsafe { word.as_ref() }?;
    let in_host = thread.in_host.load(Ordering::Relaxed) != 0;
    (!in_host && !thread.activation.is_null()).then_some((word, thread.activation))
}
