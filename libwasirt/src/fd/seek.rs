//! `fd_seek`, `fd_tell`: the position of an open file, which the host keeps.

use rustix::fs::{SeekFrom, seek};

use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::errno::Errno;
use crate::guest::GuestMemory;
use crate::types::{Fd, GuestPtr, Rights};

/// witx `whence`: from the position.
const WHENCE_CURRENT: u32 = 1;

/// witx `fd_seek(fd: fd, offset: filedelta, whence: whence) -> newoffset: filesize`.
///
/// Moves the position and writes the new one. `BADF`: not open, or a directory. `SPIPE`: a pipe, socket
/// or terminal. `NOTCAPABLE`: no right to seek (to tell, where it does not move). `INVAL`: unknown
/// `whence`, or a negative result. `FAULT`: `newoffset` is out of bounds; the position stays.
pub fn fd_seek(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    offset: u64,
    whence: u32,
    newoffset: GuestPtr,
) -> Result<(), Errno> {
    let offset = offset as i64;
    let descriptor = context.fds.file(fd, Rights::NONE)?;
    let moves = offset != 0 || whence != WHENCE_CURRENT;
    require_seekable(&descriptor, if moves { Rights::FD_SEEK } else { Rights::FD_TELL })?;
    memory.check(newoffset, 8)?;
    let position = move_position(&descriptor, offset, whence)?;
    memory.write_u64(newoffset, position)
}

fn move_position(descriptor: &Descriptor, offset: i64, whence: u32) -> Result<u64, Errno> {
    if let Some(file) = descriptor.embedded() {
        return file.seek(offset, whence);
    }
    let target = match whence {
        0 => SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::Inval)?),
        1 => SeekFrom::Current(offset),
        2 => SeekFrom::End(offset),
        _ => return Err(Errno::Inval),
    };
    Ok(seek(descriptor.host()?, target)?)
}

/// witx `fd_tell(fd: fd) -> offset: filesize`.
///
/// Writes the position. `BADF`: not open, or a directory. `SPIPE`: a pipe, socket or terminal.
/// `NOTCAPABLE`: no right to tell. `FAULT`: `offset` is out of bounds.
pub fn fd_tell(context: &Context, memory: GuestMemory<'_>, fd: Fd, offset: GuestPtr) -> Result<(), Errno> {
    let descriptor = context.fds.file(fd, Rights::NONE)?;
    require_seekable(&descriptor, Rights::FD_TELL)?;
    let position = move_position(&descriptor, 0, WHENCE_CURRENT)?;
    memory.write_u64(offset, position)
}

/// `SPIPE` for what has no position, `NOTCAPABLE` without the right. The right to seek implies that to tell.
pub(super) fn require_seekable(descriptor: &Descriptor, right: Rights) -> Result<(), Errno> {
    if !descriptor.is_seekable() {
        return Err(Errno::SPipe);
    }
    if right == Rights::FD_TELL && descriptor.rights.get().contains(Rights::FD_SEEK) {
        return Ok(());
    }
    descriptor.require(right)
}
