//! Pages around a memory that nothing may touch: below and above its reservation, and behind its end.
//!
//! The rule: a hole of exactly the size of a reservation is left between the pages around it, so that the
//! next memory goes there; [`Canaries::enclose`] says whether it did. Behind the end of a memory with software
//! checks nothing may be touched either, so [`Overrun`] opens the guard there: an access that should have
//! been checked does not fault then, as if it had trapped, but returns, and a store leaves its traces.

use std::ptr;

use w2n_abi::{GUARD_RESERVATION_BYTES, PAGE_SIZE_BYTES, PRE_GUARD_BYTES};

const PAGE: usize = 4096;
const HOLE: usize = (PRE_GUARD_BYTES + GUARD_RESERVATION_BYTES) as usize;
/// What the pages are filled with.
const PATTERN: u8 = 0xa5;

/// Bytes of guard behind a memory with software checks.
const GUARD: usize = PAGE_SIZE_BYTES as usize;

/// Two pages with a pattern, and a hole between them.
pub struct Canaries {
    start: usize,
}

impl Canaries {
    /// Makes them. A memory with guard pages that is made next lies in the hole.
    pub fn new() -> Self {
        let (read_write, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
        );
        // SAFETY: a new mapping touches nothing that exists, and only its middle is given back.
        let start = unsafe {
            let start = libc::mmap(ptr::null_mut(), HOLE + 2 * PAGE, read_write, flags, -1, 0);
            assert_ne!(start, libc::MAP_FAILED, "addresses for the canaries");
            for page in [start.cast::<u8>(), start.cast::<u8>().add(PAGE + HOLE)] {
                ptr::write_bytes(page, PATTERN, PAGE);
            }
            assert_eq!(libc::munmap(start.cast::<u8>().add(PAGE).cast(), HOLE), 0);
            start as usize
        };
        Self { start }
    }

    /// Whether the memory with this base is between them.
    pub fn enclose(&self, memory_base: usize) -> bool {
        self.start + PAGE + PRE_GUARD_BYTES as usize == memory_base
    }

    /// Whether nothing has changed in them.
    pub fn are_untouched(&self) -> bool {
        [self.start, self.start + PAGE + HOLE].iter().all(|page| {
            // SAFETY: both pages are mapped until this value is dropped.
            let bytes = unsafe { std::slice::from_raw_parts(*page as *const u8, PAGE) };
            bytes.iter().all(|byte| *byte == PATTERN)
        })
    }
}

impl Default for Canaries {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Canaries {
    fn drop(&mut self) {
        for page in [self.start, self.start + PAGE + HOLE] {
            // SAFETY: the pages are ours, and nobody refers to them any more.
            unsafe { libc::munmap(page as *mut libc::c_void, PAGE) };
        }
    }
}

/// The guard behind the end of a memory, opened and filled with a pattern.
pub struct Overrun {
    start: usize,
}

impl Overrun {
    /// Opens that of a memory with software checks which is as large as it can get; it must outlive this value.
    pub fn open(memory_base: usize, memory_bytes: u64) -> Self {
        let start = memory_base + memory_bytes as usize;
        let read_write = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: the reservation of such a memory ends with a guard of this size, which nothing refers to.
        unsafe {
            assert_eq!(libc::mprotect(start as *mut libc::c_void, GUARD, read_write), 0, "no guard there");
            ptr::write_bytes(start as *mut u8, PATTERN, GUARD);
        }
        Self { start }
    }

    /// Whether nothing has changed in it.
    pub fn is_untouched(&self) -> bool {
        // SAFETY: the memory is still there, see `open`.
        let bytes = unsafe { std::slice::from_raw_parts(self.start as *const u8, GUARD) };
        bytes.iter().all(|byte| *byte == PATTERN)
    }
}
