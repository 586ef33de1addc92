//! What compiled code calls, but for what is assembly (`enter.rs`) and the loop checks (`loop_check.rs`).
//!
//! The rule: these run on the Wasm stack, so they call libc only with room for it; they answer trap codes and
//! never trap. Compiled code passes its own instance, and indices and references that validation has checked.

use w2n_abi::{HostInstance, HostPointer, TrapCode};

use crate::handle::Instance;
use crate::table::Reference;
use crate::thread::wasm_stack_has_headroom;

/// The instance of the code that calls.
///
/// # Safety
/// It is.
unsafe fn own(instance: HostPointer) -> Option<Instance> {
    // SAFETY: the instance lives as long as its code runs, on the calling thread.
    unsafe { Instance::new(instance.cast::<HostInstance>()) }
}

/// The number that compiled code checks: 0, or the trap.
fn status(result: Option<Result<(), TrapCode>>) -> u32 {
    result.unwrap_or(Err(TrapCode::TableOutOfBounds)).map_or_else(|code| code as u32, |()| 0)
}

/// See [`w2n_abi::RtFunc::MemoryGrow`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_memory_grow(instance: HostPointer, memory: u32, delta_pages: u64) -> i64 {
    if !wasm_stack_has_headroom() {
        return -1;
    }
    // SAFETY: compiled code passes its own.
    let memory = unsafe { own(instance) }.and_then(|instance| instance.memory(memory));
    memory.and_then(|memory| memory.grow(delta_pages)).map_or(-1, |old_pages| old_pages as i64)
}

/// See [`w2n_abi::RtFunc::TableGrow`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_table_grow(
    instance: HostPointer,
    table: u32,
    value: HostPointer,
    delta: u64,
) -> i64 {
    if !wasm_stack_has_headroom() {
        return -1;
    }
    // SAFETY: compiled code passes its own, and a reference of the table's type.
    let (instance, value) = unsafe { (own(instance), Reference::new(value)) };
    let table = instance.and_then(|instance| instance.table(table));
    table.and_then(|table| table.grow(value, delta)).map_or(-1, |length| length as i64)
}

/// See [`w2n_abi::RtFunc::TableFill`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_table_fill(
    instance: HostPointer,
    table: u32,
    start: u64,
    value: HostPointer,
    length: u64,
) -> u32 {
    // SAFETY: compiled code passes its own, and a reference of the table's type.
    let (instance, value) = unsafe { (own(instance), Reference::new(value)) };
    let table = instance.and_then(|instance| instance.table(table));
    status(table.map(|table| table.fill(start, value, length)))
}

/// See [`w2n_abi::RtFunc::TableCopy`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_table_copy(
    instance: HostPointer,
    destination_table: u32,
    source_table: u32,
    destination: u64,
    source: u64,
    length: u64,
) -> u32 {
    // SAFETY: compiled code passes its own.
    let instance = unsafe { own(instance) };
    let tables = instance.and_then(|all| Some((all.table(destination_table)?, all.table(source_table)?)));
    status(tables.map(|(to, from)| to.copy(from, destination, source, length)))
}

/// See [`w2n_abi::RtFunc::TableInit`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_table_init(
    instance: HostPointer,
    table: u32,
    segment: u32,
    destination: u64,
    source: u64,
    length: u64,
) -> u32 {
    // SAFETY: compiled code passes its own.
    let instance = unsafe { own(instance) };
    let both = instance.and_then(|all| Some((all.table(table)?, all.element_segment(segment)?)));
    status(both.map(|(table, segment)| table.init(segment.references(), destination, source, length)))
}

/// See [`w2n_abi::RtFunc::ElemDrop`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_elem_drop(instance: HostPointer, segment: u32) {
    // SAFETY: compiled code passes its own.
    let instance = unsafe { own(instance) };
    if let Some(segment) = instance.and_then(|instance| instance.element_segment(segment)) {
        segment.drop_values();
    }
}
