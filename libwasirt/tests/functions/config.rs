//! What a host gives a guest in place of the process's own: streams, clocks, random bytes, directories.
//!
//! How: a context is made of a configuration, and a guest made by hand calls the functions on it.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use libwasirt::config::{Config, Directory, InputConfig, OutputConfig, Preopen};
use libwasirt::context::{ConfigError, Context};
use libwasirt::entropy::Entropy;
use libwasirt::errno::Errno;
use libwasirt::functions::*;
use libwasirt::host_call::preview1;
use libwasirt::stream::OutputBuffer;
use libwasirt::time::{Clock, Clocks};
use libwasirt::types::*;
use tempfile::TempDir;
use w2n_abi::{TrapCode, ValueSlot};

use crate::guest::*;

const STDIN: Fd = Fd(0);
const STDOUT: Fd = Fd(1);
const STDERR: Fd = Fd(2);
const HOUR_NS: u64 = 3_600_000_000_000;

fn guest(config: Config) -> Guest {
    let context = Context::new(config).expect("it can be had");
    Guest::with(context, TempDir::new().expect("a temporary directory"), MemoryIs::Exported("memory"))
}

fn with_stdin(stdin: InputConfig) -> Guest {
    guest(Config { stdin, ..Config::default() })
}

fn with_stdout(stdout: OutputConfig) -> Guest {
    guest(Config { stdout, ..Config::default() })
}

#[test]
fn the_default_gives_nothing() {
    let mut guest = guest(Config::default());
    guest.run(&[(OUT, 4), (OUT2, 4)], |c, m| args_sizes_get(c, m, OUT, OUT2)).unwrap();
    assert_eq!((guest.u32_at(OUT), guest.u32_at(OUT2)), (0, 0));
    guest.run(&[(OUT, 4), (OUT2, 4)], |c, m| environ_sizes_get(c, m, OUT, OUT2)).unwrap();
    assert_eq!((guest.u32_at(OUT), guest.u32_at(OUT2)), (0, 0));
    assert_eq!(guest.read(STDIN, 1), Err(Errno::BadF));
    assert_eq!(guest.write(STDOUT, b"x"), Err(Errno::BadF));
    assert_eq!(guest.run(&[], |c, m| fd_prestat_get(c, m, Fd(3), OUT)), Err(Errno::BadF));
}

#[test]
fn given_bytes_are_read_once_and_then_it_ends() {
    let mut guest = with_stdin(InputConfig::Bytes(b"some input".to_vec()));
    assert_eq!(guest.read(STDIN, 4), Ok(b"some".to_vec()));
    assert_eq!(guest.read(STDIN, 100), Ok(b" input".to_vec()));
    assert_eq!(guest.read(STDIN, 100), Ok(vec![]));
    assert_eq!(guest.write(STDIN, b"x"), Err(Errno::BadF));
}

#[test]
fn given_bytes_fill_buffers_in_order() {
    let mut guest = with_stdin(InputConfig::Bytes(b"abcdef".to_vec()));
    let (iovs, count) = guest.put_iovecs(&[(DATA, 2), (GuestPtr(MEMORY_SIZE), 0), (OUT2, 3)]);
    guest.run(&[(OUT, 4), (DATA, 2), (OUT2, 3)], |c, m| fd_read(c, m, STDIN, iovs, count, OUT)).unwrap();
    assert_eq!((guest.u32_at(OUT), guest.bytes(DATA, 2), guest.bytes(OUT2, 3)), (5, &b"ab"[..], &b"cde"[..]));
}

#[test]
fn a_buffer_keeps_what_is_written_for_the_host() {
    let buffer = OutputBuffer::new(1000);
    let mut guest = guest(Config {
        stdout: OutputConfig::Buffer(buffer.clone()),
        stderr: OutputConfig::Buffer(buffer.clone()),
        ..Config::default()
    });
    assert_eq!(guest.write(STDOUT, b"out, "), Ok(5));
    assert_eq!(guest.write(STDERR, b"err"), Ok(3));
    assert_eq!(buffer.bytes(), b"out, err");
    assert_eq!(buffer.take(), b"out, err");
    assert_eq!(guest.write(STDOUT, b"more"), Ok(4));
    assert_eq!(buffer.take(), b"more");
    assert_eq!(guest.read(STDOUT, 1), Err(Errno::BadF));
}

#[test]
fn a_full_buffer_is_nospc() {
    let buffer = OutputBuffer::new(6);
    let mut guest = with_stdout(OutputConfig::Buffer(buffer.clone()));
    assert_eq!(guest.write(STDOUT, b"12345678"), Ok(6), "what there is room for");
    assert_eq!(guest.write(STDOUT, b"9"), Err(Errno::NoSpc));
    assert_eq!(guest.write(STDOUT, b""), Ok(0));
    assert_eq!(buffer.take(), b"123456");
    assert_eq!(guest.write(STDOUT, b"9"), Ok(1), "it was emptied");
}

#[test]
fn a_function_takes_what_is_written() {
    let seen: Arc<Mutex<Vec<u8>>> = Arc::default();
    let sink = Arc::clone(&seen);
    let mut guest = with_stdout(OutputConfig::Callback(Box::new(move |bytes| {
        match bytes {
            b"refuse" => return Err(Errno::Pipe),
            b"lie" => return Ok(1000),
            _ => {}
        }
        let count = bytes.len().min(4);
        sink.lock().unwrap().extend_from_slice(&bytes[..count]);
        Ok(count)
    })));
    assert_eq!(guest.write(STDOUT, b"123456"), Ok(4));
    assert_eq!(guest.write(STDOUT, b"refuse"), Err(Errno::Pipe));
    assert_eq!(guest.write(STDOUT, b"lie"), Ok(3), "never more than there was");
    assert_eq!(*seen.lock().unwrap(), b"1234");
}

#[test]
fn a_function_has_what_is_read() {
    let rest = Mutex::new(b"from a function".to_vec());
    let mut guest = with_stdin(InputConfig::Callback(Box::new(move |space| {
        let mut rest = rest.lock().unwrap();
        match rest.len() {
            0 => return Err(Errno::Io),
            1 => {
                rest.clear();
                return Ok(space.len() + 1);
            }
            _ => {}
        }
        let count = space.len().min(rest.len() - 1);
        space[..count].copy_from_slice(&rest[..count]);
        rest.drain(..count);
        Ok(count)
    })));
    assert_eq!(guest.read(STDIN, 4), Ok(b"from".to_vec()));
    assert_eq!(guest.read(STDIN, 100), Ok(b" a functio".to_vec()));
    assert_eq!(guest.read(STDIN, 3), Ok(vec![0; 3]), "never more than there was room for");
    assert_eq!(guest.read(STDIN, 3), Err(Errno::Io));
}

#[test]
fn descriptors_in_place_of_the_process() {
    let (stdin, mut to_guest) = std::io::pipe().unwrap();
    let (mut from_guest, stdout) = std::io::pipe().unwrap();
    let mut guest = guest(Config {
        stdin: InputConfig::Descriptor(stdin.into()),
        stdout: OutputConfig::Descriptor(stdout.into()),
        ..Config::default()
    });
    to_guest.write_all(b"in").unwrap();
    assert_eq!(guest.read(STDIN, 9), Ok(b"in".to_vec()));
    assert_eq!(guest.write(STDIN, b"x"), Err(Errno::BadF));
    assert_eq!(guest.write(STDOUT, b"out"), Ok(3));
    assert_eq!(guest.read(STDOUT, 9), Err(Errno::BadF));
    // The guest's NONBLOCK is not the host's, which others may rely on.
    let flags = u32::from(FdFlags::NONBLOCK.0);
    guest.run(&[], |c, m| fd_fdstat_set_flags(c, m, STDIN, flags)).unwrap();
    assert_eq!(guest.read(STDIN, 9), Err(Errno::Again));
    let descriptor = guest.context.fds.get(STDIN).unwrap();
    let host_flags = rustix::fs::fcntl_getfl(descriptor.host().unwrap()).unwrap();
    assert!(!host_flags.contains(rustix::fs::OFlags::NONBLOCK));
    drop((descriptor, guest));
    let mut text = String::new();
    from_guest.read_to_string(&mut text).unwrap();
    assert_eq!(text, "out", "the context closed its end");
}

#[test]
fn no_file_takes_the_number_of_a_closed_stream() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    let directory = std::fs::File::open(dir.path()).unwrap();
    let preopen = Preopen::new(Directory::Host(directory.into(), Access::ReadWrite), b"d".to_vec());
    let mut guest = guest(Config { preopens: vec![preopen], ..Config::default() });
    assert_eq!(guest.open("file", 0, READ), Ok(Fd(4)));
}

#[test]
fn a_stream_of_the_hosts_is_like_a_pipe() {
    let mut guest = with_stdin(InputConfig::Bytes(b"abc".to_vec()));
    guest.run(&[(OUT, 24)], |c, m| fd_fdstat_get(c, m, STDIN, OUT)).unwrap();
    assert_eq!(guest.bytes(OUT, 1)[0], FileType::Unknown as u8);
    assert_eq!(guest.u64_at(GuestPtr(OUT.0 + 8)), Rights::STREAM.0 & !Rights::FD_WRITE.0);
    guest.run(&[(OUT, 64)], |c, m| fd_filestat_get(c, m, STDIN, OUT)).unwrap();
    assert_eq!(guest.bytes(OUT, 64), [0; 64]);
    assert_eq!(guest.run(&[], |c, m| fd_seek(c, m, STDIN, 0, 0, OUT)), Err(Errno::SPipe));
    assert_eq!(guest.run(&[], |c, m| fd_pread(c, m, STDIN, IOVECS, 0, 0, OUT)), Err(Errno::SPipe));
    assert_eq!(guest.run(&[], |c, m| fd_sync(c, m, STDIN)), Err(Errno::NotCapable));
    assert_eq!(guest.run(&[], |c, m| fd_filestat_set_size(c, m, STDIN, 0)), Err(Errno::NotCapable));
    let append = u32::from(FdFlags::APPEND.0);
    assert_eq!(guest.run(&[], |c, m| fd_fdstat_set_flags(c, m, STDIN, append)), Err(Errno::NotSup));
    assert_eq!(guest.run(&[], |c, m| sock_shutdown(c, m, STDIN, 1)), Err(Errno::NotSock));
    // It is ready at once, and says how much is there.
    guest.put(DATA, &[0; 96]);
    guest.put(GuestPtr(DATA.0 + 8), &[1]);
    guest.put(GuestPtr(DATA.0 + 48 + 16), &[1]);
    guest.put(GuestPtr(DATA.0 + 48 + 24), &HOUR_NS.to_le_bytes());
    guest.run(&[(OUT, 64), (OUT2, 4)], |c, m| poll_oneoff(c, m, DATA, OUT, 2, OUT2)).unwrap();
    assert_eq!((guest.u32_at(OUT2), guest.u64_at(GuestPtr(OUT.0 + 16))), (1, 3));
}

#[test]
fn fixed_clocks_stand_still_but_waits_end() {
    let clocks = Clocks::Fixed { realtime: 1_000_000_000, monotonic: 77 };
    let mut guest = guest(Config { clocks, ..Config::default() });
    for (id, time) in [(0, 1_000_000_000), (1, 77), (2, 0), (3, 0), (0, 1_000_000_000)] {
        guest.run(&[(OUT, 8)], |c, m| clock_time_get(c, m, id, 0, OUT)).unwrap();
        assert_eq!(guest.u64_at(OUT), time, "clock {id}");
    }
    guest.run(&[(OUT, 8)], |c, m| clock_res_get(c, m, 0, OUT)).unwrap();
    assert_eq!(guest.u64_at(OUT), 1);
    assert_eq!(guest.run(&[], |c, m| clock_time_get(c, m, 4, 0, OUT)), Err(Errno::Inval));
    // 20 ms from now on the one, at 20 ms past its time on the other.
    for (clock, timeout, flags) in [(1u64, 20_000_000u64, 0u8), (0, 1_020_000_000, 1)] {
        guest.put(DATA, &[0; 48]);
        guest.put(GuestPtr(DATA.0 + 16), &clock.to_le_bytes());
        guest.put(GuestPtr(DATA.0 + 24), &timeout.to_le_bytes());
        guest.put(GuestPtr(DATA.0 + 40), &[flags]);
        let start = Instant::now();
        guest.run(&[(OUT, 32), (OUT2, 4)], |c, m| poll_oneoff(c, m, DATA, OUT, 1, OUT2)).unwrap();
        assert_eq!(guest.u32_at(OUT2), 1);
        assert!(start.elapsed() >= Duration::from_millis(20));
    }
}

#[test]
fn a_function_says_what_time_it_is() {
    let clocks = Clocks::Callback(Box::new(|clock| if clock == Clock::Realtime { 5 } else { 6 }));
    let mut guest = guest(Config { clocks, ..Config::default() });
    for (id, time) in [(0, 5), (1, 6), (3, 6)] {
        guest.run(&[(OUT, 8)], |c, m| clock_time_get(c, m, id, 0, OUT)).unwrap();
        assert_eq!(guest.u64_at(OUT), time, "clock {id}");
    }
}

#[test]
fn a_seed_gives_the_same_bytes_again() {
    let bytes = |seed, len: u32| {
        let mut guest = guest(Config { entropy: Entropy::seeded(seed), ..Config::default() });
        guest.run(&[(DATA, len)], |c, m| random_get(c, m, DATA, len)).unwrap();
        guest.bytes(DATA, len).to_vec()
    };
    assert_eq!(bytes(1, 10_001), bytes(1, 10_001));
    assert_ne!(bytes(1, 100), bytes(2, 100));
    // The first numbers of splitmix64 from 1234567, as its author publishes them.
    assert_eq!(bytes(1_234_567, 8), 6_457_827_717_110_365_317u64.to_le_bytes());
    let long = bytes(3, 40_000);
    assert!((0..=255).all(|byte| long.contains(&byte)), "all bytes come");
}

#[test]
fn a_function_gives_random_bytes_or_an_error() {
    let entropy = Entropy::Callback(Box::new(|bytes| {
        bytes.fill(7);
        if bytes.len() == 13 { Err(Errno::Again) } else { Ok(()) }
    }));
    let mut guest = guest(Config { entropy, ..Config::default() });
    guest.run(&[(DATA, 9000)], |c, m| random_get(c, m, DATA, 9000)).unwrap();
    assert!(guest.bytes(DATA, 9000).iter().all(|&byte| byte == 7));
    assert_eq!(guest.run(&[], |c, m| random_get(c, m, DATA, 13)), Err(Errno::Again));
}

#[test]
fn arguments_and_the_last_of_each_variable() {
    let variable = |key: &str, value: Option<&str>| (key.into(), value.map(Into::into));
    let mut guest = guest(Config {
        args: vec![b"program".to_vec(), b"".to_vec()],
        env: vec![
            variable("A", Some("1")),
            variable("B", Some("2")),
            variable("A", Some("3")),
            variable("B", None),
        ],
        ..Config::default()
    });
    guest.run(&[(OUT, 8), (DATA, 9)], |c, m| args_get(c, m, OUT, DATA)).unwrap();
    assert_eq!(guest.bytes(DATA, 9), b"program\0\0");
    guest.run(&[(OUT, 4), (DATA, 4)], |c, m| environ_get(c, m, OUT, DATA)).unwrap();
    assert_eq!(guest.bytes(DATA, 4), b"A=3\0");
}

#[test]
fn a_directory_has_no_more_rights_than_it_is_given() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("file"), "text").unwrap();
    let directory = || Directory::Host(std::fs::File::open(dir.path()).unwrap().into(), Access::ReadWrite);
    let preopen = Preopen {
        rights: Rights::PATH_OPEN,
        inheriting: Rights::FD_READ,
        ..Preopen::new(directory(), b"d".to_vec())
    };
    let mut guest = guest(Config { preopens: vec![preopen], ..Config::default() });
    let file = guest.open("file", 0, READ).unwrap();
    assert_eq!(guest.read(file, 9), Ok(b"text".to_vec()));
    assert_eq!(guest.open("file", 0, READ_WRITE), Err(Errno::NotCapable));
    assert_eq!(guest.open("new", OPEN_CREATE, READ), Err(Errno::NotCapable));
    assert_eq!(guest.stat(0, "file"), Err(Errno::NotCapable));
}

#[test]
fn more_than_may_be_open_is_an_error() {
    let config = |max_fds| Config {
        stdin: InputConfig::Bytes(Vec::new()),
        stdout: OutputConfig::Buffer(OutputBuffer::new(1)),
        max_fds: Some(max_fds),
        ..Config::default()
    };
    assert_eq!(Context::new(config(1)).map(drop), Err(ConfigError::TooManyDescriptors));
    assert_eq!(Context::new(config(2)).map(drop), Ok(()));
}

#[test]
fn exit_ends_the_call_and_nothing_else() {
    let buffer = OutputBuffer::new(100);
    let mut guest = with_stdout(OutputConfig::Buffer(buffer.clone()));
    let mut slot = ValueSlot::default();
    slot.bits[0] = 7;
    let (env, instance) = (guest.env(), guest.instance());
    assert!(!env.is_null() && !instance.is_null());
    // SAFETY: context and instance are alive, and there is a slot.
    let status = unsafe { preview1::proc_exit(env, instance, &raw mut slot) };
    assert_eq!(status, TrapCode::Exit as u32);
    assert_eq!(guest.write(STDOUT, b"still here"), Ok(10));
    assert_eq!(buffer.take(), b"still here");
}
