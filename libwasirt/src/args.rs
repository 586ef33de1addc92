//! `args_get`, `args_sizes_get`: the arguments of the process, untouched.
//!
//! `environ.rs` hands its strings out by the same two functions at the end of this file.

use crate::context::{Context, StringList};
use crate::errno::Errno;
use crate::guest::GuestMemory;
use crate::types::GuestPtr;

/// witx `args_get(argv: ptr<ptr<u8>>, argv_buf: ptr<u8>)`.
///
/// Writes one pointer per argument to `argv`, and the arguments, each with a NUL, to `argv_buf`.
/// `FAULT`: one of the two does not fit in memory; nothing was written.
pub fn args_get(
    context: &Context,
    memory: GuestMemory<'_>,
    argv: GuestPtr,
    argv_buf: GuestPtr,
) -> Result<(), Errno> {
    write_strings(&context.args, &memory, argv, argv_buf)
}

/// witx `args_sizes_get() -> (argc: size, argv_buf_size: size)`.
///
/// Writes the number of arguments to `argc`, and the bytes that `args_get` needs to `argv_buf_size`.
/// `FAULT`: one of the two is out of bounds; nothing was written.
pub fn args_sizes_get(
    context: &Context,
    memory: GuestMemory<'_>,
    argc: GuestPtr,
    argv_buf_size: GuestPtr,
) -> Result<(), Errno> {
    write_sizes(&context.args, &memory, argc, argv_buf_size)
}

/// Writes a pointer per string to `pointers` and the strings to `buffer`.
pub(crate) fn write_strings(
    strings: &StringList,
    memory: &GuestMemory<'_>,
    pointers: GuestPtr,
    buffer: GuestPtr,
) -> Result<(), Errno> {
    memory.check_wide(pointers, u64::from(strings.count()) * 4)?;
    memory.write(buffer, strings.bytes())?;
    for (index, &start) in strings.starts().iter().enumerate() {
        // Both sums are in bounds by the two checks above, so they do not wrap.
        memory.write_u32(GuestPtr(pointers.0 + index as u32 * 4), buffer.0 + start)?;
    }
    Ok(())
}

/// Writes the number of strings and of their bytes.
pub(crate) fn write_sizes(
    strings: &StringList,
    memory: &GuestMemory<'_>,
    count: GuestPtr,
    size_bytes: GuestPtr,
) -> Result<(), Errno> {
    memory.check(count, 4)?;
    memory.check(size_bytes, 4)?;
    memory.write_u32(count, strings.count())?;
    memory.write_u32(size_bytes, strings.bytes().len() as u32)
}
