//! `path_open`: what is opened, made, cut, and every refusal; by both resolvers.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use libwasirt::descriptor::Descriptor;
use libwasirt::errno::Errno;
use libwasirt::functions::*;
use libwasirt::types::*;

use crate::guest::*;

const FOLLOW: u32 = LOOKUP_SYMLINK_FOLLOW;

/// Both ways of opening paths must behave the same.
fn guests() -> [Guest; 2] {
    [Guest::new(), Guest::walking()]
}

#[test]
fn files_are_made_opened_and_cut_as_told() {
    for mut guest in guests() {
        assert_eq!(guest.open("file", 0, READ), Err(Errno::NoEnt));
        let fd = guest.open("file", OPEN_CREATE, READ_WRITE).unwrap();
        guest.write(fd, b"text").unwrap();
        assert_eq!(guest.open("file", OPEN_CREATE | OPEN_EXCLUSIVE, READ_WRITE), Err(Errno::Exist));
        let fd = guest.open("file", OPEN_CREATE, READ_WRITE).unwrap();
        assert_eq!(guest.read(fd, 9), Ok(b"text".to_vec()));
        let fd = guest.open("file", OPEN_TRUNCATE, READ_WRITE).unwrap();
        assert_eq!(guest.read(fd, 9), Ok(vec![]));
        let mode = std::fs::metadata(guest.host("file")).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0, "a new file cannot be executed");
    }
}

#[test]
fn paths_lead_through_directories_and_back() {
    for mut guest in guests() {
        guest.make_host_dir("a/b");
        guest.write_host_file("a/b/file", "deep");
        guest.write_host_file("top", "top");
        for (path, text) in [
            ("a/b/file", "deep"),
            ("a//b///file", "deep"),
            ("./a/./b/./file", "deep"),
            ("a/b/../b/file", "deep"),
            ("a/b/../../top", "top"),
            ("a/../top", "top"),
        ] {
            let fd = guest.open(path, 0, READ).unwrap_or_else(|error| panic!("{path}: {error:?}"));
            assert_eq!(guest.read(fd, 9).unwrap(), text.as_bytes(), "{path}");
        }
        for (path, error) in [
            ("top/", Errno::NotDir),
            ("top/.", Errno::NotDir),
            ("top/..", Errno::NotDir),
            ("top/x", Errno::NotDir),
            ("none/../top", Errno::NoEnt),
            ("a/none/file", Errno::NoEnt),
            ("", Errno::NoEnt),
            ("top\0", Errno::Inval),
            ("a\0b", Errno::Inval),
            ("/top", Errno::Perm),
            ("..", Errno::Perm),
            ("a/../..", Errno::Perm),
        ] {
            assert_eq!(guest.open(path, 0, READ), Err(error), "{path:?}");
        }
    }
}

#[test]
fn long_names_are_refused() {
    for mut guest in guests() {
        assert_eq!(guest.open(&"x".repeat(256), 0, READ), Err(Errno::NameTooLong));
        assert_eq!(guest.open(&"x/".repeat(2048), 0, READ), Err(Errno::NameTooLong));
        guest.write_host_file(&"x".repeat(255), "");
        guest.open(&"x".repeat(255), 0, READ).unwrap();
    }
}

#[test]
fn names_need_not_be_utf8() {
    for mut guest in guests() {
        let fd = guest.open_at(DIR, 0, b"caf\xe9", OPEN_CREATE, READ_WRITE, 0).unwrap();
        guest.write(fd, b"x").unwrap();
        assert_eq!(std::fs::read_dir(guest.dir.path()).unwrap().count(), 1);
    }
}

#[test]
fn directories_open_as_such_and_nothing_else_does() {
    for mut guest in guests() {
        guest.make_host_dir("dir");
        guest.write_host_file("dir/file", "x");
        for path in [".", "./", "dir", "dir/", "dir/.", "dir/..", "dir/../dir"] {
            let fd = guest
                .open(path, OPEN_DIRECTORY, ALL_RIGHTS & !Rights::FD_WRITE.0)
                .unwrap_or_else(|error| panic!("{path}: {error:?}"));
            guest.close(fd).unwrap();
            assert_eq!(guest.open(path, OPEN_DIRECTORY, READ_WRITE), Err(Errno::IsDir), "{path}");
        }
        let dir = guest.open("dir", 0, READ).unwrap();
        guest.open_at(dir, 0, "file", 0, READ, 0).unwrap();
        assert_eq!(guest.open("dir/file", OPEN_DIRECTORY, 0), Err(Errno::NotDir));
        assert_eq!(guest.open("dir", 0, READ_WRITE), Err(Errno::IsDir));
        assert_eq!(guest.open("new/", OPEN_CREATE, READ_WRITE), Err(Errno::IsDir));
        for other in [OPEN_CREATE, OPEN_EXCLUSIVE, OPEN_TRUNCATE] {
            assert_eq!(guest.open("dir", OPEN_DIRECTORY | other, READ), Err(Errno::Inval));
        }
        let file = guest.open("dir/file", 0, READ).unwrap();
        assert_eq!(guest.open_at(file, 0, "x", 0, READ, 0), Err(Errno::NotDir));
        assert_eq!(guest.open_at(Fd(99), 0, "x", 0, READ, 0), Err(Errno::BadF));
    }
}

#[test]
fn a_directory_below_cannot_reach_above_itself() {
    for mut guest in guests() {
        guest.make_host_dir("dir");
        guest.write_host_file("file", "");
        let dir = guest.open("dir", OPEN_DIRECTORY, 0).unwrap();
        assert_eq!(guest.open_at(dir, FOLLOW, "../file", 0, READ, 0), Err(Errno::Perm));
        guest.link_host("../file", "dir/up");
        assert_eq!(guest.open_at(dir, FOLLOW, "up", 0, READ, 0), Err(Errno::Perm));
        // From the granted directory, the same link stays inside.
        guest.open("dir/up", 0, READ).unwrap();
    }
}

#[test]
fn links_are_followed_when_told_and_always_in_the_middle() {
    for mut guest in guests() {
        guest.make_host_dir("dir");
        guest.write_host_file("dir/file", "x");
        guest.link_host("dir/file", "to-file");
        guest.link_host("dir", "to-dir");
        guest.link_host("dir/", "to-dir-slash");
        guest.link_host("./dir/../to-dir", "chain");
        guest.link_host("nothing", "dangling");
        guest.link_host("loop", "loop");
        for path in ["to-file", "to-dir/file", "to-dir-slash/file", "chain/file", "chain/../dir/file"] {
            let fd = guest.open(path, 0, READ).unwrap_or_else(|error| panic!("{path}: {error:?}"));
            assert_eq!(guest.read(fd, 9), Ok(b"x".to_vec()));
        }
        for path in ["to-dir", "to-dir-slash", "chain", "to-dir/"] {
            guest.open(path, OPEN_DIRECTORY, 0).unwrap_or_else(|error| panic!("{path}: {error:?}"));
        }
        guest.open_at(DIR, NO_FOLLOW, "to-dir/", OPEN_DIRECTORY, 0, 0).unwrap();
        for (path, oflags) in
            [("to-file", 0), ("to-dir", OPEN_DIRECTORY), ("dangling", OPEN_CREATE), ("loop", 0)]
        {
            let result = guest.open_at(DIR, NO_FOLLOW, path, oflags, READ, 0);
            assert_eq!(result, Err(Errno::Loop), "{path}");
        }
        assert_eq!(guest.open("loop", 0, READ), Err(Errno::Loop));
        assert_eq!(guest.open("loop/x", 0, READ), Err(Errno::Loop));
        assert_eq!(guest.open("dangling", 0, READ), Err(Errno::NoEnt));
        assert_eq!(guest.open("dangling", OPEN_CREATE | OPEN_EXCLUSIVE, READ), Err(Errno::Exist));
        guest.open("dangling", OPEN_CREATE, READ_WRITE).unwrap();
        assert!(guest.host("nothing").exists(), "creating through a link makes its target");
    }
}

#[test]
fn forty_links_are_the_limit() {
    for mut guest in guests() {
        guest.write_host_file("link0", "x");
        for index in 1..=41 {
            guest.link_host(format!("link{}", index - 1), &format!("link{index}"));
        }
        guest.open("link40", 0, READ).unwrap();
        assert_eq!(guest.open("link41", 0, READ), Err(Errno::Loop));
    }
}

#[test]
fn unknown_flags_are_inval() {
    let mut guest = Guest::new();
    guest.write_host_file("file", "");
    assert_eq!(guest.open_at(DIR, 2, "file", 0, READ, 0), Err(Errno::Inval));
    assert_eq!(guest.open_at(DIR, 0, "file", 16, READ, 0), Err(Errno::Inval));
    assert_eq!(guest.open_at(DIR, 0, "file", 0, READ, 32), Err(Errno::Inval));
}

#[test]
fn nothing_is_made_or_opened_when_the_number_cannot_be_stored() {
    let mut guest = Guest::new();
    let bad = GuestPtr(MEMORY_SIZE - 3);
    let slots = guest.context.fds.len();
    let result = guest.with_path("new", &[], |c, m, path, len| {
        path_open(c, m, DIR, 0, path, len, OPEN_CREATE, READ, READ, 0, bad)
    });
    assert_eq!(result, Err(Errno::Fault));
    assert!(!guest.host("new").exists());
    assert_eq!(guest.context.fds.len(), slots);
    assert!(guest.context.fds.get(Fd(0)).is_err());
}

fn make_fifo(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_fifo_opens_when_both_ends_are_there_unless_nonblock() {
    let nonblock = FdFlags::NONBLOCK.0.into();
    for mut guest in guests() {
        let path = guest.host("fifo");
        make_fifo(&path);
        assert_eq!(
            guest.open_at(DIR, 0, "fifo", 0, Rights::FD_WRITE.0, nonblock),
            Err(Errno::NxIo),
            "nobody reads"
        );
        let reader = guest.open_at(DIR, 0, "fifo", 0, READ, nonblock).unwrap();
        assert_eq!(guest.read(reader, 1), Ok(vec![]), "nobody writes");
        let writer = guest.open("fifo", 0, Rights::FD_WRITE.0).unwrap();
        assert_eq!(guest.read(reader, 1), Err(Errno::Again), "somebody could write");
        guest.write(writer, b"x").unwrap();
        assert_eq!(guest.read(reader, 9), Ok(b"x".to_vec()));
        for fd in [reader, writer] {
            guest.close(fd).unwrap();
        }
        assert_eq!(fifo_with_other_end(&mut guest, &path), b"late");
        let both = guest.open("fifo", 0, READ_WRITE).unwrap();
        guest.write(both, b"y").unwrap();
        assert_eq!(guest.read(both, 9), Ok(b"y".to_vec()));
    }
}

/// Opens for reading while nobody writes; the writer comes later, and what it writes later still.
fn fifo_with_other_end(guest: &mut Guest, path: &Path) -> Vec<u8> {
    const MOMENT: Duration = Duration::from_millis(50);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(MOMENT);
            let mut writer = std::fs::File::options().write(true).open(path).unwrap();
            std::thread::sleep(MOMENT);
            writer.write_all(b"late").unwrap();
        });
        let reader = guest.open("fifo", 0, READ).unwrap();
        let text = guest.read(reader, 9).unwrap();
        assert_eq!(guest.read(reader, 9), Ok(vec![]), "the writer has gone");
        guest.close(reader).unwrap();
        text
    })
}

/// A FIFO where a path leads through it, or where nothing is transferred.
#[test]
fn nobody_waits_for_a_fifo_that_is_not_to_be_read_or_written() {
    for mut guest in guests() {
        make_fifo(&guest.host("fifo"));
        guest.link_host("fifo", "link");
        for (path, oflags, rights, error) in [
            ("fifo/x", 0, READ, Errno::NotDir),
            ("fifo/", 0, READ, Errno::NotDir),
            ("fifo/..", 0, READ, Errno::NotDir),
            ("fifo", OPEN_DIRECTORY, READ, Errno::NotDir),
            ("link/", 0, READ, Errno::NotDir),
            ("fifo", OPEN_CREATE | OPEN_EXCLUSIVE, READ_WRITE, Errno::Exist),
        ] {
            assert_eq!(guest.open(path, oflags, rights), Err(error), "{path}");
        }
        assert_eq!(guest.open_at(DIR, NO_FOLLOW, "link", 0, READ, 0), Err(Errno::Loop));
        assert_eq!(guest.open_at(READ_ONLY_DIR, 0, "fifo", 0, Rights::FD_WRITE.0, 0), Err(Errno::RoFs));
        guest.open("fifo", 0, 0).unwrap();
        guest.stat(LOOKUP_SYMLINK_FOLLOW, "link").unwrap();
    }
}

#[test]
fn read_only_opens_what_is_there_and_changes_nothing() {
    for mut guest in guests() {
        guest.write_host_file("file", "text");
        guest.make_host_dir("dir");
        let mut open =
            |path: &str, oflags, rights| guest.open_at(READ_ONLY_DIR, FOLLOW, path, oflags, rights, 0);
        assert!(open("file", 0, READ).is_ok());
        assert!(open("file", OPEN_CREATE, READ).is_ok(), "as on a read-only mount");
        assert!(open("dir", OPEN_DIRECTORY, READ).is_ok());
        assert_eq!(open("dir", OPEN_DIRECTORY, ALL_RIGHTS), Err(Errno::IsDir));
        assert_eq!(open("dir", 0, READ_WRITE), Err(Errno::IsDir));
        assert_eq!(open("file", OPEN_DIRECTORY, READ_WRITE), Err(Errno::NotDir));
        assert_eq!(open("none", 0, READ_WRITE), Err(Errno::NoEnt));
        assert_eq!(open("none", OPEN_TRUNCATE, READ), Err(Errno::NoEnt));
        assert_eq!(open("../file", 0, READ_WRITE), Err(Errno::Perm));
        assert_eq!(open("file", OPEN_CREATE | OPEN_EXCLUSIVE, READ), Err(Errno::Exist));
        assert_eq!(open("new", OPEN_CREATE, READ), Err(Errno::RoFs));
        assert_eq!(open("new", OPEN_CREATE | OPEN_EXCLUSIVE, READ), Err(Errno::RoFs));
        assert_eq!(open("file", 0, READ_WRITE), Err(Errno::RoFs));
        assert_eq!(open("file", 0, Rights::FD_WRITE.0), Err(Errno::RoFs));
        assert_eq!(open("file", OPEN_TRUNCATE, READ), Err(Errno::RoFs));
        let dir = open("dir", OPEN_DIRECTORY, 0).unwrap();
        assert_eq!(guest.open_at(dir, 0, "new", OPEN_CREATE, READ, 0), Err(Errno::RoFs), "below as well");
        let file = guest.open_at(READ_ONLY_DIR, 0, "file", 0, READ, 0).unwrap();
        assert_eq!(guest.run(&[], |c, m| fd_filestat_set_times(c, m, file, 0, 0, 10)), Err(Errno::RoFs));
        assert_eq!(guest.run(&[], |c, m| fd_filestat_set_size(c, m, file, 0)), Err(Errno::RoFs));
        assert_eq!(guest.run(&[], |c, m| fd_allocate(c, m, file, 0, 99)), Err(Errno::RoFs));
        assert_eq!(std::fs::read(guest.host("file")).unwrap(), b"text");
        assert_eq!(std::fs::read_dir(guest.dir.path()).unwrap().count(), 2);
    }
}

/// A file that was made could not be given back.
#[test]
fn past_the_limit_of_descriptors_nothing_is_made_or_cut() {
    for mut guest in guests() {
        guest.write_host_file("file", "text");
        let open_count = guest.context.fds.open_count();
        guest.context.fds.limit(open_count);
        assert_eq!(guest.open("new", OPEN_CREATE, READ_WRITE), Err(Errno::MFile));
        assert_eq!(guest.open("file", OPEN_TRUNCATE, READ_WRITE), Err(Errno::MFile));
        assert!(!guest.host("new").exists());
        assert_eq!(std::fs::read(guest.host("file")).unwrap(), b"text");
        guest.context.fds.limit(open_count + 1);
        assert!(guest.open("new", OPEN_CREATE, READ_WRITE).is_ok());
    }
}

/// `/proc/self/mem` is the memory of the process that the guest runs in.
#[test]
fn processes_of_the_host_are_read_only_where_granted_and_never_written() {
    for mut guest in guests() {
        let grant = |path: &str| {
            let directory = std::fs::File::open(path).unwrap();
            let preopen = Descriptor::preopen(directory.into(), b"/".to_vec(), Access::ReadWrite);
            guest.context.fds.insert(preopen).unwrap()
        };
        let (root, processes) = (grant("/"), grant("/proc"));
        for (path, oflags, rights) in [
            ("proc", OPEN_DIRECTORY, READ),
            ("proc/self/mem", 0, READ),
            ("proc/self/mem", 0, READ_WRITE),
            ("proc/self/environ", 0, READ),
        ] {
            assert_eq!(guest.open_at(root, FOLLOW, path, oflags, rights, 0), Err(Errno::Access), "{path}");
        }
        let version = guest.open_at(processes, FOLLOW, "version", 0, READ, 0).unwrap();
        assert!(guest.read(version, 100).unwrap().starts_with(b"Linux"));
        assert_eq!(guest.open_at(processes, FOLLOW, "self/mem", 0, READ_WRITE, 0), Err(Errno::Access));
        assert!(guest.open_at(root, FOLLOW, "etc/passwd", 0, READ, 0).is_ok(), "other files are");
    }
}
