//! Paths that try to get out: every path function on every one of them, by every way of opening paths.
//!
//! How: a tree of sentinels stands around the granted directory (`sentinel.rs`). Whatever a call answers,
//! nothing outside may have changed, no text from outside may have been read, and every directory that was
//! opened must lie inside.

use std::os::fd::AsRawFd;
use std::rc::Rc;

use libwasirt::errno::Errno;
use libwasirt::functions::*;
use libwasirt::path::resolve::Resolver;
use libwasirt::types::*;

use crate::failing_call::with_failing_call;
use crate::guest::*;
use crate::sentinel::*;

/// What comes first, then where it goes, then how it ends.
const PREFIXES: [&str; 8] = [
    "",
    "./",
    "dir/../",
    "dir//sub/../../",
    "to-dir/../",
    "to-dir-slash/sub/../../",
    "dir/sub/./../../",
    "back/../",
];
const TARGETS: [&str; 33] = [
    "..",
    "../secret",
    "../outside/file",
    "../../..",
    "up",
    "up/secret",
    "up-slash/secret",
    "up-up/x",
    "up-secret",
    "up-outside/file",
    "up-outside-slash/file",
    "absolute",
    "absolute-outside/file",
    "absolute-slash/file",
    "root/etc/passwd",
    "chain",
    "dir/chain",
    "dir/sub/out/file",
    "around",
    "back",
    "dangling-out",
    "dangling-out-slash",
    "dangling-absolute",
    "loop",
    "magic-root/etc/passwd",
    "magic-cwd/Cargo.toml",
    "magic-fd",
    "to-dir/../../secret",
    "up/granted/../secret",
    "dangling-out/x",
    "file/../../secret",
    "none/../../secret",
    "dir/new",
];
const SUFFIXES: [&str; 3] = ["", "/", "/."];

/// All of them, and those that only look as if they could be joined.
fn paths() -> Vec<Vec<u8>> {
    let mut paths: Vec<Vec<u8>> = [
        &b""[..],
        b"/",
        b"//",
        b"/etc/passwd",
        b"//etc",
        b".",
        b"./",
        b"/.",
        b"/..",
        b"...",
        b"..\0",
        b"\0",
        b"up\0/secret",
        b"../secret\0",
        b"..\\secret",
        b".. ",
        b" ..",
        b"\xff\xfe",
        b"up/\xff",
        b"dir/..\0/..",
    ]
    .iter()
    .map(|path| path.to_vec())
    .collect();
    paths.push([b"../".repeat(1300), b"etc/passwd".to_vec()].concat());
    paths.push(b"dir/../".repeat(580));
    paths.push([b"dir/".to_vec(), b"x".repeat(300)].concat());
    for prefix in PREFIXES {
        for target in TARGETS {
            for suffix in SUFFIXES {
                paths.push([prefix, target, suffix].concat().into_bytes());
            }
        }
    }
    paths
}

/// The flags of `path_open` that matter: oflags, rights, and whether a link is followed.
const OPENS: [(u32, u64, u32); 8] = [
    (0, READ, LOOKUP_SYMLINK_FOLLOW),
    (0, READ, NO_FOLLOW),
    (OPEN_DIRECTORY, READ, LOOKUP_SYMLINK_FOLLOW),
    (OPEN_CREATE, READ_WRITE, LOOKUP_SYMLINK_FOLLOW),
    (OPEN_CREATE, READ_WRITE, NO_FOLLOW),
    (OPEN_CREATE | OPEN_EXCLUSIVE, READ_WRITE, LOOKUP_SYMLINK_FOLLOW),
    (OPEN_CREATE | OPEN_TRUNCATE, READ_WRITE, LOOKUP_SYMLINK_FOLLOW),
    (OPEN_TRUNCATE, READ, LOOKUP_SYMLINK_FOLLOW),
];

/// Where paths are put, beside the place of `guest.rs`.
const FIRST: GuestPtr = GuestPtr(32_768);
const SECOND: GuestPtr = GuestPtr(40_960);

/// Calls every path function with `path`; `dir` is what it starts from.
fn attack(guest: &mut Guest, dir: Fd, path: &[u8]) {
    let (first, first_len) = (FIRST, guest.put(FIRST, path));
    let (second, second_len) = (SECOND, guest.put(SECOND, b"to-file"));
    for (oflags, rights, follow) in OPENS {
        let opened =
            guest.call(|c, m| path_open(c, m, dir, follow, first, first_len, oflags, rights, 0, 0, OUT));
        if opened.is_ok() {
            let fd = Fd(guest.u32_at(OUT));
            check_opened(guest, fd, path);
            guest.call(|c, m| fd_close(c, m, fd)).expect("it is open");
        }
    }
    for follow in [NO_FOLLOW, LOOKUP_SYMLINK_FOLLOW] {
        let _ = guest.call(|c, m| path_filestat_get(c, m, dir, follow, first, first_len, OUT));
        let _ = guest.call(|c, m| path_filestat_set_times(c, m, dir, follow, first, first_len, 1, 2, 5));
        let _ = guest.call(|c, m| path_link(c, m, dir, follow, first, first_len, dir, second, second_len));
        let _ = guest.call(|c, m| path_link(c, m, dir, follow, second, second_len, dir, first, first_len));
    }
    let read = guest.call(|c, m| path_readlink(c, m, dir, first, first_len, DATA, 100, OUT));
    assert!(read != Err(Errno::Fault));
    let _ = guest.call(|c, m| path_symlink(c, m, second, second_len, dir, first, first_len));
    let _ = guest.call(|c, m| path_symlink(c, m, first, first_len, dir, second, second_len));
    let _ = guest.call(|c, m| path_create_directory(c, m, dir, first, first_len));
    let _ = guest.call(|c, m| path_remove_directory(c, m, dir, first, first_len));
    let file_len = guest.put(SECOND, b"file");
    let _ = guest.call(|c, m| path_rename(c, m, dir, second, file_len, dir, first, first_len));
    let _ = guest.call(|c, m| path_rename(c, m, dir, first, first_len, dir, second, file_len));
    let _ = guest.call(|c, m| path_unlink_file(c, m, dir, first, first_len));
}

/// What was opened must lie inside: a file does not have the secret text, a directory is below the root.
fn check_opened(guest: &mut Guest, fd: Fd, path: &[u8]) {
    let shown = String::from_utf8_lossy(path).into_owned();
    let descriptor = guest.context.fds.get(fd).expect("it is open");
    let host = descriptor.host().expect("a file of the host").as_raw_fd();
    let real = std::fs::read_link(format!("/proc/self/fd/{host}")).expect("the kernel knows where it is");
    let granted = guest.dir.path().canonicalize().expect("it exists").join(GRANTED);
    assert!(real.starts_with(&granted), "{shown} opened {}", real.display());
    let (iovs, count) = guest.put_iovecs(&[(DATA, 100)]);
    if guest.call(|c, m| fd_read(c, m, fd, iovs, count, OUT)).is_ok() {
        assert_ne!(guest.bytes(DATA, guest.u32_at(OUT)), SECRET, "{shown} gave away what is outside");
    }
}

/// All paths against all functions, from the directory that may be changed and from the read-only one.
fn attack_all(resolver: Resolver) {
    let paths = paths();
    assert!(paths.len() >= 300, "only {} paths", paths.len());
    let sentinel = Sentinel::new();
    for path in &paths {
        let mut guest = guest_of(&sentinel, resolver);
        attack(&mut guest, READ_ONLY_DIR, path);
        attack(&mut guest, DIR, path);
        sentinel.check(|| format!("{:?}", String::from_utf8_lossy(path)));
        sentinel.refill();
    }
}

fn guest_of(sentinel: &Sentinel, resolver: Resolver) -> Guest {
    let mut guest = Guest::granted(Rc::clone(&sentinel.dir), GRANTED);
    guest.context.resolver = resolver;
    guest
}

#[test]
fn no_path_leads_out_by_the_kernel() {
    attack_all(Resolver::Kernel);
}

#[test]
fn no_path_leads_out_by_the_walk() {
    attack_all(Resolver::Walk);
}

#[test]
fn no_path_leads_out_where_the_kernel_has_no_openat2() {
    with_failing_call(
        libc::SYS_openat2,
        libc::ENOSYS,
        || (),
        |()| {
            let here = std::fs::File::open("/").expect("the root");
            let flags = rustix::fs::OFlags::PATH;
            let answer = rustix::fs::openat2(
                here,
                ".",
                flags,
                rustix::fs::Mode::empty(),
                rustix::fs::ResolveFlags::BENEATH,
            );
            assert_eq!(answer.err(), Some(rustix::io::Errno::NOSYS), "the filter works");
            attack_all(Resolver::Kernel);
        },
    );
}

/// A tree below a read-only directory is the same after every attack.
#[test]
fn nothing_below_a_read_only_directory_changes() {
    for resolver in [Resolver::Kernel, Resolver::Walk] {
        let sentinel = Sentinel::new();
        let mut guest = guest_of(&sentinel, resolver);
        let granted = sentinel.dir.path().join(GRANTED);
        let before = fingerprint(&granted);
        for path in paths() {
            attack(&mut guest, READ_ONLY_DIR, &path);
        }
        assert_eq!(fingerprint(&granted), before);
        attack(&mut guest, DIR, b"dir/new");
        assert_ne!(fingerprint(&granted), before, "the comparison sees a change");
    }
}
