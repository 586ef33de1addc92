//! The host API: the table [`w2n_api`] and the functions in it.
//!
//! The rule: thin. Each checks what a host may get wrong, calls the module that does the work, and
//! answers a status; none panics.

use core::ptr::null_mut;

use w2n_abi::*;

use crate::attach;
use crate::descriptor::Module;
use crate::external::{self, Definition, External, extern_ty, func_type as func_type_of};
use crate::func::{Slots, TypedFunc};
use crate::handle::{Func, Global, Instance};
use crate::instance;
use crate::memory::Memory;
use crate::shared::elements;
use crate::table::{Reference, Table};
use crate::text::Text;
use crate::trap::{self, Report};
use crate::{group, reference, store, types};

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

/// The bytes that a host passes by address and length; `None` for null with a length.
///
/// # Safety
/// As many bytes are there as it says, or it is null.
unsafe fn host_slice<'a, T>(first: *const T, len: u64) -> Option<&'a [T]> {
    let slice = HostBytes { ptr: first.cast_mut().cast(), len };
    // SAFETY: the caller's.
    (!first.is_null() || len == 0).then(|| unsafe { elements(&slice) })
}

unsafe extern "C" fn import_count(module: *const HostModule) -> u32 {
    // SAFETY: the host passes a loaded module or null.
    unsafe { Module::new(module) }.map_or(0, |module| module.imports().len() as u32)
}

unsafe extern "C" fn import_at(module: *const HostModule, index: u32, info: *mut W2nImportInfo) -> u32 {
    // SAFETY: the host passes a loaded module or null.
    let Some(module) = unsafe { Module::new(module) }.filter(|_| !info.is_null()) else { return INVALID };
    let Some(import) = module.imports().get(index as usize) else { return INVALID };
    let ty = &import.ty;
    let said = W2nImportInfo {
        module: import.module,
        name: import.name,
        kind: ty.kind,
        ty: extern_ty(ty),
        flags: ty.flags,
        linked: u32::from(!import.linked.is_null()),
        min: ty.min,
        max: ty.max,
        func_type: func_type_of(module, ty),
    };
    // SAFETY: the host passes a place to write.
    unsafe { info.write(said) };
    0
}

unsafe extern "C" fn export_count(module: *const HostModule) -> u32 {
    // SAFETY: the host passes a loaded module or null.
    unsafe { Module::new(module) }.map_or(0, |module| module.exports().len() as u32)
}

unsafe extern "C" fn export_at(module: *const HostModule, index: u32, info: *mut W2nExportInfo) -> u32 {
    // SAFETY: the host passes a loaded module or null.
    let Some(module) = unsafe { Module::new(module) }.filter(|_| !info.is_null()) else { return INVALID };
    let Some(export) = module.exports().get(index as usize) else { return INVALID };
    let ty = &export.ty;
    let said = W2nExportInfo {
        name: export.name,
        kind: ty.kind,
        ty: extern_ty(ty),
        flags: ty.flags,
        index: export.index,
        min: ty.min,
        max: ty.max,
        func_type: func_type_of(module, ty),
    };
    // SAFETY: the host passes a place to write.
    unsafe { info.write(said) };
    0
}

/// Whether the module was made for this runtime.
pub fn fits(module: Module) -> bool {
    let descriptor = module.descriptor();
    descriptor.abi_version == ABI_VERSION && descriptor.api.cast_const() == (&raw const w2n_api).cast()
}

/// Says that it was not.
pub fn report_misfit(report: Report) -> u32 {
    report.of_link_error(LinkError::AbiVersion, b"module and runtime do not match")
}

unsafe extern "C" fn instantiate(
    module: *const HostModule,
    imports: *const W2nImport,
    import_count: u32,
    out: *mut *mut HostInstance,
    report: *mut W2nTrap,
) -> u32 {
    // SAFETY: the host passes a loaded module and places to write, or null.
    let (module, out, report) = unsafe { (Module::new(module), out.as_mut(), Report::new(report)) };
    let (Some(module), Some(out)) = (module, out) else {
        return report.of_invalid(b"null module or instance");
    };
    *out = null_mut();
    let _in_runtime = match attach::leave_host() {
        Ok(in_runtime) => in_runtime,
        Err(why) => return report.of_refusal(why),
    };
    // SAFETY: the host passes as many imports as it says.
    let Some(imports) = (unsafe { host_slice(imports, import_count.into()) }) else {
        return report.of_invalid(b"null imports");
    };
    if imports.len() > module.imports().len() {
        return report.of_invalid(b"more imports than the module has");
    }
    if !fits(module) {
        return report_misfit(report);
    }
    // SAFETY: the imports are what the API asks for.
    match unsafe { instance::instantiate(module, &store::default(), imports, report) } {
        Ok(instance) => {
            *out = instance.as_ptr();
            0
        }
        Err(status) => status,
    }
}

unsafe extern "C" fn instance_drop(instance: *mut HostInstance) {
    // SAFETY: the host holds the instance and gives it up, or passes null.
    let instance = unsafe { Instance::new(instance) };
    // In a signal handler nothing can be freed: the instance stays.
    if let (Some(instance), Ok(_in_runtime)) = (instance, attach::leave_host()) {
        group::release(instance);
    }
}

unsafe extern "C" fn get_export(
    instance: *mut HostInstance,
    name: *const u8,
    name_len: u64,
    out: *mut W2nExtern,
) -> u32 {
    // SAFETY: the host passes a live instance and a name, or null.
    let (instance, name) = unsafe { (Instance::new(instance), host_slice(name, name_len)) };
    let (Some(instance), Some(name), false) = (instance, name, out.is_null()) else { return 0 };
    let Some(found) = external::find(instance, name) else { return 0 };
    // SAFETY: the host passes a place to write.
    unsafe { out.write(found) };
    1
}

unsafe extern "C" fn call(
    func: *const HostFuncRef,
    slots: *mut ValueSlot,
    slot_count: u32,
    report: *mut W2nTrap,
) -> u32 {
    // SAFETY: the host passes a function of a live instance and a place to write, or null.
    let (func, report) = unsafe { (Func::new(func.cast_mut()), Report::new(report)) };
    let Some(func) = func else { return report.of_invalid(b"null function") };
    let Some(func) = TypedFunc::new(func) else { return report.of_invalid(b"function of no known type") };
    if func.signature.slot_count > slot_count as usize {
        return report.of_invalid(b"a call needs a slot for each parameter, and for each result");
    }
    if slot_count > 0 && (slots.is_null() || !slots.is_aligned()) {
        return report.of_invalid(b"slots that are null or not aligned to 16 bytes");
    }
    let _in_runtime = match attach::leave_host() {
        Ok(in_runtime) => in_runtime,
        Err(why) => return report.of_refusal(why),
    };
    // SAFETY: there are enough of them, says the host.
    let slots = unsafe { Slots::new(slots, func.signature) };
    group::begin_call(func.instance);
    let status = reference::call(func, slots, report);
    group::end_call(func.instance);
    status
}

unsafe extern "C" fn func_type(func: *const HostFuncRef) -> HostBytes {
    let Ok(_in_runtime) = attach::leave_host() else { return types::host_bytes(&[]) };
    // SAFETY: the host passes a function of a live instance or null.
    let func = unsafe { Func::new(func.cast_mut()) };
    func.map_or(types::host_bytes(&[]), |func| types::encoding(func.get().type_id))
}

/// # Safety
/// The host passes an extern that the API gave it, or null.
unsafe fn external(external: *const W2nExtern) -> Option<External> {
    // SAFETY: the caller's.
    unsafe { external.as_ref().and_then(|external| External::new(external)) }
}

/// # Safety
/// As for [`external`].
unsafe fn memory_of(memory: *const W2nExtern) -> Option<Memory> {
    // SAFETY: the caller's.
    match unsafe { external(memory) }?.definition {
        Definition::Memory(memory) => Some(memory),
        _ => None,
    }
}

unsafe extern "C" fn memory_data(memory: *const W2nExtern) -> *mut u8 {
    // SAFETY: the host passes an extern that the API gave it, or null.
    unsafe { memory_of(memory) }.map_or(null_mut(), |memory| memory.vm().base.cast())
}

unsafe extern "C" fn memory_size(memory: *const W2nExtern) -> u64 {
    // SAFETY: as in `memory_data`.
    unsafe { memory_of(memory) }.map_or(0, |memory| memory.vm().length_bytes)
}

unsafe extern "C" fn memory_grow(memory: *const W2nExtern, delta_pages: u64) -> i64 {
    let Ok(_in_runtime) = attach::leave_host() else { return -1 };
    // SAFETY: as in `memory_data`.
    let memory = unsafe { memory_of(memory) };
    memory.and_then(|memory| memory.grow(delta_pages)).map_or(-1, |pages| pages as i64)
}

/// # Safety
/// As for [`external`].
unsafe fn table_of(table: *const W2nExtern) -> Option<(Table, External)> {
    // SAFETY: the caller's.
    let external = unsafe { external(table) }?;
    match external.definition {
        Definition::Table(table) => Some((table, external)),
        _ => None,
    }
}

unsafe extern "C" fn table_size(table: *const W2nExtern) -> u64 {
    // SAFETY: the host passes an extern that the API gave it, or null.
    unsafe { table_of(table) }.map_or(0, |(table, _)| table.vm().length)
}

unsafe extern "C" fn table_get(table: *const W2nExtern, index: u64, value: *mut ValueSlot) -> u32 {
    // SAFETY: as in `table_size`; the host passes a place to write, or null.
    let (table, value) = unsafe { (table_of(table), value.as_mut()) };
    let (Some((table, _)), Some(value)) = (table, value) else { return INVALID };
    let Some(reference) = table.element(index) else { return TrapCode::TableOutOfBounds as u32 };
    value.bits = [reference as u64, 0];
    0
}

/// A reference that the host passes for a table or global, if that takes it.
///
/// # Safety
/// As for [`Reference::new`].
unsafe fn adopted(into: &External, value: ValueSlot) -> Option<Reference> {
    // SAFETY: the caller's.
    let reference = unsafe { Reference::new(value.bits[0] as HostPointer) };
    reference::adopt(into.instance, into.operand(), reference).then_some(reference)
}

unsafe extern "C" fn table_set(table: *const W2nExtern, index: u64, value: *const ValueSlot) -> u32 {
    let _in_runtime = match attach::leave_host() {
        Ok(in_runtime) => in_runtime,
        Err(why) => return why.error() as u32,
    };
    // SAFETY: as in `table_size`; the host passes null or a reference of the element type.
    let element = unsafe {
        let (Some((table, external)), Some(value)) = (table_of(table), value.as_ref()) else {
            return INVALID;
        };
        adopted(&external, *value).map(|reference| (table, reference))
    };
    let Some((table, reference)) = element else { return INVALID };
    table.fill(index, reference, 1).map_or_else(|code| code as u32, |()| 0)
}

unsafe extern "C" fn table_grow(table: *const W2nExtern, delta: u64, value: *const ValueSlot) -> i64 {
    let Ok(_in_runtime) = attach::leave_host() else { return -1 };
    // SAFETY: as in `table_set`.
    let element = unsafe {
        let (Some((table, external)), Some(value)) = (table_of(table), value.as_ref()) else { return -1 };
        adopted(&external, *value).map(|reference| (table, reference))
    };
    let grown = element.and_then(|(table, reference)| table.grow(reference, delta));
    grown.map_or(-1, |length| length as i64)
}

/// # Safety
/// As for [`external`].
unsafe fn global_of(global: *const W2nExtern) -> Option<(Global, External)> {
    // SAFETY: the caller's.
    let external = unsafe { external(global) }?;
    match external.definition {
        Definition::Global(global) => Some((global, external)),
        _ => None,
    }
}

unsafe extern "C" fn global_get(global: *const W2nExtern, value: *mut ValueSlot) -> u32 {
    // SAFETY: the host passes an extern that the API gave it and a place to write, or null.
    let (global, value) = unsafe { (global_of(global), value.as_mut()) };
    let (Some((global, _)), Some(value)) = (global, value) else { return INVALID };
    *value = global.get();
    0
}

unsafe extern "C" fn global_set(global: *const W2nExtern, value: *const ValueSlot) -> u32 {
    let _in_runtime = match attach::leave_host() {
        Ok(in_runtime) => in_runtime,
        Err(why) => return why.error() as u32,
    };
    // SAFETY: as in `global_get`; the host passes a value of the global's type.
    unsafe {
        let (Some((global, external)), Some(value)) = (global_of(global), value.as_ref()) else {
            return INVALID;
        };
        if external.flags != 1 || adopted(&external, *value).is_none() {
            return INVALID;
        }
        global.with(|global| *global = *value);
    }
    0
}

unsafe extern "C" fn trap_message(report: *const W2nTrap, buffer: *mut u8, capacity: u64) -> u64 {
    // SAFETY: the host passes a report that the API filled in and a buffer of `capacity` bytes, or null.
    let (report, buffer) = unsafe {
        let buffer: &mut [u8] = match buffer.is_null() || capacity == 0 {
            true => &mut [],
            false => core::slice::from_raw_parts_mut(buffer, capacity as usize),
        };
        (report.as_ref(), buffer)
    };
    let Some(report) = report else { return 0 };
    let mut text = Text::new(buffer);
    trap::render(report, &mut text);
    text.total_len() as u64
}

/// See [`W2nApi::host_error`].
pub unsafe extern "C" fn host_error(message: *const u8, message_len: u64) -> u32 {
    // SAFETY: the callback passes its words or null.
    attach::host_error(unsafe { host_slice(message, message_len) }.unwrap_or(&[]))
}

/// See [`W2nApi::exit`].
pub extern "C" fn exit(status: i32) -> u32 {
    attach::exit(status)
}
