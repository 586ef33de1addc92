//! The types of preview 1: handles, rights, flags and the numbers of its enumerations.
//!
//! Numbers and layouts are those of `wasi_snapshot_preview1.witx`; nothing here touches guest memory.

use rustix::fs::{FileType as HostFileType, OFlags};

/// Index into the guest's file descriptor table (witx `fd`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fd(pub u32);

impl From<u32> for Fd {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

/// Address in the guest's memory. Only `guest.rs` makes host pointers of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestPtr(pub u32);

impl From<u32> for GuestPtr {
    fn from(address: u32) -> Self {
        Self(address)
    }
}

/// What a file descriptor may be used for (witx `rights`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights(pub u64);

impl Rights {
    /// No right.
    pub const NONE: Self = Self(0);
    /// `fd_datasync`
    pub const FD_DATASYNC: Self = Self(1);
    /// `fd_read`, `sock_recv`
    pub const FD_READ: Self = Self(1 << 1);
    /// `fd_seek`; implies `FD_TELL`.
    pub const FD_SEEK: Self = Self(1 << 2);
    /// `fd_fdstat_set_flags`
    pub const FD_FDSTAT_SET_FLAGS: Self = Self(1 << 3);
    /// `fd_sync`
    pub const FD_SYNC: Self = Self(1 << 4);
    /// `fd_tell`, and `fd_seek` that does not move.
    pub const FD_TELL: Self = Self(1 << 5);
    /// `fd_write`, `sock_send`
    pub const FD_WRITE: Self = Self(1 << 6);
    /// `fd_advise`
    pub const FD_ADVISE: Self = Self(1 << 7);
    /// `fd_allocate`
    pub const FD_ALLOCATE: Self = Self(1 << 8);
    /// `path_create_directory`
    pub const PATH_CREATE_DIRECTORY: Self = Self(1 << 9);
    /// `path_open` with `CREAT`
    pub const PATH_CREATE_FILE: Self = Self(1 << 10);
    /// `path_link`, directory of the old name
    pub const PATH_LINK_SOURCE: Self = Self(1 << 11);
    /// `path_link`, directory of the new name
    pub const PATH_LINK_TARGET: Self = Self(1 << 12);
    /// `path_open`
    pub const PATH_OPEN: Self = Self(1 << 13);
    /// `fd_readdir`
    pub const FD_READDIR: Self = Self(1 << 14);
    /// `path_readlink`
    pub const PATH_READLINK: Self = Self(1 << 15);
    /// `path_rename`, directory of the old name
    pub const PATH_RENAME_SOURCE: Self = Self(1 << 16);
    /// `path_rename`, directory of the new name
    pub const PATH_RENAME_TARGET: Self = Self(1 << 17);
    /// `path_filestat_get`
    pub const PATH_FILESTAT_GET: Self = Self(1 << 18);
    /// `path_open` with `TRUNC`
    pub const PATH_FILESTAT_SET_SIZE: Self = Self(1 << 19);
    /// `path_filestat_set_times`
    pub const PATH_FILESTAT_SET_TIMES: Self = Self(1 << 20);
    /// `fd_filestat_get`
    pub const FD_FILESTAT_GET: Self = Self(1 << 21);
    /// `fd_filestat_set_size`
    pub const FD_FILESTAT_SET_SIZE: Self = Self(1 << 22);
    /// `fd_filestat_set_times`
    pub const FD_FILESTAT_SET_TIMES: Self = Self(1 << 23);
    /// `path_symlink`
    pub const PATH_SYMLINK: Self = Self(1 << 24);
    /// `path_remove_directory`
    pub const PATH_REMOVE_DIRECTORY: Self = Self(1 << 25);
    /// `path_unlink_file`
    pub const PATH_UNLINK_FILE: Self = Self(1 << 26);
    /// `poll_oneoff` on the descriptor
    pub const POLL_FD_READWRITE: Self = Self(1 << 27);
    /// `sock_shutdown`
    pub const SOCK_SHUTDOWN: Self = Self(1 << 28);
    /// `sock_accept`
    pub const SOCK_ACCEPT: Self = Self(1 << 29);

    /// Rights that make sense for a regular file, both to read and to write.
    pub const REGULAR_FILE: Self = Self(
        Self::FD_DATASYNC.0
            | Self::FD_READ.0
            | Self::FD_SEEK.0
            | Self::FD_FDSTAT_SET_FLAGS.0
            | Self::FD_SYNC.0
            | Self::FD_TELL.0
            | Self::FD_WRITE.0
            | Self::FD_ADVISE.0
            | Self::FD_ALLOCATE.0
            | Self::FD_FILESTAT_GET.0
            | Self::FD_FILESTAT_SET_SIZE.0
            | Self::FD_FILESTAT_SET_TIMES.0
            | Self::POLL_FD_READWRITE.0,
    );
    /// Rights that make sense for a terminal or a pipe. wasi-libc's `isatty` answers yes for a
    /// character device that has neither `FD_SEEK` nor `FD_TELL`.
    pub const STREAM: Self = Self(
        Self::FD_READ.0
            | Self::FD_FDSTAT_SET_FLAGS.0
            | Self::FD_WRITE.0
            | Self::FD_FILESTAT_GET.0
            | Self::POLL_FD_READWRITE.0,
    );
    /// Rights that make sense for a socket.
    pub const SOCKET: Self = Self(Self::STREAM.0 | Self::SOCK_SHUTDOWN.0 | Self::SOCK_ACCEPT.0);
    /// Rights that make sense for a directory.
    pub const DIRECTORY: Self = Self(
        Self::FD_FDSTAT_SET_FLAGS.0
            | Self::FD_SYNC.0
            | Self::FD_DATASYNC.0
            | Self::FD_READDIR.0
            | Self::FD_FILESTAT_GET.0
            | Self::FD_FILESTAT_SET_TIMES.0
            | Self::PATH_CREATE_DIRECTORY.0
            | Self::PATH_CREATE_FILE.0
            | Self::PATH_LINK_SOURCE.0
            | Self::PATH_LINK_TARGET.0
            | Self::PATH_OPEN.0
            | Self::PATH_READLINK.0
            | Self::PATH_RENAME_SOURCE.0
            | Self::PATH_RENAME_TARGET.0
            | Self::PATH_FILESTAT_GET.0
            | Self::PATH_FILESTAT_SET_SIZE.0
            | Self::PATH_FILESTAT_SET_TIMES.0
            | Self::PATH_SYMLINK.0
            | Self::PATH_REMOVE_DIRECTORY.0
            | Self::PATH_UNLINK_FILE.0,
    );
    /// Rights that files and directories below a granted directory can have.
    pub const INHERITABLE: Self = Self(Self::DIRECTORY.0 | Self::REGULAR_FILE.0 | Self::SOCKET.0);
    /// Rights to change a file or what is below a directory. A read-only directory lacks them.
    pub const MUTATING: Self = Self(
        Self::FD_WRITE.0
            | Self::FD_ALLOCATE.0
            | Self::FD_FILESTAT_SET_SIZE.0
            | Self::FD_FILESTAT_SET_TIMES.0
            | Self::PATH_CREATE_DIRECTORY.0
            | Self::PATH_CREATE_FILE.0
            | Self::PATH_LINK_SOURCE.0
            | Self::PATH_LINK_TARGET.0
            | Self::PATH_RENAME_SOURCE.0
            | Self::PATH_RENAME_TARGET.0
            | Self::PATH_FILESTAT_SET_SIZE.0
            | Self::PATH_FILESTAT_SET_TIMES.0
            | Self::PATH_SYMLINK.0
            | Self::PATH_REMOVE_DIRECTORY.0
            | Self::PATH_UNLINK_FILE.0,
    );

    /// Whether all rights of `other` are in `self`.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether `self` and `other` share a right.
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Rights that are in both.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Rights of `self` that are not in `other`.
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// witx `filetype`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FileType {
    /// Unknown, or none of the others (a pipe).
    Unknown = 0,
    /// Block device.
    BlockDevice = 1,
    /// Character device.
    CharacterDevice = 2,
    /// Directory.
    Directory = 3,
    /// Regular file.
    RegularFile = 4,
    /// Datagram socket.
    SocketDgram = 5,
    /// Stream socket.
    SocketStream = 6,
    /// Symbolic link.
    SymbolicLink = 7,
}

impl From<HostFileType> for FileType {
    fn from(ty: HostFileType) -> Self {
        match ty {
            HostFileType::RegularFile => Self::RegularFile,
            HostFileType::Directory => Self::Directory,
            HostFileType::Symlink => Self::SymbolicLink,
            HostFileType::CharacterDevice => Self::CharacterDevice,
            HostFileType::BlockDevice => Self::BlockDevice,
            HostFileType::Socket => Self::SocketStream,
            _ => Self::Unknown,
        }
    }
}

/// witx `fdflags`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FdFlags(pub u16);

impl FdFlags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// Writes go to the end.
    pub const APPEND: Self = Self(1);
    /// A write returns when its data is on the device.
    pub const DSYNC: Self = Self(1 << 1);
    /// Calls answer `AGAIN` instead of waiting.
    pub const NONBLOCK: Self = Self(1 << 2);
    /// Reads synchronise as well.
    pub const RSYNC: Self = Self(1 << 3);
    /// A write returns when its data and metadata are on the device.
    pub const SYNC: Self = Self(1 << 4);
    /// The three that say how writes reach the device.
    pub const ANY_SYNC: Self = Self(Self::DSYNC.0 | Self::RSYNC.0 | Self::SYNC.0);

    /// The flags, or none when an unknown bit is set.
    pub fn from_bits(bits: u32) -> Option<Self> {
        (bits < 1 << 5).then_some(Self(bits as u16))
    }

    /// Whether all flags of `other` are set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Flags that are in both.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The host's flags for opening a file. `NONBLOCK` is not among them: see `fd_table.rs`.
    pub fn to_host(self) -> OFlags {
        let mut flags = OFlags::empty();
        flags.set(OFlags::APPEND, self.contains(Self::APPEND));
        flags.set(OFlags::DSYNC, self.contains(Self::DSYNC));
        // RSYNC means O_SYNC on Linux, where O_RSYNC is the same number.
        flags.set(OFlags::SYNC, self.contains(Self::SYNC) || self.contains(Self::RSYNC));
        flags
    }

    /// The flags that the host keeps for an open file; `NONBLOCK` is not among them.
    pub fn from_host(flags: OFlags) -> Self {
        let mut bits = 0;
        if flags.contains(OFlags::APPEND) {
            bits |= Self::APPEND.0;
        }
        if flags.contains(OFlags::SYNC) {
            bits |= Self::SYNC.0;
        } else if flags.contains(OFlags::DSYNC) {
            bits |= Self::DSYNC.0;
        }
        Self(bits)
    }
}

/// witx `lookupflags`: `SYMLINK_FOLLOW`
pub const LOOKUP_SYMLINK_FOLLOW: u32 = 1;

/// witx `oflags`: create the file if it does not exist.
pub const OPEN_CREATE: u32 = 1;
/// witx `oflags`: fail if it is not a directory.
pub const OPEN_DIRECTORY: u32 = 1 << 1;
/// witx `oflags`: fail if it exists.
pub const OPEN_EXCLUSIVE: u32 = 1 << 2;
/// witx `oflags`: cut it to size 0.
pub const OPEN_TRUNCATE: u32 = 1 << 3;

/// What to do with a symbolic link in the last component of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// Take the file it leads to.
    Yes,
    /// Take the link itself, or fail with `LOOP` where a link cannot be taken.
    No,
}

/// Whether what is below a directory may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everything.
    ReadWrite,
    /// Granted with `:ro`: every mutating call answers `ROFS`.
    ReadOnly,
}

/// Bytes of a witx `iovec` or `ciovec`: pointer, length.
pub const IOVEC_SIZE_BYTES: u32 = 8;
/// Bytes of a witx `fdstat`.
pub const FDSTAT_SIZE_BYTES: u32 = 24;
/// Bytes of a witx `filestat`.
pub const FILESTAT_SIZE_BYTES: u32 = 64;
/// Bytes of a witx `prestat`.
pub const PRESTAT_SIZE_BYTES: u32 = 8;
/// Bytes of a witx `dirent`, without the name that follows it.
pub const DIRENT_SIZE_BYTES: u32 = 24;
/// Bytes of a witx `event`.
pub const EVENT_SIZE_BYTES: u32 = 32;
