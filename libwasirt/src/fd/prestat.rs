//! `fd_prestat_get`, `fd_prestat_dir_name`: how a guest finds the directories it was granted.
//!
//! A libc asks for descriptor 3 and on, until `BADF`.

use crate::context::Context;
use crate::errno::Errno;
use crate::guest::GuestMemory;
use crate::types::{Fd, GuestPtr, PRESTAT_SIZE_BYTES};

/// witx `fd_prestat_get(fd: fd) -> buf: prestat`.
///
/// Writes the kind (0: directory) and the length of its name. `BADF`: not open, or not a granted
/// directory. `FAULT`: `buf` is out of bounds.
pub fn fd_prestat_get(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    buf: GuestPtr,
) -> Result<(), Errno> {
    const FIRST_PREOPEN: Fd = Fd(3);
    let descriptor = context.fds.get(fd).ok();
    let Some(name) = descriptor.as_ref().and_then(|descriptor| descriptor.preopen_name.as_ref()) else {
        if fd == FIRST_PREOPEN {
            context.hint.note_search();
        }
        return Err(Errno::BadF);
    };
    let mut prestat = [0; PRESTAT_SIZE_BYTES as usize];
    prestat[4..8].copy_from_slice(&(name.len() as u32).to_le_bytes());
    memory.write(buf, &prestat)
}

/// witx `fd_prestat_dir_name(fd: fd, path: ptr<u8>, path_len: size)`.
///
/// Writes the name of the granted directory, without a NUL, to `path`. `BADF`: as above. `NAMETOOLONG`:
/// it is longer than `path_len`. `FAULT`: the `path_len` bytes at `path` are out of bounds.
pub fn fd_prestat_dir_name(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    path: GuestPtr,
    path_len: u32,
) -> Result<(), Errno> {
    let descriptor = context.fds.get(fd)?;
    let name = descriptor.preopen_name.as_ref().ok_or(Errno::BadF)?;
    if name.len() > path_len as usize {
        return Err(Errno::NameTooLong);
    }
    memory.check(path, path_len)?;
    memory.write(path, name)
}
