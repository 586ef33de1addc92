//! Tables: an array of elements that may move when it grows.
//!
//! The rule: an element of a function table is a copy of the function reference it holds, made here
//! and in compiled `table.set` alone; bounds are checked as whole ranges before anything is written.

use alloc::boxed::Box;
use core::mem::size_of;
use core::ptr::{self, null_mut};

use w2n_abi::{
    ExternDescriptor, HostFuncRef, HostPointer, MAX_TABLE_ELEMENTS, TrapCode, ValueType, VmTable,
    VmTableEntry,
};

use crate::{budget, instance, thread, types};

/// A table as compiled code sees it.
pub type HostTable = VmTable<HostPointer>;
type Entry = VmTableEntry<HostPointer>;

/// A table and the array that it owns.
#[repr(C)]
pub struct Table {
    /// What compiled code sees. First, so that a pointer to it is one to the whole.
    pub vm: HostTable,
}

impl Table {
    /// A table of null elements of the given type, whose module's types have these ids; `None` when it is too
    /// large for this runtime or this machine.
    pub fn new(ty: &ExternDescriptor, type_ids: &[u32]) -> Option<Box<Self>> {
        let max = ty.max.min(MAX_TABLE_ELEMENTS);
        if ty.min > max {
            return None;
        }
        let mut table = Box::new(Self {
            vm: HostTable {
                elements: null_mut(),
                length: 0,
                max,
                declared_max: ty.max,
                element_type: ty.ty,
                capacity: 0,
                ref_type: types::canonical_ref_type(ty.ref_type, type_ids),
                reserved: 0,
            },
        });
        reserve(&mut table.vm, ty.min)?;
        table.vm.length = ty.min;
        Some(table)
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        budget::give_back(u64::from(self.vm.capacity) * element_size(&self.vm) as u64);
        // SAFETY: the array came from `realloc` and nothing refers to a table that is dropped.
        unsafe { libc::free(self.vm.elements) };
    }
}

fn holds_functions(table: &HostTable) -> bool {
    table.element_type == u32::from(ValueType::FuncRef as u8)
}

fn element_size(table: &HostTable) -> usize {
    if holds_functions(table) { size_of::<Entry>() } else { size_of::<HostPointer>() }
}

/// Makes room for `capacity` elements; the new ones are null.
fn reserve(table: &mut HostTable, capacity: u64) -> Option<()> {
    let size = element_size(table);
    let old = u64::from(table.capacity);
    if capacity <= old {
        return Some(());
    }
    // Doubling keeps growth by single elements linear; calloc leaves a large new table untouched.
    let capacity = capacity.max(old * 2).min(MAX_TABLE_ELEMENTS).max(capacity);
    let added_bytes = (capacity - old) * size as u64;
    budget::take(added_bytes)?;
    let elements = if old == 0 {
        // SAFETY: calloc has no requirements.
        unsafe { libc::calloc(capacity as usize, size) }
    } else {
        // SAFETY: `elements` came from calloc or realloc.
        unsafe { libc::realloc(table.elements, capacity as usize * size) }
    };
    if elements.is_null() {
        budget::give_back(added_bytes);
        return None;
    }
    // SAFETY: the array has `capacity` elements now; those from `old` on are not initialised yet.
    unsafe {
        let added = elements.cast::<u8>().add(old as usize * size);
        if old != 0 {
            ptr::write_bytes(added, 0, (capacity - old) as usize * size);
        }
    }
    table.elements = elements;
    table.capacity = capacity as u32;
    Some(())
}

/// Grows by `delta` elements that are `value`: the size before, or `None`.
///
/// # Safety
/// `value` is a reference of the table's element type.
pub unsafe fn grow(table: &mut HostTable, value: HostPointer, delta: u64) -> Option<u64> {
    let old = table.length;
    let new = old.checked_add(delta).filter(|length| *length <= table.max)?;
    reserve(table, new)?;
    table.length = new;
    // SAFETY: the range was just made; the caller vouches for the value.
    unsafe { write(table, old, delta, value) };
    Some(old)
}

/// Stores `value` in `length` elements from `start` on.
///
/// # Safety
/// The range lies inside the table and `value` is a reference of its element type.
unsafe fn write(table: &mut HostTable, start: u64, length: u64, value: HostPointer) {
    // SAFETY: the caller vouches for the range and the value.
    unsafe {
        if holds_functions(table) {
            let elements = table.elements.cast::<Entry>().add(start as usize);
            for position in 0..length as usize {
                elements.add(position).write(entry(value));
            }
        } else {
            let elements = table.elements.cast::<HostPointer>().add(start as usize);
            for position in 0..length as usize {
                elements.add(position).write(value);
            }
        }
    }
}

/// The element that holds a function reference.
///
/// # Safety
/// `reference` is null or points to a live `VmFuncRef`.
unsafe fn entry(reference: HostPointer) -> Entry {
    // SAFETY: the caller vouches for it.
    match unsafe { reference.cast::<HostFuncRef>().as_ref() } {
        None => {
            Entry { code: null_mut(), instance: null_mut(), reference: null_mut(), type_id: 0, reserved: 0 }
        }
        Some(func) => {
            Entry { code: func.code, instance: func.instance, reference, type_id: func.type_id, reserved: 0 }
        }
    }
}

/// Element `index`, if there is one.
pub fn get(table: &HostTable, index: u64) -> Option<HostPointer> {
    if index >= table.length {
        return None;
    }
    // SAFETY: the index is in bounds.
    Some(unsafe {
        if holds_functions(table) {
            (*table.elements.cast::<Entry>().add(index as usize)).reference
        } else {
            *table.elements.cast::<HostPointer>().add(index as usize)
        }
    })
}

/// Fills a range with one reference.
///
/// # Safety
/// `value` is a reference of the table's element type.
pub unsafe fn fill(
    table: &mut HostTable,
    start: u64,
    value: HostPointer,
    length: u64,
) -> Result<(), TrapCode> {
    check_range(start, length, table.length)?;
    // SAFETY: the range is in bounds; the caller vouches for the value.
    unsafe { write(table, start, length, value) };
    Ok(())
}

/// Copies references into a table.
///
/// # Safety
/// They are references of the table's element type.
pub unsafe fn init(
    table: &mut HostTable,
    values: &[HostPointer],
    destination: u64,
    source: u64,
    length: u64,
) -> Result<(), TrapCode> {
    check_range(source, length, values.len() as u64)?;
    check_range(destination, length, table.length)?;
    for position in 0..length {
        // SAFETY: both ranges are in bounds; the caller vouches for the values.
        unsafe {
            write(table, destination + position, 1, *values.get_unchecked((source + position) as usize))
        };
    }
    Ok(())
}

/// spec: exec/instructions, table.init and others: the whole range is checked, also an empty one.
fn check_range(start: u64, length: u64, limit: u64) -> Result<(), TrapCode> {
    match start.checked_add(length) {
        Some(end) if end <= limit => Ok(()),
        _ => Err(TrapCode::TableOutOfBounds),
    }
}

/// The number that compiled code checks: 0, or the trap.
fn status(result: Result<(), TrapCode>) -> u32 {
    result.map_or_else(|code| code as u32, |()| 0)
}

/// See [`w2n_abi::RtFunc::TableGrow`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_table_grow(
    instance: HostPointer,
    table: u32,
    value: HostPointer,
    delta: u64,
) -> i64 {
    // malloc is entered from the Wasm stack: only with room for it, since it must not be resumed over.
    if !thread::wasm_stack_has_headroom() {
        return -1;
    }
    // SAFETY: compiled code passes its own instance, a valid index and a reference of the right type.
    unsafe { grow(&mut *instance::table_at(instance.cast(), table), value, delta) }
        .map_or(-1, |length| length as i64)
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
    // SAFETY: compiled code passes its own instance, a valid index and a reference of the right type.
    status(unsafe { fill(&mut *instance::table_at(instance.cast(), table), start, value, length) })
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
    // SAFETY: compiled code passes its own instance and valid indices of tables of one type. They may
    // be the same table, so no references are made.
    unsafe {
        let to = instance::table_at(instance.cast(), destination_table);
        let from = instance::table_at(instance.cast(), source_table);
        let checked = check_range(source, length, (*from).length)
            .and_then(|()| check_range(destination, length, (*to).length));
        if checked.is_ok() && length > 0 {
            let size = element_size(&*to);
            let target = (*to).elements.cast::<u8>().add(destination as usize * size);
            let origin = (*from).elements.cast::<u8>().add(source as usize * size);
            ptr::copy(origin, target, length as usize * size);
        }
        status(checked)
    }
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
    // SAFETY: compiled code passes its own instance and valid indices of one type.
    status(unsafe {
        let values = crate::segment::values(instance.cast(), segment);
        init(&mut *instance::table_at(instance.cast(), table), values, destination, source, length)
    })
}
