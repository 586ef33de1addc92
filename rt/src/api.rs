//! The host API: the table [`w2n_api`] and the functions in it.
//!
//! The rule: thin. Each checks what a host may get wrong, calls the module that does the work, and
//! answers a status; none panics.

use core::ptr::null_mut;

use w2n_abi::*;

use crate::enter::{self, ArrayEntry};
use crate::instance::{self, func_types, place, slice};
use crate::table::{self, HostTable};
use crate::text::{Text, bytes};
use crate::types::Operand;
use crate::{group, memory, reference, thread, trap, types};

/// What [`ModuleDescriptor::api`] of every module points to.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "the symbol that compiled modules name")]
pub static w2n_api: W2nApi = W2nApi {
    abi_version: ABI_VERSION,
    size: size_of::<W2nApi>() as u32,
    import_count,
    import_at,
    export_count,
    export_at,
    instantiate,
    instance_drop,
    get_export,
    call,
    func_type,
    memory_data,
    memory_size,
    memory_grow,
    table_size,
    table_get,
    table_set,
    table_grow,
    global_get,
    global_set,
    trap_message,
    host_error,
    exit,
    take_trap: crate::export::take_trap,
};

const INVALID: u32 = LinkError::InvalidArgument as u32;

fn invalid(report: *mut W2nTrap, what: &[u8]) -> u32 {
    trap::report_link_error(report, LinkError::InvalidArgument, what)
}

const NO_BYTES: HostBytes = Slice { ptr: null_mut(), len: 0 };

unsafe extern "C" fn import_count(module: *const HostModule) -> u32 {
    // SAFETY: the host passes a loaded module or null.
    unsafe { module.as_ref() }.map_or(0, |module| module.imports.len as u32)
}

unsafe extern "C" fn import_at(module: *const HostModule, index: u32, info: *mut W2nImportInfo) -> u32 {
    // SAFETY: the host passes a loaded module and a place to write, or null.
    unsafe {
        let Some(module) = module.as_ref().filter(|_| !info.is_null()) else { return INVALID };
        let imports = slice::<ImportDescriptor<HostPointer>>(&module.imports);
        let Some(import) = imports.get(index as usize) else { return INVALID };
        let ty = &import.ty;
        info.write(W2nImportInfo {
            module: import.module,
            name: import.name,
            kind: ty.kind,
            ty: extern_ty(ty),
            flags: ty.flags,
            linked: u32::from(!import.linked.is_null()),
            min: ty.min,
            max: ty.max,
            func_type: encoding(module, ty),
        });
    }
    0
}

unsafe extern "C" fn export_count(module: *const HostModule) -> u32 {
    // SAFETY: the host passes a loaded module or null.
    unsafe { module.as_ref() }.map_or(0, |module| module.exports.len as u32)
}

unsafe extern "C" fn export_at(module: *const HostModule, index: u32, info: *mut W2nExportInfo) -> u32 {
    // SAFETY: the host passes a loaded module and a place to write, or null.
    unsafe {
        let Some(module) = module.as_ref().filter(|_| !info.is_null()) else { return INVALID };
        let exports = slice::<ExportDescriptor<HostPointer>>(&module.exports);
        let Some(export) = exports.get(index as usize) else { return INVALID };
        let ty = &export.ty;
        info.write(W2nExportInfo {
            name: export.name,
            kind: ty.kind,
            ty: extern_ty(ty),
            flags: ty.flags,
            index: export.index,
            min: ty.min,
            max: ty.max,
            func_type: encoding(module, ty),
        });
    }
    0
}

fn is_kind(kind: u32, expected: ExternKind) -> bool {
    kind == extern_kind_number(expected)
}

/// The value type of a table or global; a function's index into `types` means nothing to a host.
fn extern_ty(ty: &ExternDescriptor) -> u32 {
    if is_kind(ty.kind, ExternKind::Func) { 0 } else { ty.ty }
}

unsafe fn encoding(module: &HostModule, ty: &ExternDescriptor) -> HostBytes {
    if !is_kind(ty.kind, ExternKind::Func) {
        return NO_BYTES;
    }
    // SAFETY: the caller vouches for the module.
    unsafe { func_types(module) }.get(ty.ty as usize).map_or(NO_BYTES, |ty| ty.encoding)
}

unsafe extern "C" fn instantiate(
    module: *const HostModule,
    imports: *const W2nImport,
    import_count: u32,
    out: *mut *mut HostInstance,
    report: *mut W2nTrap,
) -> u32 {
    // SAFETY: the host passes a loaded module, as many imports as it says, and places to write, or null.
    unsafe {
        let (Some(module), Some(out)) = (module.as_ref(), out.as_mut()) else {
            return invalid(report, b"null module or instance");
        };
        *out = null_mut();
        let _in_runtime = match thread::leave_host() {
            Ok(in_runtime) => in_runtime,
            Err(why) => return trap::report_not_now(report, why),
        };
        if imports.is_null() && import_count > 0 {
            return invalid(report, b"null imports");
        }
        if u64::from(import_count) > module.imports.len {
            return invalid(report, b"more imports than the module has");
        }
        let imports = HostBytes { ptr: imports.cast_mut().cast(), len: u64::from(import_count) };
        instance::instantiate(module, slice(&imports), out, report)
    }
}

unsafe extern "C" fn instance_drop(instance: *mut HostInstance) {
    // In a signal handler nothing can be freed: the instance stays.
    if let (false, Ok(_in_runtime)) = (instance.is_null(), thread::leave_host()) {
        // SAFETY: the host holds the instance and gives it up.
        unsafe { group::release(instance) };
    }
}

unsafe extern "C" fn get_export(
    instance: *mut HostInstance,
    name: *const u8,
    name_len: u64,
    out: *mut W2nExtern,
) -> u32 {
    if instance.is_null() || out.is_null() || (name.is_null() && name_len > 0) {
        return 0;
    }
    // SAFETY: the host passes a live instance, a name and a place to write.
    unsafe {
        match find_export(instance, bytes(&Slice { ptr: name.cast_mut().cast(), len: name_len })) {
            Some(external) => {
                out.write(external);
                1
            }
            None => 0,
        }
    }
}

/// The export with this name.
///
/// # Safety
/// The instance is alive.
pub unsafe fn find_export(instance: *mut HostInstance, name: &[u8]) -> Option<W2nExtern> {
    // SAFETY: the caller vouches for the instance; the exports are those of its module.
    unsafe {
        let exports = slice::<ExportDescriptor<HostPointer>>(&instance::descriptor(instance).exports);
        let export = exports.iter().find(|export| bytes(&export.name) == name)?;
        definition_of(instance, export)
    }
}

/// What an instance exports at that place in the exports of its module.
///
/// # Safety
/// The instance is alive.
pub unsafe fn export_number(instance: *mut HostInstance, number: u32) -> Option<W2nExtern> {
    // SAFETY: as in `find_export`.
    unsafe {
        let exports = slice::<ExportDescriptor<HostPointer>>(&instance::descriptor(instance).exports);
        definition_of(instance, exports.get(number as usize)?)
    }
}

unsafe fn definition_of(
    instance: *mut HostInstance,
    export: &ExportDescriptor<HostPointer>,
) -> Option<W2nExtern> {
    // SAFETY: the caller vouches for the instance; the descriptor says where each export is.
    unsafe {
        let ty = &export.ty;
        let at = place::<core::ffi::c_void>(instance, ty.offset);
        let definition = match ExternKind::from_code(ty.kind as u8)? {
            ExternKind::Func => at,
            ExternKind::Table => *at.cast::<HostPointer>(),
            ExternKind::Memory => (*at.cast::<VmMemoryRef<HostPointer>>()).memory,
            ExternKind::Global if export.indirect != 0 => *at.cast::<HostPointer>(),
            ExternKind::Global => at,
        };
        Some(W2nExtern {
            kind: ty.kind,
            ty: extern_ty(ty),
            flags: ty.flags,
            ref_type: types::canonical_ref_type(ty.ref_type, instance::type_ids(instance)),
            definition,
            instance,
            func_type: encoding(instance::descriptor(instance), ty),
        })
    }
}

unsafe extern "C" fn call(
    func: *const HostFuncRef,
    slots: *mut ValueSlot,
    slot_count: u32,
    report: *mut W2nTrap,
) -> u32 {
    // SAFETY: the host passes a function of a live instance and as many slots as it says, or null.
    unsafe {
        let Some(func) = func.as_ref() else { return invalid(report, b"null function") };
        let Some(ty) = type_of(func) else { return invalid(report, b"function of no known type") };
        if slots_needed(bytes(&ty.encoding)) > slot_count as usize {
            return invalid(report, b"a call needs a slot for each parameter, and for each result");
        }
        if slot_count > 0 && (slots.is_null() || !slots.is_aligned()) {
            return invalid(report, b"slots that are null or not aligned to 16 bytes");
        }
        let _in_runtime = match thread::leave_host() {
            Ok(in_runtime) => in_runtime,
            Err(why) => return trap::report_not_now(report, why),
        };
        let instance = instance_of(func);
        group::begin_call(instance);
        let status = call_func(func, ty, slots, report);
        group::end_call(instance);
        status
    }
}

/// Calls a function of a live instance, of which `ty` is the type, with enough slots.
///
/// # Safety
/// The caller vouches for the three.
pub unsafe fn call_func(
    func: &HostFuncRef,
    ty: &FuncTypeDescriptor<HostPointer>,
    slots: *mut ValueSlot,
    report: *mut W2nTrap,
) -> u32 {
    // SAFETY: the caller vouches for function, type and slots.
    unsafe {
        if func.is_host != 0 {
            return call_host_func(&*func.instance.cast(), slots, report);
        }
        if !reference::adopt_arguments(func.instance.cast(), ty, slots) {
            return invalid(report, b"an argument that is no reference of the parameter's type");
        }
        if ty.array_entry.is_null() {
            return invalid(report, b"a function that its module never gave away");
        }
        let entry = core::mem::transmute::<HostPointer, ArrayEntry>(ty.array_entry);
        enter::enter(entry, func.code, func.instance, slots, report)
    }
}

/// A host function that an instance imports and exports again needs no way through Wasm.
unsafe fn call_host_func(func: &VmHostFunc<HostPointer>, slots: *mut ValueSlot, report: *mut W2nTrap) -> u32 {
    // SAFETY: the callback is what the host gave, called as it was promised.
    unsafe {
        let callback = core::mem::transmute::<HostPointer, HostCallback>(func.callback);
        let code = thread::call_host(|| callback(func.env, func.caller.cast(), slots));
        if code == 0 {
            return 0;
        }
        let code = TrapCode::from_number(code).unwrap_or(TrapCode::HostError);
        trap::report_in_host(report, code, thread::current().as_mut())
    }
}

/// The instance that a function is of; for a host function, the one that imports it.
///
/// # Safety
/// The instance is alive.
pub unsafe fn instance_of(func: &HostFuncRef) -> *mut HostInstance {
    match func.is_host {
        0 => func.instance.cast(),
        // SAFETY: the caller vouches for the function, and host functions say so of themselves.
        _ => unsafe { (*func.instance.cast::<VmHostFunc<HostPointer>>()).caller.cast() },
    }
}

/// The type of a function of a live instance, as its module describes it.
///
/// # Safety
/// The caller vouches for the function.
pub unsafe fn type_of<'a>(func: &HostFuncRef) -> Option<&'a FuncTypeDescriptor<HostPointer>> {
    // SAFETY: the instance is alive; ids and types are arrays of the same length.
    unsafe {
        let instance = instance_of(func);
        let types = func_types(instance::descriptor(instance));
        types.get(instance::type_ids(instance).iter().position(|id| *id == func.type_id)?)
    }
}

/// Slots for the parameters or the results of a type, whichever are more.
fn slots_needed(encoding: &[u8]) -> usize {
    encoding.split(|code| *code == FUNC_TYPE_SEPARATOR).map(<[u8]>::len).max().unwrap_or(0)
}

unsafe extern "C" fn func_type(func: *const HostFuncRef) -> HostBytes {
    let Ok(_in_runtime) = thread::leave_host() else { return NO_BYTES };
    // SAFETY: the host passes a function of a live instance or null.
    unsafe { func.as_ref() }.map_or(NO_BYTES, |func| types::encoding(func.type_id))
}

/// The definition of an extern of this kind.
unsafe fn definition<'a, T>(external: *const W2nExtern, kind: ExternKind) -> Option<&'a mut T> {
    // SAFETY: the host passes an extern that the API gave it, whose kind says what it is, or null.
    unsafe {
        let is_valid = |external: &&W2nExtern| is_kind(external.kind, kind) && !external.instance.is_null();
        let external = external.as_ref().filter(is_valid)?;
        external.definition.cast::<T>().as_mut()
    }
}

unsafe fn memory_of<'a>(memory: *const W2nExtern) -> Option<&'a mut HostMemory> {
    // SAFETY: as in `definition`.
    unsafe { definition(memory, ExternKind::Memory) }
}

unsafe extern "C" fn memory_data(memory: *const W2nExtern) -> *mut u8 {
    // SAFETY: as in `definition`.
    unsafe { memory_of(memory) }.map_or(null_mut(), |memory| memory.base.cast())
}

unsafe extern "C" fn memory_size(memory: *const W2nExtern) -> u64 {
    // SAFETY: as in `definition`.
    unsafe { memory_of(memory) }.map_or(0, |memory| memory.length_bytes)
}

unsafe extern "C" fn memory_grow(memory: *const W2nExtern, delta_pages: u64) -> i64 {
    let Ok(_in_runtime) = thread::leave_host() else { return -1 };
    // SAFETY: as in `definition`.
    unsafe { memory_of(memory) }
        .and_then(|memory| memory::grow(memory, delta_pages))
        .map_or(-1, |pages| pages as i64)
}

unsafe fn table_of<'a>(table: *const W2nExtern) -> Option<&'a mut HostTable> {
    // SAFETY: as in `definition`.
    unsafe { definition(table, ExternKind::Table) }
}

unsafe extern "C" fn table_size(table: *const W2nExtern) -> u64 {
    // SAFETY: as in `definition`.
    unsafe { table_of(table) }.map_or(0, |table| table.length)
}

unsafe extern "C" fn table_get(table: *const W2nExtern, index: u64, value: *mut ValueSlot) -> u32 {
    // SAFETY: as in `definition`; the host passes a place to write.
    unsafe {
        let (Some(table), Some(value)) = (table_of(table), value.as_mut()) else { return INVALID };
        let Some(reference) = table::get(table, index) else { return TrapCode::TableOutOfBounds as u32 };
        value.bits = [reference as u64, 0];
    }
    0
}

unsafe extern "C" fn table_set(table: *const W2nExtern, index: u64, value: *const ValueSlot) -> u32 {
    let _in_runtime = match thread::leave_host() {
        Ok(in_runtime) => in_runtime,
        Err(why) => return why.error() as u32,
    };
    // SAFETY: as in `definition`; the host passes a reference of the element type.
    unsafe {
        let (Some(elements), Some(value)) = (table_of(table), value.as_ref()) else { return INVALID };
        let reference = value.bits[0] as HostPointer;
        if !adopt(table, elements.element_type, reference) {
            return INVALID;
        }
        table::fill(elements, index, reference, 1).map_or_else(|code| code as u32, |()| 0)
    }
}

unsafe extern "C" fn table_grow(table: *const W2nExtern, delta: u64, value: *const ValueSlot) -> i64 {
    let Ok(_in_runtime) = thread::leave_host() else { return -1 };
    // SAFETY: as in `definition`; the host passes a reference of the element type.
    unsafe {
        let (Some(elements), Some(value)) = (table_of(table), value.as_ref()) else { return -1 };
        let reference = value.bits[0] as HostPointer;
        if !adopt(table, elements.element_type, reference) {
            return -1;
        }
        table::grow(elements, reference, delta).map_or(-1, |length| length as i64)
    }
}

unsafe extern "C" fn global_get(global: *const W2nExtern, value: *mut ValueSlot) -> u32 {
    // SAFETY: as in `definition`; the host passes a place to write.
    unsafe {
        let Some(source) = definition::<ValueSlot>(global, ExternKind::Global) else { return INVALID };
        let Some(value) = value.as_mut() else { return INVALID };
        *value = *source;
    }
    0
}

unsafe extern "C" fn global_set(global: *const W2nExtern, value: *const ValueSlot) -> u32 {
    let _in_runtime = match thread::leave_host() {
        Ok(in_runtime) => in_runtime,
        Err(why) => return why.error() as u32,
    };
    // SAFETY: as in `definition`; the host passes a value of the global's type.
    unsafe {
        let Some(target) = definition::<ValueSlot>(global, ExternKind::Global) else { return INVALID };
        let Some(value) = value.as_ref().filter(|_| (*global).flags == 1) else { return INVALID };
        if !adopt(global, (*global).ty, value.bits[0] as HostPointer) {
            return INVALID;
        }
        *target = *value;
    }
    0
}

/// Whether the table or global `into`, of values of type `ty`, takes a value, which may be a reference.
unsafe fn adopt(into: *const W2nExtern, ty: u32, reference: HostPointer) -> bool {
    // SAFETY: the host passes an extern of a live instance, and null or a function of another.
    unsafe {
        reference::adopt((*into).instance, Operand { ty: ty as u8, ref_type: (*into).ref_type }, reference)
    }
}

unsafe extern "C" fn trap_message(report: *const W2nTrap, buffer: *mut u8, capacity: u64) -> u64 {
    // SAFETY: the host passes a report that the API filled in and a buffer of `capacity` bytes, or null.
    unsafe {
        let Some(report) = report.as_ref() else { return 0 };
        let mut empty = [];
        let buffer: &mut [u8] = match buffer.is_null() || capacity == 0 {
            true => &mut empty,
            false => core::slice::from_raw_parts_mut(buffer, capacity as usize),
        };
        let mut text = Text::new(buffer);
        trap::render(report, &mut text);
        text.total_len() as u64
    }
}

/// See [`W2nApi::host_error`].
pub unsafe extern "C" fn host_error(message: *const u8, message_len: u64) -> u32 {
    // SAFETY: the callback passes its words or null; the state is that of the calling thread.
    unsafe {
        if let Some(thread) = thread::current().as_mut().filter(|thread| thread.is_in_host()) {
            thread.set_message(bytes(&Slice { ptr: message.cast_mut().cast(), len: message_len }));
        }
    }
    TrapCode::HostError as u32
}

/// See [`W2nApi::exit`].
pub extern "C" fn exit(status: i32) -> u32 {
    // SAFETY: the state of the calling thread, which nobody else uses.
    if let Some(thread) = unsafe { thread::current().as_mut() }.filter(|thread| thread.is_in_host()) {
        thread.set_exit_status(status);
    }
    TrapCode::Exit as u32
}
