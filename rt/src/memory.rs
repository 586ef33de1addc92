//! Linear memories: a reservation of addresses that never moves, opened page by page.
//!
//! The rule: every byte that compiled code can form an address of lies inside the reservation, so an
//! access out of bounds faults there and nowhere else. With guard pages that takes
//! [`GUARD_RESERVATION_BYTES`]; code that checks bounds itself needs what the memory may grow to.

use alloc::boxed::Box;
use core::ptr::null_mut;

use w2n_abi::{
    ExternDescriptor, GUARD_RESERVATION_BYTES, HostInstance, HostMemory, HostPointer, MAX_PAGES_MEMORY32,
    PAGE_SIZE_BYTES, PRE_GUARD_BYTES,
};

use crate::{budget, instance, registry, thread};

/// How compiled code keeps its accesses inside a memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bounds {
    /// Guard pages.
    Guard,
    /// Comparisons.
    Software,
}

/// A memory and the mapping that it owns.
#[repr(C)]
pub struct Memory {
    /// What compiled code sees. First, so that a pointer to it is one to the whole.
    pub vm: HostMemory,
    mapping: *mut u8,
    mapping_len: usize,
}

impl Memory {
    /// A zeroed memory of the given type; `None` when the system gives no addresses or no pages.
    pub fn new(ty: &ExternDescriptor, bounds: Bounds) -> Option<Box<Self>> {
        let max_pages = ty.max.min(MAX_PAGES_MEMORY32);
        if ty.min > max_pages {
            return None;
        }
        let (mapping, max_pages, reserved_bytes) = match bounds {
            Bounds::Guard => (reserve(GUARD_RESERVATION_BYTES)?, max_pages, GUARD_RESERVATION_BYTES),
            Bounds::Software => reserve_up_to(max_pages, ty.min)?,
        };
        let mut memory = Box::new(Self {
            vm: HostMemory {
                base: mapping.wrapping_add(PRE_GUARD_BYTES as usize).cast(),
                length_bytes: 0,
                max_pages,
                reserved_bytes,
                declared_max_pages: ty.max,
            },
            mapping,
            mapping_len: mapping_len(reserved_bytes),
        });
        memory.grow(ty.min)?;
        let start = mapping as usize;
        registry::insert(start, start + memory.mapping_len, &raw mut memory.vm);
        Some(memory)
    }

    /// Opens `delta_pages` more pages: the size before in pages, or `None`.
    pub fn grow(&mut self, delta_pages: u64) -> Option<u64> {
        grow(&mut self.vm, delta_pages)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        registry::remove(self.mapping as usize);
        budget::give_back(self.vm.length_bytes);
        // SAFETY: the mapping is this memory's own, and nothing refers to a memory that is dropped.
        unsafe { libc::munmap(self.mapping.cast(), self.mapping_len) };
    }
}

/// As [`Memory::grow`], for the part that compiled code and externs point to.
pub fn grow(memory: &mut HostMemory, delta_pages: u64) -> Option<u64> {
    let old_pages = memory.length_bytes / PAGE_SIZE_BYTES;
    let new_pages = old_pages.checked_add(delta_pages).filter(|pages| *pages <= memory.max_pages)?;
    if delta_pages > 0 {
        let opened = memory.base.wrapping_byte_add(memory.length_bytes as usize);
        let opened_bytes = delta_pages * PAGE_SIZE_BYTES;
        budget::take(opened_bytes)?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: the range is inside the reservation, because `max_pages` is.
        if unsafe { libc::mprotect(opened, opened_bytes as usize, protection) } != 0 {
            budget::give_back(opened_bytes);
            return None;
        }
        memory.length_bytes = new_pages * PAGE_SIZE_BYTES;
    }
    Some(old_pages)
}

fn mapping_len(reserved_bytes: u64) -> usize {
    (PRE_GUARD_BYTES + reserved_bytes) as usize
}

/// Addresses for the pre-guard and `reserved_bytes`, inaccessible and backed by nothing.
fn reserve(reserved_bytes: u64) -> Option<*mut u8> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new anonymous mapping touches nothing that exists.
    let mapping =
        unsafe { libc::mmap(null_mut(), mapping_len(reserved_bytes), libc::PROT_NONE, flags, -1, 0) };
    (mapping != libc::MAP_FAILED).then_some(mapping.cast())
}

/// A mapping, the pages there is room for, and the bytes reserved.
///
/// Reserves for `max_pages`, or for half as often as it takes where addresses are tight, but never
/// for fewer than `min_pages`; growth past the reservation fails then, which the spec allows.
fn reserve_up_to(max_pages: u64, min_pages: u64) -> Option<(*mut u8, u64, u64)> {
    let mut pages = max_pages;
    loop {
        // One page more than the memory can use: a page of guard behind it, also when it is empty.
        let reserved_bytes = (pages + 1) * PAGE_SIZE_BYTES;
        if let Some(mapping) = reserve(reserved_bytes) {
            return Some((mapping, pages, reserved_bytes));
        }
        if pages <= min_pages {
            return None;
        }
        pages = (pages / 2).max(min_pages);
    }
}

/// See [`w2n_abi::RtFunc::MemoryGrow`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_memory_grow(instance: HostPointer, memory: u32, delta_pages: u64) -> i64 {
    // The kernel is entered from the Wasm stack: only with room for what libc does on the way.
    if !thread::wasm_stack_has_headroom() {
        return -1;
    }
    // SAFETY: compiled code passes its own instance and an index that validation has checked.
    let memory = unsafe { &mut *instance::memory_at(instance.cast::<HostInstance>(), memory) };
    grow(memory, delta_pages).map_or(-1, |old_pages| old_pages as i64)
}
