//! `fd_readdir`: the entries of a directory.
//!
//! A cookie is the host's own position after an entry, so it stays right while the directory changes,
//! and no state is kept between calls: the guest's cookie says where to go on.

use std::mem::MaybeUninit;

use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, FileType as HostFileType, RawDir, RawDirEntry, SeekFrom, seek, statat};

use crate::context::Context;
use crate::embedded::EmbeddedFile;
use crate::errno::Errno;
use crate::guest::GuestMemory;
use crate::types::{DIRENT_SIZE_BYTES, Fd, FileType, GuestPtr, Rights};

/// Bytes of host entries that are read at a time.
const HOST_BUFFER_SIZE_BYTES: usize = 8192;

/// witx `fd_readdir(fd: fd, buf: ptr<u8>, buf_len: size, cookie: dircookie) -> bufused: size`.
///
/// Writes entries (`dirent`, then its name) after `cookie`, 0 for the beginning, to `buf`; the last one
/// may be cut off. Writes the bytes used to `bufused`: fewer than `buf_len` means the end. `.` and `..`
/// are among the entries. `BADF`: not open. `NOTDIR`: not a directory. `NOTCAPABLE`: no right to.
/// `INVAL`: not a cookie. `FAULT`: `buf` or `bufused` is out of bounds.
pub fn fd_readdir(
    context: &mut Context,
    mut memory: GuestMemory<'_>,
    fd: Fd,
    buf: GuestPtr,
    buf_len: u32,
    cookie: u64,
    bufused: GuestPtr,
) -> Result<(), Errno> {
    let descriptor = context.fds.directory(fd, Rights::FD_READDIR)?;
    memory.check(bufused, 4)?;
    let guest_buffer = memory.bytes_mut(buf, buf_len)?;
    let used = match descriptor.embedded() {
        Some(directory) => put_embedded(guest_buffer, directory, cookie)?,
        None => put_host_entries(guest_buffer, descriptor.host()?, cookie)?,
    };
    memory.write_u32(bufused, used as u32)
}

/// Fills `space` with entries of a directory of the host; answers the bytes used.
fn put_host_entries(space: &mut [u8], directory: BorrowedFd<'_>, cookie: u64) -> Result<usize, Errno> {
    let position = i64::try_from(cookie).map_err(|_| Errno::Inval)?;
    seek(directory, SeekFrom::Start(position as u64))?;
    let mut host_buffer = [MaybeUninit::uninit(); HOST_BUFFER_SIZE_BYTES];
    let mut entries = RawDir::new(directory, &mut host_buffer);
    let mut used = 0;
    while used < space.len() {
        let Some(entry) = entries.next() else { break };
        let entry = entry?;
        let head = head(entry.next_entry_cookie(), entry.ino(), type_of(&entry, directory));
        used += put_entry(&mut space[used..], head, entry.file_name().to_bytes());
    }
    Ok(used)
}

/// The same for a packed directory.
fn put_embedded(space: &mut [u8], directory: &EmbeddedFile, cookie: u64) -> Result<usize, Errno> {
    let mut used = 0;
    for entry in directory.entries(cookie)? {
        if used == space.len() {
            break;
        }
        used += put_entry(&mut space[used..], head(entry.next, entry.inode, entry.file_type), entry.name);
    }
    Ok(used)
}

/// A witx `dirent` that lacks the length of its name.
fn head(next: u64, inode: u64, file_type: FileType) -> [u8; DIRENT_SIZE_BYTES as usize] {
    let mut head = [0; DIRENT_SIZE_BYTES as usize];
    head[0..8].copy_from_slice(&next.to_le_bytes());
    head[8..16].copy_from_slice(&inode.to_le_bytes());
    head[20] = file_type as u8;
    head
}

/// Writes as much of an entry as fits; answers how much that is.
fn put_entry(space: &mut [u8], mut head: [u8; DIRENT_SIZE_BYTES as usize], name: &[u8]) -> usize {
    head[16..20].copy_from_slice(&(name.len() as u32).to_le_bytes());
    let mut used = 0;
    for (place, &byte) in space.iter_mut().zip(head.iter().chain(name)) {
        *place = byte;
        used += 1;
    }
    used
}

/// Not every file system keeps the types of files in its directories; then the file is asked. What has gone
/// away meanwhile stays unknown.
fn type_of(entry: &RawDirEntry<'_>, directory: BorrowedFd<'_>) -> FileType {
    if entry.file_type() != HostFileType::Unknown {
        return entry.file_type().into();
    }
    let stat = statat(directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW);
    stat.map_or(FileType::Unknown, |stat| HostFileType::from_raw_mode(stat.st_mode).into())
}
