//! `:ro`: no function with any flags changes what is below a read-only directory.
//!
//! How: `path_open` is called with every combination of its flags and rights on files, directories, links
//! and names that are free; whatever opens is given to every `fd_*` call that changes something. The tree's
//! fingerprint must be the same afterwards.

use libwasirt::errno::Errno;
use libwasirt::functions::*;
use libwasirt::path::resolve::Resolver;
use libwasirt::types::*;

use crate::guest::*;
use crate::sentinel::fingerprint;

const PATHS: [&str; 12] = [
    "file",
    "dir",
    "dir/",
    "dir/file",
    "new",
    "new/",
    "dir/new",
    "link",
    "to-dir",
    "dangling",
    "dir/../file",
    "fifo",
];

/// Rights in all combinations: the two directions, and what changes a file's size and times.
const RIGHTS: [Rights; 4] =
    [Rights::FD_READ, Rights::FD_WRITE, Rights::FD_ALLOCATE, Rights::FD_FILESTAT_SET_SIZE];

/// Every subset of [`RIGHTS`], and everything.
fn rights() -> impl Iterator<Item = u64> {
    let subset = |bits: usize| {
        RIGHTS.iter().enumerate().filter(|(index, _)| bits >> index & 1 == 1).map(|(_, right)| right.0).sum()
    };
    (0..1 << RIGHTS.len()).map(subset).chain([ALL_RIGHTS, u64::MAX])
}

fn tree(resolver: Resolver) -> Guest {
    let mut guest = Guest::new();
    guest.context.resolver = resolver;
    guest.make_host_dir("dir");
    guest.write_host_file("file", "text");
    guest.write_host_file("dir/file", "text");
    for (target, name) in [("file", "link"), ("dir", "to-dir"), ("created", "dangling")] {
        guest.link_host(target, name);
    }
    let fifo = std::process::Command::new("mkfifo").arg(guest.host("fifo")).status();
    assert!(fifo.is_ok_and(|status| status.success()));
    // Nobody waits for its other end: that stays open to the end of the tests.
    let ends = std::fs::File::options().read(true).write(true).open(guest.host("fifo"));
    std::mem::forget(ends.expect("opening both ends"));
    guest
}

/// `path_open` below the read-only directory, by the thousand: nobody looks at what is written to memory.
fn open(guest: &mut Guest, path: &str, follow: u32, oflags: u32, rights: u64, fdflags: u32) -> Option<Fd> {
    let len = guest.put(DATA, path.as_bytes());
    let opened = guest
        .call(|c, m| path_open(c, m, READ_ONLY_DIR, follow, DATA, len, oflags, rights, rights, fdflags, OUT));
    opened.ok().map(|()| Fd(guest.u32_at(OUT)))
}

/// Tries to change what `fd` is open for. What may succeed changes nothing: flags of the descriptor.
fn change(guest: &mut Guest, fd: Fd) {
    let (path, len) = (GuestPtr(32_768), guest.put(GuestPtr(32_768), b"new"));
    let (iovs, count) = guest.put_iovecs(&[(DATA, 4)]);
    for flags in [0, 1] {
        let _ = guest.call(|c, m| fd_fdstat_set_flags(c, m, fd, flags));
        let written = guest.call(|c, m| fd_write(c, m, fd, iovs, count, OUT));
        assert_eq!(written, Err(Errno::BadF), "it is not open for writing");
        let written = guest.call(|c, m| fd_pwrite(c, m, fd, iovs, count, 0, OUT));
        assert_eq!(written, Err(Errno::BadF), "nor at an offset");
    }
    let errnos = [
        guest.call(|c, m| fd_filestat_set_size(c, m, fd, 1)),
        guest.call(|c, m| fd_filestat_set_times(c, m, fd, 1, 1, 5)),
        guest.call(|c, m| fd_allocate(c, m, fd, 0, 9999)),
        guest.call(|c, m| path_create_directory(c, m, fd, path, len)),
        guest.call(|c, m| path_symlink(c, m, path, len, fd, path, len)),
    ];
    assert!(errnos.iter().all(Result::is_err), "{errnos:?}");
    // Wherever an opened directory takes part, it is read-only as well.
    for other in [DIR, READ_ONLY_DIR] {
        let _ = guest.call(|c, m| path_link(c, m, fd, 0, path, len, other, path, len));
        let _ = guest.call(|c, m| path_rename(c, m, other, path, len, fd, path, len));
    }
}

#[test]
fn no_flags_and_no_rights_change_a_read_only_tree() {
    const OFLAGS: u32 = 1 << 4;
    const FDFLAGS: [u32; 4] = [0, 1, 4, 31];
    for resolver in [Resolver::Kernel, Resolver::Walk] {
        let mut guest = tree(resolver);
        let before = fingerprint(guest.dir.path());
        let (mut tried, mut opened) = (0, 0);
        for path in PATHS {
            for (oflags, follow) in (0..OFLAGS).flat_map(|oflags| [(oflags, 0), (oflags, 1)]) {
                for (rights, fdflags) in rights().flat_map(|rights| FDFLAGS.map(|fdflags| (rights, fdflags)))
                {
                    tried += 1;
                    let Some(fd) = open(&mut guest, path, follow, oflags, rights, fdflags) else {
                        continue;
                    };
                    opened += 1;
                    change(&mut guest, fd);
                    guest.call(|c, m| fd_close(c, m, fd)).expect("it is open");
                }
            }
            assert_eq!(fingerprint(guest.dir.path()), before, "{path} by {resolver:?}");
        }
        assert!(tried >= 20_000 && opened >= 1000, "{tried} tried, {opened} opened");
    }
}

/// The same calls below the directory that is not read-only do change it: the comparison can fail.
#[test]
fn the_same_tree_can_be_changed_where_it_is_not_read_only() {
    let mut guest = tree(Resolver::Kernel);
    let before = fingerprint(guest.dir.path());
    let fd = guest.open_at(DIR, 0, "file", OPEN_TRUNCATE, READ_WRITE, 0).expect("it is there");
    assert_ne!(fingerprint(guest.dir.path()), before);
    guest.close(fd).expect("it is open");
}
