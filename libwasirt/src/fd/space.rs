//! `fd_advise`, `fd_allocate`, `fd_sync`, `fd_datasync`: a file and the device below it.

use std::num::NonZeroU64;

use rustix::fs::{Advice, FallocateFlags, fadvise, fallocate, fdatasync, fsync};

use crate::context::Context;
use crate::errno::Errno;
use crate::guest::GuestMemory;
use crate::types::{Fd, Rights};

/// witx `fd_advise(fd: fd, offset: filesize, len: filesize, advice: advice)`.
///
/// Tells the host how the range will be used. `BADF`: not open, or a directory. `NOTCAPABLE`: no right
/// to. `INVAL`: unknown advice, or a range past 63 bits. `SPIPE`: a pipe.
pub fn fd_advise(
    context: &Context,
    _memory: GuestMemory<'_>,
    fd: Fd,
    offset: u64,
    len: u64,
    advice: u32,
) -> Result<(), Errno> {
    let descriptor = context.fds.file(fd, Rights::NONE)?;
    super::seek::require_seekable(&descriptor, Rights::FD_ADVISE)?;
    let advice = match advice {
        0 => Advice::Normal,
        1 => Advice::Sequential,
        2 => Advice::Random,
        3 => Advice::WillNeed,
        4 => Advice::DontNeed,
        5 => Advice::NoReuse,
        _ => return Err(Errno::Inval),
    };
    check_range(offset, len)?;
    if descriptor.embedded().is_some() {
        return Ok(());
    }
    Ok(fadvise(descriptor.host()?, offset, NonZeroU64::new(len), advice)?)
}

/// witx `fd_allocate(fd: fd, offset: filesize, len: filesize)`.
///
/// Makes room for the range, extending the file with zeros if it is shorter. `BADF`: not open, a
/// directory, or not open for writing. `ROFS`: below a read-only directory. `NOTCAPABLE`: no right to.
/// `INVAL`: `len` is 0, or a range past 63 bits. `NOTSUP`, `NOSPC`, `FBIG`: as the host has it.
pub fn fd_allocate(
    context: &Context,
    _memory: GuestMemory<'_>,
    fd: Fd,
    offset: u64,
    len: u64,
) -> Result<(), Errno> {
    let descriptor = context.fds.file(fd, Rights::NONE)?;
    descriptor.require_writable()?;
    super::seek::require_seekable(&descriptor, Rights::FD_ALLOCATE)?;
    check_range(offset, len)?;
    let _held = context.signals.hold();
    Ok(fallocate(descriptor.host()?, FallocateFlags::empty(), offset, len)?)
}

/// witx `fd_datasync(fd: fd)`.
///
/// Waits until the data is on the device. `BADF`: not open. `NOTCAPABLE`: no right to. `IO`: as the host.
pub fn fd_datasync(context: &Context, _memory: GuestMemory<'_>, fd: Fd) -> Result<(), Errno> {
    let descriptor = context.fds.get(fd)?;
    descriptor.require(Rights::FD_DATASYNC)?;
    if descriptor.embedded().is_some() {
        return Ok(());
    }
    Ok(fdatasync(descriptor.host()?)?)
}

/// witx `fd_sync(fd: fd)`.
///
/// Waits until data and attributes are on the device. `BADF`: not open. `NOTCAPABLE`: no right to.
/// `IO`: as the host.
pub fn fd_sync(context: &Context, _memory: GuestMemory<'_>, fd: Fd) -> Result<(), Errno> {
    let descriptor = context.fds.get(fd)?;
    descriptor.require(Rights::FD_SYNC)?;
    if descriptor.embedded().is_some() {
        return Ok(());
    }
    Ok(fsync(descriptor.host()?)?)
}

/// `INVAL` unless the range ends within the offsets that a file can have.
fn check_range(offset: u64, len: u64) -> Result<(), Errno> {
    let end = offset.checked_add(len).ok_or(Errno::Inval)?;
    i64::try_from(end).map(drop).map_err(|_| Errno::Inval)
}
