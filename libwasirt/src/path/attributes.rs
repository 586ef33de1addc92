//! `path_filestat_get`, `path_filestat_set_times`: attributes of a file by its path.
//!
//! The file is opened first, as a place only (`O_PATH`), so that a name that changes hands does not matter.

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Mode, OFlags, fstat, utimensat};

use super::resolve;
use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::errno::Errno;
use crate::fd::{filestat_bytes, timestamps};
use crate::guest::GuestMemory;
use crate::guest_path::GuestPath;
use crate::types::{FILESTAT_SIZE_BYTES, Fd, FileType, Follow, GuestPtr, LOOKUP_SYMLINK_FOLLOW, Rights};

/// witx `path_filestat_get(fd: fd, flags: lookupflags, path: string) -> buf: filestat`.
///
/// Writes the attributes of the file, or of a link that is not to be followed. `BADF`, `NOTDIR`: `fd` is
/// not an open directory. `NOTCAPABLE`: no right to. `INVAL`: unknown flag, or a NUL. `PERM`: the path
/// leads out of the directory. `NOENT`, `LOOP`, `ACCES`, …: as the host. `FAULT`: a pointer is out of bounds.
pub fn path_filestat_get(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    flags: u32,
    path: GuestPtr,
    path_len: u32,
    buf: GuestPtr,
) -> Result<(), Errno> {
    let stat = path_filestat(context, &memory, fd, flags, path, path_len)?;
    memory.write(buf, &stat)
}

/// What [`path_filestat_get`] writes.
pub(crate) fn path_filestat(
    context: &Context,
    memory: &GuestMemory<'_>,
    fd: Fd,
    flags: u32,
    path: GuestPtr,
    path_len: u32,
) -> Result<[u8; FILESTAT_SIZE_BYTES as usize], Errno> {
    let directory = context.fds.directory(fd, Rights::PATH_FILESTAT_GET)?;
    let path = GuestPath::read(memory, path, path_len)?;
    if let Some(embedded) = directory.embedded() {
        return Ok(embedded.open(&path, follow_of(flags)?)?.filestat());
    }
    let stat = fstat(open_place(context, &directory, flags, &path)?)?;
    let file_type = FileType::from(rustix::fs::FileType::from_raw_mode(stat.st_mode));
    Ok(filestat_bytes(&stat, file_type))
}

/// witx `path_filestat_set_times(fd: fd, flags: lookupflags, path: string, atim: timestamp,
/// mtim: timestamp, fst_flags: fstflags)`.
///
/// Sets the times that the flags name. `ROFS`: the directory is read-only. `INVAL`: unknown flag, a time
/// and "now" both, or a NUL. The rest as [`path_filestat_get`].
#[expect(clippy::too_many_arguments, reason = "The signature is WASI's.")]
pub fn path_filestat_set_times(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    flags: u32,
    path: GuestPtr,
    path_len: u32,
    atim: u64,
    mtim: u64,
    fst_flags: u32,
) -> Result<(), Errno> {
    let directory = context.fds.writable_directory(fd, Rights::PATH_FILESTAT_SET_TIMES)?;
    let times = timestamps(atim, mtim, fst_flags)?;
    let path = GuestPath::read(&memory, path, path_len)?;
    let file = open_place(context, &directory, flags, &path)?;
    // With an empty path the call is about the open file itself, be it a link (Linux 5.8).
    Ok(utimensat(&file, "", &times, AtFlags::EMPTY_PATH)?)
}

fn open_place(
    context: &Context,
    directory: &Descriptor,
    flags: u32,
    path: &GuestPath,
) -> Result<OwnedFd, Errno> {
    let host_flags = match follow_of(flags)? {
        Follow::No => OFlags::PATH | OFlags::NOFOLLOW,
        Follow::Yes => OFlags::PATH,
    };
    resolve::open(context.resolver, directory.host()?, path, host_flags, Mode::empty())
}

/// What witx `lookupflags` say; `INVAL` for an unknown one.
fn follow_of(flags: u32) -> Result<Follow, Errno> {
    match flags {
        0 => Ok(Follow::No),
        LOOKUP_SYMLINK_FOLLOW => Ok(Follow::Yes),
        _ => Err(Errno::Inval),
    }
}
