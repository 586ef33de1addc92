//! `fd_readdir`: the entries of a directory.
//!
//! A cookie is the host's own position after an entry, so it stays right while the directory changes,
//! and no state is kept between calls: the guest's cookie says where to go on.

use std::mem::MaybeUninit;

use rustix::fd::AsFd;
use rustix::fs::{AtFlags, FileType as HostFileType, RawDir, RawDirEntry, SeekFrom, seek, statat};

use crate::context::Context;
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
    let position = i64::try_from(cookie).map_err(|_| Errno::Inval)?;
    seek(&descriptor.file, SeekFrom::Start(position as u64))?;
    let mut host_buffer = [MaybeUninit::uninit(); HOST_BUFFER_SIZE_BYTES];
    let mut entries = RawDir::new(&descriptor.file, &mut host_buffer);
    let mut used = 0;
    while used < guest_buffer.len() {
        match entries.next() {
            Some(entry) => used += put_entry(&mut guest_buffer[used..], &entry?, &descriptor.file),
            None => break,
        }
    }
    memory.write_u32(bufused, used as u32)
}

/// Writes as much of the entry of `directory` as fits; answers how much that is.
fn put_entry(space: &mut [u8], entry: &RawDirEntry<'_>, directory: impl AsFd) -> usize {
    let name = entry.file_name().to_bytes();
    let mut head = [0; DIRENT_SIZE_BYTES as usize];
    head[0..8].copy_from_slice(&entry.next_entry_cookie().to_le_bytes());
    head[8..16].copy_from_slice(&entry.ino().to_le_bytes());
    head[16..20].copy_from_slice(&(name.len() as u32).to_le_bytes());
    head[20] = type_of(entry, directory) as u8;
    let mut used = 0;
    for (place, &byte) in space.iter_mut().zip(head.iter().chain(name)) {
        *place = byte;
        used += 1;
    }
    used
}

/// Not every file system keeps the types of files in its directories; then the file is asked. What has gone
/// away meanwhile stays unknown.
fn type_of(entry: &RawDirEntry<'_>, directory: impl AsFd) -> FileType {
    if entry.file_type() != HostFileType::Unknown {
        return entry.file_type().into();
    }
    let stat = statat(directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW);
    stat.map_or(FileType::Unknown, |stat| HostFileType::from_raw_mode(stat.st_mode).into())
}
