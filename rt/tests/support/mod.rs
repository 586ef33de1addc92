//! A module made by hand, with functions of the test as its compiled code.
//!
//! The rule: every module has the layout below, whether or not it uses all of it, so that test code
//! finds memory, table and imported function at fixed offsets. Everything is leaked, like the constant
//! data of a real module.
#![allow(dead_code, reason = "each test file uses a part")]

use std::ffi::c_void;
use std::ptr::{null, null_mut};

use w2n_abi::*;
pub use w2n_rt::api::w2n_api as API;

pub type Word = HostPointer;
pub type Code = unsafe extern "C" fn(Word, *mut HostInstance, *mut ValueSlot);

pub const TYPE_IDS: u32 = 16;
pub const MEMORY: u32 = 64;
pub const TABLE: u32 = 80;
pub const GLOBAL: u32 = 96;
pub const IMPORTED_FUNC: u32 = 128;
pub const SEGMENT: u32 = 160;
pub const FUNCS: u32 = 192;
pub const FUNC_SIZE: u32 = size_of::<HostFuncRef>() as u32;

/// `() -> ()`, the type of all functions of the test (they use the slots as they like), and another.
pub const VOID_TYPE: &[u8] = &[FUNC_TYPE_SEPARATOR];
pub const I32_TYPE: &[u8] = &[FUNC_TYPE_SEPARATOR, 0x7f];

pub fn leak<T>(values: Vec<T>) -> HostBytes {
    let len = values.len() as u64;
    Slice { ptr: values.leak().as_mut_ptr().cast(), len }
}

pub fn text(text: &str) -> HostBytes {
    leak(text.as_bytes().to_vec())
}

pub fn extern_ty(kind: ExternKind, ty: u32, offset: u32, min: u64, max: u64) -> ExternDescriptor {
    ExternDescriptor { kind: kind as u32, ty, flags: 0, offset, min, max, ref_type: 0, reserved: 0 }
}

pub fn memory_ty(min: u64, max: u64) -> ExternDescriptor {
    extern_ty(ExternKind::Memory, PAGE_SIZE_LOG2, MEMORY, min, max)
}

pub fn table_ty(min: u64, max: u64) -> ExternDescriptor {
    extern_ty(ExternKind::Table, ValueType::FuncRef as u32, TABLE, min, max)
}

pub fn func_ty() -> ExternDescriptor {
    extern_ty(ExternKind::Func, 0, IMPORTED_FUNC, 0, 0)
}

pub fn import(name: &str, ty: ExternDescriptor) -> ImportDescriptor<Word> {
    ImportDescriptor { module: text("env"), name: text(name), ty, linked: null_mut() }
}

pub fn export(name: &str, ty: ExternDescriptor) -> ExportDescriptor<Word> {
    ExportDescriptor { name: text(name), ty, index: 0, indirect: 0 }
}

/// An adapter that calls its code as an array call, for code that takes slots itself.
pub unsafe extern "C" fn pass_on(code: Word, instance: Word, slots: *mut ValueSlot) {
    // SAFETY: the test's functions have this type.
    unsafe { std::mem::transmute::<Word, Code>(code)(code, instance.cast(), slots) }
}

unsafe extern "C" fn do_nothing(_: Word, _: *mut HostInstance, _: *mut ValueSlot) {}

/// What goes into a module.
pub struct Parts {
    pub flags: u32,
    pub funcs: Vec<Code>,
    pub imports: Vec<ImportDescriptor<Word>>,
    pub exports: Vec<ExportDescriptor<Word>>,
    pub memory: Option<ExternDescriptor>,
    pub table: Option<ExternDescriptor>,
    pub segment: Vec<u32>,
    pub initialize: Code,
    pub pc_map: *const c_void,
    pub func_names: Vec<&'static str>,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            flags: 0,
            funcs: vec![],
            imports: vec![],
            exports: vec![],
            memory: None,
            table: None,
            segment: vec![],
            initialize: do_nothing,
            pc_map: null(),
            func_names: vec![],
        }
    }
}

/// The descriptor of a module whose function `i` is exported as `f<i>`.
pub fn module(parts: Parts) -> &'static HostModule {
    let types = [VOID_TYPE, I32_TYPE].map(|encoding| FuncTypeDescriptor {
        encoding: leak(encoding.to_vec()),
        identity: leak(encoding.to_vec()),
        group_len: 1,
        reserved: 0,
        array_entry: pass_on as *mut c_void,
        host_entry: null_mut(),
    });
    let mut exports = parts.exports;
    let mut func_refs = vec![];
    for (position, code) in parts.funcs.iter().enumerate() {
        let offset = FUNCS + position as u32 * FUNC_SIZE;
        func_refs.push(FuncRefDescriptor { code: *code as Word, tail_code: null_mut(), ty: 0, offset });
        let ty = extern_ty(ExternKind::Func, 0, offset, 0, 0);
        exports.push(export(&format!("f{position}"), ty));
    }
    let segments = match parts.segment.is_empty() {
        true => vec![],
        false => vec![ElementSegmentDescriptor {
            func_ref_offsets: leak(parts.segment),
            offset: SEGMENT,
            reserved: 0,
        }],
    };
    Box::leak(Box::new(HostModule {
        abi_version: ABI_VERSION,
        flags: parts.flags,
        api: (&raw const API).cast_mut().cast(),
        name: text("test"),
        instance_size: FUNCS + parts.funcs.len() as u32 * FUNC_SIZE,
        type_ids_offset: TYPE_IDS,
        types: leak(types.into()),
        imports: leak(parts.imports),
        exports: leak(exports),
        func_refs: leak(func_refs),
        tables: leak(parts.table.map(|ty| TableDescriptor { ty }).into_iter().collect()),
        memories: leak(parts.memory.map(|ty| MemoryDescriptor { ty }).into_iter().collect()),
        data_segments: leak(Vec::<u8>::new()),
        element_segments: leak(segments),
        initialize: parts.initialize as Word,
        func_names: leak(parts.func_names.into_iter().map(text).collect::<Vec<_>>()),
        pc_map: parts.pc_map.cast_mut(),
        wasi: null_mut(),
    }))
}

pub const NO_EXTERN: W2nExtern = W2nExtern {
    kind: 0,
    ty: 0,
    flags: 0,
    ref_type: 0,
    definition: null_mut(),
    instance: null_mut(),
    func_type: Slice { ptr: null_mut(), len: 0 },
};

pub const NO_IMPORT: W2nImport = W2nImport {
    kind: IMPORT_LINKED,
    reserved: 0,
    callback: None,
    env: null_mut(),
    func_type: Slice { ptr: null_mut(), len: 0 },
    external: NO_EXTERN,
};

pub fn host_func(callback: HostCallback) -> W2nImport {
    W2nImport { kind: IMPORT_HOST_FUNC, callback: Some(callback), ..NO_IMPORT }
}

pub fn given(external: W2nExtern) -> W2nImport {
    W2nImport { kind: IMPORT_EXTERN, external, ..NO_IMPORT }
}

/// An instance, or the status and the report.
pub fn instantiate(
    module: &HostModule,
    imports: &[W2nImport],
) -> Result<*mut HostInstance, (u32, Box<W2nTrap>)> {
    let mut report = Box::new(W2nTrap::EMPTY);
    let mut instance = null_mut();
    // SAFETY: module and imports are made by this file.
    let status = unsafe {
        (API.instantiate)(module, imports.as_ptr(), imports.len() as u32, &mut instance, &mut *report)
    };
    if status == 0 { Ok(instance) } else { Err((status, report)) }
}

pub fn exported(instance: *mut HostInstance, name: &str) -> W2nExtern {
    let mut out = NO_EXTERN;
    // SAFETY: the instance is alive.
    let found = unsafe { (API.get_export)(instance, name.as_ptr(), name.len() as u64, &mut out) };
    assert_eq!(found, 1, "no export {name}");
    out
}

/// Calls an exported function with one value in slot 0: what slot 0 holds then, or the report.
pub fn call(instance: *mut HostInstance, name: &str, argument: u64) -> Result<u64, Box<W2nTrap>> {
    let mut slots = [ValueSlot { bits: [argument, 0] }; 4];
    let mut report = Box::new(W2nTrap::EMPTY);
    let func = exported(instance, name).definition.cast();
    // SAFETY: the function is alive and uses at most four slots.
    let status = unsafe { (API.call)(func, slots.as_mut_ptr(), slots.len() as u32, &mut *report) };
    if status == 0 {
        return Ok(slots[0].bits[0]);
    }
    assert_eq!(status, report.code);
    Err(report)
}

pub fn message(report: &W2nTrap) -> String {
    String::from_utf8(report.message[..report.message_len as usize].to_vec()).unwrap()
}

pub fn rendered(report: &W2nTrap) -> String {
    let mut buffer = vec![0; 8192];
    // SAFETY: the buffer has the capacity that is passed.
    let len = unsafe { (API.trap_message)(report, buffer.as_mut_ptr(), buffer.len() as u64) };
    String::from_utf8(buffer[..len as usize].to_vec()).unwrap()
}

/// What is at `offset` in an instance.
pub unsafe fn place<T>(instance: *mut HostInstance, offset: u32) -> *mut T {
    // SAFETY: the caller knows the layout.
    unsafe { instance.byte_add(offset as usize).cast() }
}

/// The runtime functions, as compiled code sees them.
pub fn runtime() -> &'static w2n_rt::runtime::Definitions {
    &w2n_rt::runtime::DEFINITIONS
}

/// Compiled code: reads the byte of the memory at the address in slot 0.
pub unsafe extern "C" fn load_byte(_: Word, instance: *mut HostInstance, slots: *mut ValueSlot) {
    // SAFETY: an address out of bounds faults in the guard, which is what the tests want.
    unsafe {
        let base = (*place::<VmMemoryRef<Word>>(instance, MEMORY)).base.cast::<u8>();
        (*slots).bits[0] = u64::from(base.wrapping_add((*slots).bits[0] as usize).read_volatile());
    }
}

/// Compiled code: calls the imported host function with its slots.
pub unsafe extern "C" fn call_import(_: Word, instance: *mut HostInstance, slots: *mut ValueSlot) {
    // SAFETY: the module imports a host function.
    unsafe { (runtime().HostCall)((*place::<HostFuncRef>(instance, IMPORTED_FUNC)).instance, slots.cast()) };
}
