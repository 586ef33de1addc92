//! Somebody swaps a directory for a link that leads out while the guest uses the path: 100,000 rounds.
//!
//! How: a thread exchanges `swap` (a directory) with `trap` (a link to what is outside), over and over, in
//! one atomic rename; and renames what `..` leads to. The guest goes through `swap` with one function after
//! the other. It may see either, or an error, but never what is outside.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr::null_mut;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use libwasirt::functions::*;
use libwasirt::path::resolve::Resolver;
use libwasirt::types::*;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::guest::*;
use crate::sentinel::*;

const ROUNDS: u32 = 100_000;
const PROCESS_ROUNDS: u32 = 20_000;

const FIRST: GuestPtr = GuestPtr(32_768);
const SECOND: GuestPtr = GuestPtr(40_960);

/// One round: the functions take turns. Whether the guest saw its own file, which shows that the paths work.
fn play(guest: &mut Guest, round: u32) -> bool {
    let (path, len) =
        (FIRST, guest.put(FIRST, if round & 1 == 0 { b"swap/file" } else { b"swap/../swap/file" }));
    let len = if round & 1 == 0 { 9 } else { len };
    let (other, other_len) = (SECOND, guest.put(SECOND, b"swap/other"));
    match round / 2 % 8 {
        0 | 1 => return read_through(guest, path, len),
        2 => drop(guest.call(|c, m| path_filestat_set_times(c, m, DIR, 1, path, len, 1, 2, 5))),
        3 => drop(guest.call(|c, m| path_create_directory(c, m, DIR, other, other_len))),
        4 => drop(guest.call(|c, m| path_remove_directory(c, m, DIR, other, other_len))),
        5 => drop(guest.call(|c, m| path_symlink(c, m, path, len, DIR, other, other_len))),
        6 => drop(guest.call(|c, m| path_unlink_file(c, m, DIR, other, other_len))),
        _ => {
            let opened = guest.call(|c, m| {
                path_open(c, m, DIR, 1, other, other_len, OPEN_CREATE | OPEN_TRUNCATE, READ_WRITE, 0, 0, OUT)
            });
            if opened.is_ok() {
                let fd = Fd(guest.u32_at(OUT));
                guest.call(|c, m| fd_close(c, m, fd)).expect("it is open");
            }
        }
    }
    false
}

fn read_through(guest: &mut Guest, path: GuestPtr, len: u32) -> bool {
    if guest.call(|c, m| path_open(c, m, DIR, 1, path, len, 0, READ, 0, 0, OUT)).is_err() {
        return false;
    }
    let fd = Fd(guest.u32_at(OUT));
    let (iovs, count) = guest.put_iovecs(&[(DATA, 100)]);
    guest.call(|c, m| fd_read(c, m, fd, iovs, count, OUT)).expect("it is open for reading");
    let text = guest.bytes(DATA, guest.u32_at(OUT)).to_vec();
    assert_eq!(text, b"mine", "text from outside was read");
    guest.call(|c, m| fd_close(c, m, fd)).expect("it is open");
    true
}

/// Makes the directory and the link; answers the granted directory.
fn make_trap(sentinel: &Sentinel) -> PathBuf {
    let granted = sentinel.dir.path().canonicalize().unwrap().join(GRANTED);
    std::fs::create_dir(granted.join("swap")).unwrap();
    std::fs::write(granted.join("swap/file"), "mine").unwrap();
    std::os::unix::fs::symlink("../outside", granted.join("trap")).unwrap();
    granted
}

fn race(resolver: Resolver) {
    let sentinel = Sentinel::new();
    let granted = make_trap(&sentinel);
    let (ends, swaps) = (AtomicBool::new(false), AtomicU32::new(0));
    let seen = std::thread::scope(|scope| {
        scope.spawn(|| {
            let (swap, trap) = (granted.join("swap"), granted.join("trap"));
            while !ends.load(Ordering::Relaxed) {
                renameat_with(CWD, &swap, CWD, &trap, RenameFlags::EXCHANGE).expect("both are there");
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        });
        let mut guest = Guest::granted(Rc::clone(&sentinel.dir), GRANTED);
        guest.context.resolver = resolver;
        let seen = (0..ROUNDS).filter(|&round| play(&mut guest, round)).count();
        ends.store(true, Ordering::Relaxed);
        seen
    });
    let swaps = swaps.load(Ordering::Relaxed);
    assert!(swaps > 1000 && seen > 100, "{swaps} swaps, {seen} files seen: that was no race");
    sentinel.check(|| "the race".to_owned());
}

/// A process that exchanges two names until it is dropped.
struct SwappingProcess(i32);

impl SwappingProcess {
    fn start(one: &Path, other: &Path) -> Self {
        let name = |path: &Path| CString::new(path.as_os_str().as_bytes()).expect("no NUL");
        let (one, other) = (name(one), name(other));
        // SAFETY: the new process makes system calls on memory that was made before, and nothing else.
        unsafe {
            let process = libc::fork();
            if process != 0 {
                assert!(process > 0, "no process");
                return Self(process);
            }
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            let flags = libc::RENAME_EXCHANGE;
            loop {
                libc::renameat2(libc::AT_FDCWD, one.as_ptr(), libc::AT_FDCWD, other.as_ptr(), flags);
            }
        }
    }
}

impl Drop for SwappingProcess {
    fn drop(&mut self) {
        // SAFETY: the process is a child of ours that was not waited for.
        unsafe {
            libc::kill(self.0, libc::SIGKILL);
            libc::waitpid(self.0, null_mut(), 0);
        }
    }
}

#[test]
fn a_directory_that_another_process_swaps_leads_nowhere() {
    for resolver in [Resolver::Kernel, Resolver::Walk] {
        let sentinel = Sentinel::new();
        let granted = make_trap(&sentinel);
        let mut guest = Guest::granted(Rc::clone(&sentinel.dir), GRANTED);
        guest.context.resolver = resolver;
        let swapping = SwappingProcess::start(&granted.join("swap"), &granted.join("trap"));
        let (mut seen, mut refused) = (0, 0);
        for round in 0..PROCESS_ROUNDS {
            // The round that reads, by a path without `..`.
            let is_seen = play(&mut guest, if round % 2 == 0 { 0 } else { round });
            seen += u32::from(is_seen);
            refused += u32::from(round % 2 == 0 && !is_seen);
        }
        drop(swapping);
        assert!(seen > 50 && refused > 50, "{seen} files seen, {refused} refused: that was no race");
        sentinel.check(|| "the race".to_owned());
    }
}

#[test]
fn a_swapped_directory_leads_nowhere_by_the_kernel() {
    race(Resolver::Kernel);
}

#[test]
fn a_swapped_directory_leads_nowhere_by_the_walk() {
    race(Resolver::Walk);
}
