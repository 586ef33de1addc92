//! Locks of what the threads of a program share.
//!
//! Rule: a lock is held for a few steps in memory, or a few calls of the host that do not wait for anybody;
//! never while a call waits for what another thread or process does.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Waits until no other thread has the value. Nothing that a panic leaves behind is half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
