//! The module descriptor: the one symbol through which a compiled module is found.
//!
//! The compiler emits it as constant data; the runtime reads it and computes no offset itself.
//! Offsets named `*_offset` count bytes from the start of an instance.

/// "No such thing" where an index or offset is expected.
pub const NONE: u32 = u32::MAX;

/// "No maximum" in limits.
pub const NO_MAXIMUM: u64 = u64::MAX;

/// A pointer and a number of elements. Strings are bytes without a terminator, usually UTF-8.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Slice<P> {
    /// First element; dangling or null when `len` is 0.
    pub ptr: P,
    /// Number of elements.
    pub len: u64,
}

impl Slice<*mut core::ffi::c_void> {
    /// The array.
    ///
    /// # Safety
    /// It has `len` elements of type `T`, or none, that live for `'a` and are not written to.
    pub unsafe fn elements<'a, T>(&self) -> &'a [T] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: as the caller vouches; an empty slice, whose pointer may be anything, is out already.
        unsafe { core::slice::from_raw_parts(self.ptr.cast::<T>(), self.len as usize) }
    }
}

/// Everything the runtime knows about a compiled module.
#[repr(C)]
#[derive(Debug)]
pub struct ModuleDescriptor<P> {
    /// [`crate::ABI_VERSION`] of the compiler.
    pub abi_version: u32,
    /// [`FLAG_SOFTWARE_BOUNDS`] and others.
    pub flags: u32,
    /// `*const W2nApi`: the host API of the runtime linked with the module. Second field for C hosts.
    pub api: P,
    /// `*const W2nWasiApi`: how hosts make what imports from WASI work on. Null where no import is linked to
    /// WASI, and in executables. Third field for C hosts.
    pub wasi: P,
    /// Name of the module (from the name section, else the input file's name). UTF-8.
    pub name: Slice<P>,
    /// Bytes of one instance, header included.
    pub instance_size: u32,
    /// Where the `u32` canonical type ids are, one per entry of `types`.
    pub type_ids_offset: u32,
    /// Function types used by the module, each once, recursion groups in one piece: [`FuncTypeDescriptor`].
    pub types: Slice<P>,
    /// [`ImportDescriptor`], in the order of the module.
    pub imports: Slice<P>,
    /// [`ExportDescriptor`], in the order of the module.
    pub exports: Slice<P>,
    /// [`FuncRefDescriptor`]: the defined functions that need a [`crate::VmFuncRef`] in the instance.
    pub func_refs: Slice<P>,
    /// [`TableDescriptor`] of defined tables.
    pub tables: Slice<P>,
    /// [`MemoryDescriptor`] of defined memories.
    pub memories: Slice<P>,
    /// [`DataSegmentDescriptor`], in the order of the module.
    pub data_segments: Slice<P>,
    /// [`ElementSegmentDescriptor`], in the order of the module.
    pub element_segments: Slice<P>,
    /// `initialize(instance)` in array-call form (`fn(code, instance, slots)` ignores `code`):
    /// sets globals, element values and tables, runs active segments in order, then the start function.
    pub initialize: P,
    /// Function names by function index, empty where unknown: `Slice<P>` each.
    pub func_names: Slice<P>,
    /// `*const PcMapHeader`, or null: code addresses to Wasm functions and offsets.
    pub pc_map: P,
}

/// Set in [`ModuleDescriptor::flags`] when the code checks bounds itself (`--bounds-checks=software`).
pub const FLAG_SOFTWARE_BOUNDS: u32 = 1;

/// Set in [`ExternDescriptor::flags`] of a table or memory whose indices have 64 bits.
pub const FLAG_INDEX64: u32 = 1;

/// Whether guard pages can keep accesses inside a memory of this type; else its code compares,
/// whatever it was compiled for.
///
/// A 64-bit index reaches past any guard. A length that is no multiple of the machine's pages ends
/// inside one, which is accessible to its end.
pub const fn can_be_guarded(flags: u32, page_size_log2: u32) -> bool {
    flags & FLAG_INDEX64 == 0 && page_size_log2 == crate::PAGE_SIZE_LOG2
}

/// A function type and the two adapters between it and array calls.
#[repr(C)]
#[derive(Debug)]
pub struct FuncTypeDescriptor<P> {
    /// Value type numbers of the parameters, [`crate::FUNC_TYPE_SEPARATOR`], those of the results.
    pub encoding: Slice<P>,
    /// What makes it equal to types of other modules: see [`crate::TypeIdentity`].
    pub identity: Slice<P>,
    /// Number of types in the recursion group that begins here; 0 inside of one.
    pub group_len: u32,
    /// Zero.
    pub reserved: u32,
    /// `extern "C" fn(code, instance, *mut ValueSlot)`: loads the arguments from the slots, calls
    /// `code` in the Wasm calling convention, stores the results from slot 0 on. Null if no function of this
    /// type that the module defines can be referenced.
    pub array_entry: P,
    /// Code for [`crate::VmFuncRef::code`] of a host function of this type: Wasm calling convention,
    /// takes a `*const VmHostFunc` as its instance. Stores its arguments to slots and calls `host_call`. Null
    /// if the module imports no function of this type.
    pub host_entry: P,
}

/// One import.
#[repr(C)]
#[derive(Debug)]
pub struct ImportDescriptor<P> {
    /// Module name.
    pub module: Slice<P>,
    /// Field name.
    pub name: Slice<P>,
    /// Its type, and where the instance keeps it:
    /// func: a [`crate::VmFuncRef`]; table: `*mut VmTable`; memory: a [`crate::VmMemoryRef`]; global: `*mut`
    /// to its value.
    pub ty: ExternDescriptor,
    /// Callback of the host function that was linked in for it (WASI, or C code), else null.
    pub linked: P,
}

/// One export. A re-exported imported global is `indirect`.
#[repr(C)]
#[derive(Debug)]
pub struct ExportDescriptor<P> {
    /// Name.
    pub name: Slice<P>,
    /// Its type, and where the instance keeps it, as for imports; a defined global is its value itself.
    pub ty: ExternDescriptor,
    /// Index in the index space of its kind.
    pub index: u32,
    /// 1 when `ty.offset` holds a pointer to the global, 0 when it holds the global.
    pub indirect: u32,
}

/// Type and place of an import or export.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ExternDescriptor {
    /// [`crate::ExternKind`].
    pub kind: u32,
    /// func: index into `types`; table, global: value type number; memory: log2 of its page size.
    pub ty: u32,
    /// global: 1 if mutable. table, memory: [`FLAG_INDEX64`] or 0.
    pub flags: u32,
    /// Where it is in the instance.
    pub offset: u32,
    /// table: elements, memory: pages. Minimum.
    pub min: u64,
    /// Maximum, or [`NO_MAXIMUM`].
    pub max: u64,
    /// table, global of references: [`crate::REF_NON_NULL`], and as the number of a function type 1 + its
    /// index into `types`.
    pub ref_type: u32,
    /// Zero.
    pub reserved: u32,
}

/// A [`crate::VmFuncRef`] to be filled in at instantiation.
#[repr(C)]
#[derive(Debug)]
pub struct FuncRefDescriptor<P> {
    /// Compiled code.
    pub code: P,
    /// As in [`crate::VmFuncRef`].
    pub tail_code: P,
    /// Index into `types`.
    pub ty: u32,
    /// Where the `VmFuncRef` is in the instance.
    pub offset: u32,
}

/// A defined table: where its `*mut VmTable` is, and its limits.
#[repr(C)]
#[derive(Debug)]
pub struct TableDescriptor {
    /// Type and place; `kind` is Table.
    pub ty: ExternDescriptor,
}

/// A defined memory: where its `VmMemoryRef` is, and its limits.
#[repr(C)]
#[derive(Debug)]
pub struct MemoryDescriptor {
    /// Type and place; `kind` is Memory.
    pub ty: ExternDescriptor,
}

/// A data segment.
#[repr(C)]
#[derive(Debug)]
pub struct DataSegmentDescriptor<P> {
    /// Its bytes.
    pub bytes: Slice<P>,
    /// Where its [`crate::VmDataSegment`] is in the instance.
    pub offset: u32,
    /// Zero.
    pub reserved: u32,
}

/// An element segment.
#[repr(C)]
#[derive(Debug)]
pub struct ElementSegmentDescriptor<P> {
    /// Instance offset of the `VmFuncRef` of each element as `u32`, [`NONE`] for null; or, when its
    /// `ptr` is null, `len` references that `initialize` stores itself (the runtime makes room, zeroed).
    pub func_ref_offsets: Slice<P>,
    /// Where its [`crate::VmElementSegment`] is in the instance.
    pub offset: u32,
    /// Zero.
    pub reserved: u32,
}
