//! The `fd_*` functions: what can be done with an open descriptor.
//!
//! Every function checks in this order: descriptor, rights, arguments, pointers; then comes the effect.

mod close;
mod fdstat;
mod filestat;
mod prestat;
mod readdir;
mod seek;
mod space;
pub(crate) mod transfer;

pub use close::{fd_close, fd_renumber};
pub use fdstat::{fd_fdstat_get, fd_fdstat_set_flags, fd_fdstat_set_rights};
pub(crate) use filestat::{fd_filestat, filestat_bytes, timestamps};
pub use filestat::{fd_filestat_get, fd_filestat_set_size, fd_filestat_set_times};
pub use prestat::{fd_prestat_dir_name, fd_prestat_get};
pub use readdir::fd_readdir;
pub use seek::{fd_seek, fd_tell};
pub use space::{fd_advise, fd_allocate, fd_datasync, fd_sync};
pub use transfer::{fd_pread, fd_pwrite, fd_read, fd_write};
