//! Backtraces: a walk along saved frame pointers, through all activations of the thread.
//!
//! The rule: a guest may not be trusted with its stack's content, so every address that is read was
//! checked to lie in the part of the Wasm stack that the activation has in use.

use core::mem::size_of;
use core::ops::Range;

use w2n_abi::{
    HostModule, MAX_TRAP_FRAMES, NONE, PC_MAP_WIDTH_FACTOR, PcMapFunc, PcMapHeader, TRAP_HAS_ADDRESS,
    TRAP_HAS_LENGTH, W2nFrame, W2nTrap,
};

use crate::enter::Activation;
use crate::instance;

/// Words above the stack pointer among which a leaf function of libc has its return address.
const LEAF_SCAN_WORDS: usize = 16;

/// Whether a code address is that of the instruction itself or of the one behind a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PcKind {
    Fault,
    Return,
}

/// What a map knows about a code address.
struct Location {
    func_index: u32,
    offset: u32,
    width: u64,
    /// Bytes from the function's start.
    code_offset: usize,
}

/// Fills in the frames of a report.
///
/// # Safety
/// The activation and its predecessors are alive and `stack` is the usable part of their Wasm stack.
pub unsafe fn collect(activation: &Activation, stack: Range<usize>, report: &mut W2nTrap) {
    let modules = instance::loaded_modules();
    let mut walk = Walk { modules: &modules, report };
    let record = &activation.record;
    let own = stack.start..activation.entry_sp;
    if record.is_fault {
        walk.push_fault(record.pc, record.sp, &own);
    } else if record.pc != 0 {
        walk.push(record.pc, PcKind::Return);
    }
    walk.follow(record.fp, &own);
    let mut previous = activation.previous;
    // SAFETY: the caller vouches for the predecessors.
    while let Some(outer) = unsafe { previous.as_ref() } {
        walk.follow(outer.wasm_fp, &(outer.wasm_sp..outer.entry_sp));
        previous = outer.previous;
    }
}

struct Walk<'a> {
    modules: &'a [*const HostModule],
    report: &'a mut W2nTrap,
}

impl Walk<'_> {
    /// The function that faulted.
    fn push_fault(&mut self, pc: usize, sp: usize, stack: &Range<usize>) {
        if let Some((module, location)) = self.find(pc, PcKind::Fault) {
            if location.width > 0 && self.report.flags & TRAP_HAS_ADDRESS != 0 {
                self.report.flags |= TRAP_HAS_LENGTH;
                self.report.access_length = location.width;
            }
            let before_prologue = location.code_offset == 0;
            self.push_frame(module, pc, &location);
            // The stack was full at the very first push: the frame pointer is still the caller's.
            if let (true, Some(return_address)) = (before_prologue, word(sp, stack)) {
                self.push(return_address, PcKind::Return);
            }
            return;
        }
        // In libc (a loop that became memset): its leaf functions leave the frame pointer alone, so
        // only the return address into Wasm code has to be found.
        for position in 0..LEAF_SCAN_WORDS {
            let Some(candidate) = word(sp + position * size_of::<usize>(), stack) else { return };
            if let Some((module, location)) = self.find(candidate, PcKind::Return) {
                self.push_frame(module, candidate, &location);
                return;
            }
        }
        self.push(pc, PcKind::Fault);
    }

    /// The return addresses along the chain of frame pointers.
    fn follow(&mut self, mut fp: usize, stack: &Range<usize>) {
        loop {
            let (Some(next), Some(pc)) = (word(fp, stack), word(fp.wrapping_add(size_of::<usize>()), stack))
            else {
                return;
            };
            self.push(pc, PcKind::Return);
            // Callers are further up: anything else would be a loop.
            if next <= fp {
                return;
            }
            fp = next;
        }
    }

    fn push(&mut self, pc: usize, kind: PcKind) {
        if let Some((module, location)) = self.find(pc, kind) {
            self.push_frame(module, pc, &location);
            return;
        }
        // SAFETY: listed modules have live instances.
        let has_no_map = |module: &&*const HostModule| unsafe { (***module).pc_map.is_null() };
        // Adapters and runtime functions are in no map. Where all modules have one, they are not worth a line.
        if self.modules.iter().any(|module| has_no_map(&module)) {
            let nowhere = Location { func_index: NONE, offset: NONE, width: 0, code_offset: 0 };
            self.push_frame(core::ptr::null(), pc, &nowhere);
        }
    }

    fn push_frame(&mut self, module: *const HostModule, pc: usize, location: &Location) {
        let position = self.report.total_frame_count as usize;
        self.report.total_frame_count += 1;
        if position < MAX_TRAP_FRAMES {
            self.report.frame_count += 1;
            let (func_index, offset) = (location.func_index, location.offset);
            self.report.frames[position] = W2nFrame { module, pc: pc as u64, func_index, offset };
        }
    }

    fn find(&self, pc: usize, kind: PcKind) -> Option<(*const HostModule, Location)> {
        self.modules.iter().find_map(|&module| {
            // SAFETY: listed modules have live instances; a map is constant data of its module.
            unsafe { find_in_map((*module).pc_map.cast(), pc, kind) }.map(|location| (module, location))
        })
    }
}

/// The word at `address`, if all of it lies on the given part of a stack.
fn word(address: usize, stack: &Range<usize>) -> Option<usize> {
    let aligned = address.is_multiple_of(size_of::<usize>());
    let inside = address >= stack.start && address < stack.end && stack.end - address >= size_of::<usize>();
    // SAFETY: the address is inside the mapped part of the calling thread's own Wasm stack.
    (aligned && inside).then(|| unsafe { *(address as *const usize) })
}

unsafe fn find_in_map(map: *const PcMapHeader, pc: usize, kind: PcKind) -> Option<Location> {
    // A return address may lie behind the last instruction of its function, when the call never returns.
    let inside = if kind == PcKind::Return { pc.checked_sub(1)? } else { pc };
    // SAFETY: the caller passes null or the map of a loaded module, laid out as `w2n_abi` says.
    unsafe {
        let header = map.as_ref()?;
        let funcs = core::slice::from_raw_parts(map.add(1).cast::<PcMapFunc>(), header.func_count as usize);
        let func = funcs.iter().find(|func| inside.wrapping_sub(start(func)) < func.code_size as usize)?;
        let rows = funcs.as_ptr().add(funcs.len()).cast::<u8>();
        let rows = core::slice::from_raw_parts(rows.add(func.rows_start as usize), func.rows_len as usize);
        let code_offset = inside - start(func);
        let place = last_row(rows, code_offset);
        let (offset, width) = match place {
            Some(place) => {
                (place.div_euclid(PC_MAP_WIDTH_FACTOR) as u32, place.rem_euclid(PC_MAP_WIDTH_FACTOR))
            }
            None => (NONE, 0),
        };
        Some(Location { func_index: func.func_index, offset, width: width as u64, code_offset })
    }
}

fn start(func: &PcMapFunc) -> usize {
    (&raw const func.code_rel as usize).wrapping_add_signed(func.code_rel as isize)
}

/// The place that the last row at or before `code_offset` gives.
fn last_row(mut rows: &[u8], code_offset: usize) -> Option<i64> {
    let (mut row_offset, mut place, mut found) = (0usize, 0i64, None);
    while !rows.is_empty() {
        row_offset = row_offset.checked_add(read_unsigned(&mut rows)? as usize)?;
        place = place.wrapping_add(read_signed(&mut rows)?);
        if row_offset > code_offset {
            break;
        }
        found = Some(place);
    }
    found
}

/// An unsigned LEB128 number.
fn read_unsigned(bytes: &mut &[u8]) -> Option<u64> {
    let (value, _, _) = read_leb(bytes)?;
    Some(value)
}

/// A signed LEB128 number.
fn read_signed(bytes: &mut &[u8]) -> Option<i64> {
    let (value, bits, last) = read_leb(bytes)?;
    let negative = last & 0x40 != 0 && bits < u64::BITS;
    Some(if negative { (value | (u64::MAX << bits)) as i64 } else { value as i64 })
}

/// The bits, how many they are, and the last byte.
fn read_leb(bytes: &mut &[u8]) -> Option<(u64, u32, u8)> {
    let (mut value, mut bits) = (0, 0);
    loop {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if bits < u64::BITS {
            value |= u64::from(byte & 0x7f) << bits;
        }
        bits += 7;
        if byte & 0x80 == 0 {
            return Some((value, bits, byte));
        }
    }
}
