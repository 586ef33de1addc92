//! How much memory the modules of the process may use: linear memories and tables together.
//!
//! The rule: every byte is taken before it is made usable, and given back when it is gone.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use w2n_abi::NO_LIMIT;

/// Bytes that are left. Without a limit nothing is counted.
static LEFT: AtomicU64 = AtomicU64::new(NO_LIMIT);

/// Whether something was refused.
static IS_EXCEEDED: AtomicBool = AtomicBool::new(false);

/// Sets the limit, before anything is taken.
pub fn set(limit_bytes: u64) {
    LEFT.store(limit_bytes, Ordering::Relaxed);
}

/// Takes `bytes`, or refuses.
pub fn take(bytes: u64) -> Option<()> {
    let take = |left: u64| if left == NO_LIMIT { Some(NO_LIMIT) } else { left.checked_sub(bytes) };
    let taken = LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok().map(drop);
    if taken.is_none() {
        IS_EXCEEDED.store(true, Ordering::Relaxed);
    }
    taken
}

/// Gives back what was taken.
pub fn give_back(bytes: u64) {
    let give = |left: u64| (left != NO_LIMIT).then(|| left.saturating_add(bytes));
    // Without a limit there is nothing to count.
    let _ = LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, give);
}

/// Whether the limit was the reason that something failed.
pub fn is_exceeded() -> bool {
    IS_EXCEEDED.load(Ordering::Relaxed)
}
