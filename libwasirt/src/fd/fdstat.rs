//! `fd_fdstat_get`, `fd_fdstat_set_flags`, `fd_fdstat_set_rights`: what a descriptor is and may do.

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::context::Context;
use crate::errno::Errno;
use crate::fd_table::{Descriptor, File};
use crate::guest::GuestMemory;
use crate::types::{FDSTAT_SIZE_BYTES, Fd, FdFlags, GuestPtr, Rights};

/// witx `fd_fdstat_get(fd: fd) -> stat: fdstat`.
///
/// Writes file type, flags, rights, and the rights of what is opened through it. `BADF`: not open.
/// `FAULT`: `stat` is out of bounds.
pub fn fd_fdstat_get(
    context: &mut Context,
    mut memory: GuestMemory<'_>,
    fd: Fd,
    stat: GuestPtr,
) -> Result<(), Errno> {
    let descriptor = context.fds.get(fd)?;
    let mut bytes = [0; FDSTAT_SIZE_BYTES as usize];
    bytes[0] = descriptor.file_type as u8;
    bytes[2..4].copy_from_slice(&descriptor.flags()?.0.to_le_bytes());
    bytes[8..16].copy_from_slice(&descriptor.rights.0.to_le_bytes());
    bytes[16..24].copy_from_slice(&descriptor.inheriting.0.to_le_bytes());
    memory.write(stat, &bytes)
}

/// witx `fd_fdstat_set_flags(fd: fd, flags: fdflags)`.
///
/// Sets `APPEND` and `NONBLOCK`. `BADF`: not open. `NOTCAPABLE`: no right to. `INVAL`: unknown flag.
/// `NOTSUP`: one of the sync flags would change, which the host cannot do on an open file; or `APPEND`
/// would change on a standard stream, which other processes share, or on a packed file.
pub fn fd_fdstat_set_flags(
    context: &mut Context,
    _memory: GuestMemory<'_>,
    fd: Fd,
    flags: u32,
) -> Result<(), Errno> {
    let descriptor = context.fds.get_mut(fd)?;
    descriptor.require(Rights::FD_FDSTAT_SET_FLAGS)?;
    let flags = FdFlags::from_bits(flags).ok_or(Errno::Inval)?;
    let before = descriptor.flags()?;
    if flags.and(FdFlags::ANY_SYNC) != before.and(FdFlags::ANY_SYNC) {
        return Err(Errno::NotSup);
    }
    if flags.and(FdFlags::APPEND) != before.and(FdFlags::APPEND) {
        set_append(descriptor, flags)?;
    }
    if flags.and(FdFlags::NONBLOCK) != before.and(FdFlags::NONBLOCK) {
        set_nonblock(descriptor, flags)?;
    }
    Ok(())
}

/// Gives the descriptor, and the host's file if that is to have it, the `NONBLOCK` of `flags`.
fn set_nonblock(descriptor: &mut Descriptor, flags: FdFlags) -> Result<(), Errno> {
    let nonblocking = flags.contains(FdFlags::NONBLOCK);
    if let (File::Owned(file), false) = (&descriptor.file, descriptor.is_socket()) {
        let mut host_flags = fcntl_getfl(file)?;
        host_flags.set(OFlags::NONBLOCK, nonblocking);
        fcntl_setfl(file, host_flags)?;
    }
    descriptor.nonblocking = nonblocking;
    Ok(())
}

/// Gives the host's file the `APPEND` of `flags`.
fn set_append(descriptor: &Descriptor, flags: FdFlags) -> Result<(), Errno> {
    if matches!(descriptor.file, File::Stdio(_)) {
        return Err(Errno::NotSup);
    }
    let file = descriptor.host()?;
    let mut host_flags = fcntl_getfl(file)?;
    host_flags.set(OFlags::APPEND, flags.contains(FdFlags::APPEND));
    Ok(fcntl_setfl(file, host_flags)?)
}

/// witx `fd_fdstat_set_rights(fd: fd, fs_rights_base: rights, fs_rights_inheriting: rights)`.
///
/// Gives up rights; they cannot come back. `BADF`: not open. `NOTCAPABLE`: a right that it lacks.
pub fn fd_fdstat_set_rights(
    context: &mut Context,
    _memory: GuestMemory<'_>,
    fd: Fd,
    base: u64,
    inheriting: u64,
) -> Result<(), Errno> {
    let descriptor = context.fds.get_mut(fd)?;
    let (base, inheriting) = (Rights(base), Rights(inheriting));
    if !descriptor.rights.contains(base) || !descriptor.inheriting.contains(inheriting) {
        return Err(Errno::NotCapable);
    }
    descriptor.rights = base;
    descriptor.inheriting = inheriting;
    Ok(())
}
