//! `sock_accept`, `sock_recv`, `sock_send`, `sock_shutdown`: sockets that the guest was given.
//!
//! Preview 1 cannot make or connect a socket: one is granted (`--tcplisten`), accepted, or a standard stream.

use core::sync::atomic::AtomicBool;
use std::mem::zeroed;
use std::ptr::null_mut;
use std::sync::Arc;

use rustix::event::PollFlags;
use rustix::fd::{AsFd, FromRawFd, OwnedFd};
use rustix::net::{Shutdown, shutdown};

use crate::context::Context;
use crate::descriptor::{Descriptor, File, applicable_rights, file_type_of};
use crate::errno::Errno;
use crate::fd::transfer::transfer;
use crate::guest::{GuestBuffers, GuestMemory};
use crate::types::{Fd, FdFlags, GuestPtr, Rights};

/// witx `sock_accept(fd: fd, flags: fdflags) -> result: fd`.
///
/// Waits for a connection and writes its new descriptor. `BADF`: not open. `NOTSOCK`: not a socket.
/// `NOTCAPABLE`: no right to. `INVAL`: a flag other than `NONBLOCK`, or not listening. `AGAIN`: the
/// listening descriptor is `NONBLOCK`, and nobody is there. `FAULT`: `result` is out of bounds;
/// `MFILE`: past `--max-fds`; no connection was taken.
pub fn sock_accept(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    flags: u32,
    result: GuestPtr,
) -> Result<(), Errno> {
    let socket = socket(context, fd, Rights::SOCK_ACCEPT)?;
    if flags & !u32::from(FdFlags::NONBLOCK.0) != 0 {
        return Err(Errno::Inval);
    }
    memory.check(result, 4)?;
    let room = context.fds.room()?;
    let flags_of_new = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: a null address says that nobody wants to know who connected.
    let number = transfer(&socket, PollFlags::IN, |file| unsafe {
        libc::accept4(file, null_mut(), null_mut(), flags_of_new) as isize
    })?;
    // SAFETY: the number is a descriptor that the host just made, and nobody else's.
    let connection = unsafe { OwnedFd::from_raw_fd(number as i32) };
    let file_type = file_type_of(connection.as_fd())?;
    let rights = applicable_rights(file_type, connection.as_fd()).without(Rights::SOCK_ACCEPT);
    let number = room.insert(Descriptor {
        nonblocking: AtomicBool::new(flags != 0),
        ..Descriptor::new(File::Owned(connection), file_type, rights)
    })?;
    memory.write_u32(result, number.0)
}

/// witx `sock_recv(fd: fd, ri_data: iovec_array, ri_flags: riflags) -> (ro_datalen: size,
/// ro_flags: roflags)`.
///
/// Receives into the buffers; `RECV_PEEK` leaves the data, `RECV_WAITALL` waits for all of it (with
/// `RECV_PEEK` for some of it: what is left there cannot be waited for). Writes the
/// number of bytes, and whether a datagram was cut off (`RECV_DATA_TRUNCATED`, 1). `BADF`: not open, or not
/// for reading. `NOTSOCK`: not a socket. `INVAL`: unknown flag. `AGAIN`: `NONBLOCK`, and nothing is there.
/// `FAULT`: a pointer is out of bounds; nothing was received.
#[expect(clippy::too_many_arguments, reason = "The signature is WASI's.")]
pub fn sock_recv(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    ri_data: GuestPtr,
    ri_data_len: u32,
    ri_flags: u32,
    ro_datalen: GuestPtr,
    ro_flags: GuestPtr,
) -> Result<(), Errno> {
    const RECV_PEEK: u32 = 1;
    const RECV_WAITALL: u32 = 2;
    let socket = socket(context, fd, Rights::FD_READ)?;
    if ri_flags & !(RECV_PEEK | RECV_WAITALL) != 0 {
        return Err(Errno::Inval);
    }
    let host_flags = if ri_flags & RECV_PEEK != 0 { libc::MSG_PEEK } else { 0 };
    memory.check(ro_datalen, 4)?;
    memory.check(ro_flags, 2)?;
    let mut buffers = memory.buffers(ri_data, ri_data_len)?;
    let (mut received, mut truncated) = receive(&socket, &buffers, host_flags)?;
    // The host's sockets never wait, so it is we who wait for the rest.
    while ri_flags == RECV_WAITALL && !socket.is_nonblocking() && received.last > 0 {
        buffers.advance(received.last.into());
        if buffers.size_bytes() == 0 {
            break;
        }
        // What is here already is not lost to an error that comes later: the next call meets it.
        let Ok((more, is_cut)) = receive(&socket, &buffers, host_flags) else { break };
        received = Received { total: received.total + more.last, last: more.last };
        truncated |= is_cut;
    }
    memory.write_u32(ro_datalen, received.total)?;
    memory.write(ro_flags, &u16::from(truncated).to_le_bytes())
}

/// Bytes received: in all calls of the host, and in the last one.
struct Received {
    total: u32,
    last: u32,
}

/// Receives once; also whether a datagram was cut off.
fn receive(
    socket: &Descriptor,
    buffers: &GuestBuffers<'_>,
    host_flags: i32,
) -> Result<(Received, bool), Errno> {
    let mut message = message_for(buffers);
    // SAFETY: the message names checked guest memory, which only the kernel writes during the call.
    let count = transfer(socket, PollFlags::IN, |file| unsafe {
        libc::recvmsg(file, &mut message, host_flags | libc::MSG_CMSG_CLOEXEC)
    })?;
    let is_cut = message.msg_flags & libc::MSG_TRUNC != 0;
    Ok((Received { total: count, last: count }, is_cut))
}

/// witx `sock_send(fd: fd, si_data: ciovec_array, si_flags: siflags) -> so_datalen: size`.
///
/// Sends the buffers; writes the number of bytes. `BADF`: not open, or not for writing. `NOTSOCK`: not a
/// socket. `INVAL`: a flag, for there are none. `PIPE`: the other end is closed. `AGAIN`: `NONBLOCK`, and
/// no room. `FAULT`: a pointer is out of bounds; nothing was sent.
pub fn sock_send(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    si_data: GuestPtr,
    si_data_len: u32,
    si_flags: u32,
    so_datalen: GuestPtr,
) -> Result<(), Errno> {
    let socket = socket(context, fd, Rights::FD_WRITE)?;
    if si_flags != 0 {
        return Err(Errno::Inval);
    }
    memory.check(so_datalen, 4)?;
    let buffers = memory.buffers(si_data, si_data_len)?;
    let message = message_for(&buffers);
    // A standard stream's socket may be one that waits; whether the guest does, `transfer` decides.
    let host_flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    // SAFETY: the message names checked guest memory, which the kernel only reads.
    let count =
        transfer(&socket, PollFlags::OUT, |file| unsafe { libc::sendmsg(file, &message, host_flags) })?;
    memory.write_u32(so_datalen, count)
}

/// witx `sock_shutdown(fd: fd, how: sdflags)`.
///
/// Ends receiving (1), sending (2) or both (3). `BADF`: not open. `NOTSOCK`: not a socket. `NOTCAPABLE`:
/// no right to. `INVAL`: no or unknown flags. `NOTCONN`: not connected.
pub fn sock_shutdown(context: &Context, _memory: GuestMemory<'_>, fd: Fd, how: u32) -> Result<(), Errno> {
    let socket = socket(context, fd, Rights::SOCK_SHUTDOWN)?;
    let how = match how {
        1 => Shutdown::Read,
        2 => Shutdown::Write,
        3 => Shutdown::Both,
        _ => return Err(Errno::Inval),
    };
    Ok(shutdown(socket.host()?, how)?)
}

/// The descriptor: `BADF` if it is not open, `NOTSOCK` if it is no socket, then as for a file.
fn socket(context: &Context, fd: Fd, right: Rights) -> Result<Arc<Descriptor>, Errno> {
    if !context.fds.get(fd)?.is_socket() {
        return Err(Errno::NotSock);
    }
    context.fds.file(fd, right)
}

/// A message of these buffers and nothing else.
fn message_for(buffers: &GuestBuffers<'_>) -> libc::msghdr {
    // SAFETY: all fields are integers and pointers, for which zero means "none".
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = buffers.as_ptr().cast_mut();
    message.msg_iovlen = buffers.count() as _;
    message
}
