//! `fd_seek`, `fd_tell`: the position of an open file, which the host keeps.

use rustix::fd::AsFd;
use rustix::fs::{SeekFrom, seek};

use crate::context::Context;
use crate::errno::Errno;
use crate::fd_table::{Descriptor, applicable_rights};
use crate::guest::GuestMemory;
use crate::types::{Fd, GuestPtr, Rights};

/// witx `fd_seek(fd: fd, offset: filedelta, whence: whence) -> newoffset: filesize`.
///
/// Moves the position and writes the new one. `BADF`: not open, or a directory. `SPIPE`: a pipe, socket
/// or terminal. `NOTCAPABLE`: no right to seek (to tell, where it does not move). `INVAL`: unknown
/// `whence`, or a negative result. `FAULT`: `newoffset` is out of bounds; the position stays.
pub fn fd_seek(
    context: &mut Context,
    mut memory: GuestMemory<'_>,
    fd: Fd,
    offset: u64,
    whence: u32,
    newoffset: GuestPtr,
) -> Result<(), Errno> {
    let offset = offset as i64;
    let descriptor = context.fds.file(fd, Rights::NONE)?;
    let moves = offset != 0 || whence != 1;
    require_seekable(descriptor, if moves { Rights::FD_SEEK } else { Rights::FD_TELL })?;
    let target = match whence {
        0 => SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::Inval)?),
        1 => SeekFrom::Current(offset),
        2 => SeekFrom::End(offset),
        _ => return Err(Errno::Inval),
    };
    memory.check(newoffset, 8)?;
    let position = seek(&descriptor.file, target)?;
    memory.write_u64(newoffset, position)
}

/// witx `fd_tell(fd: fd) -> offset: filesize`.
///
/// Writes the position. `BADF`: not open, or a directory. `SPIPE`: a pipe, socket or terminal.
/// `NOTCAPABLE`: no right to tell. `FAULT`: `offset` is out of bounds.
pub fn fd_tell(
    context: &mut Context,
    mut memory: GuestMemory<'_>,
    fd: Fd,
    offset: GuestPtr,
) -> Result<(), Errno> {
    let descriptor = context.fds.file(fd, Rights::NONE)?;
    require_seekable(descriptor, Rights::FD_TELL)?;
    let position = seek(&descriptor.file, SeekFrom::Current(0))?;
    memory.write_u64(offset, position)
}

/// `SPIPE` for what has no position, `NOTCAPABLE` without the right. The right to seek implies that to tell.
pub(super) fn require_seekable(descriptor: &Descriptor, right: Rights) -> Result<(), Errno> {
    if !applicable_rights(descriptor.file_type, descriptor.file.as_fd()).contains(Rights::FD_SEEK) {
        return Err(Errno::SPipe);
    }
    if right == Rights::FD_TELL && descriptor.rights.contains(Rights::FD_SEEK) {
        return Ok(());
    }
    descriptor.require(right)
}
