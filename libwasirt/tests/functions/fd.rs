//! `fd_close`, `fd_renumber`, `fd_prestat_*`, and what is about a file's room: numbers, names, sizes.

use libwasirt::errno::Errno;
use libwasirt::functions::*;
use libwasirt::types::*;

use crate::guest::*;

fn renumber(guest: &mut Guest, from: Fd, to: Fd) -> Result<(), Errno> {
    guest.run(&[], |c, m| fd_renumber(c, m, from, to))
}

#[test]
fn the_lowest_free_number_is_given_and_a_closed_one_is_badf() {
    let mut guest = Guest::new();
    guest.write_host_file("file", "");
    // 0 to 2 are closed, 3 and 4 are the directories.
    let numbers: Vec<Fd> = (0..5).map(|_| guest.open("file", 0, READ).unwrap()).collect();
    assert_eq!(numbers, [Fd(0), Fd(1), Fd(2), Fd(5), Fd(6)]);
    guest.close(Fd(5)).unwrap();
    assert_eq!(guest.close(Fd(5)), Err(Errno::BadF));
    guest.close(Fd(1)).unwrap();
    assert_eq!(guest.open("file", 0, READ), Ok(Fd(1)));
    assert_eq!(guest.open("file", 0, READ), Ok(Fd(5)));
    assert_eq!(guest.close(Fd(u32::MAX)), Err(Errno::BadF));
}

#[test]
fn a_granted_directory_can_be_closed() {
    let mut guest = Guest::new();
    guest.close(DIR).unwrap();
    assert_eq!(guest.open("file", OPEN_CREATE, READ), Err(Errno::BadF));
    assert_eq!(guest.run(&[], |c, m| fd_prestat_get(c, m, DIR, OUT)), Err(Errno::BadF));
}

#[test]
fn renumber_moves_and_closes_what_was_there() {
    let mut guest = Guest::new();
    guest.write_host_file("a", "A");
    guest.write_host_file("b", "B");
    let a = guest.open("a", 0, READ).unwrap();
    let b = guest.open("b", 0, READ).unwrap();
    renumber(&mut guest, a, b).unwrap();
    assert_eq!(guest.read(b, 1), Ok(b"A".to_vec()));
    assert_eq!(guest.read(a, 1), Err(Errno::BadF));
    renumber(&mut guest, b, b).unwrap();
    assert_eq!(renumber(&mut guest, a, b), Err(Errno::BadF));
    assert_eq!(renumber(&mut guest, b, a), Err(Errno::BadF));
    assert_eq!(renumber(&mut guest, b, Fd(1 << 30)), Err(Errno::BadF));
    assert_eq!(renumber(&mut guest, a, a), Err(Errno::BadF));
    // Over a granted directory, too.
    renumber(&mut guest, b, DIR).unwrap();
    assert_eq!(guest.open("a", 0, READ), Err(Errno::NotDir));
}

#[test]
fn no_host_descriptor_is_lost_in_many_rounds() {
    let mut guest = Guest::new();
    guest.write_host_file("file", "");
    for _ in 0..20_000 {
        let a = guest.context.fds.len();
        let fd = open_unchecked(&mut guest);
        let other = open_unchecked(&mut guest);
        guest.context.fds.renumber(fd, other).unwrap();
        guest.context.fds.remove(other).unwrap();
        assert!(guest.context.fds.len() <= a.max(5));
    }
}

/// Opens without comparing the whole memory: 20,000 rounds would take a minute.
fn open_unchecked(guest: &mut Guest) -> Fd {
    let len = guest.put(DATA, b"file");
    let instance = guest.instance();
    // SAFETY: the instance is alive.
    let memory = unsafe { libwasirt::guest::GuestMemory::of_instance(instance) };
    path_open(&guest.context, memory, DIR, 0, DATA, len, 0, READ, 0, 0, OUT).unwrap();
    Fd(guest.u32_at(OUT))
}

#[test]
fn granted_directories_are_found_by_name() {
    let mut guest = Guest::new();
    guest.run(&[(OUT, 8)], |c, m| fd_prestat_get(c, m, DIR, OUT)).unwrap();
    assert_eq!((guest.bytes(OUT, 1)[0], guest.u32_at(GuestPtr(OUT.0 + 4))), (0, 2));
    guest.run(&[(DATA, 2)], |c, m| fd_prestat_dir_name(c, m, DIR, DATA, 2)).unwrap();
    assert_eq!(guest.bytes(DATA, 2), b"rw");
    // Only the name is written, without a NUL, into a longer buffer.
    guest.run(&[(DATA, 2)], |c, m| fd_prestat_dir_name(c, m, READ_ONLY_DIR, DATA, 10)).unwrap();
    assert_eq!(guest.bytes(DATA, 2), b"ro");
    assert_eq!(guest.run(&[], |c, m| fd_prestat_dir_name(c, m, DIR, DATA, 1)), Err(Errno::NameTooLong));
    assert_eq!(guest.run(&[], |c, m| fd_prestat_get(c, m, Fd(5), OUT)), Err(Errno::BadF));
    let opened = guest.open(".", OPEN_DIRECTORY, 0).unwrap();
    assert_eq!(guest.run(&[], |c, m| fd_prestat_get(c, m, opened, OUT)), Err(Errno::BadF));
    assert_eq!(guest.run(&[], |c, m| fd_prestat_dir_name(c, m, opened, DATA, 9)), Err(Errno::BadF));
}

#[test]
fn allocate_extends_and_never_shrinks() {
    let mut guest = Guest::new();
    let fd = guest.open("file", OPEN_CREATE, READ_WRITE).unwrap();
    guest.write(fd, b"text").unwrap();
    let size = |guest: &Guest| std::fs::metadata(guest.host("file")).unwrap().len();
    guest.run(&[], |c, m| fd_allocate(c, m, fd, 0, 2)).unwrap();
    assert_eq!(size(&guest), 4);
    guest.run(&[], |c, m| fd_allocate(c, m, fd, 100, 28)).unwrap();
    assert_eq!(size(&guest), 128);
    assert_eq!(guest.run(&[], |c, m| fd_allocate(c, m, fd, 0, 0)), Err(Errno::Inval));
    assert_eq!(guest.run(&[], |c, m| fd_allocate(c, m, fd, u64::MAX, 2)), Err(Errno::Inval));
    assert_eq!(guest.run(&[], |c, m| fd_allocate(c, m, DIR, 0, 1)), Err(Errno::BadF));
}

#[test]
fn advice_is_taken_and_unknown_advice_refused() {
    let mut guest = Guest::new();
    let fd = guest.open("file", OPEN_CREATE, READ_WRITE).unwrap();
    for advice in 0..6 {
        guest.run(&[], |c, m| fd_advise(c, m, fd, 0, 10, advice)).unwrap();
    }
    assert_eq!(guest.run(&[], |c, m| fd_advise(c, m, fd, 0, 10, 6)), Err(Errno::Inval));
    assert_eq!(guest.run(&[], |c, m| fd_advise(c, m, fd, u64::MAX, 1, 0)), Err(Errno::Inval));
    assert_eq!(guest.run(&[], |c, m| fd_advise(c, m, DIR, 0, 0, 0)), Err(Errno::BadF));
}

#[test]
fn sync_works_on_files_and_directories() {
    let mut guest = Guest::new();
    let fd = guest.open("file", OPEN_CREATE, READ_WRITE).unwrap();
    for fd in [fd, DIR] {
        guest.run(&[], |c, m| fd_sync(c, m, fd)).unwrap();
        guest.run(&[], |c, m| fd_datasync(c, m, fd)).unwrap();
    }
    assert_eq!(guest.run(&[], |c, m| fd_sync(c, m, Fd(0))), Ok(()), "0 is the file opened above");
    assert_eq!(guest.run(&[], |c, m| fd_datasync(c, m, Fd(77))), Err(Errno::BadF));
}
