//! Loops that are run twice, as they were and as the optimiser has changed them (`-C check-loops=1`).
//!
//! Compiled code calls `begin`, runs the loop as it was, calls `swap`, runs the other, and calls `end`; each
//! store of either announces itself before it happens. The rule: whatever either loop has stored to is
//! compared, so what the first stored and the second did not is a difference like any other.

use alloc::collections::BTreeMap;
use core::ptr::null_mut;

use w2n_abi::{HostPointer, TrapCode};

use crate::shared::Shared;
use crate::thread::wasm_stack_has_headroom;

/// Bytes that are kept together.
const LINE_BYTES: usize = 64;

/// What is known of the bytes at a multiple of [`LINE_BYTES`].
struct Line {
    /// A bit for each byte that was stored to.
    stored: u64,
    /// Their values before either loop.
    before: [u8; LINE_BYTES],
    /// Their values behind the first loop.
    expected: [u8; LINE_BYTES],
}

/// The check of one run of one loop.
struct LoopCheck {
    lines: BTreeMap<usize, Line>,
}

impl Line {
    const NEW: Self = Self { stored: 0, before: [0; LINE_BYTES], expected: [0; LINE_BYTES] };

    fn is_stored(&self, place: usize) -> bool {
        self.stored >> place & 1 == 1
    }
}

/// Bytes that stay where they are, of a memory that is not freed while a loop runs.
#[derive(Clone, Copy)]
struct Bytes {
    start: usize,
    len: usize,
}

impl Bytes {
    /// # Safety
    /// They can be read and written to, until the check ends, and no reference of Rust's is to any of them.
    unsafe fn new(start: usize, len: usize) -> Self {
        Self { start, len }
    }
}

impl LoopCheck {
    /// Remembers what is there before it is stored to for the first time.
    fn note(&mut self, bytes: Bytes) {
        for byte in bytes.start..bytes.start + bytes.len {
            let line = self.lines.entry(byte / LINE_BYTES).or_insert(Line::NEW);
            let place = byte % LINE_BYTES;
            if !line.is_stored(place) {
                line.stored |= 1 << place;
                // SAFETY: whoever made `bytes` has vouched that they can be read.
                let value = unsafe { (byte as *const u8).read_volatile() };
                line.before[place] = value;
                line.expected[place] = value;
            }
        }
    }

    /// Keeps what the first loop has left, and takes it back.
    fn swap(&mut self) {
        for (number, line) in &mut self.lines {
            for place in (0..LINE_BYTES).filter(|place| line.stored >> place & 1 == 1) {
                let byte = (number * LINE_BYTES + place) as *mut u8;
                // SAFETY: the loop has stored to this byte, which was noted.
                unsafe {
                    line.expected[place] = byte.read_volatile();
                    byte.write_volatile(line.before[place]);
                }
            }
        }
    }

    /// Whether all that was stored to is what the first loop has left.
    fn is_as_expected(&self) -> bool {
        self.lines.iter().all(|(number, line)| {
            (0..LINE_BYTES).filter(|place| line.is_stored(*place)).all(|place| {
                // SAFETY: as in `swap`.
                let value = unsafe { ((number * LINE_BYTES + place) as *const u8).read_volatile() };
                value == line.expected[place]
            })
        })
    }
}

/// What `begin` answered.
type Check = Option<Shared<LoopCheck>>;

/// See [`w2n_abi::RtFunc::LoopCheckBegin`].
#[unsafe(no_mangle)]
pub extern "C" fn w2n_loop_check_begin() -> HostPointer {
    // The allocator runs on the Wasm stack, here and in `note`.
    match wasm_stack_has_headroom() {
        true => Shared::leak(LoopCheck { lines: BTreeMap::new() }).pointer(),
        false => null_mut(),
    }
}

/// See [`w2n_abi::RtFunc::LoopCheckStore`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_loop_check_store(check: HostPointer, address: HostPointer, length: u64) {
    // SAFETY: compiled code passes what `begin` answered, and is about to store there; memories never shrink.
    let (check, bytes): (Check, _) =
        unsafe { (Shared::new(check.cast()), Bytes::new(address as usize, length as usize)) };
    if let Some(check) = check {
        check.with(|check| check.note(bytes));
    }
}

/// See [`w2n_abi::RtFunc::LoopCheckSwap`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_loop_check_swap(check: HostPointer) {
    // SAFETY: compiled code passes what `begin` answered.
    let check: Check = unsafe { Shared::new(check.cast()) };
    if let Some(check) = check {
        check.with(LoopCheck::swap);
    }
}

/// See [`w2n_abi::RtFunc::LoopCheckEnd`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_loop_check_end(check: HostPointer, differs: u32) -> u32 {
    // SAFETY: compiled code passes what `begin` answered, for the last time.
    let check = unsafe { Shared::<LoopCheck>::new(check.cast()).map(|check| check.reclaim()) };
    let is_same = differs == 0 && check.is_some_and(|check| check.is_as_expected());
    if is_same { 0 } else { TrapCode::LoopCheck as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs two loops, each a list of stores of `(place, value)`, over the same bytes.
    fn run(first: &[(usize, u8)], second: &[(usize, u8)]) -> (bool, [u8; 200]) {
        let mut memory: [u8; 200] = core::array::from_fn(|place| place as u8);
        let base = &raw mut memory as *mut u8;
        let mut check = LoopCheck { lines: BTreeMap::new() };
        let store = |check: &mut LoopCheck, stores: &[(usize, u8)]| {
            for (place, value) in stores {
                // SAFETY: the places are inside of `memory`, which outlives the check.
                unsafe {
                    check.note(Bytes::new(base as usize + place, 1));
                    base.add(*place).write(*value);
                }
            }
        };
        store(&mut check, first);
        check.swap();
        store(&mut check, second);
        (check.is_as_expected(), memory)
    }

    #[test]
    fn equal_loops_leave_the_same() {
        let (is_same, memory) = run(&[(3, 1), (130, 7), (3, 2)], &[(3, 2), (130, 7)]);
        assert!(is_same);
        assert_eq!((memory[3], memory[130], memory[4]), (2, 7, 4));
    }

    #[test]
    fn the_second_loop_starts_from_what_was_there() {
        let (_, memory) = run(&[(3, 1), (3, 9), (64, 5)], &[]);
        assert_eq!((memory[3], memory[64]), (3, 64));
    }

    #[test]
    fn differences_are_found_on_either_side() {
        assert!(!run(&[(3, 1)], &[(3, 2)]).0, "another value");
        assert!(!run(&[(3, 1)], &[]).0, "a store is missing");
        assert!(!run(&[], &[(199, 1)]).0, "a store too many");
        assert!(run(&[(3, 3)], &[]).0, "a store of what is there changes nothing");
    }
}
