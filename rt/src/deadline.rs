//! The time limit of a store: a trap when it is over, whatever the program does then.
//!
//! The rule: a trap must not skip over code that holds a lock. So the guest is stopped only in its own
//! code, or in a leaf function that its code called (a loop that became memset). Where the timer finds it
//! elsewhere, in a call of the host that waits or in libc, it comes again every millisecond; after
//! [`PATIENCE_TICKS`] the process ends on the spot, with the same words but without a backtrace.

use alloc::sync::Arc;
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

use w2n_abi::{TRAP_EXIT_STATUS, TrapCode};

use crate::store::Store;
use crate::sys::{self, Context};
use crate::text::Text;
use crate::{code, fault, thread, trap};

/// How often the timer comes again, in microseconds.
const TICK_US: u32 = 1000;

/// Ticks until a program that is not in its own code is ended.
const PATIENCE_TICKS: u32 = 50;

/// Ticks that a program which was stopped has to report its trap and end.
const REPORT_TICKS: u32 = 5000;

/// Room for the words about a limit.
const WORDS_BYTES: usize = 80;

/// Milliseconds that standard error has to take the last words: a pipe that nobody reads must not keep the
/// program alive.
const LAST_WORDS_MS: c_int = 200;

/// The store whose time runs: there is one timer, which an executable has to itself.
static TIMED: AtomicPtr<Store> = AtomicPtr::new(null_mut());

/// Lets what runs in the store take as long as its limit says, from now on. Errors: the system has no timer
/// for us.
pub fn arm(store: &Arc<Store>) -> Option<()> {
    store.deadline().ticks_left.store(PATIENCE_TICKS, Ordering::Relaxed);
    // The timer never ends, so neither does the store.
    TIMED.store(Arc::into_raw(Arc::clone(store)).cast_mut(), Ordering::Relaxed);
    // SAFETY: `expire` takes no lock and allocates nothing.
    unsafe { sys::start_timer(store.deadline().limit_ns, TICK_US, expire) }
}

unsafe extern "C" fn expire(_signal: c_int, _info: *mut sys::SignalInfo, context: *mut c_void) {
    // SAFETY: the kernel passes the context of the interrupted thread, which is the handler's to change;
    // `arm` has put a store there that is never freed.
    let (context, store) = unsafe { (&mut *context.cast::<Context>(), &*TIMED.load(Ordering::Relaxed)) };
    let ticks_left = &store.deadline().ticks_left;
    if stop_guest(store, context) {
        ticks_left.store(REPORT_TICKS, Ordering::Relaxed);
    } else if ticks_left.fetch_sub(1, Ordering::Relaxed) <= 1 {
        end_process(store);
    }
}

/// Makes the interrupted thread trap, if it can do so now.
fn stop_guest(store: &Store, context: &mut Context) -> bool {
    let Some((thread, activation)) = thread::running() else { return false };
    let registers = sys::registers(context);
    let range = activation.stack_range();
    let is_on_stack = core::ptr::eq(activation.store.get(), store)
        && range.contains(&registers.sp)
        && range.end - registers.sp >= size_of::<usize>();
    if !is_on_stack || !fault::is_wasm(activation, &registers) {
        return false;
    }
    // SAFETY: the word lies in the mapped part of the stack.
    let on_top = unsafe { (registers.sp as *const usize).read_unaligned() };
    if !code::contains(registers.pc) && !code::contains(on_top) {
        return false;
    }
    thread.set_message(words(store, &mut [0; WORDS_BYTES]));
    fault::stop(activation, context, TrapCode::Timeout)
}

/// What is over.
fn words<'a>(store: &Store, buffer: &'a mut [u8; WORDS_BYTES]) -> &'a [u8] {
    let mut text = Text::new(buffer);
    text.push(b"the program ran longer than ");
    text.push_duration(store.deadline().limit_ns);
    let len = text.written_len();
    &buffer[..len]
}

fn end_process(store: &Store) -> ! {
    let mut buffer = [0; 2 * WORDS_BYTES];
    let mut text = Text::new(&mut buffer);
    text.push(trap::TRAP_PREFIX);
    text.push(TrapCode::Timeout.message().as_bytes());
    text.push(b": ");
    text.push(words(store, &mut [0; WORDS_BYTES]));
    text.push(b"\n");
    sys::give_last_words(text.written(), LAST_WORDS_MS, TRAP_EXIT_STATUS)
}
