//! `fd_fdstat_*`: type, flags, rights, byte for byte.

use libwasirt::errno::Errno;
use libwasirt::functions::*;
use libwasirt::types::*;

use crate::guest::*;

/// Type, flags, rights, rights passed on.
fn fdstat(guest: &mut Guest, fd: Fd) -> (u8, u16, Rights, Rights) {
    guest.run(&[(OUT, 24)], |c, m| fd_fdstat_get(c, m, fd, OUT)).unwrap();
    let at = |offset| GuestPtr(OUT.0 + offset);
    let rights = (Rights(guest.u64_at(at(8))), Rights(guest.u64_at(at(16))));
    (guest.bytes(OUT, 1)[0], guest.u16_at(at(2)), rights.0, rights.1)
}

#[test]
fn a_file_has_the_rights_of_its_directions_and_passes_none_on() {
    let mut guest = Guest::new();
    guest.write_host_file("file", "");
    let fd = guest.open("file", 0, READ).unwrap();
    let (file_type, flags, rights, inheriting) = fdstat(&mut guest, fd);
    assert_eq!((file_type, flags, inheriting), (FileType::RegularFile as u8, 0, Rights::NONE));
    assert!(
        rights.contains(Rights(READ | Rights::FD_SEEK.0 | Rights::FD_TELL.0 | Rights::FD_FILESTAT_GET.0))
    );
    assert!(!rights.intersects(Rights::FD_WRITE));
    assert!(!rights.intersects(Rights::PATH_OPEN));
}

#[test]
fn a_directory_passes_all_on() {
    let mut guest = Guest::new();
    guest.make_host_dir("sub");
    let sub = guest.open("sub", OPEN_DIRECTORY, 0).unwrap();
    for fd in [DIR, sub] {
        let (file_type, _, rights, inheriting) = fdstat(&mut guest, fd);
        assert_eq!(file_type, FileType::Directory as u8);
        assert!(rights.contains(Rights(Rights::PATH_OPEN.0 | Rights::FD_READDIR.0)));
        assert!(!rights.intersects(Rights(Rights::FD_SEEK.0 | READ_WRITE)));
        assert!(inheriting.contains(Rights(READ_WRITE)));
    }
    let (_, _, rights, inheriting) = fdstat(&mut guest, READ_ONLY_DIR);
    assert!(!rights.intersects(Rights::MUTATING), "a read-only directory");
    assert!(inheriting.contains(Rights::FD_WRITE), "so that an open for writing can answer ROFS");
}

#[test]
fn flags_are_those_of_open_and_set_flags() {
    let mut guest = Guest::new();
    let append = FdFlags::APPEND.0;
    let nonblock = FdFlags::NONBLOCK.0;
    let all = 0b11111;
    let fd = guest.open_at(DIR, 0, "file", OPEN_CREATE, READ_WRITE, all).unwrap();
    // On Linux, RSYNC is SYNC.
    assert_eq!(fdstat(&mut guest, fd).1, append | nonblock | FdFlags::SYNC.0);
    let sync = FdFlags::SYNC.0;
    guest.run(&[], |c, m| fd_fdstat_set_flags(c, m, fd, sync.into())).unwrap();
    assert_eq!(fdstat(&mut guest, fd).1, sync);
    assert_eq!(guest.run(&[], |c, m| fd_fdstat_set_flags(c, m, fd, 0)), Err(Errno::NotSup));
    assert_eq!(guest.run(&[], |c, m| fd_fdstat_set_flags(c, m, fd, 32)), Err(Errno::Inval));
    assert_eq!(guest.run(&[], |c, m| fd_fdstat_set_flags(c, m, Fd(9), 0)), Err(Errno::BadF));
}

#[test]
fn set_append_changes_where_writes_go() {
    let mut guest = Guest::new();
    guest.write_host_file("file", "12345");
    let fd = guest.open("file", 0, READ_WRITE).unwrap();
    guest.run(&[], |c, m| fd_fdstat_set_flags(c, m, fd, FdFlags::APPEND.0.into())).unwrap();
    guest.write(fd, b"6").unwrap();
    guest.run(&[], |c, m| fd_fdstat_set_flags(c, m, fd, 0)).unwrap();
    guest.run(&[(OUT, 8)], |c, m| fd_seek(c, m, fd, 0, 0, OUT)).unwrap();
    guest.write(fd, b"x").unwrap();
    assert_eq!(std::fs::read(guest.host("file")).unwrap(), b"x23456");
}

#[test]
fn rights_given_up_do_not_come_back_and_are_not_passed_on() {
    let mut guest = Guest::new();
    guest.make_host_dir("sub");
    let sub = guest.open("sub", OPEN_DIRECTORY, 0).unwrap();
    let (_, _, base, inheriting) = fdstat(&mut guest, sub);
    let less = base.without(Rights::PATH_CREATE_FILE);
    let less_inheriting = inheriting.without(Rights::FD_WRITE);
    guest.run(&[], |c, m| fd_fdstat_set_rights(c, m, sub, less.0, less_inheriting.0)).unwrap();
    assert_eq!(guest.open_at(sub, 0, "new", OPEN_CREATE, READ, 0), Err(Errno::NotCapable));
    std::fs::write(guest.host("sub/old"), "").unwrap();
    assert_eq!(guest.open_at(sub, 0, "old", 0, READ_WRITE, 0), Err(Errno::NotCapable));
    guest.open_at(sub, 0, "old", 0, READ, 0).unwrap();
    let result = guest.run(&[], |c, m| fd_fdstat_set_rights(c, m, sub, base.0, less_inheriting.0));
    assert_eq!(result, Err(Errno::NotCapable));
    let result = guest.run(&[], |c, m| fd_fdstat_set_rights(c, m, sub, less.0, inheriting.0));
    assert_eq!(result, Err(Errno::NotCapable));
    guest.run(&[], |c, m| fd_fdstat_set_rights(c, m, sub, 0, 0)).unwrap();
    assert_eq!(guest.open_at(sub, 0, "old", 0, READ, 0), Err(Errno::NotCapable));
}

#[test]
fn truncation_needs_the_right_to_set_sizes() {
    let mut guest = Guest::new();
    guest.write_host_file("file", "text");
    let (_, _, base, inheriting) = fdstat(&mut guest, DIR);
    let less = base.without(Rights::PATH_FILESTAT_SET_SIZE);
    guest.run(&[], |c, m| fd_fdstat_set_rights(c, m, DIR, less.0, inheriting.0)).unwrap();
    assert_eq!(guest.open("file", OPEN_TRUNCATE, READ_WRITE), Err(Errno::NotCapable));
    assert_eq!(std::fs::read(guest.host("file")).unwrap(), b"text");
}

#[test]
fn dev_null_can_be_sought_in_so_it_is_no_terminal() {
    // wasi-libc's isatty: a character device without the rights to seek and to tell.
    let file = std::fs::File::open("/dev/null").unwrap();
    let file_type = libwasirt::descriptor::file_type_of(std::os::fd::AsFd::as_fd(&file)).unwrap();
    assert_eq!(file_type, FileType::CharacterDevice);
    let rights = libwasirt::descriptor::applicable_rights(file_type, std::os::fd::AsFd::as_fd(&file));
    assert!(rights.contains(Rights::FD_SEEK));
    let terminal = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR).unwrap();
    let rights = libwasirt::descriptor::applicable_rights(
        FileType::CharacterDevice,
        std::os::fd::AsFd::as_fd(&terminal),
    );
    assert!(!rights.intersects(Rights(Rights::FD_SEEK.0 | Rights::FD_TELL.0)));
}
