//! How activations begin and end: which one called which, and how much stack is left for the next.
//!
//! The rule: calls need not end in the reverse order of their beginning (see `activation.rs`), so who called
//! whom is a guess here, made so that a wrong one costs some stack and nothing else.

use core::ptr::null_mut;
use core::sync::atomic::Ordering;

use crate::activation::{Activation, Caller, TrapRecord};
use crate::handle::Instance;
use crate::stack::{Stack, approximate_stack_pointer};
use crate::thread::Thread;

/// Least Wasm stack that an activation begins with.
const MIN_STACK_BYTES: usize = 16 << 10;

/// How deep calls of the host and of Wasm may nest. Each level costs three pages or so.
const MAX_DEPTH: u32 = 4096;

/// What the frames of a host function take that calls Wasm again, on a stack of which we know nothing.
const HOST_FUNCTION_BYTES: usize = 8 << 10;

/// Why an activation could not be made.
pub enum Refusal {
    /// Host and Wasm call each other endlessly, or as good as.
    TooDeep,
    /// The system has no room for a stack.
    OutOfMemory,
}

/// Makes the calling thread's next activation, for a call into `instance`, and makes it the innermost.
pub fn begin(thread: &Thread, instance: Instance) -> Result<&'static Activation, Refusal> {
    let begin_sp = approximate_stack_pointer();
    let (mut caller, mut used_bytes, mut depth) = (Caller::NONE, 0, 0);
    if let Some(outer) = caller_of(thread, begin_sp) {
        (caller, used_bytes, depth) = (Caller::of(outer), outer.used_while_waiting(), outer.depth.get() + 1);
        if depth > MAX_DEPTH || !thread.host_stack_has_headroom(begin_sp) {
            return Err(Refusal::TooDeep);
        }
    }
    let (store, stack_bytes) = instance.store_of_call();
    let taken = thread.free().take(stack_bytes).ok_or(Refusal::OutOfMemory)?;
    let usable = taken.stack().map_or(0..0, Stack::usable);
    // As if all stacks of nested calls were one: together they are as large as one.
    if usable.len() < used_bytes + MIN_STACK_BYTES {
        thread.free().give_back(taken);
        return Err(Refusal::TooDeep);
    }
    let entry_sp = (usable.end - used_bytes) & !0xf;
    taken.entry_sp.set(entry_sp);
    taken.wasm_sp.set(entry_sp);
    taken.wasm_fp.set(0);
    taken.thread.store(thread.id(), Ordering::Relaxed);
    taken.caller.set(caller);
    taken.instance.set(Some(instance));
    taken.store.set(store);
    taken.record.set(TrapRecord::EMPTY);
    taken.used_bytes.set(used_bytes);
    taken.depth.set(depth);
    taken.begin_sp.set(begin_sp);
    thread.set_innermost(Some(taken));
    Ok(taken)
}

/// The activation whose host function calls Wasm again, as far as one can tell: a host function runs
/// further down the same stack. If it is a coroutine instead, the new activation is only the worse for
/// what the other one uses of its stack.
fn caller_of(thread: &Thread, begin_sp: usize) -> Option<&'static Activation> {
    let innermost = thread.innermost().filter(|innermost| innermost.is_on(thread.id()))?;
    let host_sp = innermost.host_sp.get();
    if begin_sp >= innermost.begin_sp.get().min(host_sp) {
        return None;
    }
    let is_near = host_sp - begin_sp <= HOST_FUNCTION_BYTES;
    (is_near || thread.host_stack_contains(begin_sp) && thread.host_stack_contains(host_sp))
        .then_some(innermost)
}

/// Ends an activation whose Wasm code never runs again. `thread` is the calling one, where it need not have
/// begun; `None` if it has no state.
pub fn end(activation: &'static Activation, thread: Option<&Thread>) {
    activation.next_epoch();
    activation.thread.store(null_mut(), Ordering::Relaxed);
    activation.instance.set(None);
    if let Some(stack) = activation.stack() {
        stack.close_reserve();
    }
    let Some(thread) = thread else { return activation.discard() };
    thread.set_innermost(activation.caller.get().waiting(thread.id()));
    thread.free().give_back(activation);
}
