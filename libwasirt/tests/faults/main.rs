//! What happens when the host fails: the right errno, no panic, no descriptor left open, nothing consumed.
//!
//! How: a seccomp filter makes one system call answer an error; limits and signals do the rest. Host
//! descriptors are counted in the whole process, so the tests of this program take turns.

#[allow(dead_code, reason = "the other test program uses all of it")]
#[path = "../functions/guest.rs"]
mod guest;

#[path = "../functions/failing_call.rs"]
mod failing_call;

mod calls;
mod limits;
mod rounds;

use std::sync::{Mutex, MutexGuard};

/// Held by the test that runs.
fn my_turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Number of descriptors that the process has open.
fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("the kernel tells").count()
}
