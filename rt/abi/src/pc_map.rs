//! The map from code addresses to Wasm functions and offsets, for backtraces.
//!
//! Made from the debug information of the finished objects, so it holds only functions that are left
//! and keeps nothing alive. Layout: a [`PcMapHeader`], `func_count` times a [`PcMapFunc`] sorted by
//! nothing (the linker orders functions), then bytes: for each function its rows and behind them its
//! inlined calls, and at the end the bodies. All numbers in the bytes are LEB128.
//!
//! Rows of a function are pairs: unsigned bytes of code since the last row (the first: since the
//! function's start), then signed difference of `offset * 32 + width` to the last row (the first: to
//! 0), where `offset` is the operator's byte offset in the Wasm module, and `width` the bytes it
//! accesses in memory (0: not a memory access). Where the operator is not known the offset is that of
//! the body of the function that was inlined there, and 0 in code of the function itself.
//!
//! Inlined calls of a function are triples, sorted by start, outer ones before those inside of them:
//! unsigned bytes of code since the start of the last one (the first: since the function's start),
//! unsigned bytes of code that came from the callee, then signed difference of the call's byte offset
//! in the Wasm module to that of the last one (the first: to 0).
//!
//! The bodies are those of all defined functions in the order of the module, also of functions that
//! are not in the map because no code is left of them: for each, unsigned difference of its first
//! byte's offset in the Wasm module to that of the last one (the first: to 0). One more offset closes
//! the list: the end of the last body.

/// Head of the map.
#[repr(C)]
#[derive(Debug)]
pub struct PcMapHeader {
    /// Number of [`PcMapFunc`] that follow.
    pub func_count: u32,
    /// Bytes after them.
    pub size_bytes: u32,
    /// Start of the bodies, in bytes from the end of the `PcMapFunc` array.
    pub bodies_start: u32,
    /// Function index of the first body: how many functions the module imports.
    pub first_body_func: u32,
}

/// One compiled function.
#[repr(C)]
#[derive(Debug)]
pub struct PcMapFunc {
    /// Address of its code, relative to the address of this field.
    pub code_rel: i32,
    /// Bytes of code.
    pub code_size: u32,
    /// Index in the module's function index space; [`crate::NONE`] for what runs at instantiation.
    pub func_index: u32,
    /// Start of its rows, in bytes from the end of the `PcMapFunc` array.
    pub rows_start: u32,
    /// Bytes of its rows.
    pub rows_len: u32,
    /// Bytes of its inlined calls.
    pub calls_len: u32,
}

/// Factor of the offset in a row; accesses are at most 16 bytes wide.
pub const PC_MAP_WIDTH_FACTOR: i64 = 32;
