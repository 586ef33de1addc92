//! The module descriptor: what the runtime and hosts learn about a compiled module. See
//! `rt/abi/src/descriptor.rs`.

use inkwell::GlobalVisibility;
use inkwell::module::Linkage;
use inkwell::values::{BasicValueEnum, FunctionValue, GlobalValue, PointerValue, StructValue};
use std::collections::BTreeSet;
use std::mem::{offset_of, size_of};

use super::c_import::emit_c_import;
use super::constant::{ConstStruct, byte_slice, private_constant, struct_slice, u32_slice};
use super::entry::{emit_array_entry, emit_host_entry};
use super::open_import::{OpenImports, open_callback};
use super::undefined::emit_undefined_stub;
use super::{Binding, EmitSettings, Role};
use crate::env::ModuleEnv;
use crate::env::layout::Word;
use crate::error::Result;
use crate::options::BoundsChecks;
use crate::wasm::{
    DataIndex, ElementIndex, ElementItems, ExternType, FuncIndex, GlobalIndex, GlobalType, Import, Limits,
    MemoryIndex, Module, Refinement, TableIndex, TableType, TypeIndex,
};
use w2n_abi::{
    ABI_VERSION, DataSegmentDescriptor, ElementSegmentDescriptor, ExportDescriptor, ExternDescriptor,
    ExternKind, FLAG_SOFTWARE_BOUNDS, FUNC_TYPE_SEPARATOR, FuncRefDescriptor, FuncTypeDescriptor,
    ImportDescriptor, MemoryDescriptor, ModuleDescriptor, NO_MAXIMUM, NONE, REF_FUNC_TYPE_SHIFT,
    REF_NON_NULL, Slice, TableDescriptor, symbol,
};

/// A pointer to the first element, and how many there are.
type ConstSlice<'c> = (PointerValue<'c>, u64);

/// Emits the descriptor and everything it points to.
pub fn emit_descriptor<'c>(
    env: &ModuleEnv<'c, '_>,
    settings: &EmitSettings<'_>,
    initialize: FunctionValue<'c>,
) -> Result<GlobalValue<'c>> {
    type Descriptor = ModuleDescriptor<Word>;
    let module = env.module;
    let flags = match env.options.bounds_checks {
        BoundsChecks::Guard => 0,
        BoundsChecks::Software => FLAG_SOFTWARE_BOUNDS,
    };
    let api = env.llvm.add_global(env.types.i8, None, symbol::API);
    api.set_visibility(GlobalVisibility::Hidden);
    let value = ConstStruct::new(env, size_of::<Descriptor>())
        .u32(offset_of!(Descriptor, abi_version), ABI_VERSION)
        .u32(offset_of!(Descriptor, flags), flags)
        .pointer(offset_of!(Descriptor, api), api.as_pointer_value())
        .pointer(offset_of!(Descriptor, wasi), wasi_api(env, settings))
        .slice(offset_of!(Descriptor, name), byte_slice(env, "name", module.name.as_bytes()))
        .u32(offset_of!(Descriptor, instance_size), env.layout.size_bytes())
        .u32(offset_of!(Descriptor, type_ids_offset), env.layout.type_ids())
        .slice(offset_of!(Descriptor, types), func_types(env)?)
        .slice(offset_of!(Descriptor, imports), imports(env, settings)?)
        .slice(offset_of!(Descriptor, exports), exports(env))
        .slice(offset_of!(Descriptor, func_refs), func_refs(env))
        .slice(offset_of!(Descriptor, tables), tables(env))
        .slice(offset_of!(Descriptor, memories), memories(env))
        .slice(offset_of!(Descriptor, data_segments), data_segments(env))
        .slice(offset_of!(Descriptor, element_segments), element_segments(env))
        .pointer(offset_of!(Descriptor, initialize), initialize.as_global_value().as_pointer_value())
        .slice(offset_of!(Descriptor, func_names), func_names(env))
        .pointer(offset_of!(Descriptor, pc_map), pc_map(env))
        .finish();
    let descriptor = env.llvm.add_global(value.get_type(), None, &env.symbols.descriptor());
    descriptor.set_initializer(&value);
    descriptor.set_constant(true);
    descriptor.set_alignment(align_of::<Descriptor>() as u32);
    match settings.role {
        Role::Main(_) | Role::Library => descriptor.set_visibility(GlobalVisibility::Hidden),
        Role::Plugin if settings.is_only_module => emit_alias(env, descriptor),
        Role::Plugin => {}
    }
    Ok(descriptor)
}

/// What the host of a plugin makes WASI contexts with; null where there is no use for any.
fn wasi_api<'c>(env: &ModuleEnv<'c, '_>, settings: &EmitSettings<'_>) -> PointerValue<'c> {
    if !matches!(settings.role, Role::Plugin) || !settings.bindings.contains(&Binding::Wasi) {
        return env.types.ptr.const_null();
    }
    let api = env.llvm.add_global(env.types.i8, None, symbol::WASI_API);
    api.set_visibility(GlobalVisibility::Hidden);
    api.as_pointer_value()
}

/// The name under which a plugin with one module can be found without knowing the module's.
fn emit_alias<'c>(env: &ModuleEnv<'c, '_>, descriptor: GlobalValue<'c>) {
    use inkwell::types::AnyType;
    use inkwell::values::AsValueRef;
    let name = std::ffi::CString::new(symbol::MODULE).unwrap_or_default();
    // SAFETY: the alias is made in the module that owns `descriptor`, with its type; LLVM copies the name.
    unsafe {
        use inkwell::types::AsTypeRef;
        llvm_sys::core::LLVMAddAlias2(
            env.llvm.as_mut_ptr(),
            descriptor.get_value_type().as_any_type_enum().as_type_ref(),
            0,
            descriptor.as_value_ref(),
            name.as_ptr(),
        );
    }
}

fn func_types<'c>(env: &ModuleEnv<'c, '_>) -> Result<ConstSlice<'c>> {
    type Descriptor = FuncTypeDescriptor<Word>;
    // A host calls functions that can be referenced, and is called as an import. Types of neither kind need
    // no adapters, of which a module may have any number.
    let of_funcs = |is_imported: bool| -> BTreeSet<TypeIndex> {
        let funcs = env.layout.func_refs().filter(|(func, _)| env.module.is_imported(*func) == is_imported);
        funcs.map(|(func, _)| env.module.funcs[func.index()].ty).collect()
    };
    let (imported, called_by_hosts) = (of_funcs(true), of_funcs(false));
    let mut elements = Vec::new();
    for (number, (ty, identity)) in env.module.types.iter().zip(&env.module.identities).enumerate() {
        let codes = |types: &[w2n_abi::ValueType]| types.iter().map(|ty| *ty as u8).collect::<Vec<_>>();
        let encoding = [codes(&ty.params), vec![FUNC_TYPE_SEPARATOR], codes(&ty.results)].concat();
        let index = TypeIndex(number as u32);
        let array_entry = match called_by_hosts.contains(&index) {
            true => emit_array_entry(env, ty, number)?.as_global_value().as_pointer_value(),
            false => env.types.ptr.const_null(),
        };
        let host_entry = match imported.contains(&index) {
            true => emit_host_entry(env, ty, number)?.as_global_value().as_pointer_value(),
            false => env.types.ptr.const_null(),
        };
        elements.push(
            ConstStruct::new(env, size_of::<Descriptor>())
                .slice(offset_of!(Descriptor, encoding), byte_slice(env, "type", &encoding))
                .slice(offset_of!(Descriptor, identity), byte_slice(env, "identity", &identity.bytes))
                .u32(offset_of!(Descriptor, group_len), identity.group_len)
                .pointer(offset_of!(Descriptor, array_entry), array_entry)
                .pointer(offset_of!(Descriptor, host_entry), host_entry)
                .finish(),
        );
    }
    Ok(struct_slice(env, "types", &elements))
}

/// Which external kind, which type number, flags and limits.
fn extern_type<'c>(env: &ModuleEnv<'c, '_>, ty: &ExternType, offset: u32) -> StructValue<'c> {
    type Descriptor = ExternDescriptor;
    let no_limits = Limits { min: 0, max: None };
    let ref_type = match ty {
        ExternType::Table(TableType { refinement, .. })
        | ExternType::Global(GlobalType { refinement, .. }) => ref_type_word(*refinement),
        ExternType::Func(_) | ExternType::Memory(_) => 0,
    };
    let (kind, number, flags, limits) = match ty {
        ExternType::Func(ty) => (ExternKind::Func, ty.0, 0, no_limits),
        ExternType::Table(ty) => (ExternKind::Table, ty.element as u32, ty.address.flags(), ty.limits),
        ExternType::Memory(ty) => (ExternKind::Memory, ty.page_size_log2, ty.address.flags(), ty.limits),
        ExternType::Global(ty) => (ExternKind::Global, ty.value as u32, u32::from(ty.mutable), no_limits),
    };
    ConstStruct::new(env, size_of::<Descriptor>())
        .u32(offset_of!(Descriptor, kind), kind as u32)
        .u32(offset_of!(Descriptor, ty), number)
        .u32(offset_of!(Descriptor, flags), flags)
        .u32(offset_of!(Descriptor, offset), offset)
        .u64(offset_of!(Descriptor, min), limits.min)
        .u64(offset_of!(Descriptor, max), limits.max.unwrap_or(NO_MAXIMUM))
        .u32(offset_of!(Descriptor, ref_type), ref_type)
        .finish()
}

fn ref_type_word(refinement: Refinement) -> u32 {
    let func_type = refinement.func_type.map_or(0, |ty| 1 + ty.0);
    let nullability = if refinement.non_null { REF_NON_NULL } else { 0 };
    func_type << REF_FUNC_TYPE_SHIFT | nullability
}

/// Where the thing with this type and index is in an instance.
fn extern_offset(env: &ModuleEnv<'_, '_>, ty: &ExternType, index: u32) -> u32 {
    match ty {
        ExternType::Func(_) => env.layout.func_ref(FuncIndex(index)),
        ExternType::Table(_) => env.layout.table(TableIndex(index)),
        ExternType::Memory(_) => env.layout.memory(MemoryIndex(index)),
        ExternType::Global(_) => env.layout.global(GlobalIndex(index)),
    }
}

fn imports<'c>(env: &ModuleEnv<'c, '_>, settings: &EmitSettings<'_>) -> Result<ConstSlice<'c>> {
    type Descriptor = ImportDescriptor<Word>;
    let mut next_index = [0u32; 4];
    let mut elements = Vec::new();
    for (position, (import, binding)) in env.module.imports.iter().zip(settings.bindings).enumerate() {
        let kind = match import.ty {
            ExternType::Func(_) => ExternKind::Func,
            ExternType::Table(_) => ExternKind::Table,
            ExternType::Memory(_) => ExternKind::Memory,
            ExternType::Global(_) => ExternKind::Global,
        };
        let index = next_index[kind as usize];
        next_index[kind as usize] += 1;
        let linked = match (settings.open_imports, binding, kind) {
            (OpenImports::OfLink, Binding::Host, ExternKind::Func) => open_callback(env, position),
            _ => linked_callback(env, env.module, import, binding)?,
        };
        let ty = extern_type(env, &import.ty, extern_offset(env, &import.ty, index));
        elements.push(
            ConstStruct::new(env, size_of::<Descriptor>())
                .slice(offset_of!(Descriptor, module), byte_slice(env, "import", import.module.as_bytes()))
                .slice(offset_of!(Descriptor, name), byte_slice(env, "import", import.name.as_bytes()))
                .nested(offset_of!(Descriptor, ty), size_of::<ExternDescriptor>(), ty)
                .pointer(offset_of!(Descriptor, linked), linked)
                .finish(),
        );
    }
    Ok(struct_slice(env, "imports", &elements))
}

/// The callback that is linked in for an import of `module`. The driver has checked that there is the
/// function.
pub(super) fn linked_callback<'c>(
    env: &ModuleEnv<'c, '_>,
    module: &Module<'_>,
    import: &Import<'_>,
    binding: &Binding,
) -> Result<PointerValue<'c>> {
    Ok(match (binding, &import.ty) {
        (Binding::Wasi, _) => wasi_callback(env, import),
        (Binding::C(symbol), ExternType::Func(ty)) => {
            let adaptor = emit_c_import(env, symbol, &module.types[ty.index()])?;
            adaptor.as_global_value().as_pointer_value()
        }
        (Binding::Undefined, _) => emit_undefined_stub(env, import)?,
        (Binding::C(_) | Binding::Host | Binding::Export { .. }, _) => env.types.ptr.const_null(),
    })
}

/// What libwasirt defines for a WASI function.
fn wasi_callback<'c>(env: &ModuleEnv<'c, '_>, import: &Import<'_>) -> PointerValue<'c> {
    let prefix = w2n_abi::wasi_symbol_prefix(import.module, import.name).unwrap_or_default();
    let symbol = format!("{prefix}{}", import.name);
    let callback =
        env.llvm.get_global(&symbol).unwrap_or_else(|| env.llvm.add_global(env.types.i8, None, &symbol));
    callback.set_visibility(GlobalVisibility::Hidden);
    callback.as_pointer_value()
}

fn exports<'c>(env: &ModuleEnv<'c, '_>) -> ConstSlice<'c> {
    type Descriptor = ExportDescriptor<Word>;
    let elements: Vec<_> = env
        .module
        .exports
        .iter()
        .map(|export| {
            let is_indirect = matches!(export.ty, ExternType::Global(_))
                && env.module.is_global_imported(GlobalIndex(export.index));
            let ty = extern_type(env, &export.ty, extern_offset(env, &export.ty, export.index));
            ConstStruct::new(env, size_of::<Descriptor>())
                .slice(offset_of!(Descriptor, name), byte_slice(env, "export", export.name.as_bytes()))
                .nested(offset_of!(Descriptor, ty), size_of::<ExternDescriptor>(), ty)
                .u32(offset_of!(Descriptor, index), export.index)
                .u32(offset_of!(Descriptor, indirect), is_indirect.into())
                .finish()
        })
        .collect();
    struct_slice(env, "exports", &elements)
}

fn func_refs<'c>(env: &ModuleEnv<'c, '_>) -> ConstSlice<'c> {
    type Descriptor = FuncRefDescriptor<Word>;
    let elements: Vec<_> = env
        .layout
        .func_refs()
        .filter(|(func, _)| !env.module.is_imported(*func))
        .map(|(func, offset)| {
            let tail_code = match env.module.makes_tail_calls(func) {
                false => env.types.ptr.const_null(),
                true => env.tail_form(func).as_global_value().as_pointer_value(),
            };
            ConstStruct::new(env, size_of::<Descriptor>())
                .pointer(offset_of!(Descriptor, code), env.func(func).as_global_value().as_pointer_value())
                .pointer(offset_of!(Descriptor, tail_code), tail_code)
                .u32(offset_of!(Descriptor, ty), env.module.funcs[func.index()].ty.0)
                .u32(offset_of!(Descriptor, offset), offset)
                .finish()
        })
        .collect();
    struct_slice(env, "func_refs", &elements)
}

fn tables<'c>(env: &ModuleEnv<'c, '_>) -> ConstSlice<'c> {
    const _: () = assert!(size_of::<TableDescriptor>() == size_of::<ExternDescriptor>());
    let defined = env.module.tables.iter().enumerate().skip(env.module.imported_table_count as usize);
    let elements: Vec<_> = defined
        .map(|(number, ty)| {
            extern_type(env, &ExternType::Table(*ty), env.layout.table(TableIndex(number as u32)))
        })
        .collect();
    struct_slice(env, "tables", &elements)
}

fn memories<'c>(env: &ModuleEnv<'c, '_>) -> ConstSlice<'c> {
    const _: () = assert!(size_of::<MemoryDescriptor>() == size_of::<ExternDescriptor>());
    let defined = env.module.memories.iter().enumerate().skip(env.module.imported_memory_count as usize);
    let elements: Vec<_> = defined
        .map(|(number, ty)| {
            extern_type(env, &ExternType::Memory(*ty), env.layout.memory(MemoryIndex(number as u32)))
        })
        .collect();
    struct_slice(env, "memories", &elements)
}

fn data_segments<'c>(env: &ModuleEnv<'c, '_>) -> ConstSlice<'c> {
    type Descriptor = DataSegmentDescriptor<Word>;
    let elements: Vec<_> = env
        .module
        .data
        .iter()
        .enumerate()
        .map(|(number, segment)| {
            ConstStruct::new(env, size_of::<Descriptor>())
                .slice(offset_of!(Descriptor, bytes), byte_slice(env, "data", segment.bytes))
                .u32(offset_of!(Descriptor, offset), env.layout.data_segment(DataIndex(number as u32)))
                .finish()
        })
        .collect();
    struct_slice(env, "data_segments", &elements)
}

fn element_segments<'c>(env: &ModuleEnv<'c, '_>) -> ConstSlice<'c> {
    type Descriptor = ElementSegmentDescriptor<Word>;
    let elements: Vec<_> = env
        .module
        .elements
        .iter()
        .enumerate()
        .map(|(number, segment)| {
            let offsets = match &segment.items {
                ElementItems::Funcs(funcs) => {
                    let offset =
                        |func: &Option<FuncIndex>| func.map_or(NONE, |func| env.layout.func_ref(func));
                    u32_slice(env, "elements", &funcs.iter().map(offset).collect::<Vec<_>>())
                }
                ElementItems::Exprs(exprs) => (env.types.ptr.const_null(), exprs.len() as u64),
            };
            ConstStruct::new(env, size_of::<Descriptor>())
                .slice(offset_of!(Descriptor, func_ref_offsets), offsets)
                .u32(offset_of!(Descriptor, offset), env.layout.element_segment(ElementIndex(number as u32)))
                .finish()
        })
        .collect();
    struct_slice(env, "element_segments", &elements)
}

/// All names in one string, with a slice into it per function.
fn func_names<'c>(env: &ModuleEnv<'c, '_>) -> ConstSlice<'c> {
    let names: Vec<_> = (0..env.module.funcs.len() as u32)
        .map(|func| env.module.func_name(FuncIndex(func)).unwrap_or(""))
        .collect();
    if names.iter().all(|name| name.is_empty()) {
        return (env.types.ptr.const_null(), 0);
    }
    let text: BasicValueEnum = env.context.const_string(names.concat().as_bytes(), false).into();
    let text = private_constant(env, "func_name_text", text, 1).as_pointer_value();
    let mut start = 0;
    let elements: Vec<_> = names
        .iter()
        .map(|name| {
            let offset = env.types.i64.const_int(start, false);
            start += name.len() as u64;
            // SAFETY: the offset is inside the text, which is the concatenation of the names.
            let pointer = unsafe { text.const_gep(env.types.i8, &[offset]) };
            ConstStruct::new(env, size_of::<Slice<Word>>()).slice(0, (pointer, name.len() as u64)).finish()
        })
        .collect();
    struct_slice(env, "func_names", &elements)
}

/// The back end may add the map, or may not; the reference is null if not.
fn pc_map<'c>(env: &ModuleEnv<'c, '_>) -> PointerValue<'c> {
    let map = env.llvm.add_global(env.types.i8, None, &env.symbols.pc_map());
    map.set_linkage(Linkage::ExternalWeak);
    map.set_visibility(GlobalVisibility::Hidden);
    map.as_pointer_value()
}
