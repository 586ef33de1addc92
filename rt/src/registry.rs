//! The address ranges that belong to linear memories, for the signal handler.
//!
//! The rule: [`find`] runs in a signal handler, so it takes no lock and allocates nothing; chunks of
//! slots are linked in front of each other and never freed. Writers take a lock.

use alloc::boxed::Box;
use core::ops::Range;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use w2n_abi::HostMemory;

use crate::lock::Lock;
use crate::shared::Shared;

const SLOTS_PER_CHUNK: usize = 64;

struct Slot {
    /// First byte; 0 in a free slot. Written last and cleared first.
    start: AtomicUsize,
    end: AtomicUsize,
    memory: AtomicPtr<HostMemory>,
}

struct Chunk {
    slots: [Slot; SLOTS_PER_CHUNK],
    next: *mut Chunk,
}

static CHUNKS: AtomicPtr<Chunk> = AtomicPtr::new(null_mut());
static WRITERS: Lock<()> = Lock::new(());

/// Makes the addresses known as those of `memory`.
pub fn insert(range: Range<usize>, memory: Shared<HostMemory>) {
    let _writing = WRITERS.lock();
    let slot = free_slot();
    slot.end.store(range.end, Ordering::Relaxed);
    slot.memory.store(memory.as_ptr(), Ordering::Relaxed);
    slot.start.store(range.start, Ordering::Release);
}

/// Forgets the range that starts at `start`.
pub fn remove(start: usize) {
    let _writing = WRITERS.lock();
    for slot in chunks().flat_map(|chunk| &chunk.slots) {
        if slot.start.load(Ordering::Relaxed) == start {
            slot.start.store(0, Ordering::Release);
            return;
        }
    }
}

/// The memory whose reservation contains `address`. The memory may be dropped by another thread, but
/// not while the calling thread runs an instance that uses it. Async-signal-safe.
pub fn find(address: usize) -> Option<Shared<HostMemory>> {
    let found = chunks().flat_map(|chunk| &chunk.slots).find_map(|slot| {
        let start = slot.start.load(Ordering::Acquire);
        let end = slot.end.load(Ordering::Relaxed);
        let memory = slot.memory.load(Ordering::Relaxed);
        // A second look at the start: the slot may have been given to another memory in between.
        let unchanged = slot.start.load(Ordering::Acquire) == start;
        (start != 0 && unchanged && (start..end).contains(&address)).then_some(memory)
    })?;
    // SAFETY: a memory is known here from when it is in its place until it is dropped, which its instance
    // sees to that the calling thread is running.
    unsafe { Shared::new(found) }
}

fn chunks() -> impl Iterator<Item = &'static Chunk> {
    let mut chunk = CHUNKS.load(Ordering::Acquire);
    core::iter::from_fn(move || {
        // SAFETY: chunks are leaked boxes, complete before they are published.
        let current = unsafe { chunk.as_ref() }?;
        chunk = current.next;
        Some(current)
    })
}

/// The caller holds the writers' lock.
fn free_slot() -> &'static Slot {
    let free = |slot: &&Slot| slot.start.load(Ordering::Relaxed) == 0;
    if let Some(slot) = chunks().flat_map(|chunk| &chunk.slots).find(free) {
        return slot;
    }
    let slots = [const {
        Slot { start: AtomicUsize::new(0), end: AtomicUsize::new(0), memory: AtomicPtr::new(null_mut()) }
    }; SLOTS_PER_CHUNK];
    let chunk = Box::leak(Box::new(Chunk { slots, next: CHUNKS.load(Ordering::Relaxed) }));
    CHUNKS.store(chunk, Ordering::Release);
    &chunk.slots[0]
}
