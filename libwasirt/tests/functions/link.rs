//! `path_link`, `path_symlink`, `path_readlink`; by both resolvers.

use std::os::unix::fs::MetadataExt;

use libwasirt::errno::Errno;
use libwasirt::functions::*;
use libwasirt::types::*;

use crate::guest::*;

fn guests() -> [Guest; 2] {
    [Guest::new(), Guest::walking()]
}

fn link_at(guest: &mut Guest, dirs: (Fd, Fd), flags: u32, old: &str, new: &str) -> Result<(), Errno> {
    guest.with_paths(old, new, |c, m, old, old_len, new, new_len| {
        path_link(c, m, dirs.0, flags, old, old_len, dirs.1, new, new_len)
    })
}

fn link(guest: &mut Guest, old: &str, new: &str) -> Result<(), Errno> {
    link_at(guest, (DIR, DIR), 0, old, new)
}

fn symlink(guest: &mut Guest, dir: Fd, target: &str, name: &str) -> Result<(), Errno> {
    guest.with_paths(target, name, |c, m, target, target_len, name, name_len| {
        path_symlink(c, m, target, target_len, dir, name, name_len)
    })
}

fn readlink(guest: &mut Guest, path: &str, len: u32) -> Result<Vec<u8>, Errno> {
    guest.with_path(path, &[(DATA, len), (OUT, 4)], |c, m, path, path_len| {
        path_readlink(c, m, DIR, path, path_len, DATA, len, OUT)
    })?;
    Ok(guest.bytes(DATA, guest.u32_at(OUT)).to_vec())
}

#[test]
fn hard_links_name_the_same_file() {
    for mut guest in guests() {
        guest.write_host_file("file", "x");
        guest.make_host_dir("dir");
        guest.link_host("file", "symlink");
        link(&mut guest, "file", "dir/second").unwrap();
        assert_eq!(std::fs::metadata(guest.host("file")).unwrap().nlink(), 2);
        link(&mut guest, "symlink", "second-symlink").unwrap();
        assert!(guest.host("second-symlink").is_symlink(), "a link is linked, not what it leads to");
        for (old, new, error) in [
            ("file", "dir", Errno::Exist),
            ("file", "symlink", Errno::Exist),
            ("file", ".", Errno::Exist),
            ("file", "dir/", Errno::Exist),
            ("file", "new/", Errno::NoEnt),
            ("file/", "new", Errno::NotDir),
            ("dir", "new", Errno::Perm),
            ("dir/", "new", Errno::Perm),
            (".", "new", Errno::Perm),
            ("none", "new", Errno::NoEnt),
            ("../x", "new", Errno::Perm),
            ("file", "../x", Errno::Perm),
        ] {
            assert_eq!(link(&mut guest, old, new), Err(error), "{old} as {new}");
        }
        let result = link_at(&mut guest, (DIR, DIR), LOOKUP_SYMLINK_FOLLOW, "symlink", "new");
        assert_eq!(result, Err(Errno::Inval));
        assert!(!guest.host("new").exists());
    }
}

#[test]
fn a_read_only_file_gets_no_name_elsewhere() {
    let mut guest = Guest::new();
    guest.write_host_file("file", "x");
    for dirs in [(READ_ONLY_DIR, DIR), (DIR, READ_ONLY_DIR)] {
        assert_eq!(link_at(&mut guest, dirs, 0, "file", "new"), Err(Errno::RoFs));
    }
    assert_eq!(symlink(&mut guest, READ_ONLY_DIR, "file", "new"), Err(Errno::RoFs));
    assert!(!guest.host("new").is_symlink() && !guest.host("new").exists());
}

#[test]
fn symbolic_links_say_what_they_were_told() {
    for mut guest in guests() {
        guest.make_host_dir("dir");
        guest.write_host_file("file", "");
        for (target, name) in [("file", "a"), ("nothing", "b"), ("../..", "dir/c"), ("x/", "d"), (".", "e")] {
            symlink(&mut guest, DIR, target, name).unwrap();
            assert_eq!(std::fs::read_link(guest.host(name)).unwrap(), std::path::Path::new(target));
            assert_eq!(readlink(&mut guest, name, 100), Ok(target.into()));
        }
        for (target, name, error) in [
            ("file", "file", Errno::Exist),
            ("file", "a", Errno::Exist),
            ("file", "dir/", Errno::Exist),
            ("file", "file/", Errno::Exist),
            ("file", "new/", Errno::NoEnt),
            ("file", ".", Errno::Exist),
            ("file", "none/x", Errno::NoEnt),
            ("file", "../x", Errno::Perm),
            ("/etc", "new", Errno::Perm),
            ("", "new", Errno::NoEnt),
            ("x\0y", "new", Errno::Inval),
        ] {
            assert_eq!(symlink(&mut guest, DIR, target, name), Err(error), "{name} to {target}");
        }
        assert!(!guest.host("new").is_symlink());
    }
}

#[test]
fn readlink_cuts_off_what_does_not_fit() {
    for mut guest in guests() {
        guest.link_host("target", "link");
        guest.write_host_file("file", "");
        assert_eq!(readlink(&mut guest, "link", 6), Ok(b"target".to_vec()));
        assert_eq!(readlink(&mut guest, "link", 3), Ok(b"tar".to_vec()));
        assert_eq!(readlink(&mut guest, "link", 0), Ok(vec![]));
        for (path, error) in [
            ("file", Errno::Inval),
            (".", Errno::Inval),
            ("none", Errno::NoEnt),
            ("link/", Errno::NoEnt),
            ("file/", Errno::NotDir),
            ("../x", Errno::Perm),
        ] {
            assert_eq!(readlink(&mut guest, path, 10), Err(error), "{path}");
        }
    }
}

#[test]
fn readlink_writes_nothing_when_the_length_cannot_be_stored() {
    let mut guest = Guest::new();
    guest.link_host("target", "link");
    let bad = GuestPtr(MEMORY_SIZE - 3);
    let result =
        guest.with_path("link", &[], |c, m, path, len| path_readlink(c, m, DIR, path, len, DATA, 9, bad));
    assert_eq!(result, Err(Errno::Fault));
    let result =
        guest.with_path("link", &[], |c, m, path, len| path_readlink(c, m, DIR, path, len, bad, 9, OUT));
    assert_eq!(result, Err(Errno::Fault));
}
