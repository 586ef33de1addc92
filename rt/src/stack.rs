//! Stacks: mappings with inaccessible ends, for Wasm code and for the signal handler.
//!
//! The rule: the lower guard is wide enough that compiled code, which probes every page of a large
//! frame, meets it before anything else that is mapped.

use core::ops::Range;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of a Wasm stack that can be used, unless [`set_wasm_stack_bytes`] says otherwise.
const WASM_STACK_BYTES: usize = 8 << 20;

static CHOSEN_STACK_BYTES: AtomicUsize = AtomicUsize::new(WASM_STACK_BYTES);

/// Sets the size of the Wasm stacks of threads that have none yet.
pub fn set_wasm_stack_bytes(bytes: usize) {
    CHOSEN_STACK_BYTES.store(bytes, Ordering::Relaxed);
}

/// The size of a new Wasm stack.
pub fn wasm_stack_bytes() -> usize {
    CHOSEN_STACK_BYTES.load(Ordering::Relaxed)
}

/// Inaccessible bytes at either end of a stack.
pub const STACK_GUARD_BYTES: usize = 64 << 10;

/// A mapped stack; unmapped when dropped.
pub struct Stack {
    mapping: usize,
    usable_bytes: usize,
}

impl Stack {
    /// A stack with `usable_bytes` (rounded up to whole pages) between its guards, if the system gives one.
    pub fn new(usable_bytes: usize) -> Option<Self> {
        let usable_bytes = usable_bytes.next_multiple_of(STACK_GUARD_BYTES);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        let len = usable_bytes + 2 * STACK_GUARD_BYTES;
        // SAFETY: a new anonymous mapping touches nothing that exists.
        let mapping = unsafe { libc::mmap(null_mut(), len, libc::PROT_NONE, flags, -1, 0) };
        if mapping == libc::MAP_FAILED {
            return None;
        }
        let stack = Self { mapping: mapping as usize, usable_bytes };
        let usable = stack.usable().start as *mut libc::c_void;
        // SAFETY: the range lies inside the mapping just made.
        let status = unsafe { libc::mprotect(usable, usable_bytes, libc::PROT_READ | libc::PROT_WRITE) };
        (status == 0).then_some(stack)
    }

    /// Addresses that can be used.
    pub fn usable(&self) -> Range<usize> {
        let start = self.mapping + STACK_GUARD_BYTES;
        start..start + self.usable_bytes
    }

    /// Whether a fault at `address` means that this stack is full.
    pub fn lower_guard_contains(&self, address: usize) -> bool {
        (self.mapping..self.mapping + STACK_GUARD_BYTES).contains(&address)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping is this stack's own, and whoever drops a stack does not run on it.
        unsafe { libc::munmap(self.mapping as *mut libc::c_void, self.usable_bytes + 2 * STACK_GUARD_BYTES) };
    }
}

/// Where the calling code's stack is now, near enough to measure what is left of it.
#[inline(never)]
pub fn approximate_stack_pointer() -> usize {
    let marker = 0u8;
    core::hint::black_box(&raw const marker) as usize
}
