//! Opens guest paths beneath a directory. Nothing else in this crate does (INV-7).
//!
//! Rule: no answer of this file lies outside the directory, whatever `..`, absolute links, magic links or
//! renames by others are about; a path that leads out is `PERM`. The kernel does it (openat2); where it
//! has no such call, or a sandbox denies it, a walk from component to component does, and fails closed. Only
//! the last step can wait (for the other end of a FIFO), and only where the caller's flags let it: all others
//! open directories, or places (`O_PATH`).

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2, readlinkat};
use rustix::io::Errno as HostErrno;

use crate::errno::Errno;
use crate::guest_path::{GuestPath, LastComponent, MAX_LINKS};

/// How paths are opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resolver {
    /// By openat2, and by the walk when the kernel refuses that call.
    #[default]
    Kernel,
    /// By the walk, always.
    Walk,
}

/// How often openat2 is called again when a rename elsewhere made it give up.
const MAX_RETRIES: u32 = 64;

/// Opens `path` beneath `directory`. `O_NOFOLLOW` in `flags` says not to follow a link in the last
/// component (which a slash after it overrides, as everywhere); `mode` is that of a created file.
pub fn open(
    resolver: Resolver,
    directory: BorrowedFd<'_>,
    path: &GuestPath,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    open_bytes(resolver, directory, path.bytes(), flags, mode)
}

/// Opens the directory that holds the last component of `path`. Calls that make, remove or rename take
/// the pair; they never follow a link in the last component, and nothing else is in its name.
///
/// For `.` and `..` the whole path is opened once, so that its own errors come first.
pub fn open_parent<'a>(
    resolver: Resolver,
    directory: BorrowedFd<'a>,
    path: &'a GuestPath,
) -> Result<(Parent<'a>, LastComponent<'a>), Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    let (parent_path, last) = path.split();
    if !matches!(last, LastComponent::Entry { .. }) {
        open(resolver, directory, path, flags, Mode::empty())?;
    }
    if parent_path.is_empty() {
        return Ok((Parent::Given(directory), last));
    }
    let parent = open_bytes(resolver, directory, parent_path, flags, Mode::empty())?;
    Ok((Parent::Opened(parent), last))
}

/// The directory that holds a name.
#[derive(Debug)]
pub enum Parent<'a> {
    /// The one that the path starts from.
    Given(BorrowedFd<'a>),
    /// One beneath it.
    Opened(OwnedFd),
}

impl AsFd for Parent<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Given(directory) => *directory,
            Self::Opened(directory) => directory.as_fd(),
        }
    }
}

fn open_bytes(
    resolver: Resolver,
    directory: BorrowedFd<'_>,
    path: &[u8],
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::CLOEXEC;
    if resolver == Resolver::Kernel {
        match open_by_kernel(directory, path, flags, mode) {
            // EPERM is how some sandboxes deny a call they do not know. Where it was about the file,
            // the walk meets it again.
            Err(HostErrno::NOSYS | HostErrno::PERM) => {}
            // EXDEV: the path leads out of the directory, or through a magic link.
            Err(HostErrno::XDEV) => return Err(Errno::Perm),
            result => return Ok(result?),
        }
    }
    Walk::new(directory, path)?.run(flags, mode)
}

fn open_by_kernel(
    directory: BorrowedFd<'_>,
    path: &[u8],
    flags: OFlags,
    mode: Mode,
) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    // openat2 refuses a mode where nothing can be created.
    let mode = if flags.contains(OFlags::CREATE) { mode } else { Mode::empty() };
    let mut retries = 0;
    loop {
        match openat2(directory, path, flags, mode, resolve) {
            // EAGAIN: something was renamed while a `..` was followed, so the kernel is not sure.
            Err(HostErrno::AGAIN | HostErrno::INTR) if retries < MAX_RETRIES => retries += 1,
            result => return result,
        }
    }
}

/// The walk: one component at a time, each opened without following a link, links read and walked by us.
/// `..` goes back to the directory we came from, which stands open, so no rename can divert it.
struct Walk<'a> {
    root: BorrowedFd<'a>,
    /// Directories below the root, each open.
    entered: Vec<OwnedFd>,
    /// Components to come, the next one last.
    pending: Vec<Vec<u8>>,
    /// The path, or the link it ended in, ends in a slash or in `.`.
    must_be_directory: bool,
    links: u32,
}

impl<'a> Walk<'a> {
    fn new(root: BorrowedFd<'a>, path: &[u8]) -> Result<Self, Errno> {
        let mut walk =
            Self { root, entered: Vec::new(), pending: Vec::new(), must_be_directory: false, links: 0 };
        walk.push(path)?;
        Ok(walk)
    }

    /// Puts the components of `path` in front of those to come.
    fn push(&mut self, path: &[u8]) -> Result<(), Errno> {
        match path.first() {
            None => return Err(Errno::NoEnt),
            Some(b'/') => return Err(Errno::Perm),
            Some(_) => {}
        }
        if self.pending.is_empty() {
            self.must_be_directory |= path.ends_with(b"/") || path.ends_with(b"/.") || path == b".";
        }
        let components = path.split(|&byte| byte == b'/').rev();
        self.pending
            .extend(components.filter(|component| !matches!(*component, b"" | b".")).map(<[u8]>::to_vec));
        Ok(())
    }

    fn run(mut self, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        while let Some(component) = self.pending.pop() {
            if component == b".." {
                self.entered.pop().ok_or(Errno::Perm)?;
            } else if !self.pending.is_empty() {
                self.enter(&component)?;
            } else if let Some(file) = self.open_last(&component, flags, mode)? {
                return Ok(file);
            }
        }
        // The path ended in a directory that stands open: `.`, `a/..`, or a link to such. Nothing is waited
        // for.
        Ok(openat(self.current(), ".", flags, mode)?)
    }

    fn current(&self) -> BorrowedFd<'_> {
        self.entered.last().map_or(self.root, AsFd::as_fd)
    }

    /// Enters a directory, or puts the components of a link in front.
    fn enter(&mut self, component: &[u8]) -> Result<(), Errno> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(self.current(), component, flags, Mode::empty())?;
        // What was opened cannot change its type any more, whatever happens to its name.
        match FileType::from_raw_mode(fstat(&file)?.st_mode) {
            FileType::Directory => self.entered.push(file),
            FileType::Symlink => {
                let target = readlinkat(&file, "", Vec::new())?;
                self.follow(target.as_bytes())?;
            }
            _ => return Err(Errno::NotDir),
        }
        Ok(())
    }

    /// Opens the last component. `None`: it is a link to be followed, and its components come next.
    fn open_last(&mut self, name: &[u8], flags: OFlags, mode: Mode) -> Result<Option<OwnedFd>, Errno> {
        let mut open_flags = flags | OFlags::NOFOLLOW;
        if self.must_be_directory {
            if flags.contains(OFlags::CREATE) {
                return Err(Errno::IsDir);
            }
            open_flags |= OFlags::DIRECTORY;
        }
        let opened = openat(self.current(), name, open_flags, mode);
        if flags.contains(OFlags::NOFOLLOW) && !self.must_be_directory {
            return Ok(Some(opened?));
        }
        match opened {
            Ok(file) if !flags.contains(OFlags::PATH) || !is_link(&file)? => return Ok(Some(file)),
            // A link opened as itself, or refused because it is one (ENOTDIR: asked for a directory).
            Ok(_) | Err(HostErrno::LOOP | HostErrno::NOTDIR) => {}
            Err(error) => return Err(error.into()),
        }
        match readlinkat(self.current(), name, Vec::new()) {
            Ok(target) => self.follow(target.as_bytes())?,
            // Not a link: then the refusal was about the file.
            Err(HostErrno::INVAL) => return Err(opened.err().map_or(Errno::Again, Errno::from)),
            Err(error) => return Err(error.into()),
        }
        Ok(None)
    }

    fn follow(&mut self, target: &[u8]) -> Result<(), Errno> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(Errno::Loop);
        }
        self.push(target)
    }
}

fn is_link(file: &OwnedFd) -> Result<bool, Errno> {
    Ok(FileType::from_raw_mode(fstat(file)?.st_mode) == FileType::Symlink)
}
