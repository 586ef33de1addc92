//! Reads the pc map of a module: which Wasm functions a code address stands for, and where in them.
//!
//! The rule: after inlining one address stands for several functions. A function is known by the
//! offset of an operator in its body, never by the code that the operator ended up in.

use alloc::vec::Vec;
use core::ops::Range;

use w2n_abi::{HostPointer, NONE, PC_MAP_WIDTH_FACTOR, PcMapFunc, PcMapHeader};

/// The map of a module.
#[derive(Clone, Copy)]
pub struct PcMap(&'static PcMapHeader);

/// Whether a code address is that of the instruction itself or of the one behind a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PcKind {
    /// Of an instruction that faulted.
    Fault,
    /// Where a call returns to.
    Return,
}

/// A function and an operator in it.
#[derive(Clone, Copy)]
pub struct Place {
    /// Function index, [`NONE`] for what runs at instantiation.
    pub func_index: u32,
    /// Byte offset in the Wasm module, or [`NONE`].
    pub offset: u32,
}

/// What a map knows about a code address.
pub struct Location {
    /// The functions it stands for: the one that the code is of, then who had it inlined.
    pub places: Vec<Place>,
    /// Bytes of memory that the operator accesses, or 0.
    pub width: u64,
    /// Whether it is the first instruction of its code: the frame is not set up yet.
    pub is_entry: bool,
}

impl PcMap {
    /// The map at that address; `None` for null.
    ///
    /// # Safety
    /// It is constant data of a loaded module, laid out as `w2n_abi` says.
    pub unsafe fn new(map: HostPointer) -> Option<Self> {
        // SAFETY: the caller says what is there.
        unsafe { map.cast::<PcMapHeader>().as_ref() }.map(Self)
    }

    /// What is known of each function, and the bytes behind: rows, calls and bodies.
    fn parts(self) -> (&'static [PcMapFunc], &'static [u8]) {
        // SAFETY: behind the header of a map there are as many functions, and behind them as many bytes, as
        // it says.
        unsafe {
            let funcs = core::ptr::from_ref(self.0).add(1).cast::<PcMapFunc>();
            let funcs = core::slice::from_raw_parts(funcs, self.0.func_count as usize);
            let bytes = funcs.as_ptr_range().end.cast::<u8>();
            (funcs, core::slice::from_raw_parts(bytes, self.0.size_bytes as usize))
        }
    }

    /// Looks `pc` up.
    pub fn find(self, pc: usize, kind: PcKind) -> Option<Location> {
        // A return address may lie behind the last instruction of its function, when the call never returns.
        let inside = if kind == PcKind::Return { pc.checked_sub(1)? } else { pc };
        let (funcs, bytes) = self.parts();
        let func = funcs.iter().find(|func| inside.wrapping_sub(start(func)) < func.code_size as usize)?;
        let bodies = bytes.get(self.0.bodies_start as usize..)?;
        let (rows, calls) =
            bytes.get(func.rows_start as usize..)?.split_at_checked(func.rows_len as usize)?;
        let calls = calls.get(..func.calls_len as usize)?;

        let code_offset = inside - start(func);
        let (offset, width) = row_at(rows, code_offset);
        let offsets = core::iter::once(offset).chain(calls_at(calls, code_offset).into_iter().rev());
        let func_at =
            |offset| body_at(bodies, offset).map(|(body, start)| (self.0.first_body_func + body, start));
        let places = places(offsets, func.func_index, func_at);
        Some(Location { places, width, is_entry: code_offset == 0 })
    }

    /// Whether `pc` is in the code that the map describes. Async-signal-safe.
    pub fn covers(self, pc: usize) -> bool {
        self.parts().0.iter().any(|func| pc.wrapping_sub(start(func)) < func.code_size as usize)
    }

    /// From the start of the first function that the map describes to the end of the last one.
    pub fn range(self) -> Option<Range<usize>> {
        let (funcs, _) = self.parts();
        let ends = funcs.iter().map(|func| start(func) + func.code_size as usize);
        Some(funcs.iter().map(start).min()?..ends.max()?)
    }
}

fn start(func: &PcMapFunc) -> usize {
    (&raw const func.code_rel as usize).wrapping_add_signed(func.code_rel as isize)
}

/// Names the function of each offset, and makes sure that the one whose code it is, `owner`, is last.
fn places(
    offsets: impl Iterator<Item = u32>,
    owner: u32,
    func_at: impl Fn(u32) -> Option<(u32, u32)>,
) -> Vec<Place> {
    let known = offsets.filter(|offset| *offset != 0);
    let place = |offset| match func_at(offset) {
        // No operator of what was inlined: all that is known is whose code it is. In the function itself it
        // is what comes before all operators.
        Some((func_index, start)) if start == offset && func_index != owner => {
            Place { func_index, offset: NONE }
        }
        Some((func_index, _)) => Place { func_index, offset },
        None => Place { func_index: NONE, offset },
    };
    let mut places: Vec<Place> = known.map(place).collect();
    if places.last().is_none_or(|outermost| outermost.func_index != owner) {
        places.push(Place { func_index: owner, offset: NONE });
    }
    places
}

/// Offset and width of the last row at or before `code_offset`; 0 where there is none.
fn row_at(mut rows: &[u8], code_offset: usize) -> (u32, u64) {
    let (mut row_offset, mut value, mut found) = (0usize, 0i64, 0i64);
    while let (Some(delta), Some(difference)) = (read_unsigned(&mut rows), read_signed(&mut rows)) {
        row_offset = row_offset.saturating_add(delta as usize);
        value = value.wrapping_add(difference);
        if row_offset > code_offset {
            break;
        }
        found = value;
    }
    (found.div_euclid(PC_MAP_WIDTH_FACTOR) as u32, found.rem_euclid(PC_MAP_WIDTH_FACTOR) as u64)
}

/// Offsets of the inlined calls whose code includes `code_offset`, outermost first.
fn calls_at(mut calls: &[u8], code_offset: usize) -> Vec<u32> {
    let mut found = Vec::new();
    let (mut start, mut offset) = (0usize, 0i64);
    while let (Some(delta), Some(len), Some(difference)) =
        (read_unsigned(&mut calls), read_unsigned(&mut calls), read_signed(&mut calls))
    {
        start = start.saturating_add(delta as usize);
        offset = offset.wrapping_add(difference);
        if start > code_offset {
            break;
        }
        if code_offset - start < len as usize {
            found.push(offset as u32);
        }
    }
    found
}

/// Which body the byte at `offset` of the Wasm module is in, and where that starts.
fn body_at(mut bodies: &[u8], offset: u32) -> Option<(u32, u32)> {
    let mut body_end = read_unsigned(&mut bodies)?;
    if u64::from(offset) < body_end {
        return None;
    }
    let mut body = 0;
    loop {
        let start = body_end;
        body_end += read_unsigned(&mut bodies)?;
        if u64::from(offset) < body_end {
            return Some((body, start as u32));
        }
        body += 1;
    }
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
