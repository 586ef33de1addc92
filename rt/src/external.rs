//! What instances export, as the host passes it on: found by name, and taken back from the host.
//!
//! The rule: what a host holds says of itself what it is, and is believed as far as the API asks hosts to
//! pass on what they were given.

use w2n_abi::*;

use crate::descriptor::{Export, Module, encoding, export_name};
use crate::handle::{Func, Global, Instance};
use crate::memory::Memory;
use crate::shared::Shared;
use crate::table::Table;
use crate::types::{self, Operand};

/// What an instance exports.
pub struct External {
    /// The one that exports it.
    pub instance: Instance,
    /// What it is.
    pub definition: Definition,
    /// As in [`W2nExtern::ty`].
    pub ty: u32,
    /// As in [`W2nExtern::flags`].
    pub flags: u32,
    /// As in [`W2nExtern::ref_type`].
    pub ref_type: u32,
}

/// What there is to export.
#[derive(Clone, Copy)]
pub enum Definition {
    /// A function.
    Func(Func),
    /// A table.
    Table(Table),
    /// A memory.
    Memory(Memory),
    /// A global.
    Global(Global),
}

impl External {
    /// What the host passes on; `None` for what is nothing.
    ///
    /// # Safety
    /// A live instance exports it, or it is nothing.
    pub unsafe fn new(external: &W2nExtern) -> Option<Self> {
        let &W2nExtern { kind, ty, flags, ref_type, definition, instance, .. } = external;
        // SAFETY: the kind says what the definition is, which lives as long as the instance.
        let (instance, definition) = unsafe {
            let definition = match ExternKind::from_code(u8::try_from(kind).ok()?)? {
                ExternKind::Func => Definition::Func(Shared::new(definition.cast())?),
                ExternKind::Table => Definition::Table(Shared::new(definition.cast())?),
                ExternKind::Memory => Definition::Memory(Shared::new(definition.cast())?),
                ExternKind::Global => Definition::Global(Shared::new(definition.cast())?),
            };
            (Instance::new(instance)?, definition)
        };
        Some(Self { instance, definition, ty, flags, ref_type })
    }

    /// What values a table or global has.
    pub fn operand(&self) -> Operand {
        Operand { ty: self.ty as u8, ref_type: self.ref_type }
    }
}

/// The export with this name.
pub fn find(instance: Instance, name: &[u8]) -> Option<W2nExtern> {
    let export = instance.module().exports().iter().find(|export| export_name(export) == name)?;
    exported(instance, export)
}

/// What an instance exports at that place in the exports of its module.
pub fn at(instance: Instance, number: u32) -> Option<W2nExtern> {
    exported(instance, instance.module().exports().get(number as usize)?)
}

fn exported(instance: Instance, export: &Export) -> Option<W2nExtern> {
    let ty = &export.ty;
    let pointer_at = |offset| instance.place::<HostPointer>(offset).get();
    let definition = match ExternKind::from_code(ty.kind as u8)? {
        ExternKind::Func => instance.place::<HostFuncRef>(ty.offset).pointer(),
        ExternKind::Table => pointer_at(ty.offset),
        ExternKind::Memory => instance.place::<VmMemoryRef<HostPointer>>(ty.offset).get().memory,
        ExternKind::Global if export.indirect != 0 => pointer_at(ty.offset),
        ExternKind::Global => instance.place::<ValueSlot>(ty.offset).pointer(),
    };
    Some(W2nExtern {
        kind: ty.kind,
        ty: extern_ty(ty),
        flags: ty.flags,
        ref_type: types::canonical_ref_type(ty.ref_type, &instance.type_ids()),
        definition,
        instance: instance.as_ptr(),
        func_type: func_type(instance.module(), ty),
    })
}

/// The value type of a table or global; a function's index into `types` means nothing to a host.
pub fn extern_ty(ty: &ExternDescriptor) -> u32 {
    if is_kind(ty.kind, ExternKind::Func) { 0 } else { ty.ty }
}

/// The encoding of a function's type; empty for others.
pub fn func_type(module: Module, ty: &ExternDescriptor) -> HostBytes {
    let is_func = is_kind(ty.kind, ExternKind::Func);
    let encoding = module.types().get(ty.ty as usize).filter(|_| is_func).map_or(&[][..], encoding);
    types::host_bytes(encoding)
}

/// Whether the number is that of the kind.
pub fn is_kind(kind: u32, expected: ExternKind) -> bool {
    kind == extern_kind_number(expected)
}
