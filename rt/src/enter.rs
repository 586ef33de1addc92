//! The way into compiled code and back.
//!
//! The rule: an activation is entered by `w2n_enter` and left either by a return or by `w2n_resume`,
//! which continues where `w2n_enter` would have returned, with a trap code. Only Wasm frames and
//! runtime functions that own nothing lie between, so nothing is skipped that had to be cleaned up.
//! Wasm code runs in a floating-point environment of its own: [`WASM_MXCSR`].

use core::mem::offset_of;
use core::sync::atomic::Ordering;

use w2n_abi::{HostInstance, HostPointer, LinkError, TrapCode, ValueSlot, VmHostFunc};

use crate::activation::{Activation, TrapRecord};
use crate::attach;
use crate::handle::Instance;
use crate::nesting::{self, Refusal};
use crate::thread::{InRuntime, Thread};
use crate::trap::Report;

#[cfg(target_arch = "x86_64")]
#[path = "enter/x86_64.rs"]
mod arch;

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
        activation: &Activation,
        entry: ArrayEntry,
        code: HostPointer,
        instance: HostPointer,
        slots: *mut ValueSlot,
        stack_top: usize,
    ) -> u32;
}

/// Runs `entry(code, instance, slots)` on the Wasm stack. 0, or a status that `report` explains.
///
/// # Safety Entry and code belong together and to the instance, as the descriptor of its module says, and
/// `slots` has the room that the function's type asks for.
pub unsafe fn enter(
    entry: ArrayEntry,
    code: HostPointer,
    instance: Instance,
    slots: *mut ValueSlot,
    report: Report,
) -> u32 {
    let Some(thread) = attach::current() else {
        return report.of_link_error(LinkError::OutOfMemory, NO_STACK);
    };
    let _in_runtime = InRuntime::begin(thread);
    thread.signal_stack().check();
    let activation = match nesting::begin(thread, instance) {
        Ok(activation) => activation,
        Err(Refusal::TooDeep) => return report.of_trap(TrapCode::StackOverflow, None),
        Err(Refusal::OutOfMemory) => return report.of_link_error(LinkError::OutOfMemory, NO_STACK),
    };
    let stack_top = activation.entry_sp.get();
    // SAFETY: the activation was just made, its stack is mapped below `stack_top`; the rest is as the caller
    // says.
    let code = unsafe { w2n_enter(activation, entry, code, instance.as_ptr().cast(), slots, stack_top) };
    // A coroutine may have been moved to another thread.
    let thread = Thread::existing();
    let status = if code == 0 { 0 } else { report.of_activation(code, activation, thread) };
    nesting::end(activation, thread);
    status
}

/// Called by the assembly of `w2n_host_call`, on the host's stack, when the host function has returned on
/// another thread than it was called on. 0, or the code of the trap that the call ends with.
extern "C" fn adopt(activation: &Activation) -> u32 {
    let thread = attach::current();
    activation.thread.store(thread.map_or(core::ptr::null_mut(), Thread::id), Ordering::Relaxed);
    let Some(thread) = thread else { return TrapCode::HostError as u32 };
    thread.signal_stack().check();
    0
}

/// Called by the assembly of `w2n_trap` and `w2n_host_call`, on the host's stack, with pc and fp
/// recorded already. The code to resume with: host functions may answer any number.
extern "C" fn record_trap(_activation: &Activation, code: u32) -> u32 {
    TrapCode::from_number(code).unwrap_or(TrapCode::HostError) as u32
}

/// Called by the assembly of `w2n_trap_memory`, as [`record_trap`].
extern "C" fn record_memory_trap(
    activation: &Activation,
    instance: *mut HostInstance,
    memory: u32,
    address: u64,
    length: u64,
) -> u32 {
    // SAFETY: compiled code passes its own instance.
    let memory = unsafe { Instance::new(instance) }.and_then(|instance| instance.memory(memory));
    if let Some(memory) = memory {
        activation.record.set(TrapRecord {
            flags: w2n_abi::TRAP_HAS_ADDRESS | w2n_abi::TRAP_HAS_LENGTH,
            fault_address: address,
            access_length: length,
            memory_length: memory.vm().length_bytes,
            ..activation.record.get()
        });
    }
    TrapCode::MemoryOutOfBounds as u32
}
