//! `main` of an executable, and what it tells the runtime. See `rt/abi/src/start.rs`.

use inkwell::GlobalVisibility;
use inkwell::context::Context;
use inkwell::module::{Linkage, Module as LlvmModule};
use inkwell::targets::TargetMachine;
use inkwell::values::{BasicMetadataValueEnum, GlobalValue, PointerValue, StructValue};
use std::mem::{offset_of, size_of};

use super::constant::{ConstStruct, byte_slice, private_constant, struct_slice};
use super::descriptor::linked_callback;
use super::{Binding, MainSymbol, Program, ProgramModule};
use crate::env::ModuleEnv;
use crate::env::layout::Word;
use crate::env::module_env::{EnvSettings, Part};
use crate::env::symbol::Symbols;
use crate::error::{CompileError, Result};
use crate::options::{CodeOptions, DebugInfo, PackedDir, Policy};
use crate::wasm::Module;
use w2n_abi::{
    ARCHIVE_ALIGN, DirGrant, EmbeddedDir, EnvGrant, ImportSource, Limits, LinkedModule, NONE, Slice,
    StartInfo, symbol,
};

/// An LLVM module with nothing but what starts a program some of whose modules are compiled already.
pub fn emit_start_unit<'c>(
    context: &'c Context,
    program: &Program<'_>,
    code: &CodeOptions,
    machine: &TargetMachine,
) -> Result<LlvmModule<'c>> {
    // There is no Wasm code in it.
    let (module, options) = (Module::default(), CodeOptions { debug_info: DebugInfo::None, ..code.clone() });
    let settings = EnvSettings { module: &module, options: &options, prefix: "start", part: Part::Whole };
    let env = ModuleEnv::new(context, "start", settings, machine);
    emit_main(&env, program, None)?;
    Ok(env.llvm)
}

/// Emits `int main(int argc, char **argv)`, which hands over to the runtime. `descriptor` is that of the main
/// module, if it is in the same unit.
pub fn emit_main<'c>(
    env: &ModuleEnv<'c, '_>,
    program: &Program<'_>,
    descriptor: Option<GlobalValue<'c>>,
) -> Result<()> {
    let info = emit_start_info(env, program, descriptor)?;
    let types = &env.types;
    let start_type = types.i32.fn_type(&[types.i32.into(), types.ptr.into(), types.ptr.into()], false);
    let start = env.llvm.add_function(symbol::START, start_type, None);
    let main =
        env.llvm.add_function("main", types.i32.fn_type(&[types.i32.into(), types.ptr.into()], false), None);
    let builder = env.context.create_builder();
    builder.position_at_end(env.context.append_basic_block(main, "entry"));
    let params = main.get_params();
    let arguments: [BasicMetadataValueEnum; 3] = [params[0].into(), params[1].into(), info.into()];
    let status = builder.build_call(start, &arguments, "status")?.try_as_basic_value().unwrap_basic();
    builder.build_return(Some(&status))?;
    if program.main_symbol == MainSymbol::Replaceable {
        main.set_linkage(Linkage::WeakAny);
    }
    Ok(())
}

fn emit_start_info<'c>(
    env: &ModuleEnv<'c, '_>,
    program: &Program<'_>,
    descriptor: Option<GlobalValue<'c>>,
) -> Result<PointerValue<'c>> {
    let policy = program.policy;
    type Info = StartInfo<Word>;
    let main = program.modules[program.main.index()].module;
    let entry = match main.entry_point(program.entry) {
        Some(entry) => byte_slice(env, "entry", entry.name.as_bytes()),
        None if program.entry.is_none() && main.is_start_alone() => (env.types.ptr.const_null(), 0),
        None => return Err(CompileError::internal("an executable without an entry point got this far")),
    };
    let value = ConstStruct::new(env, size_of::<Info>())
        .slice(offset_of!(Info, modules), modules(env, program, descriptor)?)
        .pointer(offset_of!(Info, wasi_init), wasi_init(env, program))
        .slice(offset_of!(Info, entry), entry)
        .slice(offset_of!(Info, dirs), dir_grants(env, policy))
        .slice(offset_of!(Info, env), env_grants(env, policy))
        .slice(offset_of!(Info, listeners), listeners(env, policy))
        .slice(offset_of!(Info, embedded), embedded_dirs(env, program.embedded))
        .nested(offset_of!(Info, limits), size_of::<Limits>(), limits(env, &policy.limits))
        .u32(offset_of!(Info, policy), policy.word as u32)
        .u32(offset_of!(Info, main), program.main.0)
        .u32(offset_of!(Info, allow_escapes), policy.allow_escapes.into())
        .finish();
    Ok(private_constant(env, "start_info", value.into(), align_of::<Info>() as u32).as_pointer_value())
}

/// All modules; `descriptor` is that of the main module, if it was just made.
fn modules<'c>(
    env: &ModuleEnv<'c, '_>,
    program: &Program<'_>,
    descriptor: Option<GlobalValue<'c>>,
) -> Result<(PointerValue<'c>, u64)> {
    type Linked = LinkedModule<Word>;
    let elements: Vec<_> = program
        .modules
        .iter()
        .enumerate()
        .map(|(position, module)| {
            let is_main = position == program.main.index();
            let descriptor = descriptor.filter(|_| is_main);
            let descriptor = descriptor.unwrap_or_else(|| foreign_descriptor(env, module.prefix));
            Ok(ConstStruct::new(env, size_of::<Linked>())
                .pointer(offset_of!(Linked, module), descriptor.as_pointer_value())
                .slice(offset_of!(Linked, sources), import_sources(env, module)?)
                .finish())
        })
        .collect::<Result<_>>()?;
    Ok(struct_slice(env, "modules", &elements))
}

/// The descriptor of another module of the executable, by its name.
fn foreign_descriptor<'c>(env: &ModuleEnv<'c, '_>, prefix: &str) -> GlobalValue<'c> {
    let descriptor = env.llvm.add_global(env.types.i8, None, &Symbols::new(prefix).descriptor());
    descriptor.set_visibility(GlobalVisibility::Hidden);
    descriptor
}

fn import_sources<'c>(
    env: &ModuleEnv<'c, '_>,
    module: &ProgramModule<'_>,
) -> Result<(PointerValue<'c>, u64)> {
    type Source = ImportSource<Word>;
    let elements: Vec<_> = module
        .module
        .imports
        .iter()
        .zip(module.bindings)
        .map(|(import, binding)| {
            // What is compiled now has the callback in its descriptor.
            let callback = match module.is_compiled {
                true => linked_callback(env, module.module, import, binding)?,
                false => env.types.ptr.const_null(),
            };
            let (module, export) = match binding {
                Binding::Export { module, export } => (module.0, export.0),
                Binding::Host | Binding::Wasi | Binding::C(_) | Binding::Undefined => (NONE, NONE),
            };
            Ok(ConstStruct::new(env, size_of::<Source>())
                .u32(offset_of!(Source, module), module)
                .u32(offset_of!(Source, export), export)
                .pointer(offset_of!(Source, callback), callback)
                .finish())
        })
        .collect::<Result<_>>()?;
    Ok(struct_slice(env, "import_sources", &elements))
}

/// Only a program that imports from WASI pulls it in.
fn wasi_init<'c>(env: &ModuleEnv<'c, '_>, program: &Program<'_>) -> PointerValue<'c> {
    if !program.uses_wasi() {
        return env.types.ptr.const_null();
    }
    let init = env.llvm.add_global(env.types.i8, None, symbol::WASI_INIT);
    init.set_visibility(GlobalVisibility::Hidden);
    init.as_pointer_value()
}

fn embedded_dirs<'c>(env: &ModuleEnv<'c, '_>, dirs: &[PackedDir]) -> (PointerValue<'c>, u64) {
    type Dir = EmbeddedDir<Word>;
    let dirs: Vec<_> = dirs
        .iter()
        .map(|dir| {
            let archive = env.context.const_string(&dir.archive, false);
            let archive = private_constant(env, "embedded", archive.into(), ARCHIVE_ALIGN);
            ConstStruct::new(env, size_of::<Dir>())
                .slice(offset_of!(Dir, guest), byte_slice(env, "embedded", dir.guest.as_bytes()))
                .slice(offset_of!(Dir, archive), (archive.as_pointer_value(), dir.archive.len() as u64))
                .finish()
        })
        .collect();
    struct_slice(env, "embedded_dirs", &dirs)
}

fn listeners<'c>(env: &ModuleEnv<'c, '_>, policy: &Policy) -> (PointerValue<'c>, u64) {
    let addresses: Vec<_> = policy
        .listeners
        .iter()
        .map(|address| {
            ConstStruct::new(env, size_of::<Slice<Word>>())
                .slice(0, byte_slice(env, "listener", address.as_bytes()))
                .finish()
        })
        .collect();
    struct_slice(env, "listeners", &addresses)
}

fn limits<'c>(env: &ModuleEnv<'c, '_>, limits: &Limits) -> StructValue<'c> {
    ConstStruct::new(env, size_of::<Limits>())
        .u64(offset_of!(Limits, memory_bytes), limits.memory_bytes)
        .u64(offset_of!(Limits, stack_bytes), limits.stack_bytes)
        .u64(offset_of!(Limits, descriptors), limits.descriptors)
        .u64(offset_of!(Limits, time_ns), limits.time_ns)
        .finish()
}

fn dir_grants<'c>(env: &ModuleEnv<'c, '_>, policy: &Policy) -> (PointerValue<'c>, u64) {
    type Grant = DirGrant<Word>;
    let grants: Vec<_> = policy
        .dirs
        .iter()
        .map(|dir| {
            ConstStruct::new(env, size_of::<Grant>())
                .slice(offset_of!(Grant, host), byte_slice(env, "dir", dir.host.as_bytes()))
                .slice(offset_of!(Grant, guest), byte_slice(env, "dir", dir.guest.as_bytes()))
                .u32(offset_of!(Grant, read_only), dir.read_only.into())
                .finish()
        })
        .collect();
    struct_slice(env, "dirs", &grants)
}

fn env_grants<'c>(env: &ModuleEnv<'c, '_>, policy: &Policy) -> (PointerValue<'c>, u64) {
    type Grant = EnvGrant<Word>;
    let grants: Vec<_> = policy
        .env
        .iter()
        .map(|grant| {
            let value = grant.value.as_deref().unwrap_or("");
            ConstStruct::new(env, size_of::<Grant>())
                .slice(offset_of!(Grant, key), byte_slice(env, "env", grant.key.as_bytes()))
                .slice(offset_of!(Grant, value), byte_slice(env, "env", value.as_bytes()))
                .u32(offset_of!(Grant, inherit), grant.value.is_none().into())
                .finish()
        })
        .collect();
    struct_slice(env, "env", &grants)
}
