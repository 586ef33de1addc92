//! Static archive of the runtime alone, for modules that import nothing from WASI.
//!
//! The rule: this crate and only this one defines the panic handler and the allocator; the archive
//! with WASI has those of `std`. Built to unwind, as clippy and rust-analyzer do, this one has, too.
#![cfg_attr(panic = "abort", no_std)]

use core::alloc::{GlobalAlloc, Layout};
use core::ffi::c_void;

// What compiled modules link against is in there.
pub use w2n_rt::{api, runtime, start};

struct LibcAllocator;

/// Largest alignment that malloc gives unasked.
const MALLOC_ALIGN: usize = 16;

// SAFETY: malloc and its like are a correct allocator; larger alignments go to posix_memalign.
unsafe impl GlobalAlloc for LibcAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the size is not 0, says the caller; the alignment is a power of two.
        unsafe {
            if layout.align() <= MALLOC_ALIGN {
                return libc::malloc(layout.size()).cast();
            }
            let mut block: *mut c_void = core::ptr::null_mut();
            match libc::posix_memalign(&mut block, layout.align(), layout.size()) {
                0 => block.cast(),
                _ => core::ptr::null_mut(),
            }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`; calloc leaves what the kernel has zeroed untouched.
        unsafe {
            if layout.align() <= MALLOC_ALIGN {
                return libc::calloc(1, layout.size()).cast();
            }
            let block = self.alloc(layout);
            if !block.is_null() {
                block.write_bytes(0, layout.size());
            }
            block
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the block came from `alloc`, and the new size is not 0, says the caller.
        unsafe {
            if layout.align() <= MALLOC_ALIGN {
                return libc::realloc(block.cast(), new_size).cast();
            }
            let moved = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(block, layout.size().min(new_size));
                self.dealloc(block, layout);
            }
            moved
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        // SAFETY: the block came from `alloc`.
        unsafe { libc::free(block.cast()) };
    }
}

#[global_allocator]
static ALLOCATOR: LibcAllocator = LibcAllocator;

/// A panic is a bug of the runtime: nothing of the program can be trusted any more.
#[cfg(panic = "abort")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    let message = b"wasm2native: bug in the runtime\n";
    // SAFETY: write reads the message, and abort does not return.
    unsafe {
        libc::write(libc::STDERR_FILENO, message.as_ptr().cast(), message.len());
        libc::abort()
    }
}
