//! The guest's memory: the one place where guest pointers become host references.
//!
//! Rule (INV-7): every address and length is checked here, in 64-bit arithmetic, against the memory's
//! length at the time of the call; structures are copied. Nobody but us changes the memory during a call.

use core::ffi::{c_char, c_void};
use core::marker::PhantomData;

use w2n_abi::{
    ExportDescriptor, ExternDescriptor, ExternKind, ImportDescriptor, MemoryDescriptor, ModuleDescriptor,
    Slice, VmInstance, VmMemory, VmMemoryRef,
};

use crate::errno::Errno;
use crate::types::{GuestPtr, IOVEC_SIZE_BYTES};

/// The pointer word of the ABI structures here.
pub type Word = *mut c_void;

/// Name of the exported memory that WASI functions work on.
const MEMORY_EXPORT: &[u8] = b"memory";

/// Most buffers that one read or write takes; a longer list is served in part, as the host may do
/// with any list. The host's own limit (IOV_MAX) is the same.
pub const MAX_IOVECS: u32 = 1024;

/// The linear memory of the calling instance, for the duration of one call.
pub struct GuestMemory<'call> {
    base: *mut u8,
    length_bytes: u64,
    call: PhantomData<&'call mut [u8]>,
}

/// Where a module has the memory that WASI works on.
#[derive(Debug)]
pub struct MemoryPlace {
    /// The module's descriptor; null for none.
    descriptor: Word,
    /// Of the reference to the memory, in an instance.
    offset: Option<u32>,
}

impl Default for MemoryPlace {
    fn default() -> Self {
        Self { descriptor: core::ptr::null_mut(), offset: None }
    }
}

impl<'call> GuestMemory<'call> {
    /// The memory of `instance` for WASI: its export `memory`, else its first memory, else an empty one,
    /// in which every pointer is out of bounds.
    ///
    /// # Safety
    /// `instance` is a live instance whose memories nobody else touches during `'call`.
    pub unsafe fn of_instance(instance: *const VmInstance<Word>) -> Self {
        // SAFETY: as our caller vouches.
        unsafe { Self::of_instance_known(instance, &mut MemoryPlace::default()) }
    }

    /// As [`Self::of_instance`]; `known` keeps from call to call where the module has its memory.
    ///
    /// # Safety
    /// As for [`Self::of_instance`].
    pub unsafe fn of_instance_known(instance: *const VmInstance<Word>, known: &mut MemoryPlace) -> Self {
        // SAFETY: the caller vouches for the instance; its descriptor is constant data of the module.
        let descriptor = unsafe { (*instance).descriptor };
        if known.descriptor != descriptor {
            // SAFETY: the slices of a descriptor describe constant arrays of its module.
            let offset = unsafe { descriptor.cast::<ModuleDescriptor<Word>>().as_ref() }
                .and_then(|descriptor| unsafe { memory_place(descriptor) })
                .map(|place| place.offset);
            *known = MemoryPlace { descriptor, offset };
        }
        let Some(offset) = known.offset else { return Self::empty() };
        // SAFETY: the compiler put a VmMemoryRef at this offset, and the runtime filled it in.
        unsafe {
            let reference = instance.byte_add(offset as usize).cast::<VmMemoryRef<Word>>();
            let memory = (*reference).memory.cast::<VmMemory<Word>>();
            Self::new((*reference).base.cast(), (*memory).length_bytes)
        }
    }

    /// A memory of `length_bytes` bytes at `base`.
    ///
    /// # Safety
    /// The bytes are readable and writable, and nobody else touches them, during `'call`.
    pub unsafe fn new(base: *mut u8, length_bytes: u64) -> Self {
        Self { base, length_bytes, call: PhantomData }
    }

    fn empty() -> Self {
        Self { base: core::ptr::dangling_mut(), length_bytes: 0, call: PhantomData }
    }

    /// Checks that `len` bytes at `ptr` exist; `FAULT` if not.
    pub fn check(&self, ptr: GuestPtr, len: u32) -> Result<(), Errno> {
        self.check_wide(ptr, u64::from(len))
    }

    /// As [`Self::check`], for the product of a count and a size.
    pub fn check_wide(&self, ptr: GuestPtr, len: u64) -> Result<(), Errno> {
        let end = u64::from(ptr.0).checked_add(len).ok_or(Errno::Fault)?;
        if end <= self.length_bytes { Ok(()) } else { Err(Errno::Fault) }
    }

    /// The `len` bytes at `ptr`.
    pub fn bytes(&self, ptr: GuestPtr, len: u32) -> Result<&[u8], Errno> {
        self.check(ptr, len)?;
        // SAFETY: in bounds by the check; `new` promised that nobody else writes meanwhile, and our
        // own writes need `&mut self`.
        Ok(unsafe { core::slice::from_raw_parts(self.base.add(ptr.0 as usize), len as usize) })
    }

    /// The `len` bytes at `ptr`, to be written to.
    pub fn bytes_mut(&mut self, ptr: GuestPtr, len: u32) -> Result<&mut [u8], Errno> {
        self.check(ptr, len)?;
        // SAFETY: as in `bytes`; `&mut self` makes it the only reference into the memory.
        Ok(unsafe { core::slice::from_raw_parts_mut(self.base.add(ptr.0 as usize), len as usize) })
    }

    /// Copies a structure of `N` bytes out of the memory.
    pub fn read<const N: usize>(&self, ptr: GuestPtr) -> Result<[u8; N], Errno> {
        let mut copy = [0; N];
        copy.copy_from_slice(self.bytes(ptr, N as u32)?);
        Ok(copy)
    }

    /// Copies `bytes` into the memory.
    pub fn write(&mut self, ptr: GuestPtr, bytes: &[u8]) -> Result<(), Errno> {
        let len = u32::try_from(bytes.len()).map_err(|_| Errno::Fault)?;
        self.bytes_mut(ptr, len)?.copy_from_slice(bytes);
        Ok(())
    }

    /// Stores a `u32`, little-endian.
    pub fn write_u32(&mut self, ptr: GuestPtr, value: u32) -> Result<(), Errno> {
        self.write(ptr, &value.to_le_bytes())
    }

    /// Stores a `u64`, little-endian.
    pub fn write_u64(&mut self, ptr: GuestPtr, value: u64) -> Result<(), Errno> {
        self.write(ptr, &value.to_le_bytes())
    }

    /// The buffers that `count` witx `iovec`s at `ptr` describe, each checked. A count past
    /// [`MAX_IOVECS`] must be in bounds, but only the first buffers are taken.
    pub fn buffers(&self, ptr: GuestPtr, count: u32) -> Result<GuestBuffers<'_>, Errno> {
        self.check_wide(ptr, u64::from(count) * u64::from(IOVEC_SIZE_BYTES))?;
        let mut buffers = GuestBuffers::with_room_for(count.min(MAX_IOVECS) as usize);
        for index in 0..buffers.count() as u32 {
            let [address, len] = self.read_pair(GuestPtr(ptr.0 + index * IOVEC_SIZE_BYTES))?;
            self.check(GuestPtr(address), len)?;
            // Wrapping: an empty buffer may stand at the very end, where no byte is.
            let start = self.base.wrapping_add(address as usize);
            let vector = libc::iovec { iov_base: start.cast(), iov_len: len as usize };
            buffers.vectors_mut()[index as usize] = vector;
        }
        Ok(buffers)
    }

    fn read_pair(&self, ptr: GuestPtr) -> Result<[u32; 2], Errno> {
        let [a, b, c, d, e, f, g, h] = self.read::<8>(ptr)?;
        Ok([u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])])
    }
}

/// Buffers in guest memory, as the host's vectored calls take them. They may overlap, so they never
/// become Rust references; only the kernel reads and writes them.
pub struct GuestBuffers<'memory> {
    /// The vectors, if they are few: nearly every call has one or two, and needs no memory of the host.
    few: [libc::iovec; FEW_IOVECS],
    /// The vectors, if they are many.
    many: Vec<libc::iovec>,
    count: usize,
    memory: PhantomData<&'memory [u8]>,
}

/// Buffers that are kept without memory of the host.
const FEW_IOVECS: usize = 4;

const NO_BUFFER: libc::iovec = libc::iovec { iov_base: core::ptr::null_mut(), iov_len: 0 };

impl GuestBuffers<'_> {
    fn with_room_for(count: usize) -> Self {
        let many = if count > FEW_IOVECS { vec![NO_BUFFER; count] } else { Vec::new() };
        Self { few: [NO_BUFFER; FEW_IOVECS], many, count, memory: PhantomData }
    }

    fn vectors(&self) -> &[libc::iovec] {
        if self.many.is_empty() { &self.few[..self.count] } else { &self.many }
    }

    fn vectors_mut(&mut self) -> &mut [libc::iovec] {
        if self.many.is_empty() { &mut self.few[..self.count] } else { &mut self.many }
    }

    /// The array for `readv` and its kin: valid while `self` lives.
    pub fn as_ptr(&self) -> *const libc::iovec {
        self.vectors().as_ptr()
    }

    /// The buffer, if it is only one: the host's calls for that are quicker.
    pub fn only(&self) -> Option<libc::iovec> {
        match self.vectors() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// Number of buffers, at most [`MAX_IOVECS`].
    pub fn count(&self) -> i32 {
        self.count as i32
    }

    /// The first bytes of the buffers, at most `max_bytes`.
    pub fn copy(&self, max_bytes: usize) -> Vec<u8> {
        let mut copy = Vec::new();
        for vector in self.vectors() {
            let len = vector.iov_len.min(max_bytes - copy.len());
            // SAFETY: `buffers` checked each vector, and no reference that can write is alive: `self`
            // borrows the memory.
            copy.extend_from_slice(unsafe { core::slice::from_raw_parts(vector.iov_base.cast::<u8>(), len) });
        }
        copy
    }

    /// Copies as much of `bytes` into the buffers as fits; answers how much that is.
    pub fn fill(&self, bytes: &[u8]) -> u32 {
        let mut rest = bytes;
        for vector in self.vectors() {
            let (part, behind) = rest.split_at(vector.iov_len.min(rest.len()));
            // SAFETY: `buffers` checked each vector, `self` borrows the memory, and what is copied is not in
            // it.
            unsafe { vector.iov_base.cast::<u8>().copy_from_nonoverlapping(part.as_ptr(), part.len()) };
            rest = behind;
        }
        u32::try_from(bytes.len() - rest.len()).unwrap_or(u32::MAX)
    }

    /// Bytes of all buffers together.
    pub fn size_bytes(&self) -> u64 {
        self.vectors().iter().map(|vector| vector.iov_len as u64).sum()
    }

    /// Keeps the first `size_bytes` bytes.
    pub fn truncate(&mut self, size_bytes: u64) {
        let mut left = size_bytes;
        for vector in self.vectors_mut() {
            let len = (vector.iov_len as u64).min(left);
            vector.iov_len = len as usize;
            left -= len;
        }
    }

    /// Leaves out the first `size_bytes` bytes, which are done with.
    pub fn advance(&mut self, size_bytes: u64) {
        let mut left = size_bytes;
        for vector in self.vectors_mut() {
            let len = (vector.iov_len as u64).min(left) as usize;
            vector.iov_base = vector.iov_base.wrapping_byte_add(len);
            vector.iov_len -= len;
            left -= len as u64;
        }
    }

    /// Whether one of the buffers holds `text` (all of it, within the one buffer).
    pub fn contain_text(&self, text: &[u8]) -> bool {
        self.vectors().iter().any(|vector| {
            // SAFETY: `buffers` checked each vector, and no reference that can write is alive:
            // `self` borrows the memory.
            let bytes = unsafe { core::slice::from_raw_parts(vector.iov_base.cast::<u8>(), vector.iov_len) };
            bytes.windows(text.len()).any(|window| window == text)
        })
    }
}

/// Where the instance keeps the memory that WASI works on.
///
/// # Safety
/// The slices of `descriptor` describe what its type says.
unsafe fn memory_place(descriptor: &ModuleDescriptor<Word>) -> Option<ExternDescriptor> {
    let is_memory = |ty: &ExternDescriptor| ty.kind == ExternKind::Memory as u32;
    // SAFETY: forwarded from our caller, for each of the three arrays.
    let (exports, imports, memories) = unsafe {
        (
            elements::<ExportDescriptor<Word>>(&descriptor.exports),
            elements::<ImportDescriptor<Word>>(&descriptor.imports),
            elements::<MemoryDescriptor>(&descriptor.memories),
        )
    };
    let exported = exports.iter().find(|export| {
        // SAFETY: a name in a descriptor is constant bytes.
        is_memory(&export.ty) && unsafe { elements::<u8>(&export.name) } == MEMORY_EXPORT
    });
    let imported = || imports.iter().map(|import| import.ty).find(is_memory);
    let defined = || memories.first().map(|memory| memory.ty);
    exported.map(|export| export.ty).or_else(imported).or_else(defined)
}

/// The array that a descriptor's slice describes.
///
/// # Safety
/// `slice` holds `len` elements of type `T` that live for `'a`.
pub(crate) unsafe fn elements<'a, T>(slice: &Slice<Word>) -> &'a [T] {
    if slice.len == 0 {
        return &[];
    }
    // SAFETY: the caller vouches for pointer and length; 0 elements, with any pointer, are out already.
    unsafe { core::slice::from_raw_parts(slice.ptr.cast::<T>(), slice.len as usize) }
}

/// The bytes of a C string.
///
/// # Safety
/// `string` is null or points to a NUL-terminated string that lives for `'a`.
pub(crate) unsafe fn c_bytes<'a>(string: *const c_char) -> &'a [u8] {
    if string.is_null() {
        return &[];
    }
    // SAFETY: not null, and terminated as the caller vouches.
    unsafe { core::ffi::CStr::from_ptr(string) }.to_bytes()
}
