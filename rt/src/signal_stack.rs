//! The signal stack of a thread that runs Wasm code: a Wasm stack may be full when a fault comes.
//!
//! The rule: a host's own signal stack is used if it is large enough. Whoever took ours away, as libraries do
//! that bring one of their own, finds it again at the next call.

use core::cell::{Cell, OnceCell};
use core::sync::atomic::{AtomicU64, Ordering};

use crate::stack::Stack;
use crate::sys::{self, current_signal_stack};

/// Bytes of a signal stack beyond what the kernel itself needs.
const SIGNAL_STACK_BYTES: usize = 64 << 10;

/// How many system calls are timed to learn how fast one can be.
const TIMED_CALLS: u32 = 8;

/// No system call is faster than this, in the unit of [`sys::timestamp`]; 0 before it was measured.
static LEAST_CALL_TICKS: AtomicU64 = AtomicU64::new(0);

/// The signal stack of a thread.
pub struct SignalStack {
    /// The one that was made for the thread, when the host had none that is large enough.
    own: OnceCell<Stack>,
    /// When the thread last came by.
    checked_at: Cell<u64>,
    /// How large one has to be; known once one is provided.
    wanted_bytes: Cell<usize>,
}

impl SignalStack {
    /// None yet.
    pub const fn new() -> Self {
        Self { own: OnceCell::new(), checked_at: Cell::new(0), wanted_bytes: Cell::new(0) }
    }

    /// Gives the calling thread a signal stack unless it has one that is large enough. `None`: the system
    /// has no room.
    pub fn provide(&self) -> Option<()> {
        if LEAST_CALL_TICKS.load(Ordering::Relaxed) == 0 {
            LEAST_CALL_TICKS.store(measure_call(), Ordering::Relaxed);
        }
        self.wanted_bytes.set(sys::least_signal_stack_bytes() + SIGNAL_STACK_BYTES);
        self.renew()
    }

    /// Gives the calling thread a signal stack again if the host took it away. Whoever comes back sooner than
    /// a system call takes has made none.
    pub fn check(&self) {
        let now = sys::timestamp();
        let elapsed = now.wrapping_sub(self.checked_at.replace(now));
        if elapsed >= LEAST_CALL_TICKS.load(Ordering::Relaxed) {
            // Without room for one, nothing but stack exhaustion is any worse.
            self.renew();
            self.checked_at.set(sys::timestamp());
        }
    }

    #[cold]
    fn renew(&self) -> Option<()> {
        let wanted_bytes = self.wanted_bytes.get();
        if current_signal_stack().len >= wanted_bytes {
            return Some(());
        }
        if self.own.get().is_none() {
            // Nobody else is here: a thread has its own.
            let _ = self.own.set(Stack::new(wanted_bytes)?);
        }
        // Fails when the thread runs on its signal stack right now; the host's must do then.
        // SAFETY: the stack is mapped until the thread has ended, which takes it away before.
        unsafe { sys::set_signal_stack(self.own.get()?.usable()) };
        Some(())
    }

    /// Takes the signal stack away from the calling thread, if it still is its own.
    pub fn withdraw(&self) {
        let current = current_signal_stack();
        if self.own.get().is_some_and(|stack| current.len > 0 && current.start == stack.usable().start) {
            sys::drop_signal_stack();
        }
    }
}

/// Half of what the fastest of a few system calls took: the processor may be clocked higher later on.
fn measure_call() -> u64 {
    let once = || {
        let before = sys::timestamp();
        current_signal_stack();
        sys::timestamp().wrapping_sub(before)
    };
    (0..TIMED_CALLS).map(|_| once()).min().unwrap_or(0) / 2
}
