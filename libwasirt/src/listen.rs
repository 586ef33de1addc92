//! Sockets that a program is given to listen on: `--tcplisten ADDRESS:PORT`, `W2N_TCPLISTEN`.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen as listen_on, socket_with, sockopt};

use crate::report::host_message;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;

/// A socket that listens on `address`: numbers, or `localhost`, and a port. The error is a message for the
/// user.
pub(crate) fn listen(address: &[u8]) -> Result<OwnedFd, Vec<u8>> {
    let Some(parsed) = parse(address) else {
        return Err([b"--tcplisten: `", address, b"` is not of the form ADDRESS:PORT"].concat());
    };
    bound(parsed).map_err(|error| {
        let reason = host_message(error.raw_os_error());
        [b"cannot listen on `", address, b"`: ", reason.as_slice()].concat()
    })
}

fn parse(address: &[u8]) -> Option<SocketAddr> {
    let text = core::str::from_utf8(address).ok()?;
    match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port.parse().ok()?)),
        None => text.parse().ok(),
    }
}

fn bound(address: SocketAddr) -> rustix::io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &address)?;
    listen_on(&socket, BACKLOG)?;
    Ok(socket)
}
