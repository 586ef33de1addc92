//! Directories that are packed into the executable: the same `path_*` and `fd_*` calls, from memory.
//!
//! Rule: nothing here can change anything, and nothing here reaches the host. A descriptor for a node is
//! read-only, so every mutating call has answered `ROFS` before it gets here.

mod archive;
mod lookup;

use std::sync::Mutex;

use w2n_abi::ArchiveKind;

pub use archive::Archive;
pub(crate) use archive::Node;

use crate::errno::Errno;
use crate::guest::GuestBuffers;
use crate::guest_path::GuestPath;
use crate::lock::lock;
use crate::types::{FILESTAT_SIZE_BYTES, FileType, Follow};

/// An open node.
#[derive(Debug)]
pub struct EmbeddedFile {
    archive: Archive,
    node: u32,
    /// Where the next read starts.
    position: Mutex<u64>,
}

impl EmbeddedFile {
    /// The directory that was packed; `None` if the archive is none.
    pub fn root(archive: Archive) -> Option<Self> {
        archive.node(0)?;
        Some(Self { archive, node: 0, position: Mutex::new(0) })
    }

    /// What it is.
    pub fn file_type(&self) -> FileType {
        file_type(self.node())
    }

    /// Opens what `path` names beneath this directory: the errors are those of a real one.
    pub fn open(&self, path: &GuestPath, follow: Follow) -> Result<Self, Errno> {
        let node = lookup::resolve(&self.archive, self.node, path.bytes(), follow)?;
        Ok(Self { archive: self.archive.clone(), node, position: Mutex::new(0) })
    }

    /// What the link says; `INVAL` if it is none.
    pub fn link_target(&self) -> Result<&'static [u8], Errno> {
        match self.node() {
            node if node.kind() == ArchiveKind::Link => Ok(node.data),
            _ => Err(Errno::Inval),
        }
    }

    /// Fills the buffers from the position on; answers the number of bytes.
    pub fn read(&self, buffers: &GuestBuffers<'_>) -> u32 {
        // The lock is held while bytes are copied, so that no two threads get the same ones.
        let mut position = lock(&self.position);
        let count = self.read_at(buffers, *position);
        *position += u64::from(count);
        count
    }

    /// Fills the buffers from `offset` on.
    pub fn read_at(&self, buffers: &GuestBuffers<'_>, offset: u64) -> u32 {
        buffers.fill(self.rest(offset))
    }

    /// Bytes that are left to read.
    pub fn left(&self) -> u64 {
        self.rest(*lock(&self.position)).len() as u64
    }

    fn rest(&self, offset: u64) -> &'static [u8] {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        self.node().data.get(start..).unwrap_or_default()
    }

    /// Moves the position to `offset` from the start, the position (1) or the end (2); answers the new one.
    /// `INVAL`: unknown `whence`, or not within 63 bits.
    pub fn seek(&self, offset: i64, whence: u32) -> Result<u64, Errno> {
        let mut position = lock(&self.position);
        let base = match whence {
            0 => 0,
            1 => *position,
            2 => self.node().data.len() as u64,
            _ => return Err(Errno::Inval),
        };
        let target = base.checked_add_signed(offset).filter(|target| i64::try_from(*target).is_ok());
        *position = target.ok_or(Errno::Inval)?;
        Ok(*position)
    }

    /// The bytes of a witx `filestat`. Times are those of 1970: an executable does not depend on when its
    /// files were made.
    pub fn filestat(&self) -> [u8; FILESTAT_SIZE_BYTES as usize] {
        let node = self.node();
        let mut bytes = [0; FILESTAT_SIZE_BYTES as usize];
        let fields = [
            self.archive.device(),
            inode(self.node),
            u64::from(file_type(node) as u8),
            1,
            node.data.len() as u64,
        ];
        for (place, field) in bytes.chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        bytes
    }

    /// The entries of a directory after `cookie`, each with the cookie after it: `.`, `..`, then the children
    /// in the order of their names. `INVAL`: not a cookie.
    pub fn entries(&self, cookie: u64) -> Result<impl Iterator<Item = Entry> + '_, Errno> {
        let node = self.node();
        let children = node.children();
        let first = usize::try_from(cookie).ok().filter(|first| *first <= children.len() + 2);
        let dots = [(&b"."[..], self.node), (b"..", node.parent)];
        let children = children.filter_map(|child| Some((self.archive.node(child)?.name, child)));
        let all = dots.into_iter().chain(children).zip(1u64..);
        Ok(all.skip(first.ok_or(Errno::Inval)?).map(|((name, node), next)| Entry {
            next,
            inode: inode(node),
            file_type: self.archive.node(node).map_or(FileType::Unknown, file_type),
            name,
        }))
    }

    fn node(&self) -> Node {
        // Opened nodes exist: the archive does not change.
        self.archive.node(self.node).unwrap_or(Node::NOTHING)
    }
}

/// An entry of a directory.
pub struct Entry {
    /// Cookie after it.
    pub next: u64,
    /// Its inode number.
    pub inode: u64,
    /// What it is.
    pub file_type: FileType,
    /// Its name.
    pub name: &'static [u8],
}

fn file_type(node: Node) -> FileType {
    match node.kind() {
        ArchiveKind::Directory => FileType::Directory,
        ArchiveKind::File => FileType::RegularFile,
        ArchiveKind::Link => FileType::SymbolicLink,
    }
}

/// Inode numbers start at 1, for 0 often means none.
fn inode(node: u32) -> u64 {
    u64::from(node) + 1
}
