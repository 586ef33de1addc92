//! `random_get`: random bytes, from the operating system's generator straight into guest memory.

use crate::context::Context;
use crate::errno::Errno;
use crate::guest::GuestMemory;
use crate::types::GuestPtr;

/// witx `random_get(buf: ptr<u8>, buf_len: size)`.
///
/// Fills all of `buf` with random bytes, fit for keys unless the host's program gives others. `FAULT`: `buf`
/// is out of bounds; nothing was written. The host's error, if its generator fails.
pub fn random_get(
    context: &Context,
    memory: GuestMemory<'_>,
    buf: GuestPtr,
    buf_len: u32,
) -> Result<(), Errno> {
    context.entropy.fill(memory.buffer(buf, buf_len)?)
}
