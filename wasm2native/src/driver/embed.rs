//! Packs directories into archives for an executable (`--embed-dir`). See `rt/abi/src/archive.rs`.
//!
//! The bytes depend on names, contents and links alone (INV-8): not on times, owners, or the order in which
//! the file system lists entries.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::depfile::Dependencies;
use crate::error::{CompileError, Result};
use crate::options::{EmbedDir, PackedDir};
use w2n_abi::{ArchiveHeader, ArchiveKind, ArchiveNode};

/// Reads all that is to be packed.
pub fn pack(dirs: &[EmbedDir], dependencies: &Dependencies) -> Result<Vec<PackedDir>> {
    let pack = |dir: &EmbedDir| {
        let archive = Archive::of(Path::new(&dir.host), dependencies)?;
        Ok(PackedDir { guest: dir.guest.clone(), archive })
    };
    dirs.iter().map(pack).collect()
}

/// An archive under construction. Directories are read in the order of their nodes, so that the children of
/// each stand together.
struct Archive<'a> {
    /// Whoever is told what was read. Links are not: what they lead to is not looked at, and they are entries
    /// of directories.
    dependencies: &'a Dependencies,
    nodes: Vec<ArchiveNode>,
    /// What stands behind the nodes; offsets count from its beginning until all nodes are known.
    bytes: Vec<u8>,
    /// Path of each directory that is still to be read, by its node.
    pending: Vec<(usize, PathBuf)>,
}

impl<'a> Archive<'a> {
    fn of(root: &Path, dependencies: &'a Dependencies) -> Result<Vec<u8>> {
        let metadata = fs::metadata(root).map_err(|error| CompileError::cannot("read", root, &error))?;
        if !metadata.is_dir() {
            return Err(CompileError::machine(format!(
                "cannot pack {}: it is not a directory",
                root.display()
            ))
            .hint("--embed-dir takes a directory"));
        }
        let mut archive = Self { dependencies, nodes: Vec::new(), bytes: Vec::new(), pending: Vec::new() };
        archive.push(OsStr::new(""), 0, ArchiveKind::Directory, &[])?;
        archive.pending.push((0, root.to_owned()));
        let mut position = 0;
        while let Some((node, path)) = archive.pending.get(position).cloned() {
            archive.read_directory(node, &path)?;
            position += 1;
        }
        Ok(archive.finish())
    }

    fn read_directory(&mut self, node: usize, path: &Path) -> Result<()> {
        let cannot_read = |error| CompileError::cannot("read", path, &error);
        self.dependencies.add(path);
        let entries = fs::read_dir(path).map_err(cannot_read)?;
        let mut names =
            entries.map(|entry| Ok(entry.map_err(cannot_read)?.file_name())).collect::<Result<Vec<_>>>()?;
        names.sort_by(|one, other| one.as_bytes().cmp(other.as_bytes()));
        self.nodes[node].first_child = index(self.nodes.len())?;
        self.nodes[node].child_count = index(names.len())?;
        for name in names {
            self.read_entry(node, &path.join(&name), &name)?;
        }
        Ok(())
    }

    fn read_entry(&mut self, parent: usize, path: &Path, name: &OsStr) -> Result<()> {
        let cannot_read = |error| CompileError::cannot("read", path, &error);
        let file_type = fs::symlink_metadata(path).map_err(cannot_read)?.file_type();
        let parent = index(parent)?;
        if file_type.is_dir() {
            self.pending.push((self.nodes.len(), path.to_owned()));
            self.push(name, parent, ArchiveKind::Directory, &[])
        } else if file_type.is_symlink() {
            let target = fs::read_link(path).map_err(cannot_read)?;
            self.push(name, parent, ArchiveKind::Link, target.as_os_str().as_bytes())
        } else if file_type.is_file() {
            self.dependencies.add(path);
            self.push(name, parent, ArchiveKind::File, &fs::read(path).map_err(cannot_read)?)
        } else {
            Err(CompileError::machine(format!(
                "cannot pack {}: it is neither a file nor a directory nor a link",
                path.display()
            )))
        }
    }

    fn push(&mut self, name: &OsStr, parent: u32, kind: ArchiveKind, data: &[u8]) -> Result<()> {
        let name_offset = self.bytes.len() as u64;
        self.bytes.extend_from_slice(name.as_bytes());
        let data_offset = self.bytes.len() as u64;
        self.bytes.extend_from_slice(data);
        self.nodes.push(ArchiveNode {
            name_offset,
            data_offset,
            data_len: data.len() as u64,
            name_len: index(name.len())?,
            kind: kind as u32,
            parent,
            first_child: 0,
            child_count: 0,
            reserved: 0,
        });
        Ok(())
    }

    fn finish(self) -> Vec<u8> {
        let start = (size_of::<ArchiveHeader>() + self.nodes.len() * size_of::<ArchiveNode>()) as u64;
        let mut archive = (self.nodes.len() as u32).to_le_bytes().to_vec();
        archive.resize(size_of::<ArchiveHeader>(), 0);
        for node in &self.nodes {
            let (name_offset, data_offset) = (start + node.name_offset, start + node.data_offset);
            archive.extend(ArchiveNode { name_offset, data_offset, ..*node }.to_bytes());
        }
        archive.extend(self.bytes);
        archive
    }
}

fn index(count: usize) -> Result<u32> {
    u32::try_from(count).map_err(|_| CompileError::machine("cannot pack more than 4 billion files"))
}
