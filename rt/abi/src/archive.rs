//! A directory that is packed into an executable (`--embed-dir`): nodes in a table, their names and contents
//! behind it.
//!
//! An archive is a [`ArchiveHeader`], then its nodes, then bytes; offsets count from the header. Node 0 is
//! the directory itself. The children of a directory stand one after the other, sorted by name. Numbers are
//! little-endian, and the archive is aligned to [`ARCHIVE_ALIGN`] bytes, so a node can be used in place.

use crate::Slice;

/// Bytes that the address of an archive is a multiple of.
pub const ARCHIVE_ALIGN: u32 = 8;

/// `--embed-dir HOST[::GUEST]`
#[repr(C)]
#[derive(Debug)]
pub struct EmbeddedDir<P> {
    /// Name the guest sees.
    pub guest: Slice<P>,
    /// The archive.
    pub archive: Slice<P>,
}

/// The beginning of an archive.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ArchiveHeader {
    /// Number of nodes, at least 1.
    pub node_count: u32,
    /// Zero.
    pub reserved: u32,
}

/// A directory, file or link.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ArchiveNode {
    /// Where its name starts.
    pub name_offset: u64,
    /// Where the text of a file, or what a link says, starts.
    pub data_offset: u64,
    /// Bytes of it.
    pub data_len: u64,
    /// Bytes of the name.
    pub name_len: u32,
    /// [`ArchiveKind`]
    pub kind: u32,
    /// The directory it is in; itself for node 0.
    pub parent: u32,
    /// First child of a directory.
    pub first_child: u32,
    /// Number of children.
    pub child_count: u32,
    /// Zero.
    pub reserved: u32,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ArchiveKind {
    /// A directory.
    Directory = 0,
    /// A regular file.
    File = 1,
    /// A symbolic link.
    Link = 2,
}

impl ArchiveNode {
    /// The node as it is stored.
    pub fn to_bytes(&self) -> [u8; size_of::<Self>()] {
        let mut bytes = [0; size_of::<Self>()];
        let mut rest = bytes.as_mut_slice();
        let wide = [self.name_offset, self.data_offset, self.data_len].map(u64::to_le_bytes);
        let narrow =
            [self.name_len, self.kind, self.parent, self.first_child, self.child_count, self.reserved];
        let narrow = narrow.map(u32::to_le_bytes);
        for field in
            wide.iter().map(|field| field.as_slice()).chain(narrow.iter().map(|field| field.as_slice()))
        {
            let (place, behind) = rest.split_at_mut(field.len());
            place.copy_from_slice(field);
            rest = behind;
        }
        bytes
    }
}
