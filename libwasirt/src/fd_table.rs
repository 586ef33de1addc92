//! The guest's file descriptors: numbers of the guest, the host's files behind them, and their rights.
//!
//! Rule: the host's `O_NONBLOCK` is what the guest set on files that it opened. Stdio keeps what it was
//! started with (it is shared with other processes), and sockets always have it; for these two the guest's
//! flag is kept here, and `fd/transfer.rs` waits or answers `AGAIN` accordingly.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::fstat;
use rustix::termios::isatty;

use crate::embedded::EmbeddedFile;
use crate::errno::Errno;
use crate::terminal::{EscapeFilter, Escapes};
use crate::types::{Access, Fd, FdFlags, FileType, Rights};

/// What is behind a descriptor.
#[derive(Debug)]
pub enum File {
    /// Opened for the guest, closed with the descriptor.
    Owned(OwnedFd),
    /// Standard input, output or error of the process; stays open when the guest closes it.
    Stdio(BorrowedFd<'static>),
    /// Packed into the executable.
    Embedded(EmbeddedFile),
}

/// An open file descriptor of the guest.
#[derive(Debug)]
pub struct Descriptor {
    /// What it stands for.
    pub file: File,
    /// What it is.
    pub file_type: FileType,
    /// What may be done with it.
    pub rights: Rights,
    /// What may be done with what is opened through it.
    pub inheriting: Rights,
    /// Whether it, or anything below it, may be changed.
    pub access: Access,
    /// The guest's `NONBLOCK` flag.
    pub nonblocking: bool,
    /// Name of a granted directory, for `fd_prestat_get`; `None` for everything else.
    pub preopen_name: Option<Vec<u8>>,
    /// Makes escapes visible, where it is a terminal and they are not allowed.
    pub escape_filter: Option<EscapeFilter>,
}

impl Descriptor {
    /// A descriptor with these rights, that can be changed and passes nothing on.
    pub fn new(file: File, file_type: FileType, rights: Rights) -> Self {
        Self {
            file,
            file_type,
            rights,
            inheriting: Rights::NONE,
            access: Access::ReadWrite,
            nonblocking: false,
            preopen_name: None,
            escape_filter: None,
        }
    }

    /// A descriptor for one of the process's standard streams; `direction` says which way data goes.
    /// A stream that the process was started without is `None`.
    ///
    /// A stream may be a file that the user named on the command line: data goes through it, but its size
    /// and its times are not the guest's to set.
    pub fn stdio(file: BorrowedFd<'static>, direction: Rights) -> Option<Self> {
        let file_type = file_type_of(file).ok()?;
        let transfer = Rights(Rights::FD_READ.0 | Rights::FD_WRITE.0);
        let applicable = match file_type {
            // Nothing is opened or looked up through a stream, though it may be a directory.
            FileType::Directory => Rights::STREAM,
            _ => applicable_rights(file_type, file).without(Rights::MUTATING),
        };
        let applicable = applicable.without(transfer);
        let rights = Rights(applicable.0 | direction.0);
        Some(Self::new(File::Stdio(file), file_type, rights))
    }

    /// A descriptor for a stream socket that the host does not wait on.
    pub fn socket(socket: OwnedFd) -> Self {
        Self::new(File::Owned(socket), FileType::SocketStream, Rights::SOCKET)
    }

    /// The descriptor, with a filter for escapes if it is a terminal and they are not allowed.
    pub fn with_escapes(mut self, escapes: Escapes) -> Self {
        let is_terminal = self.file_type == FileType::CharacterDevice && self.host().is_ok_and(isatty);
        self.escape_filter = (is_terminal && escapes == Escapes::Shown).then(EscapeFilter::default);
        self
    }

    /// A descriptor for a granted directory.
    ///
    /// A read-only one still lets `FD_WRITE` be inherited: wasi-libc asks for the rights it finds
    /// there, and an open for writing shall fail with `ROFS`, not open a file that cannot be written.
    pub fn preopen(directory: OwnedFd, name: Vec<u8>, access: Access) -> Self {
        let rights = match access {
            Access::ReadWrite => Rights::DIRECTORY,
            Access::ReadOnly => Rights::DIRECTORY.without(Rights::MUTATING),
        };
        Self {
            inheriting: Rights::INHERITABLE,
            access,
            preopen_name: Some(name),
            ..Self::new(File::Owned(directory), FileType::Directory, rights)
        }
    }

    /// A descriptor for a packed directory.
    pub fn embedded_preopen(directory: EmbeddedFile, name: Vec<u8>) -> Self {
        Self {
            inheriting: Rights::INHERITABLE,
            access: Access::ReadOnly,
            preopen_name: Some(name),
            ..Self::new(
                File::Embedded(directory),
                FileType::Directory,
                Rights::DIRECTORY.without(Rights::MUTATING),
            )
        }
    }

    /// The file on the host; `NOTSUP` for one that is packed into the executable. Who can meet one of those
    /// asks [`Self::embedded`] first.
    pub fn host(&self) -> Result<BorrowedFd<'_>, Errno> {
        match &self.file {
            File::Owned(file) => Ok(file.as_fd()),
            File::Stdio(file) => Ok(*file),
            File::Embedded(_) => Err(Errno::NotSup),
        }
    }

    /// The file, if it is packed into the executable.
    pub fn embedded(&self) -> Option<&EmbeddedFile> {
        match &self.file {
            File::Embedded(file) => Some(file),
            File::Owned(_) | File::Stdio(_) => None,
        }
    }

    /// Whether it has a position.
    pub fn is_seekable(&self) -> bool {
        match self.file_type {
            FileType::RegularFile | FileType::BlockDevice => true,
            // /dev/null and /dev/zero can be sought in; a terminal cannot.
            FileType::CharacterDevice => self.host().is_ok_and(|file| !isatty(file)),
            _ => false,
        }
    }

    /// `Ok` if it has the right, else `NOTCAPABLE`.
    pub fn require(&self, right: Rights) -> Result<(), Errno> {
        if self.rights.contains(right) { Ok(()) } else { Err(Errno::NotCapable) }
    }

    /// `Ok` if what it refers to may be changed, else `ROFS`.
    pub fn require_writable(&self) -> Result<(), Errno> {
        match self.access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => Err(Errno::RoFs),
        }
    }

    /// Whether it is a socket.
    pub fn is_socket(&self) -> bool {
        matches!(self.file_type, FileType::SocketDgram | FileType::SocketStream)
    }

    /// The guest's flags: those the host keeps, and `NONBLOCK`.
    pub fn flags(&self) -> Result<FdFlags, Errno> {
        let host = match self.host() {
            Ok(file) => FdFlags::from_host(rustix::fs::fcntl_getfl(file)?),
            Err(_) => FdFlags::NONE,
        };
        let nonblocking = if self.nonblocking { FdFlags::NONBLOCK.0 } else { 0 };
        Ok(FdFlags(host.0 | nonblocking))
    }
}

/// What an open file is; a socket's type is asked of the socket.
pub fn file_type_of(file: BorrowedFd<'_>) -> Result<FileType, Errno> {
    let host_type = rustix::fs::FileType::from_raw_mode(fstat(file)?.st_mode);
    if host_type == rustix::fs::FileType::Socket {
        let is_dgram = rustix::net::sockopt::socket_type(file)? == rustix::net::SocketType::DGRAM;
        return Ok(if is_dgram { FileType::SocketDgram } else { FileType::SocketStream });
    }
    Ok(host_type.into())
}

/// The rights that apply to a file of this type, in both directions.
pub fn applicable_rights(file_type: FileType, file: BorrowedFd<'_>) -> Rights {
    match file_type {
        FileType::RegularFile | FileType::BlockDevice => Rights::REGULAR_FILE,
        FileType::Directory => Rights::DIRECTORY,
        FileType::SocketDgram | FileType::SocketStream => Rights::SOCKET,
        // /dev/null and /dev/zero can be sought in; a terminal cannot.
        FileType::CharacterDevice if !isatty(file) => Rights::REGULAR_FILE,
        _ => Rights::STREAM,
    }
}

/// All descriptors of a guest.
#[derive(Debug)]
pub struct FdTable {
    slots: Vec<Option<Descriptor>>,
    /// Numbers that nothing gets.
    reserved: Vec<usize>,
    /// No slot below this one is free.
    first_free: usize,
    /// Descriptors that are open.
    open_count: usize,
    /// How many may be.
    max_open: usize,
}

impl Default for FdTable {
    fn default() -> Self {
        Self { slots: Vec::new(), reserved: Vec::new(), first_free: 0, open_count: 0, max_open: usize::MAX }
    }
}

impl FdTable {
    /// `MFILE` if one more descriptor would be past the limit. Asked before anything is opened, for a file
    /// that was made or a connection that was taken cannot be given back.
    pub fn check_room(&self) -> Result<(), Errno> {
        if self.open_count < self.max_open { Ok(()) } else { Err(Errno::MFile) }
    }

    /// Gives `descriptor` the lowest free number, as POSIX has it, or answers `MFILE` past the limit. The
    /// table grows with the number of host files that are open, which the host limits.
    pub fn insert(&mut self, descriptor: Descriptor) -> Result<Fd, Errno> {
        self.check_room()?;
        let is_free = |index: &usize| self.slots[*index].is_none() && !self.reserved.contains(index);
        let free = (self.first_free..self.slots.len()).find(is_free);
        let index = free.unwrap_or(self.slots.len());
        let number = u32::try_from(index).map_err(|_| Errno::NFile)?;
        if index == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[index] = Some(descriptor);
        self.first_free = index + 1;
        self.open_count += 1;
        Ok(Fd(number))
    }

    /// Lets at most `max_open` descriptors be open at a time.
    pub fn limit(&mut self, max_open: usize) {
        self.max_open = max_open;
    }

    /// Number of descriptors that are open.
    pub fn open_count(&self) -> usize {
        self.open_count
    }

    /// Gives `descriptor` the next number after all that were given out: for what the program is started
    /// with. Without a descriptor the number is free.
    pub fn push(&mut self, descriptor: Option<Descriptor>) {
        self.open_count += usize::from(descriptor.is_some());
        self.slots.push(descriptor);
    }

    /// Takes the next number, as [`Self::push`], for nothing: it is closed, and no file will ever get it.
    pub fn reserve(&mut self) {
        self.reserved.push(self.slots.len());
        self.slots.push(None);
    }

    /// The descriptor, or `BADF`.
    pub fn get(&self, fd: Fd) -> Result<&Descriptor, Errno> {
        self.slots.get(fd.0 as usize).and_then(Option::as_ref).ok_or(Errno::BadF)
    }

    /// The descriptor, to be changed, or `BADF`.
    pub fn get_mut(&mut self, fd: Fd) -> Result<&mut Descriptor, Errno> {
        self.slots.get_mut(fd.0 as usize).and_then(Option::as_mut).ok_or(Errno::BadF)
    }

    /// The descriptor if it is not a directory and has the right. `BADF` for a directory, and where
    /// reading or writing is what is missing, as POSIX has it; else `NOTCAPABLE`.
    pub fn file(&self, fd: Fd, right: Rights) -> Result<&Descriptor, Errno> {
        let descriptor = self.get(fd)?;
        let transfer = Rights(Rights::FD_READ.0 | Rights::FD_WRITE.0);
        if descriptor.file_type == FileType::Directory {
            return Err(Errno::BadF);
        }
        if right.intersects(transfer) && !descriptor.rights.contains(right.and(transfer)) {
            return Err(Errno::BadF);
        }
        descriptor.require(right)?;
        Ok(descriptor)
    }

    /// The descriptor if it is a directory (else `NOTDIR`) and has the right (else `NOTCAPABLE`).
    pub fn directory(&self, fd: Fd, right: Rights) -> Result<&Descriptor, Errno> {
        let descriptor = self.get(fd)?;
        if descriptor.file_type != FileType::Directory {
            return Err(Errno::NotDir);
        }
        descriptor.require(right)?;
        Ok(descriptor)
    }

    /// As [`Self::directory`], for a call that changes what is below it: `ROFS` where it is read-only.
    pub fn writable_directory(&self, fd: Fd, right: Rights) -> Result<&Descriptor, Errno> {
        let descriptor = self.directory(fd, Rights::NONE)?;
        descriptor.require_writable()?;
        descriptor.require(right)?;
        Ok(descriptor)
    }

    /// Takes the descriptor out of the table, or `BADF`.
    pub fn remove(&mut self, fd: Fd) -> Result<Descriptor, Errno> {
        let index = fd.0 as usize;
        let removed = self.slots.get_mut(index).and_then(Option::take).ok_or(Errno::BadF)?;
        self.first_free = self.first_free.min(index);
        self.open_count -= 1;
        Ok(removed)
    }

    /// Moves `from` to `to`, closing what was there. Both must be open: a guest cannot choose numbers.
    pub fn renumber(&mut self, from: Fd, to: Fd) -> Result<(), Errno> {
        self.get(from)?;
        self.get(to)?;
        if from != to {
            let moved = self.remove(from)?;
            *self.get_mut(to)? = moved;
        }
        Ok(())
    }

    /// Number of slots, open or free: one more than the largest number in use.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether no number was ever given out.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}
