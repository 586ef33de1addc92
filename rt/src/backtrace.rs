//! Backtraces: a walk along saved frame pointers, through an activation and those that called it.
//!
//! The rule: a guest may not be trusted with its stack's content, so every address that is read was
//! checked to lie in the part of the Wasm stack that the activation has in use.

use alloc::vec::Vec;
use core::mem::size_of;
use core::ops::Range;
use core::sync::atomic::Ordering;

use w2n_abi::{MAX_TRAP_FRAMES, NONE, TRAP_HAS_ADDRESS, TRAP_HAS_LENGTH, W2nFrame, W2nTrap};

use crate::activation::Activation;
use crate::descriptor::Module;
use crate::handle::Instance;
use crate::pc_map::{Location, PcKind, Place};
use crate::store::StoreId;

/// Words above the stack pointer among which a leaf function of libc has its return address.
const LEAF_SCAN_WORDS: usize = 16;

/// Return addresses whose frames are remembered: recursion brings the same ones a million times.
const MAX_SEEN: usize = 64;

/// Fills in the frames of a report of the activation, which has ended on this thread and not been given back.
pub fn collect(activation: &Activation, report: &mut W2nTrap) {
    let mut walk =
        Walk { modules: modules_of(activation), store: activation.store.get(), seen: Vec::new(), report };
    let record = activation.record.get();
    let own = activation.stack_range();
    if record.is_fault {
        walk.push_fault(record.pc, record.sp, &own);
    } else if record.pc != 0 {
        walk.push_return(record.pc);
    }
    walk.follow(record.fp, &own);
    walk.follow_callers(activation);
}

/// The modules whose code may run in it.
fn modules_of(activation: &Activation) -> Vec<Module> {
    activation.instance.get().map_or(Vec::new(), Instance::modules_beside)
}

struct Walk<'a> {
    /// Those of the store that the walk is in.
    modules: Vec<Module>,
    store: StoreId,
    /// Return addresses with their frames.
    seen: Vec<(usize, Vec<W2nFrame>)>,
    report: &'a mut W2nTrap,
}

impl Walk<'_> {
    /// The function that faulted.
    fn push_fault(&mut self, pc: usize, sp: usize, stack: &Range<usize>) {
        if let Some((module, mut location)) = self.find(pc, PcKind::Fault) {
            if self.report.flags & TRAP_HAS_ADDRESS != 0 {
                if location.width > 0 {
                    self.report.flags |= TRAP_HAS_LENGTH;
                    self.report.access_length = location.width;
                } else if let Some(place) = location.places.first_mut() {
                    // It accesses no memory, so it is not what trapped.
                    place.offset = NONE;
                }
            }
            self.push_frames(&frames(module, pc, &location));
            // The stack was full at the very first push: the frame pointer is still the caller's.
            if let (true, Some(return_address)) = (location.is_entry, word(sp, stack)) {
                self.push_return(return_address);
            }
            return;
        }
        // In libc (a loop that became memset): its leaf functions leave the frame pointer alone, so
        // only the return address into Wasm code has to be found.
        for position in 0..LEAF_SCAN_WORDS {
            let Some(candidate) = word(sp + position * size_of::<usize>(), stack) else { return };
            if let Some((module, location)) = self.find(candidate, PcKind::Return) {
                self.push_frames(&frames(module, candidate, &location));
                return;
            }
        }
        let unmapped = self.unmapped(pc);
        self.push_frames(&unmapped);
    }

    /// The return addresses along the chain of frame pointers.
    fn follow(&mut self, mut fp: usize, stack: &Range<usize>) {
        loop {
            let (Some(next), Some(pc)) = (word(fp, stack), word(fp.wrapping_add(size_of::<usize>()), stack))
            else {
                return;
            };
            self.push_return(pc);
            // Callers are further up: anything else would be a loop.
            if next <= fp {
                return;
            }
            fp = next;
        }
    }

    /// The frames of those that called the activation. Endless recursion through the host makes as many
    /// reports as callers, so where frames are only counted each is counted once.
    fn follow_callers(&mut self, activation: &Activation) {
        let thread = activation.thread.load(Ordering::Relaxed);
        let mut callers = Vec::new();
        let mut caller = activation.caller.get();
        while let Some(outer) = caller.waiting(thread) {
            let is_full = self.report.frame_count as usize == MAX_TRAP_FRAMES;
            if let (true, Some(frames)) = (is_full, outer.counted_frames()) {
                self.report.total_frame_count += frames;
                break;
            }
            callers.push((outer, self.report.total_frame_count));
            self.enter_store(outer);
            self.follow(outer.wasm_fp.get(), &(outer.wasm_sp.get()..outer.entry_sp.get()));
            caller = outer.caller.get();
        }
        for (outer, frames_inside) in callers {
            outer.keep_counted_frames(self.report.total_frame_count - frames_inside);
        }
    }

    /// A host function of one store may call into another.
    fn enter_store(&mut self, activation: &Activation) {
        if self.store != activation.store.get() {
            self.store = activation.store.get();
            self.modules = modules_of(activation);
        }
    }

    fn push_return(&mut self, pc: usize) {
        let position = match self.seen.iter().position(|(known, _)| *known == pc) {
            Some(position) => position,
            None => {
                let frames = match self.find(pc, PcKind::Return) {
                    Some((module, location)) => frames(module, pc, &location),
                    None => self.unmapped(pc),
                };
                if self.seen.len() == MAX_SEEN {
                    self.seen.remove(0);
                }
                self.seen.push((pc, frames));
                self.seen.len() - 1
            }
        };
        let frames = core::mem::take(&mut self.seen[position].1);
        self.push_frames(&frames);
        self.seen[position].1 = frames;
    }

    fn push_frames(&mut self, frames: &[W2nFrame]) {
        for frame in frames {
            let position = self.report.total_frame_count as usize;
            self.report.total_frame_count += 1;
            if position < MAX_TRAP_FRAMES {
                self.report.frame_count += 1;
                self.report.frames[position] = *frame;
            }
        }
    }

    /// Adapters and runtime functions are in no map. Where all modules have one, they are not worth a line.
    fn unmapped(&self, pc: usize) -> Vec<W2nFrame> {
        if self.modules.iter().all(|module| module.pc_map().is_some()) {
            return Vec::new();
        }
        Vec::from([W2nFrame { module: core::ptr::null(), pc: pc as u64, func_index: NONE, offset: NONE }])
    }

    fn find(&self, pc: usize, kind: PcKind) -> Option<(Module, Location)> {
        self.modules.iter().find_map(|&module| Some((module, module.pc_map()?.find(pc, kind)?)))
    }
}

fn frames(module: Module, pc: usize, location: &Location) -> Vec<W2nFrame> {
    let module = module.descriptor();
    let frame =
        |&Place { func_index, offset }: &Place| W2nFrame { module, pc: pc as u64, func_index, offset };
    location.places.iter().map(frame).collect()
}

/// The word at `address`, if all of it lies on the given part of a stack.
fn word(address: usize, stack: &Range<usize>) -> Option<usize> {
    let aligned = address.is_multiple_of(size_of::<usize>());
    let inside = address >= stack.start && address < stack.end && stack.end - address >= size_of::<usize>();
    // SAFETY: the address is inside the mapped part of the calling thread's own Wasm stack.
    (aligned && inside).then(|| unsafe { *(address as *const usize) })
}
