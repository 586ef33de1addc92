//! The time limit of an executable: a trap when it is over, whatever the program does then.
//!
//! The rule: a trap must not skip over code that holds a lock. So the guest is stopped only in its own
//! code, or in a leaf function that its code called (a loop that became memset). Where the timer finds it
//! elsewhere, in a call of the host that waits or in libc, it comes again every millisecond; after
//! [`PATIENCE_TICKS`] the process ends on the spot, with the same words but without a backtrace.

use core::ffi::{c_int, c_void};
use core::mem::zeroed;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use w2n_abi::{HostModule, HostPointer, LinkedModule, NANOSECONDS_PER_SECOND, TRAP_EXIT_STATUS, TrapCode};

use crate::text::Text;
use crate::{enter, fault, pc_map, trap};

/// How often the timer comes again, in microseconds.
const TICK_US: i64 = 1000;

/// Ticks until a program that is not in its own code is ended.
const PATIENCE_TICKS: u32 = 50;

/// Ticks that a program which was stopped has to report its trap and end.
const REPORT_TICKS: u32 = 5000;

/// Room for the words about a limit.
const WORDS_BYTES: usize = 80;

/// Milliseconds that standard error has to take the last words: a pipe that nobody reads must not keep the
/// program alive.
const LAST_WORDS_MS: c_int = 200;

static MODULES: AtomicPtr<LinkedModule<HostPointer>> = AtomicPtr::new(null_mut());
static MODULE_COUNT: AtomicUsize = AtomicUsize::new(0);
static LIMIT_NS: AtomicU64 = AtomicU64::new(0);
static TICKS_LEFT: AtomicU32 = AtomicU32::new(PATIENCE_TICKS);

/// Lets the program of `modules` run for `limit_ns` nanoseconds from now on. Errors: the system has no timer
/// for us.
pub fn arm(modules: &'static [LinkedModule<HostPointer>], limit_ns: u64) -> Option<()> {
    const NANOSECONDS_PER_MICROSECOND: u64 = 1000;
    MODULES.store(modules.as_ptr().cast_mut(), Ordering::Relaxed);
    MODULE_COUNT.store(modules.len(), Ordering::Relaxed);
    LIMIT_NS.store(limit_ns, Ordering::Relaxed);
    let microseconds = (limit_ns % NANOSECONDS_PER_SECOND).div_ceil(NANOSECONDS_PER_MICROSECOND);
    // A limit beyond what the timer can count is none.
    let seconds = i64::try_from(limit_ns / NANOSECONDS_PER_SECOND).ok()?;
    let timer = libc::itimerval {
        it_interval: libc::timeval { tv_sec: 0, tv_usec: TICK_US },
        it_value: libc::timeval { tv_sec: seconds, tv_usec: microseconds as i64 },
    };
    // SAFETY: a zeroed sigaction is a valid one, and the handler has the signature that SA_SIGINFO asks
    // for. The signal may have been blocked by whoever started the program.
    unsafe {
        let mut action: libc::sigaction = zeroed();
        action.sa_sigaction = expire as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        libc::sigaction(libc::SIGALRM, &action, null_mut());
        let mut signals: libc::sigset_t = zeroed();
        libc::sigaddset(&mut signals, libc::SIGALRM);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &signals, null_mut());
        (libc::setitimer(libc::ITIMER_REAL, &timer, null_mut()) == 0).then_some(())
    }
}

unsafe extern "C" fn expire(_signal: c_int, _info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes the context of the interrupted thread, which is the handler's to change.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    if stop_guest(context) {
        TICKS_LEFT.store(REPORT_TICKS, Ordering::Relaxed);
    } else if TICKS_LEFT.fetch_sub(1, Ordering::Relaxed) <= 1 {
        end_process();
    }
}

/// Makes the interrupted thread trap, if it can do so now.
fn stop_guest(context: &mut libc::ucontext_t) -> bool {
    let Some((thread, activation)) = enter::running() else { return false };
    // SAFETY: memory of activations is never used for anything else, and nobody else uses this one nor the
    // thread's state: the thread was interrupted.
    let (thread, activation) = unsafe { (&mut *thread, &mut *activation) };
    let registers = enter::registers(context);
    let range = activation.stack_range();
    let is_on_stack = range.contains(&registers.sp) && range.end - registers.sp >= size_of::<usize>();
    if !is_on_stack || !fault::is_wasm(activation, &registers) {
        return false;
    }
    // SAFETY: the word lies in the mapped part of the stack.
    let on_top = unsafe { (registers.sp as *const usize).read_unaligned() };
    if !is_guest_code(registers.pc) && !is_guest_code(on_top) {
        return false;
    }
    thread.set_message(words(&mut [0; WORDS_BYTES]));
    fault::stop(activation, context, TrapCode::Timeout)
}

fn is_guest_code(address: usize) -> bool {
    let (modules, count) = (MODULES.load(Ordering::Relaxed), MODULE_COUNT.load(Ordering::Relaxed));
    // SAFETY: the timer runs, so `arm` has stored the two; the modules are linked into the executable, and a
    // map is constant data of its module.
    unsafe {
        let modules = core::slice::from_raw_parts(modules, count);
        modules.iter().any(|linked| {
            let module = linked.module.cast::<HostModule>();
            pc_map::covers((*module).pc_map.cast(), address)
        })
    }
}

/// What is over.
fn words(buffer: &mut [u8; WORDS_BYTES]) -> &[u8] {
    let mut text = Text::new(buffer);
    text.push(b"the program ran longer than ");
    text.push_duration(LIMIT_NS.load(Ordering::Relaxed));
    let len = text.written_len();
    &buffer[..len]
}

fn end_process() -> ! {
    let mut buffer = [0; 2 * WORDS_BYTES];
    let mut text = Text::new(&mut buffer);
    text.push(trap::TRAP_PREFIX);
    text.push(TrapCode::Timeout.message().as_bytes());
    text.push(b": ");
    text.push(words(&mut [0; WORDS_BYTES]));
    text.push(b"\n");
    let len = text.written_len();
    let mut stderr = libc::pollfd { fd: libc::STDERR_FILENO, events: libc::POLLOUT, revents: 0 };
    // SAFETY: all three are plain system calls on valid buffers; _exit runs nothing of the process.
    unsafe {
        if libc::poll(&mut stderr, 1, LAST_WORDS_MS) > 0 {
            libc::write(libc::STDERR_FILENO, buffer.as_ptr().cast(), len);
        }
        libc::_exit(TRAP_EXIT_STATUS)
    }
}
