//! Stacks: mappings with inaccessible ends, for Wasm code and for the signal handler.
//!
//! The rule: the lower guard is wide enough that compiled code, which probes every page of a large
//! frame, meets it before anything else that is mapped. Between it and what Wasm code may use lies a
//! reserve, as inaccessible, which is opened for a signal handler of the host that needs the room.

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

/// Bytes below a Wasm stack that a signal handler of the host which runs on it can count on.
pub const HANDLER_RESERVE_BYTES: usize = 256 << 10;

/// How often as much is there: Wasm code that goes on after a handler may use up what was opened for that.
const HANDLER_RESERVES: usize = 4;

/// A mapped stack; unmapped when dropped.
pub struct Stack {
    mapping: usize,
    usable_bytes: usize,
    reserve_bytes: usize,
    /// How much of the reserve is accessible, from its upper end.
    open_bytes: usize,
}

impl Stack {
    /// A stack with `usable_bytes` (rounded up to whole pages) between its guards, if the system gives one.
    pub fn new(usable_bytes: usize) -> Option<Self> {
        Self::with_reserve(usable_bytes, 0)
    }

    /// A stack for Wasm code.
    pub fn for_wasm() -> Option<Self> {
        Self::with_reserve(wasm_stack_bytes(), HANDLER_RESERVES * HANDLER_RESERVE_BYTES)
    }

    fn with_reserve(usable_bytes: usize, reserve_bytes: usize) -> Option<Self> {
        let usable_bytes = usable_bytes.next_multiple_of(STACK_GUARD_BYTES);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        let len = usable_bytes + reserve_bytes + 2 * STACK_GUARD_BYTES;
        // SAFETY: a new anonymous mapping touches nothing that exists.
        let mapping = unsafe { libc::mmap(null_mut(), len, libc::PROT_NONE, flags, -1, 0) };
        if mapping == libc::MAP_FAILED {
            return None;
        }
        let stack = Self { mapping: mapping as usize, usable_bytes, reserve_bytes, open_bytes: 0 };
        stack.protect(stack.usable(), libc::PROT_READ | libc::PROT_WRITE).then_some(stack)
    }

    /// Addresses that code which is meant to run on it can use.
    pub fn usable(&self) -> Range<usize> {
        let start = self.reserve_range().end;
        start..start + self.usable_bytes
    }

    /// Addresses below: the guard, and the reserve.
    pub fn below(&self) -> Range<usize> {
        self.mapping..self.reserve_range().end
    }

    /// The lowest address that is accessible at present.
    pub fn lowest_open(&self) -> usize {
        self.reserve_range().end - self.open_bytes
    }

    /// Makes [`HANDLER_RESERVE_BYTES`] more accessible: whether there were as many. Async-signal-safe.
    pub fn open_reserve(&mut self) -> bool {
        let end = self.lowest_open();
        let start = end.saturating_sub(HANDLER_RESERVE_BYTES);
        let is_opened = start >= self.reserve_range().start
            && self.protect(start..end, libc::PROT_READ | libc::PROT_WRITE);
        if is_opened {
            self.open_bytes += HANDLER_RESERVE_BYTES;
        }
        is_opened
    }

    /// Undoes all [`Self::open_reserve`].
    pub fn close_reserve(&mut self) {
        if self.open_bytes > 0 && self.protect(self.reserve_range(), libc::PROT_NONE) {
            self.open_bytes = 0;
        }
    }

    fn reserve_range(&self) -> Range<usize> {
        let start = self.mapping + STACK_GUARD_BYTES;
        start..start + self.reserve_bytes
    }

    /// Whether the system did so.
    fn protect(&self, range: Range<usize>, protection: i32) -> bool {
        // SAFETY: all ranges that are passed lie inside the mapping, which is this stack's own.
        unsafe { libc::mprotect(range.start as *mut libc::c_void, range.len(), protection) == 0 }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let len = self.usable_bytes + self.reserve_bytes + 2 * STACK_GUARD_BYTES;
        // SAFETY: the mapping is this stack's own, and whoever drops a stack does not run on it.
        unsafe { libc::munmap(self.mapping as *mut libc::c_void, len) };
    }
}

/// Where the calling code's stack is now, near enough to measure what is left of it.
#[inline(never)]
pub fn approximate_stack_pointer() -> usize {
    let marker = 0u8;
    core::hint::black_box(&raw const marker) as usize
}
