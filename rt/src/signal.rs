//! SIGSEGV and SIGBUS: a fault of Wasm code becomes a trap, every other one goes to who was there before.
//!
//! The rule: the handler of the host that was there before us sees what it would see without us, except
//! for what `fault.rs` takes as ours. It runs on a signal stack, since a Wasm stack may be full.

use core::cell::UnsafeCell;
use core::ffi::{c_int, c_void};
use core::mem::zeroed;
use core::ptr::{null, null_mut};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::enter;
use crate::fault;
use crate::lock::Lock;
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
            // No handler of the host shall run on the signal stack while ours is at work.
            libc::sigfillset(&mut action.sa_mask);
            libc::sigaction(signal, &action, null_mut());
        }
    }
    INSTALLED.store(true, Ordering::Release);
}

/// How many system calls are timed to learn how fast one can be.
const TIMED_CALLS: u32 = 8;

/// No system call is faster than this, in the unit of [`enter::timestamp`]; 0 before it was measured.
static LEAST_CALL_TICKS: AtomicU64 = AtomicU64::new(0);

/// The signal stack of a thread that runs Wasm code.
#[repr(C)]
pub struct SignalStack {
    /// The one that was made for the thread, when the host had none that is large enough.
    own: Option<Stack>,
    /// When the thread last came by.
    checked_at: u64,
}

impl SignalStack {
    /// None yet.
    pub const NONE: Self = Self { own: None, checked_at: 0 };

    /// Gives the calling thread a signal stack unless it has one that is large enough. `None`: the system
    /// has no room.
    pub fn provide() -> Option<Self> {
        if LEAST_CALL_TICKS.load(Ordering::Relaxed) == 0 {
            LEAST_CALL_TICKS.store(measure_call(), Ordering::Relaxed);
        }
        let mut signal_stack = Self::NONE;
        signal_stack.renew()?;
        Some(signal_stack)
    }

    /// Gives the calling thread a signal stack again if the host took it away, as libraries do that bring
    /// one of their own. Whoever comes back sooner than a system call takes has made none.
    pub fn check(&mut self) {
        let now = enter::timestamp();
        let elapsed = now.wrapping_sub(self.checked_at);
        self.checked_at = now;
        if elapsed >= LEAST_CALL_TICKS.load(Ordering::Relaxed) {
            // Without room for one, nothing but stack exhaustion is any worse.
            self.renew();
            self.checked_at = enter::timestamp();
        }
    }

    fn renew(&mut self) -> Option<()> {
        let existing = current_signal_stack();
        // SAFETY: `getauxval` only reads.
        let wanted_bytes = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) } as usize + SIGNAL_STACK_BYTES;
        if existing.ss_flags & libc::SS_DISABLE == 0 && existing.ss_size >= wanted_bytes {
            return Some(());
        }
        let stack = match self.own.take() {
            Some(stack) => stack,
            None => Stack::new(wanted_bytes)?,
        };
        let usable = stack.usable();
        let new = libc::stack_t { ss_sp: usable.start as *mut c_void, ss_flags: 0, ss_size: usable.len() };
        // Fails when the thread runs on its signal stack right now; the host's must do then.
        // SAFETY: the stack is mapped until the thread ends or gives it up.
        unsafe { libc::sigaltstack(&new, null_mut()) };
        self.own = Some(stack);
        Some(())
    }

    /// Takes the signal stack away from the calling thread, if it still is its own.
    pub fn withdraw(&self) {
        let Some(stack) = &self.own else { return };
        if current_signal_stack().ss_sp as usize == stack.usable().start {
            let none = libc::stack_t { ss_sp: null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
            // SAFETY: `sigaltstack` only reads what is passed.
            unsafe { libc::sigaltstack(&none, null_mut()) };
        }
    }
}

fn current_signal_stack() -> libc::stack_t {
    // SAFETY: `sigaltstack` only writes what is passed, for which zeros are valid.
    unsafe {
        let mut existing: libc::stack_t = zeroed();
        libc::sigaltstack(null(), &mut existing);
        existing
    }
}

/// Half of what the fastest of a few system calls took: the processor may be clocked higher later on.
fn measure_call() -> u64 {
    let once = || {
        let before = enter::timestamp();
        current_signal_stack();
        enter::timestamp().wrapping_sub(before)
    };
    (0..TIMED_CALLS).map(|_| once()).min().unwrap_or(0) / 2
}

unsafe extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes valid pointers to a handler that is installed with SA_SIGINFO, and the
    // context of the interrupted thread is the handler's to change. Its errno is not.
    let is_handled = unsafe {
        let errno = *libc::__errno_location();
        let is_handled = fault::handle(&*info, &mut *context.cast::<libc::ucontext_t>());
        *libc::__errno_location() = errno;
        is_handled
    };
    if !is_handled {
        // SAFETY: the arguments are those that this handler was called with.
        unsafe { forward(signal, info, context) };
    }
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
                set_mask_of(signal, &previous, context);
                core::mem::transmute::<usize, Action>(handler)(signal, info, context);
            }
            handler => {
                set_mask_of(signal, &previous, context);
                core::mem::transmute::<usize, SimpleAction>(handler)(signal);
            }
        }
    }
}

/// Blocks the signals that would be blocked if the kernel had called the handler of `action`.
unsafe fn set_mask_of(signal: c_int, action: &libc::sigaction, context: *mut c_void) {
    // SAFETY: the kernel passed the context; the sets are valid ones.
    unsafe {
        let mut blocked = (*context.cast::<libc::ucontext_t>()).uc_sigmask;
        for other in 1..=libc::SIGRTMAX() {
            let is_itself = other == signal && action.sa_flags & libc::SA_NODEFER == 0;
            if is_itself || libc::sigismember(&action.sa_mask, other) == 1 {
                libc::sigaddset(&mut blocked, other);
            }
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &blocked, null_mut());
    }
}
