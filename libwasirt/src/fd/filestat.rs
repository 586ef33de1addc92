//! `fd_filestat_get`, `fd_filestat_set_size`, `fd_filestat_set_times`: a file's attributes.
//!
//! The layout of `filestat` and the meaning of the time flags are here, for `path/` too.

use rustix::fs::{Stat, Timestamps, fstat, ftruncate, futimens};
use rustix::time::Timespec;

use crate::context::Context;
use crate::descriptor::Served;
use crate::errno::Errno;
use crate::guest::GuestMemory;
use crate::time::{nanoseconds, timespec};
use crate::types::{FILESTAT_SIZE_BYTES, Fd, FileType, GuestPtr, Rights};

/// witx `fd_filestat_get(fd: fd) -> buf: filestat`.
///
/// Writes device, inode, file type, number of links, size and three times. `BADF`: not open.
/// `NOTCAPABLE`: no right to. `FAULT`: `buf` is out of bounds.
pub fn fd_filestat_get(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    buf: GuestPtr,
) -> Result<(), Errno> {
    memory.write(buf, &fd_filestat(context, fd)?)
}

/// What [`fd_filestat_get`] writes.
pub(crate) fn fd_filestat(context: &Context, fd: Fd) -> Result<[u8; FILESTAT_SIZE_BYTES as usize], Errno> {
    let descriptor = context.fds.get(fd)?;
    descriptor.require(Rights::FD_FILESTAT_GET)?;
    match descriptor.served() {
        Some(Served::Embedded(file)) => Ok(file.filestat()),
        // It is nowhere, has no size and no times.
        Some(Served::Stream(_)) => Ok([0; FILESTAT_SIZE_BYTES as usize]),
        None => Ok(filestat_bytes(&fstat(descriptor.host()?)?, descriptor.file_type)),
    }
}

/// witx `fd_filestat_set_size(fd: fd, size: filesize)`.
///
/// Cuts the file, or extends it with zeros. `BADF`: not open, or a directory. `ROFS`: below a read-only
/// directory. `NOTCAPABLE`: no right to. `INVAL`: not a file open for writing, or `size` is too large.
pub fn fd_filestat_set_size(
    context: &Context,
    _memory: GuestMemory<'_>,
    fd: Fd,
    size: u64,
) -> Result<(), Errno> {
    let descriptor = context.fds.file(fd, Rights::NONE)?;
    descriptor.require_writable()?;
    descriptor.require(Rights::FD_FILESTAT_SET_SIZE)?;
    let size = i64::try_from(size).map_err(|_| Errno::Inval)?;
    let _held = context.signals.hold();
    Ok(ftruncate(descriptor.host()?, size as u64)?)
}

/// witx `fd_filestat_set_times(fd: fd, atim: timestamp, mtim: timestamp, fst_flags: fstflags)`.
///
/// Sets the times that the flags name. `BADF`: not open. `ROFS`: below a read-only directory.
/// `NOTCAPABLE`: no right to. `INVAL`: unknown flag, or a time and "now" both.
pub fn fd_filestat_set_times(
    context: &Context,
    _memory: GuestMemory<'_>,
    fd: Fd,
    atim: u64,
    mtim: u64,
    fst_flags: u32,
) -> Result<(), Errno> {
    let descriptor = context.fds.get(fd)?;
    descriptor.require_writable()?;
    descriptor.require(Rights::FD_FILESTAT_SET_TIMES)?;
    Ok(futimens(descriptor.host()?, &timestamps(atim, mtim, fst_flags)?)?)
}

/// The bytes of a witx `filestat`.
#[allow(clippy::unnecessary_cast, reason = "The widths of the host's fields differ between targets.")]
pub(crate) fn filestat_bytes(stat: &Stat, file_type: FileType) -> [u8; FILESTAT_SIZE_BYTES as usize] {
    // A time before 1970 has no number here; it becomes the earliest that has one.
    let time = |seconds: i64, fraction: i64| {
        nanoseconds(Timespec { tv_sec: seconds as _, tv_nsec: fraction as _ }).unwrap_or(0)
    };
    let fields = [
        stat.st_dev as u64,
        stat.st_ino as u64,
        u64::from(file_type as u8),
        stat.st_nlink as u64,
        stat.st_size as u64,
        time(stat.st_atime as i64, stat.st_atime_nsec as i64),
        time(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
        time(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
    ];
    let mut bytes = [0; FILESTAT_SIZE_BYTES as usize];
    for (place, field) in bytes.chunks_exact_mut(8).zip(fields) {
        place.copy_from_slice(&field.to_le_bytes());
    }
    bytes
}

/// The times to set, from witx `fstflags`: `ATIM` 1, `ATIM_NOW` 2, `MTIM` 4, `MTIM_NOW` 8.
pub(crate) fn timestamps(atim: u64, mtim: u64, fst_flags: u32) -> Result<Timestamps, Errno> {
    if fst_flags >= 1 << 4 {
        return Err(Errno::Inval);
    }
    Ok(Timestamps {
        last_access: timestamp(atim, fst_flags & 3)?,
        last_modification: timestamp(mtim, fst_flags >> 2)?,
    })
}

/// One time, by its two flags: 0 keeps it, 1 sets it to `time`, 2 to now.
fn timestamp(time: u64, flags: u32) -> Result<Timespec, Errno> {
    match flags {
        0 => Ok(Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT as _ }),
        1 => Ok(timespec(time)),
        2 => Ok(Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW as _ }),
        _ => Err(Errno::Inval),
    }
}
