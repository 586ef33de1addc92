//! The functions of WASI preview 1, in one list, with their core Wasm types; and which symbol an import of
//! WASI is linked to.
//!
//! The compiler checks imports against the list, libwasirt defines the functions from it.

use crate::symbol::{WASI_MODULE, WASI_PREFIX, WASI_SNAPSHOT0_MODULE, WASI_SNAPSHOT0_PREFIX};

/// Calls `$callback!` with each function of `wasi_snapshot_preview1`: `name(parameters) -> result;`
/// in the order of the witx file.
#[macro_export]
macro_rules! for_each_wasi_function {
    ($callback:ident) => {
        $callback! {
            args_get(i32, i32) -> i32;
            args_sizes_get(i32, i32) -> i32;
            environ_get(i32, i32) -> i32;
            environ_sizes_get(i32, i32) -> i32;
            clock_res_get(i32, i32) -> i32;
            clock_time_get(i32, i64, i32) -> i32;
            fd_advise(i32, i64, i64, i32) -> i32;
            fd_allocate(i32, i64, i64) -> i32;
            fd_close(i32) -> i32;
            fd_datasync(i32) -> i32;
            fd_fdstat_get(i32, i32) -> i32;
            fd_fdstat_set_flags(i32, i32) -> i32;
            fd_fdstat_set_rights(i32, i64, i64) -> i32;
            fd_filestat_get(i32, i32) -> i32;
            fd_filestat_set_size(i32, i64) -> i32;
            fd_filestat_set_times(i32, i64, i64, i32) -> i32;
            fd_pread(i32, i32, i32, i64, i32) -> i32;
            fd_prestat_get(i32, i32) -> i32;
            fd_prestat_dir_name(i32, i32, i32) -> i32;
            fd_pwrite(i32, i32, i32, i64, i32) -> i32;
            fd_read(i32, i32, i32, i32) -> i32;
            fd_readdir(i32, i32, i32, i64, i32) -> i32;
            fd_renumber(i32, i32) -> i32;
            fd_seek(i32, i64, i32, i32) -> i32;
            fd_sync(i32) -> i32;
            fd_tell(i32, i32) -> i32;
            fd_write(i32, i32, i32, i32) -> i32;
            path_create_directory(i32, i32, i32) -> i32;
            path_filestat_get(i32, i32, i32, i32, i32) -> i32;
            path_filestat_set_times(i32, i32, i32, i32, i64, i64, i32) -> i32;
            path_link(i32, i32, i32, i32, i32, i32, i32) -> i32;
            path_open(i32, i32, i32, i32, i32, i64, i64, i32, i32) -> i32;
            path_readlink(i32, i32, i32, i32, i32, i32) -> i32;
            path_remove_directory(i32, i32, i32) -> i32;
            path_rename(i32, i32, i32, i32, i32, i32) -> i32;
            path_symlink(i32, i32, i32, i32, i32) -> i32;
            path_unlink_file(i32, i32, i32) -> i32;
            poll_oneoff(i32, i32, i32, i32) -> i32;
            proc_exit(i32) -> void;
            proc_raise(i32) -> i32;
            sched_yield() -> i32;
            random_get(i32, i32) -> i32;
            sock_accept(i32, i32, i32) -> i32;
            sock_recv(i32, i32, i32, i32, i32, i32) -> i32;
            sock_send(i32, i32, i32, i32, i32) -> i32;
            sock_shutdown(i32, i32) -> i32;
        }
    };
}

/// Calls `$callback!` with the functions of `wasi_unstable` (snapshot 0) that are not those of preview 1 by
/// the same name: their structures or numbers differ, their core Wasm types do not.
#[macro_export]
macro_rules! for_each_wasi_snapshot0_function {
    ($callback:ident) => {
        $callback! {
            fd_filestat_get(i32, i32) -> i32;
            fd_seek(i32, i64, i32, i32) -> i32;
            path_filestat_get(i32, i32, i32, i32, i32) -> i32;
            poll_oneoff(i32, i32, i32, i32) -> i32;
        }
    };
}

macro_rules! define_names {
    ($($name:ident($($param:ident),*) -> $result:ident;)*) => { &[$(stringify!($name)),*] };
}

const PREVIEW1_NAMES: &[&str] = for_each_wasi_function!(define_names);
const SNAPSHOT0_NAMES: &[&str] = for_each_wasi_snapshot0_function!(define_names);

/// Functions of preview 1 that snapshot 0 does not have.
const NEW_IN_PREVIEW1: &[&str] = &["sock_accept"];

/// Whether imports from `module` are imports from WASI, known functions or not.
pub fn is_wasi_module(module: &str) -> bool {
    matches!(module, WASI_MODULE | WASI_SNAPSHOT0_MODULE)
}

/// What the symbol of the WASI function `module.name` starts with, in front of `name`; `None` if there is no
/// such function.
pub fn wasi_symbol_prefix(module: &str, name: &str) -> Option<&'static str> {
    let is_known = PREVIEW1_NAMES.contains(&name);
    match module {
        WASI_MODULE if is_known => Some(WASI_PREFIX),
        WASI_SNAPSHOT0_MODULE if SNAPSHOT0_NAMES.contains(&name) => Some(WASI_SNAPSHOT0_PREFIX),
        WASI_SNAPSHOT0_MODULE if is_known && !NEW_IN_PREVIEW1.contains(&name) => Some(WASI_PREFIX),
        _ => None,
    }
}
