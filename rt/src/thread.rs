//! What the runtime keeps per thread: the innermost activation, Wasm stacks, what a host function last said.
//!
//! The rule: the signal handler reads this, so the one thread-local word is in the initial-exec model
//! (no call, no allocation to read it) and everything behind it is set up before Wasm code runs. A call
//! that a coroutine brings to another thread ends there, so the word is read anew after each host function.

use alloc::boxed::Box;
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ops::Range;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicU32, Ordering, compiler_fence};

use crate::activation::{Activation, FreeList};
use crate::enter;
use crate::lock::Lock;
use crate::signal::{self, SignalStack};
use crate::stack::approximate_stack_pointer;
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
    pub activation: *mut Activation,
    /// 1 while code of the host runs, 0 while Wasm code or the runtime does. A fault is Wasm's only at 0,
    /// and a call of the API at 0 comes from a signal handler.
    pub in_host: AtomicU32,
    /// Stacks for the next activations.
    pub free: FreeList,
    /// Where faults of Wasm code are handled.
    pub signal_stack: SignalStack,
    /// What the last failing host function said.
    message: [u8; HOST_MESSAGE_BYTES],
    message_len: usize,
    /// Status that the last host function to end the program gave.
    exit_status: i32,
    /// The host's stack once measured; empty if it cannot be known.
    host_stack: Option<Range<usize>>,
}

impl Thread {
    const fn new(in_host: u32) -> Self {
        Self {
            activation: null_mut(),
            in_host: AtomicU32::new(in_host),
            free: FreeList::new(),
            signal_stack: SignalStack::NONE,
            message: [0; HOST_MESSAGE_BYTES],
            message_len: 0,
            exit_status: 0,
            host_stack: None,
        }
    }
}

/// The state of all threads whose own is being made: what a signal handler finds then.
struct Unready(UnsafeCell<Thread>);
// SAFETY: never written to, since a thread in this state is not in the host.
unsafe impl Sync for Unready {}
static UNREADY: Unready = Unready(UnsafeCell::new(Thread::new(0)));

/// Number of the key whose destructor frees a thread's state, plus one; 0 before there is one.
static EXIT_KEY: AtomicU32 = AtomicU32::new(0);
static EXIT_KEY_LOCK: Lock<()> = Lock::new(());

/// The calling thread's state, made if this is the first time; null when the system has no room.
pub fn current() -> *mut Thread {
    let thread = enter::thread_word();
    if thread.is_null() { create().unwrap_or(null_mut()) } else { thread }
}

fn create() -> Option<*mut Thread> {
    // A signal handler that calls the API meanwhile is refused.
    enter::set_thread_word(UNREADY.0.get());
    let created = try_create();
    enter::set_thread_word(created.unwrap_or(null_mut()));
    created
}

fn try_create() -> Option<*mut Thread> {
    let key = exit_key()?;
    signal::install();
    let mut thread = Box::new(Thread::new(1));
    thread.signal_stack = SignalStack::provide()?;
    let thread = Box::into_raw(thread);
    // SAFETY: the key exists and is never deleted.
    unsafe { libc::pthread_setspecific(key, thread.cast()) };
    Some(thread)
}

fn exit_key() -> Option<libc::pthread_key_t> {
    let _creating = EXIT_KEY_LOCK.lock();
    let number = EXIT_KEY.load(Ordering::Acquire);
    if number != 0 {
        return Some(number - 1);
    }
    let mut key = 0;
    // SAFETY: `key` is valid for writing, and the destructor has the signature that is asked for.
    if unsafe { libc::pthread_key_create(&mut key, Some(destroy)) } != 0 {
        return None;
    }
    EXIT_KEY.store(key + 1, Ordering::Release);
    Some(key)
}

/// Runs when a thread ends.
unsafe extern "C" fn destroy(thread: *mut c_void) {
    enter::set_thread_word(null_mut());
    // SAFETY: `create` leaked this box to the key, and nothing else frees it.
    let mut thread = unsafe { Box::from_raw(thread.cast::<Thread>()) };
    // Calls that wait in suspended coroutines keep their stacks: another thread may resume them.
    thread.free.drain();
    thread.signal_stack.withdraw();
}

/// The runtime's part in a call of the API, during which signal handlers are refused.
pub struct InRuntime {
    in_host_before: u32,
}

/// Why the API refuses a call.
#[derive(Clone, Copy)]
pub enum NotNow {
    /// It comes from a signal handler that interrupted Wasm code or the runtime.
    InHandler,
    /// The system has no room for the thread's state.
    OutOfMemory,
}

/// Begins a call of the API by the host.
pub fn leave_host() -> Result<InRuntime, NotNow> {
    // SAFETY: the state of the calling thread, of which a signal handler uses this field only.
    let thread = unsafe { current().as_ref() }.ok_or(NotNow::OutOfMemory)?;
    if !thread.is_in_host() {
        return Err(NotNow::InHandler);
    }
    Ok(InRuntime::begin(thread))
}

impl InRuntime {
    /// For calls that need not come from the host.
    pub fn begin(thread: &Thread) -> Self {
        let in_host_before = thread.in_host.load(Ordering::Relaxed);
        set_in_host(thread, 0);
        Self { in_host_before }
    }
}

impl Drop for InRuntime {
    fn drop(&mut self) {
        // SAFETY: the state of the calling thread, which is another one if a coroutine was moved meanwhile.
        if let Some(thread) = unsafe { enter::thread_word().as_ref() } {
            set_in_host(thread, self.in_host_before);
        }
    }
}

fn set_in_host(thread: &Thread, in_host: u32) {
    // Only signal handlers of this very thread look.
    compiler_fence(Ordering::SeqCst);
    thread.in_host.store(in_host, Ordering::Relaxed);
    compiler_fence(Ordering::SeqCst);
}

/// Calls code of the host from the runtime.
pub fn call_host<T>(host: impl FnOnce() -> T) -> T {
    // SAFETY: the state of the calling thread.
    if let Some(thread) = unsafe { enter::thread_word().as_ref() } {
        set_in_host(thread, 1);
    }
    let result = host();
    // SAFETY: as above; a coroutine may be on another thread now.
    if let Some(thread) = unsafe { current().as_ref() } {
        set_in_host(thread, 0);
    }
    result
}

impl Thread {
    /// Whether code of the host runs, rather than a signal handler that interrupted Wasm code or the runtime.
    pub fn is_in_host(&self) -> bool {
        self.in_host.load(Ordering::Relaxed) != 0
    }

    /// Whether the host's stack has room for another activation at `stack_pointer`.
    pub fn host_stack_has_headroom(&mut self, stack_pointer: usize) -> bool {
        let range = self.host_stack();
        // A host on a stack of its own making (a coroutine) is elsewhere: not our guess.
        !range.contains(&stack_pointer) || stack_pointer - range.start > HOST_HEADROOM_BYTES
    }

    /// Whether the address is on the stack that the thread was started with.
    pub fn host_stack_contains(&mut self, address: usize) -> bool {
        self.host_stack().contains(&address)
    }

    /// Measured when first asked: reading the limits of the main thread's stack opens a file.
    fn host_stack(&mut self) -> Range<usize> {
        self.host_stack.get_or_insert_with(|| host_stack().unwrap_or(0..0)).clone()
    }

    /// Keeps what a failing host function says until the trap report takes it.
    pub fn set_message(&mut self, words: &[u8]) {
        self.message_len = words.len().min(HOST_MESSAGE_BYTES);
        self.message[..self.message_len].copy_from_slice(&words[..self.message_len]);
    }

    /// Moves the words to `text`.
    pub fn take_message(&mut self, text: &mut Text) {
        text.push(&self.message[..self.message_len]);
        self.message_len = 0;
    }

    /// Whether a host function has left words.
    pub fn has_message(&self) -> bool {
        self.message_len > 0
    }

    /// Keeps the status for the trap report.
    pub fn set_exit_status(&mut self, status: i32) {
        self.exit_status = status;
    }

    /// The status that was kept.
    pub fn exit_status(&self) -> i32 {
        self.exit_status
    }
}

/// Addresses of the calling thread's own stack.
fn host_stack() -> Option<Range<usize>> {
    // SAFETY: the attributes are initialised by pthread_getattr_np before they are read, then destroyed.
    unsafe {
        let mut attributes: libc::pthread_attr_t = core::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attributes) != 0 {
            return None;
        }
        let (mut start, mut size) = (null_mut(), 0);
        let status = libc::pthread_attr_getstack(&attributes, &mut start, &mut size);
        libc::pthread_attr_destroy(&mut attributes);
        (status == 0).then_some(start as usize..start as usize + size)
    }
}

/// Whether a runtime function that was called on the Wasm stack may go on to call libc.
/// Called on another stack, it may.
pub fn wasm_stack_has_headroom() -> bool {
    // SAFETY: a thread's state lives until the thread ends.
    let Some(thread) = (unsafe { enter::thread_word().as_ref() }) else { return true };
    // SAFETY: memory of activations is never used for anything else.
    let range = unsafe { thread.activation.as_ref() }.map_or(0..0, Activation::stack_range);
    let stack_pointer = approximate_stack_pointer();
    !range.contains(&stack_pointer) || stack_pointer - range.start >= RUNTIME_HEADROOM_BYTES
}
