//! Runs the same calls in several engines and compares results, traps and every byte that was touched, after a
//! trap too where its state is exact.
//!
//! The rule: before a call, all bytes that it touches have a value that tells their address, so a load from
//! elsewhere shows in the result and a store to elsewhere in memory.

use std::collections::BTreeSet;

use fastrand::Rng;

use super::engine::{Outcome, Precision, Runner};
use super::generate::{Arguments, GuestLoop, Memory};

/// Bytes that differ by more than their accesses are looked at too, so many on either side.
const MARGIN: u64 = 16;

/// Bytes compared at once, and aligned to that.
const CHUNK: u64 = 64;

/// Calls of which so many chunks are touched are compared there and not further.
const MAX_CHUNKS: usize = 1 << 13;

/// What was compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    /// Calls that returned.
    pub returned: usize,
    /// Calls that trapped.
    pub trapped: usize,
}

/// Calls each loop `calls` times in all of `runners`, the first of which says what is right.
///
/// Errors: the first difference, with the loop and the arguments.
pub fn compare(
    loops: &[GuestLoop],
    runners: &mut [(String, Runner)],
    memory: Memory,
    calls: usize,
    rng: &mut Rng,
) -> Result<Stats, String> {
    let mut stats = Stats::default();
    for (number, guest_loop) in loops.iter().enumerate() {
        for _ in 0..calls {
            let arguments = guest_loop.draw_arguments(rng, memory);
            let outcome = compare_call(guest_loop, number, &arguments, runners, memory)
                .map_err(|difference| format!("{difference}\n{arguments:x?}\n{memory:?} {guest_loop:?}"))?;
            match outcome {
                Outcome::Returned(_) => stats.returned += 1,
                Outcome::OutOfBounds => stats.trapped += 1,
            }
        }
    }
    Ok(stats)
}

/// As [`compare`], for one call.
pub fn compare_call(
    guest_loop: &GuestLoop,
    number: usize,
    arguments: &Arguments,
    runners: &mut [(String, Runner)],
    memory: Memory,
) -> Result<Outcome, String> {
    let chunks = touched_chunks(guest_loop, arguments, memory);
    let mut expected: Option<(Outcome, Vec<Vec<u8>>)> = None;
    for (name, runner) in runners {
        for chunk in &chunks {
            runner.write(*chunk, &pattern(*chunk));
        }
        let outcome = runner.call(number, arguments).map_err(|error| format!("{name}: {error}"))?;
        if !runner.is_overrun_untouched() {
            return Err(format!("{name}: a store behind the end of memory"));
        }
        let bytes = chunks.iter().map(|chunk| runner.read(*chunk, CHUNK as usize));
        match &expected {
            None => expected = Some((outcome, bytes.collect())),
            Some((expected, _)) if *expected != outcome => {
                return Err(format!("{name}: {outcome:x?} instead of {expected:x?}"));
            }
            // How much was stored before a trap is not promised with guard pages.
            Some((Outcome::OutOfBounds, _)) if runner.precision() == Precision::Trap => {}
            Some((_, expected)) => {
                for ((chunk, bytes), expected) in chunks.iter().zip(bytes).zip(expected) {
                    if bytes != *expected {
                        return Err(format!(
                            "{name}: memory at {chunk:#x} is {bytes:x?} instead of {expected:x?}"
                        ));
                    }
                }
            }
        }
    }
    Ok(expected.expect("there are engines").0)
}

/// The chunks of memory that a call touches, and their neighbourhood.
fn touched_chunks(guest_loop: &GuestLoop, arguments: &Arguments, memory: Memory) -> Vec<u64> {
    let mut chunks = BTreeSet::new();
    guest_loop.touched(arguments, |address, width| {
        let end = address.saturating_add(u64::from(width) + MARGIN).min(memory.bytes());
        let mut chunk = address.saturating_sub(MARGIN) / CHUNK * CHUNK;
        while chunk < end {
            chunks.insert(chunk);
            chunk += CHUNK;
        }
        // The first access out of bounds is the last.
        chunks.len() < MAX_CHUNKS && address.saturating_add(width.into()) <= memory.bytes()
    });
    chunks.into_iter().collect()
}

/// Bytes that tell where they are.
fn pattern(chunk: u64) -> Vec<u8> {
    (chunk..chunk + CHUNK).map(|address| (address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8).collect()
}
