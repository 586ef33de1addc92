//! `fd_filestat_*`, `path_filestat_*`: attributes, byte for byte, and times.

use std::os::unix::fs::MetadataExt;

use libwasirt::errno::Errno;
use libwasirt::functions::*;
use libwasirt::types::*;

use crate::guest::*;

const ATIM: u32 = 1;
const ATIM_NOW: u32 = 2;
const MTIM: u32 = 4;
const MTIM_NOW: u32 = 8;

#[test]
fn filestat_has_every_field_at_its_place() {
    let mut guest = Guest::new();
    guest.write_host_file("file", "12345");
    std::fs::hard_link(guest.host("file"), guest.host("second")).unwrap();
    let fd = guest.open("file", 0, READ).unwrap();
    let host = std::fs::metadata(guest.host("file")).unwrap();
    let time = |seconds: i64, fraction: i64| seconds as u64 * 1_000_000_000 + fraction as u64;
    let expected = [
        host.dev(),
        host.ino(),
        FileType::RegularFile as u64,
        2,
        5,
        time(host.atime(), host.atime_nsec()),
        time(host.mtime(), host.mtime_nsec()),
        time(host.ctime(), host.ctime_nsec()),
    ];
    let fields = |guest: &Guest| (0..8).map(|at| guest.u64_at(GuestPtr(OUT.0 + at * 8))).collect::<Vec<_>>();
    guest.run(&[(OUT, 64)], |c, m| fd_filestat_get(c, m, fd, OUT)).unwrap();
    assert_eq!(fields(&guest), expected);
    guest.put(OUT, &[0xff; 64]);
    guest.stat(NO_FOLLOW, "file").unwrap();
    assert_eq!(fields(&guest), expected);
}

#[test]
fn a_link_is_itself_unless_followed() {
    for mut guest in [Guest::new(), Guest::walking()] {
        guest.write_host_file("file", "12345");
        guest.link_host("file", "link");
        guest.link_host("nothing", "dangling");
        let link = (FileType::SymbolicLink as u8, 4);
        assert_eq!(guest.stat(NO_FOLLOW, "link"), Ok(link));
        assert_eq!(guest.stat(LOOKUP_SYMLINK_FOLLOW, "link"), Ok((FileType::RegularFile as u8, 5)));
        assert_eq!(guest.stat(NO_FOLLOW, "dangling").map(|stat| stat.0), Ok(link.0));
        assert_eq!(guest.stat(LOOKUP_SYMLINK_FOLLOW, "dangling"), Err(Errno::NoEnt));
        assert_eq!(guest.stat(2, "file"), Err(Errno::Inval));
        assert_eq!(guest.stat(NO_FOLLOW, "file/"), Err(Errno::NotDir));
        assert_eq!(guest.stat(NO_FOLLOW, ".").map(|stat| stat.0), Ok(FileType::Directory as u8));
    }
}

#[test]
fn set_size_cuts_and_extends() {
    let mut guest = Guest::new();
    guest.write_host_file("file", "12345");
    let fd = guest.open("file", 0, READ_WRITE).unwrap();
    guest.run(&[], |c, m| fd_filestat_set_size(c, m, fd, 2)).unwrap();
    guest.run(&[], |c, m| fd_filestat_set_size(c, m, fd, 4)).unwrap();
    assert_eq!(std::fs::read(guest.host("file")).unwrap(), b"12\0\0");
    assert_eq!(guest.run(&[], |c, m| fd_filestat_set_size(c, m, fd, 1 << 63)), Err(Errno::Inval));
    assert_eq!(guest.run(&[], |c, m| fd_filestat_set_size(c, m, DIR, 0)), Err(Errno::BadF));
    let reader = guest.open("file", 0, READ).unwrap();
    assert_eq!(guest.run(&[], |c, m| fd_filestat_set_size(c, m, reader, 0)), Err(Errno::Inval));
    let reader = guest.open_at(READ_ONLY_DIR, 0, "file", 0, READ, 0).unwrap();
    assert_eq!(guest.run(&[], |c, m| fd_filestat_set_size(c, m, reader, 0)), Err(Errno::RoFs));
    assert_eq!(std::fs::read(guest.host("file")).unwrap(), b"12\0\0");
}

#[test]
fn times_are_set_to_the_nanosecond_and_only_those_named() {
    let mut guest = Guest::new();
    let fd = guest.open("file", OPEN_CREATE, READ_WRITE).unwrap();
    let times = |guest: &Guest| {
        let host = std::fs::symlink_metadata(guest.host("file")).unwrap();
        (
            host.atime() as i128 * 1_000_000_000 + host.atime_nsec() as i128,
            host.mtime() as i128 * 1_000_000_000 + host.mtime_nsec() as i128,
        )
    };
    guest
        .run(&[], |c, m| fd_filestat_set_times(c, m, fd, 1_000_000_007, 2_000_000_009, ATIM | MTIM))
        .unwrap();
    assert_eq!(times(&guest), (1_000_000_007, 2_000_000_009));
    guest.run(&[], |c, m| fd_filestat_set_times(c, m, fd, 5, 6, 0)).unwrap();
    assert_eq!(times(&guest), (1_000_000_007, 2_000_000_009));
    guest.run(&[], |c, m| fd_filestat_set_times(c, m, fd, 5, 3, MTIM)).unwrap();
    assert_eq!(times(&guest), (1_000_000_007, 3));
    guest.run(&[], |c, m| fd_filestat_set_times(c, m, fd, 5, 6, ATIM_NOW | MTIM_NOW)).unwrap();
    assert!(times(&guest).0 > 1_700_000_000 * 1_000_000_000);
    for flags in [ATIM | ATIM_NOW, MTIM | MTIM_NOW, 16, u32::MAX] {
        assert_eq!(guest.run(&[], |c, m| fd_filestat_set_times(c, m, fd, 0, 0, flags)), Err(Errno::Inval));
    }
}

#[test]
fn path_times_are_the_links_own_unless_followed() {
    for mut guest in [Guest::new(), Guest::walking()] {
        guest.write_host_file("file", "");
        guest.link_host("file", "link");
        let mut set = |flags, time| {
            guest.with_path("link", &[], |c, m, path, len| {
                path_filestat_set_times(c, m, DIR, flags, path, len, 0, time, MTIM)
            })
        };
        set(NO_FOLLOW, 1_000_000_000).unwrap();
        set(LOOKUP_SYMLINK_FOLLOW, 2_000_000_000).unwrap();
        assert_eq!(set(2, 0), Err(Errno::Inval));
        assert_eq!(std::fs::symlink_metadata(guest.host("link")).unwrap().mtime(), 1);
        assert_eq!(std::fs::metadata(guest.host("file")).unwrap().mtime(), 2);
    }
}
