//! An instance and what hangs off it, as compiled code sees it.
//!
//! An instance is one block of memory: a [`VmInstance`] header, then regions whose offsets the
//! compiler chose and wrote into the module descriptor. Compiled functions take its address as their
//! hidden first parameter.

use core::mem::{offset_of, size_of};

/// Header of every instance. The regions that the descriptor describes follow it.
#[repr(C)]
#[derive(Debug)]
pub struct VmInstance<P> {
    /// `*const ModuleDescriptor` of the module this is an instance of.
    pub descriptor: P,
    /// Runtime-private state; compiled code never touches it.
    pub owner: P,
}

/// An instance's view of a memory, own or imported. Fixed after instantiation: memories never move.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct VmMemoryRef<P> {
    /// Address of byte 0 of the memory.
    pub base: P,
    /// `*mut VmMemory`, which holds what changes.
    pub memory: P,
}

/// A linear memory. Shared by all instances that import it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct VmMemory<P> {
    /// Address of byte 0. Never changes.
    pub base: P,
    /// Bytes of the memory now, a multiple of its page size.
    pub length_bytes: u64,
    /// Most pages the memory may grow to: from its type, capped by what is reserved.
    pub max_pages: u64,
    /// Bytes reserved from `base` on; an access fault inside is a guest trap.
    pub reserved_bytes: u64,
    /// Maximum from its type, [`crate::NO_MAXIMUM`] for none; for import matching.
    pub declared_max_pages: u64,
    /// Log2 of the bytes in one of its pages.
    pub page_size_log2: u32,
    /// Zero.
    pub reserved: u32,
}

/// A table. Shared by all instances that import it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct VmTable<P> {
    /// The elements: [`VmTableEntry`] for function tables, one word `P` each for externref tables.
    pub elements: P,
    /// Number of elements now.
    pub length: u64,
    /// Most elements the table may grow to (already capped by the implementation limit).
    pub max: u64,
    /// Maximum from the type, [`crate::NO_MAXIMUM`] for none; for import matching.
    pub declared_max: u64,
    /// Number of the element type ([`crate::ValueType`]).
    pub element_type: u32,
    /// Elements that fit before `elements` must be reallocated.
    pub capacity: u32,
    /// What references it takes: [`crate::REF_NON_NULL`], and as the number of a function type its canonical
    /// id.
    pub ref_type: u32,
    /// Zero.
    pub reserved: u32,
}

/// A function that can be called from anywhere: what a funcref value points to.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct VmFuncRef<P> {
    /// Compiled code, to be called as `code(instance, parameters…)` in the Wasm calling convention.
    pub code: P,
    /// First argument for `code`: the defining instance, or a [`VmHostFunc`] for a host function.
    pub instance: P,
    /// The same function in the convention for tail calls, if it makes any; else null. Its first
    /// argument is `instance`.
    pub tail_code: P,
    /// Canonical id of the function's type: equal ids, equal types. Never 0.
    pub type_id: u32,
    /// 1 for a host function, 0 for a compiled one: what `instance` points to.
    pub is_host: u32,
}

/// Element of a function table: a copy of the [`VmFuncRef`], so that `call_indirect` needs no further load.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct VmTableEntry<P> {
    /// As in [`VmFuncRef`]; null in a null element.
    pub code: P,
    /// As in [`VmFuncRef`].
    pub instance: P,
    /// The `*const VmFuncRef` this was copied from: the funcref value of the element, null if null.
    pub reference: P,
    /// As in [`VmFuncRef`]; 0, which is no type's id, in a null element.
    pub type_id: u32,
    /// Zero.
    pub reserved: u32,
}

/// A host function bound to one import: what [`VmFuncRef::instance`] points to for host functions.
///
/// The callback runs on the host's stack. It finds its arguments in the slots, writes its results
/// over them from slot 0 on, and answers 0, or the number of a [`crate::TrapCode`] to trap.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct VmHostFunc<P> {
    /// `extern "C" fn(env, *mut VmInstance, *mut ValueSlot) -> u32`
    pub callback: P,
    /// Opaque first argument of the callback.
    pub env: P,
    /// `*mut VmInstance` that imported the function: second argument of the callback.
    pub caller: P,
}

/// A passive data segment as `memory.init` sees it. Dropped: length 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct VmDataSegment<P> {
    /// First byte.
    pub data: P,
    /// Bytes.
    pub length: u64,
}

/// An element segment as `table.init` sees it. Dropped: length 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct VmElementSegment<P> {
    /// The references, one word `P` each.
    pub values: P,
    /// Number of references.
    pub length: u64,
}

/// One argument or result in an array call: i32 and f32 in the low 4 bytes, i64 and f64 in the low 8,
/// references as one word, v128 in all 16; little-endian on every target we have. The rest is undefined.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ValueSlot {
    /// The bits.
    pub bits: [u64; 2],
}

/// Bytes that a global of any type occupies in an instance.
pub const GLOBAL_SIZE_BYTES: u32 = 16;

const _: () = {
    assert!(size_of::<VmInstance<u64>>() == 16);
    assert!(size_of::<VmMemoryRef<u64>>() == 16);
    assert!(size_of::<VmFuncRef<u64>>() == 32);
    // A shift instead of a multiplication in call_indirect.
    assert!(size_of::<VmTableEntry<u64>>() == 32);
    assert!(size_of::<ValueSlot>() == 16);
    // call_indirect and the copy in table.set rely on the common beginning.
    assert!(offset_of!(VmTableEntry<u64>, code) == offset_of!(VmFuncRef<u64>, code));
    assert!(offset_of!(VmTableEntry<u64>, instance) == offset_of!(VmFuncRef<u64>, instance));
};
