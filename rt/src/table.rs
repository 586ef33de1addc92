//! Tables: an array of elements that may move when it grows.
//!
//! The rule: an element of a function table is a copy of the function reference it holds, made here
//! and in compiled `table.set` alone; bounds are checked as whole ranges before anything is written.

use alloc::alloc::{alloc_zeroed, dealloc, realloc};
use alloc::sync::Arc;
use core::alloc::Layout;
use core::ptr::{self, null_mut};

use w2n_abi::{
    ExternDescriptor, HostFuncRef, HostPointer, MAX_TABLE_ELEMENTS, TrapCode, ValueType, VmTable,
    VmTableEntry,
};

use crate::shared::Shared;
use crate::store::Store;
use crate::types;

/// A table as compiled code sees it.
pub type HostTable = VmTable<HostPointer>;
type Entry = VmTableEntry<HostPointer>;

/// A table and the array that it owns.
#[repr(C)]
pub struct OwnTable {
    /// What compiled code sees. First, so that a pointer to it is one to the whole.
    vm: HostTable,
    store: Arc<Store>,
}

/// A table, of whatever instance.
pub type Table = Shared<OwnTable>;

/// A reference as tables and slots have it: null, a function of an instance that is not freed before whoever
/// holds the reference, or, where no function is asked for, any word of the host's.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Reference(HostPointer);

impl Reference {
    /// The reference with these bits.
    ///
    /// # Safety
    /// They are one, as the type says of which they are taken to be.
    pub unsafe fn new(bits: HostPointer) -> Self {
        Self(bits)
    }

    /// Whether it is null.
    pub fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// The function that it is a reference to, of a type of functions.
    pub fn func(self) -> Option<Shared<HostFuncRef>> {
        // SAFETY: whoever made the reference has vouched for a function where one is asked for.
        unsafe { Shared::new(self.0.cast()) }
    }

    /// What stands for it in a function table.
    fn entry(self) -> Entry {
        match self.func() {
            None => Entry {
                code: null_mut(),
                instance: null_mut(),
                reference: null_mut(),
                type_id: 0,
                reserved: 0,
            },
            Some(func) => {
                let HostFuncRef { code, instance, type_id, .. } = func.get();
                Entry { code, instance, reference: self.0, type_id, reserved: 0 }
            }
        }
    }
}

impl OwnTable {
    /// A table of null elements of the given type, whose module's types have these ids; `None` when it is too
    /// large for this runtime, this machine or this store.
    pub fn new(ty: &ExternDescriptor, type_ids: &[u32], store: &Arc<Store>) -> Option<Self> {
        let max = ty.max.min(MAX_TABLE_ELEMENTS);
        if ty.min > max {
            return None;
        }
        let vm = HostTable {
            elements: null_mut(),
            length: 0,
            max,
            declared_max: ty.max,
            element_type: ty.ty,
            capacity: 0,
            ref_type: types::canonical_ref_type(ty.ref_type, type_ids),
            reserved: 0,
        };
        let mut table = Self { vm, store: Arc::clone(store) };
        table.reserve(ty.min)?;
        table.vm.length = ty.min;
        Some(table)
    }

    /// How an array of so many elements is laid out.
    fn layout(&self, capacity: u64) -> Option<Layout> {
        let size = element_size(&self.vm);
        let bytes = usize::try_from(capacity).ok()?.checked_mul(size)?;
        Layout::from_size_align(bytes, align_of::<Entry>()).ok()
    }

    /// Makes room for `capacity` elements; the new ones are null.
    fn reserve(&mut self, capacity: u64) -> Option<()> {
        let old = u64::from(self.vm.capacity);
        if capacity <= old {
            return Some(());
        }
        // Doubling keeps growth by single elements linear; a large new table is zero without being touched.
        let capacity = capacity.max(old * 2).min(MAX_TABLE_ELEMENTS).max(capacity);
        let (old_layout, layout) = (self.layout(old)?, self.layout(capacity)?);
        let added_bytes = layout.size() - old_layout.size();
        self.store.take(added_bytes as u64)?;
        // SAFETY: the size is not 0; the array of before came from here with that layout. What is new is
        // zeroed.
        let elements = unsafe {
            if old == 0 {
                alloc_zeroed(layout)
            } else {
                let elements = realloc(self.vm.elements.cast(), old_layout, layout.size());
                if !elements.is_null() {
                    ptr::write_bytes(elements.add(old_layout.size()), 0, added_bytes);
                }
                elements
            }
        };
        if elements.is_null() {
            self.store.give_back(added_bytes as u64);
            return None;
        }
        self.vm.elements = elements.cast();
        self.vm.capacity = capacity as u32;
        Some(())
    }

    /// Where `length` elements are from `start` on; a trap unless all of them are in the table.
    /// spec: exec/instructions, table.init and others: the whole range is checked, also an empty one.
    fn range(&self, start: u64, length: u64) -> Result<*mut u8, TrapCode> {
        check_range(start, length, self.vm.length)?;
        Ok(self.vm.elements.cast::<u8>().wrapping_add(start as usize * element_size(&self.vm)))
    }

    /// Stores one reference in all elements of a range.
    fn fill(&mut self, start: u64, value: Reference, length: u64) -> Result<(), TrapCode> {
        let first = self.range(start, length)?;
        for position in 0..length as usize {
            // SAFETY: the range is in bounds.
            unsafe {
                if holds_functions(&self.vm) {
                    first.cast::<Entry>().add(position).write(value.entry());
                } else {
                    first.cast::<HostPointer>().add(position).write(value.0);
                }
            }
        }
        Ok(())
    }
}

impl Drop for OwnTable {
    fn drop(&mut self) {
        let Some(layout) = self.layout(self.vm.capacity.into()).filter(|layout| layout.size() > 0) else {
            return;
        };
        self.store.give_back(layout.size() as u64);
        // SAFETY: the array came from `reserve` and nothing refers to a table that is dropped.
        unsafe { dealloc(self.vm.elements.cast(), layout) };
    }
}

fn holds_functions(table: &HostTable) -> bool {
    table.element_type == u32::from(ValueType::FuncRef as u8)
}

fn element_size(table: &HostTable) -> usize {
    if holds_functions(table) { size_of::<Entry>() } else { size_of::<HostPointer>() }
}

fn check_range(start: u64, length: u64, limit: u64) -> Result<(), TrapCode> {
    match start.checked_add(length) {
        Some(end) if end <= limit => Ok(()),
        _ => Err(TrapCode::TableOutOfBounds),
    }
}

impl Table {
    /// What compiled code sees.
    pub fn vm(self) -> HostTable {
        self.with(|table| table.vm)
    }

    /// Element `index`, if there is one.
    pub fn element(self, index: u64) -> Option<HostPointer> {
        self.with(|table| {
            let first = table.range(index, 1).ok()?;
            // SAFETY: the index is in bounds.
            Some(unsafe {
                if holds_functions(&table.vm) {
                    (*first.cast::<Entry>()).reference
                } else {
                    *first.cast::<HostPointer>()
                }
            })
        })
    }

    /// Grows by `delta` elements that are `value`: the size before, or `None`.
    pub fn grow(self, value: Reference, delta: u64) -> Option<u64> {
        self.with(|table| {
            let old = table.vm.length;
            let new = old.checked_add(delta).filter(|length| *length <= table.vm.max)?;
            table.reserve(new)?;
            table.vm.length = new;
            table.fill(old, value, delta).ok()?;
            Some(old)
        })
    }

    /// Fills a range with one reference.
    pub fn fill(self, start: u64, value: Reference, length: u64) -> Result<(), TrapCode> {
        self.with(|table| table.fill(start, value, length))
    }

    /// Copies `length` references of a segment from `source` on to `destination`. They are of its element
    /// type.
    pub fn init(
        self,
        values: &[Reference],
        destination: u64,
        source: u64,
        length: u64,
    ) -> Result<(), TrapCode> {
        check_range(source, length, values.len() as u64)?;
        self.with(|table| {
            table.range(destination, length)?;
            let values = &values[source as usize..(source + length) as usize];
            (destination..).zip(values).try_for_each(|(index, value)| table.fill(index, *value, 1))
        })
    }

    /// Copies `length` elements of `from`, which has the same type and may be the same table.
    pub fn copy(self, from: Self, destination: u64, source: u64, length: u64) -> Result<(), TrapCode> {
        let origin = from.with(|table| table.range(source, length))?;
        let target = self.with(|table| table.range(destination, length))?;
        let size = element_size(&self.vm());
        if length > 0 {
            // SAFETY: both ranges are in bounds, of elements of one size; they may overlap.
            unsafe { ptr::copy(origin, target, length as usize * size) };
        }
        Ok(())
    }
}
