//! `wasi_unstable`, the snapshot before preview 1: the four functions that are not the same.
//!
//! | what | snapshot 0 | preview 1 |
//! |---|---|---|
//! | `whence` | CUR 0, END 1, SET 2 | SET 0, CUR 1, END 2 |
//! | `filestat` | 56 bytes, `nlink` is 4 bytes at 20 | 64 bytes, `nlink` is 8 bytes at 24 |
//! | `subscription` | 56 bytes, a clock's fields start at 24, behind an identifier | 48 bytes, at 16 |
//!
//! Rule: a function here translates and calls; what happens is preview 1's.

use crate::context::Context;
use crate::errno::Errno;
use crate::fd::{self, fd_filestat};
use crate::guest::GuestMemory;
use crate::path::path_filestat;
use crate::poll::{SubscriptionLayout, poll_subscriptions};
use crate::types::{FILESTAT_SIZE_BYTES, Fd, GuestPtr};

/// Bytes of a `filestat` of snapshot 0.
const FILESTAT0_SIZE_BYTES: u32 = 56;

/// `fd_seek(fd: fd, offset: filedelta, whence: whence) -> newoffset: filesize`, as
/// [`fd::fd_seek`] but for the numbers of `whence`.
pub fn fd_seek(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    offset: u64,
    whence: u32,
    newoffset: GuestPtr,
) -> Result<(), Errno> {
    let whence = match whence {
        0 => 1,
        1 => 2,
        2 => 0,
        unknown => unknown,
    };
    fd::fd_seek(context, memory, fd, offset, whence, newoffset)
}

/// `fd_filestat_get(fd: fd) -> buf: filestat`, as [`fd::fd_filestat_get`] but for the layout.
pub fn fd_filestat_get(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    buf: GuestPtr,
) -> Result<(), Errno> {
    memory.write(buf, &filestat0_bytes(fd_filestat(context, fd)?))
}

/// `path_filestat_get(fd: fd, flags: lookupflags, path: string) -> buf: filestat`, as
/// [`crate::path::path_filestat_get`] but for the layout.
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
    memory.write(buf, &filestat0_bytes(stat))
}

/// `poll_oneoff(in: ptr<subscription>, out: ptr<event>, nsubscriptions: size) -> nevents: size`, as
/// [`crate::poll::poll_oneoff`] but for the layout of a subscription.
pub fn poll_oneoff(
    context: &Context,
    memory: GuestMemory<'_>,
    subscriptions: GuestPtr,
    events: GuestPtr,
    count: u32,
    nevents: GuestPtr,
) -> Result<(), Errno> {
    const LAYOUT: SubscriptionLayout = SubscriptionLayout { size_bytes: 56, clock_offset: 24 };
    poll_subscriptions(context, memory, LAYOUT, subscriptions, events, count, nevents)
}

/// The first 20 bytes stay (device, inode, type), then comes the number of links in 4 bytes (the largest
/// where it does not fit), then size and times.
fn filestat0_bytes(stat: [u8; FILESTAT_SIZE_BYTES as usize]) -> [u8; FILESTAT0_SIZE_BYTES as usize] {
    let mut links = [0; 8];
    links.copy_from_slice(&stat[24..32]);
    let links = u32::try_from(u64::from_le_bytes(links)).unwrap_or(u32::MAX);
    let mut bytes = [0; FILESTAT0_SIZE_BYTES as usize];
    bytes[..20].copy_from_slice(&stat[..20]);
    bytes[20..24].copy_from_slice(&links.to_le_bytes());
    bytes[24..].copy_from_slice(&stat[32..]);
    bytes
}
