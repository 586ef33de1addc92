//! The host API: what a program that loads modules may call, as a table of functions.
//!
//! A host finds the table through [`crate::ModuleDescriptor::api`] and needs no symbol of the runtime.
//! `rt/include/wasm2native.h` says the same in C, and a test of `rt` holds the two together. Only
//! hosts and the runtime use these structures, so they hold real pointers, not a pointer word `P`.

use core::ffi::c_void;
use core::mem::{offset_of, size_of};

use crate::{ExternKind, ModuleDescriptor, Slice, ValueSlot, VmFuncRef, VmInstance, VmMemory};

/// The pointer word on the machine that runs the code.
pub type HostPointer = *mut c_void;
/// A compiled module, as the runtime sees it.
pub type HostModule = ModuleDescriptor<HostPointer>;
/// An instance, as the runtime sees it.
pub type HostInstance = VmInstance<HostPointer>;
/// A function reference, as the runtime sees it.
pub type HostFuncRef = VmFuncRef<HostPointer>;
/// A memory, as the runtime sees it.
pub type HostMemory = VmMemory<HostPointer>;
/// Bytes: a name, a message, the encoding of a function type.
pub type HostBytes = Slice<HostPointer>;

/// A host function. Runs on the host's stack; arguments are in the slots, results go over them from
/// slot 0 on. Answers 0, or the number of a [`crate::TrapCode`] to trap: what
/// [`W2nApi::host_error`] or [`W2nApi::exit`] answered, or any other code.
pub type HostCallback =
    unsafe extern "C" fn(env: HostPointer, caller: *mut HostInstance, slots: *mut ValueSlot) -> u32;

/// Why a module could not be instantiated. The numbers lie above all trap codes, so one status holds either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum LinkError {
    /// No definition was given for an import.
    UnknownImport = 0x101,
    /// The definition given for an import has another type than the module asks for.
    IncompatibleImport = 0x102,
    /// The system gave no memory for the instance, its memories or its tables.
    OutOfMemory = 0x103,
    /// The module was made for another version of the runtime.
    AbiVersion = 0x104,
    /// A null pointer or a number out of range where the API forbids it.
    InvalidArgument = 0x105,
    /// The call came from a signal handler that interrupted Wasm code or the runtime.
    InSignalHandler = 0x106,
    /// An import is linked to WASI, and no context was given for it.
    NoWasiContext = 0x107,
}

impl LinkError {
    /// All link errors.
    pub const ALL: [Self; 7] = [
        Self::UnknownImport,
        Self::IncompatibleImport,
        Self::OutOfMemory,
        Self::AbiVersion,
        Self::InvalidArgument,
        Self::InSignalHandler,
        Self::NoWasiContext,
    ];
}

/// [`W2nImport::kind`]: nothing, or what was linked in under the import's name
/// ([`crate::ImportDescriptor::linked`]).
pub const IMPORT_LINKED: u32 = 0;
/// [`W2nImport::kind`]: a host function.
pub const IMPORT_HOST_FUNC: u32 = 1;
/// [`W2nImport::kind`]: something that an instance exports.
pub const IMPORT_EXTERN: u32 = 2;

/// A function, table, memory or global of an instance. Valid while its instance, or an instance that
/// imports it, is.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct W2nExtern {
    /// [`ExternKind`].
    pub kind: u32,
    /// table, global: value type number; memory: log2 of its page size. Else 0.
    pub ty: u32,
    /// global: 1 if mutable. table, memory: [`crate::FLAG_INDEX64`] or 0.
    pub flags: u32,
    /// table, global of references: as [`crate::VmTable::ref_type`]. Else 0.
    pub ref_type: u32,
    /// func: `*const VmFuncRef`, table: `*mut VmTable`, memory: `*mut VmMemory`, global: its value.
    pub definition: HostPointer,
    /// Instance that exports it.
    pub instance: *mut HostInstance,
    /// func: encoding of its type. Else empty.
    pub func_type: HostBytes,
}

/// What the host gives for one import. All zero: whatever was linked in, else an unknown import.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct W2nImport {
    /// [`IMPORT_LINKED`], [`IMPORT_HOST_FUNC`] or [`IMPORT_EXTERN`].
    pub kind: u32,
    /// Zero.
    pub reserved: u32,
    /// Host function: the callback.
    pub callback: Option<HostCallback>,
    /// Host function or linked function: first argument of the callback.
    pub env: HostPointer,
    /// Host function: encoding of its type, which must equal the import's; a null pointer takes any type.
    pub func_type: HostBytes,
    /// Extern: the definition.
    pub external: W2nExtern,
}

impl W2nImport {
    /// What was linked in under the import's name, with a null env.
    pub const LINKED: Self = Self {
        kind: IMPORT_LINKED,
        reserved: 0,
        callback: None,
        env: core::ptr::null_mut(),
        func_type: HostBytes { ptr: core::ptr::null_mut(), len: 0 },
        external: W2nExtern {
            kind: 0,
            ty: 0,
            flags: 0,
            ref_type: 0,
            definition: core::ptr::null_mut(),
            instance: core::ptr::null_mut(),
            func_type: HostBytes { ptr: core::ptr::null_mut(), len: 0 },
        },
    };
}

/// What a module asks for.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct W2nImportInfo {
    /// Module name.
    pub module: HostBytes,
    /// Field name.
    pub name: HostBytes,
    /// [`ExternKind`].
    pub kind: u32,
    /// table, global: value type number; memory: log2 of its page size. Else 0.
    pub ty: u32,
    /// As in [`W2nExtern::flags`].
    pub flags: u32,
    /// 1 when a function for it was linked in.
    pub linked: u32,
    /// table: elements, memory: pages. Minimum.
    pub min: u64,
    /// Maximum, or [`crate::NO_MAXIMUM`].
    pub max: u64,
    /// func: encoding of its type. Else empty.
    pub func_type: HostBytes,
}

/// What a module offers.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct W2nExportInfo {
    /// Name.
    pub name: HostBytes,
    /// [`ExternKind`].
    pub kind: u32,
    /// table, global: value type number; memory: log2 of its page size. Else 0.
    pub ty: u32,
    /// As in [`W2nExtern::flags`].
    pub flags: u32,
    /// Index in the index space of its kind.
    pub index: u32,
    /// table: elements, memory: pages. Minimum.
    pub min: u64,
    /// Maximum, or [`crate::NO_MAXIMUM`].
    pub max: u64,
    /// func: encoding of its type. Else empty.
    pub func_type: HostBytes,
}

/// One function of a backtrace.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct W2nFrame {
    /// Module of the function, or null where the code belongs to no module with a map.
    pub module: *const HostModule,
    /// Address of the code: of the instruction that faulted, or just behind a call.
    pub pc: u64,
    /// Index in the module's function index space, or [`crate::NONE`].
    pub func_index: u32,
    /// Byte offset of the operator in the Wasm module, or [`crate::NONE`].
    pub offset: u32,
}

/// Most frames in a trap report: the innermost ones.
pub const MAX_TRAP_FRAMES: usize = 64;
/// Bytes of room for a message in a trap report. A longer message is cut.
pub const MAX_TRAP_MESSAGE_BYTES: usize = 512;

/// [`W2nTrap::flags`]: `fault_address` and `memory_length` are known.
pub const TRAP_HAS_ADDRESS: u32 = 1;
/// [`W2nTrap::flags`]: `access_length` is known.
pub const TRAP_HAS_LENGTH: u32 = 2;

/// Report of a trap, or of an instantiation that failed. The caller makes the room for it.
#[repr(C)]
#[derive(Clone, Debug)]
pub struct W2nTrap {
    /// Number of a [`crate::TrapCode`] or a [`LinkError`]; 0 when nothing went wrong.
    pub code: u32,
    /// [`TRAP_HAS_ADDRESS`], [`TRAP_HAS_LENGTH`].
    pub flags: u32,
    /// `Exit`: the status that the program ended with.
    pub exit_status: i32,
    /// Frames stored in `frames`.
    pub frame_count: u32,
    /// Frames there were, if more than were stored.
    pub total_frame_count: u32,
    /// Bytes in `message`.
    pub message_len: u32,
    /// `MemoryOutOfBounds`: first byte of the access, relative to the memory; negative values wrap. Where a
    /// guard page caught it, the first byte that could not be touched.
    pub fault_address: u64,
    /// `MemoryOutOfBounds`: bytes of the access.
    pub access_length: u64,
    /// `MemoryOutOfBounds`: bytes of the memory at the time.
    pub memory_length: u64,
    /// UTF-8 without a terminator. Traps: the code's message, with the host's own words after it for
    /// `HostError`. Link errors: which import, and what is wrong with it.
    pub message: [u8; MAX_TRAP_MESSAGE_BYTES],
    /// Backtrace, innermost function first.
    pub frames: [W2nFrame; MAX_TRAP_FRAMES],
}

impl W2nTrap {
    /// A report that says nothing.
    pub const EMPTY: Self = Self {
        code: 0,
        flags: 0,
        exit_status: 0,
        frame_count: 0,
        total_frame_count: 0,
        message_len: 0,
        fault_address: 0,
        access_length: 0,
        memory_length: 0,
        message: [0; MAX_TRAP_MESSAGE_BYTES],
        frames: [W2nFrame { module: core::ptr::null(), pc: 0, func_index: 0, offset: 0 }; MAX_TRAP_FRAMES],
    };
}

/// The functions of the host API.
///
/// A status is 0, the number of a [`crate::TrapCode`], or of a [`LinkError`]. Trap reports may be null
/// where the caller wants the status alone. An instance may be used by one thread at a time.
#[repr(C)]
pub struct W2nApi {
    /// [`crate::ABI_VERSION`] of the runtime.
    pub abi_version: u32,
    /// Bytes of this table: later versions append.
    pub size: u32,

    /// Number of imports.
    pub import_count: unsafe extern "C" fn(module: *const HostModule) -> u32,
    /// Describes import `index`. Status; `InvalidArgument` past the end.
    pub import_at:
        unsafe extern "C" fn(module: *const HostModule, index: u32, info: *mut W2nImportInfo) -> u32,
    /// Number of exports.
    pub export_count: unsafe extern "C" fn(module: *const HostModule) -> u32,
    /// Describes export `index`. Status; `InvalidArgument` past the end.
    pub export_at:
        unsafe extern "C" fn(module: *const HostModule, index: u32, info: *mut W2nExportInfo) -> u32,

    /// Makes an instance: checks all imports before anything is written, then allocates, initialises
    /// and runs the start function. `imports[i]` is for import `i`; those past `import_count` are
    /// [`IMPORT_LINKED`] with a null env. Answers a status; `*instance` is null unless it is 0.
    /// `InvalidArgument`: a null pointer, more imports than the module has, an import of no known kind.
    pub instantiate: unsafe extern "C" fn(
        module: *const HostModule,
        imports: *const W2nImport,
        import_count: u32,
        instance: *mut *mut HostInstance,
        trap: *mut W2nTrap,
    ) -> u32,
    /// Gives the instance up. It is freed when no instance linked with it is left and no call into them
    /// is under way. Null does nothing. Nothing of the instance may be used afterwards.
    pub instance_drop: unsafe extern "C" fn(instance: *mut HostInstance),
    /// Looks an export up by name. 1 and `*out` filled in, or 0 if there is none.
    pub get_export: unsafe extern "C" fn(
        instance: *mut HostInstance,
        name: *const u8,
        name_len: u64,
        out: *mut W2nExtern,
    ) -> u32,

    /// Calls a function. `slots` holds the arguments and takes the results, so it has room for the
    /// larger number of the two. Status; `InvalidArgument` when `slot_count` is less than that, the slots
    /// are not aligned to 16 bytes, or an argument is a reference of another type.
    pub call: unsafe extern "C" fn(
        func: *const HostFuncRef,
        slots: *mut ValueSlot,
        slot_count: u32,
        trap: *mut W2nTrap,
    ) -> u32,
    /// Encoding of a function's type: parameters, [`crate::FUNC_TYPE_SEPARATOR`], results.
    pub func_type: unsafe extern "C" fn(func: *const HostFuncRef) -> HostBytes,

    /// Byte 0 of a memory. Never changes while the memory exists. Null if `memory` is no memory.
    pub memory_data: unsafe extern "C" fn(memory: *const W2nExtern) -> *mut u8,
    /// Bytes of a memory now.
    pub memory_size: unsafe extern "C" fn(memory: *const W2nExtern) -> u64,
    /// Grows a memory by `delta` pages; its old size in pages, or -1.
    pub memory_grow: unsafe extern "C" fn(memory: *const W2nExtern, delta_pages: u64) -> i64,

    /// Elements of a table now.
    pub table_size: unsafe extern "C" fn(table: *const W2nExtern) -> u64,
    /// Reads an element: a reference in the slot's first word. Status: `TableOutOfBounds`.
    pub table_get: unsafe extern "C" fn(table: *const W2nExtern, index: u64, value: *mut ValueSlot) -> u32,
    /// Writes an element. Status: `TableOutOfBounds`; `InvalidArgument` for a reference of another type or a
    /// function of another runtime.
    pub table_set: unsafe extern "C" fn(table: *const W2nExtern, index: u64, value: *const ValueSlot) -> u32,
    /// Grows a table by `delta` elements that are `value`; its old size, or -1, also for a reference of
    /// another type.
    pub table_grow: unsafe extern "C" fn(table: *const W2nExtern, delta: u64, value: *const ValueSlot) -> i64,

    /// Reads a global. Status.
    pub global_get: unsafe extern "C" fn(global: *const W2nExtern, value: *mut ValueSlot) -> u32,
    /// Writes a global. Status; `InvalidArgument` if it is immutable, the reference of another type or the
    /// function of another runtime.
    pub global_set: unsafe extern "C" fn(global: *const W2nExtern, value: *const ValueSlot) -> u32,

    /// Renders a trap or link error with its backtrace as an executable prints it: lines that end in
    /// a newline, no terminator. Writes at most `capacity` bytes and answers how many there are in all.
    pub trap_message: unsafe extern "C" fn(trap: *const W2nTrap, buffer: *mut u8, capacity: u64) -> u64,
    /// For callbacks: sets the words of the trap; answers the code for the callback to answer.
    pub host_error: unsafe extern "C" fn(message: *const u8, message_len: u64) -> u32,
    /// For callbacks: sets the status with which the program ends; answers the code for the callback to
    /// answer.
    pub exit: unsafe extern "C" fn(status: i32) -> u32,
    /// Takes the trap that ended the last call of one of the instance's typed C functions. Status of
    /// that call; `*trap` is written unless it was 0. A second call answers 0.
    pub take_trap: unsafe extern "C" fn(instance: *mut HostInstance, trap: *mut W2nTrap) -> u32,
}

/// Number of an external kind as [`W2nExtern::kind`] has it.
pub const fn extern_kind_number(kind: ExternKind) -> u32 {
    kind as u8 as u32
}

const _: () = {
    // A host reads these two before it knows anything else about the table.
    assert!(offset_of!(W2nApi, abi_version) == 0);
    assert!(offset_of!(W2nApi, size) == 4);
    assert!(size_of::<W2nFrame>() == 24);
};
