//! `path_open`: the one way to a new descriptor for a file.
//!
//! Rule: what is opened waits as it would natively, and only then: a FIFO for its other end, unless
//! `NONBLOCK` is asked for, or neither reading nor writing.

use core::sync::atomic::AtomicBool;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{FileType as HostFileType, Mode, OFlags, PROC_SUPER_MAGIC, fstat, fstatfs};

use super::resolve::{self, Resolver};
use crate::context::Context;
use crate::descriptor::{Descriptor, File, SharedRights, TRANSFER, applicable_rights, file_type_of};
use crate::embedded::EmbeddedFile;
use crate::errno::Errno;
use crate::guest::GuestMemory;
use crate::guest_path::GuestPath;
use crate::types::{
    Access, Fd, FdFlags, FileType, Follow, GuestPtr, LOOKUP_SYMLINK_FOLLOW, OPEN_CREATE, OPEN_DIRECTORY,
    OPEN_EXCLUSIVE, OPEN_TRUNCATE, Rights,
};

/// witx `path_open(fd: fd, dirflags: lookupflags, path: string, oflags: oflags, fs_rights_base: rights,
/// fs_rights_inheriting: rights, fdflags: fdflags) -> opened_fd: fd`.
///
/// Opens the file for reading if `fs_rights_base` has `FD_READ`, for writing if it has `FD_WRITE`, and
/// writes the lowest free number to `opened_fd`. The new descriptor has all rights that `fd` passes on
/// and that apply to the file and the directions it is open for: the other bits of the two rights
/// arguments do not take any away (`fd_fdstat_set_rights` does). `BADF`: `fd` is not open. `NOTDIR`: it is
/// not a directory, or a component of the path is not, or `DIRECTORY` and the file is not. `NOTCAPABLE`:
/// a right to open, create, truncate, read or write is missing. `INVAL`: unknown flag, a NUL, or
/// `DIRECTORY` with `CREAT`, `EXCL` or `TRUNC`. `PERM`: the path leads out of the directory. `ROFS`: the
/// directory is read-only, and the file is to be created, truncated or written to. `LOOP`: a link that is
/// not to be followed, or too many. `ISDIR`: a directory, for writing, whether `DIRECTORY` is asked for or
/// not. `ACCES`: also what the host shows of its processes (`/proc`), for writing, or if no directory of it
/// was granted. `NXIO`: a FIFO that nobody reads, under `NONBLOCK`; without, a FIFO waits for its other end.
/// `NOENT`, `EXIST`, `NAMETOOLONG`…: as the host. `MFILE`: as the host, or past
/// `--max-fds`; then, and under `FAULT` (a pointer is out of bounds), nothing was opened or created.
#[expect(clippy::too_many_arguments, reason = "The signature is WASI's.")]
pub fn path_open(
    context: &Context,
    memory: GuestMemory<'_>,
    fd: Fd,
    dirflags: u32,
    path: GuestPtr,
    path_len: u32,
    oflags: u32,
    rights_base: u64,
    _rights_inheriting: u64,
    fdflags: u32,
    opened_fd: GuestPtr,
) -> Result<(), Errno> {
    let directory = context.fds.directory(fd, Rights::PATH_OPEN)?;
    let request = Request::new(dirflags, oflags, rights_base, fdflags)?;
    request.check_rights(&directory)?;
    memory.check(opened_fd, 4)?;
    let path = GuestPath::read(&memory, path, path_len)?;
    let room = context.fds.room()?;
    let opened = request.open(context.resolver, &directory, &path)?.with_escapes(context.escapes);
    let number = room.insert(opened)?;
    memory.write_u32(opened_fd, number.0)
}

/// What is asked for.
struct Request {
    oflags: u32,
    directions: Rights,
    fd_flags: FdFlags,
    host_flags: OFlags,
}

impl Request {
    fn new(dirflags: u32, oflags: u32, rights_base: u64, fdflags: u32) -> Result<Self, Errno> {
        let conflicts_with_directory = OPEN_CREATE | OPEN_EXCLUSIVE | OPEN_TRUNCATE;
        let is_directory = oflags & OPEN_DIRECTORY != 0;
        if dirflags > LOOKUP_SYMLINK_FOLLOW
            || oflags >= 1 << 4
            || is_directory && oflags & conflicts_with_directory != 0
        {
            return Err(Errno::Inval);
        }
        let fd_flags = FdFlags::from_bits(fdflags).ok_or(Errno::Inval)?;
        let directions = Rights(rights_base).and(TRANSFER);
        let mut host_flags = OFlags::NOCTTY | fd_flags.to_host();
        let waits = directions != Rights::NONE && !fd_flags.contains(FdFlags::NONBLOCK);
        host_flags.set(OFlags::NONBLOCK, !waits);
        host_flags |= match (directions.contains(Rights::FD_READ), directions.contains(Rights::FD_WRITE)) {
            (_, false) => OFlags::RDONLY,
            (false, true) => OFlags::WRONLY,
            (true, true) => OFlags::RDWR,
        };
        host_flags.set(OFlags::NOFOLLOW, dirflags & LOOKUP_SYMLINK_FOLLOW == 0);
        host_flags.set(OFlags::DIRECTORY, is_directory);
        host_flags.set(OFlags::CREATE, oflags & OPEN_CREATE != 0);
        host_flags.set(OFlags::EXCL, oflags & OPEN_EXCLUSIVE != 0);
        host_flags.set(OFlags::TRUNC, oflags & OPEN_TRUNCATE != 0);
        Ok(Self { oflags, directions, fd_flags, host_flags })
    }

    /// A read-only directory answers `ROFS`, not `NOTCAPABLE`, so it is asked later, by `open_unchanged`.
    fn check_rights(&self, directory: &Descriptor) -> Result<(), Errno> {
        if directory.access == Access::ReadWrite {
            if self.oflags & OPEN_CREATE != 0 {
                directory.require(Rights::PATH_CREATE_FILE)?;
            }
            if self.oflags & OPEN_TRUNCATE != 0 {
                directory.require(Rights::PATH_FILESTAT_SET_SIZE)?;
            }
        }
        if directory.inheriting.get().contains(self.directions) { Ok(()) } else { Err(Errno::NotCapable) }
    }

    /// Whether the file would be changed, or could be through the descriptor.
    fn writes(&self) -> bool {
        self.directions.contains(Rights::FD_WRITE) || self.oflags & OPEN_TRUNCATE != 0
    }

    fn open(
        &self,
        resolver: Resolver,
        directory: &Descriptor,
        path: &GuestPath,
    ) -> Result<Descriptor, Errno> {
        let base = match directory.embedded() {
            Some(embedded) => return self.open_embedded(embedded, directory, path),
            None => directory.host()?,
        };
        let opened = match directory.access {
            Access::ReadOnly => self.open_unchanged(resolver, base, path),
            Access::ReadWrite => {
                resolve::open(resolver, base, path, self.host_flags, Mode::from_raw_mode(0o666))
            }
        };
        let file = opened.map_err(|error| self.refine(error, resolver, base, path))?;
        self.check_processes(base, file.as_fd())?;
        let file_type = file_type_of(file.as_fd())?;
        let applicable = applicable_rights(file_type, file.as_fd());
        Ok(self.descriptor(File::Owned(file), file_type, applicable, directory))
    }

    /// `ACCES` for what the host shows of its processes, which is no storage: `/proc/self/mem` is the memory
    /// of this very process, and `environ` what the guest was not granted. Only who is granted a directory of
    /// that file system may read there; nobody may write.
    fn check_processes(&self, base: BorrowedFd<'_>, file: BorrowedFd<'_>) -> Result<(), Errno> {
        let shows_processes = |file| Ok::<_, Errno>(fstatfs(file)?.f_type == PROC_SUPER_MAGIC);
        let is_refused = shows_processes(file)? && (self.writes() || !shows_processes(base)?);
        if is_refused { Err(Errno::Access) } else { Ok(()) }
    }

    /// The descriptor for what was opened through `directory`.
    fn descriptor(
        &self,
        file: File,
        file_type: FileType,
        applicable: Rights,
        directory: &Descriptor,
    ) -> Descriptor {
        let mut rights = applicable.and(directory.inheriting.get());
        let is_directory = file_type == FileType::Directory;
        if !is_directory {
            rights = rights.without(TRANSFER.without(self.directions));
        }
        if directory.access == Access::ReadOnly {
            rights = rights.without(Rights::MUTATING);
        }
        Descriptor {
            inheriting: SharedRights::new(if is_directory {
                directory.inheriting.get()
            } else {
                Rights::NONE
            }),
            access: directory.access,
            nonblocking: AtomicBool::new(self.fd_flags.contains(FdFlags::NONBLOCK)),
            appends: AtomicBool::new(self.fd_flags.contains(FdFlags::APPEND)),
            ..Descriptor::new(file, file_type, rights)
        }
    }

    /// Opens what is packed into the executable: as below a read-only directory.
    fn open_embedded(
        &self,
        embedded: &EmbeddedFile,
        directory: &Descriptor,
        path: &GuestPath,
    ) -> Result<Descriptor, Errno> {
        let follows = !self.host_flags.contains(OFlags::NOFOLLOW);
        let opened = embedded.open(path, if follows { Follow::Yes } else { Follow::No });
        let file = opened.map_err(|error| self.refusal_to_make(error))?;
        let file_type = file.file_type();
        self.check_unchanged(file_type)?;
        let applicable = match file_type {
            FileType::SymbolicLink => return Err(Errno::Loop),
            FileType::Directory => Rights::DIRECTORY,
            _ if self.host_flags.contains(OFlags::DIRECTORY) => return Err(Errno::NotDir),
            _ => Rights::REGULAR_FILE,
        };
        Ok(self.descriptor(File::Embedded(file), file_type, applicable, directory))
    }

    /// Opens what is below a read-only directory, with the errors of a read-only mount: what is there can be
    /// opened with `CREAT` too, what is not there cannot be made, and nothing is opened for writing.
    fn open_unchanged(
        &self,
        resolver: Resolver,
        base: BorrowedFd<'_>,
        path: &GuestPath,
    ) -> Result<OwnedFd, Errno> {
        let flags = if self.writes() {
            // To see what it is that is refused.
            OFlags::PATH | self.host_flags.intersection(OFlags::NOFOLLOW | OFlags::DIRECTORY)
        } else {
            self.host_flags.difference(OFlags::CREATE | OFlags::EXCL)
        };
        let opened = resolve::open(resolver, base, path, flags, Mode::empty());
        let file = opened.map_err(|error| self.refusal_to_make(error))?;
        self.check_unchanged(file_type_of(file.as_fd())?)?;
        Ok(file)
    }

    /// What is not there cannot be made where nothing can be changed.
    fn refusal_to_make(&self, error: Errno) -> Errno {
        match error {
            Errno::NoEnt if self.host_flags.contains(OFlags::CREATE) => Errno::RoFs,
            error => error,
        }
    }

    /// Whether what is there, and must not be changed, can be opened as asked.
    fn check_unchanged(&self, file_type: FileType) -> Result<(), Errno> {
        if self.host_flags.contains(OFlags::CREATE | OFlags::EXCL) {
            return Err(Errno::Exist);
        }
        match file_type {
            _ if !self.writes() => Ok(()),
            FileType::SymbolicLink => Err(Errno::Loop),
            FileType::Directory => Err(Errno::IsDir),
            _ => Err(Errno::RoFs),
        }
    }

    /// Linux says ENOTDIR for a link that is asked to be a directory and not to be followed; POSIX, ELOOP.
    fn refine(&self, error: Errno, resolver: Resolver, base: BorrowedFd<'_>, path: &GuestPath) -> Errno {
        let asked = OFlags::DIRECTORY | OFlags::NOFOLLOW;
        if error != Errno::NotDir || !self.host_flags.contains(asked) {
            return error;
        }
        let link = resolve::open(resolver, base, path, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty());
        let is_link = link
            .ok()
            .and_then(|file| fstat(file).ok())
            .is_some_and(|stat| HostFileType::from_raw_mode(stat.st_mode) == HostFileType::Symlink);
        if is_link { Errno::Loop } else { error }
    }
}
