//! Paths beneath a packed directory, with the errors that a real one has.
//!
//! Rule: as in `path/resolve.rs`, no answer lies outside the directory that the path starts from.

use w2n_abi::ArchiveKind;

use super::archive::Archive;
use crate::errno::Errno;
use crate::guest_path::MAX_LINKS;
use crate::types::Follow;

/// Longest name in a directory, as on the host's file systems.
const MAX_NAME_SIZE_BYTES: usize = 255;

/// The node that `path` names beneath `root`. A link in its last component is followed if told, or if a
/// slash stands behind it.
pub(super) fn resolve(archive: &Archive, root: u32, path: &[u8], follow: Follow) -> Result<u32, Errno> {
    let mut walk = Walk { archive, root, entered: Vec::new(), pending: Vec::new(), links: 0 };
    let mut must_be_directory = walk.push(path)?;
    while let Some(component) = walk.pending.pop() {
        let is_last = walk.pending.is_empty();
        match component {
            b".." => drop(walk.entered.pop().ok_or(Errno::Perm)?),
            name => {
                let child = walk.child(name)?;
                let node = archive.node(child).ok_or(Errno::Io)?;
                match node.kind() {
                    ArchiveKind::Directory => walk.entered.push(child),
                    ArchiveKind::Link if !is_last || must_be_directory || follow == Follow::Yes => {
                        let ends_in_directory = walk.follow(node.data)?;
                        must_be_directory |= is_last && ends_in_directory;
                    }
                    _ if is_last && !must_be_directory => return Ok(child),
                    _ => return Err(Errno::NotDir),
                }
            }
        }
    }
    Ok(walk.current())
}

struct Walk<'a> {
    archive: &'a Archive,
    root: u32,
    /// Directories below the root.
    entered: Vec<u32>,
    /// Components to come, the next one last.
    pending: Vec<&'a [u8]>,
    links: u32,
}

impl<'a> Walk<'a> {
    /// Puts the components of `path` in front of those to come; whether it says that it ends in a directory.
    fn push(&mut self, path: &'a [u8]) -> Result<bool, Errno> {
        match path.first() {
            None => return Err(Errno::NoEnt),
            Some(b'/') => return Err(Errno::Perm),
            Some(_) => {}
        }
        let components = path.split(|&byte| byte == b'/').rev();
        self.pending.extend(components.filter(|component| !matches!(*component, b"" | b".")));
        Ok(path.ends_with(b"/") || path.ends_with(b"/.") || path == b".")
    }

    fn follow(&mut self, target: &'a [u8]) -> Result<bool, Errno> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(Errno::Loop);
        }
        self.push(target)
    }

    fn current(&self) -> u32 {
        self.entered.last().copied().unwrap_or(self.root)
    }

    fn child(&self, name: &[u8]) -> Result<u32, Errno> {
        if name.len() > MAX_NAME_SIZE_BYTES {
            return Err(Errno::NameTooLong);
        }
        let directory = self.archive.node(self.current()).ok_or(Errno::Io)?;
        self.archive.child(directory, name).ok_or(Errno::NoEnt)
    }
}
