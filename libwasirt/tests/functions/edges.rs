//! Pointers at the edges of memory, for every function: the errno is the right one, and a call that fails
//! has written nothing, opened nothing and changed no file.
//!
//! How: each function is called through its C symbol with arguments that work; then each of its pointers in
//! turn is put at each edge. The list of functions is the ABI's, so none can be missing.

use std::ffi::c_void;

use libwasirt::errno::Errno;
use libwasirt::host_call::{preview1, snapshot0};
use libwasirt::memory_place::Word;
use libwasirt::types::*;
use w2n_abi::{ValueSlot, VmInstance, for_each_wasi_function, for_each_wasi_snapshot0_function};

use crate::guest::*;
use crate::sentinel::fingerprint;

type Symbol = unsafe extern "C" fn(*mut c_void, *mut VmInstance<Word>, *mut ValueSlot) -> u32;

macro_rules! preview1_symbols {
    ($($name:ident($($param:ident),*) -> $result:ident;)*) => {
        const PREVIEW1: &[(&str, Symbol)] = &[$((stringify!($name), preview1::$name)),*];
    };
}
for_each_wasi_function!(preview1_symbols);

macro_rules! snapshot0_symbols {
    ($($name:ident($($param:ident),*) -> $result:ident;)*) => {
        const SNAPSHOT0: &[(&str, Symbol)] = &[$((stringify!($name), snapshot0::$name)),*];
    };
}
for_each_wasi_snapshot0_function!(snapshot0_symbols);

/// An argument of a call.
#[derive(Clone, Copy)]
enum Arg {
    /// Not a pointer.
    Value(u64),
    /// A pointer to a result, or to a structure, of so many bytes.
    Struct(GuestPtr, u32),
    /// A pointer to bytes that are read or written, and their number: two parameters.
    Bytes(GuestPtr, u32),
    /// A pointer to two iovecs, and their number: two parameters.
    Iovecs,
}
use Arg::*;

/// The directory, the file, the socket and the listening socket of [`prepare`].
const FILE: u64 = 0;
const SOCKET: u64 = 1;
const LISTENER: u64 = 2;
const DIRECTORY: u64 = DIR.0 as u64;

const PATH: Arg = Bytes(GuestPtr(4096), 4);
const NEW_PATH: Arg = Bytes(GuestPtr(5120), 3);
const LINK_PATH: Arg = Bytes(GuestPtr(6144), 4);
const EMPTY_DIR_PATH: Arg = Bytes(GuestPtr(7168), 5);
const SUBSCRIPTIONS: GuestPtr = GuestPtr(8192);
const RESULT: GuestPtr = GuestPtr(256);
const RESULT2: GuestPtr = GuestPtr(512);
const BUFFER: GuestPtr = GuestPtr(16_384);

/// Arguments with which the function succeeds; `None` for one without pointers.
fn arguments(name: &str) -> Option<Vec<Arg>> {
    let rights = Value(READ_WRITE);
    Some(match name {
        "args_get" | "environ_get" => vec![Struct(RESULT, 4), Struct(BUFFER, 4)],
        "args_sizes_get" | "environ_sizes_get" => vec![Struct(RESULT, 4), Struct(RESULT2, 4)],
        "clock_res_get" => vec![Value(1), Struct(RESULT, 8)],
        "clock_time_get" => vec![Value(1), Value(0), Struct(RESULT, 8)],
        "fd_fdstat_get" => vec![Value(FILE), Struct(RESULT, 24)],
        "fd_filestat_get" => vec![Value(FILE), Struct(RESULT, 64)],
        "fd_pread" | "fd_pwrite" => vec![Value(FILE), Iovecs, Value(0), Struct(RESULT, 4)],
        "fd_read" | "fd_write" => vec![Value(FILE), Iovecs, Struct(RESULT, 4)],
        "fd_prestat_get" => vec![Value(DIRECTORY), Struct(RESULT, 8)],
        "fd_prestat_dir_name" => vec![Value(DIRECTORY), Bytes(BUFFER, 2)],
        "fd_readdir" => vec![Value(DIRECTORY), Bytes(BUFFER, 100), Value(0), Struct(RESULT, 4)],
        "fd_seek" => vec![Value(FILE), Value(1), Value(0), Struct(RESULT, 8)],
        "fd_tell" => vec![Value(FILE), Struct(RESULT, 8)],
        "path_create_directory" => vec![Value(DIRECTORY), NEW_PATH],
        "path_filestat_get" => vec![Value(DIRECTORY), Value(0), PATH, Struct(RESULT, 64)],
        "path_filestat_set_times" => {
            vec![Value(DIRECTORY), Value(0), PATH, Value(1), Value(2), Value(5)]
        }
        "path_link" => vec![Value(DIRECTORY), Value(0), PATH, Value(DIRECTORY), NEW_PATH],
        "path_open" => vec![
            Value(DIRECTORY),
            Value(0),
            NEW_PATH,
            Value(u64::from(OPEN_CREATE)),
            rights,
            rights,
            Value(0),
            Struct(RESULT, 4),
        ],
        "path_readlink" => vec![Value(DIRECTORY), LINK_PATH, Bytes(BUFFER, 10), Struct(RESULT, 4)],
        "path_remove_directory" => vec![Value(DIRECTORY), EMPTY_DIR_PATH],
        "path_rename" => vec![Value(DIRECTORY), PATH, Value(DIRECTORY), NEW_PATH],
        "path_symlink" => vec![PATH, Value(DIRECTORY), NEW_PATH],
        "path_unlink_file" => vec![Value(DIRECTORY), PATH],
        "poll_oneoff" => vec![Struct(SUBSCRIPTIONS, 48), Struct(BUFFER, 32), Value(1), Struct(RESULT, 4)],
        "random_get" => vec![Bytes(BUFFER, 100)],
        "sock_accept" => vec![Value(LISTENER), Value(0), Struct(RESULT, 4)],
        "sock_recv" => vec![Value(SOCKET), Iovecs, Value(0), Struct(RESULT, 4), Struct(RESULT2, 2)],
        "sock_send" => vec![Value(SOCKET), Iovecs, Value(0), Struct(RESULT, 4)],
        "fd_advise"
        | "fd_allocate"
        | "fd_close"
        | "fd_datasync"
        | "fd_fdstat_set_flags"
        | "fd_fdstat_set_rights"
        | "fd_filestat_set_size"
        | "fd_filestat_set_times"
        | "fd_renumber"
        | "fd_sync"
        | "proc_exit"
        | "proc_raise"
        | "sched_yield"
        | "sock_shutdown" => return None,
        _ => panic!("{name} has no arguments here"),
    })
}

/// The same for the functions of snapshot 0, where structures have other sizes.
fn snapshot0_arguments(name: &str) -> Vec<Arg> {
    let mut arguments = arguments(name).expect("all have pointers");
    for argument in &mut arguments {
        match argument {
            Struct(_, size @ 64) => *size = 56,
            Struct(_, size @ 48) => *size = 56,
            _ => {}
        }
    }
    arguments
}

/// Where the pointers go: addresses, and the places of other arguments of the same call.
const EDGES: [u32; 11] = [
    0,
    MEMORY_SIZE - 1,
    MEMORY_SIZE,
    MEMORY_SIZE + 1,
    1 << 31,
    u32::MAX,
    u32::MAX - 7,
    256,
    4096,
    IOVECS.0,
    16_384,
];

/// A guest with a file at 0, a connected socket with data at 1, a listening socket with somebody waiting
/// at 2, and everything that [`arguments`] names.
fn prepare() -> (Guest, Vec<Box<dyn std::any::Any>>) {
    let mut guest = Guest::new();
    guest.context.args.push(&[b"app"]);
    guest.context.environ.push(&[b"K=V"]);
    guest.write_host_file("file", "some text");
    guest.make_host_dir("empty");
    guest.link_host("file", "link");
    let file = guest.open("file", 0, READ_WRITE).expect("it is there");
    let keep = sockets(&mut guest);
    assert_eq!(u64::from(file.0), FILE);
    for (place, bytes) in
        [(PATH, &b"file"[..]), (NEW_PATH, b"new"), (LINK_PATH, b"link"), (EMPTY_DIR_PATH, b"empty")]
    {
        let Bytes(ptr, _) = place else { panic!("paths are bytes") };
        guest.put(ptr, bytes);
    }
    guest.put(SUBSCRIPTIONS, &[0; 56]);
    guest.put_iovecs(&[(BUFFER, 4), (GuestPtr(BUFFER.0 + 100), 4)]);
    (guest, keep)
}

/// Inserts the two sockets; what is answered keeps their other ends open.
fn sockets(guest: &mut Guest) -> Vec<Box<dyn std::any::Any>> {
    use std::io::Write;
    let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().expect("a pair of sockets");
    theirs.write_all(b"12345678").expect("writing to a socket");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listening socket");
    let address = listener.local_addr().expect("it has an address");
    let waiting = std::net::TcpStream::connect(address).expect("the listener's backlog takes it");
    let socket = guest.insert_socket(ours.into());
    let listening = guest.insert_socket(listener.into());
    assert_eq!((u64::from(socket.0), u64::from(listening.0)), (SOCKET, LISTENER));
    vec![Box::new(theirs), Box::new(waiting)]
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Bytes,
    /// A list of iovecs: pointers again.
    List,
}

/// A parameter that is a pointer, and the bytes that it stands for.
#[derive(Clone, Copy)]
struct Pointer {
    parameter: usize,
    size_bytes: u32,
    what: What,
}

/// The slots of a call, and the pointers among them.
fn slots(arguments: &[Arg]) -> (Vec<u64>, Vec<Pointer>) {
    let (mut values, mut pointers) = (Vec::new(), Vec::new());
    for argument in arguments {
        let parameter = values.len();
        let mut push = |size_bytes, what, slots: &[u64]| {
            values.extend_from_slice(slots);
            pointers.push(Pointer { parameter, size_bytes, what });
        };
        match *argument {
            Value(value) => values.push(value),
            Struct(ptr, size) => push(size, What::Bytes, &[u64::from(ptr.0)]),
            Bytes(ptr, len) => push(len, What::Bytes, &[u64::from(ptr.0), u64::from(len)]),
            Iovecs => push(16, What::List, &[u64::from(IOVECS.0), 2]),
        }
    }
    (values, pointers)
}

/// Calls the symbol; its errno, 0 for success.
fn call(guest: &mut Guest, symbol: Symbol, values: &[u64]) -> u64 {
    let mut slots: Vec<_> = values.iter().map(|&value| ValueSlot { bits: [value, 0] }).collect();
    let (env, instance) = (guest.env(), guest.instance());
    // SAFETY: environment and instance are the guest's, the slots are as many as the function takes.
    let status = unsafe { symbol(env, instance, slots.as_mut_ptr()) };
    assert_eq!(status, 0, "it does not trap");
    slots[0].bits[0]
}

/// Calls with the pointer at `edge` and checks the answer.
fn check(name: &str, symbol: Symbol, values: &[u64], pointer: Pointer, edge: u32) {
    let (mut guest, _keep) = prepare();
    let (memory, tree, open) = (guest.memory().to_vec(), fingerprint(guest.dir.path()), open_numbers(&guest));
    let mut values = values.to_vec();
    values[pointer.parameter] = u64::from(edge);
    let errno = call(&mut guest, symbol, &values);
    let is_out = u64::from(edge) + u64::from(pointer.size_bytes) > u64::from(MEMORY_SIZE);
    let case = format!("{name} with parameter {} at {edge:#x}", pointer.parameter);
    // What an iovec list in some other place says may be out of bounds, too.
    let may_fault = is_out || pointer.what == What::List;
    let is_fault = errno == Errno::Fault as u64;
    assert!(is_fault || !is_out, "{case} answered {errno}");
    assert!(!is_fault || may_fault, "{case} answered {errno}");
    if errno != 0 {
        assert!(guest.memory() == memory, "{case} wrote to memory");
        assert_eq!(fingerprint(guest.dir.path()), tree, "{case} changed files");
        assert_eq!(open_numbers(&guest), open, "{case} opened or closed something");
        assert_eq!(guest.position(Fd(FILE as u32)), 0, "{case} moved the position");
    }
}

fn open_numbers(guest: &Guest) -> Vec<u32> {
    (0..guest.context.fds.len() as u32).filter(|&number| guest.context.fds.get(Fd(number)).is_ok()).collect()
}

fn check_edges(name: &str, symbol: Symbol, arguments: &[Arg]) -> usize {
    let (values, pointers) = slots(arguments);
    let (mut guest, _keep) = prepare();
    assert_eq!(call(&mut guest, symbol, &values), 0, "{name} must succeed with good pointers");
    for &pointer in &pointers {
        for edge in EDGES {
            check(name, symbol, &values, pointer, edge);
        }
        // The last place where it fits, and one further.
        for edge in [MEMORY_SIZE - pointer.size_bytes, MEMORY_SIZE - pointer.size_bytes + 1] {
            check(name, symbol, &values, pointer, edge);
        }
    }
    pointers.len()
}

#[test]
fn every_pointer_of_every_function_at_every_edge() {
    let mut pointers = 0;
    for (name, symbol) in PREVIEW1 {
        if let Some(arguments) = arguments(name) {
            pointers += check_edges(name, *symbol, &arguments);
        }
    }
    for (name, symbol) in SNAPSHOT0 {
        pointers += check_edges(name, *symbol, &snapshot0_arguments(name));
    }
    assert!(pointers >= 60, "only {pointers} pointers were tried");
}

/// The buffers that a list describes are pointers as well.
#[test]
fn every_buffer_of_a_list_at_every_edge() {
    const LEN: u32 = 4;
    for name in ["fd_read", "fd_write", "fd_pread", "fd_pwrite", "sock_recv", "sock_send"] {
        let symbol = PREVIEW1.iter().find(|(known, _)| *known == name).expect("it is in the list").1;
        let (values, _) = slots(&arguments(name).expect("it has pointers"));
        for edge in EDGES.into_iter().chain([MEMORY_SIZE - LEN, MEMORY_SIZE - LEN + 1]) {
            let (mut guest, _keep) = prepare();
            guest.put_iovecs(&[(BUFFER, LEN), (GuestPtr(edge), LEN)]);
            let memory = guest.memory().to_vec();
            let errno = call(&mut guest, symbol, &values);
            let is_out = u64::from(edge) + u64::from(LEN) > u64::from(MEMORY_SIZE);
            assert_eq!(
                errno,
                if is_out { Errno::Fault as u64 } else { 0 },
                "{name} with a buffer at {edge:#x}"
            );
            if is_out {
                assert!(guest.memory() == memory, "{name} wrote to memory");
                assert_eq!(guest.position(Fd(FILE as u32)), 0, "{name} moved the position");
            }
        }
    }
}
