//! Where a guest's random bytes come from: the host's generator, or what the host's program gives instead.
//!
//! Rule: the host's generator writes to guest memory itself; all others fill memory of ours, which is copied.

use core::fmt;
use std::sync::Mutex;

use crate::errno::{Errno, last_host_error};
use crate::guest::GuestBuffers;
use crate::lock::lock;

/// Bytes that are made at a time.
const PART_SIZE_BYTES: usize = 4096;

/// Fills all of the bytes. It may be called by several threads at a time.
pub type RandomCallback = dyn Fn(&mut [u8]) -> Result<(), Errno> + Send + Sync;

/// A source of random bytes.
#[derive(Default)]
pub enum Entropy {
    /// The host's generator, fit for keys.
    #[default]
    Host,
    /// The same bytes for the same seed: for tests, and not fit for keys.
    Seeded(Seeded),
    /// Whatever a function of the host's program says.
    Callback(Box<RandomCallback>),
}

impl fmt::Debug for Entropy {
    fn fmt(&self, output: &mut fmt::Formatter<'_>) -> fmt::Result {
        output.write_str(match self {
            Self::Host => "Host",
            Self::Seeded(_) => "Seeded",
            Self::Callback(_) => "Callback",
        })
    }
}

impl Entropy {
    /// The source that begins with `seed`.
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Seeded { state: Mutex::new(seed) })
    }

    /// Fills all of the buffers.
    pub(crate) fn fill(&self, buffers: GuestBuffers<'_>) -> Result<(), Errno> {
        match self {
            Self::Host => fill_by_host(buffers),
            Self::Seeded(seeded) => fill_by(buffers, |part| {
                seeded.fill(part);
                Ok(())
            }),
            Self::Callback(fill) => fill_by(buffers, fill),
        }
    }
}

fn fill_by_host(mut buffers: GuestBuffers<'_>) -> Result<(), Errno> {
    while let Some(buffer) = buffers.first_left() {
        // SAFETY: the buffer is checked guest memory, which only the kernel writes.
        let filled = unsafe { libc::getrandom(buffer.iov_base, buffer.iov_len, 0) };
        match u64::try_from(filled) {
            Ok(filled) => buffers.advance(filled),
            Err(_) => match last_host_error() {
                Errno::Intr => {}
                error => return Err(error),
            },
        }
    }
    Ok(())
}

fn fill_by(
    mut buffers: GuestBuffers<'_>,
    fill: impl Fn(&mut [u8]) -> Result<(), Errno>,
) -> Result<(), Errno> {
    let mut part = [0; PART_SIZE_BYTES];
    while buffers.size_bytes() > 0 {
        let len = usize::try_from(buffers.size_bytes()).unwrap_or(usize::MAX).min(PART_SIZE_BYTES);
        fill(&mut part[..len])?;
        buffers.advance(buffers.fill(&part[..len]).into());
    }
    Ok(())
}

/// A generator with 64 bits of state (splitmix64).
pub struct Seeded {
    state: Mutex<u64>,
}

impl Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = lock(&self.state);
        for part in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = *state;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^= word >> 31;
            part.copy_from_slice(&word.to_le_bytes()[..part.len()]);
        }
    }
}
