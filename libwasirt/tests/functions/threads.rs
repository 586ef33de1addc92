//! One context that several threads use at a time.
//!
//! How: threads of the test call the functions on one context, each on a memory of its own; what must hold is
//! that each effect happens once, and that nobody waits for somebody who waits. Rounds are as many as take
//! several slices of a processor's time, so that threads meet where there is only one.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::thread::scope;
use std::time::Duration;

use libwasirt::config::{Config, Directory, InputConfig, Preopen};
use libwasirt::context::Context;
use libwasirt::descriptor::{Descriptor, File};
use libwasirt::embedded::{Archive, EmbeddedFile};
use libwasirt::errno::Errno;
use libwasirt::functions::*;
use libwasirt::guest::GuestMemory;
use libwasirt::types::*;
use tempfile::TempDir;
use w2n_abi::{ArchiveHeader, ArchiveKind, ArchiveNode};

use crate::failing_call::with_failing_call;

const DIR: Fd = Fd(3);
const RESULT: GuestPtr = GuestPtr(0);
const IOVECS: GuestPtr = GuestPtr(16);
const PATH: GuestPtr = GuestPtr(64);
const DATA: GuestPtr = GuestPtr(1024);
const SIZE: usize = 16_384;
/// Longer than anything here takes, on any machine.
const TOO_LONG: Duration = Duration::from_secs(120);

/// A thread's own memory.
struct Memory(Vec<u8>);

impl Memory {
    fn new() -> Self {
        Self(vec![0; SIZE])
    }

    fn call<T>(&mut self, function: impl FnOnce(GuestMemory<'_>) -> Result<T, Errno>) -> Result<u32, Errno> {
        // SAFETY: the bytes are borrowed for the call.
        function(unsafe { GuestMemory::new(self.0.as_mut_ptr(), SIZE as u64) })?;
        Ok(u32::from_le_bytes(self.0[..4].try_into().expect("4 bytes")))
    }

    fn put(&mut self, ptr: GuestPtr, bytes: &[u8]) -> u32 {
        self.0[ptr.0 as usize..][..bytes.len()].copy_from_slice(bytes);
        bytes.len() as u32
    }

    fn put_iovec(&mut self, len: u32) {
        self.put(IOVECS, &[DATA.0.to_le_bytes(), len.to_le_bytes()].concat());
    }

    fn open(&mut self, context: &Context, path: &str, oflags: u32, fdflags: u32) -> Result<Fd, Errno> {
        let len = self.put(PATH, path.as_bytes());
        let rights = Rights::FD_READ.0 | Rights::FD_WRITE.0;
        self.call(|m| path_open(context, m, DIR, 0, PATH, len, oflags, rights, 0, fdflags, RESULT)).map(Fd)
    }

    fn read(&mut self, context: &Context, fd: Fd, len: u32) -> Result<Vec<u8>, Errno> {
        self.put_iovec(len);
        let count = self.call(|m| fd_read(context, m, fd, IOVECS, 1, RESULT))?;
        Ok(self.0[DATA.0 as usize..][..count as usize].to_vec())
    }

    fn write(&mut self, context: &Context, fd: Fd, bytes: &[u8]) -> Result<u32, Errno> {
        let len = self.put(DATA, bytes);
        self.put_iovec(len);
        self.call(|m| fd_write(context, m, fd, IOVECS, 1, RESULT))
    }

    fn write_at(&mut self, context: &Context, fd: Fd, bytes: &[u8], offset: u64) -> Result<u32, Errno> {
        let len = self.put(DATA, bytes);
        self.put_iovec(len);
        self.call(|m| fd_pwrite(context, m, fd, IOVECS, 1, offset, RESULT))
    }

    fn close(&mut self, context: &Context, fd: Fd) {
        self.call(|m| fd_close(context, m, fd)).expect("it is open");
    }

    fn names(&mut self, context: &Context, dir: Fd) -> Vec<String> {
        let (mut names, mut cookie) = (Vec::new(), 0);
        loop {
            let used =
                self.call(|m| fd_readdir(context, m, dir, DATA, 4096, cookie, RESULT)).expect("a list");
            let mut rest = &self.0[DATA.0 as usize..][..used as usize];
            while rest.len() >= 24 {
                let len = u32::from_le_bytes(rest[16..20].try_into().expect("4 bytes")) as usize;
                let Some(name) = rest.get(24..24 + len) else { break };
                names.push(String::from_utf8(name.to_vec()).expect("UTF-8"));
                cookie = u64::from_le_bytes(rest[..8].try_into().expect("8 bytes"));
                rest = &rest[24 + len..];
            }
            if used < 4096 {
                return names;
            }
        }
    }
}

/// A context with a directory.
fn context(config: Config) -> (Context, TempDir) {
    let dir = TempDir::new().expect("a temporary directory");
    let file = std::fs::File::open(dir.path()).expect("opening the directory");
    let preopen = Preopen::new(Directory::Host(file.into(), Access::ReadWrite), b"d".to_vec());
    let context = Context::new(Config { preopens: vec![preopen], ..config }).expect("it can be had");
    (context, dir)
}

/// The end of a pipe that the guest reads, and the other one.
fn add_pipe(context: &Context) -> (Fd, std::io::PipeWriter) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let descriptor = Descriptor::new(File::Owned(reader.into()), FileType::Unknown, Rights::STREAM);
    (context.fds.insert(descriptor).expect("there is a number"), writer)
}

/// Waits until the thread sleeps in a call of the host.
fn wait_until_asleep(thread: i32) {
    for _ in 0..10_000 {
        let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).expect("it is alive");
        if stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S')) {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("the thread never slept");
}

fn this_thread() -> i32 {
    rustix::thread::gettid().as_raw_nonzero().get()
}

#[test]
fn a_read_that_waits_keeps_nobody_waiting() {
    let (context, _dir) = context(Config::default());
    let (pipe, mut writer) = add_pipe(&context);
    let (started, ids) = channel();
    let (done, finished) = channel();
    scope(|scope| {
        let reader = scope.spawn(|| {
            started.send(this_thread()).expect("somebody waits for it");
            Memory::new().read(&context, pipe, 100)
        });
        let mut poll_memory = Memory::new();
        let poller = scope.spawn({
            let (started, context) = (started.clone(), &context);
            move || {
                started.send(this_thread()).expect("somebody waits for it");
                // One subscription, to read the pipe.
                poll_memory.put(DATA, &[0; 48]);
                poll_memory.put(GuestPtr(DATA.0 + 8), &[1]);
                poll_memory.put(GuestPtr(DATA.0 + 16), &pipe.0.to_le_bytes());
                poll_memory.call(|m| poll_oneoff(context, m, DATA, GuestPtr(2048), 1, RESULT))
            }
        });
        wait_until_asleep(ids.recv().expect("the first"));
        wait_until_asleep(ids.recv().expect("the second"));
        scope.spawn(|| {
            let mut memory = Memory::new();
            let file = memory.open(&context, "file", OPEN_CREATE, 0).expect("it is made");
            memory.write(&context, file, b"text").expect("it is written");
            memory.call(|m| fd_fdstat_get(&context, m, pipe, DATA)).expect("it is open");
            memory
                .call(|m| fd_fdstat_set_rights(&context, m, pipe, Rights::STREAM.0, 0))
                .expect("it has them");
            memory.close(&context, file);
            assert!(memory.names(&context, DIR).contains(&"file".to_owned()));
            done.send(()).expect("somebody waits for it");
        });
        let others = finished.recv_timeout(TOO_LONG);
        writer.write_all(b"at last").expect("writing");
        assert_eq!(others, Ok(()), "others waited for the thread that reads");
        assert_eq!(reader.join().expect("no panic"), Ok(b"at last".to_vec()));
        drop(writer);
        assert_eq!(poller.join().expect("no panic"), Ok(1));
    });
}

#[test]
fn a_file_that_is_closed_during_a_call_stays_what_it_was() {
    let (context, dir) = context(Config::default());
    std::fs::write(dir.path().join("file"), "another file").expect("writing a file");
    let (pipe, mut writer) = add_pipe(&context);
    let (started, ids) = channel();
    scope(|scope| {
        let reader = scope.spawn(|| {
            started.send(this_thread()).expect("somebody waits for it");
            Memory::new().read(&context, pipe, 100)
        });
        wait_until_asleep(ids.recv().expect("it started"));
        let mut memory = Memory::new();
        memory.close(&context, pipe);
        assert_eq!(memory.open(&context, "file", 0, 0), Ok(pipe), "the number is free");
        writer.write_all(b"of the pipe").expect("somebody reads it");
        assert_eq!(reader.join().expect("no panic"), Ok(b"of the pipe".to_vec()));
        assert_eq!(memory.read(&context, pipe, 100), Ok(b"another file".to_vec()));
    });
    assert!(writer.write_all(b"x").is_err(), "the last one closed it");
}

#[test]
fn a_number_is_one_threads_at_a_time() {
    const THREADS: u32 = 8;
    const ROUNDS: u32 = 500;
    let (context, dir) = context(Config::default());
    std::fs::write(dir.path().join("file"), "").expect("writing a file");
    let users: Vec<AtomicU32> = (0..100).map(|_| AtomicU32::new(0)).collect();
    let before = context.fds.open_count();
    scope(|scope| {
        for thread in 1..=THREADS {
            let (context, users) = (&context, &users);
            scope.spawn(move || {
                let mut memory = Memory::new();
                for _ in 0..ROUNDS {
                    let fd = memory.open(context, "file", 0, 0).expect("it is there");
                    assert_eq!(
                        users[fd.0 as usize].swap(thread, Ordering::Relaxed),
                        0,
                        "somebody has {fd:?}"
                    );
                    users[fd.0 as usize].store(0, Ordering::Relaxed);
                    memory.close(context, fd);
                }
            });
        }
    });
    assert_eq!(context.fds.open_count(), before);
    assert!(context.fds.len() <= before + 3 + THREADS as usize, "numbers are taken again");
}

#[test]
fn no_thread_gets_past_the_limit() {
    const THREADS: usize = 8;
    const LEFT: usize = 3;
    let (context, _dir) = context(Config { max_fds: Some(1 + LEFT), ..Config::default() });
    let created = AtomicU32::new(0);
    scope(|scope| {
        for thread in 0..THREADS {
            let (context, created) = (&context, &created);
            scope.spawn(move || match Memory::new().open(context, &format!("{thread}"), OPEN_CREATE, 0) {
                Ok(_) => drop(created.fetch_add(1, Ordering::Relaxed)),
                Err(error) => assert_eq!(error, Errno::MFile),
            });
        }
    });
    assert_eq!(created.load(Ordering::Relaxed) as usize, LEFT);
    // A call that is refused makes no file.
    assert_eq!(std::fs::read_dir(_dir.path()).expect("a list").count(), LEFT);
}

/// How many bytes of each value there are.
type Counts = Vec<u32>;

fn counts(bytes: &[u8]) -> Counts {
    let mut counts = vec![0; 256];
    bytes.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
    counts
}

/// Reads all of it by several threads; the bytes that they got, together.
fn read_by_threads(context: &Context, fd: Fd) -> Counts {
    scope(|scope| {
        let read = || {
            // Long reads: what may not be interrupted is most of the time.
            let (mut memory, mut all) = (Memory::new(), counts(&[]));
            loop {
                match memory.read(context, fd, 12_000).expect("it can be read") {
                    part if part.is_empty() => return all,
                    part => all.iter_mut().zip(counts(&part)).for_each(|(sum, count)| *sum += count),
                }
            }
        };
        let readers: Vec<_> = (0..4).map(|_| scope.spawn(read)).collect();
        let parts = readers.into_iter().map(|reader| reader.join().expect("no panic"));
        parts.reduce(|one, other| one.iter().zip(other).map(|(a, b)| a + b).collect()).expect("four")
    })
}

const PASSES: u32 = 25;

/// Bytes that can be told apart where a part is read twice, or not at all.
fn text() -> Vec<u8> {
    (0..4_000_000u32).map(|index| (index / 1000) as u8).collect()
}

#[test]
fn each_byte_of_a_packed_file_is_read_once() {
    let start = (size_of::<ArchiveHeader>() + size_of::<ArchiveNode>()) as u64;
    let text = text();
    let node = ArchiveNode {
        name_offset: start,
        data_offset: start,
        data_len: text.len() as u64,
        name_len: 0,
        kind: ArchiveKind::File as u32,
        parent: 0,
        first_child: 0,
        child_count: 0,
        reserved: 0,
    };
    let mut bytes = vec![1, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend(node.to_bytes());
    bytes.extend(&text);
    let archive = Archive::new(bytes.leak(), 0);
    let (context, _dir) = context(Config::default());
    for _ in 0..PASSES {
        let file = EmbeddedFile::root(archive.clone()).expect("it has a node");
        let descriptor = Descriptor::new(File::Embedded(file), FileType::RegularFile, Rights::REGULAR_FILE);
        let fd = context.fds.insert(descriptor).expect("there is a number");
        assert!(read_by_threads(&context, fd) == counts(&text));
    }
}

#[test]
fn each_byte_of_a_given_input_is_read_once() {
    let text = text();
    for _ in 0..PASSES {
        let (context, _dir) =
            context(Config { stdin: InputConfig::Bytes(text.clone()), ..Config::default() });
        assert!(read_by_threads(&context, Fd(0)) == counts(&text));
    }
}

#[test]
fn a_directory_can_be_listed_by_several() {
    let (context, dir) = context(Config::default());
    let mut expected = BTreeSet::from([".".to_owned(), "..".to_owned()]);
    for index in 0..400 {
        let name = format!("a-rather-long-name-{index}");
        std::fs::write(dir.path().join(&name), "").expect("writing a file");
        expected.insert(name);
    }
    scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut memory = Memory::new();
                for _ in 0..150 {
                    let names = memory.names(&context, DIR);
                    assert_eq!(names.len(), expected.len(), "each once");
                    assert!(names.into_iter().collect::<BTreeSet<_>>() == expected);
                }
            });
        }
    });
}

/// Appends and writes at an offset, of one open file, by two threads: what is appended stands behind all
/// else.
fn append_and_write_at(write_at: impl FnOnce(&Context, Fd, &AtomicBool) + Send) {
    const RECORDS: usize = 20_000;
    let (context, dir) = context(Config::default());
    let file =
        Memory::new().open(&context, "file", OPEN_CREATE, FdFlags::APPEND.0.into()).expect("it is made");
    Memory::new().write(&context, file, b"........").expect("it is written");
    let ends = AtomicBool::new(false);
    scope(|scope| {
        scope.spawn(|| write_at(&context, file, &ends));
        let mut memory = Memory::new();
        for _ in 0..RECORDS {
            // The end is where the position is not.
            memory.call(|m| fd_seek(&context, m, file, 0, 0, RESULT)).expect("it can be sought in");
            assert_eq!(memory.write(&context, file, b"appended"), Ok(8));
        }
        ends.store(true, Ordering::Relaxed);
    });
    let text = std::fs::read(dir.path().join("file")).expect("it is there");
    assert_eq!(text.len(), 8 * (RECORDS + 1));
    assert_eq!(&text[..8], b"at start");
    assert!(text[8..].chunks(8).all(|record| record == b"appended"));
}

fn write_at_until(context: &Context, file: Fd, ends: &AtomicBool) {
    let mut memory = Memory::new();
    loop {
        assert_eq!(memory.write_at(context, file, b"at start", 0), Ok(8));
        if ends.load(Ordering::Relaxed) {
            return;
        }
    }
}

#[test]
fn what_is_appended_goes_to_the_end_while_others_write_elsewhere() {
    append_and_write_at(write_at_until);
}

#[test]
fn it_does_where_the_host_must_forget_to_append_for_a_moment() {
    append_and_write_at(|context, file, ends| {
        with_failing_call(
            libc::SYS_pwritev2,
            libc::EOPNOTSUPP,
            || (),
            |()| write_at_until(context, file, ends),
        );
    });
}

#[test]
fn rights_that_threads_give_up_are_gone() {
    let (context, dir) = context(Config::default());
    std::fs::write(dir.path().join("file"), "").expect("writing a file");
    for _ in 0..200 {
        let mut memory = Memory::new();
        let file = memory.open(&context, "file", 0, 0).expect("it is there");
        let all = context.fds.get(file).expect("it is open").rights.get();
        scope(|scope| {
            for right in [Rights::FD_READ, Rights::FD_WRITE, Rights::FD_SEEK] {
                let (context, left) = (&context, all.without(right).0);
                scope.spawn(move || {
                    // Who comes later asks for a right that is gone, and changes nothing.
                    let kept = Memory::new().call(|m| fd_fdstat_set_rights(context, m, file, left, 0));
                    assert!(matches!(kept.map(drop), Ok(()) | Err(Errno::NotCapable)));
                });
            }
        });
        let left = context.fds.get(file).expect("it is open").rights.get();
        assert!(all.contains(left) && left != all, "the first one's is gone");
        memory.close(&context, file);
    }
}
