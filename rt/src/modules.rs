//! The modules that have instances, and what is checked of a module before it gets its first one.
//!
//! The rule: an offset or index of a descriptor is believed only behind [`check`]: everything lies inside of
//! the instance, behind its header, aligned, and every type is one of the module's.

use alloc::sync::Arc;
use alloc::vec::Vec;

use w2n_abi::*;

use crate::descriptor::{Export, Import, Module, encoding, func_ref_offsets};
use crate::lock::Lock;
use crate::{code, types};

/// Why a module gets no instance.
pub type Flaw = &'static str;

/// Modules of which there are instances.
pub struct LoadedModules(Lock<Vec<LoadedModule>>);

struct LoadedModule {
    module: Module,
    /// Canonical ids of its types.
    type_ids: Arc<[u32]>,
    instance_count: usize,
}

impl LoadedModules {
    /// None.
    pub const fn new() -> Self {
        Self(Lock::new(Vec::new()))
    }

    /// Counts an instance that is about to be made: the ids of the module's types, or what is wrong with it.
    pub fn acquire(&self, module: Module) -> Result<Arc<[u32]>, Flaw> {
        let mut loaded = self.0.lock();
        if let Some(known) = loaded.iter_mut().find(|known| known.module == module) {
            known.instance_count += 1;
            return Ok(Arc::clone(&known.type_ids));
        }
        check(module)?;
        if let Some(map) = module.pc_map() {
            code::insert(map);
        }
        let type_ids: Arc<[u32]> = types::intern(module.types()).into();
        loaded.push(LoadedModule { module, type_ids: Arc::clone(&type_ids), instance_count: 1 });
        Ok(type_ids)
    }

    /// An instance is no more, or was not made after all.
    pub fn release(&self, module: Module) {
        let mut loaded = self.0.lock();
        if let Some(position) = loaded.iter().position(|known| known.module == module) {
            loaded[position].instance_count -= 1;
            if loaded[position].instance_count == 0 {
                loaded.swap_remove(position);
            }
        }
    }

    /// All of them.
    pub fn all(&self) -> Vec<Module> {
        self.0.lock().iter().map(|known| known.module).collect()
    }
}

/// Whether the runtime can believe the descriptor.
fn check(module: Module) -> Result<(), Flaw> {
    are_types_right(module).then_some(()).ok_or("types")?;
    let is_import = |import: &Import| is_extern(module, &import.ty, Indirection::Pointer);
    module.imports().iter().all(is_import).then_some(()).ok_or("imports")?;
    let is_export = |export: &Export| is_extern(module, &export.ty, indirection(export));
    module.exports().iter().all(is_export).then_some(()).ok_or("exports")?;
    let mut funcs = module.func_refs().iter();
    funcs
        .all(|func| is_type(module, func.ty) && is_func_ref(module, func.offset))
        .then_some(())
        .ok_or("functions")?;
    let mut tables = module.tables().iter();
    tables.all(|table| is_defined(module, &table.ty, ExternKind::Table)).then_some(()).ok_or("tables")?;
    let mut memories = module.memories().iter();
    memories
        .all(|memory| is_defined(module, &memory.ty, ExternKind::Memory))
        .then_some(())
        .ok_or("memories")?;
    let mut data = module.data_segments().iter();
    data.all(|segment| is_segment(module, segment.offset)).then_some(()).ok_or("segments")?;
    for segment in module.element_segments() {
        is_segment(module, segment.offset).then_some(()).ok_or("segments")?;
        let mut elements = func_ref_offsets(segment).iter();
        elements
            .all(|&offset| offset == NONE || is_func_ref(module, offset))
            .then_some(())
            .ok_or("elements")?;
    }
    (!module.descriptor().initialize.is_null()).then_some(()).ok_or("initialisation")
}

#[inline(never)]
fn are_types_right(module: Module) -> bool {
    let types = module.types();
    let ids_bytes = types.len().saturating_mul(size_of::<u32>());
    (types.is_empty() || has_room(module, module.descriptor().type_ids_offset, ids_bytes, align_of::<u32>()))
        && types.iter().all(|ty| encoding(ty).contains(&FUNC_TYPE_SEPARATOR))
}

/// What an instance has of a global.
#[derive(Clone, Copy)]
enum Indirection {
    Pointer,
    Value,
}

fn indirection(export: &Export) -> Indirection {
    if export.indirect == 0 { Indirection::Value } else { Indirection::Pointer }
}

/// Whether so many bytes are in an instance, behind its header.
#[inline(never)]
fn has_room(module: Module, offset: u32, size: usize, align: usize) -> bool {
    let (start, end) = (offset as usize, (offset as usize).checked_add(size));
    let is_inside = end.is_some_and(|end| end <= module.descriptor().instance_size as usize);
    is_inside && start >= size_of::<HostInstance>() && start.is_multiple_of(align)
}

fn is_type(module: Module, index: u32) -> bool {
    (index as usize) < module.types().len()
}

#[inline(never)]
fn is_func_ref(module: Module, offset: u32) -> bool {
    has_room(module, offset, size_of::<HostFuncRef>(), WORD_ALIGN)
}

#[inline(never)]
fn is_segment(module: Module, offset: u32) -> bool {
    has_room(module, offset, size_of::<VmElementSegment<HostPointer>>(), WORD_ALIGN)
}

#[inline(never)]
fn is_extern(module: Module, ty: &ExternDescriptor, indirection: Indirection) -> bool {
    let size = match (u8::try_from(ty.kind).ok().and_then(ExternKind::from_code), indirection) {
        (Some(ExternKind::Func), _) => return is_type(module, ty.ty) && is_func_ref(module, ty.offset),
        (Some(ExternKind::Table), _) | (Some(ExternKind::Global), Indirection::Pointer) => {
            size_of::<HostPointer>()
        }
        (Some(ExternKind::Memory), _) => size_of::<VmMemoryRef<HostPointer>>(),
        (Some(ExternKind::Global), Indirection::Value) => size_of::<ValueSlot>(),
        (None, _) => return false,
    };
    // A global that holds a vector is loaded as one.
    let is_value = matches!((ty.kind, indirection), (GLOBAL, Indirection::Value));
    has_room(module, ty.offset, size, if is_value { align_of::<ValueSlot>() } else { WORD_ALIGN })
}

const WORD_ALIGN: usize = align_of::<HostPointer>();
const GLOBAL: u32 = extern_kind_number(ExternKind::Global);

#[inline(never)]
fn is_defined(module: Module, ty: &ExternDescriptor, kind: ExternKind) -> bool {
    ty.kind == extern_kind_number(kind) && is_extern(module, ty, Indirection::Pointer)
}
