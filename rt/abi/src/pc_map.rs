//! The map from code addresses to Wasm functions and offsets, for backtraces.
//!
//! Made from the line table of the finished objects, so it holds only functions that are left and
//! keeps nothing alive. Layout: a [`PcMapHeader`], `func_count` times a [`PcMapFunc`] sorted by nothing
//! (the linker orders functions), then the rows.
//!
//! Rows of a function are pairs of LEB128 numbers: unsigned bytes of code since the last row (the
//! first: since the function's start), then signed difference of `offset * 32 + width` to the last row
//! (the first: to 0), where `offset` is the operator's byte offset in the Wasm module and `width` the
//! bytes it accesses in memory (0: not a memory access). `rows_len` bytes in all.

/// Head of the map.
#[repr(C)]
#[derive(Debug)]
pub struct PcMapHeader {
    /// Number of [`PcMapFunc`] that follow.
    pub func_count: u32,
    /// Bytes of rows after them.
    pub rows_size_bytes: u32,
}

/// One compiled function.
#[repr(C)]
#[derive(Debug)]
pub struct PcMapFunc {
    /// Address of its code, relative to the address of this field.
    pub code_rel: i32,
    /// Bytes of code.
    pub code_size: u32,
    /// Index in the module's function index space.
    pub func_index: u32,
    /// Start of its rows, in bytes from the end of the `PcMapFunc` array.
    pub rows_start: u32,
    /// Bytes of its rows.
    pub rows_len: u32,
}

/// Factor of the offset in a row; accesses are at most 16 bytes wide.
pub const PC_MAP_WIDTH_FACTOR: i64 = 32;
