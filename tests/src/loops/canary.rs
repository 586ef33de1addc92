//! Pages right below and right above a memory's reservation, which nothing may touch.
//!
//! The rule: a hole of exactly the size of a reservation is left between them, so that the next memory
//! goes there; [`Canaries::enclose`] says whether it did.

use std::ptr;

use w2n_abi::{GUARD_RESERVATION_BYTES, PRE_GUARD_BYTES};

const PAGE: usize = 4096;
const HOLE: usize = (PRE_GUARD_BYTES + GUARD_RESERVATION_BYTES) as usize;
/// What the pages are filled with.
const PATTERN: u8 = 0xa5;

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
