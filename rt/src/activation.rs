//! Activations: calls from the host into Wasm that are under way, each on a Wasm stack of its own.
//!
//! The rule: nothing here relies on calls ending in the reverse order of their beginning. A host may run
//! on coroutines, which are suspended in host functions, copied away, resumed on another thread, or given
//! up. So an activation is never kept on the host's stack, shares its Wasm stack with no other, and its
//! memory is only ever used for activations again: what a stale pointer finds tells that it is stale.

use alloc::boxed::Box;
use core::cell::Cell;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use crate::lock::Lock;
use crate::stack::{Stack, approximate_stack_pointer};
use crate::thread::Thread;

/// Bytes below a stack pointer that compiled code may use without moving it.
const RED_ZONE_BYTES: usize = 128;

/// Least Wasm stack that an activation begins with.
const MIN_STACK_BYTES: usize = 16 << 10;

/// How deep calls of the host and of Wasm may nest. Each level costs three pages or so.
const MAX_DEPTH: u32 = 4096;

/// Stacks that a thread keeps for later.
const MAX_FREE: usize = 128;

/// What the frames of a host function take that calls Wasm again, on a stack of which we know nothing.
const HOST_FUNCTION_BYTES: usize = 8 << 10;

/// A call from the host into Wasm. Assembly reads and writes it.
#[repr(C)]
pub struct Activation {
    /// Host stack pointer to resume at; host functions run below it.
    pub host_sp: usize,
    /// Wasm stack pointer at the last call of a host function.
    pub wasm_sp: usize,
    /// Frame pointer at the last call of a host function.
    pub wasm_fp: usize,
    /// The thread that it runs on, or last ran on; null in a free one.
    pub thread: AtomicPtr<Thread>,
    /// Counts returns of host functions, and ends: the same number means the same call of a host function.
    pub epoch: AtomicU64,
    /// The host's MXCSR, as it was at entry and as the last host function left it.
    pub host_mxcsr: u32,
    /// Where assembly puts MXCSR together.
    pub mxcsr: u32,
    /// Wasm stack pointer at entry: the end of this activation's frames.
    pub entry_sp: usize,
    /// The activation whose host function called this one.
    pub caller: Caller,
    /// What ended it, if something did.
    pub record: TrapRecord,
    /// Where its Wasm code runs. None only in a free one.
    pub stack: Option<Stack>,
    /// Bytes of Wasm stack that its callers take.
    used_bytes: usize,
    /// Number of its callers.
    depth: u32,
    /// Stack pointer of the host where it was made.
    begin_sp: usize,
    /// The number of its frames and its callers', and the epoch in which they were counted.
    counted_frames: Cell<u32>,
    counted_epoch: Cell<u64>,
    next_free: *mut Activation,
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
    const EMPTY: Self = Self {
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
pub struct Caller {
    activation: *mut Activation,
    epoch: u64,
}

impl Caller {
    const NONE: Self = Self { activation: null_mut(), epoch: 0 };

    /// The activation, if it still waits in that call on the same thread.
    pub fn waiting<'a>(self, thread: *mut Thread) -> Option<&'a Activation> {
        if self.activation.is_null() {
            return None;
        }
        // SAFETY: memory of activations is never used for anything else. Another thread may have it by
        // now, so only the two atomics are looked at until it is known to be still here.
        unsafe {
            let (epoch, owner) = (&(*self.activation).epoch, &(*self.activation).thread);
            let waits =
                epoch.load(Ordering::Relaxed) == self.epoch && owner.load(Ordering::Relaxed) == thread;
            waits.then(|| &*self.activation)
        }
    }
}

/// Why an activation could not be made.
pub enum Refusal {
    /// Host and Wasm call each other endlessly, or as good as.
    TooDeep,
    /// The system has no room for a stack.
    OutOfMemory,
}

/// Activations that are not in use.
#[repr(C)]
pub struct FreeList {
    first: *mut Activation,
    len: usize,
}

// SAFETY: what is on a list belongs to whoever has the list.
unsafe impl Send for FreeList {}

/// Those of threads that have ended, without stacks.
static POOL: Lock<FreeList> = Lock::new(FreeList::new());

impl FreeList {
    /// None.
    pub const fn new() -> Self {
        Self { first: null_mut(), len: 0 }
    }

    fn push(&mut self, activation: *mut Activation) {
        // SAFETY: memory of activations is never freed, and this one is in nobody's use.
        unsafe { (*activation).next_free = self.first };
        self.first = activation;
        self.len += 1;
    }

    fn pop(&mut self) -> Option<*mut Activation> {
        let first = self.first;
        // SAFETY: as above.
        self.first = unsafe { first.as_ref() }?.next_free;
        self.len -= 1;
        Some(first)
    }

    /// Gives everything back: the stacks to the system, the rest to other threads.
    pub fn drain(&mut self) {
        while let Some(activation) = self.pop() {
            discard(activation);
        }
    }
}

/// Gives the stack back to the system; other threads may use the rest.
fn discard(activation: *mut Activation) {
    // SAFETY: memory of activations is never freed, and this one is in nobody's use.
    unsafe { (*activation).stack = None };
    POOL.lock().push(activation);
}

/// An activation that is in nobody's use, with a stack.
fn take(free: &mut FreeList) -> Option<*mut Activation> {
    if let Some(activation) = free.pop() {
        return Some(activation);
    }
    let stack = Stack::for_wasm()?;
    let pooled = POOL.lock().pop();
    let activation = pooled.unwrap_or_else(|| {
        Box::into_raw(Box::new(Activation {
            host_sp: 0,
            wasm_sp: 0,
            wasm_fp: 0,
            thread: AtomicPtr::new(null_mut()),
            epoch: AtomicU64::new(0),
            host_mxcsr: 0,
            mxcsr: 0,
            entry_sp: 0,
            caller: Caller::NONE,
            record: TrapRecord::EMPTY,
            stack: None,
            used_bytes: 0,
            depth: 0,
            begin_sp: 0,
            counted_frames: Cell::new(0),
            counted_epoch: Cell::new(u64::MAX),
            next_free: null_mut(),
        }))
    });
    // SAFETY: as above.
    unsafe { (*activation).stack = Some(stack) };
    Some(activation)
}

impl Activation {
    /// Addresses of its frames and what is left below them; empty in a free one.
    pub fn stack_range(&self) -> core::ops::Range<usize> {
        self.stack.as_ref().map_or(0..0, |stack| stack.lowest_open()..self.entry_sp)
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
    fn used_while_waiting(&self) -> usize {
        self.used_bytes + (self.entry_sp - self.wasm_sp) + RED_ZONE_BYTES
    }
}

/// Makes the calling thread's next activation, and makes it the innermost.
pub fn begin(thread: &mut Thread) -> Result<*mut Activation, Refusal> {
    let begin_sp = approximate_stack_pointer();
    let caller = caller_of(thread, begin_sp);
    let (used_bytes, depth) = caller.map_or((0, 0), |caller| (caller.used_while_waiting(), caller.depth + 1));
    let is_too_deep = depth > 0 && (depth > MAX_DEPTH || !thread.host_stack_has_headroom(begin_sp));
    let caller = match caller {
        Some(caller) => Caller {
            activation: core::ptr::from_ref(caller).cast_mut(),
            epoch: caller.epoch.load(Ordering::Relaxed),
        },
        None => Caller::NONE,
    };
    if is_too_deep {
        return Err(Refusal::TooDeep);
    }
    let activation = take(&mut thread.free).ok_or(Refusal::OutOfMemory)?;
    // SAFETY: nobody else uses what was just taken.
    let taken = unsafe { &mut *activation };
    let usable = taken.stack.as_ref().map_or(0..0, Stack::usable);
    // As if all stacks of nested calls were one: together they are as large as one.
    if usable.len() < used_bytes + MIN_STACK_BYTES {
        thread.free.push(activation);
        return Err(Refusal::TooDeep);
    }
    taken.entry_sp = (usable.end - used_bytes) & !0xf;
    (taken.wasm_sp, taken.wasm_fp) = (taken.entry_sp, 0);
    taken.thread.store(thread, Ordering::Relaxed);
    taken.caller = caller;
    taken.record = TrapRecord::EMPTY;
    (taken.used_bytes, taken.depth, taken.begin_sp) = (used_bytes, depth, begin_sp);
    thread.activation = activation;
    Ok(activation)
}

/// The activation whose host function calls Wasm again, as far as one can tell: a host function runs
/// further down the same stack. If it is a coroutine instead, the new activation is only the worse for
/// what the other one uses of its stack.
fn caller_of<'a>(thread: &mut Thread, begin_sp: usize) -> Option<&'a Activation> {
    let here = core::ptr::from_mut(thread);
    if thread.activation.is_null() {
        return None;
    }
    // SAFETY: memory of activations is never used for anything else; what is here is no other thread's.
    let innermost = unsafe {
        let owner = &(*thread.activation).thread;
        (owner.load(Ordering::Relaxed) == here).then(|| &*thread.activation)
    }?;
    if begin_sp >= innermost.begin_sp.min(innermost.host_sp) {
        return None;
    }
    let is_near = innermost.host_sp - begin_sp <= HOST_FUNCTION_BYTES;
    (is_near || thread.host_stack_contains(begin_sp) && thread.host_stack_contains(innermost.host_sp))
        .then_some(innermost)
}

/// Ends an activation. `thread` is the calling one, where it need not have begun; null if it has no state.
///
/// # Safety
/// Its Wasm code never runs again.
pub unsafe fn end(activation: *mut Activation, thread: *mut Thread) {
    // SAFETY: the caller gives it up, and nobody else uses it.
    let ended = unsafe { &mut *activation };
    ended.epoch.fetch_add(1, Ordering::Relaxed);
    ended.thread.store(null_mut(), Ordering::Relaxed);
    if let Some(stack) = &mut ended.stack {
        stack.close_reserve();
    }
    // SAFETY: the state of the calling thread.
    let Some(thread) = (unsafe { thread.as_mut() }) else {
        return discard(activation);
    };
    let caller = ended.caller;
    thread.activation = match caller.waiting(thread) {
        Some(_) => caller.activation,
        None => null_mut(),
    };
    if thread.free.len < MAX_FREE {
        thread.free.push(activation);
    } else {
        discard(activation);
    }
}
