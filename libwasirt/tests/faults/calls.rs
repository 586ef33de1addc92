//! One system call fails, and the function that makes it says so.

use std::os::fd::{AsFd, OwnedFd};

use libwasirt::descriptor::Descriptor;
use libwasirt::errno::Errno;
use libwasirt::functions::*;
use libwasirt::types::*;
use rustix::pipe::PipeFlags;

use crate::failing_call::with_failing_call;
use crate::guest::*;
use crate::{my_turn, open_descriptors};

/// A function of the guest, on the guest of [`prepare`].
type Call = fn(&mut Guest) -> Result<(), Errno>;

/// The file and the socket of [`prepare`].
const FILE: Fd = Fd(0);
const SOCKET: Fd = Fd(1);

fn prepare() -> (Guest, std::os::unix::net::UnixStream) {
    use std::io::Write;
    let mut guest = Guest::new();
    guest.write_host_file("file", "some text");
    guest.make_host_dir("empty");
    guest.link_host("file", "link");
    assert_eq!(guest.open("file", 0, READ_WRITE), Ok(FILE));
    let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().expect("a pair of sockets");
    theirs.write_all(b"12345678").expect("writing to a socket");
    assert_eq!(guest.insert_socket(ours.into()), SOCKET);
    (guest, theirs)
}

fn open(guest: &mut Guest) -> Result<(), Errno> {
    guest.open("file", 0, READ).map(drop)
}

fn write(guest: &mut Guest) -> Result<(), Errno> {
    guest.write(FILE, b"new").map(drop)
}

fn pwrite(guest: &mut Guest) -> Result<(), Errno> {
    let (iovs, count) = guest.put_iovecs(&[(DATA, 3)]);
    guest.run(&[(OUT, 4)], |c, m| fd_pwrite(c, m, FILE, iovs, count, 0, OUT))
}

fn pread(guest: &mut Guest) -> Result<(), Errno> {
    let (iovs, count) = guest.put_iovecs(&[(DATA, 3)]);
    guest.run(&[(OUT, 4), (DATA, 3)], |c, m| fd_pread(c, m, FILE, iovs, count, 0, OUT))
}

fn readdir(guest: &mut Guest) -> Result<(), Errno> {
    guest.run(&[(OUT, 4), (DATA, 100)], |c, m| fd_readdir(c, m, DIR, DATA, 100, 0, OUT))
}

fn set_times(guest: &mut Guest) -> Result<(), Errno> {
    guest.with_path("file", &[], |c, m, path, len| path_filestat_set_times(c, m, DIR, 0, path, len, 1, 2, 5))
}

fn receive(guest: &mut Guest) -> Result<(), Errno> {
    let (iovs, count) = guest.put_iovecs(&[(DATA, 3)]);
    let places = [(OUT, 4), (OUT2, 2), (DATA, 3)];
    guest.run(&places, |c, m| sock_recv(c, m, SOCKET, iovs, count, 0, OUT, OUT2))
}

fn send(guest: &mut Guest) -> Result<(), Errno> {
    let (iovs, count) = guest.put_iovecs(&[(DATA, 3)]);
    guest.run(&[(OUT, 4)], |c, m| sock_send(c, m, SOCKET, iovs, count, 0, OUT))
}

/// Which call fails how, in which function, and what the guest is told.
const FAULTS: &[(i64, i32, &str, Call, Errno)] = &[
    (libc::SYS_openat2, libc::EMFILE, "path_open", open, Errno::MFile),
    (libc::SYS_openat2, libc::ENFILE, "path_open", open, Errno::NFile),
    (libc::SYS_openat2, libc::EIO, "path_open", open, Errno::Io),
    (libc::SYS_openat2, libc::EINTR, "path_open", open, Errno::Intr),
    (libc::SYS_openat2, libc::EAGAIN, "path_open", open, Errno::Again),
    (libc::SYS_openat2, libc::ENOMEM, "path_open", open, Errno::NoMem),
    (libc::SYS_fstat, libc::EIO, "path_open", open, Errno::Io),
    (libc::SYS_write, libc::ENOSPC, "fd_write", write, Errno::NoSpc),
    (libc::SYS_write, libc::EDQUOT, "fd_write", write, Errno::Dquot),
    (libc::SYS_write, libc::EIO, "fd_write", write, Errno::Io),
    (libc::SYS_write, libc::EFBIG, "fd_write", write, Errno::FBig),
    (libc::SYS_pwritev, libc::ENOSPC, "fd_pwrite", pwrite, Errno::NoSpc),
    (libc::SYS_read, libc::EIO, "fd_read", |guest| guest.read(FILE, 3).map(drop), Errno::Io),
    (libc::SYS_preadv, libc::EIO, "fd_pread", pread, Errno::Io),
    (
        libc::SYS_lseek,
        libc::EIO,
        "fd_tell",
        |guest| guest.run(&[(OUT, 8)], |c, m| fd_tell(c, m, FILE, OUT)),
        Errno::Io,
    ),
    (libc::SYS_getdents64, libc::EIO, "fd_readdir", readdir, Errno::Io),
    (libc::SYS_getdents64, libc::ENOMEM, "fd_readdir", readdir, Errno::NoMem),
    (libc::SYS_lseek, libc::EIO, "fd_readdir", readdir, Errno::Io),
    (
        libc::SYS_ftruncate,
        libc::ENOSPC,
        "fd_filestat_set_size",
        |guest| guest.run(&[], |c, m| fd_filestat_set_size(c, m, FILE, 9)),
        Errno::NoSpc,
    ),
    (
        libc::SYS_fallocate,
        libc::ENOSPC,
        "fd_allocate",
        |guest| guest.run(&[], |c, m| fd_allocate(c, m, FILE, 0, 99)),
        Errno::NoSpc,
    ),
    (
        libc::SYS_fallocate,
        libc::EOPNOTSUPP,
        "fd_allocate",
        |guest| guest.run(&[], |c, m| fd_allocate(c, m, FILE, 0, 99)),
        Errno::NotSup,
    ),
    (libc::SYS_fsync, libc::EIO, "fd_sync", |guest| guest.run(&[], |c, m| fd_sync(c, m, FILE)), Errno::Io),
    (
        libc::SYS_fdatasync,
        libc::EIO,
        "fd_datasync",
        |guest| guest.run(&[], |c, m| fd_datasync(c, m, FILE)),
        Errno::Io,
    ),
    (libc::SYS_utimensat, libc::EACCES, "path_filestat_set_times", set_times, Errno::Access),
    (
        libc::SYS_mkdirat,
        libc::ENOSPC,
        "path_create_directory",
        |guest| guest.with_path("new", &[], |c, m, path, len| path_create_directory(c, m, DIR, path, len)),
        Errno::NoSpc,
    ),
    (
        libc::SYS_unlinkat,
        libc::EBUSY,
        "path_remove_directory",
        |guest| guest.with_path("empty", &[], |c, m, path, len| path_remove_directory(c, m, DIR, path, len)),
        Errno::Busy,
    ),
    (
        libc::SYS_unlinkat,
        libc::EACCES,
        "path_unlink_file",
        |guest| guest.with_path("file", &[], |c, m, path, len| path_unlink_file(c, m, DIR, path, len)),
        Errno::Access,
    ),
    (
        libc::SYS_renameat,
        libc::EXDEV,
        "path_rename",
        |guest| {
            guest
                .with_paths("file", "new", |c, m, old, a, new, b| path_rename(c, m, DIR, old, a, DIR, new, b))
        },
        Errno::XDev,
    ),
    (
        libc::SYS_linkat,
        libc::EMLINK,
        "path_link",
        |guest| {
            guest.with_paths("file", "new", |c, m, old, a, new, b| {
                path_link(c, m, DIR, 0, old, a, DIR, new, b)
            })
        },
        Errno::MLink,
    ),
    (
        libc::SYS_symlinkat,
        libc::ENOSPC,
        "path_symlink",
        |guest| {
            guest.with_paths("file", "new", |c, m, old, a, new, b| path_symlink(c, m, old, a, DIR, new, b))
        },
        Errno::NoSpc,
    ),
    (
        libc::SYS_readlinkat,
        libc::EIO,
        "path_readlink",
        |guest| {
            guest.with_path("link", &[(DATA, 4), (OUT, 4)], |c, m, path, len| {
                path_readlink(c, m, DIR, path, len, DATA, 9, OUT)
            })
        },
        Errno::Io,
    ),
    (
        libc::SYS_getrandom,
        libc::EIO,
        "random_get",
        |guest| guest.run(&[(DATA, 9)], |c, m| random_get(c, m, DATA, 9)),
        Errno::Io,
    ),
    (libc::SYS_recvmsg, libc::ECONNRESET, "sock_recv", receive, Errno::ConnReset),
    (libc::SYS_sendmsg, libc::EPIPE, "sock_send", send, Errno::Pipe),
    (libc::SYS_sendmsg, libc::ENOBUFS, "sock_send", send, Errno::NoBufs),
    (
        libc::SYS_shutdown,
        libc::ENOTCONN,
        "sock_shutdown",
        |guest| guest.run(&[], |c, m| sock_shutdown(c, m, SOCKET, 3)),
        Errno::NotConn,
    ),
    // An error that WASI has no number for.
    (libc::SYS_write, libc::EUCLEAN, "fd_write", write, Errno::Io),
];

#[test]
fn every_fault_has_its_errno_and_leaves_nothing_behind() {
    let _turn = my_turn();
    for &(number, host_errno, name, call, errno) in FAULTS {
        let (mut guest, _keep) = prepare();
        assert_eq!(call(&mut guest), Ok(()), "{name} works while the host does");
        drop((guest, _keep));
        let before = open_descriptors();
        let dir = with_failing_call(number, host_errno, prepare, |(mut guest, _keep)| {
            let numbers = guest.context.fds.len();
            assert_eq!(call(&mut guest), Err(errno), "{name} when call {number} answers {host_errno}");
            assert_eq!(guest.context.fds.len(), numbers, "{name} left a number in use");
            guest.dir.path().to_owned()
        });
        assert_eq!(open_descriptors(), before, "{name} left a descriptor open");
        // Where it was removing that failed, the guest could not do it.
        let _ = std::fs::remove_dir_all(dir);
    }
}

/// When the number of a new descriptor cannot be found out, the connection that was taken is closed again.
#[test]
fn a_connection_that_cannot_be_looked_at_is_closed() {
    let _turn = my_turn();
    let before = open_descriptors();
    let prepare = || {
        let mut guest = Guest::new();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listening socket");
        let waiting =
            std::net::TcpStream::connect(listener.local_addr().expect("it has one")).expect("a connection");
        let fd = guest.insert_socket(listener.into());
        (guest, waiting, fd)
    };
    with_failing_call(libc::SYS_fstat, libc::EIO, prepare, |(mut guest, _waiting, fd)| {
        assert_eq!(guest.run(&[], |c, m| sock_accept(c, m, fd, 0, OUT)), Err(Errno::Io));
    });
    assert_eq!(open_descriptors(), before);
}

/// A pipe takes part of what is written, and gives part of what is asked for: both are said.
#[test]
fn short_transfers_are_reported_as_such() {
    let _turn = my_turn();
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::NONBLOCK).expect("a pipe");
    rustix::pipe::fcntl_setpipe_size(&writer, 4096).expect("the smallest size");
    let mut guest = Guest::new();
    let (reader, writer) = (guest.insert_stream(reader), guest.insert_stream(writer));
    guest.run(&[], |c, m| fd_fdstat_set_flags(c, m, writer, FdFlags::NONBLOCK.0.into())).expect("it may");
    assert_eq!(guest.write(writer, &[7; 20_000]), Ok(4096), "what the pipe holds");
    assert_eq!(guest.write(writer, &[7; 20_000]), Err(Errno::Again), "the pipe is full");
    assert_eq!(guest.read(reader, 20_000).map(|bytes| bytes.len()), Ok(4096), "what the pipe held");
    guest.run(&[], |c, m| fd_fdstat_set_flags(c, m, reader, FdFlags::NONBLOCK.0.into())).expect("it may");
    assert_eq!(guest.read(reader, 1), Err(Errno::Again), "the pipe is empty");
}

/// A standard stream waits on the host, but not a guest that said NONBLOCK.
#[test]
fn a_blocking_standard_stream_does_not_block_a_guest_that_said_so() {
    let _turn = my_turn();
    let (reader, writer) = rustix::pipe::pipe().expect("a pipe");
    let writer: &'static OwnedFd = Box::leak(Box::new(writer));
    let mut guest = Guest::new();
    let stdout = Descriptor::stdio(writer.as_fd(), Rights::FD_WRITE).expect("it is open");
    let fd = guest.context.fds.insert(stdout).expect("there is a number");
    guest.run(&[], |c, m| fd_fdstat_set_flags(c, m, fd, FdFlags::NONBLOCK.0.into())).expect("it may");
    let mut written = 0;
    let error = loop {
        match guest.write(fd, &[7; 20_000]) {
            Ok(count) => written += count,
            Err(error) => break error,
        }
    };
    assert_eq!((error, written), (Errno::Again, 65_536), "until the pipe was full");
    drop(reader);
    assert_eq!(guest.write(fd, b"x"), Err(Errno::Pipe), "nobody reads");
}

/// A signal that comes while a call waits does not end it.
#[test]
fn an_interrupted_call_goes_on_waiting() {
    extern "C" fn nothing(_: i32) {}
    let _turn = my_turn();
    // SAFETY: the handler does nothing; without SA_RESTART a waiting call is interrupted by it.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as *const () as usize;
        libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut());
    }
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::NONBLOCK).expect("a pipe");
    let mut guest = Guest::new();
    let fd = guest.insert_stream(reader);
    // SAFETY: names the calling thread.
    let waiting = unsafe { libc::pthread_self() } as usize;
    let interrupter = std::thread::spawn(move || {
        for _ in 0..5 {
            std::thread::sleep(std::time::Duration::from_millis(10));
            // SAFETY: the thread waits in the test until this one has ended.
            unsafe { libc::pthread_kill(waiting as libc::pthread_t, libc::SIGUSR1) };
        }
        rustix::io::write(&writer, b"late").expect("somebody reads");
        writer
    });
    assert_eq!(guest.read(fd, 10), Ok(b"late".to_vec()));
    drop(interrupter.join());
}
