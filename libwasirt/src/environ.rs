//! `environ_get`, `environ_sizes_get`: the granted environment, and nothing of the host's own.

use crate::args::{write_sizes, write_strings};
use crate::context::Context;
use crate::errno::Errno;
use crate::guest::GuestMemory;
use crate::types::GuestPtr;

/// witx `environ_get(environ: ptr<ptr<u8>>, environ_buf: ptr<u8>)`.
///
/// Writes one pointer per variable to `environ`, and `KEY=VALUE` with a NUL each to `environ_buf`.
/// `FAULT`: one of the two does not fit in memory; nothing was written.
pub fn environ_get(
    context: &Context,
    memory: GuestMemory<'_>,
    environ: GuestPtr,
    environ_buf: GuestPtr,
) -> Result<(), Errno> {
    write_strings(&context.environ, &memory, environ, environ_buf)
}

/// witx `environ_sizes_get() -> (count: size, environ_buf_size: size)`.
///
/// Writes the number of variables to `count`, and the bytes that `environ_get` needs to
/// `environ_buf_size`. `FAULT`: one of the two is out of bounds; nothing was written.
pub fn environ_sizes_get(
    context: &Context,
    memory: GuestMemory<'_>,
    count: GuestPtr,
    environ_buf_size: GuestPtr,
) -> Result<(), Errno> {
    write_sizes(&context.environ, &memory, count, environ_buf_size)
}
