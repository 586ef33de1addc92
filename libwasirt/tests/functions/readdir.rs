//! `fd_readdir`: all entries once, whatever the buffer, and while the directory changes.

use std::collections::BTreeSet;

use libwasirt::errno::Errno;
use libwasirt::functions::*;
use libwasirt::types::*;

use crate::guest::*;

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    next: u64,
    inode: u64,
    file_type: u8,
    name: String,
}

/// One call; the entries that are whole, and the bytes used.
fn readdir(guest: &mut Guest, fd: Fd, len: u32, cookie: u64) -> Result<(Vec<Entry>, u32), Errno> {
    guest.run(&[(DATA, len), (OUT, 4)], |c, m| fd_readdir(c, m, fd, DATA, len, cookie, OUT))?;
    let used = guest.u32_at(OUT);
    assert!(used <= len);
    let mut rest = guest.bytes(DATA, used);
    let mut entries = Vec::new();
    while rest.len() >= 24 {
        let word = |at: usize| u64::from_le_bytes(rest[at..at + 8].try_into().unwrap());
        let end = 24 + u32::from_le_bytes(rest[16..20].try_into().unwrap()) as usize;
        if rest.len() < end {
            break;
        }
        let name = String::from_utf8(rest[24..end].to_vec()).unwrap();
        entries.push(Entry { next: word(0), inode: word(8), file_type: rest[20], name });
        rest = &rest[end..];
    }
    Ok((entries, used))
}

/// All names, read with a buffer of `len` bytes.
fn all_names(guest: &mut Guest, fd: Fd, len: u32) -> Vec<String> {
    let (mut names, mut cookie) = (Vec::new(), 0);
    loop {
        let (entries, used) = readdir(guest, fd, len, cookie).unwrap();
        cookie = entries.last().map_or(cookie, |entry| entry.next);
        assert!(!entries.is_empty() || used < len, "the buffer holds one entry at least");
        names.extend(entries.into_iter().map(|entry| entry.name));
        if used < len {
            names.sort();
            return names;
        }
    }
}

#[test]
fn an_empty_directory_has_itself_and_its_parent() {
    let mut guest = Guest::new();
    let (mut entries, used) = readdir(&mut guest, DIR, 4096, 0).unwrap();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), [".", ".."]);
    assert!(entries.iter().all(|entry| entry.file_type == FileType::Directory as u8));
    assert_eq!(used, 24 + 1 + 24 + 2);
    let stat = std::fs::metadata(guest.dir.path()).unwrap();
    assert_eq!(entries[0].inode, std::os::unix::fs::MetadataExt::ino(&stat));
}

#[test]
fn types_and_inodes_are_those_of_the_entries() {
    let mut guest = Guest::new();
    guest.write_host_file("file", "");
    guest.make_host_dir("dir");
    guest.link_host("file", "link");
    let (entries, _) = readdir(&mut guest, DIR, 4096, 0).unwrap();
    for (name, file_type) in
        [("file", FileType::RegularFile), ("dir", FileType::Directory), ("link", FileType::SymbolicLink)]
    {
        let entry = entries.iter().find(|entry| entry.name == name).unwrap();
        assert_eq!(entry.file_type, file_type as u8);
        let stat = std::fs::symlink_metadata(guest.host(name)).unwrap();
        assert_eq!(entry.inode, std::os::unix::fs::MetadataExt::ino(&stat));
    }
}

#[test]
fn every_buffer_size_gives_every_entry_once() {
    let mut guest = Guest::new();
    let mut expected = vec![".".to_string(), "..".to_string()];
    for index in 0..300 {
        let name = format!("entry-{index:03}{}", "x".repeat(index % 40));
        guest.write_host_file(&name, "");
        expected.push(name);
    }
    expected.sort();
    for len in [80, 100, 256, 4096, 40_000] {
        assert_eq!(all_names(&mut guest, DIR, len), expected, "buffer of {len}");
    }
}

#[test]
fn a_buffer_too_small_for_one_entry_gets_its_beginning() {
    let mut guest = Guest::new();
    for len in [0, 1, 10, 23, 24] {
        assert_eq!(readdir(&mut guest, DIR, len, 0).unwrap().1, len);
    }
}

#[test]
fn cookies_stay_right_while_entries_come_and_go() {
    let mut guest = Guest::new();
    for index in 0..100 {
        guest.write_host_file(&format!("old-{index:02}"), "");
    }
    let (first, _) = readdir(&mut guest, DIR, 1000, 0).unwrap();
    let cookie = first.last().unwrap().next;
    let seen: BTreeSet<String> = first.into_iter().map(|entry| entry.name).collect();
    // What was seen goes, other names come: the rest is still complete.
    for name in seen.iter().filter(|name| name.starts_with("old")) {
        std::fs::remove_file(guest.host(name)).unwrap();
    }
    for index in 0..50 {
        guest.write_host_file(&format!("new-{index:02}"), "");
    }
    let (rest, _) = readdir(&mut guest, DIR, 40_000, cookie).unwrap();
    let rest: BTreeSet<String> = rest.into_iter().map(|entry| entry.name).collect();
    for index in 0..100 {
        let name = format!("old-{index:02}");
        assert!(seen.contains(&name) != rest.contains(&name), "{name} must be listed exactly once");
    }
}

#[test]
fn wrong_descriptors_cookies_and_pointers_are_refused() {
    let mut guest = Guest::new();
    let fd = guest.open("file", OPEN_CREATE, READ).unwrap();
    assert_eq!(readdir(&mut guest, fd, 100, 0).map(drop), Err(Errno::NotDir));
    assert_eq!(readdir(&mut guest, Fd(99), 100, 0).map(drop), Err(Errno::BadF));
    assert_eq!(readdir(&mut guest, DIR, 100, 1 << 63).map(drop), Err(Errno::Inval));
    let past = GuestPtr(MEMORY_SIZE - 9);
    assert_eq!(guest.run(&[], |c, m| fd_readdir(c, m, DIR, past, 10, 0, OUT)), Err(Errno::Fault));
    let past = GuestPtr(MEMORY_SIZE - 3);
    assert_eq!(guest.run(&[], |c, m| fd_readdir(c, m, DIR, DATA, 10, 0, past)), Err(Errno::Fault));
}
