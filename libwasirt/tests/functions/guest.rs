//! A guest to call functions with: an instance with one exported memory, laid out as the compiler does.
//!
//! Every call runs under [`Guest::run`], which checks that nothing but the named places was written, and
//! nothing at all by a call that failed.

use std::ffi::c_void;
use std::os::fd::AsFd;
use std::path::Path;
use std::ptr::{null, null_mut};
use std::rc::Rc;

use libwasirt::context::Context;
use libwasirt::descriptor::{Descriptor, File, applicable_rights, file_type_of};
use libwasirt::errno::Errno;
use libwasirt::functions::*;
use libwasirt::path::resolve::Resolver;
use libwasirt::types::*;
use libwasirt::{guest::GuestMemory, memory_place::Word};
use tempfile::TempDir;
use w2n_abi::*;

/// Bytes of a guest's memory: one page.
pub const MEMORY_SIZE: u32 = 65_536;
/// Where results are written.
pub const OUT: GuestPtr = GuestPtr(256);
/// Where a second result is written.
pub const OUT2: GuestPtr = GuestPtr(512);
/// Where data is read from and written to.
pub const DATA: GuestPtr = GuestPtr(16_384);
/// Fills the memory at first, so that a stray zero shows.
const SENTINEL: u8 = 0xa5;
const PATH: GuestPtr = GuestPtr(1024);
const PATH2: GuestPtr = GuestPtr(8192);
pub const IOVECS: GuestPtr = GuestPtr(600);

/// The granted directory.
pub const DIR: Fd = Fd(3);
/// The same directory, granted with `:ro`.
pub const READ_ONLY_DIR: Fd = Fd(4);
/// All rights there are.
pub const ALL_RIGHTS: u64 = (1 << 30) - 1;
/// To read only.
pub const READ: u64 = Rights::FD_READ.0;
/// To read and to write.
pub const READ_WRITE: u64 = Rights::FD_READ.0 | Rights::FD_WRITE.0;
/// `NOFOLLOW`, the absence of a lookup flag.
pub const NO_FOLLOW: u32 = 0;

/// The instance as the compiler would lay it out: the header, then the reference to the memory.
#[repr(C)]
struct InstanceBlock {
    header: VmInstance<Word>,
    memory_ref: VmMemoryRef<Word>,
}

/// What the descriptor of the guest's module says about its memory.
#[derive(Clone, Copy)]
pub enum MemoryIs {
    /// Exported under this name.
    Exported(&'static str),
    /// Imported, not exported.
    Imported,
    /// Defined, not exported.
    Defined,
    /// Not there.
    Missing,
}

pub struct Guest {
    pub context: Context,
    pub dir: Rc<TempDir>,
    memory: Vec<u8>,
    vm_memory: Box<VmMemory<Word>>,
    instance: Box<InstanceBlock>,
}

impl Guest {
    /// A guest with a directory at 3, and the same read-only at 4. 0, 1 and 2 are closed.
    pub fn new() -> Self {
        Self::granted(TempDir::new().expect("a temporary directory"), "")
    }

    /// As [`Self::new`], with the directory `name` in `dir`.
    pub fn granted(dir: impl Into<Rc<TempDir>>, name: &str) -> Self {
        let dir = dir.into();
        let mut context = Context::default();
        for _ in 0..3 {
            context.fds.push(None);
        }
        for (guest_name, access) in [("rw", Access::ReadWrite), ("ro", Access::ReadOnly)] {
            let file = std::fs::File::open(dir.path().join(name)).expect("opening the directory");
            context.fds.push(Some(Descriptor::preopen(file.into(), guest_name.into(), access)));
        }
        context.hint.dir_granted = true;
        Self::with(context, dir, MemoryIs::Exported("memory"))
    }

    /// As [`Self::new`], with paths opened by the walk.
    pub fn walking() -> Self {
        let mut guest = Self::new();
        guest.context.resolver = Resolver::Walk;
        guest
    }

    /// A guest with this state and a memory as told.
    pub fn with(context: Context, dir: impl Into<Rc<TempDir>>, memory_is: MemoryIs) -> Self {
        let mut memory = vec![SENTINEL; MEMORY_SIZE as usize];
        let base: Word = memory.as_mut_ptr().cast();
        let mut vm_memory = Box::new(VmMemory {
            base,
            length_bytes: u64::from(MEMORY_SIZE),
            max_pages: 1,
            reserved_bytes: u64::from(MEMORY_SIZE),
            declared_max_pages: 1,
            page_size_log2: PAGE_SIZE_LOG2,
            reserved: 0,
        });
        let memory_ref = VmMemoryRef { base, memory: (&raw mut *vm_memory).cast() };
        let descriptor: *mut ModuleDescriptor<Word> = Box::leak(Box::new(module(memory_is)));
        let header = VmInstance { descriptor: descriptor.cast(), owner: null_mut() };
        let instance = Box::new(InstanceBlock { header, memory_ref });
        Self { context, dir: dir.into(), memory, vm_memory, instance }
    }

    /// The instance, as the C symbols take it.
    pub fn instance(&mut self) -> *mut VmInstance<Word> {
        // The runtime writes the header and the regions behind it through one pointer, too.
        (&raw mut *self.instance).cast()
    }

    /// The context, as the C symbols take it.
    pub fn env(&mut self) -> *mut c_void {
        (&raw mut self.context).cast()
    }

    /// Length of the memory in bytes, as the runtime has it.
    pub fn memory_length(&self) -> u64 {
        self.vm_memory.length_bytes
    }

    /// Calls a function that may write to `places` (address, bytes) if it succeeds, and nowhere else.
    pub fn run(
        &mut self,
        places: &[(GuestPtr, u32)],
        function: impl FnOnce(&Context, GuestMemory<'_>) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let before = self.memory.clone();
        let instance = self.instance();
        // SAFETY: the instance is alive, and `self` is borrowed for the call.
        let memory = unsafe { GuestMemory::of_instance(instance) };
        let result = function(&self.context, memory);
        for (address, (was, is)) in before.iter().zip(&self.memory).enumerate() {
            let may_change = result.is_ok()
                && places
                    .iter()
                    .any(|(start, len)| (start.0 as usize..(start.0 + len) as usize).contains(&address));
            assert!(was == is || may_change, "byte {address} was written by a call that answered {result:?}");
        }
        result
    }

    /// Calls a function without looking at what it writes: for calls by the thousand.
    pub fn call(
        &mut self,
        function: impl FnOnce(&Context, GuestMemory<'_>) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let instance = self.instance();
        // SAFETY: the instance is alive, and `self` is borrowed for the call.
        function(&self.context, unsafe { GuestMemory::of_instance(instance) })
    }

    /// All of the memory.
    pub fn memory(&self) -> &[u8] {
        &self.memory
    }

    /// Gives the guest a socket.
    pub fn insert_socket(&mut self, socket: std::os::fd::OwnedFd) -> Fd {
        let file_type = file_type_of(socket.as_fd()).expect("asking a socket");
        let rights = applicable_rights(file_type, socket.as_fd());
        let descriptor = Descriptor::new(File::Owned(socket), file_type, rights);
        self.context.fds.insert(descriptor).expect("there is a number")
    }

    /// Gives the guest one end of a pipe, with all rights of one.
    #[allow(dead_code, reason = "the tests of files have pipes of their own kind")]
    pub fn insert_stream(&mut self, end: std::os::fd::OwnedFd) -> Fd {
        let descriptor = Descriptor::new(File::Owned(end), FileType::Unknown, Rights::STREAM);
        self.context.fds.insert(descriptor).expect("there is a number")
    }

    /// The position of an open file, as the host has it.
    pub fn position(&self, fd: Fd) -> u64 {
        let descriptor = self.context.fds.get(fd).expect("it is open");
        rustix::fs::tell(descriptor.host().expect("a file of the host")).expect("it has a position")
    }

    /// Puts bytes into memory.
    pub fn put(&mut self, ptr: GuestPtr, bytes: &[u8]) -> u32 {
        self.memory[ptr.0 as usize..][..bytes.len()].copy_from_slice(bytes);
        bytes.len() as u32
    }

    /// Puts an iovec array that describes `buffers` into memory.
    pub fn put_iovecs(&mut self, buffers: &[(GuestPtr, u32)]) -> (GuestPtr, u32) {
        for (index, (ptr, len)) in buffers.iter().enumerate() {
            let iovec = [ptr.0.to_le_bytes(), len.to_le_bytes()].concat();
            self.put(GuestPtr(IOVECS.0 + index as u32 * 8), &iovec);
        }
        (IOVECS, buffers.len() as u32)
    }

    /// Bytes of the memory.
    pub fn bytes(&self, ptr: GuestPtr, len: u32) -> &[u8] {
        &self.memory[ptr.0 as usize..][..len as usize]
    }

    pub fn u32_at(&self, ptr: GuestPtr) -> u32 {
        u32::from_le_bytes(self.bytes(ptr, 4).try_into().expect("4 bytes"))
    }

    pub fn u64_at(&self, ptr: GuestPtr) -> u64 {
        u64::from_le_bytes(self.bytes(ptr, 8).try_into().expect("8 bytes"))
    }

    pub fn u16_at(&self, ptr: GuestPtr) -> u16 {
        u16::from_le_bytes(self.bytes(ptr, 2).try_into().expect("2 bytes"))
    }

    /// The host's path of the granted directory.
    pub fn host(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    pub fn write_host_file(&self, name: &str, text: &str) {
        std::fs::write(self.host(name), text).expect("writing a file");
    }

    pub fn make_host_dir(&self, name: &str) {
        std::fs::create_dir_all(self.host(name)).expect("making a directory");
    }

    pub fn link_host(&self, target: impl AsRef<Path>, name: &str) {
        std::os::unix::fs::symlink(target, self.host(name)).expect("making a link");
    }

    /// `path_open` with all its arguments.
    pub fn open_at(
        &mut self,
        dir: Fd,
        follow: u32,
        path: impl AsRef<[u8]>,
        oflags: u32,
        rights: u64,
        fdflags: u32,
    ) -> Result<Fd, Errno> {
        let len = self.put(PATH, path.as_ref());
        self.run(&[(OUT, 4)], |context, memory| {
            path_open(context, memory, dir, follow, PATH, len, oflags, rights, rights, fdflags, OUT)
        })?;
        Ok(Fd(self.u32_at(OUT)))
    }

    /// Opens below the granted directory, following links.
    pub fn open(&mut self, path: &str, oflags: u32, rights: u64) -> Result<Fd, Errno> {
        self.open_at(DIR, LOOKUP_SYMLINK_FOLLOW, path, oflags, rights, 0)
    }

    pub fn close(&mut self, fd: Fd) -> Result<(), Errno> {
        self.run(&[], |context, memory| fd_close(context, memory, fd))
    }

    /// `fd_write` of one buffer; answers the number of bytes.
    pub fn write(&mut self, fd: Fd, bytes: &[u8]) -> Result<u32, Errno> {
        let len = self.put(DATA, bytes);
        let (iovs, count) = self.put_iovecs(&[(DATA, len)]);
        self.run(&[(OUT, 4)], |context, memory| fd_write(context, memory, fd, iovs, count, OUT))?;
        Ok(self.u32_at(OUT))
    }

    /// `fd_read` into one buffer of `len` bytes; answers what was read.
    pub fn read(&mut self, fd: Fd, len: u32) -> Result<Vec<u8>, Errno> {
        let (iovs, count) = self.put_iovecs(&[(DATA, len)]);
        self.run(&[(OUT, 4), (DATA, len)], |context, memory| fd_read(context, memory, fd, iovs, count, OUT))?;
        Ok(self.bytes(DATA, self.u32_at(OUT)).to_vec())
    }

    /// Calls a function that takes one path.
    pub fn with_path(
        &mut self,
        path: impl AsRef<[u8]>,
        places: &[(GuestPtr, u32)],
        function: impl FnOnce(&Context, GuestMemory<'_>, GuestPtr, u32) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let len = self.put(PATH, path.as_ref());
        self.run(places, |context, memory| function(context, memory, PATH, len))
    }

    /// Calls a function that takes two paths.
    pub fn with_paths(
        &mut self,
        first: impl AsRef<[u8]>,
        second: impl AsRef<[u8]>,
        function: impl FnOnce(&Context, GuestMemory<'_>, GuestPtr, u32, GuestPtr, u32) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let first_len = self.put(PATH, first.as_ref());
        let second_len = self.put(PATH2, second.as_ref());
        self.run(&[], |context, memory| function(context, memory, PATH, first_len, PATH2, second_len))
    }

    /// File type, size and inode of a file by path.
    pub fn stat(&mut self, follow: u32, path: &str) -> Result<(u8, u64), Errno> {
        self.with_path(path, &[(OUT, 64)], |context, memory, path, len| {
            path_filestat_get(context, memory, DIR, follow, path, len, OUT)
        })?;
        Ok((self.bytes(OUT, 64)[16], self.u64_at(GuestPtr(OUT.0 + 32))))
    }
}

/// The descriptor of a module that has nothing but a memory.
fn module(memory_is: MemoryIs) -> ModuleDescriptor<Word> {
    let none = Slice { ptr: null_mut(), len: 0 };
    let ty = ExternDescriptor {
        kind: ExternKind::Memory as u32,
        ty: PAGE_SIZE_LOG2,
        flags: 0,
        ref_type: 0,
        reserved: 0,
        offset: std::mem::offset_of!(InstanceBlock, memory_ref) as u32,
        min: 1,
        max: 1,
    };
    let mut descriptor = ModuleDescriptor {
        abi_version: ABI_VERSION,
        flags: 0,
        api: null_mut(),
        wasi: null_mut(),
        name: none,
        instance_size: size_of::<InstanceBlock>() as u32,
        type_ids_offset: 0,
        types: none,
        imports: none,
        exports: none,
        func_refs: none,
        tables: none,
        memories: none,
        data_segments: none,
        element_segments: none,
        initialize: null_mut(),
        func_names: none,
        pc_map: null::<c_void>().cast_mut(),
    };
    match memory_is {
        MemoryIs::Exported(name) => {
            // A function of the same name comes first, to be passed over.
            let func = ExternDescriptor { kind: ExternKind::Func as u32, offset: 0, ..ty };
            descriptor.exports = slice(vec![
                ExportDescriptor { name: text("memory"), ty: func, index: 0, indirect: 0 },
                ExportDescriptor { name: text(name), ty, index: 0, indirect: 0 },
            ]);
            descriptor.memories = slice(vec![MemoryDescriptor { ty }]);
        }
        MemoryIs::Imported => {
            let import = ImportDescriptor { module: text("env"), name: text("m"), ty, linked: null_mut() };
            descriptor.imports = slice(vec![import]);
        }
        MemoryIs::Defined => descriptor.memories = slice(vec![MemoryDescriptor { ty }]),
        MemoryIs::Missing => {}
    }
    descriptor
}

fn slice<T>(elements: Vec<T>) -> Slice<Word> {
    let elements = elements.leak();
    Slice { ptr: elements.as_mut_ptr().cast(), len: elements.len() as u64 }
}

fn text(text: &'static str) -> Slice<Word> {
    Slice { ptr: text.as_ptr().cast_mut().cast(), len: text.len() as u64 }
}
