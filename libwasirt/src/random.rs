//! `random_get`: bytes from the operating system's generator, straight into guest memory.

use rustix::rand::{GetRandomFlags, getrandom};

use crate::context::Context;
use crate::errno::Errno;
use crate::guest::GuestMemory;
use crate::types::GuestPtr;

/// witx `random_get(buf: ptr<u8>, buf_len: size)`.
///
/// Fills all of `buf` with random bytes fit for keys. `FAULT`: `buf` is out of bounds; nothing was
/// written. The host's error, if its generator fails.
pub fn random_get(
    _context: &mut Context,
    mut memory: GuestMemory<'_>,
    buf: GuestPtr,
    buf_len: u32,
) -> Result<(), Errno> {
    let mut rest = memory.bytes_mut(buf, buf_len)?;
    while !rest.is_empty() {
        match getrandom(&mut *rest, GetRandomFlags::empty()) {
            Ok(filled) => rest = rest.get_mut(filled..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
