//! `fd_fdstat_get`, `fd_fdstat_set_flags`, `fd_fdstat_set_rights`: what a descriptor is and may do.

use core::sync::atomic::Ordering;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::context::Context;
use crate::descriptor::{Descriptor, File};
use crate::errno::Errno;
use crate::guest::GuestMemory;
use crate::types::{FDSTAT_SIZE_BYTES, Fd, FdFlags, GuestPtr, Rights};

/// witx `fd_fdstat_get(fd: fd) -> stat: fdstat`.
///
/// Writes file type, flags, rights, and the rights of what is opened through it. `BADF`: not open.
/// `FAULT`: `stat` is out of bounds.
pub fn fd_fdstat_get(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    stat: GuestPtr,
) -> Result<(), Errno> {
    let descriptor = context.fds.get(fd)?;
    let mut bytes = [0; FDSTAT_SIZE_BYTES as usize];
    bytes[0] = descriptor.file_type as u8;
    let flags = {
        let _steps = descriptor.begin_steps();
        descriptor.flags()?
    };
    bytes[2..4].copy_from_slice(&flags.0.to_le_bytes());
    bytes[8..16].copy_from_slice(&descriptor.rights.get().0.to_le_bytes());
    bytes[16..24].copy_from_slice(&descriptor.inheriting.get().0.to_le_bytes());
    memory.write(stat, &bytes)
}

/// witx `fd_fdstat_set_flags(fd: fd, flags: fdflags)`.
///
/// Sets `APPEND` and `NONBLOCK`. `BADF`: not open. `NOTCAPABLE`: no right to. `INVAL`: unknown flag.
/// `NOTSUP`: one of the sync flags would change, which the host cannot do on an open file; or `APPEND`
/// would change on a standard stream, which other processes share, or on a packed file.
pub fn fd_fdstat_set_flags(
    context: &Context,
    _memory: GuestMemory<'_>,
    fd: Fd,
    flags: u32,
) -> Result<(), Errno> {
    let descriptor = context.fds.get(fd)?;
    descriptor.require(Rights::FD_FDSTAT_SET_FLAGS)?;
    let flags = FdFlags::from_bits(flags).ok_or(Errno::Inval)?;
    let _steps = descriptor.begin_steps();
    let before = descriptor.flags()?;
    if flags.and(FdFlags::ANY_SYNC) != before.and(FdFlags::ANY_SYNC) {
        return Err(Errno::NotSup);
    }
    if flags.and(FdFlags::APPEND) != before.and(FdFlags::APPEND) {
        set_append(&descriptor, flags)?;
    }
    if flags.and(FdFlags::NONBLOCK) != before.and(FdFlags::NONBLOCK) {
        set_nonblock(&descriptor, flags)?;
    }
    Ok(())
}

/// Gives the descriptor, and the host's file if that is to have it, the `NONBLOCK` of `flags`.
fn set_nonblock(descriptor: &Descriptor, flags: FdFlags) -> Result<(), Errno> {
    let nonblocking = flags.contains(FdFlags::NONBLOCK);
    if let (File::Owned(file), false) = (&descriptor.file, descriptor.is_socket()) {
        let mut host_flags = fcntl_getfl(file)?;
        host_flags.set(OFlags::NONBLOCK, nonblocking);
        fcntl_setfl(file, host_flags)?;
    }
    descriptor.nonblocking.store(nonblocking, Ordering::Relaxed);
    Ok(())
}

/// Gives the host's file the `APPEND` of `flags`.
fn set_append(descriptor: &Descriptor, flags: FdFlags) -> Result<(), Errno> {
    if descriptor.is_shared() {
        return Err(Errno::NotSup);
    }
    let file = descriptor.host()?;
    let mut host_flags = fcntl_getfl(file)?;
    let appends = flags.contains(FdFlags::APPEND);
    host_flags.set(OFlags::APPEND, appends);
    fcntl_setfl(file, host_flags)?;
    descriptor.appends.store(appends, Ordering::Relaxed);
    Ok(())
}

/// witx `fd_fdstat_set_rights(fd: fd, fs_rights_base: rights, fs_rights_inheriting: rights)`.
///
/// Gives up rights; they cannot come back. `BADF`: not open. `NOTCAPABLE`: a right that it lacks.
pub fn fd_fdstat_set_rights(
    context: &Context,
    _memory: GuestMemory<'_>,
    fd: Fd,
    base: u64,
    inheriting: u64,
) -> Result<(), Errno> {
    let descriptor = context.fds.get(fd)?;
    let (base, inheriting) = (Rights(base), Rights(inheriting));
    if !descriptor.rights.get().contains(base) || !descriptor.inheriting.get().contains(inheriting) {
        return Err(Errno::NotCapable);
    }
    descriptor.rights.keep(base);
    descriptor.inheriting.keep(inheriting);
    Ok(())
}
