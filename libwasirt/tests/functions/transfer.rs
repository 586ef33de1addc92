//! `fd_read`, `fd_write`, `fd_pread`, `fd_pwrite`, `fd_seek`, `fd_tell` on files and pipes.

use std::io::Write;
use std::os::fd::OwnedFd;

use libwasirt::descriptor::{Descriptor, File};
use libwasirt::errno::Errno;
use libwasirt::functions::*;
use libwasirt::types::*;

use crate::guest::*;

fn pread(guest: &mut Guest, fd: Fd, len: u32, offset: u64) -> Result<Vec<u8>, Errno> {
    let (iovs, count) = guest.put_iovecs(&[(DATA, len)]);
    guest.run(&[(OUT, 4), (DATA, len)], |c, m| fd_pread(c, m, fd, iovs, count, offset, OUT))?;
    Ok(guest.bytes(DATA, guest.u32_at(OUT)).to_vec())
}

fn pwrite(guest: &mut Guest, fd: Fd, bytes: &[u8], offset: u64) -> Result<u32, Errno> {
    let len = guest.put(DATA, bytes);
    let (iovs, count) = guest.put_iovecs(&[(DATA, len)]);
    guest.run(&[(OUT, 4)], |c, m| fd_pwrite(c, m, fd, iovs, count, offset, OUT))?;
    Ok(guest.u32_at(OUT))
}

fn seek(guest: &mut Guest, fd: Fd, offset: i64, whence: u32) -> Result<u64, Errno> {
    guest.run(&[(OUT, 8)], |c, m| fd_seek(c, m, fd, offset as u64, whence, OUT))?;
    Ok(guest.u64_at(OUT))
}

fn tell(guest: &mut Guest, fd: Fd) -> Result<u64, Errno> {
    guest.run(&[(OUT, 8)], |c, m| fd_tell(c, m, fd, OUT))?;
    Ok(guest.u64_at(OUT))
}

/// A descriptor for one end of a pipe.
fn add_pipe_end(guest: &mut Guest, end: impl Into<OwnedFd>, rights: Rights) -> Fd {
    let rights = Rights(rights.0 | Rights::FD_FDSTAT_SET_FLAGS.0 | Rights::POLL_FD_READWRITE.0);
    let descriptor = Descriptor::new(File::Owned(end.into()), FileType::Unknown, rights);
    guest.context.fds.insert(descriptor).unwrap()
}

#[test]
fn what_is_written_is_read_back_at_the_position() {
    let mut guest = Guest::new();
    let fd = guest.open("file", OPEN_CREATE, READ_WRITE).unwrap();
    assert_eq!(guest.write(fd, b"hello world"), Ok(11));
    assert_eq!(tell(&mut guest, fd), Ok(11));
    assert_eq!(guest.read(fd, 5), Ok(vec![]));
    assert_eq!(seek(&mut guest, fd, -5, 1), Ok(6));
    assert_eq!(guest.read(fd, 100), Ok(b"world".to_vec()));
    assert_eq!(seek(&mut guest, fd, 1, 0), Ok(1));
    assert_eq!(seek(&mut guest, fd, -1, 2), Ok(10));
    assert_eq!(seek(&mut guest, fd, 5, 2), Ok(16));
}

#[test]
fn buffers_are_used_in_order_and_empty_ones_do_not_matter() {
    let mut guest = Guest::new();
    let fd = guest.open("file", OPEN_CREATE, READ_WRITE).unwrap();
    guest.put(DATA, b"abcdef");
    let at = |offset| GuestPtr(DATA.0 + offset);
    // An empty buffer may even stand at the end of memory.
    let (iovs, count) = guest.put_iovecs(&[(at(4), 2), (GuestPtr(MEMORY_SIZE), 0), (at(0), 3), (at(0), 3)]);
    guest.run(&[(OUT, 4)], |c, m| fd_write(c, m, fd, iovs, count, OUT)).unwrap();
    assert_eq!(guest.u32_at(OUT), 8);
    assert_eq!(std::fs::read(guest.host("file")).unwrap(), b"efabcabc");
    let (iovs, count) = guest.put_iovecs(&[(at(100), 3), (at(200), 0), (at(300), 100)]);
    seek(&mut guest, fd, 0, 0).unwrap();
    guest.run(&[(OUT, 4), (at(100), 3), (at(300), 5)], |c, m| fd_read(c, m, fd, iovs, count, OUT)).unwrap();
    assert_eq!((guest.bytes(at(100), 3), guest.bytes(at(300), 5)), (&b"efa"[..], &b"bcabc"[..]));
}

#[test]
fn overlapping_buffers_are_the_guests_own_affair() {
    let mut guest = Guest::new();
    guest.write_host_file("file", "12345678");
    let fd = guest.open("file", 0, READ).unwrap();
    let (iovs, count) = guest.put_iovecs(&[(DATA, 4), (GuestPtr(DATA.0 + 2), 4)]);
    guest.run(&[(OUT, 4), (DATA, 6)], |c, m| fd_read(c, m, fd, iovs, count, OUT)).unwrap();
    assert_eq!((guest.u32_at(OUT), guest.bytes(DATA, 6)), (8, &b"125678"[..]));
}

#[test]
fn no_buffers_transfer_nothing() {
    let mut guest = Guest::new();
    let fd = guest.open("file", OPEN_CREATE, READ_WRITE).unwrap();
    guest.run(&[(OUT, 4)], |c, m| fd_write(c, m, fd, OUT2, 0, OUT)).unwrap();
    assert_eq!(guest.u32_at(OUT), 0);
    guest.run(&[(OUT, 4)], |c, m| fd_read(c, m, fd, OUT2, 0, OUT)).unwrap();
    assert_eq!(guest.u32_at(OUT), 0);
}

#[test]
fn of_more_than_1024_buffers_the_first_are_served() {
    let mut guest = Guest::new();
    let fd = guest.open("file", OPEN_CREATE, READ_WRITE).unwrap();
    let array = GuestPtr(32_768);
    for index in 0..2000 {
        let iovec = [DATA.0.to_le_bytes(), 1u32.to_le_bytes()].concat();
        guest.put(GuestPtr(array.0 + index * 8), &iovec);
    }
    guest.run(&[(OUT, 4)], |c, m| fd_write(c, m, fd, array, 2000, OUT)).unwrap();
    assert_eq!(guest.u32_at(OUT), 1024);
    for count in [4097, u32::MAX / 8, u32::MAX] {
        assert_eq!(guest.run(&[], |c, m| fd_write(c, m, fd, array, count, OUT)), Err(Errno::Fault));
    }
    assert_eq!(std::fs::metadata(guest.host("file")).unwrap().len(), 1024);
}

#[test]
fn nothing_is_consumed_when_the_result_cannot_be_stored() {
    let mut guest = Guest::new();
    guest.write_host_file("file", "text");
    let fd = guest.open("file", 0, READ_WRITE).unwrap();
    let (iovs, count) = guest.put_iovecs(&[(DATA, 4)]);
    let bad = GuestPtr(MEMORY_SIZE - 3);
    assert_eq!(guest.run(&[], |c, m| fd_read(c, m, fd, iovs, count, bad)), Err(Errno::Fault));
    assert_eq!(guest.run(&[], |c, m| fd_write(c, m, fd, iovs, count, bad)), Err(Errno::Fault));
    assert_eq!(guest.run(&[], |c, m| fd_pwrite(c, m, fd, iovs, count, 0, bad)), Err(Errno::Fault));
    assert_eq!(guest.run(&[], |c, m| fd_seek(c, m, fd, 1, 0, GuestPtr(MEMORY_SIZE - 7))), Err(Errno::Fault));
    let (iovs, count) = guest.put_iovecs(&[(DATA, 2), (bad, 4)]);
    assert_eq!(guest.run(&[], |c, m| fd_read(c, m, fd, iovs, count, OUT)), Err(Errno::Fault));
    assert_eq!(tell(&mut guest, fd), Ok(0));
    assert_eq!(std::fs::read(guest.host("file")).unwrap(), b"text");
}

#[test]
fn pread_and_pwrite_leave_the_position() {
    let mut guest = Guest::new();
    guest.write_host_file("file", "0123456789");
    let fd = guest.open("file", 0, READ_WRITE).unwrap();
    assert_eq!(guest.read(fd, 2), Ok(b"01".to_vec()));
    assert_eq!(pread(&mut guest, fd, 3, 7), Ok(b"789".to_vec()));
    assert_eq!(pread(&mut guest, fd, 3, 9), Ok(b"9".to_vec()));
    assert_eq!(pread(&mut guest, fd, 3, 1000), Ok(vec![]));
    assert_eq!(pwrite(&mut guest, fd, b"xy", 4), Ok(2));
    assert_eq!(tell(&mut guest, fd), Ok(2));
    assert_eq!(guest.read(fd, 100), Ok(b"23xy6789".to_vec()));
    assert_eq!(pread(&mut guest, fd, 1, 1 << 63), Err(Errno::Inval));
    assert_eq!(pwrite(&mut guest, fd, b"x", u64::MAX), Err(Errno::Inval));
}

#[test]
fn append_goes_to_the_end_but_pwrite_to_its_offset() {
    let mut guest = Guest::new();
    guest.write_host_file("file", "start");
    let fd = guest.open_at(DIR, 0, "file", 0, READ_WRITE, FdFlags::APPEND.0.into()).unwrap();
    assert_eq!(guest.write(fd, b"-end"), Ok(4));
    assert_eq!(pwrite(&mut guest, fd, b"S", 0), Ok(1));
    assert_eq!(guest.write(fd, b"!"), Ok(1));
    assert_eq!(std::fs::read(guest.host("file")).unwrap(), b"Start-end!");
}

#[test]
fn directions_that_were_not_opened_are_badf() {
    let mut guest = Guest::new();
    guest.write_host_file("file", "text");
    let reader = guest.open("file", 0, READ).unwrap();
    let writer = guest.open("file", 0, Rights::FD_WRITE.0).unwrap();
    assert_eq!(guest.write(reader, b"x"), Err(Errno::BadF));
    assert_eq!(pwrite(&mut guest, reader, b"x", 0), Err(Errno::BadF));
    assert_eq!(guest.read(writer, 1), Err(Errno::BadF));
    assert_eq!(pread(&mut guest, writer, 1, 0), Err(Errno::BadF));
    for unopened in [Fd(2), Fd(99), Fd(u32::MAX)] {
        assert_eq!(guest.read(unopened, 1), Err(Errno::BadF));
        assert_eq!(guest.write(unopened, b"x"), Err(Errno::BadF));
    }
}

#[test]
fn directories_are_no_files() {
    let mut guest = Guest::new();
    assert_eq!(guest.read(DIR, 1), Err(Errno::BadF));
    assert_eq!(guest.write(DIR, b"x"), Err(Errno::BadF));
    assert_eq!(pread(&mut guest, DIR, 1, 0), Err(Errno::BadF));
    assert_eq!(seek(&mut guest, DIR, 0, 0), Err(Errno::BadF));
    assert_eq!(tell(&mut guest, DIR), Err(Errno::BadF));
}

#[test]
fn seek_refuses_unknown_whence_and_negative_results() {
    let mut guest = Guest::new();
    let fd = guest.open("file", OPEN_CREATE, READ_WRITE).unwrap();
    assert_eq!(seek(&mut guest, fd, 0, 3), Err(Errno::Inval));
    assert_eq!(seek(&mut guest, fd, -1, 0), Err(Errno::Inval));
    assert_eq!(seek(&mut guest, fd, -1, 1), Err(Errno::Inval));
    assert_eq!(seek(&mut guest, fd, i64::MIN, 2), Err(Errno::Inval));
}

#[test]
fn without_the_right_to_seek_one_may_still_tell() {
    let mut guest = Guest::new();
    let fd = guest.open("file", OPEN_CREATE, READ_WRITE).unwrap();
    let rights = Rights::FD_READ.0 | Rights::FD_TELL.0;
    guest.run(&[], |c, m| fd_fdstat_set_rights(c, m, fd, rights, 0)).unwrap();
    assert_eq!(tell(&mut guest, fd), Ok(0));
    assert_eq!(seek(&mut guest, fd, 0, 1), Ok(0));
    assert_eq!(seek(&mut guest, fd, 0, 0), Err(Errno::NotCapable));
    assert_eq!(pread(&mut guest, fd, 1, 0), Err(Errno::NotCapable));
}

#[test]
fn a_pipe_has_no_position() {
    let mut guest = Guest::new();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let fd = add_pipe_end(&mut guest, reader, Rights::FD_READ);
    writer.write_all(b"data").unwrap();
    assert_eq!(seek(&mut guest, fd, 0, 1), Err(Errno::SPipe));
    assert_eq!(tell(&mut guest, fd), Err(Errno::SPipe));
    assert_eq!(pread(&mut guest, fd, 1, 0), Err(Errno::SPipe));
    assert_eq!(guest.read(fd, 100), Ok(b"data".to_vec()));
    drop(writer);
    assert_eq!(guest.read(fd, 100), Ok(vec![]));
}

#[test]
fn nonblocking_is_the_guests_flag_and_not_the_hosts() {
    let mut guest = Guest::new();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let fd = add_pipe_end(&mut guest, reader, Rights::FD_READ);
    let nonblock = FdFlags::NONBLOCK.0.into();
    guest.run(&[], |c, m| fd_fdstat_set_flags(c, m, fd, nonblock)).unwrap();
    assert_eq!(guest.read(fd, 1), Err(Errno::Again));
    writer.write_all(b"x").unwrap();
    assert_eq!(guest.read(fd, 1), Ok(b"x".to_vec()));
    // The host's flag is set behind the guest's back: a guest that waits must still wait.
    guest.run(&[], |c, m| fd_fdstat_set_flags(c, m, fd, 0)).unwrap();
    rustix::io::ioctl_fionbio(guest.context.fds.get(fd).unwrap().host().unwrap(), true).unwrap();
    let late = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        writer.write_all(b"late").unwrap();
    });
    assert_eq!(guest.read(fd, 10), Ok(b"late".to_vec()));
    late.join().unwrap();
}

#[test]
fn a_pipe_that_nobody_reads_is_epipe() {
    // Rust's test harness ignores SIGPIPE, as w2n_wasi_init does.
    let mut guest = Guest::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let fd = add_pipe_end(&mut guest, writer, Rights::FD_WRITE);
    assert_eq!(guest.write(fd, b"x"), Err(Errno::Pipe));
}

#[test]
fn a_full_device_is_nospc() {
    let mut guest = Guest::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let fd = add_pipe_end(&mut guest, full, Rights::FD_WRITE);
    assert_eq!(guest.write(fd, b"x"), Err(Errno::NoSpc));
}
