//! SIGSEGV and SIGBUS: a fault of Wasm code becomes a trap, every other one goes to who was there before.
//!
//! The rule: a fault is classified by its address, never by the code that touched it (LLVM turns loops
//! into calls of libc), and only while an activation exists that is not in a host function.

use core::cell::UnsafeCell;
use core::ffi::{c_int, c_void};
use core::mem::zeroed;
use core::ptr::{null, null_mut};
use core::sync::atomic::{AtomicBool, Ordering};

use w2n_abi::{TRAP_HAS_ADDRESS, TrapCode};

use crate::enter::{self, Activation};
use crate::lock::Lock;
use crate::registry;
use crate::stack::Stack;

const SIGNALS: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// Bytes of a signal stack beyond what the kernel itself needs.
const SIGNAL_STACK_BYTES: usize = 64 << 10;

/// The handlers that were installed before ours, by position in [`SIGNALS`].
struct PreviousHandlers(UnsafeCell<[Option<libc::sigaction>; SIGNALS.len()]>);
// SAFETY: written once under `INSTALL_LOCK`, before the handler that reads it is installed.
unsafe impl Sync for PreviousHandlers {}

static PREVIOUS: PreviousHandlers = PreviousHandlers(UnsafeCell::new([None; SIGNALS.len()]));
static INSTALLED: AtomicBool = AtomicBool::new(false);
static INSTALL_LOCK: Lock<()> = Lock::new(());

type Action = unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
type SimpleAction = unsafe extern "C" fn(c_int);

/// Installs the handlers, the first time it is called.
pub fn install() {
    if INSTALLED.load(Ordering::Acquire) {
        return;
    }
    let _installing = INSTALL_LOCK.lock();
    if INSTALLED.load(Ordering::Acquire) {
        return;
    }
    for (position, signal) in SIGNALS.into_iter().enumerate() {
        // SAFETY: a zeroed sigaction is a valid one, the handler has the signature that SA_SIGINFO asks
        // for, and `PREVIOUS` is written before the handler that reads it can run.
        unsafe {
            let mut previous: libc::sigaction = zeroed();
            libc::sigaction(signal, null(), &mut previous);
            (*PREVIOUS.0.get())[position] = Some(previous);
            let mut action: libc::sigaction = zeroed();
            action.sa_sigaction = handle as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigemptyset(&mut action.sa_mask);
            libc::sigaction(signal, &action, null_mut());
        }
    }
    INSTALLED.store(true, Ordering::Release);
}

/// Gives the calling thread a signal stack unless it has one that is large enough. Outer `None`: the
/// system has no room; inner `None`: the thread keeps its own.
pub fn provide_signal_stack() -> Option<Option<Stack>> {
    // SAFETY: `getauxval` and `sigaltstack` only read and write what is passed.
    unsafe {
        let wanted_bytes = libc::getauxval(libc::AT_MINSIGSTKSZ) as usize + SIGNAL_STACK_BYTES;
        let mut existing: libc::stack_t = zeroed();
        libc::sigaltstack(null(), &mut existing);
        if existing.ss_flags & libc::SS_DISABLE == 0 && existing.ss_size >= wanted_bytes {
            return Some(None);
        }
        let stack = Stack::new(wanted_bytes)?;
        let usable = stack.usable();
        let new = libc::stack_t { ss_sp: usable.start as *mut c_void, ss_flags: 0, ss_size: usable.len() };
        // Fails when the thread runs on its signal stack right now; the host's must do then.
        if libc::sigaltstack(&new, null_mut()) != 0 {
            return Some(None);
        }
        Some(Some(stack))
    }
}

/// Takes the signal stack away from the calling thread, if it still is `stack`.
pub fn withdraw_signal_stack(stack: &Stack) {
    // SAFETY: `sigaltstack` only reads and writes what is passed.
    unsafe {
        let mut existing: libc::stack_t = zeroed();
        libc::sigaltstack(null(), &mut existing);
        if existing.ss_sp as usize == stack.usable().start {
            let none = libc::stack_t { ss_sp: null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
            libc::sigaltstack(&none, null_mut());
        }
    }
}

unsafe extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes valid pointers to a handler that is installed with SA_SIGINFO.
    let (address, is_fault) = unsafe { ((*info).si_addr() as usize, (*info).si_code > 0) };
    let activation = enter::current_activation();
    // SAFETY: the current activation lives on the host stack of this very thread.
    if is_fault && !activation.is_null() && unsafe { (*activation).in_host } == 0 {
        // SAFETY: as above; Wasm code was interrupted, so nothing else uses the activation.
        if let Some(code) = unsafe { classify(&mut *activation, address) } {
            // SAFETY: the context of the interrupted thread is the handler's to change.
            let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
            let registers = enter::registers(context);
            // SAFETY: as above.
            let record = unsafe { &mut (*activation).record };
            (record.pc, record.fp, record.sp) = (registers.pc, registers.fp, registers.sp);
            record.is_fault = true;
            enter::resume_at(context, activation, code as u32);
            return;
        }
    }
    // SAFETY: the arguments are those that this handler was called with.
    unsafe { forward(signal, info, context) };
}

/// Which trap a fault at `address` is, if it is one. Async-signal-safe.
fn classify(activation: &mut Activation, address: usize) -> Option<TrapCode> {
    if let Some(memory) = registry::find(address) {
        // SAFETY: the thread was just using this memory, so it exists.
        let memory = unsafe { &*memory };
        let record = &mut activation.record;
        record.flags = TRAP_HAS_ADDRESS;
        record.fault_address = (address as u64).wrapping_sub(memory.base as u64);
        record.memory_length = memory.length_bytes;
        return Some(TrapCode::MemoryOutOfBounds);
    }
    // SAFETY: an activation exists, so the thread's state does.
    let thread = unsafe { &*enter::thread_word() };
    thread.stack.lower_guard_contains(address).then_some(TrapCode::StackOverflow)
}

/// Does what would have happened without us.
unsafe fn forward(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let position = SIGNALS.iter().position(|known| *known == signal).unwrap_or(0);
    // SAFETY: `PREVIOUS` was complete before this handler was installed and is not written again.
    let Some(previous) = (unsafe { (*PREVIOUS.0.get())[position] }) else { return };
    // SAFETY: handler addresses come from the kernel; which signature each has is what its flags say.
    unsafe {
        let is_sent = (*info).si_code <= 0;
        match previous.sa_sigaction {
            libc::SIG_IGN if is_sent => {}
            libc::SIG_DFL | libc::SIG_IGN => {
                // The default action, ending the process: a fault comes again when the handler returns,
                // a signal that was sent does not.
                libc::signal(signal, libc::SIG_DFL);
                if is_sent {
                    libc::raise(signal);
                }
            }
            handler if previous.sa_flags & libc::SA_SIGINFO != 0 => {
                core::mem::transmute::<usize, Action>(handler)(signal, info, context);
            }
            handler => core::mem::transmute::<usize, SimpleAction>(handler)(signal),
        }
    }
}
