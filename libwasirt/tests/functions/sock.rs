//! `sock_accept`, `sock_recv`, `sock_send`, `sock_shutdown`, on pairs of sockets and on loopback.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

use libwasirt::errno::Errno;
use libwasirt::functions::*;
use libwasirt::types::*;

use crate::guest::*;

const PEEK: u32 = 1;
const WAITALL: u32 = 2;

/// A guest with one end of a stream, which the host does not wait on, and the other end.
fn stream() -> (Guest, Fd, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let mut guest = Guest::new();
    let fd = guest.insert_socket(ours.into());
    (guest, fd, theirs)
}

fn recv(guest: &mut Guest, fd: Fd, len: u32, flags: u32) -> Result<(Vec<u8>, u16), Errno> {
    let (iovs, count) = guest.put_iovecs(&[(DATA, len / 2), (GuestPtr(DATA.0 + len / 2), len - len / 2)]);
    let places = [(OUT, 4), (OUT2, 2), (DATA, len)];
    guest.run(&places, |c, m| sock_recv(c, m, fd, iovs, count, flags, OUT, OUT2))?;
    Ok((guest.bytes(DATA, guest.u32_at(OUT)).to_vec(), guest.u16_at(OUT2)))
}

fn send(guest: &mut Guest, fd: Fd, bytes: &[u8], flags: u32) -> Result<u32, Errno> {
    let len = guest.put(DATA, bytes);
    let (iovs, count) = guest.put_iovecs(&[(DATA, len)]);
    guest.run(&[(OUT, 4)], |c, m| sock_send(c, m, fd, iovs, count, flags, OUT))?;
    Ok(guest.u32_at(OUT))
}

fn set_nonblocking(guest: &mut Guest, fd: Fd) {
    guest.run(&[], |c, m| fd_fdstat_set_flags(c, m, fd, FdFlags::NONBLOCK.0.into())).unwrap();
}

#[test]
fn what_is_sent_arrives_and_peeking_leaves_it() {
    let (mut guest, fd, mut theirs) = stream();
    assert_eq!(send(&mut guest, fd, b"hello", 0), Ok(5));
    let mut bytes = [0; 5];
    theirs.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"hello");
    theirs.write_all(b"answer").unwrap();
    assert_eq!(recv(&mut guest, fd, 3, PEEK), Ok((b"ans".to_vec(), 0)));
    assert_eq!(recv(&mut guest, fd, 100, 0), Ok((b"answer".to_vec(), 0)));
    // fd_read and fd_write do the same on a socket.
    assert_eq!(guest.write(fd, b"again"), Ok(5));
    theirs.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"again");
    theirs.write_all(b"more").unwrap();
    assert_eq!(guest.read(fd, 10), Ok(b"more".to_vec()));
    drop(theirs);
    assert_eq!(recv(&mut guest, fd, 10, 0), Ok((vec![], 0)), "the end");
    assert_eq!(send(&mut guest, fd, b"x", 0), Err(Errno::Pipe));
}

#[test]
fn waiting_for_all_waits_for_all() {
    let (mut guest, fd, mut theirs) = stream();
    let writer = std::thread::spawn(move || {
        for part in [b"abc", b"def", b"ghi"] {
            std::thread::sleep(Duration::from_millis(10));
            theirs.write_all(part).unwrap();
        }
        theirs
    });
    assert_eq!(recv(&mut guest, fd, 8, WAITALL), Ok((b"abcdefgh".to_vec(), 0)));
    let mut theirs = writer.join().unwrap();
    theirs.write_all(b"j").unwrap();
    drop(theirs);
    assert_eq!(recv(&mut guest, fd, 8, WAITALL), Ok((b"ij".to_vec(), 0)), "what there was before the end");
}

#[test]
fn a_guest_that_does_not_wait_is_told_to_come_again() {
    let (mut guest, fd, mut theirs) = stream();
    set_nonblocking(&mut guest, fd);
    assert_eq!(recv(&mut guest, fd, 8, 0), Err(Errno::Again));
    theirs.write_all(b"abc").unwrap();
    assert_eq!(recv(&mut guest, fd, 8, WAITALL), Ok((b"abc".to_vec(), 0)));
    let error = loop {
        if let Err(error) = send(&mut guest, fd, &[1; 10_000], 0) {
            break error;
        }
    };
    assert_eq!(error, Errno::Again, "the other end is full");
}

#[test]
fn a_datagram_that_is_cut_off_is_said_to_be() {
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    let mut guest = Guest::new();
    let fd = guest.insert_socket(ours.into());
    theirs.send(b"123456").unwrap();
    theirs.send(b"789").unwrap();
    assert_eq!(recv(&mut guest, fd, 4, 0), Ok((b"1234".to_vec(), 1)));
    assert_eq!(recv(&mut guest, fd, 4, 0), Ok((b"789".to_vec(), 0)));
}

#[test]
fn shutdown_ends_what_it_names() {
    let (mut guest, fd, mut theirs) = stream();
    for how in [0, 4, u32::MAX] {
        assert_eq!(guest.run(&[], |c, m| sock_shutdown(c, m, fd, how)), Err(Errno::Inval));
    }
    guest.run(&[], |c, m| sock_shutdown(c, m, fd, 2)).unwrap();
    let mut text = String::new();
    theirs.read_to_string(&mut text).unwrap();
    assert_eq!(send(&mut guest, fd, b"x", 0), Err(Errno::Pipe));
    theirs.write_all(b"still").unwrap();
    assert_eq!(recv(&mut guest, fd, 5, 0), Ok((b"still".to_vec(), 0)));
    guest.run(&[], |c, m| sock_shutdown(c, m, fd, 3)).unwrap();
    assert_eq!(recv(&mut guest, fd, 5, 0), Ok((vec![], 0)));
}

#[test]
fn flags_and_descriptors_are_checked() {
    let (mut guest, fd, _theirs) = stream();
    assert_eq!(recv(&mut guest, fd, 4, 4).map(drop), Err(Errno::Inval));
    assert_eq!(send(&mut guest, fd, b"x", 1), Err(Errno::Inval));
    let file = guest.open("file", OPEN_CREATE, READ_WRITE).unwrap();
    for (fd, error) in [(file, Errno::NotSock), (DIR, Errno::NotSock), (Fd(99), Errno::BadF)] {
        assert_eq!(recv(&mut guest, fd, 4, 0).map(drop), Err(error));
        assert_eq!(send(&mut guest, fd, b"x", 0), Err(error));
        assert_eq!(guest.run(&[], |c, m| sock_shutdown(c, m, fd, 1)), Err(error));
        assert_eq!(guest.run(&[], |c, m| sock_accept(c, m, fd, 0, OUT)), Err(error));
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let listening = guest.insert_socket(listener.into());
    assert_eq!(guest.run(&[], |c, m| sock_accept(c, m, listening, 1, OUT)), Err(Errno::Inval), "APPEND");
    assert_eq!(guest.run(&[], |c, m| sock_accept(c, m, fd, 0, OUT)), Err(Errno::Inval), "not listening");
    assert_eq!(recv(&mut guest, listening, 4, 0).map(drop), Err(Errno::NotConn));
}

#[test]
fn a_connection_is_taken_when_there_is_one() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut guest = Guest::new();
    let listening = guest.insert_socket(listener.into());
    set_nonblocking(&mut guest, listening);
    assert_eq!(guest.run(&[], |c, m| sock_accept(c, m, listening, 0, OUT)), Err(Errno::Again));
    let mut client = TcpStream::connect(address).unwrap();
    guest.run(&[(OUT, 4)], |c, m| sock_accept(c, m, listening, FdFlags::NONBLOCK.0.into(), OUT)).unwrap();
    let connection = Fd(guest.u32_at(OUT));
    assert_eq!(recv(&mut guest, connection, 4, 0).map(drop), Err(Errno::Again), "NONBLOCK was asked for");
    assert_eq!(send(&mut guest, connection, b"welcome", 0), Ok(7));
    let mut bytes = [0; 7];
    client.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"welcome");
    guest.run(&[(OUT, 24)], |c, m| fd_fdstat_get(c, m, connection, OUT)).unwrap();
    assert_eq!(guest.bytes(OUT, 1)[0], FileType::SocketStream as u8);
    let rights = Rights(guest.u64_at(GuestPtr(OUT.0 + 8)));
    assert!(!rights.intersects(Rights::SOCK_ACCEPT) && rights.contains(Rights::SOCK_SHUTDOWN));
}

/// A guest that waits gets the connection that comes later.
#[test]
fn accept_waits_for_a_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut guest = Guest::new();
    let listening = guest.insert_socket(listener.into());
    let client = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        TcpStream::connect(address).unwrap()
    });
    guest.run(&[(OUT, 4)], |c, m| sock_accept(c, m, listening, 0, OUT)).unwrap();
    drop(client.join());
}

#[test]
fn past_the_limit_of_descriptors_no_connection_is_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let _waiting = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut guest = Guest::new();
    let fd = guest.insert_socket(listener.into());
    let open_count = guest.context.fds.open_count();
    guest.context.fds.limit(open_count);
    assert_eq!(guest.run(&[], |c, m| sock_accept(c, m, fd, 0, OUT)), Err(Errno::MFile));
    guest.context.fds.limit(open_count + 1);
    assert_eq!(guest.run(&[(OUT, 4)], |c, m| sock_accept(c, m, fd, 0, OUT)), Ok(()), "it still waits");
}
