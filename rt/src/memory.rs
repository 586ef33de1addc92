//! Linear memories: a reservation of addresses that never moves, opened page by page.
//!
//! The rule: every byte that compiled code can form an address of lies inside the reservation, so an
//! access out of bounds faults there and nowhere else. With guard pages that takes
//! [`GUARD_RESERVATION_BYTES`]; code that checks bounds itself needs what the memory may grow to.
//! Sizes come from a module, up to 2^64 pages of 64 KiB: all arithmetic on them is checked.

use alloc::sync::Arc;

use w2n_abi::{
    ExternDescriptor, FLAG_INDEX64, GUARD_RESERVATION_BYTES, HostMemory, MAX_MEMORY32_BYTES,
    MAX_MEMORY64_GROWTH_BYTES, PAGE_SIZE_BYTES, PRE_GUARD_BYTES, can_be_guarded,
};

use crate::registry;
use crate::shared::Shared;
use crate::store::Store;
use crate::sys::{Access, Mapping, Purpose};

/// How compiled code keeps its accesses inside a memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bounds {
    /// Guard pages.
    Guard,
    /// Comparisons.
    Software,
}

/// A memory and the addresses that it owns.
#[repr(C)]
pub struct LinearMemory {
    /// What compiled code sees. First, so that a pointer to it is one to the whole.
    vm: HostMemory,
    mapping: Mapping,
    store: Arc<Store>,
}

/// A memory, of whatever instance.
pub type Memory = Shared<LinearMemory>;

impl LinearMemory {
    /// A zeroed memory of the given type; `None` when the system gives no addresses or no pages, or the store
    /// no bytes. Faults in it are known as the guest's once it is [announced](Memory::announce).
    pub fn new(ty: &ExternDescriptor, bounds: Bounds, store: &Arc<Store>) -> Option<Self> {
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
        let Reservation { mapping, usable_bytes } = reservation;
        let base = mapping.range().start + PRE_GUARD_BYTES as usize;
        let mut memory = Self {
            vm: HostMemory {
                base: base as *mut core::ffi::c_void,
                length_bytes: 0,
                max_pages: (usable_bytes >> page_size_log2).min(max_pages_to_count(ty.flags)),
                reserved_bytes: (mapping.range().end - base) as u64,
                declared_max_pages: ty.max,
                page_size_log2,
                reserved: 0,
            },
            mapping,
            store: Arc::clone(store),
        };
        memory.grow(ty.min)?;
        Some(memory)
    }

    /// Opens `delta_pages` more pages: the size before in pages, or `None`.
    fn grow(&mut self, delta_pages: u64) -> Option<u64> {
        let vm = &mut self.vm;
        let old_pages = vm.length_bytes >> vm.page_size_log2;
        let new_pages = old_pages.checked_add(delta_pages).filter(|pages| *pages <= vm.max_pages)?;
        let new_bytes = bytes_of_pages(new_pages, vm.page_size_log2)?;
        let old_open = open_bytes(vm.length_bytes)?;
        let new_open = open_bytes(new_bytes)?;
        if new_open > old_open {
            self.store.take(new_open - old_open)?;
            // Inside the reservation, because `max_pages` is.
            let base = vm.base as usize;
            if !self.mapping.protect(base + old_open as usize..base + new_open as usize, Access::ReadWrite) {
                self.store.give_back(new_open - old_open);
                return None;
            }
        }
        vm.length_bytes = new_bytes;
        Some(old_pages)
    }
}

impl Drop for LinearMemory {
    fn drop(&mut self) {
        registry::remove(self.mapping.range().start);
        self.store.give_back(open_bytes(self.vm.length_bytes).unwrap_or(0));
    }
}

impl Memory {
    /// What compiled code sees.
    pub fn vm(self) -> HostMemory {
        self.with(|memory| memory.vm)
    }

    /// Makes it known which memory faults are of, now that it is where it stays.
    pub fn announce(self) {
        let range = self.with(|memory| memory.mapping.range());
        // SAFETY: the memory begins with it, stays where it is, and takes itself off the list when dropped.
        if let Some(vm) = unsafe { Shared::new(self.as_ptr().cast::<HostMemory>()) } {
            registry::insert(range, vm);
        }
    }

    /// Opens `delta_pages` more pages: the size before in pages, or `None`.
    pub fn grow(self, delta_pages: u64) -> Option<u64> {
        self.with(|memory| memory.grow(delta_pages))
    }
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
    mapping: Mapping,
    /// Bytes that the memory may grow to.
    usable_bytes: u64,
}

impl Reservation {
    /// `reserved_bytes` behind the guard in front, of which `usable_bytes` can be opened.
    fn new(usable_bytes: u64, reserved_bytes: u64) -> Option<Self> {
        let len = usize::try_from(reserved_bytes.checked_add(PRE_GUARD_BYTES)?).ok()?;
        Some(Self { mapping: Mapping::new(len, Purpose::Memory)?, usable_bytes })
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
