//! Where the compiled code of modules lies, for the signal handler.
//!
//! The rule: [`contains`] runs in a signal handler, so it takes no lock and allocates nothing; entries are
//! linked in front of each other and never freed, as modules are never unloaded. Without a pc map (`-g0`)
//! a module is not known here, so what this answers may only spare or sharpen a decision.

use alloc::boxed::Box;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::lock::Lock;
use crate::pc_map::PcMap;

struct Entry {
    map: PcMap,
    /// From the first function to the last one: other code may lie between.
    start: usize,
    end: usize,
    next: *mut Entry,
}

static ENTRIES: AtomicPtr<Entry> = AtomicPtr::new(null_mut());
static WRITERS: Lock<()> = Lock::new(());

/// Makes the code of a loaded module known.
pub fn insert(map: PcMap) {
    let Some(range) = map.range() else { return };
    let _writing = WRITERS.lock();
    if entries().any(|entry| entry.start == range.start && entry.end == range.end) {
        return;
    }
    let next = ENTRIES.load(Ordering::Relaxed);
    let entry = Entry { map, start: range.start, end: range.end, next };
    ENTRIES.store(Box::into_raw(Box::new(entry)), Ordering::Release);
}

/// Whether compiled code lies at the address. Async-signal-safe.
pub fn contains(address: usize) -> bool {
    entries().any(|entry| (entry.start..entry.end).contains(&address) && entry.map.covers(address))
}

fn entries() -> impl Iterator<Item = &'static Entry> {
    let mut next = ENTRIES.load(Ordering::Acquire);
    core::iter::from_fn(move || {
        // SAFETY: entries are leaked boxes, complete before they are published.
        let current = unsafe { next.as_ref() }?;
        next = current.next;
        Some(current)
    })
}
