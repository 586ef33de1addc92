//! `fd_close`, `fd_renumber`: the life of a descriptor's number.

use crate::context::Context;
use crate::errno::Errno;
use crate::guest::GuestMemory;
use crate::types::Fd;

/// witx `fd_close(fd: fd)`.
///
/// Closes the descriptor, a granted directory too; its number is free afterwards. `BADF`: not open.
/// What the host's close reports is not: the descriptor is gone either way.
pub fn fd_close(context: &Context, _memory: GuestMemory<'_>, fd: Fd) -> Result<(), Errno> {
    context.fds.remove(fd).map(drop)
}

/// witx `fd_renumber(fd: fd, to: fd)`.
///
/// Gives the descriptor the number `to`, closing what had it; the old number is free afterwards. Nothing
/// happens when they are equal. `BADF`: one of them is not open.
pub fn fd_renumber(context: &Context, _memory: GuestMemory<'_>, from: Fd, to: Fd) -> Result<(), Errno> {
    // What had the number is closed here, where no lock is held.
    context.fds.renumber(from, to).map(drop)
}
