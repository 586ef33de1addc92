//! Stores: what instances live in, with the limits that hold for all of them together.
//!
//! The rule: nothing that one program allows another is a static of the process. An executable makes one
//! store of its policy; a host that makes none uses that of [`default`]. Instances of one store can be
//! linked, those of different stores cannot. A store is gone when its last instance is and nobody holds it.

use alloc::sync::Arc;
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

use w2n_abi::{HostPointer, Limits, NO_LIMIT};

use crate::lock::Lock;
use crate::modules::LoadedModules;

/// Bytes of a Wasm stack that can be used, unless the limits say otherwise.
pub const WASM_STACK_BYTES: usize = 8 << 20;

/// What tells stores apart: where one is. Nobody looks there.
pub type StoreId = *const Store;

/// A store.
pub struct Store {
    /// Bytes that memories and tables may still take. Without a limit nothing is counted.
    bytes_left: AtomicU64,
    /// Whether some were refused.
    is_exceeded: AtomicBool,
    stack_bytes: usize,
    modules: LoadedModules,
    linked_env: AtomicPtr<c_void>,
    deadline: Deadline,
}

/// How long what runs in a store may take; `deadline.rs` sees to it.
pub struct Deadline {
    /// Nanoseconds from when the time began.
    pub limit_ns: u64,
    /// How often the timer may still find the program where it cannot be stopped.
    pub ticks_left: AtomicU32,
}

impl Store {
    /// An empty one with these limits, of which descriptors are libwasirt's.
    /// `None`: no machine like this has such a stack.
    pub fn new(limits: &Limits) -> Option<Arc<Self>> {
        let stack_bytes = match limits.stack_bytes {
            NO_LIMIT => WASM_STACK_BYTES,
            limit => usize::try_from(limit).ok()?,
        };
        Some(Self::with_stack(limits, stack_bytes))
    }

    fn with_stack(limits: &Limits, stack_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            bytes_left: AtomicU64::new(limits.memory_bytes),
            is_exceeded: AtomicBool::new(false),
            stack_bytes,
            modules: LoadedModules::new(),
            linked_env: AtomicPtr::new(null_mut()),
            deadline: Deadline { limit_ns: limits.time_ns, ticks_left: AtomicU32::new(0) },
        })
    }

    /// Takes `bytes` before they are made usable, or refuses.
    pub fn take(&self, bytes: u64) -> Option<()> {
        let take = |left: u64| if left == NO_LIMIT { Some(NO_LIMIT) } else { left.checked_sub(bytes) };
        let taken = self.bytes_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok().map(drop);
        if taken.is_none() {
            self.is_exceeded.store(true, Ordering::Relaxed);
        }
        taken
    }

    /// Gives back what was taken.
    pub fn give_back(&self, bytes: u64) {
        let give = |left: u64| (left != NO_LIMIT).then(|| left.saturating_add(bytes));
        // Without a limit there is nothing to count.
        let _ = self.bytes_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, give);
    }

    /// Whether the limit was the reason that something failed.
    pub fn is_exceeded(&self) -> bool {
        self.is_exceeded.load(Ordering::Relaxed)
    }

    /// How much of the Wasm stack calls into its instances may use.
    pub fn stack_bytes(&self) -> usize {
        self.stack_bytes
    }

    /// The modules of its instances.
    pub fn modules(&self) -> &LoadedModules {
        &self.modules
    }

    /// How long what runs in it may take.
    pub fn deadline(&self) -> &Deadline {
        &self.deadline
    }

    /// First argument of the functions that were linked in for imports, where the host gives none: the WASI
    /// state.
    pub fn linked_env(&self) -> HostPointer {
        self.linked_env.load(Ordering::Relaxed)
    }

    /// Sets what [`Self::linked_env`] answers, before there are instances.
    pub fn set_linked_env(&self, env: HostPointer) {
        self.linked_env.store(env, Ordering::Relaxed);
    }
}

static DEFAULT: Lock<Option<Arc<Store>>> = Lock::new(None);

/// The store of hosts that make none: without limits.
pub fn default() -> Arc<Store> {
    let mut default = DEFAULT.lock();
    Arc::clone(default.get_or_insert_with(|| Store::with_stack(&Limits::NONE, WASM_STACK_BYTES)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_store_counts_for_itself() {
        let limits = Limits { memory_bytes: 100, ..Limits::NONE };
        let (one, other) = (Store::with_stack(&limits, 0), Store::with_stack(&limits, 0));
        assert!(one.take(60).is_some() && !one.is_exceeded());
        assert!(one.take(41).is_none() && one.is_exceeded());
        assert!(other.take(100).is_some() && !other.is_exceeded());
        one.give_back(60);
        assert!(one.take(100).is_some());
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let store = Store::with_stack(&Limits::NONE, WASM_STACK_BYTES);
        assert!(store.take(u64::MAX - 1).is_some() && store.take(u64::MAX - 1).is_some());
        store.give_back(u64::MAX);
        assert!(store.take(1).is_some() && !store.is_exceeded());
        assert_eq!(store.stack_bytes(), WASM_STACK_BYTES);
    }
}
