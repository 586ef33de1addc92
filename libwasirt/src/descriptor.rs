//! An open file of the guest: the host's file behind it, and its rights.
//!
//! Rule: all threads of a guest have the same, so what can change is atomic, or behind a lock that is held
//! for a few calls of the host that do not wait. The host's `O_NONBLOCK` is what the guest set on files that
//! it opened. Stdio keeps what it was started with (it is shared with other processes), and sockets always
//! have it; for these two the guest's flag is kept here, and `fd/transfer.rs` waits or answers `AGAIN`
//! accordingly.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::fstat;
use rustix::termios::isatty;

use crate::embedded::EmbeddedFile;
use crate::errno::Errno;
use crate::lock::lock;
use crate::stream::Stream;
use crate::terminal::{EscapeFilter, Escapes};
use crate::types::{Access, FdFlags, FileType, Rights};

/// Both directions of data.
pub(crate) const TRANSFER: Rights = Rights(Rights::FD_READ.0 | Rights::FD_WRITE.0);

/// What is behind a descriptor.
#[derive(Debug)]
pub enum File {
    /// Opened for the guest, closed with the descriptor.
    Owned(OwnedFd),
    /// Standard input, output or error of the process; stays open when the guest closes it.
    Stdio(BorrowedFd<'static>),
    /// A standard stream that others have too, whose flags are theirs.
    Shared(OwnedFd),
    /// A standard stream that is no file.
    Stream(Stream),
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
    pub rights: SharedRights,
    /// What may be done with what is opened through it.
    pub inheriting: SharedRights,
    /// Whether it, or anything below it, may be changed.
    pub access: Access,
    /// The guest's `NONBLOCK` flag.
    pub nonblocking: AtomicBool,
    /// Whether the host's file has `O_APPEND`, as far as it is the guest's to say.
    pub appends: AtomicBool,
    /// Name of a granted directory, for `fd_prestat_get`; `None` for everything else.
    pub preopen_name: Option<Vec<u8>>,
    /// Makes escapes visible, where it is a terminal and they are not allowed.
    pub escape_filter: Option<EscapeFilter>,
    /// Held by whoever makes several calls of the host that nobody else's may come between.
    pub steps: Mutex<()>,
}

/// Rights that threads read while one gives some up.
#[derive(Debug)]
pub struct SharedRights(AtomicU64);

impl SharedRights {
    /// These rights.
    pub fn new(rights: Rights) -> Self {
        Self(AtomicU64::new(rights.0))
    }

    /// The rights that are left.
    pub fn get(&self) -> Rights {
        Rights(self.0.load(Ordering::Relaxed))
    }

    /// Gives up all but `rights`.
    pub fn keep(&self, rights: Rights) {
        self.0.fetch_and(rights.0, Ordering::Relaxed);
    }
}

impl Descriptor {
    /// A descriptor with these rights, that can be changed and passes nothing on.
    pub fn new(file: File, file_type: FileType, rights: Rights) -> Self {
        Self {
            file,
            file_type,
            rights: SharedRights::new(rights),
            inheriting: SharedRights::new(Rights::NONE),
            access: Access::ReadWrite,
            nonblocking: AtomicBool::new(false),
            appends: AtomicBool::new(false),
            preopen_name: None,
            escape_filter: None,
            steps: Mutex::new(()),
        }
    }

    /// A descriptor for one of the process's standard streams; `direction` says which way data goes.
    /// A stream that the process was started without is `None`.
    ///
    /// A stream may be a file that the user named on the command line: data goes through it, but its size
    /// and its times are not the guest's to set.
    pub fn stdio(file: BorrowedFd<'static>, direction: Rights) -> Option<Self> {
        Self::standard(File::Stdio(file), direction)
    }

    /// As [`Self::stdio`], for a descriptor that the host's program gives in place of the process's.
    pub fn shared(file: OwnedFd, direction: Rights) -> Option<Self> {
        Self::standard(File::Shared(file), direction)
    }

    /// A standard stream that is no file.
    pub fn stream(stream: Stream) -> Self {
        let direction = match stream {
            Stream::Bytes(_) | Stream::Reader(_) => Rights::FD_READ,
            Stream::Buffer(_) | Stream::Writer(_) => Rights::FD_WRITE,
        };
        let rights = Rights::STREAM.without(TRANSFER.without(direction));
        Self::new(File::Stream(stream), FileType::Unknown, rights)
    }

    fn standard(stream: File, direction: Rights) -> Option<Self> {
        let file = stream.host().ok()?;
        let file_type = file_type_of(file).ok()?;
        let applicable = match file_type {
            // Nothing is opened or looked up through a stream, though it may be a directory.
            FileType::Directory => Rights::STREAM,
            _ => applicable_rights(file_type, file).without(Rights::MUTATING),
        };
        let rights = Rights(applicable.without(TRANSFER).0 | direction.0);
        Some(Self::new(stream, file_type, rights))
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
            inheriting: SharedRights::new(Rights::INHERITABLE),
            access,
            preopen_name: Some(name),
            ..Self::new(File::Owned(directory), FileType::Directory, rights)
        }
    }

    /// A descriptor for a packed directory.
    pub fn embedded_preopen(directory: EmbeddedFile, name: Vec<u8>) -> Self {
        Self {
            inheriting: SharedRights::new(Rights::INHERITABLE),
            access: Access::ReadOnly,
            preopen_name: Some(name),
            ..Self::new(
                File::Embedded(directory),
                FileType::Directory,
                Rights::DIRECTORY.without(Rights::MUTATING),
            )
        }
    }

    /// The file on the host; `NOTSUP` for one that is none. Who can meet one of those asks [`Self::served`]
    /// first.
    pub fn host(&self) -> Result<BorrowedFd<'_>, Errno> {
        self.file.host()
    }

    /// The file, if it is packed into the executable.
    pub fn embedded(&self) -> Option<&EmbeddedFile> {
        match &self.file {
            File::Embedded(file) => Some(file),
            _ => None,
        }
    }

    /// What reads and writes it, if the host does not.
    pub fn served(&self) -> Option<Served<'_>> {
        match &self.file {
            File::Embedded(file) => Some(Served::Embedded(file)),
            File::Stream(stream) => Some(Served::Stream(stream)),
            File::Owned(_) | File::Stdio(_) | File::Shared(_) => None,
        }
    }

    /// Whether it is a stream that others have too, whose flags on the host are not the guest's.
    pub fn is_shared(&self) -> bool {
        matches!(self.file, File::Stdio(_) | File::Shared(_) | File::Stream(_))
    }

    /// Keeps the steps of others out until the guard is dropped.
    pub(crate) fn begin_steps(&self) -> MutexGuard<'_, ()> {
        lock(&self.steps)
    }

    /// Whether calls answer `AGAIN` instead of waiting.
    pub fn is_nonblocking(&self) -> bool {
        self.nonblocking.load(Ordering::Relaxed)
    }

    /// Whether it is a regular file, which never lets a call wait.
    pub fn is_regular(&self) -> bool {
        self.file_type == FileType::RegularFile
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
        if self.rights.get().contains(right) { Ok(()) } else { Err(Errno::NotCapable) }
    }

    /// `Ok` if it is not a directory and has the right; the errors are those of `FdTable::file`.
    pub fn require_file(&self, right: Rights) -> Result<(), Errno> {
        if self.file_type == FileType::Directory {
            return Err(Errno::BadF);
        }
        if right.intersects(TRANSFER) && !self.rights.get().contains(right.and(TRANSFER)) {
            return Err(Errno::BadF);
        }
        self.require(right)
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

    /// The guest's flags: those the host keeps, and `NONBLOCK`. Steps must have begun, where others may take
    /// them.
    pub fn flags(&self) -> Result<FdFlags, Errno> {
        let host = match self.host() {
            Ok(file) => FdFlags::from_host(rustix::fs::fcntl_getfl(file)?),
            Err(_) => FdFlags::NONE,
        };
        let nonblocking = if self.is_nonblocking() { FdFlags::NONBLOCK.0 } else { 0 };
        Ok(FdFlags(host.0 | nonblocking))
    }
}

impl File {
    fn host(&self) -> Result<BorrowedFd<'_>, Errno> {
        match self {
            Self::Owned(file) | Self::Shared(file) => Ok(file.as_fd()),
            Self::Stdio(file) => Ok(*file),
            Self::Embedded(_) | Self::Stream(_) => Err(Errno::NotSup),
        }
    }
}

/// A file that is none of the host's.
#[derive(Clone, Copy, Debug)]
pub enum Served<'file> {
    /// Packed into the executable.
    Embedded(&'file EmbeddedFile),
    /// A standard stream.
    Stream(&'file Stream),
}

impl Served<'_> {
    /// Bytes that can be read without waiting.
    pub fn left(self) -> u64 {
        match self {
            Self::Embedded(file) => file.left(),
            Self::Stream(stream) => stream.left(),
        }
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
