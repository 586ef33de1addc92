//! WASI preview 1 for compiled modules: what a guest may ask of its host, and nothing else.
//!
//! A compiled program calls the symbols of `host_call.rs`, one per function of the ABI's list; each is a
//! thin wrapper over a safe function with types, in the file of its family. Two files hold the boundary:
//! `guest.rs` alone touches guest memory, `path/resolve.rs` alone opens guest paths (INV-7).
//!
//! | file | functions |
//! |---|---|
//! | `args.rs`, `environ.rs` | `args_*`, `environ_*` |
//! | `clock.rs`, `random.rs`, `sched.rs`, `proc.rs` | `clock_*`, `random_get`, `sched_yield`, `proc_*` |
//! | `fd/` | `fd_*` |
//! | `path/` | `path_*` |
//! | `poll.rs`, `sock.rs` | `poll_oneoff`, `sock_*` |
//! | `snapshot0.rs` | what of `wasi_unstable` differs |
//! | `grants.rs`, `narrow.rs`, `listen.rs` | `w2n_wasi_init`: arguments, environment, directories, sockets |
//! | `guest_name.rs` | when two names of directories are the same to a guest |
//! | `embedded/` | directories that are packed into the executable |
//! | `terminal.rs` | what of a guest's output a terminal may see |

pub mod args;
pub mod clock;
pub mod context;
pub mod embedded;
pub mod environ;
pub mod errno;
pub mod fd;
pub mod fd_table;
pub mod grants;
pub mod guest;
mod guest_name;
pub mod hint;
pub mod host_call;
mod listen;
mod narrow;
pub mod path;
pub mod poll;
pub mod proc;
pub mod random;
mod report;
pub mod sched;
pub mod snapshot0;
pub mod sock;
pub mod terminal;
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
