//! Instances: one zeroed block of memory each, filled in as the module's descriptor says.
//!
//! The rule: everything that can be refused is checked before anything is written, and everything is
//! in place before `initialize` runs, so that code of the instance never meets a half-made one.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ptr::null_mut;

use w2n_abi::*;

use crate::descriptor::{Import, Module, func_ref_offsets};
use crate::enter::{self, ArrayEntry};
use crate::external::Definition;
use crate::func::HostFunc;
use crate::handle::Instance;
use crate::link::{self, Binding, Importer};
use crate::memory::{Bounds, LinearMemory, Memory};
use crate::store::Store;
use crate::table::{OwnTable, Table};
use crate::trap::Report;
use crate::{group, reference};

/// Makes an instance, or answers the status that the report explains.
///
/// # Safety
/// `imports` are as the API says: callbacks of their types, definitions of live instances.
pub unsafe fn instantiate(
    module: Module,
    store: &Arc<Store>,
    imports: &[W2nImport],
    report: Report,
) -> Result<Instance, u32> {
    let type_ids = store.modules().acquire(module).map_err(|flaw| damaged(report, flaw))?;
    let importer = Importer { module, type_ids: &type_ids, store };
    // SAFETY: the caller's.
    let bindings = unsafe { importer.resolve(imports) }.map_err(|mismatch| {
        store.modules().release(module);
        mismatch.report(report)
    })?;
    let Some(instance) = Instance::allocate(module, store, Arc::clone(&type_ids)) else {
        store.modules().release(module);
        return Err(report.of_link_error(LinkError::OutOfMemory, b"no room for the instance"));
    };
    if let Err(what) = fill(instance, &importer, &bindings) {
        // Nobody has seen the instance yet, and it is linked with nobody: that frees it.
        group::end_call(instance);
        let what = if store.is_exceeded() { OVER_LIMIT } else { what };
        return Err(report.of_link_error(LinkError::OutOfMemory, what.as_bytes()));
    }
    for binding in &bindings {
        if let Binding::External(external) = binding {
            group::link(instance, external.instance);
        }
    }
    // SAFETY: the descriptor has a function of this type there, which ignores its code and slots. The
    // instance is complete but for what it does.
    let status = unsafe {
        let initialize = core::mem::transmute::<HostPointer, ArrayEntry>(module.descriptor().initialize);
        enter::enter(initialize, null_mut(), instance, null_mut(), report)
    };
    if status == 0 {
        group::hold(instance);
    }
    // The host never sees it if it failed.
    group::end_call(instance);
    if status == 0 { Ok(instance) } else { Err(status) }
}

const OVER_LIMIT: &str = "the module needs more than the limit of its memory (--max-memory, W2N_MAX_MEMORY)";

fn damaged(report: Report, flaw: &str) -> u32 {
    report.of_link_error_with(LinkError::AbiVersion, &|text| {
        text.push(b": the description of the module is damaged: ");
        text.push(flaw.as_bytes());
    })
}

/// What the system has no room for.
type Lacking = &'static str;

/// Everything but what `initialize` does.
fn fill(instance: Instance, importer: &Importer<'_>, bindings: &[Binding]) -> Result<(), Lacking> {
    for (import, binding) in importer.module.imports().iter().zip(bindings) {
        fill_import(instance, importer, import, binding);
    }
    fill_func_refs(instance, importer);
    fill_memories(instance, importer)?;
    fill_tables(instance, importer)?;
    fill_segments(instance, importer.module)
}

fn fill_import(instance: Instance, importer: &Importer<'_>, import: &Import, binding: &Binding) {
    let ty = &import.ty;
    let external = match binding {
        Binding::External(external) => external,
        Binding::HostFunc { callback, env } => {
            let func_type = &importer.module.types()[ty.ty as usize];
            let (callback, env) = reference::checked(instance, *callback, *env, func_type);
            let func = instance.keep(HostFunc { callback, env, caller: instance.as_ptr().cast() });
            let func = HostFuncRef {
                code: func_type.host_entry,
                instance: func.pointer(),
                tail_code: null_mut(),
                type_id: importer.type_ids[ty.ty as usize],
                is_host: 1,
            };
            return instance.put(ty.offset, func);
        }
    };
    match external.definition {
        Definition::Func(func) => instance.put(ty.offset, func.get()),
        Definition::Table(table) => put_table(instance, ty.offset, table),
        Definition::Memory(memory) => put_memory(instance, ty.offset, memory),
        Definition::Global(global) => instance.put(ty.offset, global.pointer()),
    }
}

fn put_memory(instance: Instance, offset: u32, memory: Memory) {
    let reference = VmMemoryRef { base: memory.vm().base, memory: memory.pointer() };
    instance.put::<VmMemoryRef<HostPointer>>(offset, reference);
    instance.owner().with(|owner| owner.memories.push(memory));
}

fn put_table(instance: Instance, offset: u32, table: Table) {
    instance.put(offset, table.pointer());
    instance.owner().with(|owner| owner.tables.push(table));
}

fn fill_func_refs(instance: Instance, importer: &Importer<'_>) {
    for func in importer.module.func_refs() {
        let reference = HostFuncRef {
            code: func.code,
            instance: instance.as_ptr().cast(),
            tail_code: func.tail_code,
            type_id: importer.type_ids[func.ty as usize],
            is_host: 0,
        };
        instance.put(func.offset, reference);
    }
}

fn fill_memories(instance: Instance, importer: &Importer<'_>) -> Result<(), Lacking> {
    let bounds = link::bounds(importer.module);
    let lacking = match bounds {
        Bounds::Guard => {
            "no addresses for a memory: 8 GiB with guard pages, less with --bounds-checks=software"
        }
        Bounds::Software => "no addresses or no pages for a memory",
    };
    for memory in importer.module.memories() {
        let own = LinearMemory::new(&memory.ty, bounds, importer.store).ok_or(lacking)?;
        let own = instance.keep(own);
        own.announce();
        put_memory(instance, memory.ty.offset, own);
    }
    Ok(())
}

fn fill_tables(instance: Instance, importer: &Importer<'_>) -> Result<(), Lacking> {
    for table in importer.module.tables() {
        let own = OwnTable::new(&table.ty, importer.type_ids, importer.store).ok_or("no room for a table")?;
        put_table(instance, table.ty.offset, instance.keep(own));
    }
    Ok(())
}

fn fill_segments(instance: Instance, module: Module) -> Result<(), Lacking> {
    for segment in module.data_segments() {
        let filled = VmDataSegment { data: segment.bytes.ptr, length: segment.bytes.len };
        instance.put::<VmDataSegment<HostPointer>>(segment.offset, filled);
    }
    for segment in module.element_segments() {
        let length = segment.func_ref_offsets.len;
        let mut values = Vec::<HostPointer>::new();
        let room = values.try_reserve_exact(length as usize);
        room.map_err(|_| "no room for an element segment")?;
        // Without offsets all are null until `initialize` stores them.
        let offsets = func_ref_offsets(segment);
        values.extend((0..length as usize).map(|position| match offsets.get(position) {
            None | Some(&NONE) => null_mut(),
            Some(&offset) => instance.place::<HostFuncRef>(offset).pointer(),
        }));
        let values = instance.keep(values).with(|values| values.as_mut_ptr());
        instance.put(segment.offset, VmElementSegment::<HostPointer> { values: values.cast(), length });
    }
    Ok(())
}
