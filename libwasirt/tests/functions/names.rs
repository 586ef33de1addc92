//! `path_create_directory`, `path_remove_directory`, `path_unlink_file`, `path_rename`; by both resolvers.

use libwasirt::errno::Errno;
use libwasirt::functions::*;
use libwasirt::types::*;

use crate::guest::*;

fn guests() -> [Guest; 2] {
    [Guest::new(), Guest::walking()]
}

fn mkdir(guest: &mut Guest, dir: Fd, path: &str) -> Result<(), Errno> {
    guest.with_path(path, &[], |c, m, path, len| path_create_directory(c, m, dir, path, len))
}

fn rmdir(guest: &mut Guest, dir: Fd, path: &str) -> Result<(), Errno> {
    guest.with_path(path, &[], |c, m, path, len| path_remove_directory(c, m, dir, path, len))
}

fn unlink(guest: &mut Guest, dir: Fd, path: &str) -> Result<(), Errno> {
    guest.with_path(path, &[], |c, m, path, len| path_unlink_file(c, m, dir, path, len))
}

fn rename_at(guest: &mut Guest, dirs: (Fd, Fd), old: &str, new: &str) -> Result<(), Errno> {
    guest.with_paths(old, new, |c, m, old, old_len, new, new_len| {
        path_rename(c, m, dirs.0, old, old_len, dirs.1, new, new_len)
    })
}

fn rename(guest: &mut Guest, old: &str, new: &str) -> Result<(), Errno> {
    rename_at(guest, (DIR, DIR), old, new)
}

#[test]
fn directories_are_made_and_removed() {
    for mut guest in guests() {
        mkdir(&mut guest, DIR, "a").unwrap();
        mkdir(&mut guest, DIR, "a/b/").unwrap();
        mkdir(&mut guest, DIR, "a/b/../c").unwrap();
        assert!(guest.host("a/b").is_dir() && guest.host("a/c").is_dir());
        guest.link_host("nothing", "dangling");
        for (path, error) in [
            ("a", Errno::Exist),
            ("a/", Errno::Exist),
            (".", Errno::Exist),
            ("a/..", Errno::Exist),
            ("dangling", Errno::Exist),
            ("dangling/", Errno::Exist),
            ("none/x", Errno::NoEnt),
            ("..", Errno::Perm),
            ("../x", Errno::Perm),
            ("/x", Errno::Perm),
            ("", Errno::NoEnt),
            ("x\0", Errno::Inval),
        ] {
            assert_eq!(mkdir(&mut guest, DIR, path), Err(error), "{path:?}");
        }
        guest.write_host_file("file", "");
        guest.link_host("a/b", "to-b");
        for (path, error) in [
            ("a", Errno::NotEmpty),
            ("a/b/..", Errno::NotEmpty),
            ("a/b/.", Errno::Inval),
            ("file", Errno::NotDir),
            ("to-b", Errno::NotDir),
            ("none", Errno::NoEnt),
            ("..", Errno::Perm),
        ] {
            assert_eq!(rmdir(&mut guest, DIR, path), Err(error), "{path:?}");
        }
        rmdir(&mut guest, DIR, "a/b/").unwrap();
        rmdir(&mut guest, DIR, "a/c").unwrap();
        rmdir(&mut guest, DIR, "a").unwrap();
        assert!(!guest.host("a").exists());
    }
}

#[test]
fn unlink_takes_files_and_links_but_no_directories() {
    for mut guest in guests() {
        guest.make_host_dir("dir");
        guest.write_host_file("file", "");
        guest.link_host("dir", "to-dir");
        for (path, error) in [
            ("dir", Errno::IsDir),
            ("dir/", Errno::IsDir),
            (".", Errno::IsDir),
            ("dir/..", Errno::IsDir),
            ("file/", Errno::NotDir),
            ("to-dir/", Errno::NotDir),
            ("none", Errno::NoEnt),
            ("none/", Errno::NoEnt),
            ("../x", Errno::Perm),
        ] {
            assert_eq!(unlink(&mut guest, DIR, path), Err(error), "{path:?}");
        }
        unlink(&mut guest, DIR, "to-dir").unwrap();
        unlink(&mut guest, DIR, "dir/../file").unwrap();
        assert_eq!(std::fs::read_dir(guest.dir.path()).unwrap().count(), 1);
        assert!(guest.host("dir").is_dir());
    }
}

#[test]
fn rename_moves_replaces_and_minds_slashes() {
    for mut guest in guests() {
        guest.write_host_file("file", "1");
        guest.write_host_file("other", "2");
        guest.make_host_dir("dir");
        guest.make_host_dir("full/sub");
        rename(&mut guest, "file", "dir/moved").unwrap();
        rename(&mut guest, "dir/moved", "other").unwrap();
        assert_eq!(std::fs::read(guest.host("other")).unwrap(), b"1");
        for (old, new, error) in [
            ("other/", "x", Errno::NotDir),
            ("other", "x/", Errno::NotDir),
            ("other", "dir", Errno::IsDir),
            ("dir", "other", Errno::NotDir),
            ("dir", "full", Errno::NotEmpty),
            ("full", "full/sub/x", Errno::Inval),
            ("none", "x", Errno::NoEnt),
            ("dir/.", "x", Errno::Busy),
            ("dir", "full/..", Errno::Busy),
            ("..", "x", Errno::Perm),
            ("other", "../x", Errno::Perm),
            ("../x", "y", Errno::Perm),
        ] {
            assert_eq!(rename(&mut guest, old, new), Err(error), "{old} to {new}");
        }
        rename(&mut guest, "dir/", "renamed/").unwrap();
        rename(&mut guest, "renamed", "full/sub").unwrap();
        assert!(guest.host("full/sub").is_dir() && !guest.host("renamed").exists());
        guest.link_host("full", "to-full");
        assert_eq!(rename(&mut guest, "to-full/", "x"), Err(Errno::NotDir));
        rename(&mut guest, "to-full", "link").unwrap();
        assert!(guest.host("link").is_symlink());
    }
}

#[test]
fn read_only_directories_refuse_every_change() {
    for mut guest in guests() {
        guest.write_host_file("file", "");
        guest.make_host_dir("dir");
        let (ro, read_only) = (READ_ONLY_DIR, Err(Errno::RoFs));
        assert_eq!(mkdir(&mut guest, ro, "new"), read_only);
        assert_eq!(rmdir(&mut guest, ro, "dir"), read_only);
        assert_eq!(unlink(&mut guest, ro, "file"), read_only);
        assert_eq!(rename_at(&mut guest, (ro, ro), "file", "new"), read_only);
        assert_eq!(rename_at(&mut guest, (ro, DIR), "file", "new"), read_only);
        assert_eq!(rename_at(&mut guest, (DIR, ro), "file", "new"), read_only);
        let result = guest.with_path("file", &[], |c, m, path, len| {
            path_filestat_set_times(c, m, ro, 0, path, len, 0, 0, 5)
        });
        assert_eq!(result, read_only);
        assert_eq!(std::fs::read_dir(guest.dir.path()).unwrap().count(), 2);
    }
}

#[test]
fn files_and_closed_numbers_hold_no_names() {
    let mut guest = Guest::new();
    let file = guest.open("file", OPEN_CREATE, READ_WRITE).unwrap();
    for (fd, error) in [(file, Errno::NotDir), (Fd(99), Errno::BadF)] {
        assert_eq!(mkdir(&mut guest, fd, "x"), Err(error));
        assert_eq!(rmdir(&mut guest, fd, "x"), Err(error));
        assert_eq!(unlink(&mut guest, fd, "x"), Err(error));
        assert_eq!(rename_at(&mut guest, (fd, DIR), "x", "y"), Err(error));
        assert_eq!(rename_at(&mut guest, (DIR, fd), "file", "y"), Err(error));
    }
}
