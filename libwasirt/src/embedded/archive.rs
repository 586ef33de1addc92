//! The bytes of an archive, as `rt/abi/src/archive.rs` lays them out.
//!
//! Rule: every offset is checked, though the compiler wrote them: a damaged executable has missing files, not
//! a host that reads elsewhere.

use core::mem::offset_of;
use core::ops::Range;

use w2n_abi::{ArchiveHeader, ArchiveKind, ArchiveNode};

/// A packed directory: bytes of the executable.
#[derive(Clone, Debug)]
pub struct Archive {
    bytes: &'static [u8],
    number: u32,
}

/// A node, with what belongs to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    kind: u32,
    /// Name in its directory.
    pub name: &'static [u8],
    /// Text of a file, or what a link says.
    pub data: &'static [u8],
    /// The directory it is in.
    pub parent: u32,
    first_child: u32,
    child_count: u32,
}

impl Node {
    /// An empty file, which stands for a node that is not there.
    pub const NOTHING: Self = Self {
        kind: ArchiveKind::File as u32,
        name: &[],
        data: &[],
        parent: 0,
        first_child: 0,
        child_count: 0,
    };

    /// What it is.
    pub fn kind(self) -> ArchiveKind {
        match self.kind {
            kind if kind == ArchiveKind::Directory as u32 => ArchiveKind::Directory,
            kind if kind == ArchiveKind::Link as u32 => ArchiveKind::Link,
            _ => ArchiveKind::File,
        }
    }

    /// The nodes in a directory.
    pub fn children(self) -> Range<u32> {
        self.first_child..self.first_child.saturating_add(self.child_count)
    }
}

/// A header that counts one node, and the node: a directory (kind 0) of no children.
const EMPTY_ARCHIVE: &[u8] = &{
    assert!(ArchiveKind::Directory as u32 == 0);
    let mut bytes = [0; size_of::<ArchiveHeader>() + size_of::<ArchiveNode>()];
    bytes[offset_of!(ArchiveHeader, node_count)] = 1;
    bytes
};

impl Archive {
    /// The archive of an empty directory.
    pub fn empty(number: u32) -> Self {
        Self::new(EMPTY_ARCHIVE, number)
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.node_count() <= 1
    }

    /// The archive in `bytes`; `number` tells several of one program apart.
    pub fn new(bytes: &'static [u8], number: u32) -> Self {
        Self { bytes, number }
    }

    /// A device number that no device of the host has.
    pub fn device(&self) -> u64 {
        u64::MAX - u64::from(self.number)
    }

    fn node_count(&self) -> u32 {
        self.u32_at(offset_of!(ArchiveHeader, node_count)).unwrap_or(0)
    }

    /// The node with this number.
    pub(crate) fn node(&self, number: u32) -> Option<Node> {
        if number >= self.node_count() {
            return None;
        }
        let start = size_of::<ArchiveHeader>() + number as usize * size_of::<ArchiveNode>();
        let u32_at = |offset| self.u32_at(start + offset);
        let u64_at = |offset| self.u64_at(start + offset);
        Some(Node {
            kind: u32_at(offset_of!(ArchiveNode, kind))?,
            name: self.slice(
                u64_at(offset_of!(ArchiveNode, name_offset))?,
                u32_at(offset_of!(ArchiveNode, name_len))?.into(),
            )?,
            data: self.slice(
                u64_at(offset_of!(ArchiveNode, data_offset))?,
                u64_at(offset_of!(ArchiveNode, data_len))?,
            )?,
            parent: u32_at(offset_of!(ArchiveNode, parent))?,
            first_child: u32_at(offset_of!(ArchiveNode, first_child))?,
            child_count: u32_at(offset_of!(ArchiveNode, child_count))?,
        })
    }

    /// The child of `directory` with this name, by bisection.
    pub(crate) fn child(&self, directory: Node, name: &[u8]) -> Option<u32> {
        let Range { start: mut low, end: mut high } = directory.children();
        while low < high {
            let middle = low + (high - low) / 2;
            match self.node(middle)?.name.cmp(name) {
                core::cmp::Ordering::Equal => return Some(middle),
                core::cmp::Ordering::Less => low = middle + 1,
                core::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    fn slice(&self, offset: u64, len: u64) -> Option<&'static [u8]> {
        let start = usize::try_from(offset).ok()?;
        self.bytes.get(start..start.checked_add(usize::try_from(len).ok()?)?)
    }

    fn u32_at(&self, offset: usize) -> Option<u32> {
        Some(u32::from_le_bytes(*self.bytes.get(offset..)?.first_chunk()?))
    }

    fn u64_at(&self, offset: usize) -> Option<u64> {
        Some(u64::from_le_bytes(*self.bytes.get(offset..)?.first_chunk()?))
    }
}
