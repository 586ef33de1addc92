//! Stacks: mappings with inaccessible ends, for Wasm code and for the signal handler.
//!
//! The rule: the lower guard is wide enough that compiled code, which probes every page of a large
//! frame, meets it before anything else that is mapped. Between it and what Wasm code may use lies a
//! reserve, as inaccessible, which is opened for a signal handler of the host that needs the room.

use core::cell::Cell;
use core::ops::Range;

use crate::sys::{Access, Mapping, Purpose};

/// Inaccessible bytes at either end of a stack.
pub const STACK_GUARD_BYTES: usize = 64 << 10;

/// Bytes below a Wasm stack that a signal handler of the host which runs on it can count on.
pub const HANDLER_RESERVE_BYTES: usize = 256 << 10;

/// How often as much is there: Wasm code that goes on after a handler may use up what was opened for that.
const HANDLER_RESERVES: usize = 4;

/// A mapped stack; unmapped when dropped.
pub struct Stack {
    mapping: Mapping,
    /// What was asked for.
    wanted_bytes: usize,
    reserve_bytes: usize,
    /// How much of the reserve is accessible, from its upper end.
    open_bytes: Cell<usize>,
}

impl Stack {
    /// A stack with `usable_bytes` (rounded up to whole pages) between its guards, if the system gives one.
    pub fn new(usable_bytes: usize) -> Option<Self> {
        Self::with_reserve(usable_bytes, 0)
    }

    /// A stack for Wasm code.
    pub fn for_wasm(usable_bytes: usize) -> Option<Self> {
        Self::with_reserve(usable_bytes, HANDLER_RESERVES * HANDLER_RESERVE_BYTES)
    }

    fn with_reserve(wanted_bytes: usize, reserve_bytes: usize) -> Option<Self> {
        let usable_bytes = wanted_bytes.checked_next_multiple_of(STACK_GUARD_BYTES)?;
        let len = usable_bytes.checked_add(reserve_bytes + 2 * STACK_GUARD_BYTES)?;
        let mapping = Mapping::new(len, Purpose::Stack)?;
        let stack = Self { mapping, wanted_bytes, reserve_bytes, open_bytes: Cell::new(0) };
        stack.mapping.protect(stack.usable(), Access::ReadWrite).then_some(stack)
    }

    /// How many bytes were asked for.
    pub fn wanted_bytes(&self) -> usize {
        self.wanted_bytes
    }

    /// Addresses that code which is meant to run on it can use.
    pub fn usable(&self) -> Range<usize> {
        self.reserve_range().end..self.mapping.range().end - STACK_GUARD_BYTES
    }

    /// Addresses below: the guard, and the reserve.
    pub fn below(&self) -> Range<usize> {
        self.mapping.range().start..self.reserve_range().end
    }

    /// The lowest address that is accessible at present.
    pub fn lowest_open(&self) -> usize {
        self.reserve_range().end - self.open_bytes.get()
    }

    /// Makes [`HANDLER_RESERVE_BYTES`] more accessible: whether there were as many. Async-signal-safe.
    pub fn open_reserve(&self) -> bool {
        let end = self.lowest_open();
        let start = end.saturating_sub(HANDLER_RESERVE_BYTES);
        let is_opened =
            start >= self.reserve_range().start && self.mapping.protect(start..end, Access::ReadWrite);
        if is_opened {
            self.open_bytes.set(self.open_bytes.get() + HANDLER_RESERVE_BYTES);
        }
        is_opened
    }

    /// Undoes all [`Self::open_reserve`].
    pub fn close_reserve(&self) {
        if self.open_bytes.get() > 0 && self.mapping.protect(self.reserve_range(), Access::None) {
            self.open_bytes.set(0);
        }
    }

    fn reserve_range(&self) -> Range<usize> {
        let start = self.mapping.range().start + STACK_GUARD_BYTES;
        start..start + self.reserve_bytes
    }
}

/// Where the calling code's stack is now, near enough to measure what is left of it.
#[inline(never)]
pub fn approximate_stack_pointer() -> usize {
    let marker = 0u8;
    core::hint::black_box(&raw const marker) as usize
}
