//! What compiled modules and the runtime agree on, stated once.
//!
//! The compiler takes every offset, number and symbol from here, and so do `rt` and `libwasirt`; a
//! number typed in two places is a bug. Structures are generic over the pointer word `P` (`u64` when
//! the compiler asks for the offsets of a 64-bit target, a real pointer in the runtime).
#![no_std]

mod api;
mod archive;
mod descriptor;
mod instance;
mod note;
mod pc_map;
mod quantity;
mod runtime;
mod start;
pub mod symbol;
mod trap;
mod types;
mod variables;
mod wasi;
mod wasi_api;

pub use api::*;
pub use archive::*;
pub use descriptor::*;
pub use instance::*;
pub use note::*;
pub use pc_map::*;
pub use quantity::*;
pub use runtime::*;
pub use start::*;
pub use trap::*;
pub use types::*;
pub use variables::*;
pub use wasi::{is_wasi_module, wasi_symbol_prefix};
pub use wasi_api::*;

/// Version of everything in this crate. A runtime refuses a descriptor with another version. Whatever changes
/// here is a new one: `tests/layout.rs` compares it with `layout.txt`.
pub const ABI_VERSION: u32 = 3;

/// Log2 of the bytes in a Wasm page, unless a memory's type says otherwise (custom page sizes).
pub const PAGE_SIZE_LOG2: u32 = 16;

/// Bytes in a Wasm page. spec: exec/runtime, memory instances.
pub const PAGE_SIZE_BYTES: u64 = 1 << PAGE_SIZE_LOG2;

/// Most bytes a memory with 32-bit indices can have.
pub const MAX_MEMORY32_BYTES: u64 = 1 << 32;

/// Bytes up to which a memory with 64-bit indices may grow when its type allows more. Only addresses
/// are reserved; a process has room for some hundreds of such reservations. A memory that is larger
/// from the start gets what it asks for and cannot grow. Growth past it answers -1.
pub const MAX_MEMORY64_GROWTH_BYTES: u64 = 1 << 38;

/// Bytes reserved for a 32-bit memory under guard pages: every `base + zext64(index) + offset` with
/// a 32-bit index and a 32-bit offset, and the widest access (16 bytes) at its end, lies inside.
pub const GUARD_RESERVATION_BYTES: u64 = (1 << 33) + PAGE_SIZE_BYTES;

/// Inaccessible bytes in front of a memory, so that a fault slightly below the base is the guest's too.
pub const PRE_GUARD_BYTES: u64 = PAGE_SIZE_BYTES;

/// Most elements a table may ever have, whatever its type allows. Growth past it answers -1.
pub const MAX_TABLE_ELEMENTS: u64 = 10_000_000;
