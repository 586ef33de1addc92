//! What the runtime keeps per thread: the innermost activation, Wasm stacks, what a host function last said.
//!
//! The rule: the signal handler reads this, so the one thread-local word takes no call and no allocation to
//! read, and everything behind it is set up before Wasm code runs (`attach.rs`). A call that a coroutine
//! brings to another thread ends there, so the word is read anew after each host function.

use core::cell::Cell;
use core::ops::Range;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering, compiler_fence};

use crate::activation::{Activation, FreeList, ThreadId};
use crate::signal_stack::SignalStack;
use crate::stack::approximate_stack_pointer;
use crate::sys;
use crate::text::Text;

/// Stack that must be left for runtime functions that call libc from the Wasm stack.
const RUNTIME_HEADROOM_BYTES: usize = 32 << 10;

/// Stack that a nested activation must find on the host's stack.
const HOST_HEADROOM_BYTES: usize = 128 << 10;

/// Room for the words of a host function that fails.
const HOST_MESSAGE_BYTES: usize = 256;

/// State of a thread that has run Wasm code.
#[repr(C)]
pub struct Thread {
    /// The innermost activation, if one is known. First: assembly reads it. While Wasm code runs it is that
    /// code's; while the host runs, only who is likely to have called it.
    pub activation: AtomicPtr<Activation>,
    /// 1 while code of the host runs, 0 while Wasm code or the runtime does. A fault is Wasm's only at 0,
    /// and a call of the API at 0 comes from a signal handler.
    pub in_host: AtomicU32,
    /// What only the thread itself uses.
    own: Own,
}

/// See [`Thread::own`].
struct Own {
    free: FreeList,
    signal_stack: SignalStack,
    message: Cell<[u8; HOST_MESSAGE_BYTES]>,
    message_len: Cell<usize>,
    exit_status: Cell<i32>,
    /// Start and end of the host's stack once measured; empty if it cannot be known.
    host_stack: Cell<Option<(usize, usize)>>,
}

// SAFETY: a reference to a thread's state is only got from that thread's word, and the state that all threads
// share while their own is being made has `in_host` 0, with which nobody uses what is the thread's own.
unsafe impl Sync for Thread {}

impl Thread {
    /// The state of a thread of which the host runs (1) or does not (0).
    pub const fn new(in_host: u32) -> Self {
        let own = Own {
            free: FreeList::new(),
            signal_stack: SignalStack::new(),
            message: Cell::new([0; HOST_MESSAGE_BYTES]),
            message_len: Cell::new(0),
            exit_status: Cell::new(0),
            host_stack: Cell::new(None),
        };
        Self { activation: AtomicPtr::new(null_mut()), in_host: AtomicU32::new(in_host), own }
    }

    /// The calling thread's state, if it has one. Async-signal-safe.
    pub fn existing() -> Option<&'static Self> {
        // SAFETY: the word is null or points to the calling thread's state, which is there until the thread
        // ends; nobody keeps the reference for longer than a call, nor past a call of a host function.
        unsafe { sys::thread_word().cast::<Self>().as_ref() }
    }

    /// What tells it apart from others.
    pub fn id(&self) -> ThreadId {
        core::ptr::from_ref(self).cast_mut().cast()
    }

    /// Stacks for the next activations.
    pub fn free(&self) -> &FreeList {
        &self.own.free
    }

    /// Where faults of Wasm code are handled.
    pub fn signal_stack(&self) -> &SignalStack {
        &self.own.signal_stack
    }

    /// The innermost activation, if one is known.
    pub fn innermost(&self) -> Option<&'static Activation> {
        // SAFETY: memory of activations is never used for anything else.
        unsafe { self.activation.load(Ordering::Relaxed).as_ref() }
    }

    /// Says which activation is the innermost one.
    pub fn set_innermost(&self, activation: Option<&'static Activation>) {
        let activation =
            activation.map_or(null_mut(), |activation| core::ptr::from_ref(activation).cast_mut());
        self.activation.store(activation, Ordering::Relaxed);
    }

    /// Whether code of the host runs, rather than a signal handler that interrupted Wasm code or the runtime.
    pub fn is_in_host(&self) -> bool {
        self.in_host.load(Ordering::Relaxed) != 0
    }

    /// Says whether code of the host runs (1) or not (0).
    pub fn set_in_host(&self, in_host: u32) {
        // Only signal handlers of this very thread look.
        compiler_fence(Ordering::SeqCst);
        self.in_host.store(in_host, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
    }

    /// Whether the host's stack has room for another activation at `stack_pointer`.
    pub fn host_stack_has_headroom(&self, stack_pointer: usize) -> bool {
        let range = self.host_stack();
        // A host on a stack of its own making (a coroutine) is elsewhere: not our guess.
        !range.contains(&stack_pointer) || stack_pointer - range.start > HOST_HEADROOM_BYTES
    }

    /// Whether the address is on the stack that the thread was started with.
    pub fn host_stack_contains(&self, address: usize) -> bool {
        self.host_stack().contains(&address)
    }

    /// Measured when first asked: reading the limits of the main thread's stack opens a file.
    fn host_stack(&self) -> Range<usize> {
        let (start, end) = self.own.host_stack.get().unwrap_or_else(|| {
            let range = sys::own_stack().unwrap_or(0..0);
            self.own.host_stack.set(Some((range.start, range.end)));
            (range.start, range.end)
        });
        start..end
    }

    /// Keeps what a failing host function says until the trap report takes it.
    pub fn set_message(&self, words: &[u8]) {
        let len = words.len().min(HOST_MESSAGE_BYTES);
        let mut message = [0; HOST_MESSAGE_BYTES];
        message[..len].copy_from_slice(&words[..len]);
        self.own.message.set(message);
        self.own.message_len.set(len);
    }

    /// Moves the words to `text`.
    pub fn take_message(&self, text: &mut Text) {
        text.push(&self.own.message.get()[..self.own.message_len.take()]);
    }

    /// Whether a host function has left words.
    pub fn has_message(&self) -> bool {
        self.own.message_len.get() > 0
    }

    /// Keeps the status for the trap report.
    pub fn set_exit_status(&self, status: i32) {
        self.own.exit_status.set(status);
    }

    /// The status that was kept.
    pub fn exit_status(&self) -> i32 {
        self.own.exit_status.get()
    }

    /// Ends what the thread has here, when it ends itself.
    pub fn end(&self) {
        // Calls that wait in suspended coroutines keep their stacks: another thread may resume them.
        self.own.free.drain();
        self.own.signal_stack.withdraw();
    }
}

/// The calling thread's state with the activation whose Wasm code it may be running: `None` while the host
/// runs. Async-signal-safe.
pub fn running() -> Option<(&'static Thread, &'static Activation)> {
    let thread = Thread::existing()?;
    let activation = thread.innermost()?;
    (!thread.is_in_host()).then_some((thread, activation))
}

/// The runtime's part in a call of the API, during which signal handlers are refused.
pub struct InRuntime {
    in_host_before: u32,
}

impl InRuntime {
    /// For calls that need not come from the host.
    pub fn begin(thread: &Thread) -> Self {
        let in_host_before = thread.in_host.load(Ordering::Relaxed);
        thread.set_in_host(0);
        Self { in_host_before }
    }
}

impl Drop for InRuntime {
    fn drop(&mut self) {
        // The thread is another one if a coroutine was moved meanwhile.
        if let Some(thread) = Thread::existing() {
            thread.set_in_host(self.in_host_before);
        }
    }
}

/// Whether a runtime function that was called on the Wasm stack may go on to call libc.
/// Called on another stack, it may.
pub fn wasm_stack_has_headroom() -> bool {
    let Some(thread) = Thread::existing() else { return true };
    let range = thread.innermost().map_or(0..0, Activation::stack_range);
    let stack_pointer = approximate_stack_pointer();
    !range.contains(&stack_pointer) || stack_pointer - range.start >= RUNTIME_HEADROOM_BYTES
}
