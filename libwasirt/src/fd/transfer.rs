//! `fd_read`, `fd_write`, `fd_pread`, `fd_pwrite`: one call of the host each, without a buffer of ours.
//!
//! Whether a call waits is up to the guest's `NONBLOCK` flag. Where the host's can be another (`fd_table.rs`
//! says when), it is decided here.

use core::sync::atomic::Ordering;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::AsRawFd;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::time::Timespec;

use crate::context::Context;
use crate::descriptor::{Descriptor, Served};
use crate::errno::{Errno, last_host_error};
use crate::guest::{GuestBuffers, GuestMemory};
use crate::terminal::{EscapeFilter, MAX_FILTERED_BYTES};
use crate::types::{Fd, GuestPtr, Rights};

/// Bytes that a pipe takes without waiting when it is ready to be written: POSIX's PIPE_BUF.
const PIPE_BUFFER_SIZE_BYTES: u64 = 4096;

/// Where in a file data is read or written.
#[derive(Clone, Copy)]
enum At {
    /// At the file's position, which moves.
    Position,
    /// At this offset; the position stays.
    Offset(u64),
}

impl At {
    /// The offset as the host takes it, if there is one. `SPIPE`: it has no positions; `NOTCAPABLE`: no right
    /// to seek; `INVAL`: it does not fit in 63 bits.
    fn check(self, descriptor: &Descriptor) -> Result<Option<i64>, Errno> {
        let Self::Offset(offset) = self else { return Ok(None) };
        super::seek::require_seekable(descriptor, Rights::FD_SEEK)?;
        i64::try_from(offset).map(Some).map_err(|_| Errno::Inval)
    }
}

/// witx `fd_read(fd: fd, iovs: iovec_array) -> nread: size`.
///
/// Reads at the file's position into the buffers in order; writes the number of bytes, 0 at the end, to
/// `nread`. At most 1024 buffers are filled. `BADF`: not open, a directory, or not open for reading.
/// `FAULT`: a pointer is out of bounds; nothing was consumed. `AGAIN`: `NONBLOCK`, and nothing is there.
pub fn fd_read(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    iovs: GuestPtr,
    iovs_len: u32,
    nread: GuestPtr,
) -> Result<(), Errno> {
    read(context, memory, fd, (iovs, iovs_len), At::Position, nread)
}

/// witx `fd_pread(fd: fd, iovs: iovec_array, offset: filesize) -> nread: size`.
///
/// As [`fd_read`], but at `offset`, and the file's position stays. Also `SPIPE`: it has no positions;
/// `NOTCAPABLE`: no right to seek; `INVAL`: `offset` does not fit in 63 bits.
pub fn fd_pread(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    iovs: GuestPtr,
    iovs_len: u32,
    offset: u64,
    nread: GuestPtr,
) -> Result<(), Errno> {
    read(context, memory, fd, (iovs, iovs_len), At::Offset(offset), nread)
}

fn read(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    (iovs, iovs_len): (GuestPtr, u32),
    at: At,
    nread: GuestPtr,
) -> Result<(), Errno> {
    let descriptor = context.fds.file(fd, Rights::FD_READ)?;
    let offset = at.check(&descriptor)?;
    memory.check(nread, 4)?;
    let buffers = memory.buffers(iovs, iovs_len)?;
    let count = match (descriptor.served(), offset) {
        (Some(Served::Embedded(file)), None) => file.read(&buffers),
        (Some(Served::Embedded(file)), Some(offset)) => file.read_at(&buffers, offset.unsigned_abs()),
        (Some(Served::Stream(stream)), _) => stream.read(&buffers)?,
        // SAFETY: the buffers are checked guest memory, which only the kernel writes for us.
        (None, _) => transfer(&descriptor, PollFlags::IN, |file| unsafe {
            match (offset, buffers.only()) {
                (None, Some(buffer)) => libc::read(file, buffer.iov_base, buffer.iov_len),
                (None, None) => libc::readv(file, buffers.as_ptr(), buffers.count()),
                (Some(offset), _) => libc::preadv(file, buffers.as_ptr(), buffers.count(), offset),
            }
        })?,
    };
    memory.write_u32(nread, count)
}

/// witx `fd_write(fd: fd, iovs: ciovec_array) -> nwritten: size`.
///
/// Writes the buffers in order at the file's position, or at the end under `APPEND`; writes the number
/// of bytes to `nwritten`. At most 1024 buffers are taken. `BADF`: not open, a directory, or not open for
/// writing. `FAULT`: a pointer is out of bounds; nothing was written. `AGAIN`: `NONBLOCK`, and no room.
/// `PIPE`: nobody reads the other end. To a terminal, escapes go only if they were allowed. `FBIG`, `NOSPC`,
/// `DQUOT`, `IO`: as the host has it.
pub fn fd_write(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    iovs: GuestPtr,
    iovs_len: u32,
    nwritten: GuestPtr,
) -> Result<(), Errno> {
    write(context, memory, fd, (iovs, iovs_len), At::Position, nwritten)
}

/// witx `fd_pwrite(fd: fd, iovs: ciovec_array, offset: filesize) -> nwritten: size`.
///
/// As [`fd_write`], but at `offset`, under `APPEND` too (as POSIX has it, not as Linux does), and the
/// file's position stays. Also `SPIPE`: it has no positions; `NOTCAPABLE`: no right to seek; `INVAL`:
/// `offset` does not fit in 63 bits.
pub fn fd_pwrite(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    iovs: GuestPtr,
    iovs_len: u32,
    offset: u64,
    nwritten: GuestPtr,
) -> Result<(), Errno> {
    write(context, memory, fd, (iovs, iovs_len), At::Offset(offset), nwritten)
}

fn write(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    (iovs, iovs_len): (GuestPtr, u32),
    at: At,
    nwritten: GuestPtr,
) -> Result<(), Errno> {
    let descriptor = context.fds.file(fd, Rights::FD_WRITE)?;
    let offset = at.check(&descriptor)?;
    memory.check(nwritten, 4)?;
    let mut buffers = memory.buffers(iovs, iovs_len)?;
    // A function of the host's runs with its own signals.
    let _held = if descriptor.served().is_none() { context.signals.hold() } else { None };
    let count = match (offset, descriptor.served(), &descriptor.escape_filter) {
        (Some(offset), ..) => write_at(&descriptor, &buffers, offset)?,
        (None, Some(Served::Stream(stream)), _) => stream.write(&buffers)?,
        (None, _, Some(filter)) => {
            write_filtered(&descriptor, filter, buffers_for(&descriptor, &mut buffers))?
        }
        (None, ..) => write_here(&descriptor, buffers_for(&descriptor, &mut buffers))?,
    };
    context.hint.note_output(fd, &buffers);
    memory.write_u32(nwritten, count)
}

/// What is written in one call of the buffers.
fn buffers_for<'a, 'memory>(
    descriptor: &Descriptor,
    buffers: &'a mut GuestBuffers<'memory>,
) -> &'a GuestBuffers<'memory> {
    if descriptor.is_nonblocking() && descriptor.is_shared() {
        // The host's file waits until all is written. So much goes through when it is ready at all.
        buffers.truncate(PIPE_BUFFER_SIZE_BYTES);
    }
    buffers
}

fn write_here(descriptor: &Descriptor, buffers: &GuestBuffers<'_>) -> Result<u32, Errno> {
    // While `O_APPEND` is away for somebody's `fd_pwrite`, this would not go to the end.
    let is_appending = descriptor.appends.load(Ordering::Relaxed) && descriptor.is_regular();
    let _steps = is_appending.then(|| descriptor.begin_steps());
    // SAFETY: the buffers are checked guest memory, which the kernel only reads.
    transfer(descriptor, PollFlags::OUT, |file| unsafe {
        match buffers.only() {
            Some(buffer) => libc::write(file, buffer.iov_base, buffer.iov_len),
            None => libc::writev(file, buffers.as_ptr(), buffers.count()),
        }
    })
}

/// Writes what a terminal may see of the first bytes of the buffers; answers how many bytes that was about.
fn write_filtered(
    descriptor: &Descriptor,
    filter: &EscapeFilter,
    buffers: &GuestBuffers<'_>,
) -> Result<u32, Errno> {
    let bytes = buffers.copy(MAX_FILTERED_BYTES);
    let visible = filter.filtered(&bytes);
    let mut rest = visible.as_slice();
    while !rest.is_empty() {
        // SAFETY: the kernel reads a slice of ours.
        let written = transfer(descriptor, PollFlags::OUT, |file| unsafe {
            libc::write(file, rest.as_ptr().cast(), rest.len())
        })?;
        rest = rest.get(written as usize..).unwrap_or_default();
    }
    Ok(bytes.len() as u32)
}

fn write_at(descriptor: &Descriptor, buffers: &GuestBuffers<'_>, offset: i64) -> Result<u32, Errno> {
    match fcntl_getfl(descriptor.host()?)? {
        flags if flags.contains(OFlags::APPEND) => write_unappended(descriptor, buffers, offset),
        _ => pwrite(descriptor, buffers, offset),
    }
}

fn pwrite(descriptor: &Descriptor, buffers: &GuestBuffers<'_>, offset: i64) -> Result<u32, Errno> {
    // SAFETY: the buffers are checked guest memory, which the kernel only reads.
    transfer(descriptor, PollFlags::OUT, |file| unsafe {
        libc::pwritev(file, buffers.as_ptr(), buffers.count(), offset)
    })
}

/// Linux appends in pwrite too, when the file is open with `O_APPEND`. Since Linux 6.9 a call can ask for
/// the offset to be kept; before, the flag is taken away for the call. Who writes to the end meanwhile waits
/// for it to come back. Files that came from another process keep it.
fn write_unappended(descriptor: &Descriptor, buffers: &GuestBuffers<'_>, offset: i64) -> Result<u32, Errno> {
    /// `RWF_NOAPPEND` of `linux/fs.h`.
    const KEEP_OFFSET: i32 = 0x20;
    // SAFETY: the buffers are checked guest memory, which the kernel only reads.
    let result = transfer(descriptor, PollFlags::OUT, |file| unsafe {
        libc::pwritev2(file, buffers.as_ptr(), buffers.count(), offset, KEEP_OFFSET)
    });
    let unsupported = matches!(result, Err(Errno::NotSup | Errno::NoSys));
    if !unsupported || descriptor.is_shared() {
        return result;
    }
    let _steps = descriptor.begin_steps();
    let flags = fcntl_getfl(descriptor.host()?)?;
    fcntl_setfl(descriptor.host()?, flags.difference(OFlags::APPEND))?;
    let result = pwrite(descriptor, buffers, offset);
    fcntl_setfl(descriptor.host()?, flags)?;
    result
}

/// Runs `call` on the host's descriptor until it answers other than "interrupted" or, for a guest that
/// waits, "not now". A negative answer of `call` stands for the C library's error.
pub(crate) fn transfer(
    descriptor: &Descriptor,
    direction: PollFlags,
    mut call: impl FnMut(i32) -> isize,
) -> Result<u32, Errno> {
    let raw_file = descriptor.host()?.as_raw_fd();
    let can_wait = !descriptor.is_regular();
    // Other files know whether they wait, and tell apart what cannot be asked: a FIFO that has no writer yet
    // is at its end, not "not ready".
    let must_ask = can_wait && descriptor.is_nonblocking() && descriptor.is_shared();
    loop {
        if must_ask && !is_ready(descriptor, direction)? {
            return Err(Errno::Again);
        }
        // Linux transfers at most 2^31 - 4096 bytes in one call.
        if let Ok(count) = u32::try_from(call(raw_file)) {
            return Ok(count);
        }
        match last_host_error() {
            Errno::Intr => {}
            Errno::Again if can_wait && !descriptor.is_nonblocking() => wait(descriptor, direction)?,
            error => return Err(error),
        }
    }
}

fn is_ready(descriptor: &Descriptor, direction: PollFlags) -> Result<bool, Errno> {
    let mut fds = [PollFd::from_borrowed_fd(descriptor.host()?, direction)];
    Ok(poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? != 0)
}

fn wait(descriptor: &Descriptor, direction: PollFlags) -> Result<(), Errno> {
    let mut fds = [PollFd::from_borrowed_fd(descriptor.host()?, direction)];
    match poll(&mut fds, None) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
