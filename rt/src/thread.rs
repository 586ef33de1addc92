//! What the runtime keeps per thread: the activations, the Wasm stack, what a host function last said.
//!
//! The rule: the signal handler reads this, so the one thread-local word is in the initial-exec model
//! (no call, no allocation to read it) and everything behind it is set up before Wasm code runs.

use alloc::boxed::Box;
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::enter::{self, Activation};
use crate::lock::Lock;
use crate::signal;
use crate::stack::{Stack, approximate_stack_pointer, wasm_stack_bytes};
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
    /// The innermost activation, or null. First: assembly reads it.
    pub activation: *mut Activation,
    /// Where this thread's Wasm code runs.
    pub stack: Stack,
    /// The signal stack that was made for this thread, if the host had none that is large enough.
    pub signal_stack: Option<Stack>,
    /// What the last failing host function said.
    message: [u8; HOST_MESSAGE_BYTES],
    message_len: usize,
    /// Status that the last host function to end the program gave.
    exit_status: i32,
    /// Lowest address of the host's stack once measured: 0 before, `usize::MAX` if it cannot be known.
    host_stack_limit: usize,
}

/// Number of the key whose destructor frees a thread's state, plus one; 0 before there is one.
static EXIT_KEY: AtomicU32 = AtomicU32::new(0);
static EXIT_KEY_LOCK: Lock<()> = Lock::new(());

/// The calling thread's state, made if this is the first time; null when the system has no room.
pub fn current() -> *mut Thread {
    let thread = enter::thread_word();
    if thread.is_null() { create().unwrap_or(null_mut()) } else { thread }
}

fn create() -> Option<*mut Thread> {
    let key = exit_key()?;
    signal::install();
    let thread = Box::into_raw(Box::new(Thread {
        activation: null_mut(),
        stack: Stack::new(wasm_stack_bytes())?,
        signal_stack: signal::provide_signal_stack()?,
        message: [0; HOST_MESSAGE_BYTES],
        message_len: 0,
        exit_status: 0,
        host_stack_limit: 0,
    }));
    // SAFETY: the key exists and is never deleted.
    unsafe { libc::pthread_setspecific(key, thread.cast()) };
    enter::set_thread_word(thread);
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
    let thread = unsafe { Box::from_raw(thread.cast::<Thread>()) };
    if let Some(stack) = &thread.signal_stack {
        signal::withdraw_signal_stack(stack);
    }
}

impl Thread {
    /// Whether the host's stack has room for another activation. Measured when first asked: reading
    /// the limits of the main thread's stack opens a file.
    pub fn host_stack_has_headroom(&mut self) -> bool {
        if self.host_stack_limit == 0 {
            self.host_stack_limit = host_stack_limit().unwrap_or(usize::MAX);
        }
        let stack_pointer = approximate_stack_pointer();
        // A host on a stack of its own making (a coroutine) is below or far above the thread's: not our guess.
        self.host_stack_limit > stack_pointer || stack_pointer - self.host_stack_limit > HOST_HEADROOM_BYTES
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

/// Lowest usable address of the calling thread's own stack.
fn host_stack_limit() -> Option<usize> {
    // SAFETY: the attributes are initialised by pthread_getattr_np before they are read, then destroyed.
    unsafe {
        let mut attributes: libc::pthread_attr_t = core::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attributes) != 0 {
            return None;
        }
        let (mut start, mut size) = (null_mut(), 0);
        let status = libc::pthread_attr_getstack(&attributes, &mut start, &mut size);
        libc::pthread_attr_destroy(&mut attributes);
        (status == 0).then_some(start as usize)
    }
}

/// Whether a runtime function that was called on the Wasm stack may go on to call libc.
/// Called on another stack, it may.
pub fn wasm_stack_has_headroom() -> bool {
    let thread = enter::thread_word();
    if thread.is_null() {
        return true;
    }
    // SAFETY: a thread's state lives until the thread ends, and its stack is never replaced.
    let usable = unsafe { (*thread).stack.usable() };
    let stack_pointer = approximate_stack_pointer();
    !usable.contains(&stack_pointer) || stack_pointer - usable.start >= RUNTIME_HEADROOM_BYTES
}
