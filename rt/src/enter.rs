//! The way into compiled code and back: activations.
//!
//! The rule: an activation is entered by `w2n_enter` and left either by a return or by `w2n_resume`,
//! which continues where `w2n_enter` would have returned, with a trap code. Only Wasm frames and
//! runtime functions that own nothing lie between, so nothing is skipped that had to be cleaned up.

use core::mem::offset_of;
use core::ptr::null_mut;

use w2n_abi::{HostPointer, LinkError, TrapCode, ValueSlot, VmHostFunc, W2nTrap};

use crate::thread::{self, Thread};
use crate::trap;

#[cfg(target_arch = "x86_64")]
#[path = "enter/x86_64.rs"]
mod arch;

pub use arch::{registers, resume_at, set_thread_word, thread_word};

/// `fn(code, instance, slots)`: an adapter from slots to the Wasm calling convention.
pub type ArrayEntry = unsafe extern "C" fn(HostPointer, HostPointer, *mut ValueSlot);

/// Bytes below a stack pointer that compiled code may use without moving it.
const RED_ZONE_BYTES: usize = 128;

/// A call from the host into Wasm that is under way. Assembly reads and writes it.
#[repr(C)]
pub struct Activation {
    /// Host stack pointer to resume at; host functions run below it.
    pub host_sp: usize,
    /// Wasm stack pointer at the last call of a host function.
    pub wasm_sp: usize,
    /// Frame pointer at the last call of a host function.
    pub wasm_fp: usize,
    /// 1 while a host function runs: a fault is not Wasm's then.
    pub in_host: u32,
    /// Zero.
    pub reserved: u32,
    /// Wasm stack pointer at entry: the end of this activation's frames.
    pub entry_sp: usize,
    /// The activation that called the host function that called this one.
    pub previous: *mut Activation,
    /// What ended it, if something did.
    pub record: TrapRecord,
}

/// Where and why an activation ended.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TrapRecord {
    /// Address of the instruction that faulted, or behind the call of `w2n_trap`.
    pub pc: usize,
    /// Frame pointer there.
    pub fp: usize,
    /// Stack pointer there, when `is_fault`.
    pub sp: usize,
    /// Whether `pc` is that of an instruction that faulted.
    pub is_fault: bool,
    /// [`w2n_abi::TRAP_HAS_ADDRESS`] and [`w2n_abi::TRAP_HAS_LENGTH`], for the fields below.
    pub flags: u32,
    /// As in [`W2nTrap`].
    pub fault_address: u64,
    /// As in [`W2nTrap`].
    pub access_length: u64,
    /// As in [`W2nTrap`].
    pub memory_length: u64,
}

impl TrapRecord {
    const EMPTY: Self = Self {
        pc: 0,
        fp: 0,
        sp: 0,
        is_fault: false,
        flags: 0,
        fault_address: 0,
        access_length: 0,
        memory_length: 0,
    };
}

/// Offsets for the assembly.
const ACTIVATION_OFFSET: usize = offset_of!(Thread, activation);
const HOST_SP_OFFSET: usize = offset_of!(Activation, host_sp);
const WASM_SP_OFFSET: usize = offset_of!(Activation, wasm_sp);
const WASM_FP_OFFSET: usize = offset_of!(Activation, wasm_fp);
const IN_HOST_OFFSET: usize = offset_of!(Activation, in_host);
const RECORD_PC_OFFSET: usize = offset_of!(Activation, record) + offset_of!(TrapRecord, pc);
const RECORD_FP_OFFSET: usize = offset_of!(Activation, record) + offset_of!(TrapRecord, fp);
const CALLBACK_OFFSET: usize = offset_of!(VmHostFunc<HostPointer>, callback);
const ENV_OFFSET: usize = offset_of!(VmHostFunc<HostPointer>, env);
const CALLER_OFFSET: usize = offset_of!(VmHostFunc<HostPointer>, caller);

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
    let thread = thread::current();
    // SAFETY: the state of the calling thread, which nobody else uses.
    let Some(state) = (unsafe { thread.as_mut() }) else {
        return trap::report_link_error(report, LinkError::OutOfMemory, b"no room for a stack");
    };
    let previous = state.activation;
    let Some(entry_sp) = stack_top(state) else {
        return trap::report_without_frames(report, TrapCode::StackOverflow);
    };
    let mut activation = Activation {
        host_sp: 0,
        wasm_sp: 0,
        wasm_fp: 0,
        in_host: 0,
        reserved: 0,
        entry_sp,
        previous,
        record: TrapRecord::EMPTY,
    };
    let activation = &raw mut activation;
    state.activation = activation;
    // SAFETY: the stack is mapped below `entry_sp`, and the caller vouches for the rest.
    let code = unsafe { w2n_enter(activation, entry, code, instance, slots, entry_sp) };
    // SAFETY: `thread` and `activation` are still alive; assembly and signal handler are done with them.
    unsafe {
        (*thread).activation = previous;
        if code != 0 { trap::report(report, code, &*activation, &mut *thread) } else { 0 }
    }
}

/// Where a new activation's frames begin: under those of the activation whose host function calls.
fn stack_top(thread: &mut Thread) -> Option<usize> {
    // SAFETY: an activation lives until `enter` takes it off the list.
    let Some(previous) = (unsafe { thread.activation.as_ref() }) else {
        return Some(thread.stack.usable().end);
    };
    let top = (previous.wasm_sp - RED_ZONE_BYTES) & !0xf;
    // What is left of the Wasm stack need not be checked: the guard does that.
    (top > thread.stack.usable().start && thread.host_stack_has_headroom()).then_some(top)
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

/// The calling thread's innermost activation, or null. Async-signal-safe.
pub fn current_activation() -> *mut Activation {
    let thread = thread_word();
    // SAFETY: the word is null or points to the calling thread's state.
    unsafe { thread.as_ref() }.map_or(null_mut(), |thread| thread.activation)
}
