//! Where the compiled code of modules lies, for the signal handler.
//!
//! The rule: [`contains`] runs in a signal handler, so it takes no lock and allocates nothing; entries are
//! linked in front of each other and never freed, as modules are never unloaded. Without a pc map (`-g0`)
//! a module is not known here, so what this answers may only spare or sharpen a decision.

use alloc::boxed::Box;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

use w2n_abi::HostModule;

use crate::pc_map;

struct Entry {
    module: *const HostModule,
    /// From the first function to the last one, and a byte of it: no other code lies between.
    start: usize,
    end: usize,
    next: *mut Entry,
}

static ENTRIES: AtomicPtr<Entry> = AtomicPtr::new(null_mut());

/// Makes the code of a loaded module known. Called under a lock.
pub fn insert(module: &HostModule) {
    let first = ENTRIES.load(Ordering::Relaxed);
    if entries(first).any(|entry| core::ptr::eq(entry.module, module)) {
        return;
    }
    // SAFETY: the map is that of a loaded module.
    let Some(range) = (unsafe { pc_map::range(module.pc_map.cast()) }) else { return };
    let entry = Entry { module, start: range.start, end: range.end, next: first };
    ENTRIES.store(Box::into_raw(Box::new(entry)), Ordering::Release);
}

/// Whether compiled code lies at the address. Async-signal-safe.
pub fn contains(address: usize) -> bool {
    entries(ENTRIES.load(Ordering::Acquire)).any(|entry| (entry.start..entry.end).contains(&address))
}

fn entries(first: *mut Entry) -> impl Iterator<Item = &'static Entry> {
    let mut next = first;
    core::iter::from_fn(move || {
        // SAFETY: entries are leaked boxes, complete before they are published.
        let current = unsafe { next.as_ref() }?;
        next = current.next;
        Some(current)
    })
}
