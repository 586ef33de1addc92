//! `path_create_directory`, `path_remove_directory`, `path_unlink_file`, `path_rename`: names in directories.
//!
//! Rule: the host's call gets an open directory and one component of ours, without the slashes that a
//! guest put after it. What those demand (a directory) is checked here, for in some calls the host would
//! follow a link because of them.

use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{AtFlags, FileType, Mode, mkdirat, renameat, statat, unlinkat};

use super::resolve::open_parent;
use crate::context::Context;
use crate::errno::Errno;
use crate::guest::GuestMemory;
use crate::guest_path::{GuestPath, LastComponent};
use crate::types::{Fd, GuestPtr, Rights};

/// witx `path_create_directory(fd: fd, path: string)`.
///
/// Makes a directory. `BADF`, `NOTDIR`: `fd` is not an open directory. `ROFS`: it is read-only.
/// `NOTCAPABLE`: no right to. `EXIST`: the name is taken. `PERM`: the path leads out of the directory.
/// `INVAL`: a NUL. `NOENT`, `ACCES`, …: as the host. `FAULT`: `path` is out of bounds.
pub fn path_create_directory(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    path: GuestPtr,
    path_len: u32,
) -> Result<(), Errno> {
    let directory = context.fds.writable_directory(fd, Rights::PATH_CREATE_DIRECTORY)?;
    let path = GuestPath::read(&memory, path, path_len)?;
    let (parent, last) = open_parent(context.resolver, directory.host()?, &path)?;
    let LastComponent::Entry { name, .. } = last else { return Err(Errno::Exist) };
    Ok(mkdirat(parent, name, Mode::from_raw_mode(0o777))?)
}

/// witx `path_remove_directory(fd: fd, path: string)`.
///
/// Removes an empty directory. `NOTDIR`: it is none; a link is none. `NOTEMPTY`: it is not empty, or the
/// path ends in `..`. `INVAL`: the path ends in `.`, or a NUL. The rest as [`path_create_directory`].
pub fn path_remove_directory(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    path: GuestPtr,
    path_len: u32,
) -> Result<(), Errno> {
    let directory = context.fds.writable_directory(fd, Rights::PATH_REMOVE_DIRECTORY)?;
    let path = GuestPath::read(&memory, path, path_len)?;
    let (parent, last) = open_parent(context.resolver, directory.host()?, &path)?;
    match last {
        LastComponent::Entry { name, .. } => Ok(unlinkat(parent, name, AtFlags::REMOVEDIR)?),
        LastComponent::Dot => Err(Errno::Inval),
        LastComponent::DotDot => Err(Errno::NotEmpty),
    }
}

/// witx `path_unlink_file(fd: fd, path: string)`.
///
/// Removes a name that is not a directory's; of a link, the link. `ISDIR`: a directory. `NOTDIR`: the
/// path ends in a slash, and it is no directory. The rest as [`path_create_directory`].
pub fn path_unlink_file(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    path: GuestPtr,
    path_len: u32,
) -> Result<(), Errno> {
    let directory = context.fds.writable_directory(fd, Rights::PATH_UNLINK_FILE)?;
    let path = GuestPath::read(&memory, path, path_len)?;
    let (parent, last) = open_parent(context.resolver, directory.host()?, &path)?;
    let LastComponent::Entry { name, must_be_directory } = last else { return Err(Errno::IsDir) };
    if must_be_directory {
        require_directory(parent.as_fd(), name)?;
        return Err(Errno::IsDir);
    }
    Ok(unlinkat(parent, name, AtFlags::empty())?)
}

/// witx `path_rename(fd: fd, old_path: string, new_fd: fd, new_path: string)`.
///
/// Renames a file or directory, replacing what has the new name; of a link, the link. `BADF`, `NOTDIR`:
/// one of the two is not an open directory. `ROFS`: one is read-only. `NOTCAPABLE`: no right to. `BUSY`: a
/// path ends in `.` or `..`. `NOTDIR`: a path ends in a slash, and the old one is no directory; or a
/// directory would replace a file. `ISDIR`: a file would replace a directory. `NOTEMPTY`: so would a
/// directory one with entries. `INVAL`: a directory would move below itself, or a NUL. `XDEV`: other
/// file system. The rest as [`path_create_directory`].
#[expect(clippy::too_many_arguments, reason = "The signature is WASI's.")]
pub fn path_rename(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    old_path: GuestPtr,
    old_path_len: u32,
    new_fd: Fd,
    new_path: GuestPtr,
    new_path_len: u32,
) -> Result<(), Errno> {
    let old_directory = context.fds.writable_directory(fd, Rights::PATH_RENAME_SOURCE)?;
    let new_directory = context.fds.writable_directory(new_fd, Rights::PATH_RENAME_TARGET)?;
    let old_path = GuestPath::read(&memory, old_path, old_path_len)?;
    let new_path = GuestPath::read(&memory, new_path, new_path_len)?;
    let (old_parent, old_last) = open_parent(context.resolver, old_directory.host()?, &old_path)?;
    let (new_parent, new_last) = open_parent(context.resolver, new_directory.host()?, &new_path)?;
    let (
        LastComponent::Entry { name: old_name, must_be_directory: old_slash },
        LastComponent::Entry { name: new_name, must_be_directory: new_slash },
    ) = (old_last, new_last)
    else {
        return Err(Errno::Busy);
    };
    if old_slash || new_slash {
        require_directory(old_parent.as_fd(), old_name)?;
    }
    Ok(renameat(old_parent, old_name, new_parent, new_name)?)
}

/// `Ok` if the name is a directory's, `NOTDIR` if something else's, a link's too; `NOENT` if nobody's.
pub(super) fn require_directory(parent: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    let stat = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Ok(()),
        _ => Err(Errno::NotDir),
    }
}
