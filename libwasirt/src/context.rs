//! The state of one WASI guest: its descriptors, arguments, environment and policy.
//!
//! It is made once by `w2n_wasi_init` and reached from every call; nothing of it is global.

use crate::fd_table::FdTable;
use crate::guest::MemoryPlace;
use crate::hint::MissingDirHint;
use crate::path::resolve::Resolver;
use crate::terminal::Escapes;

/// Everything a guest's calls work on.
#[derive(Debug, Default)]
pub struct Context {
    /// Open descriptors.
    pub fds: FdTable,
    /// Arguments, the program's name first.
    pub args: StringList,
    /// Environment, `KEY=VALUE` each.
    pub environ: StringList,
    /// Where the guest's module has its memory.
    pub memory_place: MemoryPlace,
    /// How guest paths are opened.
    pub resolver: Resolver,
    /// What becomes of escape sequences that the guest writes to a terminal.
    pub escapes: Escapes,
    /// Whether to tell the user that a directory is missing.
    pub hint: MissingDirHint,
}

/// Strings as `args_get` and `environ_get` hand them out: each ended by a NUL, one after the other.
#[derive(Debug, Default)]
pub struct StringList {
    bytes: Vec<u8>,
    starts: Vec<u32>,
}

impl StringList {
    /// Appends a string. One that would take the list past 4 GiB is left out, for no guest could hold it.
    pub fn push(&mut self, parts: &[&[u8]]) {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let end = self.bytes.len().saturating_add(len).saturating_add(1);
        let Ok(start) = u32::try_from(self.bytes.len()) else { return };
        if u32::try_from(end).is_err() {
            return;
        }
        self.starts.push(start);
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        self.bytes.push(0);
    }

    /// Number of strings.
    pub fn count(&self) -> u32 {
        self.starts.len() as u32
    }

    /// The strings, each with its NUL.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where each string starts in [`Self::bytes`].
    pub fn starts(&self) -> &[u32] {
        &self.starts
    }

    /// The strings, without their NULs.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.split_inclusive(|&byte| byte == 0).map(|string| &string[..string.len() - 1])
    }
}
