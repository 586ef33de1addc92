//! `fd_readdir`: the entries of a directory.
//!
//! A cookie is the host's own position after an entry, so it stays right while the directory changes,
//! and no state is kept between calls: the guest's cookie says where to go on.

use std::mem::MaybeUninit;

use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, FileType as HostFileType, RawDir, RawDirEntry, SeekFrom, fstat, seek, statat};
use rustix::io::Errno as HostErrno;

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
/// are among the entries; a directory that was removed has none. `BADF`: not open. `NOTDIR`: not a directory.
/// `NOTCAPABLE`: no right to. `INVAL`: not a cookie. `FAULT`: `buf` or `bufused` is out of bounds.
pub fn fd_readdir(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    buf: GuestPtr,
    buf_len: u32,
    cookie: u64,
    bufused: GuestPtr,
) -> Result<(), Errno> {
    let descriptor = context.fds.directory(fd, Rights::FD_READDIR)?;
    memory.check(bufused, 4)?;
    let mut space = Space::new(&memory, buf, buf_len)?;
    match descriptor.embedded() {
        Some(directory) => put_embedded(&mut space, directory, cookie)?,
        None => {
            // The host lists from a position that all threads share.
            let _steps = descriptor.begin_steps();
            put_host_entries(&mut space, descriptor.host()?, cookie)?;
        }
    }
    memory.write_u32(bufused, space.used)
}

/// The guest's buffer, and how much of it is used.
struct Space<'memory> {
    memory: &'memory GuestMemory<'memory>,
    start: GuestPtr,
    size_bytes: u32,
    used: u32,
}

impl<'memory> Space<'memory> {
    fn new(memory: &'memory GuestMemory<'memory>, start: GuestPtr, size_bytes: u32) -> Result<Self, Errno> {
        memory.check(start, size_bytes)?;
        Ok(Self { memory, start, size_bytes, used: 0 })
    }

    fn is_full(&self) -> bool {
        self.used == self.size_bytes
    }

    /// Writes as much of `bytes` as fits.
    fn push(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        let len = bytes.len().min((self.size_bytes - self.used) as usize);
        self.memory.write(GuestPtr(self.start.0 + self.used), &bytes[..len])?;
        self.used += len as u32;
        Ok(())
    }

    /// Writes as much of an entry as fits.
    fn put_entry(&mut self, mut head: [u8; DIRENT_SIZE_BYTES as usize], name: &[u8]) -> Result<(), Errno> {
        head[16..20].copy_from_slice(&(name.len() as u32).to_le_bytes());
        self.push(&head)?;
        self.push(name)
    }
}

/// Fills `space` with entries of a directory of the host.
fn put_host_entries(space: &mut Space<'_>, directory: BorrowedFd<'_>, cookie: u64) -> Result<(), Errno> {
    let position = i64::try_from(cookie).map_err(|_| Errno::Inval)?;
    if let Err(error) = seek(directory, SeekFrom::Start(position as u64)) {
        // A directory that was removed has forgotten its positions.
        let is_removed = error == HostErrno::INVAL && fstat(directory)?.st_nlink == 0;
        return if is_removed { Ok(()) } else { Err(error.into()) };
    }
    let mut host_buffer = [MaybeUninit::uninit(); HOST_BUFFER_SIZE_BYTES];
    let mut entries = RawDir::new(directory, &mut host_buffer);
    while !space.is_full() {
        let Some(entry) = entries.next() else { break };
        let entry = match entry {
            Ok(entry) => entry,
            // So the host says that the directory was removed: it has no entries any more.
            Err(HostErrno::NOENT) => break,
            Err(error) => return Err(error.into()),
        };
        let head = head(entry.next_entry_cookie(), entry.ino(), type_of(&entry, directory));
        space.put_entry(head, entry.file_name().to_bytes())?;
    }
    Ok(())
}

/// The same for a packed directory.
fn put_embedded(space: &mut Space<'_>, directory: &EmbeddedFile, cookie: u64) -> Result<(), Errno> {
    for entry in directory.entries(cookie)? {
        if space.is_full() {
            break;
        }
        space.put_entry(head(entry.next, entry.inode, entry.file_type), entry.name)?;
    }
    Ok(())
}

/// A witx `dirent` that lacks the length of its name.
fn head(next: u64, inode: u64, file_type: FileType) -> [u8; DIRENT_SIZE_BYTES as usize] {
    let mut head = [0; DIRENT_SIZE_BYTES as usize];
    head[0..8].copy_from_slice(&next.to_le_bytes());
    head[8..16].copy_from_slice(&inode.to_le_bytes());
    head[20] = file_type as u8;
    head
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
