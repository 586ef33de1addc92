//! Threads meet the runtime: their state is made at the first call, and goes when they end.
//!
//! The rule: a call of the API that comes from a signal handler, while Wasm code or the runtime is at work,
//! is refused; also while the state of the thread is being made.

use alloc::boxed::Box;
use core::ffi::c_void;
use core::ptr::null_mut;

use w2n_abi::{LinkError, TrapCode};

use crate::fault;
use crate::lock::Lock;
use crate::sys::{self, ExitKey};
use crate::thread::{InRuntime, Thread};

/// The state of all threads whose own is being made: what a signal handler finds then.
static UNREADY: Thread = Thread::new(0);

/// What has been set up for the whole process.
struct Process {
    exit_key: ExitKey,
    has_fault_handler: bool,
}

static PROCESS: Lock<Process> = Lock::new(Process { exit_key: ExitKey::new(), has_fault_handler: false });

/// The calling thread's state, made if this is the first time; `None` when the system has no room.
#[inline]
pub fn current() -> Option<&'static Thread> {
    Thread::existing().or_else(create)
}

#[cold]
fn create() -> Option<&'static Thread> {
    // A signal handler that calls the API meanwhile is refused.
    sys::set_thread_word(UNREADY.id());
    let created = try_create();
    sys::set_thread_word(created.map_or(null_mut(), Thread::id));
    created
}

fn try_create() -> Option<&'static Thread> {
    let mut process = PROCESS.lock();
    if !process.has_fault_handler {
        // SAFETY: `has_fault_handler` sees to it that this happens once.
        unsafe { sys::install_fault_handler(fault::handle) };
        process.has_fault_handler = true;
    }
    let thread = Box::new(Thread::new(1));
    thread.signal_stack().provide()?;
    let thread: &'static Thread = Box::leak(thread);
    process.exit_key.leave(thread.id(), destroy)?;
    Some(thread)
}

/// Runs when a thread ends.
unsafe extern "C" fn destroy(thread: *mut c_void) {
    sys::set_thread_word(null_mut());
    // SAFETY: `try_create` leaked this box to the key, and nothing else frees it.
    let thread = unsafe { Box::from_raw(thread.cast::<Thread>()) };
    thread.end();
}

/// Why the API refuses a call.
#[derive(Clone, Copy)]
pub enum NotNow {
    /// It comes from a signal handler that interrupted Wasm code or the runtime.
    InHandler,
    /// The system has no room for the thread's state.
    OutOfMemory,
}

impl NotNow {
    /// What the host is told.
    pub fn error(self) -> LinkError {
        match self {
            Self::InHandler => LinkError::InSignalHandler,
            Self::OutOfMemory => LinkError::OutOfMemory,
        }
    }
}

/// Begins a call of the API by the host.
pub fn leave_host() -> Result<InRuntime, NotNow> {
    let thread = current().ok_or(NotNow::OutOfMemory)?;
    if !thread.is_in_host() {
        return Err(NotNow::InHandler);
    }
    Ok(InRuntime::begin(thread))
}

/// Calls code of the host from the runtime.
pub fn call_host<T>(host: impl FnOnce() -> T) -> T {
    if let Some(thread) = Thread::existing() {
        thread.set_in_host(1);
    }
    let result = host();
    // A coroutine may be on another thread now.
    if let Some(thread) = current() {
        thread.set_in_host(0);
    }
    result
}

/// For callbacks: keeps the words of the trap. The code for the callback to answer.
pub fn host_error(words: &[u8]) -> u32 {
    if let Some(thread) = current().filter(|thread| thread.is_in_host()) {
        thread.set_message(words);
    }
    TrapCode::HostError as u32
}

/// For callbacks: keeps the status with which the program ends. The code for the callback to answer.
pub fn exit(status: i32) -> u32 {
    if let Some(thread) = current().filter(|thread| thread.is_in_host()) {
        thread.set_exit_status(status);
    }
    TrapCode::Exit as u32
}
