//! Instances: one zeroed block of memory each, filled in as the module's descriptor says.
//!
//! The rule: everything that can be refused is checked before anything is written, and everything is
//! in place before `initialize` runs, so that code of the instance never meets a half-made one.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ffi::c_void;
use core::ptr::null_mut;

use w2n_abi::*;

use crate::api::w2n_api;
use crate::enter::{self, ArrayEntry};
use crate::group::{self, Group};
use crate::link::{self, Definition};
use crate::lock::Lock;
use crate::memory::{Bounds, Memory};
use crate::reference::CheckedFunc;
use crate::table::{HostTable, Table};
use crate::{budget, code, reference, trap, types};

type HostFunc = VmHostFunc<HostPointer>;

/// Runtime-private part of an instance.
#[allow(clippy::vec_box, reason = "compiled code holds the addresses of what is in the boxes")]
pub struct Owner {
    /// Who is linked with it.
    pub group: *mut Group,
    /// Whether the host has it.
    pub is_held: bool,
    /// All memories, by index.
    memories: Vec<*mut HostMemory>,
    /// All tables, by index.
    tables: Vec<*mut HostTable>,
    own_memories: Vec<Box<Memory>>,
    own_tables: Vec<Box<Table>>,
    host_funcs: Vec<Box<HostFunc>>,
    checked_funcs: Vec<Box<CheckedFunc>>,
    element_values: Vec<Vec<HostPointer>>,
    /// What ended the last call of a typed function, until it is taken; code 0 for nothing.
    pub last_trap: W2nTrap,
}

struct LoadedModules(Vec<(*const HostModule, usize)>);
// SAFETY: the pointers are only compared and, while their modules have instances, read.
unsafe impl Send for LoadedModules {}

/// Modules with the number of their instances, for backtraces.
static LOADED: Lock<LoadedModules> = Lock::new(LoadedModules(Vec::new()));

/// All modules that have an instance.
pub fn loaded_modules() -> Vec<*const HostModule> {
    LOADED.lock().0.iter().map(|(module, _)| *module).collect()
}

/// The elements of a descriptor's array.
///
/// # Safety
/// The slice comes from the descriptor of a loaded module, at a field that holds `T`.
pub unsafe fn slice<'a, T>(slice: &HostBytes) -> &'a [T] {
    if slice.len == 0 || slice.ptr.is_null() {
        return &[];
    }
    // SAFETY: the caller vouches for it.
    unsafe { core::slice::from_raw_parts(slice.ptr.cast(), slice.len as usize) }
}

/// The descriptor of an instance's module.
///
/// # Safety
/// The instance is alive.
pub unsafe fn descriptor<'a>(instance: *mut HostInstance) -> &'a HostModule {
    // SAFETY: the caller vouches for the instance.
    unsafe { &*(*instance).descriptor.cast() }
}

/// The private part of an instance.
///
/// # Safety
/// The instance is alive.
pub unsafe fn owner(instance: *mut HostInstance) -> *mut Owner {
    // SAFETY: the caller vouches for the instance.
    unsafe { (*instance).owner.cast() }
}

/// A memory of the instance.
///
/// # Safety
/// The instance is alive and has a memory with this index.
pub unsafe fn memory_at(instance: *mut HostInstance, index: u32) -> *mut HostMemory {
    // SAFETY: the caller vouches for instance and index.
    unsafe {
        let owner = &*owner(instance);
        *owner.memories.get_unchecked(index as usize)
    }
}

/// A table of the instance.
///
/// # Safety
/// The instance is alive and has a table with this index.
pub unsafe fn table_at(instance: *mut HostInstance, index: u32) -> *mut HostTable {
    // SAFETY: the caller vouches for instance and index.
    unsafe {
        let owner = &*owner(instance);
        *owner.tables.get_unchecked(index as usize)
    }
}

/// What is `offset` bytes into the instance.
///
/// # Safety
/// The descriptor says that a `T` is there.
pub unsafe fn place<T>(instance: *mut HostInstance, offset: u32) -> *mut T {
    // SAFETY: the caller vouches for the offset.
    unsafe { instance.byte_add(offset as usize).cast() }
}

/// What there was no room for, or the limit that was in the way.
fn out_of_memory(what: &'static str) -> &'static str {
    match budget::is_exceeded() {
        true => "the module needs more than the limit of its memory (--max-memory, W2N_MAX_MEMORY)",
        false => what,
    }
}

/// Makes an instance. A status; `*out` is null unless it is 0.
///
/// # Safety
/// The module is loaded, `imports` are as the API says, `report` is null or valid for writing.
pub unsafe fn instantiate(
    module: &HostModule,
    imports: &[W2nImport],
    out: &mut *mut HostInstance,
    report: *mut W2nTrap,
) -> u32 {
    *out = null_mut();
    if module.abi_version != ABI_VERSION || module.api.cast_const() != (&raw const w2n_api).cast() {
        return trap::report_link_error(report, LinkError::AbiVersion, b"module and runtime do not match");
    }
    // SAFETY: the caller vouches for the module.
    let type_ids = unsafe { types::intern(func_types(module)) };
    // SAFETY: the caller vouches for module and imports.
    let definitions = match unsafe { link::resolve(module, &type_ids, imports) } {
        Ok(definitions) => definitions,
        Err(mismatch) => return mismatch.report(report),
    };
    // SAFETY: the definitions have been checked against the module.
    let instance = match unsafe { allocate(module, &type_ids, &definitions) } {
        Ok(instance) => instance,
        Err(what) => {
            let what = out_of_memory(what);
            return trap::report_link_error(report, LinkError::OutOfMemory, what.as_bytes());
        }
    };
    for definition in &definitions {
        if let Definition::Extern(external) = definition {
            // SAFETY: the host vouches for the instances it takes imports from.
            unsafe { group::link(instance, external.instance) };
        }
    }
    // SAFETY: the instance is complete but for what `initialize` does.
    let status = unsafe {
        let initialize = core::mem::transmute::<HostPointer, ArrayEntry>(module.initialize);
        enter::enter(initialize, null_mut(), instance.cast(), null_mut(), report)
    };
    // SAFETY: the instance is alive; the host never sees it if it failed.
    unsafe {
        if status == 0 {
            group::hold(instance);
            *out = instance;
        }
        group::end_call(instance);
    }
    status
}

/// What the system has no room for.
type Lacking = &'static str;

/// The block of the instance with everything but what `initialize` does.
unsafe fn allocate(
    module: &HostModule,
    type_ids: &[u32],
    definitions: &[Definition],
) -> Result<*mut HostInstance, Lacking> {
    // SAFETY: the caller vouches for module and definitions.
    unsafe {
        let size = (module.instance_size as usize).max(size_of::<HostInstance>());
        let instance = libc::calloc(1, size).cast::<HostInstance>();
        if instance.is_null() {
            return Err("no room for the instance");
        }
        let owner = Box::into_raw(Box::new(Owner {
            group: null_mut(),
            is_held: false,
            memories: Vec::new(),
            tables: Vec::new(),
            own_memories: Vec::new(),
            own_tables: Vec::new(),
            host_funcs: Vec::new(),
            checked_funcs: Vec::new(),
            element_values: Vec::new(),
            last_trap: W2nTrap::EMPTY,
        }));
        (*instance).descriptor = core::ptr::from_ref(module).cast_mut().cast();
        (*instance).owner = owner.cast();
        count_instance(module);
        place::<u32>(instance, module.type_ids_offset)
            .copy_from_nonoverlapping(type_ids.as_ptr(), type_ids.len());
        fill_imports(module, instance, definitions, &mut *owner);
        fill_func_refs(module, instance);
        let filled = fill_memories(module, instance, &mut *owner)
            .and_then(|()| fill_tables(module, instance, &mut *owner))
            .and_then(|()| fill_segments(module, instance, &mut *owner));
        if let Err(lacking) = filled {
            free(instance);
            return Err(lacking);
        }
        (*owner).group = Group::new(instance);
        Ok(instance)
    }
}

/// Gives back everything that an instance owns.
///
/// # Safety
/// Nothing refers to the instance any more.
pub unsafe fn free(instance: *mut HostInstance) {
    // SAFETY: the caller vouches for it; `allocate` made both with these allocators.
    unsafe {
        uncount_instance(descriptor(instance));
        drop(Box::from_raw(owner(instance)));
        libc::free(instance.cast::<c_void>());
    }
}

fn count_instance(module: &HostModule) {
    let loaded = &mut LOADED.lock().0;
    match loaded.iter_mut().find(|(known, _)| core::ptr::eq(*known, module)) {
        Some((_, count)) => *count += 1,
        None => {
            loaded.push((module, 1));
            code::insert(module);
        }
    }
}

fn uncount_instance(module: &HostModule) {
    let loaded = &mut LOADED.lock().0;
    if let Some(position) = loaded.iter().position(|(known, _)| core::ptr::eq(*known, module)) {
        loaded[position].1 -= 1;
        if loaded[position].1 == 0 {
            loaded.swap_remove(position);
        }
    }
}

/// The types of a module.
///
/// # Safety
/// The module is loaded.
pub unsafe fn func_types<'a>(module: &HostModule) -> &'a [FuncTypeDescriptor<HostPointer>] {
    // SAFETY: the caller vouches for the module.
    unsafe { slice(&module.types) }
}

/// The canonical ids of the types of an instance's module.
///
/// # Safety
/// The instance is alive, or has its type ids already.
pub unsafe fn type_ids<'a>(instance: *mut HostInstance) -> &'a [u32] {
    // SAFETY: the descriptor says where the ids are and how many.
    unsafe {
        let module = descriptor(instance);
        core::slice::from_raw_parts(place::<u32>(instance, module.type_ids_offset), module.types.len as usize)
    }
}

unsafe fn fill_imports(
    module: &HostModule,
    instance: *mut HostInstance,
    definitions: &[Definition],
    owner: &mut Owner,
) {
    // SAFETY: the descriptor says where each import goes, and `link` has checked what it is.
    unsafe {
        let imports = slice::<ImportDescriptor<HostPointer>>(&module.imports);
        for (import, definition) in imports.iter().zip(definitions) {
            let ty = &import.ty;
            let external = match definition {
                Definition::HostFunc { callback, env } => {
                    let func_type = &func_types(module)[ty.ty as usize];
                    let (callback, env) =
                        reference::checked(*callback, *env, func_type, &mut owner.checked_funcs);
                    let func = HostFunc { callback, env, caller: instance.cast() };
                    owner.host_funcs.push(Box::new(func));
                    let func = owner.host_funcs.last_mut().map_or(null_mut(), |func| &raw mut **func);
                    *place::<HostFuncRef>(instance, ty.offset) = HostFuncRef {
                        code: func_type.host_entry,
                        instance: func.cast(),
                        tail_code: null_mut(),
                        type_id: type_ids(instance)[ty.ty as usize],
                        is_host: 1,
                    };
                    continue;
                }
                Definition::Extern(external) => external,
            };
            match ExternKind::from_code(ty.kind as u8) {
                Some(ExternKind::Func) => {
                    let func = external.definition.cast::<HostFuncRef>().read();
                    *place::<HostFuncRef>(instance, ty.offset) = func;
                }
                Some(ExternKind::Table) => {
                    *place::<HostPointer>(instance, ty.offset) = external.definition;
                    owner.tables.push(external.definition.cast());
                }
                Some(ExternKind::Memory) => {
                    put_memory(instance, ty.offset, external.definition.cast(), owner)
                }
                Some(ExternKind::Global) => *place::<HostPointer>(instance, ty.offset) = external.definition,
                None => {}
            }
        }
    }
}

unsafe fn put_memory(instance: *mut HostInstance, offset: u32, memory: *mut HostMemory, owner: &mut Owner) {
    // SAFETY: the caller vouches for offset and memory.
    unsafe {
        let reference = VmMemoryRef { base: (*memory).base, memory: memory.cast() };
        *place::<VmMemoryRef<HostPointer>>(instance, offset) = reference;
    }
    owner.memories.push(memory);
}

unsafe fn fill_func_refs(module: &HostModule, instance: *mut HostInstance) {
    // SAFETY: the descriptor says where each reference goes.
    unsafe {
        for func in slice::<FuncRefDescriptor<HostPointer>>(&module.func_refs) {
            *place::<HostFuncRef>(instance, func.offset) = HostFuncRef {
                code: func.code,
                instance: instance.cast(),
                tail_code: func.tail_code,
                type_id: type_ids(instance)[func.ty as usize],
                is_host: 0,
            };
        }
    }
}

unsafe fn fill_memories(
    module: &HostModule,
    instance: *mut HostInstance,
    owner: &mut Owner,
) -> Result<(), Lacking> {
    let bounds = link::bounds(module);
    let lacking = match bounds {
        Bounds::Guard => {
            "no addresses for a memory: 8 GiB with guard pages, less with --bounds-checks=software"
        }
        Bounds::Software => "no addresses or no pages for a memory",
    };
    // SAFETY: the descriptor says where each memory goes.
    unsafe {
        for memory in slice::<MemoryDescriptor>(&module.memories) {
            let mut own = Memory::new(&memory.ty, bounds).ok_or(lacking)?;
            put_memory(instance, memory.ty.offset, &raw mut own.vm, owner);
            owner.own_memories.push(own);
        }
    }
    Ok(())
}

unsafe fn fill_tables(
    module: &HostModule,
    instance: *mut HostInstance,
    owner: &mut Owner,
) -> Result<(), Lacking> {
    // SAFETY: the descriptor says where each table goes.
    unsafe {
        for table in slice::<TableDescriptor>(&module.tables) {
            let mut own = Table::new(&table.ty, type_ids(instance)).ok_or("no room for a table")?;
            *place::<HostPointer>(instance, table.ty.offset) = (&raw mut own.vm).cast();
            owner.tables.push(&raw mut own.vm);
            owner.own_tables.push(own);
        }
    }
    Ok(())
}

unsafe fn fill_segments(
    module: &HostModule,
    instance: *mut HostInstance,
    owner: &mut Owner,
) -> Result<(), Lacking> {
    // SAFETY: the descriptor says where each segment goes and what it refers to.
    unsafe {
        for segment in slice::<DataSegmentDescriptor<HostPointer>>(&module.data_segments) {
            *place(instance, segment.offset) =
                VmDataSegment { data: segment.bytes.ptr, length: segment.bytes.len };
        }
        for segment in slice::<ElementSegmentDescriptor<HostPointer>>(&module.element_segments) {
            let offsets = &segment.func_ref_offsets;
            let mut values = Vec::<HostPointer>::new();
            let room = values.try_reserve_exact(offsets.len as usize);
            room.map_err(|_| "no room for an element segment")?;
            if offsets.ptr.is_null() {
                values.resize(offsets.len as usize, null_mut());
            }
            values.extend(
                slice::<u32>(offsets).iter().map(|&offset| {
                    if offset == NONE { null_mut() } else { place::<c_void>(instance, offset) }
                }),
            );
            *place(instance, segment.offset) =
                VmElementSegment::<HostPointer> { values: values.as_mut_ptr().cast(), length: offsets.len };
            owner.element_values.push(values);
        }
    }
    Ok(())
}
