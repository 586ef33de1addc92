//! The `path_*` functions: files named by a path below a directory that the guest holds.
//!
//! Rule (INV-7): only `resolve.rs` opens guest paths. A function works on what it answers: an open file,
//! or the pair of an open directory and one name in it, which no `..` and no link can lead out of.

mod attributes;
mod link;
mod names;
mod open;
pub mod resolve;

pub(crate) use attributes::path_filestat;
pub use attributes::{path_filestat_get, path_filestat_set_times};
pub use link::{path_link, path_readlink, path_symlink};
pub use names::{path_create_directory, path_remove_directory, path_rename, path_unlink_file};
pub use open::path_open;
