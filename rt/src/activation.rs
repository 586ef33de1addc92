//! Activations: calls from the host into Wasm that are under way, each on a Wasm stack of its own.
//! (`nesting.rs` begins and ends them.)
//!
//! The rule: nothing here relies on calls ending in the reverse order of their beginning. A host may run
//! on coroutines, which are suspended in host functions, copied away, resumed on another thread, or given
//! up. So an activation is never kept on the host's stack, shares its Wasm stack with no other, and its
//! memory is only ever used for activations again: what a stale pointer finds tells that it is stale.

use core::cell::{Cell, UnsafeCell};
use core::ops::Range;
use core::ptr::{null, null_mut};
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use alloc::boxed::Box;

use crate::handle::Instance;
use crate::lock::Lock;
use crate::stack::Stack;
use crate::store::StoreId;

/// Bytes below a stack pointer that compiled code may use without moving it.
const RED_ZONE_BYTES: usize = 128;

/// What tells threads apart: where one has its state. Nobody looks there.
pub type ThreadId = *mut core::ffi::c_void;

/// A call from the host into Wasm. Assembly reads and writes it. As its memory is only ever used for
/// activations, a reference to one is always valid; whether it still is the same call, `epoch` tells.
#[repr(C)]
pub struct Activation {
    /// Host stack pointer to resume at; host functions run below it.
    pub host_sp: Cell<usize>,
    /// Wasm stack pointer at the last call of a host function.
    pub wasm_sp: Cell<usize>,
    /// Frame pointer at the last call of a host function.
    pub wasm_fp: Cell<usize>,
    /// The thread that it runs on, or last ran on; null in a free one.
    pub thread: AtomicPtr<core::ffi::c_void>,
    /// Counts returns of host functions, and ends: the same number means the same call of a host function.
    /// Only the thread that it runs on writes it.
    pub epoch: AtomicU64,
    /// The host's floating-point environment, as it was at entry and as the last host function left it.
    pub host_mxcsr: Cell<u32>,
    /// Where assembly puts the environment together.
    pub mxcsr: Cell<u32>,
    /// Wasm stack pointer at entry: the end of this activation's frames.
    pub entry_sp: Cell<usize>,
    /// The activation whose host function called this one.
    pub caller: Cell<Caller>,
    /// What ended it, if something did.
    pub record: Cell<TrapRecord>,
    /// What was called; None only in a free one.
    pub instance: Cell<Option<Instance>>,
    /// The store of that.
    pub store: Cell<StoreId>,
    /// Where its Wasm code runs. None only in a free one.
    stack: UnsafeCell<Option<Stack>>,
    /// Bytes of Wasm stack that its callers take.
    pub used_bytes: Cell<usize>,
    /// Number of its callers.
    pub depth: Cell<u32>,
    /// Stack pointer of the host where it was made.
    pub begin_sp: Cell<usize>,
    /// The number of its frames and its callers', and the epoch in which they were counted.
    counted_frames: Cell<u32>,
    counted_epoch: Cell<u64>,
    next_free: Cell<Option<&'static Activation>>,
}

/// Where and why an activation ended.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TrapRecord {
    /// Address of the instruction that faulted, or behind the call of `w2n_trap`.
    pub pc: usize,
    /// Frame pointer there.
    pub fp: usize,
    /// Stack pointer there, when `is_fault`.
    pub sp: usize,
    /// Whether `pc` is that of an instruction that faulted.
    pub is_fault: bool,
    /// [`w2n_abi::TRAP_HAS_ADDRESS`] and [`w2n_abi::TRAP_HAS_LENGTH`], for the fields below.
    pub flags: u32,
    /// As in [`w2n_abi::W2nTrap`].
    pub fault_address: u64,
    /// As in [`w2n_abi::W2nTrap`].
    pub access_length: u64,
    /// As in [`w2n_abi::W2nTrap`].
    pub memory_length: u64,
}

impl TrapRecord {
    /// Nothing did.
    pub const EMPTY: Self = Self {
        pc: 0,
        fp: 0,
        sp: 0,
        is_fault: false,
        flags: 0,
        fault_address: 0,
        access_length: 0,
        memory_length: 0,
    };
}

/// An activation that waited in a call of a host function, which may be over.
#[derive(Clone, Copy)]
pub struct Caller(Option<(&'static Activation, u64)>);

impl Caller {
    /// None.
    pub const NONE: Self = Self(None);

    /// The activation, in the call in which it waits.
    pub fn of(activation: &'static Activation) -> Self {
        Self(Some((activation, activation.epoch.load(Ordering::Relaxed))))
    }

    /// The activation, if it still waits in that call on the same thread. Another thread may have it by now,
    /// so only the two atomics are looked at until it is known to be still here.
    pub fn waiting(self, thread: ThreadId) -> Option<&'static Activation> {
        let (activation, epoch) = self.0?;
        let waits = activation.epoch.load(Ordering::Relaxed) == epoch && activation.is_on(thread);
        waits.then_some(activation)
    }
}

/// Activations that are not in use.
pub struct FreeList {
    first: Cell<Option<&'static Activation>>,
    len: Cell<usize>,
}

// SAFETY: what is on a list belongs to whoever has the list.
unsafe impl Send for FreeList {}

/// Those of threads that have ended, without stacks.
static POOL: Lock<FreeList> = Lock::new(FreeList::new());

/// Stacks that a thread keeps for later.
const MAX_FREE: usize = 128;

impl FreeList {
    /// None.
    pub const fn new() -> Self {
        Self { first: Cell::new(None), len: Cell::new(0) }
    }

    fn push(&self, activation: &'static Activation) {
        activation.next_free.set(self.first.replace(Some(activation)));
        self.len.set(self.len.get() + 1);
    }

    fn pop(&self) -> Option<&'static Activation> {
        let first = self.first.get()?;
        self.first.set(first.next_free.get());
        self.len.set(self.len.get() - 1);
        Some(first)
    }

    /// An activation that is in nobody's use, with a stack of that size. `None`: the system has no room.
    pub fn take(&self, stack_bytes: usize) -> Option<&'static Activation> {
        if let Some(activation) = self.pop() {
            if activation.stack().is_some_and(|stack| stack.wanted_bytes() == stack_bytes) {
                return Some(activation);
            }
            // A store with stacks of another size was here before.
            activation.discard();
        }
        Activation::with_stack(stack_bytes)
    }

    /// Takes back what [`Self::take`] gave.
    pub fn give_back(&self, activation: &'static Activation) {
        if self.len.get() < MAX_FREE {
            self.push(activation);
        } else {
            activation.discard();
        }
    }

    /// Gives everything back: the stacks to the system, the rest to other threads.
    pub fn drain(&self) {
        while let Some(activation) = self.pop() {
            activation.discard();
        }
    }
}

impl Activation {
    const fn new() -> Self {
        Self {
            host_sp: Cell::new(0),
            wasm_sp: Cell::new(0),
            wasm_fp: Cell::new(0),
            thread: AtomicPtr::new(null_mut()),
            epoch: AtomicU64::new(0),
            host_mxcsr: Cell::new(0),
            mxcsr: Cell::new(0),
            entry_sp: Cell::new(0),
            caller: Cell::new(Caller::NONE),
            record: Cell::new(TrapRecord::EMPTY),
            instance: Cell::new(None),
            store: Cell::new(null()),
            stack: UnsafeCell::new(None),
            used_bytes: Cell::new(0),
            depth: Cell::new(0),
            begin_sp: Cell::new(0),
            counted_frames: Cell::new(0),
            counted_epoch: Cell::new(u64::MAX),
            next_free: Cell::new(None),
        }
    }

    /// One that has not run anything, or that a thread which has ended has left, with a stack of that size.
    #[cold]
    fn with_stack(stack_bytes: usize) -> Option<&'static Self> {
        let stack = Stack::for_wasm(stack_bytes)?;
        let pooled = POOL.lock().pop();
        let activation = pooled.unwrap_or_else(|| Box::leak(Box::new(Self::new())));
        activation.set_stack(Some(stack));
        Some(activation)
    }

    /// Where its Wasm code runs.
    pub fn stack(&self) -> Option<&Stack> {
        // SAFETY: the stack changes only while the activation is in nobody's use.
        unsafe { (*self.stack.get()).as_ref() }
    }

    /// Gives one that is in nobody's use a stack, or takes it away.
    fn set_stack(&self, stack: Option<Stack>) {
        // SAFETY: nobody runs or looks at the stack of an activation that was just taken from a list.
        unsafe { *self.stack.get() = stack };
    }

    /// Gives the stack back to the system; other threads may use the rest.
    pub fn discard(&'static self) {
        self.set_stack(None);
        POOL.lock().push(self);
    }

    /// Whether it runs on that thread, or did last.
    pub fn is_on(&self, thread: ThreadId) -> bool {
        self.thread.load(Ordering::Relaxed) == thread
    }

    /// A host function has returned, or all has ended.
    pub fn next_epoch(&self) {
        // No other thread writes it.
        self.epoch.store(self.epoch.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Addresses of its frames and what is left below them; empty in a free one.
    pub fn stack_range(&self) -> Range<usize> {
        self.stack().map_or(0..0, |stack| stack.lowest_open()..self.entry_sp.get())
    }

    /// How many frames it and its callers have while it waits for a host function, if they were counted.
    pub fn counted_frames(&self) -> Option<u32> {
        let is_current = self.counted_epoch.get() == self.epoch.load(Ordering::Relaxed);
        is_current.then(|| self.counted_frames.get())
    }

    /// Keeps their number for as long as it waits.
    pub fn keep_counted_frames(&self, frames: u32) {
        self.counted_frames.set(frames);
        self.counted_epoch.set(self.epoch.load(Ordering::Relaxed));
    }

    /// Bytes of Wasm stack that it and its callers take while it waits for a host function.
    pub fn used_while_waiting(&self) -> usize {
        self.used_bytes.get() + (self.entry_sp.get() - self.wasm_sp.get()) + RED_ZONE_BYTES
    }
}
