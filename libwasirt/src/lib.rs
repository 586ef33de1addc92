//! WASI preview 1 for compiled modules: what a guest may ask of its host, and nothing else.
//!
//! A compiled program calls the symbols of `host_call.rs`, one per function of the ABI's list; each is a
//! thin wrapper over a safe function with types, in the file of its family. Two files hold the boundary:
//! `guest.rs` alone touches guest memory, `path/resolve.rs` alone opens guest paths (INV-7).
//!
//! All state of a guest is a `Context`, made of a `Config` and reached through a pointer; its threads share
//! it.
//!
//! | file | what |
//! |---|---|
//! | `args.rs`, `environ.rs` | `args_*`, `environ_*` |
//! | `clock.rs`, `random.rs`, `sched.rs`, `proc.rs` | `clock_*`, `random_get`, `sched_yield`, `proc_*` |
//! | `fd/` | `fd_*` |
//! | `path/` | `path_*` |
//! | `poll.rs`, `sock.rs` | `poll_oneoff`, `sock_*` |
//! | `host_api.rs` | `w2n_wasi_api`: what hosts of plugins make contexts with |
//! | `signals.rs` | SIGPIPE and SIGXFSZ in a process that is a host's |
//! | `snapshot0.rs` | what of `wasi_unstable` differs |
//! | `config.rs`, `context.rs` | what a guest is given, and what its calls work on |
//! | `fd_table.rs`, `descriptor.rs` | descriptors by number, and what each is |
//! | `stream.rs`, `embedded/` | what is behind one that is no file of the host's |
//! | `time.rs`, `entropy.rs` | where times and random bytes come from |
//! | `terminal.rs` | what of a guest's output a terminal may see |
//! | `grants.rs` | `w2n_wasi_init`: an executable's arguments, environment, directories, sockets |
//! | `grant.rs`, `narrow.rs`, `guest_name.rs`, `listen.rs`, `describe.rs` | what those are made of |

pub mod args;
pub mod clock;
pub mod config;
pub mod context;
mod describe;
pub mod descriptor;
pub mod embedded;
pub mod entropy;
pub mod environ;
pub mod errno;
pub mod fd;
pub mod fd_table;
pub mod grant;
pub mod grants;
pub mod guest;
mod guest_name;
pub mod guest_path;
pub mod hint;
pub mod host_api;
pub mod host_call;
mod listen;
mod lock;
pub mod memory_place;
mod narrow;
pub mod path;
pub mod poll;
pub mod proc;
pub mod random;
mod report;
pub mod sched;
pub mod signals;
pub mod snapshot0;
pub mod sock;
pub mod stream;
pub mod terminal;
pub mod time;
pub mod types;

/// All functions of preview 1 under their witx names, for the list in the ABI crate to find.
pub mod functions {
    pub use crate::args::{args_get, args_sizes_get};
    pub use crate::clock::{clock_res_get, clock_time_get};
    pub use crate::environ::{environ_get, environ_sizes_get};
    pub use crate::fd::*;
    pub use crate::path::*;
    pub use crate::poll::poll_oneoff;
    pub use crate::proc::{proc_exit, proc_raise};
    pub use crate::random::random_get;
    pub use crate::sched::sched_yield;
    pub use crate::sock::{sock_accept, sock_recv, sock_send, sock_shutdown};
}
