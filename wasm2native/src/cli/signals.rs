//! Ends the process cleanly when a signal does: temporary files are removed, and a crash inside LLVM is
//! reported as our bug with status 70.
//!
//! One thread waits for SIGINT, SIGTERM, SIGHUP and SIGQUIT, which all others block, so cleaning up happens
//! in ordinary code. A crashing thread only notes its signal, asks that thread and waits for the end.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicI32, Ordering};

use libc::c_int;

use super::report::Reporter;
use crate::driver::TempFiles;
use crate::error::CompileError;

/// Signals that end a run from outside.
const REQUESTS: [c_int; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];

/// Signals of a crash.
const CRASHES: [c_int; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT];

const CRASH_NAMES: [&str; 5] = ["SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT"];

/// Memory that a process which is not short of it can have.
const PROBE_SIZE_BYTES: usize = 256 << 20;

const MEMORY_HINT: &str =
    "fewer threads (-j1) and a lower level (-O0) need less; `ulimit -v` may set a limit";

/// Seconds that cleaning up after a crash may take: the crashed thread may hold a lock it needs.
const CRASH_CLEANUP_SECONDS: u32 = 5;

/// The signal of the first crash, 0 before. A signal handler can reach nothing but a static.
static CRASH_SIGNAL: AtomicI32 = AtomicI32::new(0);

/// Starts the thread. Call before any other thread exists: they inherit what is blocked.
pub fn clean_up_on_signals(temp_files: TempFiles, reporter: Reporter) {
    let requests = signal_set(&REQUESTS);
    // SAFETY: `requests` is an initialised set; the old one is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &requests, std::ptr::null_mut()) };
    let thread = std::thread::Builder::new().spawn(move || wait(&requests, &temp_files, reporter));
    if thread.is_err() {
        // Without the thread the signals must work as ever.
        // SAFETY: as above.
        unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &requests, std::ptr::null_mut()) };
        return;
    }
    for signal in CRASHES {
        install(signal);
    }
    // A file that grows beyond the limit of the shell is an error of the write then, ours or the linker's.
    // SAFETY: a plain call with valid arguments.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

fn wait(requests: &libc::sigset_t, temp_files: &TempFiles, reporter: Reporter) {
    let mut signal = 0;
    // SAFETY: both pointers are valid; the set holds blocked signals only.
    while unsafe { libc::sigwait(requests, &mut signal) } != 0 {}
    temp_files.abandon();
    match CRASH_SIGNAL.load(Ordering::Acquire) {
        0 => end_by(signal, requests),
        // LLVM and Rust abort when there is no memory, as they do for bugs.
        _ if memory_is_exhausted() => {
            end_with(&CompileError::machine("out of memory").hint(MEMORY_HINT), reporter)
        }
        crash => {
            let name = CRASHES.iter().zip(CRASH_NAMES).find(|(number, _)| **number == crash);
            let name = name.map_or("a signal", |(_, name)| name);
            end_with(&CompileError::internal(format!("the compiler crashed ({name})")), reporter)
        }
    }
}

fn end_with(error: &CompileError, reporter: Reporter) {
    reporter.report(error);
    // SAFETY: ends the process; nothing else runs.
    unsafe { libc::_exit(c_int::from(error.exit_status())) };
}

/// Whether the system refuses memory to us. What was asked for in vain is not known any more; no single
/// request of ours is larger than the one made here, by far.
fn memory_is_exhausted() -> bool {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping at a place that the system chooses touches no memory of ours.
    let place = unsafe { libc::mmap(std::ptr::null_mut(), PROBE_SIZE_BYTES, protection, flags, -1, 0) };
    // It may stay if it is there: the process ends.
    place == libc::MAP_FAILED
}

/// Ends the process by `signal`, as if it had not been caught.
fn end_by(signal: c_int, requests: &libc::sigset_t) {
    // SAFETY: plain calls with valid arguments.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::kill(libc::getpid(), signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, requests, std::ptr::null_mut());
    }
}

fn signal_set(signals: &[c_int]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: initialised above.
    let mut set = unsafe { set.assume_init() };
    for &signal in signals {
        // SAFETY: the set is initialised.
        unsafe { libc::sigaddset(&mut set, signal) };
    }
    set
}

fn install(signal: c_int) {
    // SAFETY: all-zero is a valid sigaction: default handler, empty mask, no flags.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_crash as extern "C" fn(c_int) as usize;
    // Rust gives every thread an alternate stack, so that running out of stack can be handled.
    action.sa_flags = libc::SA_ONSTACK;
    // SAFETY: `action` is initialised and `on_crash` is async-signal-safe.
    unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) };
}

/// Async-signal-safe: an atomic, alarm, kill and pause.
extern "C" fn on_crash(signal: c_int) {
    let _ = CRASH_SIGNAL.compare_exchange(0, signal, Ordering::AcqRel, Ordering::Acquire);
    // SAFETY: these calls are async-signal-safe and take no pointers.
    unsafe {
        libc::alarm(CRASH_CLEANUP_SECONDS);
        libc::kill(libc::getpid(), libc::SIGTERM);
        loop {
            libc::pause();
        }
    }
}
