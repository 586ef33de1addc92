//! A path as a guest wrote it, copied out of its memory and checked for what no call accepts.
//!
//! Any other bytes are allowed, for a host's file name need not be UTF-8.

use crate::errno::Errno;
use crate::guest::GuestMemory;
use crate::types::GuestPtr;

/// Longest path in bytes: the host's PATH_MAX, less the NUL that it counts.
pub const MAX_PATH_SIZE_BYTES: u32 = 4095;

/// Symbolic links that one path may lead through; the same as the kernel's limit.
pub(crate) const MAX_LINKS: u32 = 40;

/// A relative path without NULs, 1 to `MAX_PATH_SIZE_BYTES` bytes long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestPath {
    bytes: Vec<u8>,
}

impl GuestPath {
    /// Copies the path. `FAULT`: out of bounds. `NAMETOOLONG`: too long. `INVAL`: contains a NUL.
    /// `NOENT`: empty. `PERM`: absolute, which leads out of every directory.
    pub fn read(memory: &GuestMemory<'_>, ptr: GuestPtr, len: u32) -> Result<Self, Errno> {
        memory.check(ptr, len)?;
        if len > MAX_PATH_SIZE_BYTES {
            return Err(Errno::NameTooLong);
        }
        let mut bytes = vec![0; len as usize];
        memory.read_into(ptr, &mut bytes)?;
        Self::from_bytes(bytes)
    }

    /// As [`Self::read`], from bytes on the host.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Errno> {
        if bytes.len() > MAX_PATH_SIZE_BYTES as usize {
            return Err(Errno::NameTooLong);
        }
        if bytes.contains(&0) {
            return Err(Errno::Inval);
        }
        match bytes.first() {
            None => Err(Errno::NoEnt),
            Some(b'/') => Err(Errno::Perm),
            Some(_) => Ok(Self { bytes }),
        }
    }

    /// The path.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The path of the directory (empty for the one that the path starts from), and the last component.
    ///
    /// `a/b` is (`a`, Entry `b`); `b//` is (``, Entry `b`, which must be a directory); `a/.` is (`a`, Dot).
    pub fn split(&self) -> (&[u8], LastComponent<'_>) {
        let end = self.bytes.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
        let (trimmed, slashes) = self.bytes.split_at(end);
        let start = trimmed.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        let (parent, name) = trimmed.split_at(start);
        let last = match name {
            b"." => LastComponent::Dot,
            b".." => LastComponent::DotDot,
            _ => LastComponent::Entry { name, must_be_directory: !slashes.is_empty() },
        };
        (parent, last)
    }
}

/// The last component of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastComponent<'path> {
    /// A name that can be made, removed or renamed.
    Entry {
        /// Without slashes, not `.` or `..`.
        name: &'path [u8],
        /// The path ends in a slash.
        must_be_directory: bool,
    },
    /// `.`
    Dot,
    /// `..`
    DotDot,
}
