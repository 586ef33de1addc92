//! Linear memories: a reservation of addresses that never moves, opened page by page.
//!
//! The rule: every byte that compiled code can form an address of lies inside the reservation, so an
//! access out of bounds faults there and nowhere else. With guard pages that takes
//! [`GUARD_RESERVATION_BYTES`]; code that checks bounds itself needs what the memory may grow to.
//! Sizes come from a module, up to 2^64 pages of 64 KiB: all arithmetic on them is checked.

use alloc::boxed::Box;
use core::ptr::null_mut;

use w2n_abi::{
    ExternDescriptor, FLAG_INDEX64, GUARD_RESERVATION_BYTES, HostInstance, HostMemory, HostPointer,
    MAX_MEMORY32_BYTES, MAX_MEMORY64_GROWTH_BYTES, PAGE_SIZE_BYTES, PRE_GUARD_BYTES, can_be_guarded,
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
        let page_size_log2 = ty.ty;
        let min_bytes = bytes_of_pages(ty.min, page_size_log2)?;
        let limit_bytes = match ty.flags & FLAG_INDEX64 {
            0 => MAX_MEMORY32_BYTES,
            _ => MAX_MEMORY64_GROWTH_BYTES.max(min_bytes),
        };
        let max_bytes =
            bytes_of_pages(ty.max, page_size_log2).map_or(limit_bytes, |max| max.min(limit_bytes));
        if min_bytes > max_bytes {
            return None;
        }
        let reservation = match bounds {
            Bounds::Guard if can_be_guarded(ty.flags, page_size_log2) => {
                Reservation::new(max_bytes, GUARD_RESERVATION_BYTES)?
            }
            Bounds::Guard | Bounds::Software => Reservation::up_to(max_bytes, min_bytes)?,
        };
        let Reservation { mapping, mapping_len, usable_bytes } = reservation;
        let mut memory = Box::new(Self {
            vm: HostMemory {
                base: mapping.wrapping_add(PRE_GUARD_BYTES as usize).cast(),
                length_bytes: 0,
                max_pages: (usable_bytes >> page_size_log2).min(max_pages_to_count(ty.flags)),
                reserved_bytes: mapping_len as u64 - PRE_GUARD_BYTES,
                declared_max_pages: ty.max,
                page_size_log2,
                reserved: 0,
            },
            mapping,
            mapping_len,
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
        budget::give_back(open_bytes(self.vm.length_bytes).unwrap_or(0));
        // SAFETY: the mapping is this memory's own, and nothing refers to a memory that is dropped.
        unsafe { libc::munmap(self.mapping.cast(), self.mapping_len) };
    }
}

/// As [`Memory::grow`], for the part that compiled code and externs point to.
pub fn grow(memory: &mut HostMemory, delta_pages: u64) -> Option<u64> {
    let old_pages = memory.length_bytes >> memory.page_size_log2;
    let new_pages = old_pages.checked_add(delta_pages).filter(|pages| *pages <= memory.max_pages)?;
    let new_bytes = bytes_of_pages(new_pages, memory.page_size_log2)?;
    let old_open = open_bytes(memory.length_bytes)?;
    let new_open = open_bytes(new_bytes)?;
    if new_open > old_open {
        let opened = memory.base.wrapping_byte_add(old_open as usize);
        let opened_bytes = new_open - old_open;
        budget::take(opened_bytes)?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: the range is inside the reservation, because `max_pages` is.
        if unsafe { libc::mprotect(opened, opened_bytes as usize, protection) } != 0 {
            budget::give_back(opened_bytes);
            return None;
        }
    }
    memory.length_bytes = new_bytes;
    Some(old_pages)
}

/// `None` for more than 2^64 bytes.
fn bytes_of_pages(pages: u64, page_size_log2: u32) -> Option<u64> {
    pages.checked_mul(1u64.checked_shl(page_size_log2)?)
}

/// Bytes that are accessible in a memory of `length_bytes`: whole pages of the machine, which are
/// never larger than those of Wasm. Code for a memory whose length is no multiple of them compares.
fn open_bytes(length_bytes: u64) -> Option<u64> {
    length_bytes.checked_next_multiple_of(PAGE_SIZE_BYTES)
}

/// Most pages that `memory.size` can tell from the -1 of a `memory.grow` that failed.
fn max_pages_to_count(flags: u32) -> u64 {
    if flags & FLAG_INDEX64 == 0 { u64::from(u32::MAX) } else { u64::MAX }
}

/// Addresses for a memory, inaccessible and backed by nothing, with a guard on both sides.
struct Reservation {
    mapping: *mut u8,
    mapping_len: usize,
    /// Bytes that the memory may grow to.
    usable_bytes: u64,
}

impl Reservation {
    /// `reserved_bytes` behind the guard in front, of which `usable_bytes` can be opened.
    fn new(usable_bytes: u64, reserved_bytes: u64) -> Option<Self> {
        let mapping_len = usize::try_from(reserved_bytes.checked_add(PRE_GUARD_BYTES)?).ok()?;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new anonymous mapping touches nothing that exists.
        let mapping = unsafe { libc::mmap(null_mut(), mapping_len, libc::PROT_NONE, flags, -1, 0) };
        let mapping = (mapping != libc::MAP_FAILED).then_some(mapping.cast())?;
        Some(Self { mapping, mapping_len, usable_bytes })
    }

    /// Reserves for `max_bytes`, or for half as often as it takes where addresses are tight, but never
    /// for less than `min_bytes`; growth past the reservation fails then, which the spec allows.
    fn up_to(max_bytes: u64, min_bytes: u64) -> Option<Self> {
        let mut usable_bytes = max_bytes;
        loop {
            // More than the memory can use: a page of guard behind it, also when it is empty.
            let reserved_bytes = open_bytes(usable_bytes)?.checked_add(PAGE_SIZE_BYTES)?;
            if let Some(reservation) = Self::new(usable_bytes, reserved_bytes) {
                return Some(reservation);
            }
            if usable_bytes <= min_bytes {
                return None;
            }
            usable_bytes = (usable_bytes / 2).max(min_bytes);
        }
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
