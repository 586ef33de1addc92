//! The guest's memory: the one place where guest pointers become host pointers, and none becomes a reference.
//!
//! Rule (INV-7): every address and length is checked here, in 64-bit arithmetic, against the memory's length
//! when the call began (a memory never shrinks). Other threads of the guest or of the host may write
//! meanwhile, so what is in there is copied in or out, once, or handed to the kernel as it is.

use core::arch::asm;
use core::marker::PhantomData;

use crate::errno::Errno;
use crate::types::{GuestPtr, IOVEC_SIZE_BYTES};

/// Most buffers that one read or write takes; a longer list is served in part, as the host may do
/// with any list. The host's own limit (IOV_MAX) is the same.
pub const MAX_IOVECS: u32 = 1024;

/// Bytes that are looked at at a time where a text is searched.
const SEARCHED_SIZE_BYTES: usize = 1024;

/// The linear memory of the calling instance, for the duration of one call.
#[derive(Clone, Copy)]
pub struct GuestMemory<'call> {
    base: *mut u8,
    length_bytes: u64,
    /// No `&[u8]`: others may write.
    call: PhantomData<&'call ()>,
}

impl GuestMemory<'_> {
    /// A memory of `length_bytes` bytes at `base`.
    ///
    /// # Safety
    /// The bytes can be read and written through `base` during `'call`, and no Rust reference to any of them
    /// is used meanwhile. Other threads may read and write them.
    pub unsafe fn new(base: *mut u8, length_bytes: u64) -> Self {
        Self { base, length_bytes, call: PhantomData }
    }

    /// A memory without bytes, in which every pointer is out of bounds.
    pub fn empty() -> Self {
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

    /// Copies a structure of `N` bytes out of the memory.
    pub fn read<const N: usize>(&self, ptr: GuestPtr) -> Result<[u8; N], Errno> {
        let mut copy = [0; N];
        self.read_into(ptr, &mut copy)?;
        Ok(copy)
    }

    /// Copies as many bytes as `copy` has out of the memory.
    pub fn read_into(&self, ptr: GuestPtr, copy: &mut [u8]) -> Result<(), Errno> {
        self.check_wide(ptr, copy.len() as u64)?;
        // SAFETY: in bounds by the check, of bytes that `new` was promised.
        unsafe { copy_out(self.base.wrapping_add(ptr.0 as usize), copy) };
        Ok(())
    }

    /// Copies `bytes` into the memory.
    pub fn write(&self, ptr: GuestPtr, bytes: &[u8]) -> Result<(), Errno> {
        self.check_wide(ptr, bytes.len() as u64)?;
        // SAFETY: in bounds by the check, of bytes that `new` was promised.
        unsafe { copy_in(self.base.wrapping_add(ptr.0 as usize), bytes) };
        Ok(())
    }

    /// Stores a `u32`, little-endian.
    pub fn write_u32(&self, ptr: GuestPtr, value: u32) -> Result<(), Errno> {
        self.write(ptr, &value.to_le_bytes())
    }

    /// Stores a `u64`, little-endian.
    pub fn write_u64(&self, ptr: GuestPtr, value: u64) -> Result<(), Errno> {
        self.write(ptr, &value.to_le_bytes())
    }

    /// The buffers that `count` witx `iovec`s at `ptr` describe, each checked. A count past
    /// [`MAX_IOVECS`] must be in bounds, but only the first buffers are taken.
    pub fn buffers(&self, ptr: GuestPtr, count: u32) -> Result<GuestBuffers<'_>, Errno> {
        self.check_wide(ptr, u64::from(count) * u64::from(IOVEC_SIZE_BYTES))?;
        let mut buffers = GuestBuffers::with_room_for(count.min(MAX_IOVECS) as usize);
        for index in 0..buffers.count() as u32 {
            let [address, len] = self.read_pair(GuestPtr(ptr.0 + index * IOVEC_SIZE_BYTES))?;
            buffers.vectors_mut()[index as usize] = self.vector(GuestPtr(address), len)?;
        }
        Ok(buffers)
    }

    /// The one buffer of `len` bytes at `ptr`.
    pub fn buffer(&self, ptr: GuestPtr, len: u32) -> Result<GuestBuffers<'_>, Errno> {
        let mut buffers = GuestBuffers::with_room_for(1);
        buffers.vectors_mut()[0] = self.vector(ptr, len)?;
        Ok(buffers)
    }

    fn vector(&self, ptr: GuestPtr, len: u32) -> Result<libc::iovec, Errno> {
        self.check(ptr, len)?;
        // Wrapping: an empty buffer may stand at the very end, where no byte is.
        let start = self.base.wrapping_add(ptr.0 as usize);
        Ok(libc::iovec { iov_base: start.cast(), iov_len: len as usize })
    }

    fn read_pair(&self, ptr: GuestPtr) -> Result<[u32; 2], Errno> {
        let [a, b, c, d, e, f, g, h] = self.read::<8>(ptr)?;
        Ok([u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])])
    }
}

/// Buffers in guest memory, as the host's vectored calls take them. They may overlap, and others may write to
/// them meanwhile; the kernel reads and writes them, or they are copied.
pub struct GuestBuffers<'memory> {
    /// The vectors, if they are few: nearly every call has one or two, and needs no memory of the host.
    few: [libc::iovec; FEW_IOVECS],
    /// The vectors, if they are many.
    many: Vec<libc::iovec>,
    count: usize,
    memory: PhantomData<&'memory ()>,
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

    /// The first buffer that is not empty.
    pub fn first_left(&self) -> Option<libc::iovec> {
        self.vectors().iter().find(|vector| vector.iov_len > 0).copied()
    }

    /// Number of buffers, at most [`MAX_IOVECS`].
    pub fn count(&self) -> i32 {
        self.count as i32
    }

    /// A copy of the first bytes of the buffers, at most `max_bytes`.
    pub fn copy(&self, max_bytes: usize) -> Vec<u8> {
        let size_bytes = usize::try_from(self.size_bytes()).unwrap_or(usize::MAX);
        let mut copy = vec![0; size_bytes.min(max_bytes)];
        let mut done = 0;
        for vector in self.vectors() {
            let end = copy.len().min(done + vector.iov_len);
            // SAFETY: as in `fill`: no more than the vector has.
            unsafe { copy_out(vector.iov_base.cast(), &mut copy[done..end]) };
            done = end;
        }
        copy
    }

    /// Copies as much of `bytes` into the buffers as fits; answers how much that is.
    pub fn fill(&self, bytes: &[u8]) -> u32 {
        let mut rest = bytes;
        for vector in self.vectors() {
            let (part, behind) = rest.split_at(vector.iov_len.min(rest.len()));
            // SAFETY: `GuestMemory::vector` checked each vector, of bytes that `GuestMemory::new` was
            // promised.
            unsafe { copy_in(vector.iov_base.cast(), part) };
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
            let mut copy = [0; SEARCHED_SIZE_BYTES];
            // Each part begins with the end of the one before it, so that a text across both is found.
            let step = SEARCHED_SIZE_BYTES - text.len().min(SEARCHED_SIZE_BYTES - 1);
            (0..vector.iov_len).step_by(step).any(|start| {
                let part = &mut copy[..(vector.iov_len - start).min(SEARCHED_SIZE_BYTES)];
                // SAFETY: as in `fill`; `start` is within the vector.
                unsafe { copy_out(vector.iov_base.cast::<u8>().wrapping_add(start), part) };
                part.windows(text.len()).any(|window| window == text)
            })
        })
    }
}

/// Copies bytes of the guest's, each once: what others write meanwhile can be in the copy or not, but all
/// that looks at the copy sees the same.
///
/// # Safety
/// As many bytes as `to` has can be read at `from`.
unsafe fn copy_out(from: *const u8, to: &mut [u8]) {
    // SAFETY: as the caller vouches; `to` is memory of the host's, of which the guest has none.
    unsafe { from.copy_to_nonoverlapping(to.as_mut_ptr(), to.len()) };
    forget_what_is_known(from);
}

/// Copies bytes to the guest.
///
/// # Safety
/// As many bytes as `from` has can be written at `to`.
unsafe fn copy_in(to: *mut u8, from: &[u8]) {
    // SAFETY: as the caller vouches; `from` is memory of the host's, of which the guest has none.
    unsafe { to.copy_from_nonoverlapping(from.as_ptr(), from.len()) };
    forget_what_is_known(to);
}

/// For the optimiser the memory at `place` may have become another one. So it cannot read the guest's bytes
/// in place of a copy of them, which would be looked at again after a check.
fn forget_what_is_known(place: *const u8) {
    // SAFETY: no instruction.
    unsafe { asm!("/* {0} */", in(reg) place, options(nostack, preserves_flags)) };
}
