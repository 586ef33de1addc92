//! A guest that means harm: lists that overlap results, counts that wrap, paths with NULs, cookies out of
//! thin air, descriptors and directories that change under a call.
//!
//! How: each call has the errno that the function documents, and changes only what it says. Pointers at the
//! edges are in `edges.rs`, paths that lead out in `attacks.rs`.

use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;

use libwasirt::context::Context;
use libwasirt::errno::Errno;
use libwasirt::functions::*;
use libwasirt::guest::GuestMemory;
use libwasirt::types::*;

use crate::guest::*;

const PATH: GuestPtr = GuestPtr(4096);

fn put_iovec_at(guest: &mut Guest, place: GuestPtr, ptr: GuestPtr, len: u32) {
    guest.put(place, &[ptr.0.to_le_bytes(), len.to_le_bytes()].concat());
}

#[test]
fn a_buffer_over_the_result_and_its_own_list_is_the_guests_affair() {
    let mut guest = Guest::new();
    guest.write_host_file("file", "0123456789abcdefghijklmnopqrstuv");
    let fd = guest.open("file", 0, READ_WRITE).unwrap();
    // One buffer: the 8 bytes of its own iovec, and behind it the result.
    put_iovec_at(&mut guest, OUT, OUT, 16);
    let result = GuestPtr(OUT.0 + 8);
    guest.run(&[(OUT, 16)], |c, m| fd_read(c, m, fd, OUT, 1, result)).unwrap();
    assert_eq!(guest.bytes(OUT, 8), b"01234567");
    assert_eq!(guest.u32_at(result), 16, "the result is written last");
    assert_eq!(guest.bytes(GuestPtr(OUT.0 + 12), 4), b"cdef");
    // The first buffer covers the iovec of the second: the list was taken before anything was read.
    put_iovec_at(&mut guest, OUT, GuestPtr(OUT.0 + 8), 8);
    put_iovec_at(&mut guest, GuestPtr(OUT.0 + 8), DATA, 4);
    guest.run(&[(OUT, 16), (DATA, 4), (OUT2, 4)], |c, m| fd_read(c, m, fd, OUT, 2, OUT2)).unwrap();
    assert_eq!(guest.u32_at(OUT2), 12);
    assert_eq!((guest.bytes(GuestPtr(OUT.0 + 8), 8), guest.bytes(DATA, 4)), (&b"ghijklmn"[..], &b"opqr"[..]));
}

#[test]
fn what_a_socket_receives_over_its_results() {
    use std::io::Write;
    let mut guest = Guest::new();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let fd = guest.insert_socket(ours.into());
    theirs.write_all(b"0123456789").unwrap();
    put_iovec_at(&mut guest, IOVECS, OUT, 10);
    let flags = GuestPtr(OUT.0 + 4);
    guest.run(&[(OUT, 10)], |c, m| sock_recv(c, m, fd, IOVECS, 1, 0, OUT, flags)).unwrap();
    assert_eq!((guest.u32_at(OUT), guest.u16_at(flags)), (10, 0));
    assert_eq!(guest.bytes(GuestPtr(OUT.0 + 6), 4), b"6789");
}

#[test]
fn counts_and_lengths_that_wrap_are_out_of_bounds() {
    let mut guest = Guest::new();
    let fd = guest.open("file", OPEN_CREATE, READ_WRITE).unwrap();
    // 8 * 2^29 and 8 * (2^29 + 1) are 0 and 8 in 32 bits; 48 * count and 32 * count likewise.
    for count in [1 << 29, (1 << 29) + 1, u32::MAX / 8 + 1, u32::MAX] {
        assert_eq!(guest.run(&[], |c, m| fd_read(c, m, fd, IOVECS, count, OUT)), Err(Errno::Fault));
        assert_eq!(guest.run(&[], |c, m| fd_write(c, m, fd, IOVECS, count, OUT)), Err(Errno::Fault));
        assert_eq!(guest.run(&[], |c, m| fd_pread(c, m, fd, IOVECS, count, 0, OUT)), Err(Errno::Fault));
    }
    for count in [1 << 27, 1 << 28, u32::MAX / 48 + 1, u32::MAX] {
        assert_eq!(guest.run(&[], |c, m| poll_oneoff(c, m, DATA, OUT, count, OUT2)), Err(Errno::Fault));
    }
    for (ptr, len) in [(DATA, u32::MAX), (GuestPtr(u32::MAX), 1), (GuestPtr(u32::MAX), 2), (DATA, 1 << 31)] {
        let case = format!("{ptr:?} {len}");
        put_iovec_at(&mut guest, IOVECS, ptr, len);
        assert_eq!(guest.run(&[], |c, m| fd_write(c, m, fd, IOVECS, 1, OUT)), Err(Errno::Fault), "{case}");
        assert_eq!(guest.run(&[], |c, m| random_get(c, m, ptr, len)), Err(Errno::Fault), "{case}");
        assert_eq!(
            guest.run(&[], |c, m| fd_readdir(c, m, DIR, ptr, len, 0, OUT)),
            Err(Errno::Fault),
            "{case}"
        );
        let open = |c: &Context, m: GuestMemory<'_>| path_open(c, m, DIR, 0, ptr, len, 0, READ, 0, 0, OUT);
        assert_eq!(guest.run(&[], open), Err(Errno::Fault), "{case}");
        let name = |c: &Context, m: GuestMemory<'_>| fd_prestat_dir_name(c, m, DIR, ptr, len);
        // The name, of two bytes, is looked at before the pointer.
        let expected = if len < 2 { Errno::NameTooLong } else { Errno::Fault };
        assert_eq!(guest.run(&[], name), Err(expected), "{case}");
    }
    // An address past the end is wrong without any byte, too; the end itself is not.
    put_iovec_at(&mut guest, IOVECS, GuestPtr(u32::MAX), 0);
    assert_eq!(guest.run(&[], |c, m| fd_write(c, m, fd, IOVECS, 1, OUT)), Err(Errno::Fault));
    assert_eq!(std::fs::metadata(guest.host("file")).unwrap().len(), 0);
}

#[test]
fn a_path_with_a_nul_is_invalid_everywhere() {
    let mut guest = Guest::new();
    guest.write_host_file("file", "");
    for path in [&b"file\0"[..], b"\0", b"fi\0le", b"new\0/../file"] {
        let check = |name: &str, result: Result<(), Errno>| {
            assert_eq!(result, Err(Errno::Inval), "{name} {path:?}");
        };
        let len = guest.put(PATH, path);
        let good = GuestPtr(PATH.0 + 1024);
        let good_len = guest.put(good, b"file");
        let (p, l, g, n) = (PATH, len, good, good_len);
        let run = |guest: &mut Guest, function: &dyn Fn(&Context, GuestMemory<'_>) -> Result<(), Errno>| {
            guest.run(&[], |c, m| function(c, m))
        };
        let guest = &mut guest;
        check("open", run(guest, &|c, m| path_open(c, m, DIR, 0, p, l, OPEN_CREATE, READ, 0, 0, OUT)));
        check("create", run(guest, &|c, m| path_create_directory(c, m, DIR, p, l)));
        check("remove", run(guest, &|c, m| path_remove_directory(c, m, DIR, p, l)));
        check("unlink", run(guest, &|c, m| path_unlink_file(c, m, DIR, p, l)));
        check("stat", run(guest, &|c, m| path_filestat_get(c, m, DIR, 0, p, l, OUT)));
        check("times", run(guest, &|c, m| path_filestat_set_times(c, m, DIR, 0, p, l, 0, 0, 5)));
        check("readlink", run(guest, &|c, m| path_readlink(c, m, DIR, p, l, DATA, 9, OUT)));
        check("symlink target", run(guest, &|c, m| path_symlink(c, m, p, l, DIR, g, n)));
        check("symlink", run(guest, &|c, m| path_symlink(c, m, g, n, DIR, p, l)));
        check("link", run(guest, &|c, m| path_link(c, m, DIR, 0, p, l, DIR, g, n)));
        check("link new", run(guest, &|c, m| path_link(c, m, DIR, 0, g, n, DIR, p, l)));
        check("rename", run(guest, &|c, m| path_rename(c, m, DIR, p, l, DIR, g, n)));
        check("rename new", run(guest, &|c, m| path_rename(c, m, DIR, g, n, DIR, p, l)));
    }
    let names: Vec<_> =
        std::fs::read_dir(guest.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["file"]);
}

#[test]
fn rights_go_with_the_file_to_its_new_number() {
    let mut guest = Guest::new();
    guest.write_host_file("file", "text");
    let reader = guest.open("file", 0, READ).unwrap();
    let both = guest.open("file", 0, READ_WRITE).unwrap();
    guest.run(&[], |c, m| fd_fdstat_set_rights(c, m, reader, READ, 0)).unwrap();
    guest.run(&[], |c, m| fd_renumber(c, m, reader, both)).unwrap();
    assert_eq!(guest.write(both, b"x"), Err(Errno::BadF), "the number had the right, the file has not");
    assert_eq!(guest.read(both, 9), Ok(b"text".to_vec()));
    assert_eq!(guest.run(&[], |c, m| fd_tell(c, m, both, OUT)), Err(Errno::NotCapable), "given up before");
    assert_eq!(guest.read(reader, 9), Err(Errno::BadF), "the old number is closed");
    // A read-only directory stays one over the number of another, and is still a granted one.
    guest.run(&[], |c, m| fd_renumber(c, m, READ_ONLY_DIR, DIR)).unwrap();
    assert_eq!(guest.open("new", OPEN_CREATE, READ), Err(Errno::RoFs));
    guest.run(&[(OUT, 8)], |c, m| fd_prestat_get(c, m, DIR, OUT)).unwrap();
    assert_eq!(guest.run(&[], |c, m| fd_prestat_get(c, m, READ_ONLY_DIR, OUT)), Err(Errno::BadF));
    for (from, to) in [(Fd(u32::MAX), DIR), (DIR, Fd(u32::MAX)), (DIR, READ_ONLY_DIR)] {
        assert_eq!(guest.run(&[], |c, m| fd_renumber(c, m, from, to)), Err(Errno::BadF), "{from:?} {to:?}");
    }
}

#[test]
fn a_directory_that_was_removed_has_no_entries_and_takes_none() {
    let mut guest = Guest::new();
    guest.make_host_dir("gone");
    guest.write_host_file("gone/file", "");
    let gone = guest.open("gone", OPEN_DIRECTORY, 0).unwrap();
    let places = [(DATA, 100), (OUT, 4)];
    guest.run(&places, |c, m| fd_readdir(c, m, gone, DATA, 30, 0, OUT)).unwrap();
    assert_eq!(guest.u32_at(OUT), 30, "it is being read");
    let cookie = guest.u64_at(DATA);
    std::fs::remove_dir_all(guest.host("gone")).unwrap();
    for cookie in [0, cookie] {
        guest.run(&places, |c, m| fd_readdir(c, m, gone, DATA, 100, cookie, OUT)).unwrap();
        assert_eq!(guest.u32_at(OUT), 0, "cookie {cookie}");
    }
    assert_eq!(guest.open_at(gone, 0, "new", OPEN_CREATE, READ, 0), Err(Errno::NoEnt));
    let made = guest.with_path("new", &[], |c, m, path, len| path_create_directory(c, m, gone, path, len));
    assert_eq!(made, Err(Errno::NoEnt));
    guest.run(&[(OUT, 64)], |c, m| fd_filestat_get(c, m, gone, OUT)).unwrap();
    assert_eq!(guest.close(gone), Ok(()));
}

#[test]
fn cookies_out_of_thin_air_lead_nowhere() {
    let mut guest = Guest::new();
    for index in 0..20 {
        guest.write_host_file(&format!("file-{index}"), "");
    }
    let mut cookie = 1u64;
    let mut answers = BTreeMap::new();
    for _ in 0..2000 {
        // Knuth's MMIX generator.
        cookie = cookie.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let cookie = cookie >> (cookie % 64);
        let result =
            guest.run(&[(DATA, 4096), (OUT, 4)], |c, m| fd_readdir(c, m, DIR, DATA, 4096, cookie, OUT));
        assert!(matches!(result, Ok(()) | Err(Errno::Inval)), "{cookie:#x} is {result:?}");
        *answers.entry(result.is_ok()).or_insert(0) += 1;
    }
    assert!(answers[&false] > 0, "some do not fit in 63 bits: {answers:?}");
    guest.run(&[(DATA, 4096), (OUT, 4)], |c, m| fd_readdir(c, m, DIR, DATA, 4096, 0, OUT)).unwrap();
    assert!(guest.u32_at(OUT) >= 20 * 24, "from the beginning all are there");
}

#[test]
fn ten_thousand_subscriptions_are_answered() {
    const COUNT: u32 = 10_000;
    const EVENTS: GuestPtr = GuestPtr(COUNT * 48);
    const RESULT: GuestPtr = GuestPtr(EVENTS.0 + COUNT * 32);
    let mut guest = Guest::new();
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let fd = guest.insert_socket(ours.into());
    let mut bytes = vec![0; RESULT.0 as usize + 4];
    for index in 0..COUNT {
        let subscription = &mut bytes[index as usize * 48..][..48];
        subscription[..8].copy_from_slice(&u64::from(index).to_le_bytes());
        // In turn: a clock that is due, a socket that can be written, a number that nobody has.
        let (kind, number) = [(0, 1), (2, fd.0), (1, u32::MAX - index)][index as usize % 3];
        subscription[8] = kind;
        subscription[16..20].copy_from_slice(&number.to_le_bytes());
    }
    let len = bytes.len() as u64;
    // SAFETY: the bytes are ours, and not used until the call is over.
    let memory = unsafe { GuestMemory::new(bytes.as_mut_ptr(), len) };
    poll_oneoff(&guest.context, memory, GuestPtr(0), EVENTS, COUNT, RESULT).unwrap();
    let count = u32::from_le_bytes(bytes[RESULT.0 as usize..].try_into().unwrap());
    assert_eq!(count, COUNT);
    for index in 0..COUNT {
        let event = &bytes[(EVENTS.0 + index * 32) as usize..][..32];
        let errno = if index % 3 == 2 { Errno::BadF as u8 } else { 0 };
        assert_eq!(event[..8], u64::from(index).to_le_bytes());
        assert_eq!((event[8], event[10]), (errno, [0, 2, 1][index as usize % 3]), "event {index}");
    }
}

#[test]
fn sockets_refuse_what_they_cannot_do() {
    let mut guest = Guest::new();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let fd = guest.insert_socket(ours.into());
    put_iovec_at(&mut guest, IOVECS, DATA, 4);
    assert_eq!(guest.run(&[], |c, m| sock_accept(c, m, fd, 0, OUT)), Err(Errno::Inval), "not listening");
    assert_eq!(guest.run(&[], |c, m| sock_accept(c, m, fd, 1, OUT)), Err(Errno::Inval), "APPEND");
    let recv = |c: &Context, m: GuestMemory<'_>| sock_recv(c, m, fd, IOVECS, 1, 4, OUT, OUT2);
    assert_eq!(guest.run(&[], recv), Err(Errno::Inval), "unknown flag");
    assert_eq!(guest.run(&[], |c, m| sock_send(c, m, fd, IOVECS, 1, 1, OUT)), Err(Errno::Inval));
    for how in [0, 4, u32::MAX] {
        assert_eq!(guest.run(&[], |c, m| sock_shutdown(c, m, fd, how)), Err(Errno::Inval), "{how}");
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listening = guest.insert_socket(listener.into());
    let recv = |c: &Context, m: GuestMemory<'_>| sock_recv(c, m, listening, IOVECS, 1, 0, OUT, OUT2);
    assert_eq!(guest.run(&[], recv), Err(Errno::NotConn));
    assert_eq!(guest.run(&[], |c, m| sock_send(c, m, listening, IOVECS, 1, 0, OUT)), Err(Errno::Pipe));
    assert_eq!(guest.run(&[], |c, m| sock_accept(c, m, DIR, 0, OUT)), Err(Errno::NotSock));
    drop(theirs);
    assert_eq!(guest.run(&[], |c, m| sock_send(c, m, fd, IOVECS, 1, 0, OUT)), Err(Errno::Pipe));
}
