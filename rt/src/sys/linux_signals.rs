//! Linux: SIGSEGV and SIGBUS as faults, signal stacks, and the timer.
//!
//! The rule: the handler of the host that was there before us sees what it would see without us, except
//! for the faults that are ours. Our handlers block all signals, so that no other runs on their stack.

use core::cell::UnsafeCell;
use core::ffi::{c_int, c_void};
use core::mem::zeroed;
use core::ops::Range;
use core::ptr::{null, null_mut};

/// An interrupted thread, as a handler may change it.
pub type Context = libc::ucontext_t;

const SIGNALS: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// `si_code` of a fault that the kernel reports without an address.
const SI_KERNEL: c_int = 0x80;

/// The highest number of a signal.
const LAST_SIGNAL: c_int = 64;

/// An access that failed.
pub struct Fault {
    /// What was accessed; means nothing if `is_without_address`.
    pub address: usize,
    /// The kernel does not say what was accessed. It is so where it found no room for a signal frame.
    pub is_without_address: bool,
}

/// Deals with a fault if it is ours; the interrupted thread then goes on as the context says.
type FaultHandler = fn(&Fault, &mut Context) -> bool;

/// What the handler of faults knows.
struct Faults {
    handler: Option<FaultHandler>,
    /// The handlers that were installed before ours, by position in [`SIGNALS`].
    previous: [Option<libc::sigaction>; SIGNALS.len()],
}

struct FaultsCell(UnsafeCell<Faults>);
// SAFETY: written by `install_fault_handler` alone, before the handler that reads it is installed.
unsafe impl Sync for FaultsCell {}
static FAULTS: FaultsCell =
    FaultsCell(UnsafeCell::new(Faults { handler: None, previous: [None; SIGNALS.len()] }));

/// What the kernel says of a signal.
pub type SignalInfo = libc::siginfo_t;

type Action = unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
type SimpleAction = unsafe extern "C" fn(c_int);

/// From now on faults go to `handler` first.
///
/// # Safety
/// Called once in the life of the process.
pub unsafe fn install_fault_handler(handler: FaultHandler) {
    for (position, signal) in SIGNALS.into_iter().enumerate() {
        // SAFETY: a zeroed sigaction is a valid one, the handler has the signature that SA_SIGINFO asks for,
        // and nobody reads `FAULTS` before it is installed; the caller does not come twice.
        unsafe {
            let mut previous: libc::sigaction = zeroed();
            libc::sigaction(signal, null(), &mut previous);
            (*FAULTS.0.get()).handler = Some(handler);
            (*FAULTS.0.get()).previous[position] = Some(previous);
            // No handler of the host shall run on the signal stack while ours is at work.
            install(signal, handle, 0);
        }
    }
}

/// Installs a handler during which all signals are blocked.
///
/// # Safety
/// It is async-signal-safe.
unsafe fn install(signal: c_int, handler: Action, flags: c_int) {
    // SAFETY: a zeroed sigaction is a valid one, and the handler has the signature that SA_SIGINFO asks for.
    unsafe {
        let mut action: libc::sigaction = zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | flags;
        libc::sigfillset(&mut action.sa_mask);
        libc::sigaction(signal, &action, null_mut());
    }
}

unsafe extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes valid pointers to a handler that is installed with SA_SIGINFO, and the
    // context of the interrupted thread is the handler's to change. Its errno is not. SIGSEGV and SIGBUS come
    // with an address.
    let is_handled = unsafe {
        let errno = *libc::__errno_location();
        let code = (*info).si_code;
        let fault = Fault { address: (*info).si_addr() as usize, is_without_address: code == SI_KERNEL };
        let is_handled = code > 0
            && (*FAULTS.0.get())
                .handler
                .is_some_and(|handler| handler(&fault, &mut *context.cast::<Context>()));
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
    // SAFETY: `FAULTS` was complete before this handler was installed and is not written again. Handler
    // addresses come from the kernel; which signature each has is what its flags say.
    unsafe {
        let Some(previous) = (*FAULTS.0.get()).previous[position] else { return };
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
        let mut blocked = (*context.cast::<Context>()).uc_sigmask;
        for other in 1..=libc::SIGRTMAX() {
            let is_itself = other == signal && action.sa_flags & libc::SA_NODEFER == 0;
            if is_itself || libc::sigismember(&action.sa_mask, other) == 1 {
                libc::sigaddset(&mut blocked, other);
            }
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &blocked, null_mut());
    }
}

/// Lets faults of the calling thread be delivered, where whoever started the program had blocked their
/// signals, which a program inherits.
pub fn unblock_faults() {
    unblock(&SIGNALS);
}

fn unblock(signals: &[c_int]) {
    // SAFETY: an empty set is written before it is read.
    unsafe {
        let mut set: libc::sigset_t = zeroed();
        libc::sigemptyset(&mut set);
        for signal in signals {
            libc::sigaddset(&mut set, *signal);
        }
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, null_mut());
    }
}

/// Where the kernel found no room for the frame of a signal, the signal is gone, and nobody says which one it
/// was. Where only one can have been it, because its handler has no SA_ONSTACK, it comes again when the
/// handler that calls this has returned: whether it does. Async-signal-safe.
pub fn send_lost_signal_again(context: &Context) -> bool {
    only_signal_without_stack(&context.uc_sigmask).is_some_and(send_again)
}

/// The signal that a handler without SA_ONSTACK gets, if there is just one that is not blocked.
fn only_signal_without_stack(blocked: &libc::sigset_t) -> Option<c_int> {
    let is_candidate = |signal: &c_int| {
        // SAFETY: `sigaction` only writes what is passed, for which zeros are valid.
        let action: libc::sigaction = unsafe {
            let mut action = zeroed();
            if libc::sigismember(blocked, *signal) != 0 || libc::sigaction(*signal, null(), &mut action) != 0
            {
                return false;
            }
            action
        };
        action.sa_flags & libc::SA_ONSTACK == 0
            && ![libc::SIG_DFL, libc::SIG_IGN].contains(&action.sa_sigaction)
    };
    let mut candidates = (1..=LAST_SIGNAL).filter(is_candidate);
    candidates.next().filter(|_| candidates.next().is_none())
}

/// Sends the signal to the calling thread.
fn send_again(signal: c_int) -> bool {
    // The function of the C library for this is newer than the oldest glibc that programs start on. SAFETY:
    // plain system calls. All signals are blocked in our handler, and those of the interrupted thread are not
    // when it has returned.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), libc::syscall(libc::SYS_gettid), signal) == 0 }
}

/// The signal stack of a thread.
pub struct SignalStackUse {
    /// Its lowest address.
    pub start: usize,
    /// Its size; 0 if there is none.
    pub len: usize,
}

/// The signal stack that the calling thread has.
pub fn current_signal_stack() -> SignalStackUse {
    // SAFETY: `sigaltstack` only writes what is passed, for which zeros are valid.
    let existing: libc::stack_t = unsafe {
        let mut existing = zeroed();
        libc::sigaltstack(null(), &mut existing);
        existing
    };
    let is_there = existing.ss_flags & libc::SS_DISABLE == 0;
    SignalStackUse { start: existing.ss_sp as usize, len: if is_there { existing.ss_size } else { 0 } }
}

/// Bytes of a signal stack that the kernel itself needs.
pub fn least_signal_stack_bytes() -> usize {
    // SAFETY: `getauxval` only reads.
    unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) as usize }
}

/// Makes the addresses the signal stack of the calling thread. Does nothing while the thread runs on the one
/// it has.
///
/// # Safety
/// They are mapped for as long as the thread has it, and used for nothing else.
pub unsafe fn set_signal_stack(usable: Range<usize>) {
    let new = libc::stack_t { ss_sp: usable.start as *mut c_void, ss_flags: 0, ss_size: usable.len() };
    // SAFETY: `sigaltstack` only reads what is passed; the caller vouches that the stack stays mapped.
    unsafe { libc::sigaltstack(&new, null_mut()) };
}

/// Takes the calling thread's signal stack away.
pub fn drop_signal_stack() {
    let none = libc::stack_t { ss_sp: null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
    // SAFETY: `sigaltstack` only reads what is passed.
    unsafe { libc::sigaltstack(&none, null_mut()) };
}

const NANOSECONDS_PER_MICROSECOND: u64 = 1000;

/// Calls `handler` in `first_ns` nanoseconds of wall clock and then every `tick_us` microseconds, on whatever
/// thread the system chooses. There is one such timer. `None`: the system has none for us, or the time is
/// beyond it.
///
/// # Safety
/// The handler is async-signal-safe; the context that it gets is the interrupted thread's.
pub unsafe fn start_timer(first_ns: u64, tick_us: u32, handler: Action) -> Option<()> {
    const SECOND: u64 = w2n_abi::NANOSECONDS_PER_SECOND;
    let microseconds = (first_ns % SECOND).div_ceil(NANOSECONDS_PER_MICROSECOND);
    // A limit beyond what the timer can count is none.
    let seconds = i64::try_from(first_ns / SECOND).ok()?;
    let timer = libc::itimerval {
        it_interval: libc::timeval { tv_sec: 0, tv_usec: tick_us.into() },
        it_value: libc::timeval { tv_sec: seconds, tv_usec: microseconds as i64 },
    };
    // SAFETY: the caller vouches for the handler; the rest are plain system calls on valid data.
    unsafe { install(libc::SIGALRM, handler, libc::SA_RESTART) };
    // The signal may have been blocked by whoever started the program.
    unblock(&[libc::SIGALRM]);
    // SAFETY: as above.
    unsafe { (libc::setitimer(libc::ITIMER_REAL, &timer, null_mut()) == 0).then_some(()) }
}
