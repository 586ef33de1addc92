//! `path_link`, `path_symlink`, `path_readlink`: hard and symbolic links.
//!
//! A link is never followed here, and none is made that leads out by itself: an absolute target is `PERM`.

use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{AtFlags, Mode, OFlags, linkat, readlinkat, statat, symlinkat};

use super::names::require_directory;
use super::resolve::{self, open_parent};
use crate::context::Context;
use crate::errno::Errno;
use crate::guest::GuestMemory;
use crate::guest_path::{GuestPath, LastComponent};
use crate::types::{Fd, Follow, GuestPtr, Rights};

/// witx `path_link(old_fd: fd, old_flags: lookupflags, old_path: string, new_fd: fd, new_path: string)`.
///
/// Gives a file a second name; of a link, the link. `BADF`, `NOTDIR`: one of the two is not an open
/// directory. `ROFS`: one is read-only (a name elsewhere would make a read-only file writable).
/// `NOTCAPABLE`: no right to. `INVAL`: `SYMLINK_FOLLOW` or another flag, for the host cannot follow a link
/// and stay beneath a directory in this call; or a NUL. `PERM`: a directory, or a path leads out.
/// `EXIST`: the new name is taken. `NOENT`: no such file, or the new path ends in a slash. `XDEV`: other
/// file system. `FAULT`: a path is out of bounds. The rest as the host.
#[expect(clippy::too_many_arguments, reason = "The signature is WASI's.")]
pub fn path_link(
    context: &Context,
    memory: GuestMemory<'_>,
    old_fd: Fd,
    old_flags: u32,
    old_path: GuestPtr,
    old_path_len: u32,
    new_fd: Fd,
    new_path: GuestPtr,
    new_path_len: u32,
) -> Result<(), Errno> {
    let old_directory = context.fds.writable_directory(old_fd, Rights::PATH_LINK_SOURCE)?;
    let new_directory = context.fds.writable_directory(new_fd, Rights::PATH_LINK_TARGET)?;
    if old_flags != 0 {
        return Err(Errno::Inval);
    }
    let old_path = GuestPath::read(&memory, old_path, old_path_len)?;
    let new_path = GuestPath::read(&memory, new_path, new_path_len)?;
    let (old_parent, old_last) = open_parent(context.resolver, old_directory.host()?, &old_path)?;
    let (new_parent, new_last) = open_parent(context.resolver, new_directory.host()?, &new_path)?;
    let LastComponent::Entry { name: old_name, must_be_directory } = old_last else {
        return Err(Errno::Perm);
    };
    if must_be_directory {
        require_directory(old_parent.as_fd(), old_name)?;
        return Err(Errno::Perm);
    }
    let new_name = new_entry(new_parent.as_fd(), new_last)?;
    Ok(linkat(old_parent, old_name, new_parent, new_name, AtFlags::empty())?)
}

/// witx `path_symlink(old_path: string, fd: fd, new_path: string)`.
///
/// Makes a symbolic link that says `old_path`, which need not exist. `PERM`: `old_path` is absolute, or
/// `new_path` leads out. `NOENT`: `old_path` is empty, or `new_path` ends in a slash. `EXIST`: the new name
/// is taken. `BADF`, `NOTDIR`, `ROFS`, `NOTCAPABLE`, `INVAL`, `FAULT`: as [`path_link`].
pub fn path_symlink(
    context: &Context,
    memory: GuestMemory<'_>,
    old_path: GuestPtr,
    old_path_len: u32,
    fd: Fd,
    new_path: GuestPtr,
    new_path_len: u32,
) -> Result<(), Errno> {
    let directory = context.fds.writable_directory(fd, Rights::PATH_SYMLINK)?;
    let target = GuestPath::read(&memory, old_path, old_path_len)?;
    let path = GuestPath::read(&memory, new_path, new_path_len)?;
    let (parent, last) = open_parent(context.resolver, directory.host()?, &path)?;
    let name = new_entry(parent.as_fd(), last)?;
    Ok(symlinkat(target.bytes(), parent, name)?)
}

/// witx `path_readlink(fd: fd, path: string, buf: ptr<u8>, buf_len: size) -> bufused: size`.
///
/// Writes what the link says to `buf`, cut off after `buf_len` bytes and without a NUL, and the number of
/// bytes to `bufused`. `INVAL`: not a link, or a NUL in the path. `BADF`, `NOTDIR`: `fd` is not an open
/// directory. `NOTCAPABLE`: no right to. `PERM`: the path leads out. `FAULT`: a pointer is out of bounds.
#[expect(clippy::too_many_arguments, reason = "The signature is WASI's.")]
pub fn path_readlink(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    path: GuestPtr,
    path_len: u32,
    buf: GuestPtr,
    buf_len: u32,
    bufused: GuestPtr,
) -> Result<(), Errno> {
    let directory = context.fds.directory(fd, Rights::PATH_READLINK)?;
    memory.check(bufused, 4)?;
    memory.check(buf, buf_len)?;
    let path = GuestPath::read(&memory, path, path_len)?;
    if let Some(embedded) = directory.embedded() {
        return write_target(
            &memory,
            embedded.open(&path, Follow::No)?.link_target()?,
            buf,
            buf_len,
            bufused,
        );
    }
    let base = directory.host()?;
    let (parent, last) = open_parent(context.resolver, base, &path)?;
    let LastComponent::Entry { name, must_be_directory: false } = last else {
        // After the slash stands a directory, if anything, and a directory is no link.
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        resolve::open(context.resolver, base, &path, flags, Mode::empty())?;
        return Err(Errno::Inval);
    };
    let target = readlinkat(parent, name, Vec::new())?;
    write_target(&memory, target.as_bytes(), buf, buf_len, bufused)
}

fn write_target(
    memory: &GuestMemory<'_>,
    target: &[u8],
    buf: GuestPtr,
    buf_len: u32,
    bufused: GuestPtr,
) -> Result<(), Errno> {
    let used = target.len().min(buf_len as usize);
    memory.write(buf, &target[..used])?;
    memory.write_u32(bufused, used as u32)
}

/// The name for a new link. `EXIST` for `.` and `..`; after a slash, which no link can have, `EXIST` for a
/// name that is taken and `NOENT` for one that is not.
fn new_entry<'path>(parent: BorrowedFd<'_>, last: LastComponent<'path>) -> Result<&'path [u8], Errno> {
    match last {
        LastComponent::Entry { name, must_be_directory: false } => Ok(name),
        LastComponent::Entry { name, .. } => {
            statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
            Err(Errno::Exist)
        }
        _ => Err(Errno::Exist),
    }
}
